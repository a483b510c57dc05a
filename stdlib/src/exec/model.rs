//! What data and rollouts ask of a trained model, without knowing its network or its device.
//!
//! The training side implements these traits; nothing here touches a tensor.

use align_runtime_api::{Input, JobError};

use crate::exec::data::Meta;
use crate::exec::env::Stream;

/// States to plan from, one row each.
pub struct Request<'a> {
    /// Observations [B, O], in the environment's units.
    pub observations: &'a [f32],
    /// Observations [B, O] that the plans should end in, where the task has a goal.
    pub goals: Option<&'a [f32]>,
    /// Index of each row's episode (or start): rows may be a part of a batch, in increasing order.
    pub episodes: &'a [usize],
    /// One stream a row: a plan must depend on its own row alone, so that batches may be cut anywhere.
    pub rngs: &'a mut [Stream],
}

/// Sampled trajectories [B, H, A + O] (actions first), in the environment's units; a policy's chunk has no observations (O = 0).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plans {
    /// Points of each trajectory.
    pub horizon: usize,
    /// Numbers of an action.
    pub act: usize,
    /// Numbers of an observation, 0 for a policy.
    pub obs: usize,
    /// Row-major values.
    pub values: Vec<f32>,
}

impl Plans {
    /// Numbers of one point.
    pub fn width(&self) -> usize {
        self.act + self.obs
    }
    /// Numbers of one trajectory.
    pub fn row(&self) -> usize {
        self.horizon * self.width()
    }
    /// How many trajectories there are.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.row()).unwrap_or(0)
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Trajectory number `i`, or nothing.
    pub fn get(&self, i: usize) -> Option<&[f32]> {
        self.values.get(i * self.row()..(i + 1) * self.row())
    }
}

/// How a model's trajectories are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Environment steps between two points of a trajectory.
    pub stride: usize,
    /// Environment steps after which a new one is asked for; none: at its end, or never where a goal is held at the end.
    pub replan: Option<usize>,
}

/// A model that proposes trajectories (a planner) or chunks of actions (a policy).
pub trait Planner {
    /// One trajectory for each row of the request.
    fn plan(&mut self, request: Request<'_>) -> Result<Plans, JobError>;
    /// The meta data of what the model was trained on, from its checkpoint: task, horizon, stride, normaliser, goal.
    fn meta(&self) -> &Meta;
    /// How the trajectories are to be executed: by default once, at the stride of the training data.
    fn execution(&self) -> Execution {
        Execution {
            stride: self.meta().stride,
            replan: None,
        }
    }
}

/// A model that judges.
pub trait Critic {
    /// Value of each observation of [B, O], in units of discounted return.
    fn state_values(&mut self, observations: &[f32]) -> Result<Vec<f64>, JobError>;
    /// Value of each trajectory that starts at the observation of its row in [B, O].
    fn plan_values(&mut self, observations: &[f32], plans: &Plans) -> Result<Vec<f64>, JobError>;
    /// The discount of one environment step that it was trained with.
    fn discount(&self) -> f64;
}

/// Opens the models of checkpoints.
pub trait Models {
    /// The sampler of a checkpoint of a diffusion model, with its EMA weights.
    fn planner(&self, checkpoint: &Input) -> Result<Box<dyn Planner>, JobError>;
    /// The critic of a checkpoint.
    fn critic(&self, checkpoint: &Input) -> Result<Box<dyn Critic>, JobError>;
}
