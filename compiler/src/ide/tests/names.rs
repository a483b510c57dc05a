//! Definitions, uses, new names.

use super::{STUDY, at, behind};
use crate::ide::navigate::{definition, highlights, references, refuses, renamed, renames};
use crate::ide::{Analysis, MAIN};

fn texts(analysis: &Analysis, text: &str) -> Vec<(String, u32)> {
    let cursor = (STUDY.find(text).unwrap_or(0) + text.len()) as u32;
    let target = definition(analysis, MAIN, cursor).expect("a definition");
    let spots = references(analysis, &target);
    let line = |path: &str, at: u32| {
        let file = analysis.file(path).unwrap_or(MAIN);
        analysis
            .sources
            .places(file, align_grammar::ast::Span { start: at, end: at })
            .0
            .line
    };
    spots
        .iter()
        .map(|s| (s.path.clone(), line(&s.path, s.span.start)))
        .collect()
}

#[test]
fn a_name_leads_to_its_definition_in_this_file_or_another() {
    let (analysis, cursor) = behind("critic: value");
    let found = definition(&analysis, MAIN, cursor).expect("the critic's stage");
    assert_eq!(
        (found.path.as_str(), found.name.as_str()),
        ("main.align", "value")
    );
    assert_eq!(
        &STUDY[found.span.start as usize..found.span.end as usize],
        "value"
    );
    assert!(STUDY[..found.span.start as usize].ends_with("stage "));
    let (analysis, cursor) = behind("on failure => stan");
    let found = definition(&analysis, MAIN, cursor).expect("the policy");
    assert_eq!(
        (found.path.as_str(), found.name.as_str()),
        ("lab.align", "standard")
    );
    let (analysis, cursor) = behind("use \"lab");
    assert_eq!(
        definition(&analysis, MAIN, cursor).expect("the file").path,
        "lab.align"
    );
    let (analysis, cursor) = behind("loss   = den");
    assert_eq!(definition(&analysis, MAIN, cursor), None);
}

#[test]
fn every_use_of_a_stage_is_found_heads_fields_chains_and_reports_alike() {
    let (analysis, _) = at(STUDY);
    let lines = |needle: &str, count: usize| -> Vec<u32> {
        STUDY
            .lines()
            .enumerate()
            .filter(|(_, l)| l.contains(needle))
            .map(|(n, _)| n as u32 + 1)
            .take(count)
            .collect()
    };
    let found: Vec<u32> = texts(&analysis, "stage pretrain")
        .iter()
        .map(|(_, l)| *l)
        .collect();
    let wanted = [
        "stage pretrain",
        "from pretrain.best",
        "reference: pretrain.best",
        "over: pretrain.score",
    ];
    let wanted: Vec<u32> = wanted.iter().flat_map(|w| lines(w, 1)).collect();
    assert_eq!(found, wanted);
    // A pipeline's parameter: its own place, its uses, the sweep's axis, the report's group.
    let found: Vec<u32> = texts(&analysis, "maze(task")
        .iter()
        .map(|(_, l)| *l)
        .collect();
    let wanted: Vec<u32> = [
        "maze(task",
        "collect(task",
        "env(task)",
        "task in [",
        "by [task",
    ]
    .iter()
    .flat_map(|w| lines(w, 1))
    .collect();
    assert_eq!(found, wanted);
    let policy = texts(&analysis, "align\".standard");
    assert_eq!(
        policy.iter().filter(|(p, _)| p == "lab.align").count(),
        1,
        "{policy:?}"
    );
    assert_eq!(policy.len(), 3, "{policy:?}");
}

#[test]
fn highlights_stay_in_the_file() {
    let (analysis, cursor) = behind("on failure => standard");
    let all = highlights(&analysis, MAIN, cursor);
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|s| s.path == "main.align"));
}

fn new_text(analysis: &Analysis, cursor: u32, new: &str) -> Result<Vec<(String, String)>, String> {
    let (span, target) = renamed(analysis, MAIN, cursor)?;
    if let Some(why) = refuses(analysis, &target, new) {
        return Err(why);
    }
    let word = analysis.sources.slice(MAIN, span).to_owned();
    let mut spots = renames(analysis, &target, ("main.align", span, &word));
    spots.sort_by_key(|s| std::cmp::Reverse(s.span));
    let mut out = Vec::new();
    for (file, source) in analysis.sources.iter() {
        let mut text = source.text.clone();
        for s in spots.iter().filter(|s| s.path == source.path) {
            text.replace_range(s.span.start as usize..s.span.end as usize, new);
        }
        out.push((analysis.sources.path(file).to_owned(), text));
    }
    Ok(out)
}

#[test]
fn a_renamed_program_means_the_same() {
    let (analysis, _) = at(STUDY);
    for (place, new) in [
        ("stage pretrain", "imitate"),
        ("maze(task", "world"),
        ("model planner", "p"),
        ("let rate", "lr0"),
        ("sweep study", "s"),
        ("on failure => standard", "usual"),
    ] {
        let cursor = (STUDY.find(place).unwrap_or(0) + place.len()) as u32;
        let files = new_text(&analysis, cursor, new).expect("a new name");
        let world = crate::testing::Memory(files.into_iter().collect());
        let after = Analysis::of(&world, "main.align", &crate::Options::default());
        let errors: Vec<_> = after.diagnostics.iter().filter(|d| d.is_error()).collect();
        assert!(errors.is_empty(), "{place}: {errors:#?}");
        let nodes = |a: &Analysis| a.plan.as_ref().map_or(0, |p| p.nodes.len());
        assert_eq!(nodes(&after), nodes(&analysis), "{place}");
    }
}

#[test]
fn a_name_that_cannot_be_is_refused_with_a_reason() {
    let (analysis, cursor) = behind("stage pretrain");
    let refused = |new: &str| new_text(&analysis, cursor, new).expect_err("refused");
    assert!(refused("2x").contains("is not a name"));
    assert!(refused("").contains("is not a name"));
    assert!(refused("until").contains("word of the language"));
    assert!(refused("stage").contains("word of the language"));
    assert!(refused("rl").contains("is a stage already, in main.align:"));
    let (analysis, cursor) = behind("loss   = denoise");
    assert!(
        new_text(&analysis, cursor, "x")
            .expect_err("of the library")
            .contains("standard library")
    );
    let (analysis, cursor) = behind("budget");
    assert!(new_text(&analysis, cursor, "x").is_err());
}

#[test]
fn a_name_of_a_use_as_is_renamed_in_its_own_file() {
    let text = STUDY
        .replace("\"lab.align\".standard", "\"lab.align\".standard as usual")
        .replace("=> standard", "=> us$0ual");
    let (analysis, cursor) = at(&text);
    let files = new_text(&analysis, cursor, "mine").expect("a new name");
    assert!(
        files[0].1.contains(".standard as mine") && files[0].1.contains("on failure => mine"),
        "{}",
        files[0].1
    );
    assert!(files[1].1.contains("policy standard"));
}
