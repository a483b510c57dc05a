//! The source that makes its own episodes.

use align_schema::{Bounds, Dim, Ty, Value, builtin};

builtin! {
    /// Episodes collected in a built-in environment.
    ///
    /// Each episode starts from the task's own start distribution. `waypoint` drives a Maze2D ball towards random goals along shortest
    /// grid paths with D4RL's controller (gain 10, damping 1, switch radius 0.1): from goal to goal until the time limit (`ends: limit`, as
    /// D4RL does), or to one goal, where the episode ends at rest (`ends: goal`). `linear` is the linear policy that comes
    /// with the library for `hopper-*` (about 88 points; noise 0.2 makes it a medium one, about 45). `uniform` draws every action uniformly. A checkpoint acts through its own
    /// sampler, as it would in an evaluation. Rewards are those of the task (Maze2D: with respect to its fixed goal).
    ///
    /// ```align
    /// dataset rollouts {
    ///     source  = collect("maze2d-umaze-v1", by: waypoint, episodes: 500)
    ///     horizon = 32 steps
    ///     stride  = 4 steps
    /// }
    /// ```
    pub struct Collect = "collect" in Source {
        /// The environment task.
        task: String = Ty::Task;
        /// Who acts: `waypoint` (mazes), `linear` (`hopper-*`), `uniform`, or a trained model such as `pretrain.best`.
        by: Value = Ty::CheckpointOr(&["waypoint", "linear", "uniform"]), default "waypoint";
        /// How many episodes.
        episodes: usize = Ty::Amount(&[Dim::Episodes]), default "500 episodes", bounds Bounds::closed(1.0, 1e6);
        /// Where an episode of `waypoint` ends: at the time `limit`, driving from goal to goal, or at rest in its first `goal`.
        ends: String = Ty::Enum(&["limit", "goal"]), default "limit";
        /// Standard deviation of Gaussian noise on each action before it is clipped to the task's limits; D4RL's noisy collection has 0.5.
        noise: f64 = Ty::Float, default "0.0", bounds Bounds::closed(0.0, 10.0);
    }
}
