//! The source that names a Minari set.

use align_schema::{Ty, builtin};

builtin! {
    /// A Minari set by its name, such as `D4RL/pointmaze/umaze-v2`.
    ///
    /// The set is looked for in `$MINARI_DATASETS_PATH`, else in `~/.minari/datasets`; one that is not there is fetched from the hub when
    /// the program runs (`--hub`, `--offline`), and never by a check. All three forms of storage are read: HDF5, Arrow and Parquet. An episode
    /// of T steps has T + 1 observations, of which the first T are used; it ends for good at a termination and is cut at a truncation. Of
    /// a dictionary of observations `observation` is the state, and the goals beside it are left out. Actions that are not a row of continuous
    /// numbers, images, a value that is not finite and a set that is not whole are errors before any training.
    ///
    /// ```align
    /// dataset rollouts { source = minari("mujoco/hopper/medium-v0", task: "hopper-medium-v2"), horizon = 32 steps }
    /// ```
    pub struct Minari = "minari" in Source {
        /// Name of the set, with its version.
        id: String = Ty::Str;
        /// The task that it is scored by; without it there is no normalised score.
        task: Option<String> = Ty::Task;
    }
}
