//! Hover, outline, colours, hints, folds, selections, links.

use align_grammar::ast::Span;

use super::{STUDY, at, behind};
use crate::ide::fold::{Hides, folds, selections};
use crate::ide::tokens::Colour;
use crate::ide::{MAIN, hints, hover, links, symbols, tokens};

fn said(text: &str) -> String {
    let (analysis, cursor) = behind(text);
    hover::hover(&analysis, MAIN, cursor).map_or(String::new(), |h| h.text)
}

#[test]
fn hover_says_what_each_word_is() {
    for (place, wanted) in [
        ("from pretr", "stage pretrain trains planner on rollouts"),
        ("from pretr", "First by imitation."),
        ("loss   = pp", "ppo("),
        ("clip_", ""),
        ("optim  = adamw(l", "argument of `adamw`"),
        ("bud", "extent: more goes on from the last checkpoint"),
        ("plateau(valid.lo", "smaller is better"),
        ("3k ste", "optimiser steps"),
        ("carry  = best(sco", "normalised"),
        ("[\"maze2d", "numbers in an observation"),
        ("nan", "not finite"),
        ("on failure => stand", "Tries again."),
        ("on failure => stand", "in lab.align"),
        ("(tas", "task: Task"),
        ("stage val", "`batch = 32`"),
        ("    sta", "Trains one model by one loss"),
        ("from pretrain.be", "best value"),
    ] {
        if wanted.is_empty() {
            continue;
        }
        let text = said(place);
        assert!(text.contains(wanted), "{place}: {text}");
    }
}

#[test]
fn hover_over_a_field_says_what_it_is_here_and_where_that_was_written() {
    let text = said("optim");
    assert!(
        text.contains("Here: `adamw(") && text.contains("main.align:"),
        "{text}"
    );
}

#[test]
fn the_outline_nests_a_pipeline() {
    let (analysis, _) = at(STUDY);
    let all = symbols::symbols(&analysis, MAIN);
    let names: Vec<&str> = all.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["maze", "study", "report study"]);
    let inner: Vec<&str> = all[0].children.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(
        inner,
        [
            "rate", "rollouts", "critic", "value", "planner", "pretrain", "rl", "sft", "online"
        ]
    );
    assert_eq!(all[0].children[5].detail, "trains planner on rollouts");
    assert_eq!(all[0].children[8].detail, "rl -> sft");
}

#[test]
fn colours_tell_apart_what_looks_alike() {
    let (analysis, _) = at(STUDY);
    let all = tokens::tokens(&analysis, MAIN);
    assert!(
        all.windows(2).all(|w| w[0].span.end <= w[1].span.start),
        "in order, without overlap"
    );
    let of = |place: &str, back: usize| {
        let at = (STUDY.find(place).unwrap_or(0) + place.len() - back) as u32;
        all.iter()
            .find(|t| t.span.start <= at && at < t.span.end)
            .map(|t| (t.colour, t.defines))
    };
    assert_eq!(of("stage pretrain", 1), Some((Colour::Stage, true)));
    assert_eq!(of("reference: pretrain", 1), Some((Colour::Stage, false)));
    assert_eq!(of("    stage", 1), Some((Colour::Keyword, false)));
    assert_eq!(of("= denoise", 1), Some((Colour::Builtin, false)));
    assert_eq!(of("valid.loss", 8), Some((Colour::Metric, false)));
    assert_eq!(of("        loss", 1), Some((Colour::Field, false)));
    assert_eq!(of("(lr", 1), Some((Colour::Argument, false)));
    assert_eq!(of("3k steps", 1), Some((Colour::Unit, false)));
    assert_eq!(of("/// One", 1), Some((Colour::Comment, false)));
    assert_eq!(of("nan", 1), Some((Colour::Event, false)));
}

#[test]
fn hints_show_the_defaults_of_a_block_and_a_place_for_its_state() {
    let (analysis, _) = at(STUDY);
    let all = hints::hints(&analysis, MAIN);
    let at = |place: &str| (STUDY.find(place).unwrap_or(0) + place.len()) as u32;
    let there =
        at("on rollouts {\n        loss   = denoise") - "\n        loss   = denoise".len() as u32;
    let here: Vec<_> = all.iter().filter(|h| h.at == there).collect();
    assert_eq!(here.len(), 2, "{here:?}");
    assert_eq!(here[0].text, "batch = 32, clip_norm = 1.0");
    assert_eq!(here[1].node.as_deref(), Some("pretrain"));
    // A critic has no sampler, so that nothing of a sampler is left to its default.
    assert!(
        all.iter()
            .all(|h| !h.text.contains("predict") || h.at > at("model planner"))
    );
}

#[test]
fn lenses_stand_above_what_runs() {
    let (analysis, _) = at(STUDY);
    let nodes: Vec<_> = hints::lenses(&analysis, MAIN)
        .into_iter()
        .map(|l| l.node)
        .collect();
    let names: Vec<Option<&str>> = nodes.iter().map(Option::as_deref).collect();
    assert_eq!(
        names,
        [
            None,
            Some("value"),
            Some("pretrain"),
            Some("rl"),
            Some("sft"),
            Some("online"),
            None
        ]
    );
}

#[test]
fn folds_are_brackets_and_comments_of_several_lines() {
    let text = "align 1\n\nuse \"a.align\".x\nuse \"b.align\".y\n\n// one\n// two\nmodel m {\n    net = mlp(\n        width: 3,\n    )\n}\nmodel n { net = mlp() }\n";
    let all = folds(text);
    let lines = |s: Span| {
        let line = |at: u32| text[..at as usize].matches('\n').count();
        (line(s.start), line(s.end))
    };
    let found: Vec<_> = all.iter().map(|f| (lines(f.span), f.hides)).collect();
    assert_eq!(
        found,
        [
            ((2, 3), Hides::Imports),
            ((5, 6), Hides::Comment),
            ((7, 11), Hides::Block),
            ((8, 10), Hides::Block),
        ]
    );
}

#[test]
fn a_selection_grows_from_a_word_to_the_file() {
    let text = "align 1\nmodel m {\n    net = mlp(width: 64)\n}\n";
    let at = text.find("64").unwrap_or(0) as u32;
    let all: Vec<&str> = selections(text, at)
        .iter()
        .map(|s| &text[s.start as usize..s.end as usize])
        .collect();
    let wanted = [
        "64",
        "width: 64",
        "(width: 64)",
        "mlp(width: 64)",
        "net = mlp(width: 64)",
    ];
    let mut rest = all.iter();
    for w in wanted {
        assert!(rest.any(|a| a == &w), "`{w}` in its order in {all:?}");
    }
    assert!(all.last().is_some_and(|a| a.starts_with("align 1")));
    assert!(all.windows(2).all(|w| w[1].contains(w[0])));
}

#[test]
fn a_use_links_to_its_file() {
    let (analysis, _) = at(STUDY);
    let all = links::links(&analysis, MAIN);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].target, "lab.align");
}

#[test]
fn a_file_without_a_pipeline_is_run_from_its_first_stage() {
    let (analysis, _) = at(
        "align 1\nmodel m { net = mlp() }\nstage s trains m on d { loss = denoise() }\nstage t trains m on d { loss = denoise() }\n",
    );
    let nodes: Vec<_> = hints::lenses(&analysis, MAIN)
        .into_iter()
        .map(|l| l.node)
        .collect();
    let names: Vec<Option<&str>> = nodes.iter().map(Option::as_deref).collect();
    assert_eq!(names, [None, Some("s"), Some("t")]);
}

#[test]
fn a_hint_ends_between_two_fields() {
    let text = "align 1\ndataset d {\n    source = collect(\"maze2d-umaze-v1\")\n}\ndataset e {\n    source = collect(\"maze2d-umaze-v1\")\n    horizon = 8 steps\n    stride = 1 steps\n    normalise = cdf\n}\n";
    let (analysis, _) = at(text);
    let all: Vec<_> = hints::hints(&analysis, MAIN)
        .into_iter()
        .filter(|h| h.node.is_none())
        .collect();
    assert_eq!(all[0].text, "horizon = 32 steps, stride = 1 steps, …");
    assert!(all[0].docs.contains("normalise"));
    assert_eq!(all[1].text, "1 default");
    assert!(all[1].docs.contains("by episode"));
}
