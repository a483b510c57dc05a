//! The source that names a D4RL dataset.

use align_schema::{Ty, builtin};

builtin! {
    /// A D4RL dataset by its task name, from the local cache or from D4RL's server.
    ///
    /// The file is looked for in `$D4RL_DATASET_DIR`, else in `~/.d4rl/datasets`, under D4RL's own file name (such as
    /// `hopper_medium-v2.hdf5` or `maze2d-umaze-sparse-v1.hdf5`). One that is not there is downloaded when the program runs, and never by a
    /// check: `--d4rl-url` names another server, `--offline` forbids it. An interrupted download goes on where it stopped. The file is read by
    /// the same rules as `file`.
    ///
    /// ```align
    /// dataset rollouts { source = d4rl("hopper-medium-v2"), horizon = 32 steps }
    /// ```
    pub struct D4rl = "d4rl" in Source {
        /// The task, which also fixes the reference scores and the time limit.
        task: String = Ty::Task;
        /// SHA-256 of the file, in hexadecimal digits: a download with another one is refused.
        sha256: Option<String> = Ty::Str;
    }
}
