//! What is worth showing in the text that is not written there?

use align_grammar::ast::{Block as Body, File, Item, ItemKind, StmtKind};
use align_schema::{Block, BlockKind};

use super::index::block;
use super::{Analysis, prose};
use crate::diag::FileId;

/// A text to show behind a byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Behind which byte.
    pub at: u32,
    /// The text.
    pub text: String,
    /// More, in Markdown.
    pub docs: String,
    /// The name of the node, where the hint is the place for what a run knows of it.
    pub node: Option<String>,
}

/// Fields that a block does not write and that have a default, with it.
pub(super) fn left_out(of: &'static Block, body: &Body) -> Vec<(&'static str, &'static str)> {
    let written = |name: &str| {
        body.body.iter().any(|s| match &s.kind {
            StmtKind::Field { path, .. } => path.parts.first().is_some_and(|p| p.text == name),
            _ => false,
        })
    };
    let all = of.fields.iter().filter(|f| !written(f.name));
    // What a derived dataset takes from its origin is not the default.
    let derived = of.kind == BlockKind::Dataset && body.from.is_some();
    // The fields of a diffusion model are none of a critic.
    let plain = of.kind == BlockKind::Model && !written("sampler");
    let inherits = |name: &str| derived || (plain && name != "ema");
    all.filter(|f| !inherits(f.name))
        .filter_map(|f| Some((f.name, f.default?)))
        .collect()
}

/// Editors cut what is longer, and not between two fields.
const WIDEST: usize = 40;

/// As many as there is room for, the first that fit; what is too long for any room is left to the tooltip.
fn short(said: &[String]) -> String {
    const REST: &str = ", …";
    let mut out = String::new();
    let mut left = 0;
    for one in said {
        let lead = if out.is_empty() { "" } else { ", " };
        let width = out.chars().count() + lead.len() + one.chars().count() + REST.chars().count();
        if width > WIDEST {
            left += 1;
            continue;
        }
        out.push_str(lead);
        out.push_str(one);
    }
    match (out.is_empty(), left) {
        (true, 1) => "1 default".to_owned(),
        (true, n) => format!("{n} defaults"),
        (false, 0) => out,
        (false, _) => out + REST,
    }
}

/// The hints of a file: defaults behind the `{` of each block, and a place behind each stage's head for what a run knows.
pub fn hints(analysis: &Analysis, file: FileId) -> Vec<Hint> {
    let mut out = Vec::new();
    if let Some(ast) = analysis.ast(file) {
        for item in all(ast) {
            one(analysis, file, item, &mut out);
        }
    }
    out
}

/// Items of a file and of its pipelines.
pub(super) fn all(ast: &File) -> impl Iterator<Item = &Item> {
    ast.items.iter().flat_map(|item| {
        let inner = match &item.kind {
            ItemKind::Pipeline(p) => p.items.as_slice(),
            _ => &[],
        };
        std::iter::once(item).chain(inner)
    })
}

/// The block of an item, with its kind.
pub(super) fn body(item: &Item) -> Option<(BlockKind, &Body)> {
    Some(match &item.kind {
        ItemKind::Dataset(b) => (BlockKind::Dataset, b),
        ItemKind::Model(b) => (BlockKind::Model, b),
        ItemKind::Stage(b) => (BlockKind::Stage, b),
        ItemKind::Sequence(b) => (BlockKind::Sequence, b),
        ItemKind::Cascade(b) => (BlockKind::Cascade, b),
        ItemKind::Sweep(b) => (BlockKind::Sweep, b),
        ItemKind::Report(b) => (BlockKind::Report, b),
        _ => return None,
    })
}

fn one(analysis: &Analysis, file: FileId, item: &Item, out: &mut Vec<Hint>) {
    let Some((kind, body)) = body(item) else {
        return;
    };
    let open = body.body_span.start + 1;
    let text = analysis.text(file);
    // Behind a `{` that ends its line only: in a line there is no room.
    let rest = text.get(open as usize..).unwrap_or("");
    let ends = rest
        .trim_start_matches([' ', '\t'])
        .starts_with(['\n', '\r']);
    if !ends || body.body_span.end <= open {
        return;
    }
    let of = block(kind);
    let left = left_out(of, body);
    if !left.is_empty() {
        let said: Vec<String> = left.iter().map(|(n, v)| format!("{n} = {v}")).collect();
        let docs: Vec<String> = left
            .iter()
            .filter_map(|(n, _)| of.field(n))
            .map(|f| format!("- `{}`", prose::declared(f)))
            .collect();
        out.push(Hint {
            at: open,
            text: short(&said),
            docs: format!("Left to their defaults:\n\n{}", docs.join("\n")),
            node: None,
        });
    }
    let node = matches!(
        kind,
        BlockKind::Dataset | BlockKind::Stage | BlockKind::Sequence | BlockKind::Cascade
    );
    if let Some(name) = body.name.as_ref().filter(|_| node) {
        out.push(Hint {
            at: open,
            text: String::new(),
            docs: String::new(),
            node: Some(name.text.clone()),
        });
    }
}

/// A place above an item for what can be done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lens {
    /// First byte of the item.
    pub at: u32,
    /// The stage, sequence or cascade; none for a pipeline, a sweep or the file.
    pub node: Option<String>,
}

/// Where commands stand above the text: what can be run.
pub fn lenses(analysis: &Analysis, file: FileId) -> Vec<Lens> {
    let Some(ast) = analysis.ast(file) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    let runs = |kind: &ItemKind| {
        matches!(
            kind,
            ItemKind::Pipeline(_)
                | ItemKind::Sweep(_)
                | ItemKind::Stage(_)
                | ItemKind::Sequence(_)
                | ItemKind::Cascade(_)
        )
    };
    // A file without a pipeline is run as a whole all the same.
    let whole = |kind: &ItemKind| matches!(kind, ItemKind::Pipeline(_) | ItemKind::Sweep(_));
    let first = ast.items.iter().find(|i| runs(&i.kind));
    if let Some(first) = first.filter(|_| !ast.items.iter().any(|i| whole(&i.kind))) {
        out.push(Lens {
            at: first.word.start,
            node: None,
        });
    }
    for item in all(ast).filter(|i| runs(&i.kind)) {
        let node = match body(item) {
            Some((BlockKind::Sweep, _)) | None => None,
            Some((_, b)) => b.name.as_ref().map(|n| n.text.clone()),
        };
        out.push(Lens {
            at: item.word.start,
            node,
        });
    }
    out
}
