//! The failure events of the language: their words, what they mean, what they take.

use align_schema::{Bounds, Dim, Effect, Param, Ty};

/// A failure event.
#[derive(Debug)]
pub struct Event {
    /// Its word.
    pub name: &'static str,
    /// When it happens; the first line is a summary.
    pub docs: &'static str,
    /// Its arguments.
    pub params: &'static [Param],
}

/// All of them, in the order in which they are told; `else` stands for all others.
pub const EVENTS: &[Event] = &[
    Event {
        name: "nan",
        docs: "A loss, a gradient or a metric is not finite.\n\nIt is found before any weight is changed, or at the evaluation that reads it.",
        params: &[],
    },
    Event {
        name: "oom",
        docs: "Memory ran out: of the device, or of the machine.\n\nAlso when the system killed the worker for its memory.",
        params: &[],
    },
    Event {
        name: "crash",
        docs: "The worker died: a panic, an abort, a segmentation fault, a signal.\n\nNothing but its attempt is harmed; the next one goes on from the newest checkpoint.",
        params: &[],
    },
    Event {
        name: "timeout",
        docs: "The worker gave no sign of life for 30 minutes, or for as long as `--stall` says.\n\nIt is watched where a stage has an arm that answers it.",
        params: &[],
    },
    Event {
        name: "data",
        docs: "The data of the stage is unusable: it cannot be read, or the stage finds nothing in it to learn from.",
        params: &[],
    },
    Event {
        name: "dead_signal",
        docs: "There is nothing left to learn from: in every reading between two evaluations `reward.spread` or `grad_norm` was zero (under 1e-8).\n\n\
               Rewards that do not differ give no policy gradient; a gradient of zero moves no weight. `retry` goes on with other random numbers.",
        params: &[],
    },
    Event {
        name: "collapse",
        docs: "The plans drawn for one state have become one: `diversity` of an evaluation is under 5% of what it was at the stage's first, or under 1e-6.\n\n\
               Such a model has nothing left to choose from. Without an arm of its own it is a warning, once a stage, and the stage goes on; `else` does \
               not answer it.",
        params: &[],
    },
    Event {
        name: "overoptimised",
        docs: "The model has learned to please the critic: `value` of an evaluation is higher than at the best score so far, and `score` is lower than \
               there by more than two standard errors.\n\nIt is seen where `eval` has a `critic`. The standard error is that of the difference, from \
               `spread` and the number of episodes of both evaluations. Without an arm of its own it is a warning, once a stage, and the stage goes on; \
               `else` does not answer it.",
        params: &[],
    },
    Event {
        name: "regression",
        docs: "A metric of an evaluation is worse than that of a reference checkpoint.\n\nA statement of the stage: `on regression(score, worse: 10%, than: pretrain.best) => rollback(to: best, then: skip)`. An arm that is \
               added later is asked of the evaluations that are stored.",
        params: REGRESSION,
    },
    Event {
        name: "else",
        docs: "Any event that no arm before it answers, but `collapse` and `overoptimised`, which are warnings then.",
        params: &[],
    },
];

/// The words of all events.
pub fn words() -> Vec<&'static str> {
    EVENTS.iter().map(|e| e.name).collect()
}

pub(crate) const REGRESSION: &[Param] = &[
    Param {
        name: "metric",
        ty: Ty::Metric,
        bounds: None,
        default: None,
        required: true,
        effect: Effect::Inert,
        docs: "The metric that is compared.",
    },
    Param {
        name: "worse",
        ty: Ty::Amount(&[Dim::Share, Dim::Score, Dim::Return]),
        bounds: Some(Bounds::at_least(0.0)),
        default: None,
        required: true,
        effect: Effect::Inert,
        docs: "How much worse it may get; a share is relative.",
    },
    Param {
        name: "than",
        ty: Ty::Checkpoint,
        bounds: None,
        default: None,
        required: true,
        effect: Effect::Inert,
        docs: "The checkpoint whose metric is the reference.",
    },
];
