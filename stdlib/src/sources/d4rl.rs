//! The source that names a D4RL dataset.

use align_schema::{Ty, builtin};

builtin! {
    /// A D4RL dataset by its task name, from the local cache.
    ///
    /// The file is looked for in `$D4RL_DATASET_DIR`, else in `~/.d4rl/datasets`, under D4RL's own file name (such as
    /// `hopper_medium-v2.hdf5` or `maze2d-umaze-sparse-v1.hdf5`). Nothing is downloaded: a missing file is an error that says where it was
    /// looked for. The file is read by the same rules as `file`.
    ///
    /// ```align
    /// dataset rollouts { source = d4rl("hopper-medium-v2"), horizon = 32 steps }
    /// ```
    pub struct D4rl = "d4rl" in Source {
        /// The task, which also fixes the reference scores and the time limit.
        task: String = Ty::Task;
    }
}
