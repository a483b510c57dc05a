//! Which action follows a plan: tracking its states, or playing its actions.

use crate::exec::env::Env;
use crate::exec::model::{Execution, Plans};

/// A plan in execution.
///
/// Where the environment can steer and the plan has states, the state one step ahead on the plan is the target, interpolated between
/// its points; past the end the goal (or the last state) is held.  Otherwise its actions are played, each for a stride.
pub(super) struct Follower {
    goal: Option<Vec<f32>>,
    plan: Vec<f32>,
    horizon: usize,
    age: usize,
    target: Vec<f32>,
}

impl Follower {
    pub(super) fn new(goal: Option<Vec<f32>>) -> Self {
        Self {
            goal,
            plan: Vec::new(),
            horizon: 0,
            age: 0,
            target: Vec::new(),
        }
    }

    /// Begins a plan.
    pub(super) fn start(&mut self, plan: &[f32], shape: &Plans) {
        self.plan.clear();
        self.plan.extend_from_slice(plan);
        self.horizon = shape.horizon;
        self.age = 0;
    }

    /// Writes the next action; false when a new plan is due.
    pub(super) fn act(
        &mut self,
        env: &dyn Env,
        how: Execution,
        (act, obs): (usize, usize),
        action: &mut [f32],
    ) -> bool {
        if how.replan.is_some_and(|n| self.age >= n.max(1)) {
            return false;
        }
        self.age += 1;
        if obs > 0 {
            self.aim(how.stride, act, obs);
            if env.steer(&self.target, action) {
                return true;
            }
        }
        let point = (self.age - 1) / how.stride.max(1);
        let width = act + obs;
        match self.plan.get(point * width..point * width + act) {
            Some(planned) if point < self.horizon => {
                action.copy_from_slice(planned);
                true
            }
            _ => false,
        }
    }

    /// The state where the plan wants to be after this step.
    fn aim(&mut self, stride: usize, act: usize, obs: usize) {
        let width = act + obs;
        let state = |k: usize| {
            self.plan
                .get(k * width + act..(k + 1) * width)
                .unwrap_or(&[])
        };
        let stride = stride.max(1);
        let (point, part) = (self.age / stride, self.age % stride);
        self.target.clear();
        if point + 1 >= self.horizon {
            match &self.goal {
                Some(goal) => self.target.extend_from_slice(goal),
                None => self
                    .target
                    .extend_from_slice(state(self.horizon.saturating_sub(1))),
            }
            return;
        }
        let share = part as f32 / stride as f32;
        let (from, to) = (state(point), state(point + 1));
        self.target
            .extend(from.iter().zip(to).map(|(a, b)| a + share * (b - a)));
    }
}
