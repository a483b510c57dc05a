//! What is written for a proposal, with places to fill in.

use align_schema::{BlockKind, Builtin, Group};

/// Statements of a block that are no fields: what is shown, what is written, what it is for.
pub(super) fn statements(kind: BlockKind) -> &'static [(&'static str, &'static str, &'static str)] {
    match kind {
        BlockKind::Stage => &[
            ("until", "until $0", "ends the stage when it holds"),
            (
                "eval every",
                "eval every ${1:500 steps} { episodes = ${2:100} }",
                "plays episodes, or asks a critic",
            ),
            (
                "checkpoint every",
                "checkpoint every ${1:1k steps}",
                "keeps checkpoints",
            ),
            (
                "on failure",
                "on failure {\n    ${1:nan} => ${2:retry(times: 2)}\n    else => ${3:fail(lane)}\n}",
                "what is done when something fails",
            ),
            (
                "on regression",
                "on regression(${1:score}, worse: ${2:10%}) => ${3:rollback(to: best)}",
                "what is done when a metric falls",
            ),
        ],
        BlockKind::Sequence => &[("until", "until $0", "ends the rounds when it holds")],
        BlockKind::Cascade => &[("eval", "eval { episodes = ${1:100} }", "plays episodes")],
        BlockKind::Sweep => &[("without", "without { $0 }", "leaves lanes out")],
        BlockKind::Report => &[(
            "expect",
            "expect $0",
            "a claim: a run that does not meet it exits with 5",
        )],
        _ => &[],
    }
}

/// A literal as it stands in a snippet.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('$', "\\$")
        .replace('}', "\\}")
}

/// A call with its required arguments to fill in.
pub(super) fn call(builtin: &Builtin) -> String {
    let required: Vec<String> = builtin
        .params
        .iter()
        .filter(|p| p.required)
        .enumerate()
        .map(|(i, p)| format!("{}: ${}", p.name, i + 1))
        .collect();
    match (required.is_empty(), builtin.params.is_empty()) {
        // A word for what takes nothing, such as `waypoint`.
        (_, true) => match builtin.group {
            Group::Loss => format!("{}()", builtin.name),
            _ => builtin.name.to_owned(),
        },
        (true, false) => format!("{}($0)", builtin.name),
        (false, _) => format!("{}({})", builtin.name, required.join(", ")),
    }
}

/// A whole item to fill in.
pub(super) fn item(word: &str) -> &str {
    match word {
        "use" => "use ",
        "param" => "param ${1:name}: ${2:float} = ${3:1.0}",
        "let" => "let ${1:name} = $0",
        "pipeline" => "pipeline ${1:name}(${2:seed: Seed = 0}) {\n    $0\n}",
        "dataset" => "dataset ${1:rollouts} {\n    source  = $0\n    horizon = ${2:32 steps}\n}",
        "model" => {
            "model ${1:planner} {\n    net     = ${2:temporal_unet()}\n    sampler = ${3:ddim()}\n}"
        }
        "stage" => {
            "stage ${1:pretrain} trains ${2:planner} on ${3:rollouts} {\n    loss   = ${4:denoise()}\n    budget = ${5:10k steps}\n    $0\n}"
        }
        "sequence" => {
            "sequence ${1:aligned} = ${2:rl} -> ${3:dpo} {\n    rounds = ${4:2 rounds}\n    carry  = best(${5:score})\n}"
        }
        "cascade" => {
            "cascade ${1:controller} = ${2:pretrain.best} -> ${3:aligned.best} {\n    join = refine(renoise: ${4:50%})\n}"
        }
        "sweep" => "sweep ${1:study} of ${2:pipeline} {\n    ${3:seed} in 0..<${4:3}\n}",
        "policy" => {
            "policy ${1:standard} {\n    nan => ${2:rollback(to: best, times: 3)}\n    else => ${3:fail(lane)}\n}"
        }
        "report" => "report ${1:study} {\n    table = mean_ci(${2:score}) by [stage]\n}",
        other => other,
    }
}
