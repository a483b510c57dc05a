//! Each code on a small program: the right code, at the right place, once, and nothing else.

use crate::diag::Diagnostic;
use crate::testing::{check_files, check_text};

/// A dataset, a planner and a critic.
pub(super) const BASE: &str = r#"align 1
dataset rollouts { source = collect("maze2d-umaze-v1", by: waypoint, episodes: 20), horizon = 32 steps, stride = 4 steps }
model planner { net = temporal_unet(width: 16, mults: [1, 2, 4]), sampler = ddim(train: 20 denoise_steps, act: 10 denoise_steps) }
model critic { net = twin_q(width: 64, depth: 2) }
stage value trains critic on rollouts { loss = iql(), budget = 1k steps }
stage pretrain trains planner on rollouts { loss = denoise(), budget = 4k steps }
"#;

pub(super) fn found(text: &str) -> Vec<(&'static str, String)> {
    let out = check_files(&[("main.align", text)]);
    out.diagnostics
        .iter()
        .map(|d| (d.code, out.sources.slice(d.file, d.span).to_owned()))
        .collect()
}

/// Checks snippets behind a prelude: each must give exactly one diagnostic, of this code at this text.
pub(super) fn table(prelude: &str, cases: &[(&str, &str, &str)]) {
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
        out.retain(|(c, _)| c == code || !matches!(*c, "A1011" | "A4005" | "A4010"));
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

pub(super) fn one(text: &str) -> Diagnostic {
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
                "dataset d { source = d4rl(\"hopper-medium-v2\") }\nstage a trains planner on d { loss = weighted(critic: value.best), budget = 1k steps }",
                "A2010",
                "value.best",
            ),
            (
                "dataset d { source = collect(\"hopper-medium-v2\", by: pretrain.best) }",
                "A2010",
                "pretrain.best",
            ),
            (
                "dataset d { source = d4rl(\"hopper-medium-v2\") }\ndataset e from d { keep = advantage(value.best) >= percentile(50%) }",
                "A2010",
                "value.best",
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
