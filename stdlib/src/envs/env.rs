//! The environment that a stage may act in.

use align_schema::{Ty, builtin};

builtin! {
    /// A built-in environment.
    ///
    /// ```align
    /// stage rl trains planner on rollouts in env("maze2d-umaze-v1") from pretrain.best {
    ///     loss   = ppo(clip: 0.01)
    ///     budget = 50k env_steps
    /// }
    /// ```
    pub struct Env = "env" in Env {
        /// The task to act in.
        task: String = Ty::Task;
    }
}
