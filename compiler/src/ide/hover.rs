//! What is the word under the pointer?

use align_grammar::ast::{Block as Body, Span};
use align_plan::{Node, Plan};
use align_schema::BlockKind;

use super::index::{What, block};
use super::{Analysis, prose};
use crate::diag::FileId;
use crate::hir::{DefId, Kind};

/// What is said, and of which piece of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// The word.
    pub span: Span,
    /// Markdown.
    pub text: String,
    /// The name of the definition, where it is a node of the plan: what a run knows of it goes with it.
    pub node: Option<String>,
}

/// What is said of the word at a byte.
pub fn hover(analysis: &Analysis, file: FileId, offset: u32) -> Option<Hover> {
    let mention = analysis.mention(file, offset)?;
    let mut node = None;
    let text = match mention.what {
        What::Def(id) => {
            let def = analysis.def(id);
            node = def.kind.is_node().then(|| def.name.text.clone());
            definition(analysis, id)
        }
        What::Builtin(b) => prose::builtin(b),
        What::Opens(b) => prose::block(b),
        What::Field(b, f) => {
            let mut text = prose::field(b, f);
            if let Some(more) = effective(analysis, file, offset, f.name) {
                text.push_str(&format!("\n\n{more}"));
            }
            text
        }
        What::Argument(b, p) => prose::argument(b.name, p),
        What::Event(e) => prose::event(e),
        What::EventArgument(e, p) => prose::argument(e.name, p),
        What::Metric(m) => prose::metric(m),
        What::Unit(u) => prose::unit(u),
        What::Task(t) => prose::task(t),
        What::Port => port(analysis.sources.slice(file, mention.span)).to_owned(),
        What::Word | What::File => return None,
    };
    Some(Hover {
        span: mention.span,
        text,
        node,
    })
}

fn port(word: &str) -> &'static str {
    match word {
        "best" => "The checkpoint with the best value of the stage's metric.",
        "last" => "The newest checkpoint.",
        _ => "The checkpoint of a step: `stage.at(1k steps)`.",
    }
}

/// A definition: its head, the comment above it, the fields that it leaves to their defaults.
pub(super) fn definition(analysis: &Analysis, id: DefId) -> String {
    let def = analysis.def(id);
    let text = analysis.text(def.at.file);
    let start = match &def.kind {
        Kind::Std(builtin) => return prose::builtin(builtin),
        Kind::Poison => return format!("`{}` does not parse", def.name.text),
        Kind::Formal(_) => def.name.span.start as usize,
        _ => line_start(text, def.name.span.start as usize),
    };
    let head = match &def.kind {
        Kind::Formal(f) | Kind::Let(f) | Kind::Param(f) => {
            let end = f.value.as_ref().map_or(def.name.span.end, |v| v.span.end);
            let end = f.ty.as_ref().map_or(end, |t| end.max(t.span.end));
            text.get(start..end as usize)
                .unwrap_or("")
                .trim()
                .to_owned()
        }
        _ => prose::head(text, start),
    };
    let mut out = format!("```align\n{head}\n```");
    let said = prose::above(text, start);
    if !said.is_empty() {
        out.push_str(&format!("\n\n{said}"));
    }
    if let Some(rest) = defaults(&def.kind) {
        out.push_str(&format!("\n\nBy default {rest}."));
    }
    if def.at.file != super::MAIN {
        out.push_str(&format!("\n\n*in {}*", analysis.sources.path(def.at.file)));
    }
    out
}

fn line_start(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or("");
    let line = before.rfind('\n').map_or(0, |n| n + 1);
    line + text
        .get(line..)
        .map_or(0, |l| l.len() - l.trim_start_matches([' ', '\t']).len())
}

/// The block of a definition, with its kind.
fn block_of(kind: &Kind) -> Option<(BlockKind, &Body)> {
    Some(match kind {
        Kind::Dataset(b) => (BlockKind::Dataset, b),
        Kind::Model(b) => (BlockKind::Model, b),
        Kind::Stage(b) => (BlockKind::Stage, b),
        Kind::Sequence(b) => (BlockKind::Sequence, b),
        Kind::Cascade(b) => (BlockKind::Cascade, b),
        Kind::Sweep(b) => (BlockKind::Sweep, b),
        _ => return None,
    })
}

/// Fields that a block leaves to their defaults: `` `batch = 32`, `clip_norm = 1.0` ``.
fn defaults(kind: &Kind) -> Option<String> {
    let (kind, body) = block_of(kind)?;
    let left = super::hints::left_out(block(kind), body);
    let said: Vec<String> = left.iter().map(|(n, v)| format!("`{n} = {v}`")).collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// The value of a field in the plan, with the line that says so, where the lanes agree.
fn effective(analysis: &Analysis, file: FileId, offset: u32, field: &str) -> Option<String> {
    let plan = analysis.plan.as_ref()?;
    let name = around(analysis, file, offset)?;
    let nodes = nodes_of(plan, &name);
    let first = nodes.first()?;
    let found = first.fields.get(field)?;
    let mut values: Vec<String> = nodes
        .iter()
        .filter_map(|n| n.fields.get(field))
        .map(|f| f.value.to_string())
        .collect();
    values.sort();
    values.dedup();
    let place = format!("{}:{}", found.place.file, found.place.line);
    Some(match values.as_slice() {
        [only] => format!("Here: `{}` ({place})", short(only)),
        many => format!(
            "Here: {} values over the lanes, such as `{}` ({place})",
            many.len(),
            short(&many[0])
        ),
    })
}

fn short(text: &str) -> String {
    const MOST: usize = 120;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST).chain(" ..".chars()).collect()
}

/// Nodes that a name of the program became: one for each lane and round.
pub(super) fn nodes_of<'p>(plan: &'p Plan, name: &str) -> Vec<&'p Node> {
    plan.nodes.iter().filter(|n| n.name == name).collect()
}

/// The name of the definition whose item a byte stands in.
pub(super) fn around(analysis: &Analysis, file: FileId, offset: u32) -> Option<String> {
    let ast = analysis.ast(file)?;
    let inside = super::symbols::flat(ast);
    let mut found: Vec<_> = inside
        .into_iter()
        .filter(|s| s.whole.start <= offset && offset <= s.whole.end)
        .collect();
    found.sort_by_key(|s| s.whole.end - s.whole.start);
    found.first().map(|s| s.name.clone())
}
