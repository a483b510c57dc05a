//! Maze2D by D4RL's rules: layouts, goal, rewards, start distribution.

use rand::RngExt as _;
use rand_distr::StandardNormal;

use crate::envs::Task;
use crate::exec::env::contact::{Ball, DAMPING, DT, GEAR, MASS, Solver};
use crate::exec::env::{Env, Step, Stream};

/// The maps: `#` wall, `O` free, `G` the goal of evaluation.  Rows are the first coordinate.
const UMAZE: &[&str] = &["#####", "#GOO#", "###O#", "#OOO#", "#####"];
const MEDIUM: &[&str] = &[
    "########", "#OO##OO#", "#OO#OOO#", "##OOO###", "#OO#OOO#", "#O#OO#O#", "#OOO#OG#", "########",
];
const LARGE: &[&str] = &[
    "############",
    "#OOOO#OOOOO#",
    "#O##O#O#O#O#",
    "#OOOOOO#OOO#",
    "#O####O###O#",
    "#OO#O#OOOOO#",
    "##O#O#O#O###",
    "#OO#OOO#OGO#",
    "############",
];

/// How near the goal counts, in cells.
pub const GOAL_RADIUS: f64 = 0.5;

/// A map of the maze.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    rows: i64,
    columns: i64,
    walls: Vec<bool>,
    /// Cell of the evaluation goal.
    pub goal: (i64, i64),
    /// Cells without a wall, the goal's last.
    pub free: Vec<(i64, i64)>,
}

impl Layout {
    /// Reads a map, row by row.
    fn parse(map: &[&str]) -> Self {
        let mut layout = Self {
            rows: map.len() as i64,
            columns: map.first().map_or(0, |r| r.len()) as i64,
            walls: Vec::new(),
            goal: (0, 0),
            free: Vec::new(),
        };
        for (i, row) in map.iter().enumerate() {
            for (j, cell) in row.bytes().enumerate() {
                layout.walls.push(cell == b'#');
                match cell {
                    b'G' => layout.goal = (i as i64, j as i64),
                    b'O' => layout.free.push((i as i64, j as i64)),
                    _ => {}
                }
            }
        }
        layout.free.push(layout.goal);
        layout
    }

    /// Whether a cell is a wall; outside of the map nothing is.
    #[inline]
    pub fn is_wall(&self, i: i64, j: i64) -> bool {
        self.index(i, j).is_some_and(|k| self.walls[k])
    }

    /// Position of a cell in row-major order; none outside of the map.
    #[inline]
    pub fn index(&self, i: i64, j: i64) -> Option<usize> {
        ((0..self.rows).contains(&i) && (0..self.columns).contains(&j))
            .then(|| (i * self.columns + j) as usize)
    }

    /// How many cells the map has.
    pub fn cells(&self) -> usize {
        self.walls.len()
    }
}

/// The point-mass maze.  Observation: x, y, their velocities.  It never terminates.
#[derive(Clone, Debug)]
pub struct Maze2d {
    task: &'static Task,
    layout: std::sync::Arc<Layout>,
    dense: bool,
    solver: Solver,
    ball: Ball,
}

impl Maze2d {
    /// The maze of a task; none when the task is not a Maze2D.
    pub fn new(task: &'static Task) -> Option<Self> {
        let name = task.name.strip_prefix("maze2d-")?.strip_suffix("-v1")?;
        let (size, dense) = name
            .strip_suffix("-dense")
            .map_or((name, false), |s| (s, true));
        let map = match size {
            "umaze" => UMAZE,
            "medium" => MEDIUM,
            "large" => LARGE,
            _ => return None,
        };
        Some(Self {
            task,
            layout: std::sync::Arc::new(Layout::parse(map)),
            dense,
            solver: Solver::MUJOCO_3,
            ball: Ball::default(),
        })
    }

    /// The same maze with the contact constants of another MuJoCo.
    #[must_use]
    pub fn with_solver(mut self, solver: Solver) -> Self {
        self.solver = solver;
        self
    }

    /// The map.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Position and velocity.
    pub fn ball(&self) -> Ball {
        self.ball
    }

    /// Places the ball.
    pub fn place(&mut self, ball: Ball) {
        self.ball = ball;
    }

    /// The evaluation goal's position.
    pub fn goal_at(&self) -> [f64; 2] {
        [self.layout.goal.0 as f64, self.layout.goal.1 as f64]
    }

    /// Advances by one step in full precision.
    #[inline]
    pub fn advance(&mut self, action: [f64; 2]) -> f64 {
        let layout = &self.layout;
        self.solver
            .step(&mut self.ball, action, |i, j| layout.is_wall(i, j));
        self.reward_at(self.ball.at)
    }

    /// Reward of a position: 1 inside the goal's radius (sparse), or `exp(-distance)` (dense).
    pub fn reward_at(&self, at: [f64; 2]) -> f64 {
        let distance = distance(at, self.goal_at());
        if self.dense {
            (-distance).exp()
        } else {
            f64::from(u8::from(distance <= GOAL_RADIUS))
        }
    }
}

/// Euclidean distance.
pub fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

impl Env for Maze2d {
    fn task(&self) -> &'static Task {
        self.task
    }

    fn reset(&mut self, rng: &mut Stream) {
        let (i, j) = self.layout.free[rng.random_range(0..self.layout.free.len())];
        let mut near = |c: i64| c as f64 + rng.random_range(-0.1..0.1);
        let at = [near(i), near(j)];
        let mut slow = || 0.1 * rng.sample::<f64, _>(StandardNormal);
        self.ball = Ball {
            at,
            speed: [slow(), slow()],
        };
    }

    fn start_at(&mut self, observation: &[f32]) -> bool {
        let &[x, y, vx, vy] = observation else {
            return false;
        };
        self.ball = Ball {
            at: [x.into(), y.into()],
            speed: [vx.into(), vy.into()],
        };
        true
    }

    fn observe(&self, out: &mut [f32]) {
        let Ball { at, speed } = self.ball;
        for (o, x) in out.iter_mut().zip([at[0], at[1], speed[0], speed[1]]) {
            *o = x as f32;
        }
    }

    fn step(&mut self, action: &[f32]) -> Step {
        let a = |k: usize| action.get(k).copied().map_or(0.0, f64::from);
        Step {
            reward: self.advance([a(0), a(1)]),
            terminal: false,
        }
    }

    fn goal(&self) -> Option<Vec<f32>> {
        let [x, y] = self.goal_at();
        Some(vec![x as f32, y as f32, 0.0, 0.0])
    }

    fn success(&self) -> Option<bool> {
        Some(distance(self.ball.at, self.goal_at()) <= GOAL_RADIUS)
    }

    /// The force that would bring the ball to the target's velocity in one step, plus a pull towards the target's position.
    fn steer(&self, target: &[f32], action: &mut [f32]) -> bool {
        let &[x, y, vx, vy] = target else {
            return false;
        };
        let (at, speed) = ([x, y].map(f64::from), [vx, vy].map(f64::from));
        for (k, a) in action.iter_mut().enumerate().take(2) {
            let pull = PULL * (at[k] - self.ball.at[k]);
            let force = MASS * (speed[k] - self.ball.speed[k]) / DT * FOLLOW + DAMPING * speed[k];
            *a = (pull + force / GEAR).clamp(-1.0, 1.0) as f32;
        }
        true
    }

    fn copy(&self) -> Box<dyn Env> {
        Box::new(self.clone())
    }
}

/// Action for a position error of one cell: the gain of D4RL's waypoint controller.
const PULL: f64 = 10.0;
/// Share of a velocity error that one step makes good (1 would be deadbeat and amplify noise in the plan).
const FOLLOW: f64 = 0.25;
