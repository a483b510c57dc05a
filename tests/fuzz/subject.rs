//! What is done to every input: all that the compiler does with a text, and what must hold of it.

use align_compiler::diag::{Diagnostic, Sources, fix, render};
use align_compiler::graph::{States, mermaid, text};
use align_compiler::{Checked, Options, lint, plan};
use align_grammar::lex::Kind;
use align_tests::world::{Files, Memory};

/// Parses, checks, renders, repairs, lays out, asks the rules and plans.  Panics where something does not hold; returns what the check said.
pub fn run(files: &Files) -> Checked {
    let Some((_, input)) = files.list.first() else {
        panic!("no input")
    };
    let parse = align_grammar::parse(input);
    for error in &parse.errors {
        let (start, end) = (error.span.start as usize, error.span.end as usize);
        assert!(input.get(start..end).is_some(), "{error:?}");
    }
    let tree = align_grammar::tree(input).text().to_string();
    assert_eq!(tree, *input, "the tree's text is the input's");
    let checked = files.check();
    assert!(
        parse.errors.is_empty() || checked.has_errors(),
        "a syntax error is not among the findings"
    );
    for d in &checked.diagnostics {
        holds(&checked, d);
    }
    render(&checked);
    repair(files, &checked);
    lay_out(input);
    ask_rules(files);
    if let Some(plan) = plan(&checked) {
        assert!(!checked.has_errors(), "a plan in spite of an error");
        let states = States::default();
        // The layout of a graph is for people, who look at small ones.
        if (1..200).contains(&plan.nodes.len()) {
            assert!(!text(&plan, &states).is_empty());
            assert!(!mermaid(&plan, &states).is_empty());
        }
    }
    checked
}

/// The laid-out text is at rest, and its comments are those of the text.
fn lay_out(input: &str) {
    let once = align_compiler::fmt::format(input);
    assert_eq!(align_compiler::fmt::format(&once), once, "laid out twice");
    let comments = |text: &str| -> Vec<String> {
        let tokens = align_grammar::lex::lex(text);
        let of = tokens
            .iter()
            .filter(|t| matches!(t.kind, Kind::Comment | Kind::Doc));
        of.map(|t| t.text(text).trim_end().to_owned()).collect()
    };
    assert_eq!(comments(&once).len(), comments(input).len(), "comments");
}

/// What the rules find has its places in the text, and a page.
fn ask_rules(files: &Files) {
    let main = files.list.first().map_or("", |(path, _)| path.as_str());
    let options = Options {
        allow_unset: true,
        ..Options::default()
    };
    let world = Memory(files.list.iter().cloned().collect());
    let (sources, found) = lint::lint(&world, main, &options, &lint::Choice::default());
    for d in &found {
        let known = lint::rule(d.code).is_some() || align_compiler::codes::find(d.code).is_some();
        assert!(known, "{d:?}");
        in_the_text(&sources, d);
    }
}

/// A diagnostic is complete, and all of its places are in the text.
fn holds(checked: &Checked, d: &Diagnostic) {
    assert!(!d.message.is_empty() && !d.message.ends_with('.'), "{d:?}");
    assert!(align_compiler::codes::find(d.code).is_some(), "{d:?}");
    in_the_text(&checked.sources, d);
}

fn in_the_text(sources: &Sources, d: &Diagnostic) {
    let edits = d.fix.iter().flat_map(|f| &f.edits);
    let places = d.labels.iter().map(|l| (l.file, l.span));
    let all = places
        .chain(edits.map(|e| (e.file, e.span)))
        .chain([(d.file, d.span)]);
    for (file, span) in all {
        let source = sources.get(file).map_or("", |s| s.text.as_str());
        let (start, end) = (span.start as usize, span.end as usize);
        assert!(source.get(start..end).is_some(), "{span:?} of {d:?}");
    }
}

fn render(checked: &Checked) {
    let (sources, all) = (&checked.sources, &checked.diagnostics);
    for (colour, width) in [(true, 80), (false, 40)] {
        let shown = render::full(sources, all, render::Look { colour, width });
        assert_eq!(shown.is_empty(), all.is_empty());
    }
    for show in [
        render::short,
        render::text,
        render::jsonl,
        render::github,
        render::junit,
    ] {
        let shown = show(sources, all);
        assert!(all.is_empty() || !shown.is_empty());
    }
    for show in [render::json, render::sarif, render::gitlab, render::rdjson] {
        let shown = show(sources, all);
        if let Err(e) = serde_json::from_str::<serde_json::Value>(&shown) {
            panic!("no JSON: {e}: {shown}");
        }
    }
}

/// What safe fixes change is still a text that can be checked.
fn repair(files: &Files, checked: &Checked) {
    for unsafe_too in [false, true] {
        let changed = fix::apply(&checked.sources, &checked.diagnostics, unsafe_too);
        if changed.is_empty() {
            continue;
        }
        let mut files = files.clone();
        for (file, text) in changed {
            let path = checked.sources.path(file).to_owned();
            for (_, old) in files.list.iter_mut().filter(|(p, _)| *p == path) {
                old.clone_from(&text);
            }
        }
        files.check();
    }
}
