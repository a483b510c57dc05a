//! Small models of a maze, trained for a few steps.
#![allow(dead_code, reason = "not every suite uses every part")]

use align_plan::NodeKind;
use align_runtime_api::{Files, Job, Library, StepOut, Trainer};
use align_schema::{Dim, Value};
use align_stdlib::exec::Exec;
use align_stdlib::exec::facts::Facts;

use crate::support::{Store, call, quantity};

pub const TASK: &str = "maze2d-umaze-v1";

pub fn planner() -> Value {
    let mults = Value::from(vec![Value::Int(1), Value::Int(2)]);
    let net = call(
        "temporal_unet",
        &[("width", Value::Int(8)), ("mults", mults)],
    );
    let sampler = call(
        "ddim",
        &[
            ("train", quantity(8.0, Dim::DenoiseSteps)),
            ("act", quantity(4.0, Dim::DenoiseSteps)),
        ],
    );
    model(vec![("net", net), ("sampler", sampler)])
}

pub fn policy() -> Value {
    let net = call(
        "mlp",
        &[("width", Value::Int(32)), ("depth", Value::Int(2))],
    );
    let sampler = call("ddpm", &[("train", quantity(5.0, Dim::DenoiseSteps))]);
    model(vec![("net", net), ("sampler", sampler)])
}

pub fn critic() -> Value {
    model(vec![("net", call("twin_q", &[("width", Value::Int(32))]))])
}

pub fn model(fields: Vec<(&str, Value)>) -> Value {
    let all = fields.into_iter().chain([
        ("predict", Value::Name("noise".into())),
        ("ema", Value::Float(0.9)),
    ]);
    Value::Record(all.map(|(n, v)| (n.to_owned(), v)).collect())
}

/// A store with collected episodes under `rollouts`.
pub fn collected(name: &str, horizon: f64, stride: f64) -> Store {
    let store = Store::new(name);
    let by = Value::Name("waypoint".into());
    let source = call(
        "collect",
        &[
            ("task", Value::Str(TASK.into())),
            ("by", by),
            ("episodes", Value::Int(12)),
        ],
    );
    let fields = [
        ("source", source),
        ("horizon", quantity(horizon, Dim::Steps)),
        ("stride", quantity(stride, Dim::Steps)),
    ];
    let job = store.job(NodeKind::Dataset, "rollouts", &fields, &[]);
    store.put(
        "rollouts",
        &Exec.dataset(&job, &mut |_, _| {}).unwrap().files,
    );
    store
}

pub fn stage(
    store: &Store,
    name: &str,
    model: Value,
    loss: Value,
    lr: f64,
    needs: &[(&str, &str)],
) -> Job {
    let fields = [
        ("model", model),
        ("loss", loss),
        ("optim", call("adamw", &[("lr", Value::Float(lr))])),
        ("batch", Value::Int(16)),
        ("clip_norm", Value::Float(1.0)),
    ];
    store.job(NodeKind::Stage, name, &fields, needs)
}

pub fn run(trainer: &mut dyn Trainer, steps: std::ops::Range<u64>) -> Vec<StepOut> {
    steps.map(|s| trainer.step(s, true).unwrap()).collect()
}

pub fn metric(out: &StepOut, name: &str) -> f64 {
    out.metrics
        .iter()
        .find(|(n, _)| n == name)
        .unwrap_or_else(|| panic!("no `{name}`"))
        .1
}

/// Trains a short while and keeps the result.
pub fn trained(store: &Store, name: &str, job: &Job, steps: u64) -> Files {
    let mut trainer = Exec.trainer(job).unwrap();
    run(&mut *trainer, 0..steps);
    let files = trainer.save().unwrap();
    store.put(name, &files);
    files
}

pub fn facts(files: &Files) -> Facts {
    let state: align_stdlib::exec::facts::State =
        serde_json::from_slice(&files["state.json"]).unwrap();
    state.facts
}

/// A resumed run gives the bytes of an unbroken one, and evaluating changes nothing.
pub fn assert_resumes(store: &Store, job: &Job) {
    let mut whole = Exec.trainer(job).unwrap();
    run(&mut *whole, 0..2);
    whole.evaluate(2).unwrap();
    run(&mut *whole, 2..4);
    let mut first = Exec.trainer(job).unwrap();
    run(&mut *first, 0..2);
    let kept = store.put("kept", &first.save().unwrap());
    let mut second = Exec.trainer(job).unwrap();
    run(&mut *second, 0..1);
    second.load(&kept).unwrap();
    run(&mut *second, 2..4);
    let (a, b) = (whole.save().unwrap(), second.save().unwrap());
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        assert!(
            bytes == &b[name],
            "`{name}` of `{}` differs after a resume",
            job.node.name
        );
    }
}

/// Puts a field into a job.
pub fn set(job: &mut Job, name: &str, value: Value) {
    use align_plan::{Field, Place};
    use align_schema::Effect;
    let field = Field {
        value,
        effect: Effect::Identity,
        place: Place::default(),
    };
    job.node.fields.insert(name.into(), field);
}

/// Lets a job act in the maze.
pub fn acts(job: &mut Job) {
    let env = call("env", &[("task", Value::Str(TASK.into()))]);
    set(job, "env", env);
}
