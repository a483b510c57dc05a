//! Which tasks exist, how large their observations and actions are, what their scores are measured against, and what simulates them.

/// A maze.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    /// The U.
    Umaze,
    /// Eight by eight cells.
    Medium,
    /// Nine by twelve cells.
    Large,
}

/// Whose rules a maze follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MazeRules {
    /// D4RL's Maze2D: one goal, a radius of 0.5, starts near the centre of any free cell.
    D4rl,
    /// gymnasium-robotics' PointMaze: a goal drawn at each reset, a radius of 0.45, coordinates from the middle of the map.
    Robotics,
}

/// When a contact begins, which is what MuJoCo changed with 3.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contacts {
    /// Up to MuJoCo 3.4: at the larger of two margins.
    Larger,
    /// From MuJoCo 3.5: at their sum.
    Sum,
}

/// A robot of MuJoCo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// One leg.
    Hopper,
    /// Two legs, on its belly.
    HalfCheetah,
    /// Two legs, upright.
    Walker2d,
}

/// Which edition of gymnasium's rules a robot follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RobotRules {
    /// `-v4`, which are those of D4RL's `-v2` tasks.
    V4,
    /// `-v5`: no bonus for a step that ends unhealthy, and another friction of Walker2d's left foot.
    V5,
}

/// What simulates a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// A ball in a maze, in pure Rust.
    Maze {
        /// Its walls.
        map: Map,
        /// Whether the reward is `exp(-distance)` in place of 1 near the goal.
        dense: bool,
        /// Goals, starts, coordinates.
        rules: MazeRules,
        /// Which MuJoCo it moves as.
        contacts: Contacts,
    },
    /// gymnasium's pendulum, in pure Rust.
    Pendulum,
    /// A robot, by a MuJoCo that is opened at run time.
    Robot {
        /// Which.
        body: Body,
        /// By which rules.
        rules: RobotRules,
    },
}

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
    /// What simulates it.
    pub world: World,
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

    /// Whether MuJoCo must be there to act in it.
    pub fn needs_mujoco(&self) -> bool {
        matches!(self.world, World::Robot { .. })
    }
}

/// Scores of Maze2D are D4RL's.  Those of PointMaze, which has no published ones, are means over 10,000 episodes here: uniform actions, and the
/// waypoint controller with a fresh plan in each episode (`tests/bench/README.md`).
const fn maze(
    name: &'static str,
    map: Map,
    dense: bool,
    rules: MazeRules,
    contacts: Contacts,
) -> Task {
    let (min_score, max_score) = match (rules, map, dense) {
        (MazeRules::D4rl, Map::Umaze, false) => (23.85, 161.86),
        (MazeRules::D4rl, Map::Medium, false) => (13.13, 277.39),
        (MazeRules::D4rl, Map::Large, false) => (6.7, 273.99),
        (MazeRules::D4rl, Map::Umaze, true) => (68.537_689, 193.662_856_424_138_2),
        (MazeRules::D4rl, Map::Medium, true) => (44.264_742, 297.455_254_777_712_5),
        (MazeRules::D4rl, Map::Large, true) => (30.569_041, 303.485_738_270_900_2),
        (MazeRules::Robotics, Map::Umaze, false) => (14.79, 230.76),
        (MazeRules::Robotics, Map::Medium, false) => (10.45, 456.47),
        (MazeRules::Robotics, Map::Large, false) => (8.1, 585.85),
        (MazeRules::Robotics, Map::Umaze, true) => (66.76, 207.68),
        (MazeRules::Robotics, Map::Medium, true) => (59.38, 401.2),
        (MazeRules::Robotics, Map::Large, true) => (44.51, 507.28),
    };
    let max_steps = match map {
        Map::Umaze => 300,
        Map::Medium => 600,
        Map::Large => 800,
    };
    Task {
        name,
        obs: 4,
        act: 2,
        max_steps,
        min_score,
        max_score,
        world: World::Maze {
            map,
            dense,
            rules,
            contacts,
        },
    }
}

const fn robot(name: &'static str, body: Body, rules: RobotRules) -> Task {
    let (obs, act, min_score, max_score) = match body {
        Body::Hopper => (11, 3, -20.272_305, 3234.3),
        Body::HalfCheetah => (17, 6, -280.178_953, 12135.0),
        Body::Walker2d => (17, 6, 1.629_008, 4592.3),
    };
    Task {
        name,
        obs,
        act,
        max_steps: 1000,
        min_score,
        max_score,
        world: World::Robot { body, rules },
    }
}

use Body::{HalfCheetah, Hopper, Walker2d};
use Contacts::{Larger, Sum};
use Map::{Large, Medium, Umaze};
use MazeRules::{D4rl, Robotics};
use RobotRules::{V4, V5};

/// Every task. Reference scores of Maze2D and of the robots (for `-v5`, too) are D4RL's; the pendulum has no published ones: its 0 is the mean of
/// uniform actions over 10,000 episodes here, its 100 the mean of a converged SAC policy (100 episodes).
pub const TASKS: &[Task] = &[
    maze("maze2d-umaze-v1", Umaze, false, D4rl, Larger),
    maze("maze2d-medium-v1", Medium, false, D4rl, Larger),
    maze("maze2d-large-v1", Large, false, D4rl, Larger),
    maze("maze2d-umaze-dense-v1", Umaze, true, D4rl, Larger),
    maze("maze2d-medium-dense-v1", Medium, true, D4rl, Larger),
    maze("maze2d-large-dense-v1", Large, true, D4rl, Larger),
    maze("maze2d-umaze-v1@mujoco3.5", Umaze, false, D4rl, Sum),
    maze("maze2d-medium-v1@mujoco3.5", Medium, false, D4rl, Sum),
    maze("maze2d-large-v1@mujoco3.5", Large, false, D4rl, Sum),
    maze("maze2d-umaze-dense-v1@mujoco3.5", Umaze, true, D4rl, Sum),
    maze("maze2d-medium-dense-v1@mujoco3.5", Medium, true, D4rl, Sum),
    maze("maze2d-large-dense-v1@mujoco3.5", Large, true, D4rl, Sum),
    maze("pointmaze-umaze-v3", Umaze, false, Robotics, Larger),
    maze("pointmaze-medium-v3", Medium, false, Robotics, Larger),
    maze("pointmaze-large-v3", Large, false, Robotics, Larger),
    maze("pointmaze-umaze-dense-v3", Umaze, true, Robotics, Larger),
    maze("pointmaze-medium-dense-v3", Medium, true, Robotics, Larger),
    maze("pointmaze-large-dense-v3", Large, true, Robotics, Larger),
    maze("pointmaze-umaze-v3@mujoco3.5", Umaze, false, Robotics, Sum),
    maze(
        "pointmaze-medium-v3@mujoco3.5",
        Medium,
        false,
        Robotics,
        Sum,
    ),
    maze("pointmaze-large-v3@mujoco3.5", Large, false, Robotics, Sum),
    maze(
        "pointmaze-umaze-dense-v3@mujoco3.5",
        Umaze,
        true,
        Robotics,
        Sum,
    ),
    maze(
        "pointmaze-medium-dense-v3@mujoco3.5",
        Medium,
        true,
        Robotics,
        Sum,
    ),
    maze(
        "pointmaze-large-dense-v3@mujoco3.5",
        Large,
        true,
        Robotics,
        Sum,
    ),
    Task {
        name: "pendulum",
        obs: 3,
        act: 1,
        max_steps: 200,
        min_score: -1230.0,
        max_score: -155.9,
        world: World::Pendulum,
    },
    robot("hopper-v4", Hopper, V4),
    robot("hopper-v5", Hopper, V5),
    robot("hopper-random-v2", Hopper, V4),
    robot("hopper-medium-v2", Hopper, V4),
    robot("hopper-medium-replay-v2", Hopper, V4),
    robot("hopper-medium-expert-v2", Hopper, V4),
    robot("hopper-expert-v2", Hopper, V4),
    robot("halfcheetah-v4", HalfCheetah, V4),
    robot("halfcheetah-v5", HalfCheetah, V5),
    robot("halfcheetah-random-v2", HalfCheetah, V4),
    robot("halfcheetah-medium-v2", HalfCheetah, V4),
    robot("halfcheetah-medium-replay-v2", HalfCheetah, V4),
    robot("halfcheetah-medium-expert-v2", HalfCheetah, V4),
    robot("halfcheetah-expert-v2", HalfCheetah, V4),
    robot("walker2d-v4", Walker2d, V4),
    robot("walker2d-v5", Walker2d, V5),
    robot("walker2d-random-v2", Walker2d, V4),
    robot("walker2d-medium-v2", Walker2d, V4),
    robot("walker2d-medium-replay-v2", Walker2d, V4),
    robot("walker2d-medium-expert-v2", Walker2d, V4),
    robot("walker2d-expert-v2", Walker2d, V4),
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
