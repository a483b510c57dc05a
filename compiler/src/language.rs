//! The language's blocks and library as a JSON schema (draft 2020-12), for forms, generators and other tools that write programs.
//!
//! Made of the definitions that the checker reads, so that it cannot say anything else.  A block is an object of its fields; a call is
//! an object with one key, the name of the builtin, or that name alone; a quantity is its literal, such as `"8k steps"`.

pub use crate::events::EVENTS;
use align_schema::{Bounds, Dim, Effect, Group, Param, Ty, UNITS};
use serde_json::{Map, Value, json};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Groups of the library: their key in the schema, and their heading for people, in the order in which a program meets them.
pub const GROUPS: &[(Group, &str, &str)] = &[
    (Group::Source, "source", "data sources"),
    (Group::Filter, "filter", "filters"),
    (Group::Preference, "preference", "preferences"),
    (Group::Env, "env", "environments"),
    (Group::Relabel, "relabel", "changes of rewards"),
    (Group::Net, "net", "networks"),
    (Group::Sampler, "sampler", "samplers"),
    (Group::Guidance, "guidance", "guidance"),
    (Group::Adapter, "adapter", "adapters"),
    (Group::Search, "search", "searches"),
    (Group::Loss, "loss", "losses"),
    (Group::Optimiser, "optimiser", "optimisers"),
    (Group::Schedule, "schedule", "schedules"),
    (Group::StopRule, "stop_rule", "stop rules"),
    (Group::Action, "action", "failure actions"),
    (Group::Keep, "keep", "checkpoint rules"),
    (Group::Join, "join", "cascade: join"),
    (Group::Pick, "pick", "cascade: pick"),
    (Group::Statistic, "statistic", "statistics of a report"),
    (Group::Prune, "prune", "sweep control"),
];

/// The key of a group in the schema, and its heading.
pub fn group(group: Group) -> (&'static str, &'static str) {
    let found = GROUPS.iter().find(|(g, _, _)| *g == group);
    found.map_or(("builtin", "builtins"), |(_, key, heading)| {
        (*key, *heading)
    })
}

/// How the class of effect of a field is written.
pub fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Identity => "identity",
        Effect::Extent => "extent",
        Effect::Observe => "observe",
        Effect::Inert => "inert",
    }
}

/// The text of a doc comment without the blank that stands before each of its lines.
pub fn prose(docs: &str) -> String {
    let lines = docs.trim().lines();
    let lines: Vec<&str> = lines.map(|l| l.strip_prefix(' ').unwrap_or(l)).collect();
    lines.join("\n")
}

/// The schema of everything: a program is an object of blocks by kind and name.
pub fn schema() -> Value {
    let mut blocks = Map::new();
    for block in align_stdlib::blocks::LIST {
        blocks.insert(
            block.word.to_owned(),
            json!({
                "description": prose(block.docs),
                "type": "object",
                "additionalProperties": { "$ref": format!("#/$defs/{}", block.word) },
            }),
        );
    }
    json!({
        "$schema": DRAFT,
        "title": "align, edition 1",
        "description": "The blocks of a program by kind and name. What stands in a block's header and what depends on more than one \
                        field is the checker's work.",
        "type": "object",
        "properties": blocks,
        "additionalProperties": false,
        "$defs": definitions(),
    })
}

/// The schema of one block or builtin, with what it refers to; `None` for another name.
pub fn schema_of(name: &str) -> Option<Value> {
    let block = align_stdlib::blocks::LIST.iter().find(|b| b.word == name);
    let of_builtins: Vec<Value> = align_stdlib::builtins()
        .filter(|b| b.name == name)
        .map(|b| json!({ "$ref": format!("#/$defs/{}.{}", group(b.group).0, b.name) }))
        .collect();
    let body = match (block, of_builtins.as_slice()) {
        (Some(block), _) => json!({ "$ref": format!("#/$defs/{}", block.word) }),
        (None, []) => return None,
        (None, [one]) => one.clone(),
        (None, many) => json!({ "anyOf": many }),
    };
    let all = definitions();
    let mut wanted = Map::new();
    let mut open = vec![body.clone()];
    while let Some(value) = open.pop() {
        match &value {
            Value::Object(fields) => {
                let target = fields.get("$ref").and_then(Value::as_str);
                if let Some(key) = target.and_then(|t| t.strip_prefix("#/$defs/"))
                    && let Some(definition) = all.get(key)
                    && !wanted.contains_key(key)
                {
                    wanted.insert(key.to_owned(), definition.clone());
                    open.push(definition.clone());
                }
                open.extend(fields.values().cloned());
            }
            Value::Array(items) => open.extend(items.iter().cloned()),
            _ => {}
        }
    }
    let mut out = Map::new();
    out.insert("$schema".to_owned(), DRAFT.into());
    out.insert(
        "title".to_owned(),
        format!("align, edition 1: {name}").into(),
    );
    if let Value::Object(fields) = body {
        out.extend(fields);
    }
    out.insert("$defs".to_owned(), Value::Object(wanted));
    Some(Value::Object(out))
}

/// Every block, every group, every builtin.
fn definitions() -> Map<String, Value> {
    let mut out = Map::new();
    for block in align_stdlib::blocks::LIST {
        let mut definition = object(block.fields);
        definition["description"] = prose(block.docs).into();
        out.insert(block.word.to_owned(), definition);
    }
    for (group, key, heading) in GROUPS {
        let mut forms = Vec::new();
        for builtin in align_stdlib::builtins().filter(|b| b.group == *group) {
            let name = format!("{key}.{}", builtin.name);
            forms.push(json!({ "$ref": format!("#/$defs/{name}") }));
            let mut definition = json!({
                "description": prose(builtin.docs),
                "type": "object",
                "properties": { builtin.name: object(builtin.params) },
                "required": [builtin.name],
                "additionalProperties": false,
            });
            // A bare name is a call without arguments.
            if builtin.params.iter().all(|p| !p.required) {
                definition = json!({ "anyOf": [definition, { "const": builtin.name }] });
            }
            definition["x-since"] = builtin.since.into();
            if !builtin.metrics.is_empty() {
                definition["x-metrics"] = builtin.metrics.into();
            }
            out.insert(name, definition);
        }
        out.insert(
            format!("group.{key}"),
            json!({ "description": heading, "anyOf": forms }),
        );
    }
    out
}

/// An object of fields or of arguments.
fn object(params: &[Param]) -> Value {
    let properties: Map<String, Value> = params
        .iter()
        .map(|p| (p.name.to_owned(), property(p)))
        .collect();
    let required: Vec<&str> = params
        .iter()
        .filter(|p| p.required)
        .map(|p| p.name)
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn property(param: &Param) -> Value {
    let mut out = ty(param.ty, param.bounds.as_ref());
    out["description"] = param
        .docs
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .into();
    // The literal of the language, not a value of JSON: `32 steps`.
    if let Some(default) = param.default {
        out["x-default"] = default.into();
    }
    if let Some(bounds) = &param.bounds {
        out["x-bounds"] = bounds.to_string().into();
    }
    out["x-effect"] = effect(param.effect).into();
    out
}

fn ty(ty_: Ty, bounds: Option<&Bounds>) -> Value {
    match ty_ {
        Ty::Int => number("integer", bounds),
        Ty::Float => number("number", bounds),
        Ty::Bool => json!({ "type": "boolean" }),
        Ty::Str => json!({ "type": "string" }),
        Ty::Quantity(dims) => quantity(dims),
        Ty::Amount(dims) => json!({ "anyOf": [number("number", bounds), quantity(dims)] }),
        Ty::Enum(words) => json!({ "enum": words }),
        Ty::List(of) => json!({ "type": "array", "items": ty(*of, bounds) }),
        Ty::Call(of) => json!({ "$ref": format!("#/$defs/group.{}", group(of).0) }),
        Ty::RecordOf(of) => {
            json!({ "type": "object", "additionalProperties": ty(*of, bounds) })
        }
        Ty::Checkpoint | Ty::CriticOf(_) => reference("checkpoint"),
        Ty::Dataset(_) => reference("dataset"),
        Ty::Metric => expression("metric"),
        Ty::Condition => expression("condition"),
        Ty::Budget => expression("budget"),
        Ty::Filter => expression("filter"),
        Ty::Task => expression("task"),
        Ty::Split => expression("split"),
        Ty::CheckpointOr(words) => {
            json!({ "anyOf": [{ "enum": words }, reference("checkpoint")] })
        }
        Ty::QuantityOrBudget(dims) => json!({ "anyOf": [quantity(dims), { "const": "budget" }] }),
        Ty::Target => json!({ "anyOf": [{ "enum": ["best", "last"] }, reference("checkpoint")] }),
    }
}

fn number(kind: &str, bounds: Option<&Bounds>) -> Value {
    let mut out = json!({ "type": kind });
    if let Some(b) = bounds {
        for (end, inside, closed, open) in [
            (b.lo, b.lo_in, "minimum", "exclusiveMinimum"),
            (b.hi, b.hi_in, "maximum", "exclusiveMaximum"),
        ] {
            if end.is_finite() {
                out[if inside { closed } else { open }] = json!(end);
            }
        }
    }
    out
}

/// The literal of a quantity: a number and one of the units of its dimensions.
fn quantity(dims: &[Dim]) -> Value {
    let units: Vec<&str> = UNITS
        .iter()
        .filter(|u| dims.contains(&u.dim))
        .map(|u| u.name)
        .collect();
    let unit = units.join("|");
    let bare = if dims.contains(&Dim::Plain) { "?" } else { "" };
    json!({
        "type": "string",
        "pattern": format!(r"^-?[0-9][0-9_]*(\.[0-9]+)?([eE][+-]?[0-9]+)?[kMG]? *({unit}){bare}$"),
        "x-units": units,
    })
}

/// The name of something that another block makes, such as `pretrain.best`.
fn reference(kind: &str) -> Value {
    json!({
        "type": "string",
        "pattern": r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*(\(.*\))?)*$",
        "x-reference": kind,
    })
}

/// Text in the language itself.
fn expression(kind: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "x-expression": kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_has_a_definition() {
        let text = schema().to_string();
        let all = definitions();
        for part in text.split("\"$ref\":\"#/$defs/").skip(1) {
            let key = part.split('"').next().unwrap_or("");
            assert!(all.contains_key(key), "{key}");
        }
        for builtin in align_stdlib::builtins() {
            assert!(GROUPS.iter().any(|(g, _, _)| *g == builtin.group));
        }
    }

    #[test]
    fn a_schema_of_one_name_holds_what_it_refers_to() {
        let one = schema_of("adamw").unwrap_or_default();
        assert_eq!(one["$ref"], "#/$defs/optimiser.adamw");
        assert!(one["$defs"]["schedule.cosine"].is_object(), "{one:#}");
        assert!(one["$defs"].get("loss.ppo").is_none());
        assert!(schema_of("stage").is_some());
        assert!(schema_of("staeg").is_none());
        let lr = &one["$defs"]["optimiser.adamw"];
        let lr = if lr["anyOf"].is_array() {
            &lr["anyOf"][0]
        } else {
            lr
        };
        let lr = &lr["properties"]["adamw"]["properties"]["lr"];
        assert_eq!(lr["exclusiveMinimum"], 0.0, "{lr:#}");
    }
}
