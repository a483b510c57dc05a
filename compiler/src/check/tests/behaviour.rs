//! Codes of convergence, failure, sweeps and data, and how diagnostics behave together.

use super::codes::{BASE, found, one, table};
use crate::testing::{check_files, check_text};

/// A pipeline with two parameters.
const LANE: &str = r"align 1
pipeline lane(task: Task, seed: Seed) {
    dataset rollouts { source = d4rl(task), horizon = 32 steps }
    model planner { net = temporal_unet(), sampler = ddim() }
    stage pretrain trains planner on rollouts { loss = denoise(), budget = 4k steps }
}
";

#[test]
fn convergence_and_failure() {
    table(
        BASE,
        &[
            (
                "stage a trains planner on rollouts { loss = denoise()\nuntil reaches(score, 70 points) }",
                "A5001",
                "until reaches(score, 70 points)",
            ),
            (
                "stage a trains critic on rollouts { loss = iql(), budget = 1k steps\nuntil plateau(score, improve: 1%, patience: 2 evals) }",
                "A5002",
                "score",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps\nuntil plateau(value, improve: 1%, patience: 2 evals) }",
                "A5002",
                "value",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 8k steps\nuntil plateau(valid.loss, improve: 1%, patience: 10 evals)\neval every 1k steps { episodes = 20 } }",
                "A5003",
                "plateau(valid.loss, improve: 1%, patience: 10 evals)",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 8k steps\nuntil plateau(valid.loss, improve: 1%, patience: 2 evals, warmup: 7k steps)\neval every 1k steps { episodes = 20 } }",
                "A5003",
                "plateau(valid.loss, improve: 1%, patience: 2 evals, warmup: 7k steps)",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 8k steps\nuntil reaches(success, 120%) }",
                "A5004",
                "120%",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 8k steps\nuntil 1 < 2 }",
                "A5005",
                "1 < 2",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 8k steps\ncheckpoint every 1k steps { keep = [last(2)] }\non failure { nan => rollback(to: best, times: 2) } }",
                "A5007",
                "best",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 8k steps\ncheckpoint every 9k steps\non failure { nan => rollback(to: best, times: 2) } }",
                "A5007",
                "rollback(to: best, times: 2)",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 8k steps\non failure { crash => retry() } }",
                "A5008",
                "retry()",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 8k steps\non failure { else => fail(lane), crash => retry(times: 2) } }",
                "A5009",
                "crash",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 8k steps\non failure { crash => skip, crash => retry(times: 2) } }",
                "A5009",
                "crash",
            ),
            (
                "stage b trains planner on rollouts { loss = denoise(), budget = 8k steps }\nstage a trains planner on rollouts from pretrain.best { loss = denoise(), budget = 8k steps\non failure { nan => rollback(to: b.best, times: 2) } }",
                "A5011",
                "b.best",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 8k steps\non failure { oom => retry(scale: { batch: 0.5 }, times: 9) } }",
                "A5012",
                "batch",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 8k steps\non failure { nan => retry(scale: { optim.rl: 0.5 }, times: 2) } }",
                "A1002",
                "optim.rl",
            ),
            (
                "stage a trains planner on rollouts from pretrain.best { loss = denoise(), budget = 1k steps }\nsequence s = pretrain -> a { }",
                "A5013",
                "s",
            ),
            (
                "stage a trains planner on rollouts from pretrain.best { loss = denoise(), budget = 1k steps }\nsequence s = pretrain -> a { rounds = 2 rounds\nuntil plateau(score, improve: 1%, patience: 2 rounds) }",
                "A5003",
                "plateau(score, improve: 1%, patience: 2 rounds)",
            ),
            (
                "stage a trains planner on rollouts from pretrain.best { loss = denoise(), budget = 1k steps }\nsequence s = pretrain -> a { rounds = 2 rounds, carry = best(kl) }",
                "A5014",
                "kl",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 8k steps\nuntil elapsed > 5 min }",
                "A5016",
                "elapsed",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 8k steps\nuntil plateau(score, improve: 0%, patience: 2 evals) }",
                "A5017",
                "0%",
            ),
            (
                "stage a trains planner on rollouts from pretrain.best { loss = denoise(), budget = 8k steps\non regression(score, worse: 10%, than: pretrain) => skip }",
                "A2005",
                "pretrain",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 8k steps\nuntil steps >= 5k steps and score >= 70 points or not flat(return, within: 1%, over: 3 evals) }",
                "",
                "",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 8k steps\neval every 500 steps { critic = value.best }\nuntil plateau(value, improve: 1%, patience: 3 evals) }",
                "",
                "",
            ),
        ],
    );
}

#[test]
fn sweeps_and_reports() {
    table(
        LANE,
        &[
            (
                "sweep s of lane { task in []\nseed in 0..<3 }",
                "A6001",
                "[]",
            ),
            (
                "sweep s of lane { task in [\"hopper-medium-v2\"]\nseed in 3..<3 }",
                "A6001",
                "3..<3",
            ),
            (
                "sweep s of lane { task in [\"hopper-medium-v2\"]\nseed in [1, 1] }",
                "A6002",
                "1",
            ),
            (
                "sweep s of lane { task in [\"hopper-medium-v2\"]\nseed in 0..<3\nsede in [1] }",
                "A6003",
                "sede",
            ),
            (
                "sweep s of lane { task in [\"hopper-medium-v2\"]\nseed in 0..<3\nwithout { seed: 7 } }",
                "A6004",
                "{ seed: 7 }",
            ),
            (
                "sweep s of lane { task in [\"hopper-medium-v2\"]\nseed in 0..<3\nwithout { sed: 1 } }",
                "A6005",
                "sed",
            ),
            ("sweep s of lane { seed in 0..<3 }", "A4006", "s"),
            ("sweep s of lame { seed in 0..<3 }", "A1001", "lame"),
            (
                "model m { net = mlp(), sampler = ddim() }\nsweep s of m { seed in 0..<3 }",
                "A4007",
                "m",
            ),
            (
                "sweep s of lane { task in [\"hoper-medium-v2\"]\nseed in 0..<3 }",
                "A7001",
                "\"hoper-medium-v2\"",
            ),
            (
                "sweep s of lane { task in [\"hopper-medium-v2\"]\nseed in 0..<3 }\nreport s { expect iqm(pretrian.score) >= 70 points }",
                "A1001",
                "pretrian.score",
            ),
            (
                "sweep s of lane { task in [\"hopper-medium-v2\"]\nseed in 0..<3 }\nreport s { expect iqm(pretrain.scor) >= 70 points }",
                "A2008",
                "pretrain.scor",
            ),
            (
                "sweep s of lane { task in [\"hopper-medium-v2\"]\nseed in 0..<3 }\nreport s { expect iqm(pretrain.score) >= 70 }",
                "A3003",
                "70",
            ),
            (
                "sweep s of lane { task in [\"hopper-medium-v2\"]\nseed in 0..<3 }\nreport s { expect iqm(pretrain.score) >= 70 return }",
                "A3008",
                "70 return",
            ),
            (
                "sweep s of lane { task in [\"hopper-medium-v2\"]\nseed in 0..<3 }\nreport s { table = mean_ci(score) by [taks] }",
                "A1001",
                "taks",
            ),
            (
                "sweep s of lane { task in [\"hopper-medium-v2\", \"walker2d-medium-v2\"]\nseed in 0..=3\nwithout { task: \"hopper-medium-v2\", seed: 1 }\nparallel = 2 }\nreport s { table = mean_ci(score) by [task, stage] }",
                "",
                "",
            ),
        ],
    );
}

#[test]
fn data_and_model() {
    table(
        BASE,
        &[
            (
                "dataset d { source = d4rl(\"hoper-medium-v2\") }",
                "A7001",
                "\"hoper-medium-v2\"",
            ),
            (
                "dataset d { source = collect(\"maze2d-umaze-v1\"), split = { train: 100%, valid: 0% } by episode }",
                "A7002",
                "0%",
            ),
            (
                "dataset d { source = collect(\"maze2d-umaze-v1\"), horizon = 100 steps, stride = 4 steps }",
                "A7003",
                "100 steps",
            ),
            (
                "model m { net = mlp(), sampler = ddim(train: 10 denoise_steps, act: 20 denoise_steps) }",
                "A7007",
                "ddim(train: 10 denoise_steps, act: 20 denoise_steps)",
            ),
        ],
    );
}

#[test]
fn one_slip_is_one_diagnostic_and_what_follows_stays_silent() {
    // A misspelt source makes everything after it unknown, and none of that is reported.
    let text = r#"align 1
dataset rollouts { source = colect("maze2d-umaze-v1"), horizon = 32 steps }
dataset elite from rollouts { keep = top(10%) }
model planner { net = temporal_unet(), sampler = ddim() }
stage a trains planner on elite { loss = denoise(), budget = 1k steps
    until plateau(score, improve: 1%, patience: 2 evals) }
stage b trains planner on rollouts from a.best { loss = denoise(), budget = 1k steps }
sequence s = a -> b { rounds = 2 rounds }
cascade c = a.best -> s.best { join = refine(renoise: 30%) }
report a { expect iqm(c.score) >= 70 points }
"#;
    let d = one(text);
    assert_eq!(d.code, "A1001");
    assert_eq!(d.help.as_deref(), Some("did you mean `collect`?"));
    assert!(d.fix.is_some_and(|f| f.safe));
}

#[test]
fn errors_are_sorted_by_place_and_come_in_one_pass() {
    let text = r#"align 1
dataset rollouts { source = collect("maze2d-umaze-v1", epizodes: 3), horizon = 32 step }
model planner { net = temporal_unet(widht: 3), sampler = ddim() }
stage a trains planner on rollouts { loss = denoise(), budget = 1000
    optim = adamw(lr: 2), until plateau(score, improve: 1%, patience: 2 evals) }
"#;
    let found: Vec<&str> = check_text(text).iter().map(|d| d.code).collect();
    assert_eq!(found, ["A1003", "A3001", "A1003", "A3003", "A2011"]);
}

#[test]
fn a_rule_that_cannot_fire_shows_both_places_and_a_fix() {
    let text = format!(
        "{BASE}stage a trains planner on rollouts {{ loss = denoise(), budget = 8k steps\nuntil plateau(score, improve: 1%, patience: 10 evals)\neval every 1k steps {{ episodes = 20 }} }}\n"
    );
    let d = one(&text);
    assert_eq!(d.message, "this rule can never fire");
    assert_eq!(d.label, "needs 11 evals × 1k steps = 11k steps");
    let labels: Vec<&str> = d.labels.iter().map(|l| l.text.as_str()).collect();
    assert_eq!(labels, ["the stage ends here", "one eval"]);
    assert_eq!(
        d.help.as_deref(),
        Some("lower `patience` to at most 7 evals, or raise `budget` to at least 11k steps")
    );
    let fix = d.fix.unwrap();
    assert_eq!((fix.title.as_str(), fix.safe), ("patience: 7 evals", true));
    let edit = &fix.edits[0];
    let mut fixed = text.clone();
    fixed.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
    assert!(!found(&fixed).iter().any(|(c, _)| *c == "A5003"));
}

#[test]
fn a_circle_shows_every_edge() {
    let text = format!(
        "{BASE}{}",
        r"
stage a trains planner on rollouts from c.best { loss = denoise(), budget = 1k steps }
stage b trains planner on rollouts from a.best { loss = denoise(), budget = 1k steps }
stage c trains planner on rollouts from b.last { loss = denoise(), budget = 1k steps }
"
    );
    let d = one(&text);
    assert_eq!(
        d.message,
        "definitions need each other in a circle: `a` -> `c` -> `b` -> `a`"
    );
    assert_eq!(d.label, "`a` needs `c`");
    let labels: Vec<&str> = d.labels.iter().map(|l| l.text.as_str()).collect();
    assert_eq!(labels, ["`c` needs `b`", "`b` needs `a`"]);
}

#[test]
fn files_use_each_other() {
    let out = check_files(&[
        ("a.align", "align 1\nuse \"lab/b.align\".x\n"),
        ("lab/b.align", "align 1\nuse \"../a.align\".y\nlet x = 3\n"),
    ]);
    let found: Vec<&str> = out.diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(found, ["A1008"]);
    let out = check_files(&[
        (
            "a.align",
            "align 1\nuse \"b.align\".{data, planer}\nstage s trains planer on data { loss = denoise(), budget = 1k steps }\n",
        ),
        (
            "b.align",
            "align 1\ndataset data { source = collect(\"maze2d-umaze-v1\"), horizon = 32 steps }\nmodel planner { net = temporal_unet(), sampler = ddim() }\n",
        ),
    ]);
    let found: Vec<&str> = out.diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(found, ["A1007"]);
}

#[test]
fn values_of_params_come_from_the_command_line() {
    use crate::testing::Memory;
    use crate::{Options, check, plan};
    let text = "align 1\nparam data: string\nparam lr: float = 0.1\ndataset d { source = file(data), horizon = 32 steps }\nmodel m { net = temporal_unet(), sampler = ddim() }\nstage s trains m on d { loss = denoise(), budget = 1k steps, optim = adamw(lr: lr, schedule: cosine(to: budget)) }\n";
    let world = Memory([("m.align".to_owned(), text.to_owned())].into());
    let run = |sets: &[(&str, &str)], allow_unset| {
        let sets = sets
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        let options = Options {
            sets,
            allow_unset,
            ..Options::default()
        };
        check(&world, "m.align", &options)
    };
    let codes = |c: &crate::Checked| c.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>();
    assert_eq!(codes(&run(&[], false)), ["A4006"]);
    let open = run(&[], true);
    assert_eq!(codes(&open), [""; 0]);
    assert!(plan(&open).is_none());
    let good = run(&[("data", "x/y.hdf5"), ("lr", "1e-3")], false);
    assert_eq!(codes(&good), [""; 0]);
    let plan = plan(&good).unwrap();
    let show = |name: &str, field: &str| {
        plan.nodes
            .iter()
            .find(|n| n.name == name)
            .unwrap()
            .value(field)
            .unwrap()
            .to_string()
    };
    assert_eq!(show("d", "source"), "file(path: \"x/y.hdf5\")");
    assert!(show("s", "optim").starts_with("adamw(lr: 0.001,"));
    assert_eq!(
        codes(&run(&[("data", "x"), ("lr", "3 steps")], false)),
        ["A3006"]
    );
    assert_eq!(
        codes(&run(&[("data", "x"), ("rate", "3")], false)),
        ["A1001"]
    );
}
