//! Faults on demand, for tests: `ALIGN_INJECT=pretrain:nan@120,rl:worsen=score@3` or `RunOptions::inject`.
//!
//! A fault is `NODE:WHAT@N` with, for WHAT, `nan`, `oom`, `data`, `crash` or `kill` (N is a training step) or `worsen=METRIC` (from
//! evaluation N on, the first being number 1, the metric is made worse by half its magnitude; `worsen=METRIC*0.2` by a fifth) or
//! `silent=METRIC` (from step N on the training metric reads zero).
//! NODE is the name in the program or the full id.  A fault strikes the node's first attempt only, unless `*` ends it.

use align_plan::Node;
use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The loss of this step is not a number.
    Nan,
    /// Memory runs out.
    Oom,
    /// The data is unusable.
    Data,
    /// The library panics.
    Crash,
    /// The process gets SIGKILL.
    Kill,
    /// A metric of evaluations is worse than measured.
    Worsen {
        /// Which.
        metric: String,
        /// By which share of its magnitude.
        share: f64,
    },
    /// A training metric reads zero.
    Silent {
        /// Which.
        metric: String,
    },
}

/// A fault to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Name or id of the node.
    pub node: String,
    /// What.
    pub what: What,
    /// Step or number of the evaluation.
    pub at: u64,
    /// In every attempt, not only the first.
    pub always: bool,
}

/// Reads a comma-separated list of faults; the error says what was found.
pub fn parse(text: &str) -> Result<Vec<Fault>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|t| !t.is_empty())
        .map(one)
        .collect()
}

fn one(text: &str) -> Result<Fault, String> {
    let wrong = || {
        format!(
            "found the fault `{text}`, wanted `NODE:WHAT@N` with nan, oom, data, crash, kill, worsen=METRIC or silent=METRIC"
        )
    };
    let (body, always) = match text.strip_suffix('*') {
        Some(body) => (body, true),
        None => (text, false),
    };
    let (node, rest) = body.rsplit_once(':').ok_or_else(wrong)?;
    let (what, at) = rest.split_once('@').ok_or_else(wrong)?;
    let what = match what {
        "nan" => What::Nan,
        "oom" => What::Oom,
        "data" => What::Data,
        "crash" => What::Crash,
        "kill" => What::Kill,
        other if other.starts_with("silent=") => What::Silent {
            metric: other.trim_start_matches("silent=").to_owned(),
        },
        other => {
            let metric = other.strip_prefix("worsen=").ok_or_else(wrong)?;
            let (metric, share) = match metric.split_once('*') {
                Some((metric, share)) => (metric, share.parse().map_err(|_| wrong())?),
                None => (metric, 0.5),
            };
            What::Worsen {
                metric: metric.to_owned(),
                share,
            }
        }
    };
    Ok(Fault {
        node: node.to_owned(),
        what,
        at: at.parse().map_err(|_| wrong())?,
        always,
    })
}

/// The faults that strike a node in this attempt (from 1).
pub fn striking(faults: &[Fault], node: &Node, attempt: u32) -> Vec<Fault> {
    faults
        .iter()
        .filter(|f| f.node == node.id.0 || f.node == node.name)
        .filter(|f| f.always || attempt == 1)
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_and_nonsense_is_named() {
        let faults = parse("pretrain:nan@120, study[a=1]/rl#2:worsen=valid.loss*0.2@3*").unwrap();
        assert_eq!(faults.len(), 2);
        assert_eq!(faults[1].node, "study[a=1]/rl#2");
        assert!(faults[1].always && faults[1].at == 3);
        assert_eq!(
            faults[1].what,
            What::Worsen {
                metric: "valid.loss".into(),
                share: 0.2
            }
        );
        assert!(parse("").unwrap().is_empty());
        for wrong in ["x", "a:nan", "a:burn@3", "a:nan@soon"] {
            assert!(parse(wrong).unwrap_err().contains(wrong));
        }
    }
}
