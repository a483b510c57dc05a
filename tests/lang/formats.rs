//! Every output of `align check` for machines, over everything that the pages and the broken programs show: does an independent
//! parser read it, does it fit the schema of its format, and does it say what was found?

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod language_schema;

use std::collections::BTreeSet;

use align_compiler::codes::{Example, PAGES, Page};
use align_compiler::diag::fix::apply_where;
use align_compiler::diag::{Diagnostic, FileId, Findings, Sources, render};
use align_tests::world::{Files, lines};
use align_tests::{root, text_files};
use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

/// A schema that documents can be held against.
pub struct Schema {
    all: Schemas,
    index: SchemaIndex,
}

impl Schema {
    /// Reads one below the root of the repository.
    pub fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        Self::of(serde_json::from_str(&text).unwrap())
    }

    /// Compiles a schema.
    pub fn of(schema: Value) -> Self {
        let mut all = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler
            .add_resource("http://align.test/schema", schema)
            .unwrap();
        let index = compiler.compile("http://align.test/schema", &mut all);
        let index = index.unwrap_or_else(|e| panic!("{e:#}"));
        Self { all, index }
    }

    /// Fails unless the document fits.
    pub fn hold(&self, document: &Value, what: &str) {
        if let Err(e) = self.all.validate(document, self.index) {
            panic!("{what}: {e}\n{document:#}");
        }
    }
}

/// A call of `align check`: its name and what was found.
struct Call {
    name: String,
    found: Findings,
}

fn call(name: &str, programs: &[Files]) -> Call {
    let mut found = Findings::default();
    for files in programs {
        let checked = files.check();
        found.add(checked.sources, checked.diagnostics);
    }
    Call {
        name: name.to_owned(),
        found,
    }
}

fn page_files(page: &Page, example: &Example) -> Files {
    let mut out = Files::one(&example.text);
    for other in page.examples() {
        if let Some(path) = other.get("file") {
            out.list.push((path.to_owned(), other.text.clone()));
        }
    }
    out
}

/// One call for each failing example, one for each broken program, and those that are easy to get wrong.
fn calls() -> Vec<Call> {
    let mut out = Vec::new();
    let mut all = Vec::new();
    for page in PAGES {
        for (n, example) in page.examples().iter().enumerate() {
            if example.is("fail") {
                let mut files = page_files(page, example);
                out.push(call(page.code, &[files.clone()]));
                files.list[0].0 = format!("./{}_{n}.align", page.code);
                all.push(files);
            }
        }
    }
    for file in text_files() {
        if file.path.starts_with("tests/corpus/broken/") && file.extension() == "align" {
            let mut files = Files::one(&file.text);
            files.list[0].0.clone_from(&file.path);
            out.push(call(&file.path, &[files]));
        }
    }
    out.push(call("every page at once", &all));
    out.push(call("nothing at all", &[]));
    out.push(call("nothing found", &[Files::one("align 1\n")]));
    out.push(call("an empty file", &[Files::one("")]));
    let named = |path: &str, text: &str| Files {
        list: vec![(path.to_owned(), text.to_owned())],
        sets: Vec::new(),
    };
    out.push(call(
        "odd names and texts",
        &[
            named(
                "a b,c:d%#?<&>\"é\n.align",
                "align 1\r\nlet x = \"\u{1b}[31m\u{0}\" + β\t🦀 ]]>\r\nstaeg\r\n",
            ),
            named("/tmp/..//x.align", "stage \u{fffe} {"),
            named("\\odd\\.align", "let a = 5 stpes // \u{2028}"),
            Files {
                list: vec![(
                    "p.align".to_owned(),
                    "align 1\nparam beta: float = 1\n".to_owned(),
                )],
                sets: vec![
                    ("beta".to_owned(), "\"é\"".to_owned()),
                    ("gamma".to_owned(), "1".to_owned()),
                ],
            },
        ],
    ));
    let missing = Files {
        list: vec![(
            "main.align".to_owned(),
            "align 1\nuse \"gone.align\".x\n".to_owned(),
        )],
        sets: Vec::new(),
    };
    out.push(call("a missing file", &[missing]));
    assert!(
        out.iter()
            .filter(|c| !c.found.diagnostics.is_empty())
            .count()
            > 60
    );
    out
}

fn parsed(text: &str, what: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{what}: {e}\n{text}"))
}

fn codes(found: &Findings) -> Vec<&str> {
    found.diagnostics.iter().map(|d| d.code).collect()
}

fn texts<'v>(value: &'v Value, key: &str) -> Vec<&'v str> {
    let of = |v: &'v Value| v.pointer(key).and_then(Value::as_str).unwrap();
    value.as_array().unwrap().iter().map(of).collect()
}

#[test]
fn json_and_json_lines_are_as_published() {
    let array = Schema::read("runtime/cli/schema/check.json");
    let line = Schema::read("runtime/cli/schema/check-line.json");
    let counts = Schema::read("runtime/cli/schema/statistics.json");
    for Call { name, found } in calls() {
        let document = parsed(&render::json(&found.sources, &found.diagnostics), &name);
        array.hold(&document, &name);
        assert_eq!(texts(&document, "/code"), codes(&found), "{name}");
        let text = render::jsonl(&found.sources, &found.diagnostics);
        let each: Vec<Value> = text.lines().map(|l| parsed(l, &name)).collect();
        for one in &each {
            line.hold(one, &name);
        }
        assert_eq!(Value::Array(each), document, "{name}");
        let text = render::statistics_json(&found.diagnostics);
        let document = parsed(&text, &name);
        counts.hold(&document, &name);
        let sum: u64 = document
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["count"].as_u64().unwrap())
            .sum();
        assert_eq!(sum as usize, found.diagnostics.len(), "{name}");
    }
}

#[test]
fn sarif_fits_the_schema_of_oasis_and_its_fixes_are_ours() {
    let schema = Schema::read("tests/fixtures/schemas/sarif-2.1.0.json");
    let mut fixes = 0;
    for Call { name, found } in calls() {
        let document = parsed(&render::sarif(&found.sources, &found.diagnostics), &name);
        schema.hold(&document, &name);
        let run = &document["runs"][0];
        assert_eq!(run["columnKind"], "unicodeCodePoints");
        let results = &run["results"];
        assert_eq!(texts(results, "/ruleId"), codes(&found), "{name}");
        for (n, result) in results.as_array().unwrap().iter().enumerate() {
            let index = result["ruleIndex"].as_u64().unwrap() as usize;
            let rule = &run["tool"]["driver"]["rules"][index];
            assert_eq!(rule["id"], result["ruleId"], "{name}");
            assert!(rule["help"]["markdown"].as_str().unwrap().starts_with("# "));
            let d = &found.diagnostics[n];
            let places = 1 + result["relatedLocations"].as_array().map_or(0, Vec::len);
            assert_eq!(places, 1 + d.labels.len(), "{name}");
            for change in result["fixes"].as_array().into_iter().flatten() {
                fixes += 1;
                sarif_fix_is_ours(&found, n, change, &name);
            }
        }
    }
    assert!(fixes > 10, "only {fixes} fixes were compared");
}

/// Makes the replacements of a SARIF fix by counting characters, and compares with what our own fix makes.
fn sarif_fix_is_ours(found: &Findings, at: usize, fix: &Value, name: &str) {
    let ours = apply_where(&found.sources, &found.diagnostics, true, |n| n == at);
    let d = &found.diagnostics[at];
    for change in fix["artifactChanges"].as_array().unwrap() {
        let Some((file, text)) = ours.texts.iter().find(|(file, _)| *file == d.file) else {
            // The text of a `--set` is no file.
            continue;
        };
        let mut chars: Vec<char> = found.sources.get(*file).unwrap().text.chars().collect();
        let mut replacements: Vec<&Value> =
            change["replacements"].as_array().unwrap().iter().collect();
        let index = |r: &Value, end: &str| {
            let number = |key: String| r["deletedRegion"][key].as_u64().unwrap() as usize;
            index_of(
                &chars,
                number(format!("{end}Line")),
                number(format!("{end}Column")),
            )
        };
        let mut edits: Vec<(usize, usize, &str)> = replacements
            .drain(..)
            .map(|r| {
                let text = r["insertedContent"]["text"].as_str().unwrap();
                (index(r, "start"), index(r, "end"), text)
            })
            .collect();
        edits.sort_unstable_by_key(|(start, _, _)| std::cmp::Reverse(*start));
        for (start, end, new) in edits {
            chars.splice(start..end, new.chars());
        }
        assert_eq!(chars.iter().collect::<String>(), *text, "{name}");
    }
}

/// Where a line and a column (both from 1) stand among the characters.
fn index_of(chars: &[char], line: usize, column: usize) -> usize {
    let ends = chars.iter().enumerate().filter(|(_, c)| **c == '\n');
    let start = match line {
        1 => 0,
        n => ends.map(|(at, _)| at + 1).nth(n - 2).unwrap(),
    };
    start + column - 1
}

#[test]
fn rdjson_fits_its_schema_and_its_suggestions_are_our_fixes() {
    let schema = Schema::read("tests/fixtures/schemas/rdjson.json");
    let mut compared = 0;
    for Call { name, found } in calls() {
        let document = parsed(&render::rdjson(&found.sources, &found.diagnostics), &name);
        schema.hold(&document, &name);
        let entries = &document["diagnostics"];
        assert_eq!(texts(entries, "/code/value"), codes(&found), "{name}");
        for (n, entry) in entries.as_array().unwrap().iter().enumerate() {
            let Some(suggestion) = entry["suggestions"].get(0) else {
                continue;
            };
            let ours = apply_where(&found.sources, &found.diagnostics, true, |at| at == n);
            let Some((file, wanted)) = ours.texts.first() else {
                continue;
            };
            let mut text = found.sources.get(*file).unwrap().text.clone();
            let at = |end: &str| {
                let place = &suggestion["range"][end];
                let line = place["line"].as_u64().unwrap() as usize;
                let before: usize = text
                    .split_inclusive('\n')
                    .take(line - 1)
                    .map(str::len)
                    .sum();
                before + place["column"].as_u64().unwrap() as usize - 1
            };
            let range = at("start")..at("end");
            text.replace_range(range, suggestion["text"].as_str().unwrap());
            assert_eq!(text, *wanted, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 10, "only {compared} suggestions were compared");
}

#[test]
fn gitlab_fits_its_schema_and_no_fingerprint_is_there_twice() {
    let schema = Schema::read("tests/fixtures/schemas/gitlab.json");
    for Call { name, found } in calls() {
        let document = parsed(&render::gitlab(&found.sources, &found.diagnostics), &name);
        schema.hold(&document, &name);
        assert_eq!(texts(&document, "/check_name"), codes(&found), "{name}");
        let prints = texts(&document, "/fingerprint");
        let unique: BTreeSet<&&str> = prints.iter().collect();
        assert_eq!(unique.len(), prints.len(), "{name}");
    }
}

#[test]
fn junit_is_xml_whose_counts_add_up() {
    for Call { name, found } in calls() {
        let text = render::junit(&found.sources, &found.diagnostics);
        let document =
            roxmltree::Document::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}\n{text}"));
        let top = document.root_element();
        assert_eq!(top.tag_name().name(), "testsuites");
        let number = |node: roxmltree::Node<'_, '_>, key: &str| -> usize {
            node.attribute(key).unwrap().parse().unwrap()
        };
        let under = |node: roxmltree::Node<'_, '_>, tag: &str| {
            node.descendants().filter(|n| n.has_tag_name(tag)).count()
        };
        let errors = found.diagnostics.iter().filter(|d| d.is_error()).count();
        assert_eq!(number(top, "failures"), errors, "{name}");
        assert_eq!(under(top, "failure"), errors, "{name}");
        let mut seen = BTreeSet::new();
        for suite in top.children().filter(roxmltree::Node::is_element) {
            assert_eq!(suite.tag_name().name(), "testsuite");
            assert!(
                seen.insert(suite.attribute("name").unwrap().to_owned()),
                "{name}: a suite twice"
            );
            assert_eq!(number(suite, "tests"), under(suite, "testcase"), "{name}");
            assert_eq!(number(suite, "failures"), under(suite, "failure"), "{name}");
            for case in suite.children().filter(roxmltree::Node::is_element) {
                assert_eq!(case.tag_name().name(), "testcase");
                assert!(case.attribute("classname").is_some() && case.attribute("name").is_some());
            }
        }
        let cases: usize = number(top, "tests");
        assert_eq!(cases, under(top, "testcase"), "{name}");
        let messages: Vec<&str> = top
            .descendants()
            .filter(|n| n.has_tag_name("failure"))
            .filter_map(|n| n.attribute("message"))
            .collect();
        for d in found.diagnostics.iter().filter(|d| d.is_error()) {
            let plain = d.message.chars().all(|c| (' '..'\u{fffe}').contains(&c));
            assert!(
                !plain || messages.contains(&d.message.as_str()),
                "{name}: {}",
                d.message
            );
        }
    }
}

#[test]
fn github_is_one_command_a_finding() {
    for Call { name, found } in calls() {
        let text = render::github(&found.sources, &found.diagnostics);
        assert_eq!(
            text.lines().count(),
            found.diagnostics.len(),
            "{name}\n{text}"
        );
        for (line, d) in text.lines().zip(&found.diagnostics) {
            let rest = line.strip_prefix("::").unwrap();
            let (command, data) = rest.split_once("::").unwrap();
            let (kind, properties) = command.split_once(' ').unwrap();
            assert!(["error", "warning", "notice"].contains(&kind), "{line}");
            let of = |key: &str| {
                let all = properties.split(',');
                all.filter_map(|p| p.split_once('='))
                    .find(|(k, _)| *k == key)
                    .map(|(_, v)| v)
            };
            assert_eq!(of("title"), Some(d.code), "{line}");
            let (start, _) = found.sources.places(d.file, d.span);
            assert_eq!(of("line"), Some(start.line.to_string().as_str()), "{line}");
            let message = data
                .replace("%0A", "\n")
                .replace("%0D", "\r")
                .replace("%25", "%");
            assert!(message.starts_with(&d.message), "{name}: {line}");
        }
    }
}

#[test]
fn plain_text_holds_everything_and_draws_nothing() {
    for Call { name, found } in calls() {
        let text = render::text(&found.sources, &found.diagnostics);
        for d in found.diagnostics.iter().take(render::SHOWN) {
            assert!(text.contains(&d.message), "{name}: {}", d.message);
            for label in &d.labels {
                assert!(text.contains(&label.text), "{name}: {}", label.text);
            }
        }
        let drawn = |c: char| ('\u{2500}'..='\u{259f}').contains(&c);
        assert!(!text.contains(drawn), "{name}\n{text}");
        assert_eq!(text.is_empty(), found.diagnostics.is_empty(), "{name}");
    }
}

#[test]
fn a_place_that_a_bug_puts_outside_is_no_bad_document() {
    let mut sources = Sources::default();
    let file = sources.add("a.align", "é\n");
    let span = align_grammar::ast::Span::new(1, 99_999);
    let d = Diagnostic::error("A0001", file, span, "beyond")
        .with_place(FileId(7), span, "of no file")
        .with_replacement(span, "x");
    let found = Findings {
        sources,
        diagnostics: vec![d],
        programs: vec![vec![file]],
    };
    let (s, d) = (&found.sources, &found.diagnostics[..]);
    let sarif = Schema::read("tests/fixtures/schemas/sarif-2.1.0.json");
    sarif.hold(&parsed(&render::sarif(s, d), "sarif"), "sarif");
    let array = Schema::read("runtime/cli/schema/check.json");
    array.hold(&parsed(&render::json(s, d), "json"), "json");
    roxmltree::Document::parse(&render::junit(s, d)).unwrap();
    assert!(render::text(s, d).contains("beyond"));
    let checked = Files::one("align 1\n").check();
    assert!(lines(&checked).is_empty());
}
