//! Repairs, extractions, formatting.

use align_grammar::ast::Span;

use super::{STUDY, at};
use crate::ide::actions::{Action, actions, repair_all};
use crate::ide::edits::{Change, changes, formatting, formatting_in};
use crate::ide::{Analysis, MAIN};

fn apply(text: &str, changes: &[Change]) -> String {
    let mut all: Vec<&Change> = changes.iter().collect();
    all.sort_by_key(|c| std::cmp::Reverse((c.span.start, c.span.end)));
    let mut out = text.to_owned();
    for c in all {
        out.replace_range(c.span.start as usize..c.span.end as usize, &c.text);
    }
    out
}

fn done(analysis: &Analysis, action: &Action) -> String {
    let own: Vec<Change> = action
        .changes
        .iter()
        .filter(|(f, _)| *f == MAIN)
        .map(|(_, c)| c.clone())
        .collect();
    apply(analysis.text(MAIN), &own)
}

fn errors(text: &str) -> Vec<String> {
    let (analysis, _) = at(text);
    analysis
        .diagnostics
        .iter()
        .filter(|d| d.is_error())
        .map(|d| d.message.clone())
        .collect()
}

fn find(text: &str, range: Span, title: &str) -> (Analysis, Action) {
    let (analysis, _) = at(text);
    let all = actions(&analysis, MAIN, range);
    let titles: Vec<String> = all.iter().map(|a| a.title.clone()).collect();
    let found = all.into_iter().find(|a| a.title.contains(title));
    let found = found.unwrap_or_else(|| panic!("no `{title}` in {titles:?}"));
    (analysis, found)
}

fn range(text: &str, of: &str) -> Span {
    let at = text.find(of).unwrap_or(0);
    Span::new(at, at + of.len())
}

#[test]
fn a_misspelt_name_is_repaired() {
    let text = STUDY.replace("loss   = denoise()", "loss   = denois()");
    let (analysis, action) = find(&text, range(&text, "denois("), "write `denoise`");
    assert!(action.preferred && action.repairs.is_some());
    assert_eq!(done(&analysis, &action), STUDY);
}

#[test]
fn what_is_safe_is_repaired_at_once() {
    let text = STUDY
        .replace("loss   = denoise()", "loss   = denois()")
        .replace("loss   = iql()", "loss   = iqll()");
    let (analysis, _) = at(&text);
    let all = repair_all(&analysis, MAIN).expect("two repairs");
    assert_eq!(done(&analysis, &all), STUDY);
}

#[test]
fn missing_fields_are_added_so_that_nothing_is_missing() {
    for (kind, text) in [
        (
            "stage",
            "align 1\ndataset d { source = collect(\"maze2d-umaze-v1\", by: waypoint, episodes: 10) }\nmodel m { net = temporal_unet(), sampler = ddim() }\nstage s trains m on d {\n}\n",
        ),
        (
            "stage",
            "align 1\ndataset d { source = collect(\"maze2d-umaze-v1\", by: waypoint, episodes: 10) }\nmodel m { net = temporal_unet(), sampler = ddim() }\nstage s trains m on d {}\n",
        ),
        ("model", "align 1\nmodel m {\n}\n"),
        (
            "dataset",
            "align 1\ndataset d {\n    horizon = 16 steps\n}\n",
        ),
    ] {
        let name = range(text, kind);
        let (analysis, action) = find(text, name, "add `");
        let new = done(&analysis, &action);
        assert_eq!(errors(&new), Vec::<String>::new(), "{new}");
        assert_eq!(
            errors(text).is_empty(),
            kind == "dataset" && errors(text).is_empty(),
            "{text}"
        );
    }
}

#[test]
fn defaults_are_written_out() {
    let (analysis, action) = find(
        STUDY,
        range(STUDY, "stage pretrain"),
        "write the defaults out",
    );
    let new = done(&analysis, &action);
    assert!(
        new.contains("budget = 3k steps\n        batch = 32\n        clip_norm = 1.0"),
        "{new}"
    );
    assert_eq!(errors(&new), Vec::<String>::new());
}

#[test]
fn a_value_becomes_a_let_before_its_item() {
    let (analysis, action) = find(
        STUDY,
        range(STUDY, "temporal_unet(width: 16)"),
        "take it out as `let",
    );
    let new = done(&analysis, &action);
    assert!(new.contains("    let value2 = temporal_unet(width: 16)\n    model planner {\n        net     = value2"), "{new}");
    assert_eq!(errors(&new), Vec::<String>::new());
    // Above the comment that belongs to the item.
    let (analysis, action) = find(STUDY, range(STUDY, "3k steps"), "take it out as `let");
    let new = done(&analysis, &action);
    assert!(
        new.contains("let value2 = 3k steps\n    // First by imitation.\n    stage pretrain"),
        "{new}"
    );
    assert_eq!(errors(&new), Vec::<String>::new());
}

#[test]
fn arms_become_a_policy_of_the_file() {
    let (analysis, action) = find(
        STUDY,
        range(STUDY, "nan  => rollback"),
        "take these arms out",
    );
    let new = done(&analysis, &action);
    assert!(
        new.contains("policy on_failure {\n    nan  => rollback"),
        "{new}"
    );
    assert!(
        new.contains("        on failure => on_failure\n    }"),
        "{new}"
    );
    assert!(
        new.find("policy on_failure") < new.find("/// One seed of it."),
        "{new}"
    );
    assert_eq!(errors(&new), Vec::<String>::new());
}

#[test]
fn a_rule_is_allowed_where_it_found_something() {
    let (analysis, _) = at(STUDY);
    let d = analysis
        .diagnostics
        .iter()
        .find(|d| crate::lint::rule(d.code).is_some())
        .expect("a finding of a rule");
    let (code, span) = (d.code, d.span);
    let (analysis, action) = find(STUDY, span, &format!("allow `{code}`"));
    let new = done(&analysis, &action);
    let count = |text: &str| {
        at(text)
            .0
            .diagnostics
            .iter()
            .filter(|d| d.code == code)
            .count()
    };
    assert_eq!(count(&new), count(STUDY) - 1, "{new}");
}

#[test]
fn formatting_changes_only_the_lines_that_differ() {
    let text = STUDY
        .replace("        loss   = denoise()", "   loss=denoise( )")
        .replace("    seed in 0..<3", "  seed   in 0..<3");
    let all = formatting(&text);
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(apply(&text, &all), crate::fmt::format(&text));
    assert!(formatting(STUDY).is_empty());
    let one = formatting_in(&text, range(&text, "loss=denoise"));
    assert_eq!(one.len(), 1);
    assert!(formatting("align 1\nmodel m { /* open").is_empty());
}

#[test]
fn changes_lead_from_any_text_to_any_other() {
    let texts = [
        "",
        "a\n",
        "a\nb\nc\n",
        "c\nb\na\n",
        "a\nx\nc",
        "b\nb\na\nb\n",
        "a\nb\nc\nd\ne\n",
        "a\nd\nb\ne\n",
    ];
    for old in texts {
        for new in texts {
            let all = changes(old, new);
            assert_eq!(apply(old, &all), new, "{old:?} -> {new:?}: {all:?}");
            assert!(all.windows(2).all(|w| w[0].span.end <= w[1].span.start));
        }
    }
}
