//! How diagnostics look, pinned: made by hand, so that a change of a rule of the checker does not hide here.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use align_compiler::diag::render::{Look, full, json, short};
use align_compiler::diag::{Diagnostic, Edit, FileId, Sources, sort};
use align_grammar::ast::Span;
use align_tests::{pinned::pinned, root};

const STUDY: &str = "\
align 1

use \"lab/failure.align\".standrad

/// Preference fine-tuning, β annealed.
stage dpo trains planner on pairs from rl.best {
    loss   = diffusion_dpo(beta: beta, reference: rl.best)
    budget = 8k steps
    until plateau(valid.preferred, improve: 1%, patience: 10 evals)
    eval every 1k steps { episodes = 20 }
    on failure => standard
}

stage sft trains planner on elite from dpo {
    loss = denoise(
";

const FAILURE: &str = "\
align 1

/// What the lab does when a stage fails.
policy standard {
    nan  => rollback(to: best, scale: { optim.lr: 0.5 }, times: 3)
    else => fail(lane)
}
";

struct Bench {
    sources: Sources,
    study: FileId,
    failure: FileId,
}

impl Bench {
    fn new() -> Self {
        let mut sources = Sources::default();
        let study = sources.add("study.align", STUDY);
        let failure = sources.add("lab/failure.align", FAILURE);
        Self {
            sources,
            study,
            failure,
        }
    }
    fn at(&self, file: FileId, text: &str) -> Span {
        let start = self.sources.get(file).unwrap().text.find(text).unwrap();
        Span::new(start, start + text.len())
    }
    fn open(&self) -> Span {
        let span = self.at(self.study, "(\n");
        Span::new(span.start as usize, span.start as usize + 1)
    }
    fn diagnostics(&self) -> Vec<Diagnostic> {
        let study = |text| self.at(self.study, text);
        let edit = |span, text: &str| Edit {
            file: self.study,
            span,
            text: text.to_owned(),
        };
        let end = STUDY.len();
        let mut all = vec![
            Diagnostic::error("A0002", self.study, Span::new(end, end), "this `(` is never closed")
                .with_label("a `)` should stand here at the latest")
                .with_place(self.study, self.open(), "opened here"),
            Diagnostic::error("A2005", self.study, study("dpo {"), "a stage where a checkpoint is needed")
                .with_label("`dpo` is a stage")
                .with_help("write `dpo.best`, the checkpoint with the best score")
                .with_replacement(study("dpo {"), "dpo.best"),
            Diagnostic::error("A5003", self.study, study("plateau(valid.preferred, improve: 1%, patience: 10 evals)"), "this rule can never fire")
                .with_label("needs 10 evals × 1k steps = 10k steps")
                .with_place(self.study, study("8k steps"), "the stage ends here")
                .with_place(self.study, study("1k steps"), "one eval")
                .with_help("lower `patience` to at most 7 evals, or raise `budget` to at least 11k steps, so that the rule has as many evaluations as it waits for")
                .with_fix("patience: 7 evals", true, vec![edit(study("10 evals"), "7 evals")]),
            Diagnostic::error("A1007", self.study, study("standrad"), "`lab/failure.align` has no name `standrad`")
                .with_label("not defined there")
                .with_place(self.failure, self.at(self.failure, "standard"), "a policy of a similar name")
                .with_help("did you mean `standard`?")
                .with_fix("write `standard`", true, vec![edit(study("standrad"), "standard")]),
        ];
        all.push(
            Diagnostic::warning("A1011", self.study, study("sft"), "`sft` is never used")
                .with_label("nothing starts from it, and no report names it"),
        );
        // A place that a bug has put outside the text must not break the output.
        all.push(Diagnostic::error(
            "A0001",
            self.failure,
            Span::new(900, 999),
            "nothing more can stand here",
        ));
        sort(&mut all);
        all
    }
}

fn plain(width: usize) -> Look {
    Look {
        colour: false,
        width,
    }
}

#[test]
fn full_text_is_as_pinned() {
    let bench = Bench::new();
    let text = full(&bench.sources, &bench.diagnostics(), plain(100));
    pinned(&root().join("tests/lang/snapshots/render.full.txt"), &text).unwrap();
}

#[test]
fn full_text_in_colour_is_as_pinned() {
    let bench = Bench::new();
    let look = Look {
        colour: true,
        width: 100,
    };
    let text = full(&bench.sources, &bench.diagnostics(), look).replace('\u{1b}', "ESC");
    pinned(
        &root().join("tests/lang/snapshots/render.colour.txt"),
        &text,
    )
    .unwrap();
}

#[test]
fn short_text_is_as_pinned() {
    let bench = Bench::new();
    let text = short(&bench.sources, &bench.diagnostics());
    pinned(&root().join("tests/lang/snapshots/render.short.txt"), &text).unwrap();
}

#[test]
fn json_is_as_pinned() {
    let bench = Bench::new();
    let text = json(&bench.sources, &bench.diagnostics());
    pinned(&root().join("tests/lang/snapshots/render.json"), &text).unwrap();
}

#[test]
fn only_fifty_are_shown_and_the_rest_is_counted() {
    let bench = Bench::new();
    let many: Vec<_> = (0..70)
        .map(|n| Diagnostic::error("A1001", bench.study, Span::new(n, n + 1), format!("no {n}")))
        .collect();
    let text = short(&bench.sources, &many);
    assert_eq!(text.lines().count(), 51);
    assert!(
        text.ends_with("70 errors; the first 50 are shown\n"),
        "{text}"
    );
    let text = full(&bench.sources, &many, plain(80));
    assert_eq!(text.matches("error[A1001]").count(), 50);
    assert!(text.ends_with("70 errors; the first 50 are shown\n"));
    let value: serde_json::Value = serde_json::from_str(&json(&bench.sources, &many)).unwrap();
    assert_eq!(value.as_array().unwrap().len(), 70, "a machine gets all");
}

#[test]
fn no_line_of_prose_is_wider_than_asked() {
    let bench = Bench::new();
    for width in [60, 80, 120] {
        let text = full(&bench.sources, &bench.diagnostics(), plain(width));
        for line in text
            .lines()
            .filter(|l| l.starts_with("  help") || l.starts_with("        "))
        {
            let prose = !line.contains(['│', '·', '─']);
            assert!(!prose || line.chars().count() <= width, "{width}: {line}");
        }
    }
}
