//! Sweeps: axes, exclusions, lanes.

use align_grammar::ast::{BinaryOp, Block, Expr, ExprKind, Name, StmtKind};
use align_plan::{Lane, Sweep};
use align_schema::{BlockKind, Bounds, Ty, Value};

use super::lane::show;
use super::metric::Scope;
use super::number::Folded;
use super::{Bound, Checker, Draft, Edges, Spot};
use crate::diag::Diagnostic;
use crate::hir::{At, Def, DefId, Kind, PipelineDef};
use crate::suggest::all_of;

/// An axis: the parameter and its values.
struct Axis {
    formal: DefId,
    name: Name,
    values: Vec<Value>,
}

/// Up to so many combinations are counted one by one, where `without` takes some away.
const COUNTED: f64 = 1e5;

impl Checker<'_> {
    /// The pipeline that a sweep instantiates.
    pub(super) fn swept(&mut self, id: DefId, block: &Block) -> Option<DefId> {
        let program = self.program;
        let def = program.def(id);
        let of = block.of.as_ref()?;
        let name = of.parts.first()?;
        let Some(target) = program.lookup(def.at.scope, &name.text) else {
            let words = program.names(def.at.scope, |k| matches!(k, Kind::Pipeline(_)));
            self.unknown_name(def.at, name, &words, "pipeline");
            return None;
        };
        let found = program.def(target);
        match &found.kind {
            Kind::Pipeline(_) if of.parts.len() == 1 => Some(target),
            Kind::Poison => None,
            kind => {
                self.report(
                    Diagnostic::error(
                        "A4007",
                        def.at.file,
                        of.span,
                        format!("a sweep is of a pipeline, found {}", kind.what()),
                    )
                    .with_label("not a pipeline")
                    .with_place(
                        found.at.file,
                        found.name.span,
                        format!("`{}` is defined here", found.name.text),
                    ),
                );
                None
            }
        }
    }

    /// What can be said of a sweep whose pipeline is wrong.
    pub(super) fn sweep_alone(&mut self, def: &Def, block: &Block) {
        self.sweep_fields(def, block);
        for stmt in &block.body {
            if let StmtKind::Axis { name, values } = &stmt.kind
                && let ExprKind::Binary {
                    op: BinaryOp::Range | BinaryOp::RangeInclusive,
                    left,
                    right,
                    ..
                } = &values.kind
            {
                self.whole(def.at, left, name);
                self.whole(def.at, right, name);
            }
        }
    }

    fn sweep_fields(&mut self, def: &Def, block: &Block) {
        let owner = format!("sweep `{}`", def.name.text);
        if let Some(schema) = align_stdlib::block(BlockKind::Sweep) {
            let before = std::mem::replace(&mut self.metrics, Scope::Any);
            let edges = &mut Edges::default();
            let given = self.fields(def.at, schema, &owner, &block.body, "", edges);
            self.metrics = before;
            if let Some(field) = given.get("parallel")
                && let Some(lanes) = field.value.as_ref().and_then(Value::number)
            {
                self.parallel.push((lanes as u64, def.at.file, field.span));
            }
            let says = |name: &str, is: bool| {
                let value = given.get(name).and_then(|g| g.value.as_ref());
                matches!(value, Some(Value::Bool(b)) if *b == is)
            };
            self.sweeps.push(Sweep {
                name: def.name.text.clone(),
                fail_fast: says("fail_fast", true) || says("keep_going", false),
                prune: given.get("prune").and_then(|g| g.value.clone()),
            });
        }
    }

    pub(super) fn sweep_lanes(
        &mut self,
        def: &Def,
        block: &Block,
        target: DefId,
        pipeline: &PipelineDef,
        out: &mut Vec<(Lane, Vec<Draft>)>,
    ) {
        let program = self.program;
        let owner = format!("sweep `{}`", def.name.text);
        self.sweep_fields(def, block);
        let axes = self.axes(def, block, pipeline);
        let mut good = axes.is_some();
        let axes = axes.unwrap_or_default();
        // Parameters without an axis keep their defaults.
        let mut fixed = Vec::new();
        for formal in &pipeline.formals {
            if axes.iter().any(|a| a.formal == *formal) {
                continue;
            }
            let name = &program.def(*formal).name;
            match self.formal(*formal) {
                Some(value) => fixed.push((name.text.clone(), value)),
                None if good && !given_default(program, *formal) => {
                    let of = program.def(target).name.text.clone();
                    self.report(
                        Diagnostic::error(
                            "A4006",
                            def.at.file,
                            def.name.span,
                            format!("{owner} gives `{}` of pipeline `{of}` no value", name.text),
                        )
                        .with_label(format!("`{}` is missing", name.text))
                        .with_place(program.def(*formal).at.file, name.span, "it has no default")
                        .with_help(format!("add an axis: `{} in [..]`", name.text)),
                    );
                    good = false;
                }
                None => good = false,
            }
        }
        let excluded = self.excluded(def, block, &axes);
        good = good && self.lanes_fit(def, &axes, &excluded);
        if !good {
            // The pipeline itself is still checked.
            for axis in &axes {
                if let Some(value) = axis.values.first() {
                    self.bound.insert(axis.formal, Bound::Known(value.clone()));
                }
            }
            let lane = super::lane::plain(&def.name.text, "");
            self.lane_of(lane, pipeline, true, &mut Vec::new());
            return;
        }
        let mut hits = vec![false; excluded.len()];
        let mut index = vec![0usize; axes.len()];
        loop {
            let values: Vec<(String, Value)> = axes
                .iter()
                .zip(&index)
                .filter_map(|(a, i)| Some((a.name.text.clone(), a.values.get(*i)?.clone())))
                .collect();
            let mut out_of = false;
            for ((rule, _), hit) in excluded.iter().zip(&mut hits) {
                if rule.iter().all(|r| values.contains(r)) {
                    *hit = true;
                    out_of = true;
                }
            }
            if !out_of {
                for (axis, (_, value)) in axes.iter().zip(&values) {
                    self.bound.insert(axis.formal, Bound::Known(value.clone()));
                }
                let shown: Vec<String> = values
                    .iter()
                    .map(|(n, v)| format!("{n}={}", show(v)))
                    .collect();
                let lane = Lane {
                    id: if shown.is_empty() {
                        def.name.text.clone()
                    } else {
                        format!("{}[{}]", def.name.text, shown.join(","))
                    },
                    pipeline: program.def(target).name.text.clone(),
                    sweep: Some(def.name.text.clone()),
                    axes: values.into_iter().chain(fixed.iter().cloned()).collect(),
                    seed: self.seed(pipeline),
                };
                self.lane_of(lane, pipeline, false, out);
            }
            if !step(&mut index, &axes) {
                break;
            }
        }
        for ((_, span), hit) in excluded.iter().zip(hits) {
            if !hit {
                self.report(
                    Diagnostic::warning("A6004", def.at.file, *span, "`without` matches no lane")
                        .with_label("nothing is left out by this"),
                );
            }
        }
    }

    /// A6006, without building a lane.
    fn lanes_fit(
        &mut self,
        def: &Def,
        axes: &[Axis],
        excluded: &[(Vec<(String, Value)>, align_grammar::ast::Span)],
    ) -> bool {
        let most = self.max_lanes as f64;
        let mut count: f64 = axes.iter().map(|a| a.values.len() as f64).product();
        if count > most && count <= COUNTED && !excluded.is_empty() {
            count = left_over(axes, excluded) as f64;
        }
        if count <= most {
            return true;
        }
        let sizes: Vec<String> = axes
            .iter()
            .map(|a| format!("{} of `{}`", a.values.len(), a.name.text))
            .collect();
        let mut error = self
            .too_many(def.at.file, def.name.span, count)
            .with_label(sizes.join(" × "));
        for axis in axes.iter().filter(|a| a.values.len() > 1) {
            let text = format!("{} values", axis.values.len());
            error = error.with_place(def.at.file, axis.name.span, text);
        }
        self.report(error);
        false
    }

    fn too_many(
        &self,
        file: crate::diag::FileId,
        span: align_grammar::ast::Span,
        count: f64,
    ) -> Diagnostic {
        Diagnostic::error(
            "A6006",
            file,
            span,
            format!("{count} lanes, and {} are allowed", self.max_lanes),
        )
        .with_help(format!(
            "take fewer values, or allow them: `--max-lanes {count}`"
        ))
    }

    fn axes(&mut self, def: &Def, block: &Block, pipeline: &PipelineDef) -> Option<Vec<Axis>> {
        let program = self.program;
        let mut out: Vec<Axis> = Vec::new();
        let mut good = true;
        for stmt in &block.body {
            let StmtKind::Axis { name, values } = &stmt.kind else {
                continue;
            };
            let formal = pipeline
                .formals
                .iter()
                .find(|id| program.def(**id).name.text == name.text);
            let Some(formal) = formal else {
                let words: Vec<&str> = pipeline
                    .formals
                    .iter()
                    .map(|id| program.def(*id).name.text.as_str())
                    .collect();
                let of = block
                    .of
                    .as_ref()
                    .map_or_else(String::new, align_grammar::ast::Path::text);
                let message = format!("`{}` is not a parameter of pipeline `{of}`", name.text);
                let help = if words.is_empty() {
                    "it has none".to_owned()
                } else {
                    format!("it has {}", all_of(&words))
                };
                self.unknown("A6003", def.at, name, message, &words, Some(help));
                good = false;
                continue;
            };
            if let Some(first) = out.iter().find(|a| a.formal == *formal) {
                let first = first.name.span;
                self.report(
                    Diagnostic::error(
                        "A1005",
                        def.at.file,
                        name.span,
                        format!("the axis `{}` stands twice", name.text),
                    )
                    .with_label("again here")
                    .with_place(def.at.file, first, "first here"),
                );
                good = false;
                continue;
            }
            match self.axis_values(def.at, name, values, *formal) {
                Some(values) => out.push(Axis {
                    formal: *formal,
                    name: name.clone(),
                    values,
                }),
                None => good = false,
            }
        }
        good.then_some(out)
    }

    fn axis_values(
        &mut self,
        at: At,
        name: &Name,
        values: &Expr,
        formal: DefId,
    ) -> Option<Vec<Value>> {
        let program = self.program;
        let Kind::Formal(declared) = &program.def(formal).kind else {
            return None;
        };
        // A parameter whose type could not be read says nothing about its values.
        declared.ty.as_ref()?;
        let formal_at = program.def(formal).at;
        let ty = declared
            .ty
            .as_ref()
            .and_then(|t| self.declared(formal_at, t));
        let seed = declared.ty.as_ref().is_some_and(|t| t.name.text == "Seed");
        let (at, values) = program.unalias(at, values);
        let mut out: Vec<Value> = Vec::new();
        match &values.kind {
            ExprKind::List(items) => {
                let mut good = true;
                for item in items {
                    let Some(value) = self.typed(at, item, ty, seed, &name.text) else {
                        if ty.is_none() && !self.is_poison(at, item) {
                            self.wrong_type(
                                at,
                                item,
                                Ty::Float,
                                Spot {
                                    path: "axis",
                                    name: &name.text,
                                },
                            );
                        }
                        good = false;
                        continue;
                    };
                    if out.contains(&value) {
                        self.report(
                            Diagnostic::warning(
                                "A6002",
                                at.file,
                                item.span,
                                format!("`{}` stands twice on this axis", show(&value)),
                            )
                            .with_label("the same lane again"),
                        );
                        continue;
                    }
                    out.push(value);
                }
                if !good {
                    return None;
                }
            }
            ExprKind::Binary {
                op: op @ (BinaryOp::Range | BinaryOp::RangeInclusive),
                left,
                right,
                ..
            } => {
                let (lo, hi) = (self.whole(at, left, name)?, self.whole(at, right, name)?);
                let end = if *op == BinaryOp::Range { hi - 1.0 } else { hi };
                if end - lo + 1.0 > (self.max_lanes as f64).max(COUNTED) {
                    let error = self.too_many(at.file, values.span, end - lo + 1.0);
                    self.report(error.with_label(format!("the axis `{}` alone", name.text)));
                    return None;
                }
                let mut x = lo;
                while x <= end {
                    out.push(match ty {
                        Some(Ty::Float) => Value::Float(x),
                        _ => Value::Int(x as i64),
                    });
                    x += 1.0;
                }
                if let Some(Ty::Task | Ty::Str | Ty::Bool) = ty {
                    self.wrong_type(
                        at,
                        left,
                        ty?,
                        Spot {
                            path: "axis",
                            name: &name.text,
                        },
                    );
                    return None;
                }
            }
            _ => {
                if let Some(found) = self.describe(at, values) {
                    self.report(
                        Diagnostic::error(
                            "A2001",
                            at.file,
                            values.span,
                            format!("an axis wants a list or a range, found {found}"),
                        )
                        .with_label("wrong type")
                        .with_help("such as `[1, 2]` or `0..<5`"),
                    );
                }
                return None;
            }
        }
        if out.is_empty() {
            self.report(
                Diagnostic::error(
                    "A6001",
                    at.file,
                    values.span,
                    format!("the axis `{}` has no value", name.text),
                )
                .with_label("no lane comes out of this"),
            );
            return None;
        }
        Some(out)
    }

    fn whole(&mut self, at: At, expr: &Expr, name: &Name) -> Option<f64> {
        let spot = Spot {
            path: "axis",
            name: &name.text,
        };
        match self.fold(at, expr) {
            Folded::Num(num) => {
                let bounds = Bounds::closed(-9e15, 9e15);
                self.fit(at, expr.span, num, Ty::Int, Some(&bounds), spot)?
                    .number()
            }
            Folded::Poison => None,
            Folded::Other => {
                self.wrong_type(at, expr, Ty::Int, spot);
                None
            }
        }
    }

    /// `without { task: .., seed: .. }`.
    fn excluded(
        &mut self,
        def: &Def,
        block: &Block,
        axes: &[Axis],
    ) -> Vec<(Vec<(String, Value)>, align_grammar::ast::Span)> {
        let program = self.program;
        let mut out = Vec::new();
        for stmt in &block.body {
            let StmtKind::Without(expr) = &stmt.kind else {
                continue;
            };
            let ExprKind::Record(entries) = &expr.kind else {
                continue;
            };
            let mut rule = Vec::new();
            let mut good = !entries.is_empty();
            for (key, value) in entries {
                let text = key.text();
                let Some(axis) = axes.iter().find(|a| a.name.text == text) else {
                    good = false;
                    if axis_names(block).len() != axes.len() {
                        // An axis itself is wrong, and said to be.
                        continue;
                    }
                    let words: Vec<&str> = axes.iter().map(|a| a.name.text.as_str()).collect();
                    let name = Name {
                        text: text.clone(),
                        span: key.span,
                    };
                    let message = format!("`{text}` is no axis of this sweep");
                    let help = format!("its axes are {}", all_of(&words));
                    self.unknown("A6005", def.at, &name, message, &words, Some(help));
                    continue;
                };
                let Kind::Formal(declared) = &program.def(axis.formal).kind else {
                    continue;
                };
                let at = program.def(axis.formal).at;
                let ty = declared.ty.as_ref().and_then(|t| self.declared(at, t));
                match self.typed(def.at, value, ty, false, &text) {
                    Some(v) => rule.push((text, v)),
                    None => good = false,
                }
            }
            if entries.is_empty() {
                self.error("A6005", def.at, expr.span, "`without` names no axis");
            }
            if good {
                out.push((rule, expr.span));
            }
        }
        out
    }
}

/// Whether a parameter has a default, right or wrong.
fn given_default(program: &crate::hir::Program, formal: DefId) -> bool {
    matches!(&program.def(formal).kind, Kind::Formal(f) if f.value.is_some())
}

/// How many combinations no rule leaves out.
fn left_over(
    axes: &[Axis],
    excluded: &[(Vec<(String, Value)>, align_grammar::ast::Span)],
) -> usize {
    // Each rule as the index that it names on each axis.
    let rules: Vec<Vec<Option<usize>>> = excluded
        .iter()
        .map(|(rule, _)| {
            let named = |a: &Axis| {
                let (_, value) = rule.iter().find(|(n, _)| *n == a.name.text)?;
                Some(
                    a.values
                        .iter()
                        .position(|v| v == value)
                        .unwrap_or(usize::MAX),
                )
            };
            axes.iter().map(named).collect()
        })
        .collect();
    let mut index = vec![0usize; axes.len()];
    let mut count = 0;
    loop {
        let out = |rule: &Vec<Option<usize>>| {
            rule.iter()
                .zip(&index)
                .all(|(named, at)| named.is_none_or(|n| n == *at))
        };
        count += usize::from(!rules.iter().any(out));
        if !step(&mut index, axes) {
            return count;
        }
    }
}

/// The next combination, the last axis fastest.
fn step(index: &mut [usize], axes: &[Axis]) -> bool {
    for (i, axis) in index.iter_mut().zip(axes).rev() {
        *i += 1;
        if *i < axis.values.len() {
            return true;
        }
        *i = 0;
    }
    false
}

/// Names of the axes as they are written, right or wrong.
pub(super) fn axis_names(block: &Block) -> Vec<&str> {
    block
        .body
        .iter()
        .filter_map(|stmt| match &stmt.kind {
            StmtKind::Axis { name, .. } => Some(name.text.as_str()),
            _ => None,
        })
        .collect()
}
