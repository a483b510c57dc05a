//! Programs with a cursor, `$0`, and what is answered there.

mod changes;
mod completion;
mod looking;
mod names;

use std::collections::HashMap;

use crate::Options;
use crate::ide::Analysis;
use crate::testing::Memory;

/// A program that uses most of the language.
pub(super) const STUDY: &str = r#"align 1

use "lab.align".standard

/// One seed of it.
pipeline maze(task: Task, seed: Seed = 0) {
    let rate = 1e-3
    // Where the ball was.
    dataset rollouts {
        source = collect(task, by: waypoint, episodes: 100)
    }
    model critic { net = twin_q(width: 64) }
    stage value trains critic on rollouts {
        loss   = iql()
        budget = 1k steps
    }
    model planner {
        net     = temporal_unet(width: 16)
        sampler = ddim(train: 20 denoise_steps)
    }
    // First by imitation.
    stage pretrain trains planner on rollouts {
        loss   = denoise()
        optim  = adamw(lr: rate)
        budget = 3k steps
        eval every 500 steps { episodes = 20 }
        until plateau(valid.loss, improve: 1%, patience: 4 evals)
        on failure => standard
    }
    stage rl trains planner on rollouts in env(task) from pretrain.best {
        loss   = ppo(critic: value.best, reference: pretrain.best)
        budget = 60k env_steps
        eval every 20k env_steps { episodes = 20 }
        on failure {
            nan  => rollback(to: best, scale: { optim.lr: 0.5 }, times: 3)
            else => fail(lane)
        }
    }
    stage sft trains planner on rollouts from rl.best {
        loss   = weighted(critic: value.best)
        budget = 1k steps
        eval every 200 steps { episodes = 20 }
    }
    sequence online = rl -> sft {
        rounds = 2 rounds
        carry  = best(score)
    }
}

sweep study of maze {
    task in ["maze2d-umaze-v1"]
    seed in 0..<3
}

report study {
    table = mean_ci(score) by [task, stage]
    expect gain(online.score, over: pretrain.score) >= 5%
}
"#;

/// What another file has for it.
pub(super) const LAB: &str = "align 1\n\n/// Tries again.\npolicy standard {\n    nan  => retry(times: 2)\n    else => fail(lane)\n}\n";

/// The program of a text, with [`LAB`] beside it, and where its cursor stands.
pub(super) fn at(text: &str) -> (Analysis, u32) {
    let cursor = text.find("$0").unwrap_or(text.len());
    let text = text.replacen("$0", "", 1);
    let files = [("main.align", text.as_str()), ("lab.align", LAB)];
    let world = Memory(
        files
            .iter()
            .map(|(p, t)| ((*p).to_owned(), (*t).to_owned()))
            .collect::<HashMap<_, _>>(),
    );
    let options = Options {
        allow_unset: true,
        ..Options::default()
    };
    (Analysis::of(&world, "main.align", &options), cursor as u32)
}

/// [`STUDY`] with the cursor behind the first place of a text that occurs in it.
pub(super) fn behind(text: &str) -> (Analysis, u32) {
    let (analysis, _) = at(STUDY);
    let cursor = STUDY.find(text).map_or(0, |n| n + text.len());
    (analysis, cursor as u32)
}

#[test]
fn the_study_has_no_error() {
    let (analysis, _) = at(STUDY);
    let errors: Vec<_> = analysis
        .diagnostics
        .iter()
        .filter(|d| d.is_error())
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert!(analysis.plan.is_some());
}

#[test]
fn no_question_about_any_byte_of_any_cut_of_a_program_panics() {
    use crate::ide::*;
    // Each line's end, and the middle of each line.
    let mut cuts: Vec<usize> = STUDY.match_indices('\n').map(|(n, _)| n).collect();
    cuts.extend(
        STUDY
            .match_indices(['(', '=', ':', '.'])
            .map(|(n, _)| n + 1),
    );
    for cut in cuts {
        let (a, _) = at(&STUDY[..cut]);
        let end = cut as u32;
        for offset in [end, end.saturating_sub(1), end / 2, end + 10] {
            complete::complete(&a, MAIN, offset);
            hover::hover(&a, MAIN, offset);
            signature::signature(&a, MAIN, offset);
            navigate::definition(&a, MAIN, offset);
            actions::actions(
                &a,
                MAIN,
                align_grammar::ast::Span {
                    start: offset / 2,
                    end: offset,
                },
            );
            fold::selections(a.text(MAIN), offset);
        }
        symbols::symbols(&a, MAIN);
        tokens::tokens(&a, MAIN);
        hints::hints(&a, MAIN);
        fold::folds(a.text(MAIN));
        edits::formatting(a.text(MAIN));
    }
}
