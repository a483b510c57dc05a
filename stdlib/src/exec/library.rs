//! Which code executes which node?  The library that the binary hands to the runtime.

use std::collections::BTreeMap;
use std::path::PathBuf;

use align_plan::Node;
use align_runtime_api::{
    Fetching, Files, Input, Job, JobError, Library, Made, OnProgress, Trainer,
};
use align_schema::{Effect, Value};
use burn::prelude::*;

use crate::exec::cascade;
use crate::exec::data;
use crate::exec::drawing::Drawing;
use crate::exec::facts::{EMA, MODEL, input};
use crate::exec::imported;
use crate::exec::judge::Judge;
use crate::exec::learner::{call, device};
use crate::exec::model::{Critic, Models, Planner};
use crate::exec::simulator;

/// The execution of every builtin of this library.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exec;

/// Opens checkpoints on one device.
struct Opener {
    device: Device,
}

impl Models for Opener {
    fn planner(&self, checkpoint: &Input) -> Result<Box<dyn Planner>, JobError> {
        Ok(Box::new(Drawing::open(checkpoint, &self.device)?))
    }

    fn critic(&self, checkpoint: &Input) -> Result<Box<dyn Critic>, JobError> {
        Ok(Box::new(Judge::open(checkpoint, &self.device)?))
    }
}

impl Library for Exec {
    fn trainer(&self, job: &Job) -> Result<Box<dyn Trainer>, JobError> {
        simulator::same(job)?;
        let loss = call(job, "loss")?;
        let source = input(job, "data").ok_or_else(|| {
            JobError::Failed(format!("`{}` has no data to learn from", job.node.name))
        })?;
        crate::losses::open(job, &loss, source)
    }

    fn dataset(&self, job: &Job, progress: OnProgress<'_>) -> Result<Made, JobError> {
        simulator::same(job)?;
        data::make(
            job,
            &Opener {
                device: device(job)?,
            },
            progress,
        )
    }

    fn cascade(&self, job: &Job, progress: OnProgress<'_>) -> Result<Made, JobError> {
        simulator::same(job)?;
        cascade::run(job, progress)
    }

    fn semantics(&self, node: &Node) -> Vec<(String, u32)> {
        let mut found = BTreeMap::new();
        for field in node
            .fields
            .values()
            .filter(|f| f.effect == Effect::Identity)
        {
            editions(&field.value, &mut found);
        }
        found.into_iter().collect()
    }

    fn sources(&self, node: &Node) -> Vec<PathBuf> {
        let mut files = data::sources(node);
        files.extend(imported::file(node));
        files
    }

    fn simulator(&self, node: &Node) -> Option<String> {
        simulator::of(node)
    }

    fn fetch(
        &self,
        node: &Node,
        how: &Fetching<'_>,
        progress: OnProgress<'_>,
    ) -> Result<(), String> {
        data::fetch(node, how, progress)
    }

    fn fetches(&self, node: &Node) -> bool {
        data::fetches(node)
    }

    fn preflight(&self, node: &Node) -> Result<(), String> {
        simulator::preflight(node)?;
        imported::preflight(node)?;
        data::preflight(node)
    }

    fn weights(&self) -> &'static [&'static str] {
        &[EMA, MODEL]
    }

    fn portable(&self, checkpoint: &BTreeMap<String, PathBuf>) -> Result<Files, String> {
        crate::exec::portable::portable(checkpoint).map_err(|e| e.to_string())
    }

    fn edition(&self) -> String {
        crate::edition()
    }
}

/// Editions of every builtin that a value calls.
fn editions(value: &Value, found: &mut BTreeMap<String, u32>) {
    match value {
        Value::Call(call) => {
            for builtin in crate::builtins().filter(|b| b.name == call.name) {
                let edition = found.entry(call.name.clone()).or_insert(builtin.semantics);
                *edition = builtin.semantics.max(*edition);
            }
            call.args.iter().for_each(|(_, v)| editions(v, found));
        }
        Value::Record(fields) => fields.iter().for_each(|(_, v)| editions(v, found)),
        Value::List(items) => items.iter().for_each(|v| editions(v, found)),
        _ => {}
    }
}
