//! The definition of a builtin and of a block, and the macro that declares one.

use crate::ty::{Bounds, Effect, Ty};

/// What a builtin is for; a field or an argument asks for one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Where a dataset comes from.
    Source,
    /// Which episodes of a dataset stay (`top`), and measures to compare with (`percentile`).
    Filter,
    /// How preference pairs are ranked.
    Preference,
    /// Networks.
    Net,
    /// How a model is led to good samples: `classifier_free(..)`, `classifier(..)`.
    Guidance,
    /// What a stage trains in place of a model's own weights: `lora(..)`.
    Adapter,
    /// How rewards of a dataset are changed: `affine(..)`.
    Relabel,
    /// How good samples are searched for at training time: `particles(..)`.
    Search,
    /// Samplers of the diffusion chain.
    Sampler,
    /// Training losses.
    Loss,
    /// Optimisers.
    Optimiser,
    /// Learning-rate schedules.
    Schedule,
    /// Convergence rules.
    StopRule,
    /// Failure actions.
    Action,
    /// What a checkpoint clause keeps: `best(metric)`, `last(n)`.
    Keep,
    /// How cascade members are joined.
    Join,
    /// How a cascade picks among samples.
    Pick,
    /// Environments.
    Env,
    /// Statistics of a report.
    Statistic,
    /// Pruning of a sweep.
    Prune,
}

/// What a dataset holds.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum DataKind {
    /// Episodes of observations, actions, rewards.
    Rollouts,
    /// Preferred and rejected samples of one condition.
    Pairs,
}

/// What a network is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Not a network.
    None,
    /// Denoises trajectories.
    Planner,
    /// Denoises chunks of actions, given an observation.
    Policy,
    /// Values states, actions or plans.
    Critic,
    /// Tells the action between two states.
    Inverse,
}

/// A field of a block or an argument of a builtin.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// As written in a program.
    pub name: &'static str,
    /// What it takes.
    pub ty: Ty,
    /// Allowed numbers, in base units.
    pub bounds: Option<Bounds>,
    /// The default, as a literal of the language.
    pub default: Option<&'static str>,
    /// Whether a program must give it.
    pub required: bool,
    /// What a change of it means.
    pub effect: Effect,
    /// One line for people.
    pub docs: &'static str,
}

/// A named thing of the standard library.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// As written in a program.
    pub name: &'static str,
    /// What it is for.
    pub group: Group,
    /// Its arguments; positional arguments fill them in this order.
    pub params: &'static [Param],
    /// What it is, its formula and the formula's source; the first line is the summary.
    pub docs: &'static str,
    /// Edition of the language that brought it.
    pub since: u32,
    /// Edition of its meaning: raised when the same arguments give other bytes.
    pub semantics: u32,
    /// For a loss: the kinds of data that it can learn from (empty: not a loss).
    pub data: &'static [DataKind],
    /// For a loss: whether the stage must interact with an environment (`in env(task)`), or be given a critic to ask instead.
    pub needs_env: bool,
    /// For a loss: the networks that it fits (empty: any planner or policy).
    pub nets: &'static [&'static str],
    /// For a loss: whether it reads rewards.
    pub rewards: bool,
    /// For a loss: how many samples of one of the batch go through the network at once; 0 where that is not known.
    pub whole_batch: f64,
    /// For a network: what it is for.
    pub role: Role,
    /// For a loss or a net: metrics of its own, beside those that every stage reports.
    pub metrics: &'static [&'static str],
}

/// Which block of a program.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// `dataset name { .. }`.
    Dataset,
    /// `model name { .. }`.
    Model,
    /// `stage name trains model { .. }`.
    Stage,
    /// `sequence name = a -> b { .. }`.
    Sequence,
    /// `cascade name = a -> b { .. }`.
    Cascade,
    /// `sweep name of pipeline { .. }`.
    Sweep,
    /// `report name { .. }`.
    Report,
    /// `eval every .. { .. }`.
    Eval,
    /// `checkpoint every .. { .. }`.
    Checkpoint,
}

/// A block kind with its fields.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// Which.
    pub kind: BlockKind,
    /// The word that opens it.
    pub word: &'static str,
    /// Its fields.
    pub fields: &'static [Param],
    /// What it is, for people.
    pub docs: &'static str,
}

impl Block {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&'static Param> {
        self.fields.iter().find(|p| p.name == name)
    }
}

impl Builtin {
    /// The argument of this name.
    pub fn param(&self, name: &str) -> Option<&'static Param> {
        self.params.iter().find(|p| p.name == name)
    }
    /// The first line of the docs.
    pub fn summary(&self) -> &'static str {
        self.docs.trim_start().lines().next().unwrap_or("")
    }
}

/// Declares a builtin once: its argument struct, the reader that finds every bad argument at once, and its metadata.
///
/// ```text
/// builtin! {
///     /// Implicit Q-learning.
///     pub struct Iql = "iql" in Loss {
///         /// The expectile of the value regression.
///         expectile: f64 = Ty::Float, default "0.7", bounds Bounds::open(0.0, 1.0);
///         /// The frozen reference (an argument without a default whose Rust type is not `Option` is required).
///         reference: Ref = Ty::Checkpoint;
///     }
///     data: &[DataKind::Rollouts], metrics: &["q"]
/// }
/// ```
/// It makes `Iql { pub expectile: f64, pub reference: Ref }`, `Iql::BUILTIN: Builtin` and
/// `Iql::read(&Call) -> Result<Iql, Vec<ArgError>>`.  Effect classes default to `Identity`.
#[macro_export]
macro_rules! builtin {
    (
        $(#[doc = $doc:literal])*
        $vis:vis struct $Name:ident = $name:literal in $group:ident {
            $(
                $(#[doc = $pdoc:literal])*
                $field:ident : $rust:ty = $ty:expr
                    $(, default $default:literal)?
                    $(, bounds $bounds:expr)?
                    $(, effect $effect:ident)? ;
            )*
        }
        $($extra:ident : $value:expr),* $(,)?
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug)]
        $vis struct $Name {
            $( $(#[doc = $pdoc])* pub $field: $rust, )*
        }
        impl $Name {
            const PARAMS: &'static [$crate::Param] = &[ $( $crate::Param {
                name: stringify!($field),
                ty: $ty,
                bounds: $crate::__first!($(Some($bounds),)? None),
                default: $crate::__first!($(Some($default),)? None),
                required: !<$rust as $crate::FromValue>::OPTIONAL
                    && $crate::__first!($({ let _ = $default; false },)? true),
                effect: $crate::__first!($($crate::Effect::$effect,)? $crate::Effect::Identity),
                docs: concat!($($pdoc, "\n"),*),
            } ),* ];

            /// The definition that the checker, the editors and the documentation read.
            #[allow(clippy::needless_update)]
            pub const BUILTIN: $crate::Builtin = $crate::Builtin {
                $( $extra: $value, )*
                ..$crate::Builtin {
                    name: $name,
                    group: $crate::Group::$group,
                    params: Self::PARAMS,
                    docs: concat!($($doc, "\n"),*),
                    since: 1,
                    semantics: 1,
                    data: &[],
                    needs_env: false,
                    nets: &[],
                    rewards: false,
                    whole_batch: 0.0,
                    role: $crate::Role::None,
                    metrics: &[],
                }
            };

            /// Reads a checked call; every argument that is missing or of a wrong kind is in the error.
            pub fn read(call: &$crate::Call) -> Result<Self, Vec<$crate::ArgError>> {
                #[allow(unused_mut)]
                let mut errors = Vec::new();
                $( let $field = $crate::take::<$rust>(call, stringify!($field), &mut errors); )*
                if errors.is_empty() {
                    $( let Some($field) = $field else { return Err(errors) }; )*
                    Ok(Self { $($field),* })
                } else {
                    Err(errors)
                }
            }
        }
    };
}

/// The first of its arguments (an optional one may be missing before a fallback).
#[doc(hidden)]
#[macro_export]
macro_rules! __first {
    ($first:expr $(, $rest:expr)* $(,)?) => {
        $first
    };
}
