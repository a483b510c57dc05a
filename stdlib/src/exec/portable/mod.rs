//! What makes a checkpoint run without Align?  Weights, a configuration, and a loader for PyTorch, as the files of one folder.
//!
//! `config.json` holds a check beside the rest: a noisy sample, and what this library's network says of it, which the loader compares with its own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use align_runtime_api::{Files, JobError};
use align_schema::{Call, Value};
use burn::prelude::Device;
use rand::RngExt as _;
use rand_chacha::rand_core::SeedableRng as _;
use rand_distr::StandardNormal;
use serde_json::{Map, json};

use crate::exec::denoiser::{Condition, Denoiser, call_of, numbers, role};
use crate::exec::env::Stream;
use crate::exec::facts::{EMA, Facts, MODEL, State, read};
use crate::exec::weights::Weights;
use align_schema::Role;

/// Rows of the check.
const ROWS: usize = 2;

/// The files of a folder: `weights.safetensors`, `config.json`, `networks.py`, and for what draws `loader.py` and `sampling.py`.
///
/// Errors: a checkpoint that cannot be read.
pub fn portable(checkpoint: &BTreeMap<String, PathBuf>) -> Result<Files, JobError> {
    let facts = State::load(checkpoint)?.facts;
    let net = call_of(&facts.model, "net")?;
    let draws = matches!(role(&net.name), Role::Planner | Role::Policy);
    let weights = read(checkpoint, if draws { EMA } else { MODEL })?;
    let mut config = Map::new();
    let mut put = |name: &str, value: serde_json::Value| config.insert(name.into(), value);
    put("format", 1.into());
    put("net", arguments(net));
    put("actions", of_call(&facts, "actions"));
    put("guidance", of_call(&facts, "guidance"));
    let meta = &facts.meta;
    put("act", meta.normaliser.act.into());
    put("obs", meta.normaliser.obs.into());
    put("horizon", meta.horizon.into());
    put("stride", meta.stride.into());
    put("task", json!(meta.task));
    put("goal", json!(meta.goal));
    put("discount", facts.discount.into());
    put("normaliser", json!(meta.normaliser));
    let mut files = Files::from([
        ("networks.py".into(), include_bytes!("networks.py").to_vec()),
        ("weights.safetensors".into(), weights.clone()),
    ]);
    if draws {
        let d = Denoiser::new(&facts)?;
        let sampler = &d.sampler;
        let kernels = sampler.kernels(sampler.chain.steps(), None);
        let steps = kernels.iter().map(|k| {
            let (of_input, of_output) = sampler.chain.clean(k.from, d.predict);
            json!({
                "from": k.from, "to": k.to, "of_input": of_input, "of_output": of_output, "of_sample": k.of_sample,
                "of_previous": k.of_previous, "of_noisy": k.of_noisy, "sigma": k.sigma,
            })
        });
        put("steps", steps.collect());
        put("plans", d.plans().into());
        put("ends", d.ends.into());
        put("bound", json!(d.bound));
        put("temperature", sampler.temperature.into());
        put("check", check(&d, &weights)?);
        files.insert("loader.py".into(), include_bytes!("loader.py").to_vec());
        files.insert("sampling.py".into(), include_bytes!("sampling.py").to_vec());
    }
    let text = serde_json::to_vec_pretty(&config)
        .map_err(|e| JobError::Failed(format!("`config.json` cannot be written: {e}")))?;
    files.insert("config.json".into(), text);
    Ok(files)
}

/// A noisy sample, and the network's output for it.
fn check(d: &Denoiser, weights: &[u8]) -> Result<serde_json::Value, JobError> {
    let weights = Weights::from_bytes(d.arch.clone(), weights, EMA)?;
    let device = Device::flex();
    let mut rng = Stream::from_seed([1; 32]);
    let mut normal = |count: usize| -> Vec<f32> {
        (0..count)
            .map(|_| rng.sample::<f64, _>(StandardNormal) as f32)
            .collect()
    };
    let (x, observations) = (normal(ROWS * d.size()), normal(ROWS * d.obs));
    let total = d.sampler.chain.steps();
    let times = [1, total.div_ceil(2)];
    let value = [0.25_f32, 0.75];
    let condition = Condition {
        observations: observations.clone(),
        ends: None,
        targets: d.guidance.as_ref().map(|_| value.to_vec()),
    };
    let input = d.tensor(x.clone(), &device);
    let output = numbers(d.output(&weights.tensors(&device), input, &condition, &times))?;
    let rows = |values: &[f32], width: usize| -> Vec<Vec<f32>> {
        values.chunks(width).map(<[f32]>::to_vec).collect()
    };
    let samples = |values: &[f32]| -> Vec<Vec<Vec<f32>>> {
        values
            .chunks(d.size())
            .map(|sample| rows(sample, d.width()))
            .collect()
    };
    let mut out = json!({
        "x": samples(&x), "t": times, "observation": rows(&observations, d.obs), "output": samples(&output),
    });
    if d.guidance.is_some() {
        out["value"] = json!(rows(&value, 1));
    }
    Ok(out)
}

/// A call as an object of its name and arguments.
fn arguments(call: &Call) -> serde_json::Value {
    let plain = |value: &Value| -> serde_json::Value {
        match value {
            Value::Bool(b) => (*b).into(),
            Value::Int(n) => (*n).into(),
            Value::List(items) => items
                .iter()
                .filter_map(Value::number)
                .map(|n| n as i64)
                .collect(),
            other => other
                .number()
                .map_or_else(|| other.to_string().into(), Into::into),
        }
    };
    let mut out = Map::from_iter([("name".to_owned(), call.name.clone().into())]);
    out.extend(call.args.iter().map(|(n, v)| (n.clone(), plain(v))));
    out.into()
}

/// The call under a key of the model, or null.
fn of_call(facts: &Facts, key: &str) -> serde_json::Value {
    match facts.model.get(key) {
        Some(Value::Call(call)) => arguments(call),
        _ => serde_json::Value::Null,
    }
}
