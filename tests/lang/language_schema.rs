//! The JSON schema of the language (`align schema`): do the blocks of real plans fit it, and are wrong ones refused?

use align_compiler::language::{schema, schema_of};
use align_compiler::plan;
use align_plan::Node;
use align_schema::{Dim, Quantity, Value as Checked};
use align_tests::text_files;
use serde_json::{Map, Value, json};

use crate::Schema;
use align_tests::world::Files;

/// A checked value as the schema writes values: quantities as literals, calls as objects with one key.
fn value(node: &Node, checked: &Checked) -> Value {
    match checked {
        Checked::Bool(b) => json!(b),
        Checked::Int(n) => json!(n),
        Checked::Float(x) => json!(x),
        Checked::Str(text) | Checked::Name(text) => json!(text),
        Checked::Quantity(q) => json!(literal(q)),
        Checked::List(items) => items.iter().map(|v| value(node, v)).collect(),
        Checked::Record(fields) => object(node, fields),
        Checked::Call(call) => json!({ &call.name: object(node, &call.args) }),
        Checked::Ref(edge) => {
            let need = &node.needs[edge.need];
            let name = need.node.0.rsplit('/').next().unwrap_or("");
            let name = name.split('#').next().unwrap_or("");
            json!(format!("{name}.{}", need.port))
        }
    }
}

fn object(node: &Node, fields: &[(String, Checked)]) -> Value {
    let all = fields.iter().map(|(k, v)| (k.clone(), value(node, v)));
    Value::Object(all.collect::<Map<_, _>>())
}

fn literal(q: &Quantity) -> String {
    match q.dim {
        Dim::Share => format!("{}%", q.amount * 100.0),
        dim => format!("{} {}", q.amount, dim.unit_name())
            .trim_end()
            .to_owned(),
    }
}

#[test]
fn every_network_loss_and_optimiser_of_the_examples_fits() {
    let all = text_files();
    let every: Vec<(String, String)> = all
        .iter()
        .filter(|f| f.extension() == "align")
        .map(|f| (f.path.clone(), f.text.clone()))
        .collect();
    let mut fitted = 0;
    for main in every.iter().filter(|(p, _)| p.starts_with("examples/")) {
        let mut files = Files {
            list: vec![main.clone()],
            sets: Vec::new(),
        };
        files
            .list
            .extend(every.iter().filter(|f| *f != main).cloned());
        let Some(plan) = plan(&files.check()) else {
            continue;
        };
        for node in &plan.nodes {
            for (name, field) in &node.fields {
                let Checked::Call(call) = &field.value else {
                    continue;
                };
                // A comparison is an expression, not a builtin.
                if !call.name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                    continue;
                }
                let Some(one) = schema_of(&call.name) else {
                    panic!("{}: `{}` has no schema", node.id, call.name);
                };
                let document = value(node, &field.value);
                Schema::of(one).hold(&document, &format!("{} {name}", node.id));
                fitted += 1;
            }
        }
    }
    assert!(
        fitted > 20,
        "only {fitted} calls were held against the schema"
    );
}

#[test]
fn a_program_in_json_is_held_to_the_definitions() {
    let whole = schema();
    let good = json!({ "stage": { "pretrain": {
        "loss": "denoise", "optim": { "adamw": { "lr": 3e-4 } }, "batch": 32, "budget": "8k steps or 10 min",
    } } });
    let fits = Schema::of(whole);
    fits.hold(&good, "a good program");
    for (wrong, what) in [
        (json!({ "staeg": {} }), "an unknown block"),
        (
            json!({ "stage": { "a": { "loss": "denoise", "bugdet": "1 steps" } } }),
            "an unknown field",
        ),
        (
            json!({ "dataset": { "a": { "horizon": "32 min" } } }),
            "a wrong unit",
        ),
        (json!({ "dataset": { "a": { "horizon": 32 } } }), "no unit"),
        (
            json!({ "model": { "a": { "net": { "mpl": {} } } } }),
            "an unknown network",
        ),
        (
            json!({ "model": { "a": {} } }),
            "a required field that is missing",
        ),
        (
            json!({ "model": { "a": { "net": "mlp", "ema": 1.5 } } }),
            "a number out of its bounds",
        ),
        (
            json!({ "model": { "a": { "net": "mlp", "predict": "nosie" } } }),
            "an unknown word",
        ),
    ] {
        let refused = std::panic::catch_unwind(|| Schema::of(schema()).hold(&wrong, what));
        assert!(refused.is_err(), "{what} was taken: {wrong}");
    }
}

#[test]
fn every_name_has_a_schema_that_compiles() {
    for name in align_stdlib::builtins().map(|b| b.name) {
        Schema::of(schema_of(name).unwrap_or_default());
    }
    for block in align_stdlib::blocks::LIST {
        Schema::of(schema_of(block.word).unwrap_or_default());
    }
}
