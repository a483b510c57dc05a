//! Which fields does each block have?  Types, bounds, defaults (as literals of the language), effect classes and docs.
//!
//! What a block's header holds (`trains`, `on`, `from`, the chain) is grammar and not listed here; neither is what depends on
//! more than one field, which the checker decides.

use align_schema::{Block, BlockKind, Bounds, Dim, Effect, Group, Param, Ty};

const fn field(name: &'static str, ty: Ty, docs: &'static str) -> Param {
    Param {
        name,
        ty,
        bounds: None,
        default: None,
        required: false,
        effect: Effect::Identity,
        docs,
    }
}

const fn required(mut p: Param) -> Param {
    p.required = true;
    p
}

const fn default(mut p: Param, literal: &'static str) -> Param {
    p.default = Some(literal);
    p
}

const fn bounded(mut p: Param, bounds: Bounds) -> Param {
    p.bounds = Some(bounds);
    p
}

/// What a stage, a sequence and a cascade write outside the store.
const EXPORT: Param = effect(
    field(
        "export",
        Ty::Str,
        "File for the weights that act, beside the program's: `planner.safetensors` (a cascade may name a folder: one file a member).",
    ),
    Effect::Inert,
);

const fn effect(mut p: Param, effect: Effect) -> Param {
    p.effect = effect;
    p
}

/// Every block kind.
pub const LIST: &[Block] = &[
    DATASET, MODEL, STAGE, SEQUENCE, CASCADE, SWEEP, REPORT, EVAL, CHECKPOINT,
];

const DATASET: Block = Block {
    kind: BlockKind::Dataset,
    word: "dataset",
    fields: &[
        field(
            "source",
            Ty::Call(Group::Source),
            "Where the episodes come from; a dataset `from` another one has none.",
        ),
        bounded(
            default(
                field(
                    "horizon",
                    Ty::Quantity(&[Dim::Steps]),
                    "Length of a window, in plan steps; a derived dataset keeps that of its origin.",
                ),
                "32 steps",
            ),
            Bounds::at_least(1.0),
        ),
        bounded(
            default(
                field(
                    "stride",
                    Ty::Quantity(&[Dim::Steps]),
                    "Environment steps between two plan steps (jump-step planning).",
                ),
                "1 steps",
            ),
            Bounds::at_least(1.0),
        ),
        default(
            field(
                "split",
                Ty::Split,
                "Shares of episodes for training and validation.",
            ),
            "{ train: 90%, valid: 10% } by episode",
        ),
        default(
            field(
                "normalise",
                Ty::Enum(&["limits", "gaussian", "cdf"]),
                "How observations and actions are scaled: to [-1, 1] by their limits, to zero mean and unit variance, or to [-1, 1] by the share of the data below.",
            ),
            "limits",
        ),
        field(
            "relabel",
            Ty::Call(Group::Relabel),
            "How its rewards are changed before anything reads them, such as `affine(shift: -1)`.",
        ),
        field(
            "keep",
            Ty::Filter,
            "Which episodes stay, such as `score >= percentile(90%)` or `top(10%, by: return)`.",
        ),
        field(
            "prefer",
            Ty::Call(Group::Preference),
            "How two samples of one condition are ranked; makes a dataset of pairs.",
        ),
        bounded(
            field(
                "count",
                Ty::Quantity(&[Dim::Pairs]),
                "How many pairs are made.",
            ),
            Bounds::at_least(1.0),
        ),
    ],
    docs: "Episodes to learn from, or preference pairs made of a checkpoint's samples (`dataset pairs from rl.best`).",
};

const MODEL: Block = Block {
    kind: BlockKind::Model,
    word: "model",
    fields: &[
        required(field("net", Ty::Call(Group::Net), "The network.")),
        field(
            "sampler",
            Ty::Call(Group::Sampler),
            "The diffusion chain: its steps in training and in acting. A critic has none, but a `value` network may learn noisy plans of one.",
        ),
        field(
            "actions",
            Ty::Call(Group::Net),
            "What tells the actions of a plan of states: `inverse_dynamics(..)`; a planner without it draws actions and states together.",
        ),
        field(
            "guidance",
            Ty::Call(Group::Guidance),
            "How it is led to good samples: `classifier_free(..)`.",
        ),
        field(
            "weights",
            Ty::Str,
            "A safetensors file, relative to where `align` runs, that its first stage begins with in place of random numbers: PyTorch's names and shapes, as `align export` writes them or a Diffuser state dict has them.",
        ),
        default(
            field(
                "predict",
                Ty::Enum(&["noise", "sample", "velocity"]),
                "What the network predicts of a noisy sample.",
            ),
            "noise",
        ),
        bounded(
            default(
                field(
                    "ema",
                    Ty::Float,
                    "Decay of the moving average of the weights, which acts and is kept; 0 turns it off.",
                ),
                "0.995",
            ),
            Bounds {
                lo: 0.0,
                hi: 1.0,
                lo_in: true,
                hi_in: false,
            },
        ),
        bounded(
            field(
                "replan",
                Ty::Quantity(&[Dim::Steps]),
                "Environment steps after which it is asked for a new plan (receding horizon), wherever it acts; by default when a plan is used up, or never where a goal is held at its end.",
            ),
            Bounds::at_least(1.0),
        ),
    ],
    docs: "A network and how it is sampled; stages train it.",
};

const STAGE: Block = Block {
    kind: BlockKind::Stage,
    word: "stage",
    fields: &[
        required(field(
            "loss",
            Ty::Call(Group::Loss),
            "What is minimised: the method of this stage.",
        )),
        default(
            field(
                "optim",
                Ty::Call(Group::Optimiser),
                "The optimiser with its learning rate and schedule.",
            ),
            "adamw(lr: 2e-4)",
        ),
        bounded(
            default(field("batch", Ty::Int, "Samples of one gradient."), "32"),
            Bounds::at_least(1.0),
        ),
        bounded(
            field(
                "accumulate",
                Ty::Int,
                "Gradients that are averaged in one optimiser step; by default 1.",
            ),
            Bounds::closed(1.0, 65536.0),
        ),
        effect(
            field(
                "device",
                Ty::Enum(&["cpu", "libtorch", "cuda"]),
                "What computes this stage, whatever `--device` says: the embedded kernels, libtorch's on the processor, or libtorch's on a graphics card.",
            ),
            Effect::Inert,
        ),
        effect(
            field(
                "precision",
                Ty::Enum(&["f32", "bf16"]),
                "In which numbers its training steps multiply matrices, by default `f32`. With `bf16` the matrices of weights, and what they are multiplied with, are rounded to 8 significant bits for each product, on libtorch and its cards alone; the weights themselves, normalisations, losses, the optimiser, the moving average and what acts in evaluations stay in `f32`.",
            ),
            Effect::Inert,
        ),
        effect(
            field(
                "memory",
                Ty::Quantity(&[Dim::Size]),
                "Memory to set aside on its device while it runs, where that is more than what its like was seen to hold: `4GiB`.",
            ),
            Effect::Inert,
        ),
        field(
            "adapter",
            Ty::Call(Group::Adapter),
            "What is trained in place of the weights of the checkpoint: `lora(rank: 8)`.",
        ),
        effect(
            field(
                "budget",
                Ty::Budget,
                "How long it may train at most: `8k steps`, `500k env_steps or 60 min`.",
            ),
            Effect::Extent,
        ),
        bounded(
            default(
                field(
                    "clip_norm",
                    Ty::Float,
                    "Largest global norm of a gradient; a larger one is scaled down.",
                ),
                "1.0",
            ),
            Bounds::positive(),
        ),
        EXPORT,
    ],
    docs: "Trains one model by one loss until its condition holds or its budget is used up.",
};

const SEQUENCE: Block = Block {
    kind: BlockKind::Sequence,
    word: "sequence",
    fields: &[
        effect(
            bounded(
                required(field(
                    "rounds",
                    Ty::Quantity(&[Dim::Rounds]),
                    "How often its members run at most.",
                )),
                Bounds::closed(1.0, 1000.0),
            ),
            Effect::Extent,
        ),
        field(
            "carry",
            Ty::Call(Group::Keep),
            "What the next round starts from: `best(score)` (of all rounds so far) or `last`.",
        ),
        EXPORT,
    ],
    docs: "Runs its members in order, round after round; each starts from the one before.",
};

const CASCADE: Block = Block {
    kind: BlockKind::Cascade,
    word: "cascade",
    fields: &[
        field(
            "join",
            Ty::Call(Group::Join),
            "How a member's sample conditions the next member, such as `refine(renoise: 30%)`.",
        ),
        field(
            "guidance",
            Ty::Call(Group::Guidance),
            "How its members are led to good samples: `classifier(value.best, scale: 0.1)`.",
        ),
        field(
            "pick",
            Ty::Call(Group::Pick),
            "How one of several samples is chosen, such as `best_of(16, critic: value.best)`.",
        ),
        EXPORT,
    ],
    docs: "Samples several models one after the other, each conditioned on the one before; evaluated, and can be exported.",
};

const SWEEP: Block = Block {
    kind: BlockKind::Sweep,
    word: "sweep",
    fields: &[
        effect(
            bounded(
                default(
                    field(
                        "parallel",
                        Ty::Int,
                        "Lanes that run at the same time; 0 means as many as there are cores.",
                    ),
                    "0",
                ),
                Bounds::at_least(0.0),
            ),
            Effect::Inert,
        ),
        effect(
            field(
                "prune",
                Ty::Call(Group::Prune),
                "Which lanes are stopped early.",
            ),
            Effect::Inert,
        ),
        effect(
            default(
                field(
                    "fail_fast",
                    Ty::Bool,
                    "Whether the first failed lane stops the others.",
                ),
                "false",
            ),
            Effect::Inert,
        ),
        effect(
            default(
                field(
                    "keep_going",
                    Ty::Bool,
                    "Whether other lanes go on after a failure.",
                ),
                "true",
            ),
            Effect::Inert,
        ),
    ],
    docs: "Instantiates a pipeline over tasks, seeds and any other of its parameters; each instance is a lane.",
};

const REPORT: Block = Block {
    kind: BlockKind::Report,
    word: "report",
    fields: &[effect(
        field(
            "table",
            Ty::Call(Group::Statistic),
            "A statistic for each group, such as `mean_ci(score, level: 95%) by [task, stage]`.",
        ),
        Effect::Inert,
    )],
    docs: "A table and claims (`expect`) over the lanes of a sweep or over a pipeline.",
};

const EVAL: Block = Block {
    kind: BlockKind::Eval,
    word: "eval",
    fields: &[
        effect(
            bounded(
                default(
                    field(
                        "episodes",
                        Ty::Amount(&[Dim::Episodes]),
                        "Episodes of one evaluation.",
                    ),
                    "20",
                ),
                Bounds::at_least(1.0),
            ),
            Effect::Observe,
        ),
        effect(
            field(
                "critic",
                Ty::Checkpoint,
                "A critic that values sampled plans: adds the metric `value`.",
            ),
            Effect::Observe,
        ),
        effect(
            bounded(
                field(
                    "replan",
                    Ty::Quantity(&[Dim::Steps]),
                    "Environment steps after which a new plan is asked for (receding horizon), in this evaluation; by default as the model says.",
                ),
                Bounds::at_least(1.0),
            ),
            Effect::Observe,
        ),
    ],
    docs: "When a stage is evaluated and how; by default every tenth of its budget.",
};

const CHECKPOINT: Block = Block {
    kind: BlockKind::Checkpoint,
    word: "checkpoint",
    fields: &[effect(
        field(
            "keep",
            Ty::List(&Ty::Call(Group::Keep)),
            "Which checkpoints stay: `best(metric)`, `last(n)`.",
        ),
        Effect::Observe,
    )],
    docs: "When a checkpoint is written and which are kept; by default at each evaluation, the best and the last.",
};
