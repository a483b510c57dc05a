//! Does an expression fit the type that its place wants, and what canonical value is it?

use align_grammar::ast::{Expr, ExprKind, Name, Span};
use align_schema::{Bounds, Group, Ty, Value};

use super::number::{Folded, units};
use super::{Bound, Checker, Edges, Let, Spot};
use crate::diag::Diagnostic;
use crate::hir::{At, Kind, ScopeId};
use crate::suggest::{near, one_of, suggested};

/// What a message calls a group.
pub fn group_word(group: Group) -> &'static str {
    match group {
        Group::Source => "a data source",
        Group::Filter => "a filter",
        Group::Preference => "a preference",
        Group::Net => "a network",
        Group::Guidance => "a guidance",
        Group::Adapter => "an adapter",
        Group::Relabel => "a change of rewards",
        Group::Search => "a search",
        Group::Sampler => "a sampler",
        Group::Loss => "a loss",
        Group::Optimiser => "an optimiser",
        Group::Schedule => "a schedule",
        Group::StopRule => "a stop rule",
        Group::Action => "a failure action",
        Group::Keep => "a rule of what is kept",
        Group::Join => "a join",
        Group::Pick => "a pick",
        Group::Env => "an environment",
        Group::Statistic => "a statistic",
        Group::Prune => "a pruning rule",
    }
}

/// What a message says that a type wants.
pub fn wanted(ty: Ty) -> String {
    match ty {
        Ty::Int => "a whole number".into(),
        Ty::Float => "a number".into(),
        Ty::Bool => "`true` or `false`".into(),
        Ty::Str => "a text in quotes".into(),
        Ty::Quantity(dims) => format!("a number of {}", units(dims)),
        Ty::Amount(dims) => format!("a number, plain or of {}", units(dims)),
        Ty::QuantityOrBudget(dims) => format!("a number of {} or `budget`", units(dims)),
        Ty::Enum(words) => one_of(words),
        Ty::List(_) => "a list".into(),
        Ty::Call(group) => group_word(group).into(),
        Ty::RecordOf(_) => "a record of fields, such as `{ batch: 0.5 }`".into(),
        Ty::Checkpoint | Ty::CriticOf(_) => "a checkpoint, such as `stage.best`".into(),
        Ty::Metric => "a metric".into(),
        Ty::Condition => "a condition".into(),
        Ty::Budget => "a budget, such as `10k steps or 40 min`".into(),
        Ty::Filter => "a filter, such as `score >= percentile(90%)`".into(),
        Ty::Task => "a task in quotes".into(),
        Ty::Dataset(_) => "a dataset".into(),
        Ty::Split => "a split, such as `{ train: 90%, valid: 10% } by episode`".into(),
        Ty::CheckpointOr(words) => format!("{} or a checkpoint", one_of(words)),
        Ty::Target => "`best`, `last` or a checkpoint".into(),
    }
}

/// What a message calls a value.
fn found(value: &Value) -> String {
    match value {
        Value::Bool(_) => "`true` or `false`".into(),
        Value::Str(_) => "a text".into(),
        Value::List(_) => "a list".into(),
        Value::Record(_) => "a record".into(),
        Value::Call(c) => format!("a call of `{}`", c.name),
        other => format!("`{other}`"),
    }
}

impl Checker<'_> {
    /// Whether something in an expression has failed already, or is unknown in this check.
    pub(super) fn is_poison(&self, at: At, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Ref(name) => {
                let Some(id) = self.program.lookup(at.scope, &name.text) else {
                    return false;
                };
                match &self.program.def(id).kind {
                    Kind::Poison => true,
                    Kind::Let(_) => !matches!(self.lets.get(&id), Some(Let::Value(_) | Let::Alias)),
                    Kind::Param(_) | Kind::Formal(_) => {
                        !matches!(self.bound.get(&id), Some(Bound::Known(_)))
                    }
                    _ => self.order.circular.contains(&id),
                }
            }
            ExprKind::Member { base, .. } | ExprKind::Index { base, .. } => {
                self.is_poison(at, base)
            }
            ExprKind::Error => true,
            _ => false,
        }
    }

    /// What a message calls an expression; `None` when it is poison.  Says so itself when a name is unknown.
    pub(super) fn describe(&mut self, at: At, expr: &Expr) -> Option<String> {
        if self.is_poison(at, expr) {
            return None;
        }
        Some(match &expr.kind {
            ExprKind::Number { unit: None, .. } => "a plain number".into(),
            ExprKind::Number { .. } => format!("`{}`", self.sources.slice(at.file, expr.span)),
            ExprKind::Str(_) => "a text".into(),
            ExprKind::Error => return None,
            ExprKind::Bool(b) => format!("`{b}`"),
            ExprKind::List(_) => "a list".into(),
            ExprKind::Record(_) => "a record".into(),
            ExprKind::Ref(name) => match self.program.lookup(at.scope, &name.text) {
                Some(id) => match &self.program.def(id).kind {
                    Kind::Param(_) | Kind::Formal(_) => match self.bound.get(&id) {
                        Some(Bound::Known(v)) => found(v),
                        _ => return None,
                    },
                    kind => format!(
                        "{} `{}`",
                        kind.what()
                            .trim_start_matches("a ")
                            .trim_start_matches("an "),
                        name.text
                    ),
                },
                None => match align_stdlib::builtins().find(|b| b.name == name.text) {
                    Some(b) => format!("{} `{}`", group_word(b.group), b.name),
                    None => format!("the name `{}`", name.text),
                },
            },
            ExprKind::Call { callee, .. } => {
                format!("a call of `{}`", self.sources.slice(at.file, callee.span))
            }
            ExprKind::Member { .. } | ExprKind::Index { .. } => {
                format!("`{}`", self.sources.slice(at.file, expr.span))
            }
            ExprKind::Unary { .. } | ExprKind::Binary { .. } => "an expression".into(),
        })
    }

    /// A1001 for a bare name that means nothing here; `None` for one that does.
    pub(super) fn unknown_name(&mut self, at: At, name: &Name, among: &[&str], what: &str) {
        let message = format!("there is no {what} `{}`", name.text);
        self.unknown("A1001", at, name, message, among, None);
    }

    /// A1001, if an expression begins with a name that is defined nowhere.
    pub(super) fn undefined(&mut self, at: At, expr: &Expr, place: Option<(Ty, Spot)>) -> bool {
        let program = self.program;
        let Some(name) = root(expr) else {
            return false;
        };
        // No name means anything in the text of a `--set`.
        if at.scope == ScopeId(u32::MAX)
            || program.lookup(at.scope, &name.text).is_some()
            || align_stdlib::builtins().any(|b| b.name == name.text)
        {
            return false;
        }
        let mut words: Vec<&str> = program.names(at.scope, |_| true);
        if let Some((Ty::Call(group), _)) = place {
            words = align_stdlib::builtins()
                .filter(|b| b.group == group)
                .map(|b| b.name)
                .collect();
        }
        let message = format!("there is no `{}`", name.text);
        let fallback = place.map(|(ty, spot)| format!("`{}` wants {}", spot.name, wanted(ty)));
        self.unknown("A1001", at, name, message, &words, fallback);
        true
    }

    /// A2001.  A bare name that is defined nowhere is A1001 instead, and poison says nothing.
    pub(super) fn wrong_type(&mut self, at: At, expr: &Expr, ty: Ty, spot: Spot) {
        let program = self.program;
        let (at, expr) = program.unalias(at, expr);
        if self.reaches_itself(at, expr) {
            return;
        }
        if self.undefined(at, expr, Some((ty, spot))) {
            return;
        }
        // The text of a `--set` names nothing.
        let typed_in = at.scope == ScopeId(u32::MAX);
        let word = root(expr)
            .filter(|_| typed_in)
            .map(|n| format!("`{}`", n.text));
        let Some(found) = word.or_else(|| self.describe(at, expr)) else {
            return;
        };
        let mut error = Diagnostic::error(
            "A2001",
            at.file,
            expr.span,
            format!("`{}` wants {}, found {found}", spot.name, wanted(ty)),
        )
        .with_label("wrong type");
        if matches!(ty, Ty::Str | Ty::Task)
            && let ExprKind::Ref(name) = &expr.kind
        {
            error = error.with_help(format!("a text stands in quotes: `\"{}\"`", name.text));
        }
        self.report(error);
    }

    /// The canonical value of an expression in a place of type `ty`; `None` when it is wrong (and said so) or unknown.
    pub(super) fn value(
        &mut self,
        at: At,
        expr: &Expr,
        ty: Ty,
        bounds: Option<&Bounds>,
        spot: Spot,
        edges: &mut Edges,
    ) -> Option<Value> {
        match ty {
            Ty::Int | Ty::Float | Ty::Quantity(_) | Ty::Amount(_) => match self.fold(at, expr) {
                Folded::Num(num) => self.fit(at, expr.span, num, ty, bounds, spot),
                Folded::Poison => None,
                Folded::Other => {
                    self.wrong_type(at, expr, ty, spot);
                    None
                }
            },
            Ty::QuantityOrBudget(_) => {
                if matches!(&expr.kind, ExprKind::Ref(n) if n.text == "budget") {
                    return Some(Value::Name("budget".into()));
                }
                match self.fold(at, expr) {
                    Folded::Num(num) => self.fit(at, expr.span, num, ty, bounds, spot),
                    Folded::Poison => None,
                    Folded::Other => {
                        self.wrong_type(at, expr, ty, spot);
                        None
                    }
                }
            }
            Ty::Metric => self.metric_value(at, expr, spot),
            Ty::Call(group) => self.call_value(at, expr, group, spot, edges),
            Ty::Checkpoint => self.role_checkpoint(at, expr, &[], spot, edges),
            Ty::CriticOf(nets) => self.role_checkpoint(at, expr, nets, spot, edges),
            Ty::CheckpointOr(words) => {
                if let ExprKind::Ref(name) = &expr.kind
                    && words.contains(&name.text.as_str())
                {
                    return Some(Value::Name(name.text.clone()));
                }
                if let ExprKind::Ref(name) = &expr.kind
                    && self.program.lookup(at.scope, &name.text).is_none()
                {
                    self.enum_unknown(at, name, words, spot);
                    return None;
                }
                self.checkpoint(at, expr, spot, edges)
                    .map(|(value, _)| value)
            }
            Ty::Target => {
                if let ExprKind::Ref(name) = &expr.kind
                    && matches!(name.text.as_str(), "best" | "last")
                {
                    return Some(Value::Name(name.text.clone()));
                }
                self.checkpoint(at, expr, spot, edges)
                    .map(|(value, _)| value)
            }
            Ty::Split => self.split(at, expr, spot),
            Ty::Filter => self.filter(at, expr, spot, edges),
            Ty::List(of) => self.list(at, expr, *of, bounds, spot, edges),
            Ty::RecordOf(of) => self.record(at, expr, *of, spot, edges),
            Ty::Enum(words) => self.word(at, expr, words, spot),
            Ty::Bool | Ty::Str | Ty::Task => self.plain(at, expr, ty, spot),
            // Places of these types have rules of their own.
            Ty::Condition | Ty::Budget | Ty::Dataset(_) => None,
        }
    }

    fn list(
        &mut self,
        at: At,
        expr: &Expr,
        of: Ty,
        bounds: Option<&Bounds>,
        spot: Spot,
        edges: &mut Edges,
    ) -> Option<Value> {
        let program = self.program;
        let (at, expr) = program.unalias(at, expr);
        let ExprKind::List(items) = &expr.kind else {
            self.wrong_type(at, expr, Ty::List(&Ty::Float), spot);
            return None;
        };
        let mut out = Vec::with_capacity(items.len());
        let mut good = true;
        for item in items {
            match self.value(at, item, of, bounds, spot, edges) {
                Some(value) => out.push(value),
                None => good = false,
            }
        }
        good.then_some(Value::from(out))
    }

    fn record(
        &mut self,
        at: At,
        expr: &Expr,
        of: Ty,
        spot: Spot,
        edges: &mut Edges,
    ) -> Option<Value> {
        let program = self.program;
        let (at, expr) = program.unalias(at, expr);
        let ExprKind::Record(entries) = &expr.kind else {
            self.wrong_type(at, expr, Ty::RecordOf(&Ty::Float), spot);
            return None;
        };
        let mut out: Vec<(String, Value)> = Vec::with_capacity(entries.len());
        let mut good = true;
        for (key, value) in entries {
            let text = key.text();
            if out.iter().any(|(k, _)| *k == text) {
                self.error(
                    "A1005",
                    at,
                    key.span,
                    format!("`{text}` stands twice in this record"),
                );
                good = false;
                continue;
            }
            let inner = Spot {
                path: spot.path,
                name: &text,
            };
            match self.value(at, value, of, None, inner, edges) {
                Some(v) => out.push((text, v)),
                None => good = false,
            }
        }
        // The order in which a person writes a record's keys means nothing.
        out.sort_by(|a, b| a.0.cmp(&b.0));
        good.then_some(Value::from(out))
    }

    fn word(
        &mut self,
        at: At,
        expr: &Expr,
        words: &'static [&'static str],
        spot: Spot,
    ) -> Option<Value> {
        if let ExprKind::Ref(name) = &expr.kind
            && words.contains(&name.text.as_str())
        {
            return Some(Value::Name(name.text.clone()));
        }
        let program = self.program;
        let (at, expr) = program.unalias(at, expr);
        match &expr.kind {
            ExprKind::Ref(name) if words.contains(&name.text.as_str()) => {
                Some(Value::Name(name.text.clone()))
            }
            ExprKind::Ref(name) => {
                if !self.is_poison(at, expr) {
                    self.enum_unknown(at, name, words, spot);
                }
                None
            }
            ExprKind::Str(text) if words.contains(&text.as_str()) => {
                self.report(
                    Diagnostic::error(
                        "A2001",
                        at.file,
                        expr.span,
                        format!("`{}` wants a word, found a text", spot.name),
                    )
                    .with_label("in quotes")
                    .with_help(format!("write `{text}` without quotes"))
                    .with_replacement(expr.span, text.clone()),
                );
                None
            }
            _ => {
                self.wrong_type(at, expr, Ty::Enum(words), spot);
                None
            }
        }
    }

    fn enum_unknown(&mut self, at: At, name: &Name, words: &[&str], spot: Spot) {
        let error = Diagnostic::error(
            "A2013",
            at.file,
            name.span,
            format!("`{}` cannot be `{}`", spot.name, name.text),
        )
        .with_label(format!("wanted {}", one_of(words)));
        let near = near(&name.text, words.iter().copied());
        self.report(suggested(error, name.span, &near));
    }

    fn plain(&mut self, at: At, expr: &Expr, ty: Ty, spot: Spot) -> Option<Value> {
        let program = self.program;
        let (at, expr) = program.unalias(at, expr);
        let value = match &expr.kind {
            ExprKind::Bool(b) => Value::Bool(*b),
            ExprKind::Str(s) => Value::Str(s.clone()),
            ExprKind::Ref(name) if name.text == "on" && ty == Ty::Bool => Value::Bool(true),
            ExprKind::Ref(name) => {
                if self.is_poison(at, expr) {
                    return None;
                }
                match program
                    .lookup(at.scope, &name.text)
                    .and_then(|id| self.bound.get(&id))
                {
                    Some(Bound::Known(v)) => v.clone(),
                    _ => {
                        self.wrong_type(at, expr, ty, spot);
                        return None;
                    }
                }
            }
            _ => {
                self.wrong_type(at, expr, ty, spot);
                return None;
            }
        };
        match (ty, value) {
            (Ty::Bool, v @ Value::Bool(_)) | (Ty::Str, v @ Value::Str(_)) => Some(v),
            (Ty::Str, Value::Name(s)) => Some(Value::Str(s)),
            (Ty::Task, Value::Str(s) | Value::Name(s)) => self.task(at, expr.span, &s),
            _ => {
                self.wrong_type(at, expr, ty, spot);
                None
            }
        }
    }

    /// A task by its name.
    pub(super) fn task(&mut self, at: At, span: Span, name: &str) -> Option<Value> {
        if align_stdlib::envs::task(name).is_some() {
            return Some(Value::Name(name.to_owned()));
        }
        let mut error =
            Diagnostic::error("A7001", at.file, span, format!("there is no task `{name}`"))
                .with_label("not a known task");
        let names = align_stdlib::envs::TASKS.iter().map(|t| t.name);
        let near = near(name, names);
        if near.is_empty() {
            error = error.with_help(
                "tasks have D4RL's names, such as `maze2d-umaze-v1` or `hopper-medium-v2`",
            );
        } else {
            // The name stands in quotes.
            let quoted: Vec<String> = near.iter().map(|n| format!("\"{n}\"")).collect();
            error.help = crate::suggest::did_you_mean(&near);
            let literal = self.sources.slice(at.file, span).starts_with('"');
            if let ([only], true) = (quoted.as_slice(), literal) {
                error = error.with_replacement(span, only.clone());
            }
        }
        self.report(error);
        None
    }

    /// A value without a wanted type, as a `let` holds it: numbers, texts, flags, and lists and records of them.
    pub(super) fn synth(&mut self, at: At, expr: &Expr) -> Let {
        match self.fold(at, expr) {
            Folded::Num(n) => return Let::Value(n.value()),
            Folded::Poison => return Let::Poison,
            Folded::Other => {}
        }
        match &expr.kind {
            ExprKind::Str(s) => Let::Value(Value::Str(s.clone())),
            ExprKind::Bool(b) => Let::Value(Value::Bool(*b)),
            _ => Let::Alias,
        }
    }
}

/// The name at the left end of `a.b.c`.
pub(super) fn root(expr: &Expr) -> Option<&Name> {
    match &expr.kind {
        ExprKind::Ref(name) => Some(name),
        ExprKind::Member { base, .. } | ExprKind::Index { base, .. } => root(base),
        _ => None,
    }
}

/// The definition at the left end of `a.b.c`, behind names that stand for it.
pub(super) fn root_def(
    program: &crate::hir::Program,
    at: At,
    expr: &Expr,
) -> Option<crate::hir::DefId> {
    let (at, expr) = program.unalias(at, expr);
    let expr = match &expr.kind {
        ExprKind::Call { callee, .. } => callee,
        _ => expr,
    };
    program.lookup(at.scope, &root(expr)?.text)
}
