//! Every code of edition 1: number, severity, and what it says in one line.

use super::Code;
use crate::diag::Severity;

const fn e(code: &'static str, title: &'static str) -> Code {
    Code {
        code,
        severity: Severity::Error,
        title,
    }
}

const fn w(code: &'static str, title: &'static str) -> Code {
    Code {
        code,
        severity: Severity::Warning,
        title,
    }
}

/// Every code, sorted; a number is never used for something else.
pub const ALL: &[Code] = &[
    // Syntax.
    e("A0001", "this cannot stand here"),
    e("A0002", "a bracket is never closed"),
    e("A0003", "a string is not ended"),
    e("A0004", "malformed number"),
    e("A0005", "a separator is missing"),
    e("A0006", "unknown item word"),
    e("A0007", "nested deeper than 64 levels"),
    e("A0008", "edition missing, or newer than this tool"),
    e("A0009", "this statement is not allowed in this block"),
    // Names.
    e("A1001", "unknown name"),
    e("A1002", "unknown field of this block"),
    e("A1003", "unknown argument"),
    e("A1004", "defined twice"),
    e("A1005", "field given twice"),
    e("A1006", "module or file not found"),
    e("A1007", "the module has no such name"),
    e("A1008", "imports in a circle"),
    w("A1009", "this name hides one of the standard library"),
    e("A1010", "reserved word used as a name"),
    w("A1011", "never used"),
    e("A1012", "name of another pipeline used without a lane"),
    // Types.
    e("A2001", "wrong type"),
    e("A2002", "required field missing"),
    e("A2003", "required argument missing"),
    e("A2004", "this cannot be called"),
    e("A2005", "a stage where a checkpoint is needed"),
    e("A2006", "checkpoint of another model"),
    e("A2007", "loss and data disagree"),
    e("A2008", "the stage has no such metric"),
    e("A2009", "horizons of model and data differ"),
    e(
        "A2010",
        "observation or action size of task and model differ",
    ),
    e("A2011", "value out of bounds"),
    e("A2012", "shares do not add up to 100%"),
    e("A2013", "unknown word of an enumeration"),
    e("A2014", "positional argument after a named one"),
    e("A2015", "metrics of different kinds compared"),
    e("A2016", "the reference is the model being trained"),
    e(
        "A2017",
        "parts of a model or a stage that do not go together",
    ),
    // Units.
    e("A3001", "unknown unit"),
    e("A3002", "different dimensions"),
    e("A3003", "unit missing"),
    e("A3004", "epochs without a finite dataset"),
    e(
        "A3005",
        "a share where an absolute amount is needed, or the reverse",
    ),
    e("A3006", "unit on a plain number"),
    e("A3007", "steps where env_steps count"),
    e("A3008", "raw return against points"),
    w("A3009", "implausible size"),
    // Graph.
    e("A4001", "the graph has a cycle"),
    e("A4002", "a stage starts from itself"),
    e("A4003", "the order of a sequence contradicts `from`"),
    e(
        "A4004",
        "a cascade member cannot take what the one before gives",
    ),
    w("A4005", "a stage leads nowhere"),
    e("A4006", "a parameter of the pipeline is not given"),
    e("A4007", "sweep of something that is not a pipeline"),
    e("A4008", "a pipeline contains itself"),
    e("A4009", "two exports write one path"),
    w("A4010", "two stages are the same node"),
    // Convergence and failure.
    e("A5001", "`until` without `budget`"),
    e("A5002", "the metric is never evaluated in this stage"),
    e("A5003", "this rule can never fire"),
    e(
        "A5004",
        "`reaches` holds from the start, or looks at the wrong side",
    ),
    e("A5005", "condition on something that does not change"),
    e("A5006", "`and` of rules that exclude each other"),
    e("A5007", "`rollback`, and no checkpoint is kept"),
    e("A5008", "`times` is missing"),
    e("A5009", "arm after `else`, or given twice"),
    e("A5010", "this action is not allowed for this event"),
    e("A5011", "the rollback target is not an ancestor"),
    e(
        "A5012",
        "`scale` leaves the bounds of the field within `times`",
    ),
    e("A5013", "sequence without `rounds`"),
    e("A5014", "`carry` of a metric that the last member has not"),
    w(
        "A5015",
        "`eval` and `checkpoint` never meet, so that `best` cannot be kept",
    ),
    e("A5016", "a clock in `until`"),
    w("A5017", "`improve` of zero"),
    w("A5018", "no stop rule: the stage runs to its budget"),
    // Sweeps and reports.
    e("A6001", "empty axis"),
    w("A6002", "value given twice on an axis"),
    e("A6003", "not a parameter of the pipeline"),
    w("A6004", "`without` matches nothing"),
    e("A6005", "`without` names no axis"),
    e("A6006", "more lanes than allowed"),
    e("A6007", "`prune` looks before the first evaluation"),
    w("A6008", "a confidence interval over fewer than 3 seeds"),
    e("A6009", "`expect` compares lanes that share no seed"),
    e("A6010", "`expect` on a stage that may be skipped"),
    e("A6011", "a share over runs that cannot be met"),
    // Data and model.
    e("A7001", "unknown task or dataset"),
    e("A7002", "split with an empty part"),
    e("A7003", "the horizon is longer than the longest episode"),
    e("A7004", "the filter keeps nothing"),
    w("A7005", "the same episodes in train and valid"),
    e("A7006", "pairs from data without a return"),
    e(
        "A7007",
        "acting steps above the training steps of the sampler",
    ),
    w("A7008", "normaliser of another dataset"),
    // Resources and plan.
    e("A8001", "memory estimate above the limit"),
    w("A8002", "time estimate above the budget"),
    e("A8003", "the device is not there"),
    w("A8004", "`parallel` above the cores"),
    e("A8005", "the saved plan is stale"),
    w("A8006", "kernel semantics rose, so that nodes run again"),
    e("A8007", "the store was written by a newer tool"),
    e(
        "A8008",
        "two processes on one store with different editions",
    ),
];
