//! How much memory does a node need at least?  Reckoned from the plan, without data and without a tensor.
//!
//! A lower bound: only what the worker certainly holds at one time.  Weights, their gradient, the optimiser's moments and the
//! moving average, each four bytes a number; the weights of further checkpoints; data whose size the program fixes; and for losses
//! that take a whole batch through the network at once, what the layers put out.

use align_plan::{Need, Node, NodeId, NodeKind, Plan};
use align_schema::{Call, Group, Port, Value};
use align_stdlib::envs::Task;
use align_stdlib::nets::{self, Form, Size};
use rustc_hash::FxHashMap;

/// Bytes of a number.
const BYTES: f64 = 4.0;

/// What a node needs at least, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Memory {
    /// Numbers in the weights of the model that is trained.
    pub parameters: f64,
    /// How many arrays of that length there are: weights, gradient, moments, moving average.
    pub copies: f64,
    /// Bytes of those arrays.
    pub weights: f64,
    /// Bytes of the weights of other checkpoints.
    pub others: f64,
    /// Bytes of the dataset.
    pub data: f64,
    /// Bytes that the layers put out for one batch.
    pub batch: f64,
}

impl Memory {
    /// All of it, in bytes.
    pub fn bytes(&self) -> f64 {
        self.weights + self.others + self.data + self.batch
    }
}

/// What is known of a dataset.
#[derive(Clone, Copy, Default)]
struct Shape {
    task: Option<&'static Task>,
    horizon: f64,
    bytes: f64,
}

/// The needs of every node of a plan, in its order.
pub fn memory(plan: &Plan) -> Vec<Memory> {
    let mut shapes: FxHashMap<&NodeId, Shape> = FxHashMap::default();
    let mut out = Vec::with_capacity(plan.nodes.len());
    for node in &plan.nodes {
        // Nodes stand after what they need.
        let data = node
            .needs
            .iter()
            .find(|n| n.role == "data")
            .and_then(|n| shapes.get(&n.node).copied());
        let mut shape = data.unwrap_or_default();
        let memory = match node.kind {
            NodeKind::Dataset => {
                shape = dataset(node, data);
                Memory {
                    data: shape.bytes,
                    others: others(node, shape),
                    ..Memory::default()
                }
            }
            NodeKind::Stage => {
                shape.task = task(node.value("env")).or(shape.task);
                stage(node, shape)
            }
            NodeKind::Cascade => {
                let from = node.needs.iter().find_map(|n| shapes.get(&n.node));
                shape = from.copied().unwrap_or_default();
                Memory {
                    others: others(node, shape),
                    ..Memory::default()
                }
            }
            NodeKind::Sequence => {
                let from = node.needs.iter().find_map(|n| shapes.get(&n.node));
                shape = from.copied().unwrap_or_default();
                Memory::default()
            }
        };
        shapes.insert(&node.id, shape);
        out.push(memory);
    }
    out
}

/// The task that a source or an environment names.
fn task(value: Option<&Value>) -> Option<&'static Task> {
    match value?.get("task")? {
        Value::Name(name) | Value::Str(name) => align_stdlib::envs::task(name),
        _ => None,
    }
}

fn dataset(node: &Node, origin: Option<Shape>) -> Shape {
    let number = |name: &str| node.value(name).and_then(Value::number);
    if let Some(origin) = origin {
        // How many episodes a filter keeps is not known; how many pairs are made is.
        let bytes = match (number("count"), origin.task) {
            (Some(pairs), Some(task)) => {
                2.0 * pairs * origin.horizon * (task.obs + task.act) as f64 * BYTES
            }
            _ => 0.0,
        };
        return Shape { bytes, ..origin };
    }
    let task = task(node.value("source"));
    let stride = number("stride").unwrap_or(1.0).max(1.0);
    let whole = |call: &Call| {
        let full = !matches!(call.arg("ends"), Some(Value::Name(n)) if n == "goal");
        let by = matches!(call.arg("by"), Some(Value::Name(n)) if n == "waypoint");
        call.name == "collect" && full && by
    };
    let bytes = match (node.value("source"), task) {
        // The waypoint controller drives to the time limit.
        (Some(Value::Call(call)), Some(task)) if whole(call) => {
            let episodes = call.arg("episodes").and_then(Value::number).unwrap_or(0.0);
            let rows = (episodes * task.max_steps as f64 / stride).floor();
            rows * (task.obs + task.act) as f64 * BYTES
        }
        _ => 0.0,
    };
    Shape {
        task,
        horizon: number("horizon").unwrap_or(0.0),
        bytes,
    }
}

/// The network of a model record, on data of this shape.
fn size(model: &Value, shape: Shape) -> Option<Size> {
    let Some(Value::Call(net)) = model.get("net") else {
        return None;
    };
    let task = shape.task?;
    let actions = match model.get("actions") {
        Some(Value::Call(actions)) => Some(actions),
        _ => None,
    };
    let form = Form {
        obs: task.obs,
        act: task.act,
        horizon: shape.horizon as usize,
        states: actions.is_some(),
        target: model.get("guidance").is_some(),
    };
    let mut size = nets::size(net, &form)?;
    if let Some(inverse) = actions.and_then(|a| nets::size(a, &form)) {
        size.parameters += inverse.parameters;
        size.activations += inverse.activations * shape.horizon;
    }
    Some(size)
}

/// Fields whose checkpoints are loaded; of others, such as `than` of a regression, only a metric is read.
const LOADED: &[&str] = &["loss.", "prefer.", "pick.", "eval.", "member."];

/// Bytes of the weights of the checkpoints that a node reads beside the one that it starts from.
fn others(node: &Node, shape: Shape) -> f64 {
    let Some(Value::Record(models)) = node.value("input_models") else {
        return 0.0;
    };
    // One checkpoint may be read in two roles; it is counted once.
    let mut seen: Vec<&Need> = Vec::new();
    let mut total = 0.0;
    for (role, model) in models
        .iter()
        .filter(|(role, _)| LOADED.iter().any(|l| role.starts_with(l)))
    {
        let need = node.needs.iter().find(|n| n.role == *role);
        if let Some(need) = need.filter(|n| n.port != Port::Data) {
            if seen
                .iter()
                .any(|s| s.node == need.node && s.port == need.port)
            {
                continue;
            }
            seen.push(need);
        }
        total += size(model, shape).map_or(0.0, |s| s.parameters * BYTES);
    }
    total
}

fn stage(node: &Node, shape: Shape) -> Memory {
    let Some(size) = node.value("model").and_then(|m| size(m, shape)) else {
        return Memory::default();
    };
    let name = |field: &str| match node.value(field) {
        Some(Value::Call(call)) => call.name.as_str(),
        Some(Value::Name(name)) => name.as_str(),
        _ => "",
    };
    let moments = if name("optim") == "sgd" { 1.0 } else { 2.0 };
    let copies = 3.0 + moments;
    let loss = align_stdlib::builtin(Group::Loss, name("loss"));
    let samples = loss.map_or(0.0, |loss| {
        loss.whole_batch * node.value("batch").and_then(Value::number).unwrap_or(0.0)
    });
    Memory {
        parameters: size.parameters,
        copies,
        weights: copies * size.parameters * BYTES,
        others: others(node, shape),
        data: shape.bytes,
        batch: samples * size.activations * BYTES,
    }
}

/// Bytes for people: `312 KiB`, `4.2 MiB`, `1.5 GiB`.
pub fn bytes(amount: f64) -> String {
    let (mut value, mut unit) = (amount / 1024.0, "KiB");
    for larger in ["MiB", "GiB", "TiB"] {
        if value >= 1000.0 {
            (value, unit) = (value / 1024.0, larger);
        }
    }
    let digits = if value >= 10.0 || value.fract() == 0.0 {
        value.round().to_string()
    } else {
        format!("{value:.1}")
    };
    format!("{digits} {unit}")
}

/// A count for people: `640`, `3.9M`.
pub fn count(amount: f64) -> String {
    for (limit, suffix) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if amount >= limit {
            return format!("{:.1}{suffix}", amount / limit);
        }
    }
    amount.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        let shown = |x: f64| bytes(x);
        assert_eq!(shown(512.0), "0.5 KiB");
        assert_eq!(shown(4.2 * 1024.0 * 1024.0), "4.2 MiB");
        assert_eq!(shown(1024.0 * 1024.0 * 1024.0), "1 GiB");
        assert_eq!(shown(1e15), "909 TiB");
        assert_eq!(count(640.0), "640");
        assert_eq!(count(3_947_000.0), "3.9M");
    }
}
