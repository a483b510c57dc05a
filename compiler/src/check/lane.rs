//! Lanes: which instances of which pipelines does the program have?

use align_plan::Lane;
use align_schema::{Dim, Quantity, Value};
use rustc_hash::FxHashSet;

use super::{Bound, Checker, Draft};
use crate::diag::Diagnostic;
use crate::hir::{At, DefId, Kind, PipelineDef};

/// A lane without axes.
pub(super) fn plain(id: &str, pipeline: &str) -> Lane {
    Lane {
        id: id.to_owned(),
        pipeline: pipeline.to_owned(),
        sweep: None,
        axes: Vec::new(),
        seed: 0,
    }
}

impl Checker<'_> {
    /// Checks every lane: the file's own, then pipelines without a sweep, then those of sweeps.
    pub(super) fn lanes(&mut self) -> Vec<(Lane, Vec<Draft>)> {
        let program = self.program;
        let mut out = Vec::new();
        self.file_lane(&mut out);
        let sweeps: Vec<(DefId, Option<DefId>)> = program
            .items
            .iter()
            .filter_map(|id| match &program.def(*id).kind {
                Kind::Sweep(block) => Some((*id, self.swept(*id, block))),
                _ => None,
            })
            .collect();
        let swept: FxHashSet<DefId> = sweeps.iter().filter_map(|(_, p)| *p).collect();
        for id in &program.items {
            let def = program.def(*id);
            match &def.kind {
                Kind::Pipeline(p) if !swept.contains(id) => {
                    self.single_lane(*id, def.at, p, &mut out);
                }
                Kind::Sweep(block) => {
                    let target = sweeps.iter().find(|(s, _)| s == id).and_then(|(_, p)| *p);
                    if let Some(target) = target
                        && let Kind::Pipeline(p) = &program.def(target).kind
                    {
                        self.sweep_lanes(def, block, target, p, &mut out);
                    } else {
                        self.sweep_alone(def, block);
                    }
                }
                _ => {}
            }
        }
        out
    }

    /// Items outside a pipeline form the file's own.
    fn file_lane(&mut self, out: &mut Vec<(Lane, Vec<Draft>)>) {
        let program = self.program;
        let roots: Vec<DefId> = program
            .items
            .iter()
            .copied()
            .chain(program.imports.iter().map(|i| i.def))
            .filter(|id| !matches!(program.def(*id).kind, Kind::Pipeline(_) | Kind::Sweep(_)))
            .collect();
        let mut wanted = self.reachable(roots);
        // What pipelines use of the file's own items is part of that lane too.
        for id in &self.order.sorted {
            let def = program.def(*id);
            let own = program
                .scopes
                .get(def.at.scope.0 as usize)
                .is_some_and(|s| s.parent.is_none());
            if !own {
                let uses = self.order.uses.get(id).cloned().unwrap_or_default();
                let outer = uses.into_iter().filter(|u| {
                    let at = program.def(*u).at;
                    program
                        .scopes
                        .get(at.scope.0 as usize)
                        .is_some_and(|s| s.parent.is_none())
                });
                let more = self.reachable(outer.collect());
                wanted.extend(more);
            }
        }
        self.enter(plain("main", ""), false);
        self.run(&wanted);
        self.twins();
        self.shared = std::mem::take(&mut self.entities);
        let drafts = std::mem::take(&mut self.drafts);
        if !drafts.is_empty() {
            out.push((self.lane.clone(), drafts));
        }
    }

    /// Definitions that others need, directly or not.
    fn reachable(&self, roots: Vec<DefId>) -> FxHashSet<DefId> {
        let mut out = FxHashSet::default();
        let mut queue = roots;
        while let Some(id) = queue.pop() {
            if out.insert(id)
                && let Some(uses) = self.order.uses.get(&id)
            {
                queue.extend(uses.iter().copied());
            }
        }
        out
    }

    fn enter(&mut self, lane: Lane, symbolic: bool) {
        self.lane = lane;
        self.symbolic = symbolic;
        self.entities.clear();
        self.drafts.clear();
        self.ids.clear();
    }

    fn run(&mut self, wanted: &FxHashSet<DefId>) {
        let order = self.order;
        self.drafts.reserve_exact(wanted.len());
        for id in &order.sorted {
            if wanted.contains(id) {
                self.define(*id);
            }
        }
    }

    /// A pipeline without a sweep runs once, if its parameters have defaults.
    fn single_lane(
        &mut self,
        id: DefId,
        at: At,
        pipeline: &PipelineDef,
        out: &mut Vec<(Lane, Vec<Draft>)>,
    ) {
        let program = self.program;
        let name = &program.def(id).name;
        let mut lane = plain(&name.text, &name.text);
        let mut missing = Vec::new();
        for formal in &pipeline.formals {
            let text = &program.def(*formal).name.text;
            match self.formal(*formal) {
                Some(value) => lane.axes.push((text.clone(), value)),
                None => missing.push(text.as_str()),
            }
        }
        if !missing.is_empty() {
            self.report(
                Diagnostic::warning(
                    "A1011",
                    at.file,
                    name.span,
                    format!("nothing runs pipeline `{}`", name.text),
                )
                .with_label(format!(
                    "{} without a value",
                    crate::suggest::all_of(&missing)
                ))
                .with_help(format!(
                    "sweep it: `sweep study of {} {{ {} in [..] }}`, or give defaults",
                    name.text, missing[0]
                )),
            );
        }
        lane.seed = self.seed(pipeline);
        let symbolic = !missing.is_empty();
        self.lane_of(lane, pipeline, symbolic, out);
    }

    /// Checks a pipeline with the parameters that are bound at the moment.
    pub(super) fn lane_of(
        &mut self,
        lane: Lane,
        pipeline: &PipelineDef,
        symbolic: bool,
        out: &mut Vec<(Lane, Vec<Draft>)>,
    ) {
        let wanted: FxHashSet<DefId> = pipeline.items.iter().copied().collect();
        self.enter(lane, symbolic);
        self.run(&wanted);
        // Stages that are one node in a lane are one in the others too, as good as always.
        if self.paired.insert(pipeline.scope) {
            self.twins();
        }
        let drafts = std::mem::take(&mut self.drafts);
        if !symbolic {
            out.push((self.lane.clone(), drafts));
        }
    }

    /// Binds a parameter to its default and returns it.
    pub(super) fn formal(&mut self, id: DefId) -> Option<Value> {
        let program = self.program;
        let def = program.def(id);
        let Kind::Formal(formal) = &def.kind else {
            return None;
        };
        let ty = formal.ty.as_ref().and_then(|t| self.declared(def.at, t));
        let seed = formal.ty.as_ref().is_some_and(|t| t.name.text == "Seed");
        let value = formal
            .value
            .as_ref()
            .and_then(|e| self.typed(def.at, e, ty, seed, &formal.name.text));
        let bound = value.clone().map_or(Bound::Unknown, Bound::Known);
        self.bound.insert(id, bound);
        value
    }

    /// The value of the parameter of type `Seed`.
    pub(super) fn seed(&self, pipeline: &PipelineDef) -> u64 {
        let program = self.program;
        pipeline
            .formals
            .iter()
            .filter(|id| match &program.def(**id).kind {
                Kind::Formal(f) => f.ty.as_ref().is_some_and(|t| t.name.text == "Seed"),
                _ => false,
            })
            .find_map(|id| match self.bound.get(id) {
                Some(Bound::Known(v)) => v.number(),
                _ => None,
            })
            .map_or(0, |n| n as u64)
    }
}

/// A value as it stands in a lane's name.
pub(super) fn show(value: &Value) -> String {
    match value {
        Value::Str(s) | Value::Name(s) => s.clone(),
        Value::Quantity(Quantity {
            amount,
            dim: Dim::Plain,
        }) => amount.to_string(),
        other => other.to_string(),
    }
}
