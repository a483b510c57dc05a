#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
//! Each code on a small program: the right code, at the right place, once, and nothing else.

use crate::diag::Diagnostic;
use crate::testing::{check_files, check_text};

/// A dataset, a planner and a critic.
const BASE: &str = r#"align 1
dataset rollouts { source = collect("maze2d-umaze-v1", by: waypoint, episodes: 20), horizon = 32 steps, stride = 4 steps }
model planner { net = temporal_unet(width: 16, mults: [1, 2, 4]), sampler = ddim(train: 20 denoise_steps, act: 10 denoise_steps) }
model critic { net = twin_q(width: 64, depth: 2) }
stage value trains critic on rollouts { loss = iql(), budget = 1k steps }
stage pretrain trains planner on rollouts { loss = denoise(), budget = 4k steps }
"#;

/// A pipeline with two parameters.
const LANE: &str = r#"align 1
pipeline lane(task: Task, seed: Seed) {
    dataset rollouts { source = d4rl(task), horizon = 32 steps }
    model planner { net = temporal_unet(), sampler = ddim() }
    stage pretrain trains planner on rollouts { loss = denoise(), budget = 4k steps }
}
"#;

fn found(text: &str) -> Vec<(&'static str, String)> {
    let out = check_files(&[("main.align", text)]);
    out.diagnostics
        .iter()
        .map(|d| (d.code, out.sources.slice(d.file, d.span).to_owned()))
        .collect()
}

/// Checks snippets behind a prelude: each must give exactly one diagnostic, of this code at this text.
fn table(prelude: &str, cases: &[(&str, &str, &str)]) {
    let mut wrong = Vec::new();
    assert_eq!(
        found(prelude).iter().filter(|(c, _)| *c != "A1011").count(),
        0,
        "the prelude is clean"
    );
    for (snippet, code, at) in cases {
        let text = format!("{prelude}{snippet}\n");
        let mut out = found(&text);
        // The prelude defines what not every snippet uses.
        out.retain(|(c, _)| c == code || *c != "A1011");
        let right = match out.as_slice() {
            [(c, place)] => {
                c == code && place.split_whitespace().collect::<Vec<_>>().join(" ") == *at
            }
            [] => code.is_empty(),
            _ => false,
        };
        if !right {
            let all = check_text(&text);
            let messages: Vec<String> = all
                .iter()
                .map(|d| format!("{} {}", d.code, d.message))
                .collect();
            wrong.push(format!(
                "{snippet}\n    wanted {code} at `{at}`, found {out:?} {messages:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn one(text: &str) -> Diagnostic {
    let mut all = check_text(text);
    all.retain(|d| d.code != "A1011");
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

#[test]
fn names() {
    table(
        BASE,
        &[
            (
                "stage a trains planer on rollouts { loss = denoise(), budget = 1k steps }",
                "A1001",
                "planer",
            ),
            (
                "stage a trains planner on rollots { loss = denoise(), budget = 1k steps }",
                "A1001",
                "rollots",
            ),
            (
                "stage a trains planner on rollouts from pretain.best { loss = denoise(), budget = 1k steps }",
                "A1001",
                "pretain",
            ),
            (
                "stage a trains planner on rollouts { loss = denoize(), budget = 1k steps }",
                "A1001",
                "denoize",
            ),
            (
                "stage a trains planner on rollouts from pretrain.bets { loss = denoise(), budget = 1k steps }",
                "A1001",
                "bets",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps, bach = 3 }",
                "A1002",
                "bach",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), bugdet = 1k steps }",
                "A1002",
                "bugdet",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps, optim = adamw(rate: 0.1) }",
                "A1003",
                "rate",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(1), budget = 1k steps }",
                "A1003",
                "1",
            ),
            (
                "stage value trains critic on rollouts { loss = iql(), budget = 1k steps }",
                "A1004",
                "value",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps, budget = 2k steps }",
                "A1005",
                "budget",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps, optim = adamw(lr: 0.1, lr: 0.2) }",
                "A1005",
                "lr",
            ),
            ("use \"nowhere.align\".x", "A1006", "\"nowhere.align\""),
            ("use std.loses.denoise as fit", "A1006", "loses"),
            ("use std.losses.denoize as fit", "A1007", "denoize"),
            ("let LR = 3e-4", "A1011", "LR"),
            ("param lr: float = 3e-4", "A1011", "lr"),
            ("use std.losses.denoise as fit", "A1011", "fit"),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps\non failure => standrad }",
                "A1001",
                "standrad",
            ),
            (
                "policy p { nam => skip }\nstage a trains planner on rollouts { loss = denoise(), budget = 1k steps\non failure => p }",
                "A1001",
                "nam",
            ),
            ("param x: flot = 3", "A1001", "flot"),
        ],
    );
}

#[test]
fn types() {
    table(
        BASE,
        &[
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps, batch = \"32\" }",
                "A2001",
                "\"32\"",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps, batch = 2.5 }",
                "A2001",
                "2.5",
            ),
            (
                "stage a trains planner on rollouts { loss = adamw(), budget = 1k steps }",
                "A2001",
                "adamw",
            ),
            (
                "stage a trains pretrain on rollouts { loss = denoise(), budget = 1k steps }",
                "A2001",
                "pretrain",
            ),
            (
                "stage a trains planner on critic { loss = denoise(), budget = 1k steps }",
                "A2001",
                "critic",
            ),
            ("model m { sampler = ddim() }", "A2002", "m"),
            ("model m { net = mlp() }", "A2002", "m"),
            (
                "stage a trains planner on rollouts { budget = 1k steps }",
                "A2002",
                "a",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise() }",
                "A2002",
                "a",
            ),
            ("dataset d { horizon = 8 steps }", "A2002", "d"),
            ("dataset d { source = collect() }", "A2003", "collect"),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps, optim = LR(3) }\nlet LR = 3",
                "A2004",
                "LR",
            ),
            (
                "stage a trains planner on rollouts from pretrain { loss = denoise(), budget = 1k steps }",
                "A2005",
                "pretrain",
            ),
            (
                "stage a trains planner on rollouts from pretrain.score { loss = denoise(), budget = 1k steps }",
                "A2005",
                "score",
            ),
            (
                "stage a trains planner on rollouts from value.best { loss = denoise(), budget = 1k steps }",
                "A2006",
                "value.best",
            ),
            (
                "dataset p from pretrain.best { prefer = by_value(pretrain.best), count = 1k pairs }",
                "A2006",
                "pretrain.best",
            ),
            (
                "stage a trains planner on rollouts from pretrain.best { loss = diffusion_dpo(reference: pretrain.best), budget = 1k steps }",
                "A2007",
                "diffusion_dpo(reference: pretrain.best)",
            ),
            (
                "stage a trains planner on rollouts from pretrain.best { loss = ppo(), budget = 1k env_steps }",
                "A2007",
                "ppo()",
            ),
            (
                "stage a trains critic on rollouts { loss = denoise(), budget = 1k steps }",
                "A2007",
                "denoise()",
            ),
            (
                "stage a trains planner { loss = denoise(), budget = 1k steps }",
                "A2007",
                "denoise()",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps\nuntil plateau(kl, improve: 1%, patience: 2 evals) }",
                "A2008",
                "kl",
            ),
            (
                "dataset d { source = collect(\"maze2d-umaze-v1\"), horizon = 16 steps }\nstage a trains planner on d from pretrain.best { loss = denoise(), budget = 1k steps }",
                "A2009",
                "d",
            ),
            (
                "dataset d { source = collect(\"maze2d-umaze-v1\"), horizon = 30 steps }\nstage a trains planner on d { loss = denoise(), budget = 1k steps }",
                "A2009",
                "d",
            ),
            (
                "dataset d { source = d4rl(\"hopper-medium-v2\") }\nstage a trains planner on d from pretrain.best { loss = denoise(), budget = 1k steps }",
                "A2010",
                "d",
            ),
            (
                "stage a trains planner on rollouts in env(\"hopper-medium-v2\") { loss = ppo(), budget = 1k env_steps }",
                "A2010",
                "env(\"hopper-medium-v2\")",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps, optim = adamw(lr: 0) }",
                "A2011",
                "0",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 0 steps }",
                "A2011",
                "0 steps",
            ),
            (
                "dataset d { source = collect(\"maze2d-umaze-v1\"), split = { train: 90%, valid: 20% } by episode }",
                "A2012",
                "{ train: 90%, valid: 20% }",
            ),
            (
                "model m { net = mlp(), sampler = ddim(), predict = noize }",
                "A2013",
                "noize",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps, optim = adamw(lr: 0.1, 0.2) }",
                "A2014",
                "0.2",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps\nuntil valid.loss < score }",
                "A2015",
                "<",
            ),
            (
                "dataset p from pretrain.best { prefer = by_return(), count = 1k pairs }\nstage a trains planner on p from pretrain.best { loss = diffusion_dpo(reference: a.best), budget = 1k steps }",
                "A2016",
                "a.best",
            ),
            (
                "dataset p from pretrain.best { prefer = by_return(), count = 1k pairs }\nstage a trains planner on p from pretrain.best { loss = diffusion_dpo(reference: planner), budget = 1k steps }",
                "A2016",
                "planner",
            ),
        ],
    );
}

#[test]
fn units() {
    table(
        BASE,
        &[
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k stpes }",
                "A3001",
                "stpes",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps\neval every 5 min { } }",
                "A3002",
                "5 min",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps + 5 min }",
                "A3002",
                "+",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 50000 }",
                "A3003",
                "50000",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps\nuntil plateau(score, improve: 1, patience: 2 evals) }",
                "A3003",
                "1",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps\nuntil plateau(score, improve: 1%, patience: 2) }",
                "A3003",
                "2",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps\nuntil plateau(score, improve: 1%, patience: 2 rounds) }",
                "A3002",
                "2 rounds",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps\nuntil reaches(score, 70%) }",
                "A3005",
                "70%",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps, optim = adamw(lr: 3e-4 steps) }",
                "A3006",
                "3e-4 steps",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps, optim = adamw(lr: 5%) }",
                "A3006",
                "5%",
            ),
            (
                "stage a trains planner on rollouts in env(\"maze2d-umaze-v1\") from pretrain.best { loss = ppo(), budget = 1k steps }",
                "A3007",
                "1k steps",
            ),
            (
                "stage a trains planner on rollouts in env(\"maze2d-umaze-v1\") from pretrain.best { loss = ppo(), budget = 100k env_steps\neval every 10k steps { } }",
                "A3007",
                "10k steps",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps\nuntil reaches(score, 3000 return) }",
                "A3008",
                "3000 return",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k env_steps }",
                "A3002",
                "1k env_steps",
            ),
        ],
    );
}

#[test]
fn graph() {
    table(
        BASE,
        &[
            (
                "stage a trains planner on rollouts from b.best { loss = denoise(), budget = 1k steps }\nstage b trains planner on rollouts from a.best { loss = denoise(), budget = 1k steps }",
                "A4001",
                "b.best",
            ),
            (
                "let x = y\nlet y = x\nstage a trains planner on rollouts { loss = denoise(), budget = 1k steps, batch = x }",
                "A4001",
                "y",
            ),
            (
                "stage a trains planner on rollouts from a.best { loss = denoise(), budget = 1k steps }",
                "A4002",
                "a.best",
            ),
            (
                "stage a trains planner on rollouts from pretrain.best { loss = denoise(), budget = 1k steps }\nsequence s = a -> pretrain { rounds = 2 rounds }",
                "A4003",
                "pretrain",
            ),
            (
                "stage a trains planner on rollouts { loss = denoise(), budget = 1k steps }\nsequence s = pretrain -> a { rounds = 2 rounds }",
                "A4003",
                "a",
            ),
            (
                "dataset d { source = collect(\"maze2d-umaze-v1\"), horizon = 16 steps }\nstage a trains planner on d { loss = denoise(), budget = 1k steps }\ncascade c = pretrain.best -> a.best { }",
                "A4004",
                "a.best",
            ),
            (
                "cascade c = pretrain.best -> value.best { }",
                "A4004",
                "value.best",
            ),
            (
                "cascade c = pretrain -> pretrain.last { }",
                "A2005",
                "pretrain",
            ),
            (
                "pipeline p(x: int) { }\nstage a trains planner on rollouts from p.best { loss = denoise(), budget = 1k steps }\nsweep s of p { x in [1] }",
                "A1012",
                "p.best",
            ),
        ],
    );
}

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
                "sweep s of lane { task in [\"hopper-medium-v2\", \"walker2d-medium-v2\"]\nseed in 0..=2\nwithout { task: \"hopper-medium-v2\", seed: 1 }\nparallel = 2 }\nreport s { table = mean_ci(score) by [task, stage] }",
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
    assert_eq!(
        found(&fixed).iter().filter(|(c, _)| *c != "A1011").count(),
        0
    );
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
    assert_eq!(found, ["A1011", "A1008"]);
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
    let text = "align 1\nparam data: string\nparam lr: float = 0.1\ndataset d { source = file(data), horizon = 32 steps }\nmodel m { net = temporal_unet(), sampler = ddim() }\nstage s trains m on d { loss = denoise(), budget = 1k steps, optim = adamw(lr: lr) }\n";
    let world = Memory([("m.align".to_owned(), text.to_owned())].into());
    let run = |sets: &[(&str, &str)], allow_unset| {
        let sets = sets
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        check(&world, "m.align", &Options { sets, allow_unset })
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
