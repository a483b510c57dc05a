//! What has to be fetched before a run can say what it does?  The contents of a file are part of a key.

use align_plan::{NodeId, Plan};
use align_runtime_api::{Fetching, Library, OnProgress};

use super::{RunError, RunOptions, wanted};

/// Fetches what the nodes of a run need from outside and this machine does not have, one after another; which could not be had, and why.
///
/// After a stop on request nothing more is tried.
pub fn fetch(
    plan: &Plan,
    library: &dyn Library,
    options: &RunOptions,
    how: &Fetching<'_>,
    progress: OnProgress<'_>,
) -> Result<Vec<(NodeId, String)>, RunError> {
    let mut failed = Vec::new();
    for (node, wanted) in plan.nodes.iter().zip(wanted(plan, options)?) {
        if !wanted || (how.stopped)() {
            continue;
        }
        if let Err(why) = library.fetch(node, how, &mut *progress) {
            failed.push((node.id.clone(), why));
        }
    }
    Ok(failed)
}
