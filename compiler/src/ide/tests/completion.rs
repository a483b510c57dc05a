//! What is proposed at a cursor.

use super::{STUDY, at};
use crate::ide::complete::{Proposal, complete};
use crate::ide::{MAIN, signature};

fn proposals(text: &str) -> Vec<Proposal> {
    let (analysis, cursor) = at(text);
    complete(&analysis, MAIN, cursor).list
}

fn labels(text: &str) -> Vec<String> {
    proposals(text).into_iter().map(|p| p.label).collect()
}

/// The study with a line put in behind another one.
fn with(before: &str, line: &str) -> String {
    let at = STUDY.find(before).map_or(0, |n| n + before.len());
    format!("{}\n        {line}{}", &STUDY[..at], &STUDY[at..])
}

fn has(labels: &[String], wanted: &[&str]) {
    for w in wanted {
        assert!(labels.iter().any(|l| l == w), "no `{w}` in {labels:?}");
    }
}

fn lacks(labels: &[String], unwanted: &[&str]) {
    for w in unwanted {
        assert!(labels.iter().all(|l| l != w), "`{w}` in {labels:?}");
    }
}

#[test]
fn a_file_and_a_pipeline_begin_with_the_words_of_items() {
    has(
        &labels("align 1\n\n$0"),
        &["use", "pipeline", "sweep", "policy", "report"],
    );
    has(&labels("align 1\n\nmo$0"), &["model"]);
    let inner = labels("align 1\npipeline p(seed: Seed) {\n    $0\n}\n");
    has(&inner, &["stage", "dataset", "let"]);
    lacks(&inner, &["sweep", "report", "use"]);
}

#[test]
fn a_block_proposes_the_fields_that_it_lacks_with_type_and_default() {
    let text = with("budget = 3k steps", "$0");
    let all = proposals(&text);
    let found: Vec<String> = all.iter().map(|p| p.label.clone()).collect();
    has(
        &found,
        &["batch", "clip_norm", "until", "on failure", "memory"],
    );
    lacks(&found, &["loss", "optim", "budget", "net", "horizon"]);
    let batch = all.iter().find(|p| p.label == "batch").expect("batch");
    assert_eq!(
        (batch.detail.as_str(), batch.snippet.as_str()),
        ("int = 32", "batch = ${1:32}")
    );
    assert!(
        batch.docs.contains("Samples of one gradient"),
        "{}",
        batch.docs
    );
    // The same while its name is being typed.
    has(&labels(&with("budget = 3k steps", "ba$0")), &["batch"]);
}

#[test]
fn a_value_is_of_the_type_of_its_field() {
    let losses = labels(&with("loss   = denoise()", "loss = $0"));
    has(&losses, &["denoise", "ppo", "diffusion_dpo"]);
    lacks(&losses, &["adamw", "temporal_unet"]);
    has(
        &labels(&with("loss   = denoise()", "loss = pp$0")),
        &["ppo"],
    );
    has(
        &labels(&with("loss   = denoise()", "optim = $0")),
        &["adamw", "sgd"],
    );
    has(
        &labels("align 1\nmodel m { predict = $0 }"),
        &["noise", "sample", "velocity"],
    );
}

#[test]
fn a_call_proposes_its_arguments_and_then_their_values() {
    let args = labels(&with("loss   = denoise()", "optim = adamw(lr: 1e-3, $0)"));
    has(&args, &["schedule", "weight_decay"]);
    lacks(&args, &["lr", "clip"]);
    has(
        &labels(&with("loss   = denoise()", "optim = adamw(schedule: $0)")),
        &["cosine", "constant"],
    );
    let critics = labels(&with(
        "loss   = ppo(critic: value.best, reference: pretrain.best)",
        "loss = ppo(critic: $0)",
    ));
    has(&critics, &["value.best", "pretrain.last"]);
}

#[test]
fn metrics_are_those_of_the_stage_at_hand() {
    let imitated = labels(&with("budget = 3k steps", "until plateau($0)"));
    has(&imitated, &["score", "valid.loss", "loss"]);
    lacks(&imitated, &["valid.preferred", "clip_fraction"]);
    let reinforced = labels(&with("budget = 60k env_steps", "until reaches($0)"));
    has(&reinforced, &["score", "kl", "clip_fraction"]);
    has(
        &labels(&with("budget = 3k steps", "until plateau(valid.$0)")),
        &["loss"],
    );
    has(
        &labels(&with("budget = 3k steps", "until $0")),
        &["plateau", "reaches", "score"],
    );
}

#[test]
fn a_dot_is_followed_by_checkpoints_and_in_a_report_by_metrics() {
    let ports = labels(&with(
        "loss   = ppo(critic: value.best, reference: pretrain.best)",
        "loss = ppo(critic: value.$0)",
    ));
    assert_eq!(ports, ["best", "last", "at"]);
    has(
        &labels(&with(
            "table = mean_ci(score) by [task, stage]",
            "expect gain(online.$0",
        )),
        &["score"],
    );
    has(
        &labels(&with(
            "table = mean_ci(score) by [task, stage]",
            "expect gain($0",
        )),
        &["pretrain.score", "online.score"],
    );
}

#[test]
fn a_head_proposes_models_datasets_and_checkpoints() {
    let head = |line: &str| {
        labels(&format!(
            "{}\n    {line}\n}}\n",
            &STUDY[..STUDY.find("    sequence").unwrap_or(0)]
        ))
    };
    has(&head("stage s trains $0"), &["planner", "critic"]);
    let data = head("stage s trains planner on $0");
    has(&data, &["rollouts"]);
    lacks(&data, &["planner"]);
    has(
        &head("stage s trains planner on rollouts from $0"),
        &["pretrain.best", "rl.last"],
    );
    has(
        &head("stage s trains planner on rollouts $0"),
        &["in", "from"],
    );
    has(&head("sequence q = rl -> $0"), &["pretrain"]);
    has(
        &labels("align 1\npipeline p(seed: Seed) { }\nsweep s of $0"),
        &["p"],
    );
}

#[test]
fn a_number_is_followed_by_units_of_its_type() {
    let budget = labels(&with("loss   = denoise()", "budget = 3 $0"));
    has(&budget, &["steps", "epochs", "min"]);
    lacks(&budget, &["points", "MiB"]);
    assert_eq!(
        labels("align 1\ndataset d { horizon = 32 st$0 }"),
        ["steps"]
    );
    has(
        &labels(&with("loss   = denoise()", "memory = 3 $0")),
        &["GiB"],
    );
}

#[test]
fn events_actions_tasks_and_files() {
    has(
        &labels(&with("budget = 3k steps", "on $0")),
        &["failure", "regression", "nan"],
    );
    let arms = labels(&with("on failure {", "$0"));
    has(&arms, &["oom", "crash"]);
    lacks(&arms, &["nan"]);
    has(
        &labels(&with("on failure {", "oom => $0")),
        &["retry", "skip", "standard"],
    );
    has(
        &labels(&STUDY.replace("[\"maze2d-umaze-v1\"]", "[\"$0\"]")),
        &["maze2d-medium-v1"],
    );
    has(
        &labels(&STUDY.replace("\"lab.align\".standard", "\"lab.align\".$0")),
        &["standard"],
    );
    has(&labels("align 1\nuse std.$0"), &["losses", "nets"]);
    has(&labels("align 1\nuse std.losses.$0"), &["ppo"]);
}

#[test]
fn comments_and_finished_values_propose_nothing() {
    assert!(labels("align 1\n// st$0").is_empty());
    assert!(labels(&with("loss   = denoise()", "batch = 32 steps $0")).is_empty());
}

#[test]
fn a_signature_shows_the_argument_at_hand() {
    let help = |text: &str| {
        let (analysis, cursor) = at(text);
        signature::signature(&analysis, MAIN, cursor)
    };
    let found = help(&with(
        "loss   = denoise()",
        "optim = adamw(lr: 1e-3, weight_decay: $0)",
    ))
    .expect("a call");
    assert!(found.label.starts_with("adamw(lr: "), "{}", found.label);
    let active = found
        .active
        .map(|n| &found.label[found.params[n].0.0..found.params[n].0.1]);
    assert!(
        active.is_some_and(|a| a.starts_with("weight_decay")),
        "{active:?}"
    );
    let inner = help(&with(
        "loss   = denoise()",
        "optim = adamw(schedule: cosine($0",
    ))
    .expect("a call");
    assert!(inner.label.starts_with("cosine("));
    let event = help(&with("loss   = denoise()", "on regression(score, $0")).expect("an event");
    assert!(event.label.starts_with("regression("));
    assert_eq!(help("align 1\n$0"), None);
}
