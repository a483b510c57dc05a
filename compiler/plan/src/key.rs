//! Content keys: what a node computes, as a digest (`language.md` section 5).
//!
//! A key covers the canonical values of identity fields, the content digests of the inputs, the seed, the round and the
//! numeric class.  Names, places, comments, attempts, machines and thread counts are not in it.

use std::fmt;

use align_schema::{Effect, Value};
use serde::{Deserialize, Serialize};

use crate::node::Node;

/// A BLAKE3 digest in hex.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub String);

impl Digest {
    /// Of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes).to_hex().to_string())
    }
    /// The first ten digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub Digest);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One part of a key, kept beside it so that a miss can be explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Such as `optim.lr`, `input data`, `seed`, `numeric`.
    pub name: String,
    /// Short, for people.
    pub value: String,
    /// Digest of the full value.
    pub digest: Digest,
}

/// Splits what a node computes into parts.  `inputs` are content digests, one for each of `node.needs`; `numeric` is the
/// numeric class, such as `cpu-f32`; `semantics` are editions of the builtins used.
pub fn parts(
    node: &Node,
    inputs: &[Digest],
    numeric: &str,
    semantics: &[(String, u32)],
) -> Vec<Part> {
    let mut out = Vec::new();
    let mut push = |name: String, value: String, bytes: &[u8]| {
        out.push(Part {
            name,
            value,
            digest: Digest::of(bytes),
        });
    };
    push(
        "kind".into(),
        format!("{:?}", node.kind).to_lowercase(),
        format!("{:?}", node.kind).as_bytes(),
    );
    push("numeric".into(), numeric.to_owned(), numeric.as_bytes());
    push(
        "seed".into(),
        node.seed.to_string(),
        &node.seed.to_le_bytes(),
    );
    push(
        "round".into(),
        node.round.to_string(),
        &node.round.to_le_bytes(),
    );
    for (name, edition) in semantics {
        push(
            format!("semantics {name}"),
            edition.to_string(),
            &edition.to_le_bytes(),
        );
    }
    for (name, field) in &node.fields {
        if field.effect == Effect::Identity {
            leaves(name, &field.value, inputs, &mut push);
        }
    }
    // `from` and `data` shape the result without a field of their own.
    for (need, digest) in node.needs.iter().zip(inputs) {
        if matches!(need.role.as_str(), "data" | "from") || need.role.starts_with("member.") {
            push(
                format!("input {}", need.role),
                digest.short().to_owned(),
                digest.0.as_bytes(),
            );
        }
    }
    out
}

/// The key of a node: the digest of its parts.
pub fn key(parts: &[Part]) -> Key {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.name.len() as u64).to_le_bytes());
        hasher.update(part.name.as_bytes());
        hasher.update(part.digest.0.as_bytes());
    }
    Key(Digest(hasher.finalize().to_hex().to_string()))
}

fn leaves(
    path: &str,
    value: &Value,
    inputs: &[Digest],
    push: &mut impl FnMut(String, String, &[u8]),
) {
    match value {
        Value::Record(fields) => {
            // The order in which a person writes a record's keys means nothing.
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            for (k, v) in sorted {
                leaves(&format!("{path}.{k}"), v, inputs, push);
            }
        }
        Value::Call(call) => {
            push(path.to_owned(), call.name.clone(), call.name.as_bytes());
            for (k, v) in &call.args {
                leaves(&format!("{path}.{k}"), v, inputs, push);
            }
        }
        Value::List(items) => {
            push(
                path.to_owned(),
                format!("{} items", items.len()),
                &(items.len() as u64).to_le_bytes(),
            );
            for (i, v) in items.iter().enumerate() {
                leaves(&format!("{path}.{i}"), v, inputs, push);
            }
        }
        Value::Ref(r) => {
            let digest = inputs
                .get(r.need)
                .cloned()
                .unwrap_or_else(|| Digest(String::new()));
            push(
                path.to_owned(),
                digest.short().to_owned(),
                digest.0.as_bytes(),
            );
        }
        leaf => {
            let text = serde_json::to_vec(leaf).unwrap_or_default();
            push(path.to_owned(), leaf.to_string(), &text);
        }
    }
}
