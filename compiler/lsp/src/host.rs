//! What the server asks of the machine that it runs on.

use std::path::Path;

use align_compiler::graph::State;
use align_compiler::machine::Machine;
use align_plan::{NodeId, Plan};
use serde::Serialize;

/// Files, the machine, and what the store knows.
pub trait Host {
    /// Makes the editor's folder the one that relative paths start from, as a terminal in it would.
    fn enter(&self, folder: &Path);

    /// The text of a file, or why there is none.
    fn read(&self, path: &str) -> Result<String, String>;

    /// Every program in the folder and below.
    fn programs(&self) -> Vec<String>;

    /// What programs are checked for.
    fn machine(&self) -> Machine;

    /// What the store knows of each node of a plan; `None` where nothing ever ran.
    fn known(&self, plan: &Plan) -> Option<Known>;

    /// What `align plan` prints.
    fn plan(&self, plan: &Plan) -> String;
}

/// What the store knows of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// Every node, in the order of the plan.
    pub nodes: Vec<NodeKnown>,
}

/// What the store knows of a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeKnown {
    /// Which.
    pub id: NodeId,
    /// Its state.
    #[serde(serialize_with = "word")]
    pub state: State,
    /// The same for people: `done, 71.3 points`.
    pub detail: String,
    /// Whether its result is in the store as the program stands now.
    pub cached: bool,
    /// The score of its best checkpoint, in points.
    pub score: Option<f64>,
    /// Steps that it made, or that its budget comes to, where they are known and the budget is not in steps.
    pub steps: Option<u64>,
    /// Passes over its data that a budget in steps comes to, where the data is there.
    pub epochs: Option<f64>,
    /// Seconds that its work would take, where they are known.
    pub seconds: Option<f64>,
}

// The form that serde asks for.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn word<S: serde::Serializer>(state: &State, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(state.word())
}
