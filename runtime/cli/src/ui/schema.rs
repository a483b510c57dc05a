//! The published schemas of what the binary writes for programs, and a check of a document against one (for tests).
//!
//! Knows the part of JSON Schema that the files of `schema/` use: type, properties, required, items, enum, `additionalProperties`.

use serde_json::Value;

use crate::commands::schema::PUBLISHED;

/// Schema by name.
fn schema(name: &str) -> &'static str {
    let found = PUBLISHED.iter().find(|s| s.name == name);
    found.map_or_else(|| panic!("no schema `{name}`"), |s| s.text)
}

/// Fails unless the document has what its schema asks for, and nothing that the schema does not know.
pub(crate) fn assert_keys(name: &str, document: &Value) {
    let schema: Value = serde_json::from_str(schema(name)).unwrap();
    let mut faults = Vec::new();
    fits(&schema, &schema, document, "$", &mut faults);
    assert!(faults.is_empty(), "{name}: {faults:#?}");
}

/// Collects where a document leaves its schema.
fn fits(root: &Value, schema: &Value, value: &Value, path: &str, faults: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let target = root.pointer(name.trim_start_matches('#'));
        return fits(root, target.unwrap_or(&Value::Null), value, path, faults);
    }
    if let Some(options) = schema["oneOf"].as_array() {
        let fitting = options.iter().filter(|option| {
            let mut inner = Vec::new();
            fits(root, option, value, path, &mut inner);
            inner.is_empty()
        });
        if fitting.count() != 1 {
            faults.push(format!("{path}: not exactly one form fits {value}"));
        }
        return;
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => vec![kind],
    };
    let whole = kind == "integer" && allowed.contains(&"number");
    if !(whole || allowed.contains(&kind)) {
        faults.push(format!("{path}: found {kind}, wanted {allowed:?}"));
    }
    if let Some(words) = schema["enum"].as_array().filter(|w| !w.contains(value)) {
        faults.push(format!("{path}: found {value}, wanted one of {words:?}"));
    }
    if schema.get("const").is_some_and(|c| c != value) {
        faults.push(format!("{path}: found {value}, wanted {}", schema["const"]));
    }
    if let Value::Object(fields) = value {
        object(root, schema, fields, path, faults);
    }
    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
        if schema.get("items").is_some() {
            fits(
                root,
                &schema["items"],
                item,
                &format!("{path}[{i}]"),
                faults,
            );
        }
    }
}

fn object(
    root: &Value,
    schema: &Value,
    fields: &serde_json::Map<String, Value>,
    path: &str,
    faults: &mut Vec<String>,
) {
    for wanted in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if !fields.contains_key(wanted) {
            faults.push(format!("{path}: `{wanted}` is missing"));
        }
    }
    for (name, value) in fields {
        let inner = format!("{path}.{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => {
                faults.push(format!("{inner}: the schema does not know it"));
            }
            (Value::Null, more) if more.is_object() => fits(root, more, value, &inner, faults),
            (Value::Null, _) => {}
            (known, _) => fits(root, known, value, &inner, faults),
        }
    }
}

#[test]
fn a_document_that_leaves_its_schema_is_found() {
    let schema: Value = serde_json::from_str(schema("plan")).unwrap();
    let wrong = serde_json::json!({ "version": "1", "nodes": [{ "id": 3 }], "more": 1 });
    let mut faults = Vec::new();
    fits(&schema, &schema, &wrong, "$", &mut faults);
    for part in [
        "`summary` is missing",
        "$.version",
        "$.more",
        "`action` is missing",
        "$.nodes[0].id",
    ] {
        assert!(
            faults.iter().any(|f| f.contains(part)),
            "{part} in {faults:#?}"
        );
    }
}
