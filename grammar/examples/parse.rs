//! Parses a file, or a generated one of N stages, and says how long it took: `cargo run --release -p align-grammar --example parse -- 1000`.

#![allow(clippy::print_stdout)]

use std::fmt::Write as _;
use std::time::Instant;

fn main() {
    let argument = std::env::args().nth(1).unwrap_or_else(|| "1000".to_owned());
    let text = match argument.parse::<usize>() {
        Ok(stages) => generated(stages),
        Err(_) => std::fs::read_to_string(&argument).unwrap_or_default(),
    };
    let mut best = f64::INFINITY;
    let mut errors = Vec::new();
    for _ in 0..std::env::args()
        .nth(2)
        .and_then(|n| n.parse().ok())
        .unwrap_or(10)
    {
        let start = Instant::now();
        let parse = align_grammar::parse(&text);
        best = best.min(start.elapsed().as_secs_f64());
        errors = parse.errors;
    }
    for e in &errors {
        let line = text[..e.span.start as usize].matches('\n').count() + 1;
        let shown = text
            .get(e.span.start as usize..e.span.end as usize)
            .unwrap_or("");
        println!(
            "{}:{line}: {} [{}] at {shown:?}",
            e.code, e.message, e.label
        );
        if let Some(help) = &e.help {
            println!("    help: {help}");
        }
        if let Some((span, fix)) = &e.fix {
            println!("    fix: {}..{} -> {fix:?}", span.start, span.end);
        }
    }
    println!(
        "{} KB, {} errors, best of 10: {:.1} ms",
        text.len() / 1000,
        errors.len(),
        best * 1e3
    );
}

/// A file of `stages` stages, eight lines each.
fn generated(stages: usize) -> String {
    let mut text = String::from(
        "align 1\n\ndataset rollouts { source = d4rl(\"hopper-medium-v2\") }\n\nmodel planner { net = temporal_unet(width: 32) }\n",
    );
    for i in 0..stages {
        let from = if i == 0 {
            String::new()
        } else {
            format!(" from stage_{}.best", i - 1)
        };
        let _ = write!(
            text,
            "\nstage stage_{i} trains planner on rollouts{from} {{\n    loss   = denoise()\n    optim  = adamw(lr: 2e-4, schedule: cosine(to: budget))\n    batch  = 32\n    budget = 200k steps or 40 min\n    eval every 5k steps {{ episodes = 20 }}\n    until plateau(score, improve: 1 points, patience: 5 evals)\n}}\n"
        );
    }
    text
}
