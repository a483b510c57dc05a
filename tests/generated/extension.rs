//! Is the VS Code extension whole: does each file that its manifest names exist, and does each snippet parse?

use std::fs;

use align_tests::root;
use serde_json::Value;

fn read(path: &str) -> Value {
    let path = root().join("editors/vscode").join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn the_manifest_names_files_that_exist() {
    let manifest = read("package.json");
    let mut seen = 0;
    for list in ["languages", "grammars", "snippets"] {
        for entry in manifest["contributes"][list]
            .as_array()
            .into_iter()
            .flatten()
        {
            for key in ["path", "configuration"] {
                if let Some(path) = entry[key].as_str() {
                    read(path);
                    seen += 1;
                }
            }
        }
    }
    assert_eq!(seen, 3, "a language configuration, a grammar and snippets");
    assert_eq!(
        manifest["contributes"]["languages"][0]["extensions"][0],
        ".align"
    );
    let scope = &read("syntaxes/align.tmLanguage.json")["scopeName"];
    assert_eq!(&manifest["contributes"]["grammars"][0]["scopeName"], scope);
}

/// A snippet as it stands in the file when each hole is left as it is.
fn filled(body: &str) -> String {
    let mut out = String::new();
    let mut rest = body;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(hole) = rest.strip_prefix('{') {
            let end = hole.find('}').unwrap_or(hole.len());
            let text = hole[..end].split_once(':').map_or("", |(_, text)| text);
            // A choice is written `|a,b|`.
            let choice = hole[..end]
                .split_once('|')
                .map(|(_, c)| c.trim_end_matches('|'));
            out.push_str(choice.and_then(|c| c.split(',').next()).unwrap_or(text));
            rest = hole.get(end + 1..).unwrap_or("");
        } else {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        }
    }
    out + rest
}

#[test]
fn every_snippet_parses() {
    let snippets = read("snippets/align.json");
    let snippets = snippets.as_object().expect("an object of snippets");
    assert!(snippets.len() >= 8);
    for (name, snippet) in snippets {
        let lines = snippet["body"].as_array().expect("a body of lines");
        let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
        let body = filled(&lines.join("\n"));
        // Where it may stand: a file of its own, among items, or in a block.
        let places = [
            body.clone(),
            format!("align 1\n{body}\n"),
            format!("align 1\nstage s trains m {{\n{body}\n}}\n"),
        ];
        let errors: Vec<_> = places
            .iter()
            .map(|text| align_grammar::parse(text).errors)
            .collect();
        assert!(
            errors.iter().any(Vec::is_empty),
            "snippet `{name}`: {errors:#?}\n{body}"
        );
    }
}
