//! Where planners cut Maze2D's data.

use super::rollouts::Rollouts;

/// Diffuser's rule: D4RL's mazes are one long drive, so that its own ends mean nothing to a planner; an episode ends where the ball leaves
/// the radius around the goal.
///
/// Step `t` ends an episode when it is nearer than `radius` and step `t + 1` is not. Data that never leaves the goal stays as it is.
#[must_use]
pub fn recut(rollouts: Rollouts, goal: [f64; 2], radius: f64) -> Rollouts {
    let near: Vec<bool> = rollouts
        .observations
        .chunks_exact(rollouts.obs.max(1))
        .map(|o| match o {
            [x, y, ..] => (f64::from(*x) - goal[0]).hypot(f64::from(*y) - goal[1]) < radius,
            _ => false,
        })
        .collect();
    let mut out = rollouts;
    let leaves = |t: &usize| near[*t] && !near[t + 1];
    let ends: Vec<usize> = (0..near.len().saturating_sub(1)).filter(leaves).collect();
    if ends.is_empty() {
        return out;
    }
    out.terminals.fill(false);
    out.timeouts.fill(false);
    out.offsets = vec![0];
    for end in ends.into_iter().chain([near.len() - 1]) {
        out.timeouts[end] = true;
        out.offsets.push(end + 1);
    }
    out
}
