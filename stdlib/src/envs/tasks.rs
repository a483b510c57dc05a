//! Which tasks exist, how large their observations and actions are, and what their scores are measured against.

/// A task of the language.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    /// As written in a program.
    pub name: &'static str,
    /// Numbers in an observation.
    pub obs: usize,
    /// Numbers in an action.
    pub act: usize,
    /// Time limit of an episode, in environment steps.
    pub max_steps: usize,
    /// Return of a random policy: 0 points.
    pub min_score: f64,
    /// Return of the reference expert: 100 points.
    pub max_score: f64,
    /// Whether this release can run it; the others are names of data.
    pub simulated: bool,
}

impl Task {
    /// The normalised score of an episode's undiscounted return, in points: `100 (R - min) / (max - min)` (D4RL).
    pub fn score(&self, episode_return: f64) -> f64 {
        100.0 * (episode_return - self.min_score) / (self.max_score - self.min_score)
    }

    /// The difference in return that one point stands for.
    pub fn point(&self) -> f64 {
        (self.max_score - self.min_score) / 100.0
    }
}

const fn maze(name: &'static str, max_steps: usize, min_score: f64, max_score: f64) -> Task {
    Task {
        name,
        obs: 4,
        act: 2,
        max_steps,
        min_score,
        max_score,
        simulated: true,
    }
}

const fn hopper(name: &'static str) -> Task {
    Task {
        name,
        obs: 11,
        act: 3,
        max_steps: 1000,
        min_score: -20.272_305,
        max_score: 3234.3,
        simulated: false,
    }
}

const fn cheetah(name: &'static str) -> Task {
    Task {
        name,
        obs: 17,
        act: 6,
        max_steps: 1000,
        min_score: -280.178_953,
        max_score: 12135.0,
        simulated: false,
    }
}

const fn walker(name: &'static str) -> Task {
    Task {
        name,
        obs: 17,
        act: 6,
        max_steps: 1000,
        min_score: 1.629_008,
        max_score: 4592.3,
        simulated: false,
    }
}

/// Every task. Reference scores of Maze2D and of the locomotion tasks are D4RL's; the pendulum has no published ones: its 0 is the mean of
/// uniform actions over 10,000 episodes here, its 100 the mean of a converged SAC policy (100 episodes).
pub const TASKS: &[Task] = &[
    maze("maze2d-umaze-v1", 300, 23.85, 161.86),
    maze("maze2d-medium-v1", 600, 13.13, 277.39),
    maze("maze2d-large-v1", 800, 6.7, 273.99),
    maze(
        "maze2d-umaze-dense-v1",
        300,
        68.537_689,
        193.662_856_424_138_2,
    ),
    maze(
        "maze2d-medium-dense-v1",
        600,
        44.264_742,
        297.455_254_777_712_5,
    ),
    maze(
        "maze2d-large-dense-v1",
        800,
        30.569_041,
        303.485_738_270_900_2,
    ),
    Task {
        name: "pendulum",
        obs: 3,
        act: 1,
        max_steps: 200,
        min_score: -1230.0,
        max_score: -155.9,
        simulated: true,
    },
    hopper("hopper-random-v2"),
    hopper("hopper-medium-v2"),
    hopper("hopper-medium-replay-v2"),
    hopper("hopper-medium-expert-v2"),
    hopper("hopper-expert-v2"),
    cheetah("halfcheetah-random-v2"),
    cheetah("halfcheetah-medium-v2"),
    cheetah("halfcheetah-medium-replay-v2"),
    cheetah("halfcheetah-medium-expert-v2"),
    cheetah("halfcheetah-expert-v2"),
    walker("walker2d-random-v2"),
    walker("walker2d-medium-v2"),
    walker("walker2d-medium-replay-v2"),
    walker("walker2d-medium-expert-v2"),
    walker("walker2d-expert-v2"),
];

/// The task of this name.
pub fn task(name: &str) -> Option<&'static Task> {
    TASKS.iter().find(|t| t.name == name)
}

/// Smallest and largest undiscounted return of an episode in D4RL's v2 files.
///
/// Those that the authors of the decision transformer's public code took from D4RL; the medium-expert files hold the episodes of
/// the two others, so that their ends are those of both.  The replay files are left out: their returns are not published there.
const RETURNS: &[(&str, f64, f64)] = &[
    ("hopper-random-v2", 2.930_153_4, 292.5542),
    ("hopper-medium-v2", 315.868, 3222.3606),
    ("hopper-medium-expert-v2", 315.868, 3759.0837),
    ("hopper-expert-v2", 1645.2765, 3759.0837),
    ("halfcheetah-random-v2", -525.9597, -85.358_215),
    ("halfcheetah-medium-v2", -310.2342, 5309.3794),
    ("halfcheetah-medium-expert-v2", -310.2342, 11252.035),
    ("halfcheetah-expert-v2", 2045.8278, 11252.035),
    ("walker2d-random-v2", -17.005_825, 75.03457),
    ("walker2d-medium-v2", -6.605_672, 4226.94),
    ("walker2d-medium-expert-v2", -6.605_672, 5011.6934),
    ("walker2d-expert-v2", 763.414_16, 5011.6934),
];

/// Smallest and largest return of an episode in the D4RL file of a task, where they are known.
pub fn returns(task: &str) -> Option<(f64, f64)> {
    let (_, low, high) = RETURNS.iter().find(|(name, ..)| *name == task)?;
    Some((*low, *high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_d4rls() {
        let t = task("maze2d-umaze-v1").map(|t| (t.score(23.85), t.score(161.86)));
        assert_eq!(t, Some((0.0, 100.0)));
        let h = task("hopper-medium-v2").map_or(0.0, |t| t.score(1302.6));
        assert!((h - 40.6).abs() < 0.1, "{h}");
        assert!(task("hopper-medium").is_none());
    }
}
