//! What does an editor want to know of a program?  Answers as plain data, in bytes of files; no protocol, no input or output.
//!
//! One file a question.  All of them look at an [`Analysis`]: a program as it was checked, with the words of its files and what each
//! stands for.

pub mod actions;
pub mod complete;
mod context;
pub mod edits;
pub mod fold;
pub mod hints;
pub mod hover;
mod index;
pub mod links;
pub mod navigate;
mod proposal;
pub mod prose;
pub mod signature;
mod snippets;
pub mod symbols;
pub mod tokens;
mod wanted;

#[cfg(test)]
mod tests;

use std::cell::OnceCell;

use align_grammar::ast::{File, Span};
use align_plan::Plan;
use rustc_hash::FxHashMap;

use crate::check::Metrics;
use crate::diag::{Diagnostic, FileId, Sources};
use crate::hir::{Def, DefId, Program};
use crate::{Options, World, examine, lint};

pub use index::{Mention, What};

/// The metrics of each stage, sequence and cascade that is right.
pub(crate) type MetricsOf = FxHashMap<DefId, Metrics>;

/// A program as an editor sees it: checked, and with an index of its words.
#[derive(Debug)]
pub struct Analysis {
    /// Every file that was read, the main file first.
    pub sources: Sources,
    /// What is wrong, and what the rules of `align lint` find in the main file, sorted by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The plan, unless there is an error or a `param` without a value.
    pub plan: Option<Plan>,
    program: Program,
    metrics: MetricsOf,
    /// Names of the files of `use`s that do not parse yet, by path.
    half_used: FxHashMap<String, Vec<String>>,
    mentions: FxHashMap<FileId, OnceCell<Vec<Mention>>>,
}

/// The main file of every analysis.
pub const MAIN: FileId = FileId(0);

impl Analysis {
    /// Checks a program.
    pub fn of(world: &dyn World, main: &str, options: &Options) -> Self {
        let (mut checked, program, metrics) = examine(world, main, options, true);
        let plan = checked.take_plan();
        let found = program
            .syntax(MAIN)
            .map(|ast| lint::findings(&checked, ast, plan.as_ref()));
        let mut diagnostics = checked.diagnostics;
        diagnostics.extend(found.into_iter().flatten());
        crate::diag::sort(&mut diagnostics);
        let mentions = program.files.iter().map(|at| (at.file, OnceCell::new()));
        let half_used = half_used(world, &checked.sources);
        Self {
            sources: checked.sources,
            diagnostics,
            plan,
            mentions: mentions.collect(),
            program,
            metrics,
            half_used,
        }
    }

    /// The file of this path.
    pub fn file(&self, path: &str) -> Option<FileId> {
        self.sources.find(path)
    }

    /// The text of a file.
    pub fn text(&self, file: FileId) -> &str {
        self.sources.get(file).map_or("", |s| s.text.as_str())
    }

    /// The syntax of a file.
    fn ast(&self, file: FileId) -> Option<&File> {
        self.program.syntax(file)
    }

    /// Every word of a file that stands for something, by place.
    pub fn mentions(&self, file: FileId) -> &[Mention] {
        let cell = self.mentions.get(&file).zip(self.ast(file));
        cell.map_or(&[], |(cell, ast)| {
            cell.get_or_init(|| index::mentions(&self.program, file, ast))
        })
    }

    /// The word at a byte, or just before it.
    pub fn mention(&self, file: FileId, offset: u32) -> Option<&Mention> {
        let all = self.mentions(file);
        let on = |m: &&Mention| m.span.start <= offset && offset < m.span.end;
        let before = |m: &&Mention| m.span.end == offset;
        // The shortest one: `valid.loss` lies in nothing, but a call's name may lie in its own mention.
        let shortest = |ms: Vec<&'_ Mention>| -> Option<usize> {
            let best = ms.iter().min_by_key(|m| m.span.end - m.span.start)?;
            all.iter().position(|m| std::ptr::eq(m, *best))
        };
        let found = shortest(all.iter().filter(on).collect())
            .or_else(|| shortest(all.iter().filter(before).collect()))?;
        all.get(found)
    }

    fn def(&self, id: DefId) -> &Def {
        self.program.def(id)
    }

    /// The definition whose name stands at a place.
    fn defined_at(&self, file: FileId, span: Span) -> Option<DefId> {
        let found = self
            .program
            .iter()
            .find(|(_, d)| d.at.file == file && d.name.span == span);
        found.map(|(id, _)| id)
    }
}

/// What the files define that the main file is about to use: `use "lab.align".` is no `use` yet.
fn half_used(world: &dyn World, sources: &Sources) -> FxHashMap<String, Vec<String>> {
    let mut out = FxHashMap::default();
    let Some(main) = sources.get(MAIN) else {
        return out;
    };
    let named = main
        .text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("use \"")?.split('"').next());
    for name in named {
        let path = crate::hir::join(&main.path, name);
        if sources.find(&path).is_some() || out.contains_key(&path) {
            continue;
        }
        if let Ok(text) = world.read(&path) {
            let ast = align_grammar::parse(&text).file;
            let names = ast
                .items
                .iter()
                .filter_map(symbols::name)
                .map(str::to_owned);
            out.insert(path, names.collect());
        }
    }
    out
}
