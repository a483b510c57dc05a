//! A ball in a maze, by D4RL's rules or by gymnasium-robotics': layouts, goal, rewards, coordinates, start distribution.

use align_runtime_api::JobError;
use rand::RngExt as _;
use rand_distr::StandardNormal;

use crate::envs::{Contacts, Map, MazeRules, Task, World};
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

/// How near the goal counts in Maze2D, in cells.
const GOAL_RADIUS: f64 = 0.5;
/// The same in PointMaze.
const ROBOTICS_RADIUS: f64 = 0.45;
/// How far a goal and a start of PointMaze may be from the centre of their cell, in each direction.
const ROBOTICS_NOISE: f64 = 0.25;
/// D4RL places bodies at 1.2 and walls at whole numbers from 1: the centre of cell 0 is at joint position -0.2.
const D4RL_OFFSET: f64 = 0.2;

/// A map of the maze.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    rows: i64,
    columns: i64,
    walls: Vec<bool>,
    /// How far before its whole position the centre of a cell lies.
    pub offset: f64,
    /// Cell of the evaluation goal.
    pub goal: (i64, i64),
    /// Cells without a wall, the goal's last.
    pub free: Vec<(i64, i64)>,
}

impl Layout {
    /// Reads a map, row by row.
    fn parse(map: &[&str], offset: f64) -> Self {
        let mut layout = Self {
            rows: map.len() as i64,
            columns: map.first().map_or(0, |r| r.len()) as i64,
            walls: Vec::new(),
            offset,
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

    /// Rows and columns.
    pub fn size(&self) -> (i64, i64) {
        (self.rows, self.columns)
    }

    /// The position in the middle of the map.
    fn middle(&self) -> [f64; 2] {
        [self.rows, self.columns].map(|n| n as f64 / 2.0 - 0.5)
    }

    /// How many cells the map has.
    pub fn cells(&self) -> usize {
        self.walls.len()
    }
}

/// The point-mass maze.  Observation: x, y, their velocities.  It never terminates.
///
/// The ball moves in cells: its position is (row, column) whatever the rules' own coordinates are.
#[derive(Clone, Debug)]
pub struct Maze2d {
    task: &'static Task,
    layout: std::sync::Arc<Layout>,
    dense: bool,
    rules: MazeRules,
    solver: Solver,
    ball: Ball,
    goal: [f64; 2],
}

impl Maze2d {
    /// The maze of a task; none when the task is not a Maze2D.
    pub fn new(task: &'static Task) -> Option<Self> {
        let World::Maze {
            map,
            dense,
            rules,
            contacts,
        } = task.world
        else {
            return None;
        };
        let map = match map {
            Map::Umaze => UMAZE,
            Map::Medium => MEDIUM,
            Map::Large => LARGE,
        };
        let offset = match rules {
            MazeRules::D4rl => D4RL_OFFSET,
            MazeRules::Robotics => 0.0,
        };
        let layout = Layout::parse(map, offset);
        Some(Self {
            task,
            goal: [layout.goal.0 as f64, layout.goal.1 as f64],
            layout: std::sync::Arc::new(layout),
            dense,
            rules,
            solver: match contacts {
                Contacts::Larger => Solver::MUJOCO_3,
                Contacts::Sum => Solver::MUJOCO_3_5,
            },
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

    /// Sets the goal, in cells.
    pub fn aim(&mut self, goal: [f64; 2]) {
        self.goal = goal;
    }

    /// Places the ball.
    pub fn place(&mut self, ball: Ball) {
        self.ball = ball;
    }

    /// The goal's position, in cells: that of the map, or the one drawn at the last reset.
    pub fn goal_at(&self) -> [f64; 2] {
        self.goal
    }

    /// How near the goal counts, in cells.
    pub fn radius(&self) -> f64 {
        match self.rules {
            MazeRules::D4rl => GOAL_RADIUS,
            MazeRules::Robotics => ROBOTICS_RADIUS,
        }
    }

    /// Whose rules it follows.
    pub fn rules(&self) -> MazeRules {
        self.rules
    }

    /// A position (or, with `origin` 0, a direction) in cells as the rules' own coordinates have it.
    fn outward(&self, [row, column]: [f64; 2], origin: f64) -> [f64; 2] {
        match self.rules {
            MazeRules::D4rl => [row, column],
            MazeRules::Robotics => {
                let [middle_row, middle_column] = self.layout.middle().map(|m| origin * m);
                [column - middle_column, middle_row - row]
            }
        }
    }

    /// The other way round.
    fn inward(&self, [x, y]: [f64; 2], origin: f64) -> [f64; 2] {
        match self.rules {
            MazeRules::D4rl => [x, y],
            MazeRules::Robotics => {
                let [middle_row, middle_column] = self.layout.middle().map(|m| origin * m);
                [middle_row - y, x + middle_column]
            }
        }
    }

    /// An action along rows and columns as the task's own action.
    pub fn command(&self, action: [f64; 2]) -> [f32; 2] {
        self.outward(action, 0.0).map(|a| a as f32)
    }

    /// Observation of a ball, in full precision.
    pub fn seen(&self, ball: &Ball) -> [f64; 4] {
        let [x, y] = self.outward(ball.at, 1.0);
        let [vx, vy] = self.outward(ball.speed, 0.0);
        [x, y, vx, vy]
    }

    /// The ball of an observation in full precision.
    pub fn ball_at(&self, [x, y, vx, vy]: [f64; 4]) -> Ball {
        Ball {
            at: self.inward([x, y], 1.0),
            speed: self.inward([vx, vy], 0.0),
        }
    }

    fn ball_of(&self, observation: &[f32]) -> Option<Ball> {
        let &[x, y, vx, vy] = observation else {
            return None;
        };
        Some(self.ball_at([x, y, vx, vy].map(f64::from)))
    }

    /// Advances by one step in full precision, under the task's own action.
    pub fn act(&mut self, action: [f64; 2]) -> f64 {
        self.advance(self.inward(action, 0.0))
    }

    /// Advances by one step in full precision, under an action along rows and columns.
    #[inline]
    pub fn advance(&mut self, action: [f64; 2]) -> f64 {
        let layout = &self.layout;
        self.solver
            .step(&mut self.ball, action, layout.offset, |i, j| {
                layout.is_wall(i, j)
            });
        self.reward_at(self.ball.at)
    }

    /// Reward of a position: 1 inside the goal's radius (sparse), or `exp(-distance)` (dense).
    pub fn reward_at(&self, at: [f64; 2]) -> f64 {
        let distance = distance(at, self.goal_at());
        if self.dense {
            (-distance).exp()
        } else {
            f64::from(u8::from(distance <= self.radius()))
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
        let free = &self.layout.free;
        let cell = |rng: &mut Stream| {
            let (i, j) = free[rng.random_range(0..free.len())];
            [i as f64, j as f64]
        };
        let near =
            |cell: [f64; 2], by: f64, rng: &mut Stream| cell.map(|c| c + rng.random_range(-by..by));
        if self.rules == MazeRules::Robotics {
            self.goal = near(cell(rng), ROBOTICS_NOISE, rng);
            let mut start = cell(rng);
            while distance(start, self.goal) <= 0.5 {
                start = cell(rng);
            }
            self.ball = Ball {
                at: near(start, ROBOTICS_NOISE, rng),
                speed: [0.0; 2],
            };
            return;
        }
        let at = near(cell(rng), 0.1, rng);
        let mut slow = || 0.1 * rng.sample::<f64, _>(StandardNormal);
        self.ball = Ball {
            at,
            speed: [slow(), slow()],
        };
    }

    fn start_at(&mut self, observation: &[f32]) -> bool {
        let Some(ball) = self.ball_of(observation) else {
            return false;
        };
        self.ball = ball;
        true
    }

    fn observe(&self, out: &mut [f32]) {
        for (o, x) in out.iter_mut().zip(self.seen(&self.ball)) {
            *o = x as f32;
        }
    }

    fn step(&mut self, action: &[f32]) -> Step {
        let a = |k: usize| action.get(k).copied().map_or(0.0, f64::from);
        Step {
            reward: self.act([a(0), a(1)]),
            terminal: false,
        }
    }

    fn goal(&self) -> Option<Vec<f32>> {
        let [x, y] = self.outward(self.goal, 1.0);
        Some(vec![x as f32, y as f32, 0.0, 0.0])
    }

    fn success(&self) -> Option<bool> {
        Some(distance(self.ball.at, self.goal) <= self.radius())
    }

    /// The force that would bring the ball to the target's velocity in one step, plus a pull towards the target's position.
    fn steer(&self, target: &[f32], action: &mut [f32]) -> bool {
        let Some(Ball { at, speed }) = self.ball_of(target) else {
            return false;
        };
        let force = [0, 1].map(|k| {
            let pull = PULL * (at[k] - self.ball.at[k]);
            let force = MASS * (speed[k] - self.ball.speed[k]) / DT * FOLLOW + DAMPING * speed[k];
            (pull + force / GEAR).clamp(-1.0, 1.0)
        });
        for (a, x) in action.iter_mut().zip(self.command(force)) {
            *a = x;
        }
        true
    }

    fn copy(&self) -> Result<Box<dyn Env>, JobError> {
        Ok(Box::new(self.clone()))
    }
}

/// Action for a position error of one cell: the gain of D4RL's waypoint controller.
const PULL: f64 = 10.0;
/// Share of a velocity error that one step makes good (1 would be deadbeat and amplify noise in the plan).
const FOLLOW: f64 = 0.25;
