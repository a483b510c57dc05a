//! Jobs for tests: nodes written by hand, artifacts in a temporary folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use align_plan::{Budget, Digest, EvalSpec, Field, Key, Need, Node, NodeId, NodeKind, Place};
use align_runtime_api::{Files, Input, Job};
use align_schema::{Call, Dim, Effect, Port, Quantity, Ref, Value};

/// A call with the given arguments, and the defaults of its definition.
pub fn call(name: &str, args: &[(&str, Value)]) -> Value {
    let builtin = align_stdlib::builtins().find(|b| b.name == name).unwrap();
    let mut all = Vec::new();
    for p in builtin.params {
        let given = args
            .iter()
            .find(|(n, _)| *n == p.name)
            .map(|(_, v)| v.clone());
        if let Some(v) = given.or_else(|| p.default.map(literal)) {
            all.push((p.name.to_owned(), v));
        }
    }
    Value::from(Call {
        name: name.into(),
        args: all,
    })
}

/// A literal of the language, as far as defaults use them.
fn literal(text: &str) -> Value {
    if let Ok(b) = text.parse() {
        return Value::Bool(b);
    }
    if let Ok(n) = text.parse() {
        return Value::Int(n);
    }
    if let Ok(x) = text.parse() {
        return Value::Float(x);
    }
    if let Some(share) = text.strip_suffix('%').and_then(|p| p.parse::<f64>().ok()) {
        return quantity(share / 100.0, Dim::Share);
    }
    if let Some(name) = text.strip_suffix("()") {
        return call(name, &[]);
    }
    let parts = text
        .split_once(' ')
        .and_then(|(n, u)| Some((n.parse::<f64>().ok()?, align_schema::unit(u)?)));
    match parts {
        Some((n, unit)) => quantity(n * unit.scale, unit.dim),
        None => Value::Name(text.into()),
    }
}

pub fn quantity(amount: f64, dim: Dim) -> Value {
    Value::Quantity(Quantity::new(amount, dim))
}

pub fn need(index: usize) -> Value {
    Value::Ref(Ref { need: index })
}

/// Artifacts of finished nodes.
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// A fresh folder of this name.
    pub fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("align-stdlib-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    /// Keeps an artifact; the result is its files.
    pub fn put(&self, name: &str, files: &Files) -> BTreeMap<String, PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for (file, bytes) in files {
            std::fs::write(folder.join(file), bytes).unwrap();
        }
        files_of(&folder)
    }

    /// A job; each need is a role and the name of an artifact.
    pub fn job(
        &self,
        kind: NodeKind,
        name: &str,
        fields: &[(&str, Value)],
        needs: &[(&str, &str)],
    ) -> Job {
        let needs: Vec<Need> = needs
            .iter()
            .map(|(role, of)| Need {
                role: (*role).into(),
                node: NodeId((*of).into()),
                port: Port::Best,
            })
            .collect();
        let input = |need: &Need| Input {
            need: need.clone(),
            kind: NodeKind::Stage,
            digest: Digest(String::new()),
            files: files_of(&self.folder.join(&need.node.0)),
            metrics: BTreeMap::new(),
        };
        let inputs = needs.iter().map(input).collect();
        let field = |v: &Value| Field {
            value: v.clone(),
            effect: Effect::Identity,
            place: Place::default(),
        };
        let node = Node {
            id: NodeId(name.into()),
            lane: "main".into(),
            name: name.into(),
            round: 1,
            kind,
            needs,
            fields: fields
                .iter()
                .map(|(n, v)| ((*n).to_owned(), field(v)))
                .collect(),
            seed: 0,
            budget: Some(Budget {
                any: vec![Quantity::new(100.0, Dim::Steps)],
                read: true,
            }),
            until: None,
            eval: Some(EvalSpec {
                every: Quantity::new(10.0, Dim::Steps),
                episodes: 4,
            }),
            keep: None,
            arms: Vec::new(),
            gate: None,
            carry: None,
            place: Place::default(),
        };
        Job {
            key: Key(Digest(name.into())),
            node,
            inputs,
            numeric: "cpu-f32".into(),
            device: std::env::var("ALIGN_TEST_DEVICE").unwrap_or_else(|_| "cpu".into()),
            simulator: None,
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn files_of(folder: &Path) -> BTreeMap<String, PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let entry = |e: std::io::Result<std::fs::DirEntry>| {
        let e = e.unwrap();
        (e.file_name().into_string().unwrap(), e.path())
    };
    entries.map(entry).collect()
}
