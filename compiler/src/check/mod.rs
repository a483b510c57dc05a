//! Is the program right, and what does each of its nodes compute?
//!
//! Every lane is checked with its own values, and what is wrong in several lanes is said once.  A name that failed is poison:
//! what uses it stays silent.

mod action;
mod allowed;
mod block;
mod call;
mod cascade;
mod claims;
mod clause;
mod condition;
mod contains;
mod dataset;
mod exclude;
mod export;
mod failure;
mod fire;
mod fit;
mod hides;
mod keeps;
mod lane;
mod learned;
mod meet;
mod metric;
mod model;
mod nowhere;
mod number;
mod param;
mod plausible;
mod prune;
mod reference;
mod report;
mod sequence;
mod special;
mod stage;
mod stops;
mod sweep;
mod twins;
mod unused;
mod value;

#[cfg(test)]
mod tests;

use std::rc::Rc;

use align_grammar::ast::{Name, Span};
use align_plan::{Lane, Need, Node, NodeId, Place, Report, Sweep};
use align_schema::{DataKind, Value};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::Options;
use crate::diag::{Diagnostic, FileId, Sources};
use crate::hir::{At, DefId, Kind, Order, Program, ScopeId};
use crate::suggest::{near, suggested};

pub use metric::Metrics;
pub use param::TYPES;
pub use value::{group_word, wanted};

/// What a check makes.
pub struct Output {
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// Lanes with their nodes, each after what it needs; rounds are not unrolled yet.
    pub lanes: Vec<(Lane, Vec<Draft>)>,
    /// Reports.
    pub reports: Vec<Report>,
    /// Lanes at a time, for each sweep that says so, and where it does.
    pub parallel: Vec<(u64, FileId, Span)>,
    /// The sweeps, in order.
    pub sweeps: Vec<Sweep>,
    /// Values of the main file's `param`s.
    pub params: Vec<(String, Option<Value>)>,
    /// The metrics of stages, sequences and cascades without an error in them.
    pub metrics: FxHashMap<DefId, Metrics>,
}

/// A node before rounds are unrolled.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The node, as in round 1.
    pub node: Node,
    /// Sequences: ids of the members, in order, and how often they run.
    pub sequence: Option<(Vec<NodeId>, u32)>,
    /// Where it says what file it writes.
    pub export: Option<(FileId, Span)>,
}

/// What later definitions need to know of a checked one.
#[derive(Clone, Debug)]
enum Entity {
    /// Something in it is wrong, or unknown in this check.
    Poison,
    /// A model.
    Model(Rc<ModelInfo>),
    /// A dataset.
    Data(Rc<DataInfo>),
    /// A stage or a sequence.
    Trained(Rc<Trained>),
    /// A cascade.
    Cascade(Rc<Trained>),
}

/// A checked model.
#[derive(Debug)]
struct ModelInfo {
    def: DefId,
    at: At,
    name: Name,
    /// `net`, and for a diffusion model `sampler`, `predict`, `ema`.
    record: Value,
    /// Whether it values plans instead of making them.
    critic: bool,
    /// What a horizon must be a multiple of, and the place that says so.
    multiple: Option<(u64, Span)>,
}

/// A checked dataset.
#[derive(Debug)]
struct DataInfo {
    id: NodeId,
    name: Name,
    kind: DataKind,
    /// Window length in plan steps, if it is known, and the place that says so.
    horizon: Option<(u64, FileId, Span)>,
    /// Environment steps between plan steps.
    stride: u64,
    task: Option<&'static align_stdlib::envs::Task>,
    /// The rollouts that it goes back to.
    root: NodeId,
    /// The fields of those rollouts that shape them.
    origin: Rc<learned::Origin>,
    /// Ranges of measures of its episodes that filters have left, each with its place.
    kept: Rc<Vec<(exclude::Range, FileId, Span)>>,
}

/// A checked stage, sequence or cascade.
#[derive(Debug)]
struct Trained {
    id: NodeId,
    at: At,
    name: Name,
    /// `None` when the model is poison.
    model: Option<Rc<ModelInfo>>,
    data: Option<Rc<DataInfo>>,
    task: Option<&'static align_stdlib::envs::Task>,
    metrics: Metrics,
    /// The stage that it starts from.
    from: Option<DefId>,
    /// What its weights have learned from so far, the oldest first; the first one scales.
    learned: Rc<Vec<Rc<DataInfo>>>,
}

/// What a `param` or a pipeline's parameter holds.
#[derive(Clone, Debug)]
enum Bound {
    /// Its value, and the type that it was declared with.
    Known(Value),
    /// It has none in this check.
    Unknown,
}

/// What a `let` stands for.
#[derive(Clone, Debug)]
enum Let {
    /// A plain value.
    Value(Value),
    /// An expression that means something only where it is used.
    Alias,
    /// It is wrong.
    Poison,
}

struct Checker<'p> {
    program: &'p Program,
    order: &'p Order,
    sources: &'p Sources,
    diagnostics: Vec<Diagnostic>,
    seen: FxHashSet<(&'static str, FileId, Span)>,
    bound: FxHashMap<DefId, Bound>,
    lets: FxHashMap<DefId, Let>,
    /// Definitions of the lane at hand.
    entities: FxHashMap<DefId, Entity>,
    /// Definitions of the file's own lane.
    shared: FxHashMap<DefId, Entity>,
    /// Every definition, as the last lane that was checked has it.
    checked: FxHashMap<DefId, Entity>,
    /// Ids taken in the lane at hand.
    ids: FxHashMap<String, u32>,
    lane: Lane,
    drafts: Vec<Draft>,
    /// Defaults of the standard library, parsed once.
    defaults: FxHashMap<usize, Option<Value>>,
    /// Metrics of each kind of stage: loss, evaluated in an environment, evaluated by a critic.
    metric_lists: FxHashMap<(Option<&'static str>, bool, bool), Metrics>,
    /// Which metrics a name can mean where the check stands.
    metrics: metric::Scope,
    /// The model that the stage at hand trains.
    training: Option<Rc<ModelInfo>>,
    /// Whether the lane at hand has parameters without values.
    symbolic: bool,
    /// Whether the file ends inside the block at hand, so that nothing of it is missing.
    cut: bool,
    /// Pipelines in which stages that are the same node were looked for.
    paired: FxHashSet<ScopeId>,
    /// `parallel` of each sweep.
    parallel: Vec<(u64, FileId, Span)>,
    sweeps: Vec<Sweep>,
    /// How many lanes a sweep may have.
    max_lanes: u64,
}

/// Edges of the node at hand, and what it learns of the models behind them.
#[derive(Debug, Default)]
struct Edges {
    needs: Vec<Need>,
    /// Role and model record of each checkpoint.
    models: Vec<(String, Value)>,
    /// Each checkpoint with its place.
    read: Vec<(Rc<Trained>, FileId, Span)>,
}

/// It is wrong, and a diagnostic says so.
#[derive(Clone, Copy, Debug)]
struct Wrong;

/// What an expression is for.
#[derive(Clone, Copy)]
struct Spot<'a> {
    /// Dotted path from the node, such as `loss.reference`: the role of an edge found here.
    path: &'a str,
    /// What a message calls it, such as `lr`.
    name: &'a str,
}

/// Checks a program.
pub fn program(
    program: &Program,
    order: &Order,
    sources: &mut Sources,
    options: &Options,
) -> Output {
    let sets = param::parse_sets(sources, options);
    let mut checker = Checker {
        program,
        order,
        sources,
        diagnostics: Vec::new(),
        seen: FxHashSet::default(),
        bound: FxHashMap::default(),
        lets: FxHashMap::default(),
        entities: FxHashMap::default(),
        shared: FxHashMap::default(),
        checked: FxHashMap::default(),
        ids: FxHashMap::default(),
        lane: lane::plain("main", ""),
        drafts: Vec::new(),
        defaults: FxHashMap::default(),
        metric_lists: FxHashMap::default(),
        metrics: metric::Scope::None,
        training: None,
        symbolic: false,
        cut: false,
        paired: FxHashSet::default(),
        parallel: Vec::new(),
        sweeps: Vec::new(),
        max_lanes: options.max_lanes,
    };
    let params = checker.params(&sets, options);
    let mut lanes = checker.lanes();
    checker.exports(&mut lanes);
    checker.prunes(&lanes);
    let reports = checker.reports(&lanes);
    checker.unused();
    checker.hidden();
    checker.nowhere();
    let metrics = checker
        .checked
        .iter()
        .filter_map(|(id, entity)| match entity {
            Entity::Trained(t) | Entity::Cascade(t) => Some((*id, t.metrics.clone())),
            _ => None,
        });
    let metrics = metrics.collect();
    Output {
        diagnostics: checker.diagnostics,
        lanes,
        reports,
        parallel: checker.parallel,
        sweeps: checker.sweeps,
        params,
        metrics,
    }
}

impl<'p> Checker<'p> {
    /// Records a diagnostic; the same one of another lane is dropped.
    fn report(&mut self, diagnostic: Diagnostic) {
        if self
            .seen
            .insert((diagnostic.code, diagnostic.file, diagnostic.span))
        {
            self.diagnostics.push(diagnostic);
        }
    }

    fn error(&mut self, code: &'static str, at: At, span: Span, message: impl Into<String>) {
        self.report(Diagnostic::error(code, at.file, span, message));
    }

    /// An unknown name with suggestions.
    fn unknown(
        &mut self,
        code: &'static str,
        at: At,
        name: &Name,
        message: String,
        among: &[&str],
        fallback: Option<String>,
    ) {
        let mut error = Diagnostic::error(code, at.file, name.span, message);
        error.help = fallback;
        let near = near(&name.text, among.iter().copied());
        let mut error = suggested(error, name.span, &near);
        // Either place may be the misspelt one.
        let program = self.program;
        let defs = near.iter().filter_map(|n| program.lookup(at.scope, n));
        for def in defs.map(|id| program.def(id)).filter(|_| code == "A1001") {
            if !matches!(def.kind, Kind::Std(_)) {
                let text = format!("`{}` is defined here", def.name.text);
                error = error.with_place(def.at.file, def.name.span, text);
            }
        }
        self.report(error);
    }

    fn place(&self, at: At, span: Span) -> Place {
        let source = self.sources.get(at.file);
        Place {
            file: self.sources.path(at.file).to_owned(),
            line: source.map_or(1, |s| s.place(span.start).line),
        }
    }

    /// What was found out of a definition: of this lane, else of the file's own.
    fn entity(&self, id: DefId) -> Option<&Entity> {
        self.entities.get(&id).or_else(|| self.shared.get(&id))
    }

    /// A fresh node id of this lane.
    fn id(&mut self, id: DefId) -> NodeId {
        let program: &'p Program = self.program;
        let def = program.def(id);
        let lane = &self.lane.id;
        let mut text = [lane, "/", &def.name.text].concat();
        if self.ids.contains_key(&text) {
            // Another file has a definition of the same name.
            let path = self.sources.path(def.at.file);
            let stem = path.rsplit('/').next().unwrap_or(path);
            let stem = stem.strip_suffix(".align").unwrap_or(stem);
            let base = format!("{lane}/{stem}.{}", def.name.text);
            text.clone_from(&base);
            while self.ids.contains_key(&text) {
                // From where the last one of this name came to rest.
                let n = self.ids.get(&base).copied().unwrap_or(1) + 1;
                self.ids.insert(base.clone(), n);
                text = format!("{base}.{n}");
            }
        }
        self.ids.insert(text.clone(), 1);
        NodeId(text)
    }

    /// Checks one definition of the lane at hand.
    fn define(&mut self, id: DefId) {
        let program: &'p Program = self.program;
        let def = program.def(id);
        self.cut = match &def.kind {
            Kind::Model(b)
            | Kind::Dataset(b)
            | Kind::Stage(b)
            | Kind::Sequence(b)
            | Kind::Cascade(b) => b.cut,
            _ => false,
        };
        let entity = match &def.kind {
            Kind::Model(block) => self.model(id, def, block),
            Kind::Dataset(block) => self.dataset(id, def, block),
            Kind::Stage(block) => self.stage(id, def, block),
            Kind::Sequence(block) => self.sequence(id, def, block),
            Kind::Cascade(block) => self.cascade(id, def, block),
            Kind::Let(formal) => {
                let value = self.let_value(def.at, formal);
                self.lets.insert(id, value);
                return;
            }
            _ => return,
        };
        self.checked.insert(id, entity.clone());
        self.entities.insert(id, entity);
    }
}

impl Edges {
    /// The edges, with no room for more.
    fn exact(mut self) -> Vec<Need> {
        self.needs.shrink_to_fit();
        self.needs
    }

    /// Adds an edge; its index is what a `Value::Ref` holds.
    fn add(&mut self, need: Need) -> usize {
        if let Some(same) = self.needs.iter().position(|n| *n == need) {
            return same;
        }
        self.needs.push(need);
        self.needs.len() - 1
    }
}
