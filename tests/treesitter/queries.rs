//! Do the queries compile, and do they find what they are for?

use tree_sitter::{Node, Query, QueryCursor, StreamingIterator};
use tree_sitter_align::{
    FOLDS_QUERY, HIGHLIGHTS_QUERY, INDENTS_QUERY, INJECTIONS_QUERY, LANGUAGE, LOCALS_QUERY,
};

use crate::tree;

/// A program with one of each thing that has a colour, and something to fold and to look up.
const SAMPLE: &str = r#"/// A study.
align 1 // edition
use std.losses.denoise as fit
param beta: float = 1.5e2
let width = 8 steps
pipeline lane(task: Task) {
    let width = 32
    model planner {
        net       = temporal_unet(width: width, mults: [1, 2])
        optim.lr  = own(0.5%)
        ema       = off
    }
    stage one trains planner on task from planner.best {
        loss = fit()
        until not width >= 2 and "text" == task.name
        on failure {
            nan  => rollback(to: best, scale: { batch: 0.5 })
            else => skip
        }
    }
    sequence all = one -> two.last { rounds = width }
}
/* Over
   two lines. */
sweep study of lane {
    task in ["a"]
    without { task: "b" }
}
let other = width
"#;

fn query(text: &str) -> Query {
    Query::new(&LANGUAGE.into(), text).unwrap_or_else(|e| panic!("{e}"))
}

/// What a query captures in the sample, in the order of its patterns: name, bytes, kind of node.
fn captures(text: &str) -> Vec<(String, std::ops::Range<usize>, String)> {
    let query = query(text);
    let tree = tree(SAMPLE);
    assert!(
        !tree.root_node().has_error(),
        "{}",
        tree.root_node().to_sexp()
    );
    let mut cursor = QueryCursor::new();
    let mut matches = cursor.matches(&query, tree.root_node(), SAMPLE.as_bytes());
    let mut found = Vec::new();
    while let Some(one) = matches.next() {
        for capture in one.captures() {
            let name = query.capture_names()[capture.index as usize].to_owned();
            let node: Node = capture.node;
            found.push((
                one.pattern_index,
                name,
                node.byte_range(),
                node.kind().to_owned(),
            ));
        }
    }
    found.sort_by_key(|(pattern, ..)| *pattern);
    found.into_iter().map(|(_, n, r, k)| (n, r, k)).collect()
}

/// The bytes of the n-th `part` of a line that holds `line`.
fn place(line: &str, part: &str, n: usize) -> std::ops::Range<usize> {
    let start = SAMPLE.find(line).unwrap_or_else(|| panic!("no `{line}`"));
    let rest = &SAMPLE[start..];
    let (at, _) = rest
        .match_indices(part)
        .nth(n)
        .unwrap_or_else(|| panic!("no `{part}` after `{line}`"));
    start + at..start + at + part.len()
}

#[test]
fn each_has_something_to_say() {
    for (name, text) in [
        ("highlights", HIGHLIGHTS_QUERY),
        ("locals", LOCALS_QUERY),
        ("folds", FOLDS_QUERY),
        ("indents", INDENTS_QUERY),
        ("injections", INJECTIONS_QUERY),
    ] {
        assert!(query(text).pattern_count() > 0, "{name} has no pattern");
        assert!(!captures(text).is_empty(), "{name} captures nothing");
    }
}

#[test]
fn words_have_their_colours() {
    let found = captures(HIGHLIGHTS_QUERY);
    // The last pattern wins.
    let colour = |bytes: &std::ops::Range<usize>| {
        let here = found.iter().filter(|(_, range, _)| range == bytes);
        here.map(|(name, ..)| name.as_str())
            .rfind(|name| *name != "spell")
    };
    for (line, part, wanted) in [
        ("/// A study.", "/// A study.", "comment.documentation"),
        ("align 1", "align", "keyword.directive"),
        ("align 1", "1", "number"),
        ("align 1", "// edition", "comment"),
        ("use std", "use", "keyword.import"),
        ("use std", "losses", "module"),
        ("use std", "as", "keyword.import"),
        ("param beta", "beta", "variable.parameter"),
        ("param beta", "float", "type.builtin"),
        ("param beta", "1.5e2", "number"),
        ("let width = 8", "let", "keyword"),
        ("let width = 8", "width", "variable"),
        ("let width = 8", "steps", "type"),
        ("pipeline lane", "pipeline", "keyword.type"),
        ("pipeline lane", "lane", "function"),
        ("pipeline lane", "task", "variable.parameter"),
        ("model planner", "planner", "type.definition"),
        ("net       =", "net", "property"),
        ("net       =", "temporal_unet", "function.builtin"),
        ("net       =", "width", "variable.parameter"),
        ("net       =", "(", "punctuation.bracket"),
        ("optim.lr", "optim", "property"),
        ("optim.lr", "lr", "property"),
        ("optim.lr", "own", "function.call"),
        ("optim.lr", "%", "type"),
        ("ema       =", "off", "boolean"),
        ("stage one", "trains", "keyword"),
        ("stage one", "on", "keyword.conditional"),
        ("stage one", "from", "keyword"),
        ("stage one", "best", "constant.builtin"),
        ("until not", "until", "keyword.conditional"),
        ("until not", "not", "keyword.operator"),
        ("until not", ">=", "operator"),
        ("until not", "and", "keyword.operator"),
        ("until not", "\"text\"", "string"),
        ("until not", "name", "variable.member"),
        ("on failure", "failure", "constant"),
        ("nan  =>", "nan", "constant"),
        ("nan  =>", "=>", "operator"),
        ("nan  =>", "rollback", "function.builtin"),
        ("nan  =>", "batch", "property"),
        ("else =>", "else", "keyword.conditional"),
        ("sequence all", "->", "operator"),
        ("sequence all", "two", "variable"),
        ("sequence all", "last", "variable.member"),
        ("sweep study", "of", "keyword"),
        ("sweep study", "lane", "variable"),
        ("task in", "task", "variable.parameter"),
        ("task in", "in", "keyword"),
        ("without {", "without", "keyword"),
    ] {
        let nth = usize::from(line == "stage one" && part == "on");
        let bytes = place(line, part, nth);
        assert_eq!(colour(&bytes), Some(wanted), "`{part}` of `{line}`");
    }
}

#[test]
fn every_block_folds() {
    let folds = captures(FOLDS_QUERY);
    let lines = |range: &std::ops::Range<usize>| {
        let text = &SAMPLE[range.clone()];
        text.contains('\n')
            .then(|| text.lines().next().unwrap_or("").to_owned())
    };
    let tall: Vec<_> = folds
        .iter()
        .filter_map(|(_, range, _)| lines(range))
        .collect();
    let wanted = SAMPLE.matches(" {\n").count();
    assert_eq!(
        tall.iter().filter(|l| *l == "{").count(),
        wanted,
        "{tall:?}"
    );
    assert!(tall.iter().any(|l| l == "/* Over"), "{tall:?}");
}

/// Which definition does a name mean, for one who knows only what the query says?
fn definition(at: usize) -> Option<usize> {
    let found = captures(LOCALS_QUERY);
    let named = |prefix: &'static str| {
        found
            .iter()
            .filter(move |(name, ..)| name.starts_with(prefix))
    };
    let (_, reference, _) = named("local.reference").find(|(_, r, _)| r.start == at)?;
    let name = &SAMPLE[reference.clone()];
    let mut scopes: Vec<_> = named("local.scope").map(|(_, r, _)| r.clone()).collect();
    scopes.retain(|s| s.contains(&at));
    scopes.sort_by_key(std::ops::Range::len);
    let innermost = |at: usize| {
        let all = named("local.scope").map(|(_, r, _)| r);
        all.filter(|s| s.contains(&at))
            .min_by_key(|s| s.len())
            .cloned()
    };
    scopes.into_iter().find_map(|scope| {
        let mut here = named("local.definition").filter(|(kind, r, _)| {
            // A pipeline's name belongs to the scope around it.
            let outside = kind == "local.definition.function";
            let home = if outside {
                Some(0..SAMPLE.len())
            } else {
                innermost(r.start)
            };
            SAMPLE[r.clone()] == *name && home == Some(scope.clone())
        });
        here.next().map(|(_, r, _)| r.start)
    })
}

#[test]
fn names_lead_to_their_definitions() {
    for (line, name, nth, wanted) in [
        // A name of a pipeline hides the one outside, inside alone.
        ("temporal_unet(", "width", 1, "let width = 32"),
        ("let other", "width", 0, "let width = 8"),
        ("stage one", "task", 0, "task: Task"),
        ("stage one", "planner", 0, "planner {\n        net"),
        ("loss = fit", "fit", 0, "fit\nparam"),
        ("sequence all", "one", 0, "one trains"),
        ("sweep study", "lane", 0, "lane(task"),
    ] {
        let at = place(line, name, nth).start;
        let target = SAMPLE
            .find(wanted)
            .unwrap_or_else(|| panic!("no `{wanted}`"));
        let target = target + SAMPLE[target..].find(name).unwrap_or(0);
        assert_eq!(definition(at), Some(target), "`{name}` of `{line}`");
    }
    let unknown = place("sequence all", "two", 0).start;
    assert_eq!(definition(unknown), None);
}
