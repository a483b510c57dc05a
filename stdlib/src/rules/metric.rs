//! Which metrics are known, which way is each better, and in which unit is it measured?

use align_schema::Dim;

/// A metric of the language.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// As written in a program.
    pub name: &'static str,
    /// Whether larger is better.
    pub up: bool,
    /// Its unit; `Plain` for a number without one.
    pub dim: Dim,
    /// What it is.
    pub docs: &'static str,
}

const fn m(name: &'static str, up: bool, dim: Dim, docs: &'static str) -> Metric {
    Metric {
        name,
        up,
        dim,
        docs,
    }
}

/// What every training stage reports.
pub const TRAINING: &[Metric] = &[
    m(
        "loss",
        false,
        Dim::Plain,
        "training loss, mean since the last report",
    ),
    m(
        "valid.loss",
        false,
        Dim::Plain,
        "loss on the validation part of the data",
    ),
    m(
        "grad_norm",
        false,
        Dim::Plain,
        "global norm of the gradient before it is clipped",
    ),
    m("lr", true, Dim::Plain, "learning rate"),
    m("throughput", true, Dim::Plain, "samples a second"),
];

/// What every evaluation of a planner or a policy reports.
pub const DRAWN: &[Metric] = &[m(
    "diversity",
    true,
    Dim::Plain,
    "mean distance between two samples of one start, as the network sees them",
)];

/// What an evaluation in an environment reports.
pub const EVALUATION: &[Metric] = &[
    m(
        "score",
        true,
        Dim::Score,
        "mean D4RL-normalised return of the episodes",
    ),
    m(
        "return",
        true,
        Dim::Return,
        "mean raw return of the episodes",
    ),
    m(
        "spread",
        false,
        Dim::Score,
        "standard deviation of the score over episodes",
    ),
    m("length", true, Dim::EnvSteps, "mean length of the episodes"),
    m(
        "success",
        true,
        Dim::Share,
        "share of the episodes that reach the goal",
    ),
];

/// What an evaluation with a critic adds.
pub const VALUE: &[Metric] = &[m(
    "value",
    true,
    Dim::Plain,
    "mean value of sampled plans under the critic of `eval`",
)];

/// What single losses add.
pub const LOSSES: &[Metric] = &[
    m(
        "valid.preferred",
        true,
        Dim::Share,
        "share of validation pairs whose winner is preferred",
    ),
    m(
        "margin",
        true,
        Dim::Plain,
        "mean implicit reward of winners above that of losers",
    ),
    m(
        "model.winner",
        false,
        Dim::Plain,
        "error of the model on winners",
    ),
    m(
        "model.loser",
        true,
        Dim::Plain,
        "error of the model on losers",
    ),
    m(
        "reference.winner",
        false,
        Dim::Plain,
        "error of the reference on winners",
    ),
    m(
        "reference.loser",
        false,
        Dim::Plain,
        "error of the reference on losers",
    ),
    m(
        "reward",
        true,
        Dim::Plain,
        "mean reward of the collected plans",
    ),
    m(
        "reward.spread",
        false,
        Dim::Plain,
        "standard deviation of that reward",
    ),
    m("kl", false, Dim::Plain, "divergence from the reference"),
    m(
        "clip_fraction",
        false,
        Dim::Share,
        "share of samples whose ratio was clipped",
    ),
    m("q", true, Dim::Plain, "mean value of the data's actions"),
    m("q.loss", false, Dim::Plain, "loss of the action values"),
    m("v.loss", false, Dim::Plain, "loss of the state values"),
    m(
        "weight.share",
        true,
        Dim::Share,
        "share of samples that carry weight",
    ),
];

/// The metric of this name, of whatever stage.
pub fn metric(name: &str) -> Option<&'static Metric> {
    [TRAINING, DRAWN, EVALUATION, VALUE, LOSSES]
        .into_iter()
        .flatten()
        .find(|m| m.name == name)
}
