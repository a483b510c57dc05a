//! What can be done about the text at hand: repairs of what is wrong, and changes that keep its meaning.

use align_grammar::ast::{Expr, ExprKind, File, Item, ItemKind, Span, Stmt, StmtKind};
use align_schema::Builtin;

use super::edits::Change;
use super::hints::{all, body};
use super::index::block;
use super::{Analysis, snippets};
use crate::diag::fix::chosen;
use crate::diag::{Diagnostic, Edit, FileId, Fix};

/// What kind of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// It repairs a diagnostic.
    Repairs,
    /// It takes something out and gives it a name.
    Extracts,
    /// It writes what is there unsaid.
    Rewrites,
}

/// One thing to do.
#[derive(Clone, Debug)]
pub struct Action {
    /// What it does, for people.
    pub title: String,
    /// What kind.
    pub does: Does,
    /// Changes by file.
    pub changes: Vec<(FileId, Change)>,
    /// The diagnostic that it repairs, as its place in the list.
    pub repairs: Option<usize>,
    /// Whether it is the one that is meant.
    pub preferred: bool,
}

/// Everything that can be done at a range of a file.
pub fn actions(analysis: &Analysis, file: FileId, range: Span) -> Vec<Action> {
    let mut out = Vec::new();
    for (at, d) in analysis.diagnostics.iter().enumerate() {
        if d.file == file && d.span.start <= range.end && range.start <= d.span.end {
            out.extend(d.fix.as_ref().map(|fix| repair(fix, at)));
            out.extend(allow(analysis, d, at));
        }
    }
    if let Some(ast) = analysis.ast(file) {
        for item in all(ast).filter(|i| within(range, i.span)) {
            out.extend(missing(analysis, file, item));
            out.extend(defaults(analysis, file, item));
            out.extend(policy(analysis, file, ast, item, range));
            if range.start < range.end {
                out.extend(value(analysis, file, item, range));
            }
        }
    }
    out
}

/// Every repair of a file that is safe, as one.
pub fn repair_all(analysis: &Analysis, file: FileId) -> Option<Action> {
    let all = &analysis.diagnostics;
    let own = |at: usize| all.get(at).is_some_and(|d| d.file == file);
    let (taken, _) = chosen(&analysis.sources, all, false, own);
    let changes: Vec<(FileId, Change)> = taken.into_iter().map(edit).collect();
    (changes.len() > 1).then(|| Action {
        title: "repair all that is safe to repair".to_owned(),
        does: Does::Repairs,
        changes,
        repairs: None,
        preferred: false,
    })
}

fn within(range: Span, whole: Span) -> bool {
    whole.start <= range.start && range.end <= whole.end
}

fn edit(edit: &Edit) -> (FileId, Change) {
    let change = Change {
        span: edit.span,
        text: edit.text.clone(),
    };
    (edit.file, change)
}

fn repair(fix: &Fix, at: usize) -> Action {
    Action {
        title: if fix.safe {
            fix.title.clone()
        } else {
            format!("{} (a guess)", fix.title)
        },
        does: Does::Repairs,
        changes: fix.edits.iter().map(edit).collect(),
        repairs: Some(at),
        preferred: fix.safe,
    }
}

/// Silences a rule of `align lint` on the line of its finding.
fn allow(analysis: &Analysis, d: &Diagnostic, at: usize) -> Option<Action> {
    crate::lint::rule(d.code)?;
    let source = analysis.sources.get(d.file)?;
    let line = source.place(d.span.start).line;
    let start = source.line_start(line)?;
    let text = source.line(line);
    let indent = &text[..text.len() - text.trim_start().len()];
    Some(Action {
        title: format!("allow `{}` here", d.code),
        does: Does::Repairs,
        changes: vec![(
            d.file,
            Change {
                span: Span::new(start, start),
                text: format!("{indent}// align: allow({}) why it is meant\n", d.code),
            },
        )],
        repairs: Some(at),
        preferred: false,
    })
}

/// Where fields are added to a body: behind its last statement, or behind its `{`; with what stands before each.
fn room(analysis: &Analysis, file: FileId, item: &Item) -> Option<(u32, String, bool)> {
    let (_, b) = body(item)?;
    let text = analysis.text(file);
    let inner = text.get(b.body_span.start as usize..b.body_span.end as usize)?;
    let lines = inner.contains('\n');
    let line = text
        .get(..item.word.start as usize)?
        .rfind('\n')
        .map_or(0, |n| n + 1);
    let indent: String = text
        .get(line..)?
        .chars()
        .take_while(|c| *c == ' ')
        .collect();
    let fields = b
        .body
        .iter()
        .filter(|s| matches!(s.kind, StmtKind::Field { .. }));
    let at = fields
        .map(|s| s.span.end)
        .max()
        .unwrap_or(b.body_span.start + 1);
    Some((at, format!("{indent}    "), lines || b.body.is_empty()))
}

fn insertion(
    analysis: &Analysis,
    file: FileId,
    item: &Item,
    fields: &[(&str, String)],
) -> Option<Change> {
    let (at, indent, lines) = room(analysis, file, item)?;
    let (_, b) = body(item)?;
    let mut text = String::new();
    for (name, value) in fields {
        let lead = if lines {
            format!("\n{indent}")
        } else if at == b.body_span.start + 1 {
            " ".to_owned()
        } else {
            ", ".to_owned()
        };
        text.push_str(&format!("{lead}{name} = {value}"));
    }
    // `{}`: its bracket goes on a line of its own.
    let empty = analysis.sources.slice(file, b.body_span);
    if b.body.is_empty() && !empty.contains('\n') {
        text.push_str(&format!("\n{}", indent.strip_suffix("    ").unwrap_or("")));
    }
    Some(Change {
        span: Span { start: at, end: at },
        text,
    })
}

/// Writes the fields that a block needs and lacks.
fn missing(analysis: &Analysis, file: FileId, item: &Item) -> Option<Action> {
    let (kind, b) = body(item)?;
    let of = block(kind);
    let written = |name: &str| {
        b.body.iter().any(|s| matches!(&s.kind, StmtKind::Field { path, .. } if path.parts.first().is_some_and(|p| p.text == name)))
    };
    let mut fields: Vec<(&str, String)> = of
        .fields
        .iter()
        .filter(|f| f.required && !written(f.name))
        .map(|f| (f.name, example(f.ty)))
        .collect();
    if kind == align_schema::BlockKind::Dataset && b.from.is_none() && !written("source") {
        fields.push((
            "source",
            "collect(\"maze2d-umaze-v1\", by: waypoint, episodes: 100)".to_owned(),
        ));
    }
    // What draws samples needs to know how; a critic draws none.
    let net = b.body.iter().find_map(|s| match &s.kind {
        StmtKind::Field { path, value } if path.is("net") => Some(value),
        _ => None,
    });
    let draws = net.is_none_or(|net| match &net.kind {
        ExprKind::Call { callee, .. } => {
            matches!(&callee.kind, ExprKind::Ref(n) if is_drawn(&n.text))
        }
        ExprKind::Ref(n) => is_drawn(&n.text),
        _ => false,
    });
    if kind == align_schema::BlockKind::Model && draws && !written("sampler") {
        fields.push(("sampler", "ddim()".to_owned()));
    }
    // A stage stops by its budget where no rule stops it.
    let stops = b.body.iter().any(|s| matches!(s.kind, StmtKind::Until(_)));
    if kind == align_schema::BlockKind::Stage && !written("budget") && !stops {
        fields.push(("budget", "10k steps".to_owned()));
    }
    if fields.is_empty() {
        return None;
    }
    let names: Vec<String> = fields.iter().map(|(n, _)| format!("`{n}`")).collect();
    Some(Action {
        title: format!("add {}", names.join(", ")),
        does: Does::Repairs,
        changes: vec![(file, insertion(analysis, file, item, &fields)?)],
        repairs: None,
        preferred: false,
    })
}

/// Whether a network makes samples.
fn is_drawn(net: &str) -> bool {
    use align_schema::{Group, Role};
    align_stdlib::builtin(Group::Net, net)
        .is_some_and(|b| !matches!(b.role, Role::Critic | Role::Inverse))
}

/// A value to begin with for a field that has no default.
fn example(ty: align_schema::Ty) -> String {
    use align_schema::{Group, Ty};
    match ty {
        Ty::Call(Group::Net) => "temporal_unet()".to_owned(),
        Ty::Call(Group::Loss) => "denoise()".to_owned(),
        Ty::Call(group) => {
            let free = |b: &&Builtin| b.group == group && b.params.iter().all(|p| !p.required);
            let found = align_stdlib::builtins()
                .find(free)
                .or_else(|| align_stdlib::builtins().find(|b| b.group == group));
            found.map_or(String::new(), |b| snippets::call(b).replace("$0", ""))
        }
        Ty::Quantity(dims) => dims
            .first()
            .map_or("1".to_owned(), |d| format!("2 {}", d.unit_name())),
        _ => "1".to_owned(),
    }
}

/// Writes the defaults of a block out.
fn defaults(analysis: &Analysis, file: FileId, item: &Item) -> Option<Action> {
    let (kind, b) = body(item)?;
    let left = super::hints::left_out(block(kind), b);
    if left.is_empty() {
        return None;
    }
    let fields: Vec<(&str, String)> = left.iter().map(|(n, v)| (*n, (*v).to_owned())).collect();
    Some(Action {
        title: "write the defaults out".to_owned(),
        does: Does::Rewrites,
        changes: vec![(file, insertion(analysis, file, item, &fields)?)],
        repairs: None,
        preferred: false,
    })
}

/// A name of the program that nobody has.
fn free(analysis: &Analysis, base: &str) -> String {
    let taken = |name: &str| analysis.program.iter().any(|(_, d)| d.name.text == name);
    if !taken(base) {
        return base.to_owned();
    }
    let numbered = (2..=u32::MAX).map(|n| format!("{base}{n}"));
    numbered.into_iter().find(|n| !taken(n)).unwrap_or_default()
}

/// Takes the arms of `on failure { .. }` out as a policy.
fn policy(
    analysis: &Analysis,
    file: FileId,
    ast: &File,
    item: &Item,
    range: Span,
) -> Option<Action> {
    let (_, b) = body(item)?;
    let stmt = b.body.iter().find(|s| within(range, s.span) && matches!(&s.kind, StmtKind::On { event, arms, .. } if event.text == "failure" && !arms.is_empty()))?;
    let text = analysis.sources.slice(file, stmt.span);
    let open = text.find('{')?;
    let arms = text.get(open..)?;
    // A policy stands in the file, not in a pipeline.
    let top = ast.items.iter().find(|i| within(item.span, i.span))?;
    let name = free(analysis, "on_failure");
    let start = first_line(analysis, file, top.span.start);
    let indent = indent_of(analysis, file, stmt.span.start);
    let moved: Vec<&str> = arms
        .lines()
        .map(|l| l.strip_prefix(indent.as_str()).unwrap_or(l))
        .collect();
    Some(Action {
        title: "take these arms out as a policy".to_owned(),
        does: Does::Extracts,
        changes: vec![
            (
                file,
                insert(start, format!("policy {name} {}\n\n", moved.join("\n"))),
            ),
            (
                file,
                Change {
                    span: stmt.span,
                    text: format!("on failure => {name}"),
                },
            ),
        ],
        repairs: None,
        preferred: false,
    })
}

fn insert(at: u32, text: String) -> Change {
    Change {
        span: Span { start: at, end: at },
        text,
    }
}

/// The first byte of the item with the comment lines above it.
fn first_line(analysis: &Analysis, file: FileId, start: u32) -> u32 {
    let text = analysis.text(file);
    let mut at = text
        .get(..start as usize)
        .and_then(|t| t.rfind('\n'))
        .map_or(0, |n| n + 1);
    while at > 0 {
        let before = text
            .get(..at - 1)
            .and_then(|t| t.rfind('\n'))
            .map_or(0, |n| n + 1);
        if !text
            .get(before..at)
            .is_some_and(|l| l.trim_start().starts_with("//"))
        {
            break;
        }
        at = before;
    }
    at as u32
}

fn indent_of(analysis: &Analysis, file: FileId, at: u32) -> String {
    let text = analysis.text(file);
    let line = text
        .get(..at as usize)
        .and_then(|t| t.rfind('\n'))
        .map_or(0, |n| n + 1);
    text.get(line..)
        .unwrap_or("")
        .chars()
        .take_while(|c| *c == ' ' || *c == '\t')
        .collect()
}

/// Takes the selected value out as a `let` before its item.
fn value(analysis: &Analysis, file: FileId, item: &Item, range: Span) -> Option<Action> {
    // The innermost item is the one that holds the value.
    if matches!(item.kind, ItemKind::Pipeline(_)) {
        return None;
    }
    let text = analysis.text(file);
    let selected = text.get(range.start as usize..range.end as usize)?;
    let trimmed = Span::new(
        range.start as usize + (selected.len() - selected.trim_start().len()),
        range.start as usize + selected.trim_end().len(),
    );
    let (_, b) = body(item)?;
    let found = b.body.iter().find_map(|s| in_statement(s, trimmed))?;
    let plain = !matches!(
        found.kind,
        ExprKind::Ref(_) | ExprKind::Error | ExprKind::Member { .. }
    );
    if !plain {
        return None;
    }
    let name = free(analysis, "value");
    let start = first_line(analysis, file, item.span.start);
    let indent = indent_of(analysis, file, item.word.start);
    let written = analysis.sources.slice(file, trimmed);
    Some(Action {
        title: format!("take it out as `let {name}`"),
        does: Does::Extracts,
        changes: vec![
            (
                file,
                insert(start, format!("{indent}let {name} = {written}\n")),
            ),
            (
                file,
                Change {
                    span: trimmed,
                    text: name,
                },
            ),
        ],
        repairs: None,
        preferred: false,
    })
}

/// The expression of a statement that stands at exactly this place.
fn in_statement(stmt: &Stmt, span: Span) -> Option<&Expr> {
    match &stmt.kind {
        StmtKind::Field { value, .. } => in_expr(value, span),
        StmtKind::Until(e) | StmtKind::Expect(e) => in_expr(e, span),
        StmtKind::Axis { values, .. } => in_expr(values, span),
        StmtKind::On { action, arms, .. } => {
            let all = action.iter().chain(arms.iter().map(|a| &a.action));
            all.into_iter().find_map(|e| in_expr(e, span))
        }
        StmtKind::Eval { every, body } => {
            let here = every.as_ref().and_then(|e| in_expr(e, span));
            here.or_else(|| body.iter().find_map(|s| in_statement(s, span)))
        }
        StmtKind::Checkpoint { every, body } => {
            in_expr(every, span).or_else(|| body.iter().find_map(|s| in_statement(s, span)))
        }
        StmtKind::Without(_) => None,
    }
}

fn in_expr(e: &Expr, span: Span) -> Option<&Expr> {
    if e.span == span {
        return Some(e);
    }
    if !within(span, e.span) {
        return None;
    }
    match &e.kind {
        ExprKind::List(items) => items.iter().find_map(|i| in_expr(i, span)),
        ExprKind::Record(entries) => entries.iter().find_map(|(_, v)| in_expr(v, span)),
        ExprKind::Member { base, .. } => in_expr(base, span),
        ExprKind::Call { args, .. } => args.iter().find_map(|a| in_expr(&a.value, span)),
        ExprKind::Index { base, index } => in_expr(base, span).or_else(|| in_expr(index, span)),
        ExprKind::Unary { operand, .. } => in_expr(operand, span),
        ExprKind::Binary { left, right, .. } => {
            in_expr(left, span).or_else(|| in_expr(right, span))
        }
        _ => None,
    }
}
