//! The rules, one file each; this is their only list.

mod few_episodes;
mod few_evaluations;
mod few_seeds;
mod fixed_seed;
mod idle_allow;
mod lone_reaches;
mod long_patience;
mod no_failure_policy;
mod rare_evaluation;
mod repeated_arms;
mod repeated_number;
mod shadowed_name;
mod single_value_axis;
mod small_claim;
mod snake_case;
mod thin_filter;
mod training_metric;
mod undocumented;
mod unreachable_budget;
mod unusual_rate;

pub use idle_allow::idle;

use super::Rule;
use crate::diag::Severity::{Note, Warning};

macro_rules! rules {
    ($($module:ident $name:literal $level:ident $summary:literal)*) => {
        /// Every rule, sorted by name.
        pub const ALL: &[Rule] = &[$(Rule {
            name: $name,
            summary: $summary,
            level: $level,
            page: include_str!(concat!(stringify!($module), ".md")),
            find: $module::find,
        }),*];
    };
}

rules! {
    few_episodes "few-episodes" Warning "the best checkpoint is chosen by too few episodes"
    few_evaluations "few-evaluations" Warning "a stage is evaluated fewer than four times"
    few_seeds "few-seeds" Warning "a claim rests on fewer than three seeds"
    fixed_seed "fixed-seed" Warning "every lane of a sweep has the same seed"
    idle_allow "idle-allow" Note "a comment silences a rule that finds nothing there, or none that there is"
    lone_reaches "lone-reaches" Note "a goal without a way to give up"
    long_patience "long-patience" Warning "a plateau needs nearly the whole budget to be seen"
    no_failure_policy "no-failure-policy" Note "a stage of a sweep does not say what to do when it fails"
    rare_evaluation "rare-evaluation" Warning "checkpoints are kept far more often than they are evaluated"
    repeated_arms "repeated-arms" Note "the same failure arms are written out again"
    repeated_number "repeated-number" Warning "one odd number stands in three places or more"
    shadowed_name "shadowed-name" Warning "an inner name hides one of the file"
    single_value_axis "single-value-axis" Note "an axis with one value"
    small_claim "small-claim" Warning "a small margin is claimed from few episodes"
    snake_case "snake-case" Note "a name is not in snake case"
    thin_filter "thin-filter" Warning "a filter leaves a handful of episodes"
    training_metric "training-metric" Warning "a stage stops by its training loss"
    undocumented "undocumented" Note "a pipeline or a parameter without a line of documentation"
    unreachable_budget "unreachable-budget" Warning "a condition always stops the stage before its budget"
    unusual_rate "unusual-rate" Warning "a learning rate far from what its optimiser is used with"
}
