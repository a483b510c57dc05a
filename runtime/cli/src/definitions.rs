//! The library as a build without `exec` has it: it knows what everything means, and can execute nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use align_plan::Node;
use align_runtime_api::{Job, JobError, Library, Made, OnProgress, Trainer};
use align_schema::{Call, Effect, Value};

/// Definitions without execution.
pub(crate) struct Definitions;

fn none<T>() -> Result<T, JobError> {
    Err(JobError::Failed(
        "this `align` was built without the feature `exec`".to_owned(),
    ))
}

impl Library for Definitions {
    fn trainer(&self, _: &Job) -> Result<Box<dyn Trainer>, JobError> {
        none()
    }
    fn dataset(&self, _: &Job, _: OnProgress<'_>) -> Result<Made, JobError> {
        none()
    }
    fn cascade(&self, _: &Job, _: OnProgress<'_>) -> Result<Made, JobError> {
        none()
    }
    fn semantics(&self, node: &Node) -> Vec<(String, u32)> {
        // As the execution does it, so that both builds speak of the same keys.
        let mut out = BTreeMap::new();
        for field in node
            .fields
            .values()
            .filter(|f| f.effect == Effect::Identity)
        {
            calls(&field.value, &mut |call| {
                for builtin in align_stdlib::builtins().filter(|b| b.name == call.name) {
                    let edition = out.entry(call.name.clone()).or_insert(builtin.semantics);
                    *edition = builtin.semantics.max(*edition);
                }
            });
        }
        out.into_iter().collect()
    }
    fn edition(&self) -> String {
        align_stdlib::edition()
    }
    fn sources(&self, node: &Node) -> Vec<PathBuf> {
        let mut out = Vec::new();
        for field in node.fields.values() {
            calls(&field.value, &mut |call| {
                if let ("file", Some(Value::Str(path))) = (call.name.as_str(), call.arg("path")) {
                    out.push(PathBuf::from(path));
                }
            });
        }
        out
    }
}

fn calls(value: &Value, each: &mut impl FnMut(&Call)) {
    match value {
        Value::Call(call) => {
            each(call);
            call.args.iter().for_each(|(_, v)| calls(v, each));
        }
        Value::List(items) => items.iter().for_each(|v| calls(v, each)),
        Value::Record(fields) => fields.iter().for_each(|(_, v)| calls(v, each)),
        _ => {}
    }
}
