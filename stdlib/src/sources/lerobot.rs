//! The source that reads a LeRobot set.

use align_schema::{Ty, builtin};

builtin! {
    /// Episodes from a folder in LeRobot's layout: `meta/info.json` and Parquet files under `data`.
    ///
    /// Version 2 (one file for each episode) and version 3 (several in a file) are read. The columns are `observation.state`, `action`,
    /// `episode_index`, `next.reward` or `reward`, and (optional) `next.done`: an episode whose last step is done has ended for good, any other is cut.
    /// Images and videos are not read. A value that is not finite, frames that are missing and a set that is not whole are errors
    /// before any training.
    ///
    /// ```align
    /// dataset rollouts { source = lerobot("data/pusht", rewards: false), horizon = 16 steps }
    /// ```
    pub struct Lerobot = "lerobot" in Source {
        /// The folder, relative to where `align` runs.
        path: String = Ty::Str;
        /// The task it was recorded in; without it there is no normalised score.
        task: Option<String> = Ty::Task;
        /// `false` says that there are no rewards (demonstrations): they are then not read, and what needs returns refuses the data.
        rewards: Option<bool> = Ty::Bool;
    }
}
