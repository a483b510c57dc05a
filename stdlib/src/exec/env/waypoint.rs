//! D4RL's waypoint controller: where it drives next, with its gains and its jitter.

use std::collections::VecDeque;

use rand::RngExt as _;

use crate::exec::env::Stream;
use crate::exec::env::contact::Ball;
use crate::exec::env::maze2d::{Layout, distance};

/// Action for an error of one cell.
const GAIN: f64 = 10.0;
/// Action for a velocity of one cell per second.
const BRAKE: f64 = 1.0;
/// A waypoint nearer than this is passed; a goal nearer than this is reached.
const SWITCH: f64 = 0.1;
/// Neighbours of a cell, in the order that breaks ties.
const MOVES: [(i64, i64); 4] = [(0, -1), (0, 1), (-1, 0), (1, 0)];

/// A proportional-derivative controller along the shortest path of cells.
///
/// As in D4RL it plans when the goal's cell changes, not when the ball is moved elsewhere: a controller that is kept over several
/// episodes with one goal drives straight at it from the second on.
#[derive(Clone, Debug, Default)]
pub struct Waypoint {
    target: Option<(i64, i64)>,
    path: Vec<[f64; 2]>,
    next: usize,
    before: [f64; 2],
}

impl Waypoint {
    /// Forgets the plan.
    pub fn forget(&mut self) {
        self.target = None;
    }

    fn plan(&mut self, maze: &Layout, from: (i64, i64), to: (i64, i64), rng: &mut Stream) {
        let steps = distances(maze, to);
        let far = |c: (i64, i64)| maze.index(c.0, c.1).map_or(usize::MAX, |k| steps[k]);
        self.path.clear();
        let mut cell = from;
        while cell != to {
            let around = MOVES.map(|m| (cell.0 + m.0, cell.1 + m.1));
            // A wall and a cell outside are infinitely far; from inside of a wall any free neighbour will do.
            let Some(best) = around.into_iter().min_by_key(|c| far(*c)) else {
                break;
            };
            if far(best) == usize::MAX {
                break;
            }
            // Where a cell's centre lies before its whole position, waypoints but the last move by up to that much.
            let shift = if best == to { 0.0 } else { maze.offset };
            let mut near = |c: i64| c as f64 - shift * rng.random::<f64>();
            self.path.push([near(best.0), near(best.1)]);
            cell = best;
        }
        if self.path.is_empty() {
            self.path.push([to.0 as f64, to.1 as f64]);
        }
        self.next = 0;
        self.before = [from.0 as f64, from.1 as f64];
        self.target = Some(to);
    }

    /// The action (clipped to [-1, 1]) towards a goal, and whether the goal is reached.
    pub fn act(
        &mut self,
        maze: &Layout,
        ball: &Ball,
        goal: [f64; 2],
        rng: &mut Stream,
    ) -> ([f64; 2], bool) {
        let cell = |p: [f64; 2]| (p[0].round() as i64, p[1].round() as i64);
        let to = cell(goal);
        if self.target != Some(to) {
            self.plan(maze, cell(ball.at), to, rng);
        }
        let end = [to.0 as f64, to.1 as f64];
        let moved = distance(self.before, ball.at);
        let reached = distance(ball.at, end) < SWITCH && moved < SWITCH;
        let last = self.path.len().saturating_sub(1);
        let aim = if reached {
            end
        } else {
            self.path.get(self.next.min(last)).copied().unwrap_or(end)
        };
        if !reached && distance(ball.at, aim) < SWITCH && moved < SWITCH {
            self.next += 1;
        }
        self.before = ball.at;
        let action =
            [0, 1].map(|k| (GAIN * (aim[k] - ball.at[k]) - BRAKE * ball.speed[k]).clamp(-1.0, 1.0));
        (action, reached)
    }
}

/// Steps from each cell to a target through free cells; `usize::MAX` where there is no way.
fn distances(maze: &Layout, to: (i64, i64)) -> Vec<usize> {
    let mut steps = vec![usize::MAX; maze.cells()];
    let mut queue = VecDeque::from([(to, 0)]);
    while let Some(((i, j), n)) = queue.pop_front() {
        let Some(k) = maze.index(i, j) else { continue };
        if maze.is_wall(i, j) || steps[k] != usize::MAX {
            continue;
        }
        steps[k] = n;
        queue.extend(MOVES.map(|m| ((i + m.0, j + m.1), n + 1)));
    }
    steps
}
