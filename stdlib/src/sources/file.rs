//! The source that reads a file.

use align_schema::{Group, Ty, Value, builtin};

builtin! {
    /// Episodes from an HDF5 file in D4RL's layout.
    ///
    /// The root holds `observations` [N, O], `actions` [N, A], `rewards` [N], `terminals` [N] and (optional) `timeouts` [N]; shapes
    /// [N, 1] are flattened. An episode ends at a terminal or a timeout; without `timeouts` it is cut at the task's time limit. A value
    /// that is not finite, a wrong shape, a truncated file or an empty one is an error before any training.
    ///
    /// ```align
    /// dataset rollouts { source = file("data/hopper-medium.hdf5", task: "hopper-medium-v2"), horizon = 32 steps }
    /// ```
    pub struct File = "file" in Source {
        /// Path of the file, relative to where `align` runs.
        path: String = Ty::Str;
        /// The task it was recorded in; without it there is no normalised score and no time limit.
        task: Option<String> = Ty::Task;
        /// `false` says that the file has no rewards (demonstrations): `rewards` is then not read, and what needs returns refuses the data.
        rewards: Option<bool> = Ty::Bool;
        /// The source in its place where `path` is empty, such as a `param` that a user may set: `otherwise: collect(..)`.
        otherwise: Option<Value> = Ty::Call(Group::Source);
    }
}
