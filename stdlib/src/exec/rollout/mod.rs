//! What happens when a model's plans are executed: many episodes at once, plan by plan.
//!
//! An episode depends on its own random stream and its own plans alone, so that results do not depend on threads.  Must not know which
//! network made the plans.

mod follow;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use align_runtime_api::{Episodes, Evaluation, JobError};
use rand::RngExt as _;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use crate::exec::env::{Env, Stream};
use crate::exec::model::{Execution, Planner, Plans, Request};

use follow::Follower;

/// Where episodes start.
#[derive(Clone, Copy, Debug)]
pub enum Starts<'a> {
    /// So many episodes from the task's own start distribution.
    Reset(usize),
    /// At the rows of these observations [B, O].
    At(&'a [f32]),
}

/// One plan's part in an episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Environment step at which it was asked for.
    pub at: usize,
    /// Environment steps it lasted.
    pub steps: usize,
    /// Sum of the rewards while it lasted.
    pub reward: f64,
}

/// Every step of an episode.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// Observations [T, O] before each step.
    pub observations: Vec<f32>,
    /// Actions [T, A].
    pub actions: Vec<f32>,
    /// Rewards [T].
    pub rewards: Vec<f32>,
}

/// What else a rollout does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keep every step.
    pub record: bool,
    /// Standard deviation of Gaussian noise on each action, before it is clipped to the task's limits.
    pub noise: f64,
    /// Environment steps after which a new plan is asked for, in place of what the planner says.
    pub replan: Option<usize>,
}

/// What came of one episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// Undiscounted return.
    pub ret: f64,
    /// Normalised score, in points.
    pub score: f64,
    /// Environment steps.
    pub length: usize,
    /// Whether it ended in a success, where the task defines one.
    pub success: Option<bool>,
    /// Whether the task ended it (not the time limit).
    pub terminal: bool,
    /// One entry a plan, in order.
    pub decisions: Vec<Decision>,
    /// Every step, if asked for.
    pub trace: Option<Trace>,
}

/// An episode that is under way.
struct Run {
    env: Box<dyn Env>,
    rng: Stream,
    follower: Follower,
    episode: Episode,
    noise: f64,
    done: bool,
}

/// Runs episodes to their end with a planner; `streams(i)` is the random stream of episode `i`, first for its start, then for its plans.
///
/// The result is in the order of the starts.
pub fn rollout(
    env: &dyn Env,
    starts: Starts<'_>,
    planner: &mut dyn Planner,
    streams: &(dyn Fn(u64) -> Stream + Sync),
    options: Options,
) -> Result<Vec<Episode>, JobError> {
    let mut how = planner.execution();
    how.replan = options.replan.or(how.replan);
    let mut runs = open(env, starts, streams, options)?;
    loop {
        let waiting: Vec<usize> = (0..runs.len()).filter(|i| !runs[*i].done).collect();
        if waiting.is_empty() {
            break;
        }
        let plans = ask(&mut runs, &waiting, planner)?;
        for (row, i) in waiting.iter().enumerate() {
            let Some(plan) = plans.get(row) else {
                return Err(JobError::Failed(format!(
                    "the planner gave {} plans for {} states",
                    plans.len(),
                    waiting.len()
                )));
            };
            let run = &mut runs[*i];
            run.follower.start(plan, &plans);
            run.episode.decisions.push(Decision {
                at: run.episode.length,
                steps: 0,
                reward: 0.0,
            });
        }
        let shape = (plans.act, plans.obs);
        runs.par_iter_mut()
            .filter(|r| !r.done)
            .for_each(|run| run.go(how, shape));
    }
    Ok(runs.into_iter().map(|r| r.episode).collect())
}

/// Executes given plans once, one for each start, without asking for more.
///
/// Where the environment has no goal to hold, an episode ends with its plan.
pub fn execute(
    env: &dyn Env,
    starts: Starts<'_>,
    plans: &Plans,
    how: Execution,
    streams: &(dyn Fn(u64) -> Stream + Sync),
) -> Result<Vec<Episode>, JobError> {
    let mut runs = open(env, starts, streams, Options::default())?;
    for (i, run) in runs.iter_mut().enumerate() {
        let Some(plan) = plans.get(i) else {
            return Err(JobError::Failed(format!(
                "{} plans, but more starts",
                plans.len()
            )));
        };
        run.follower.start(plan, plans);
        run.episode.decisions.push(Decision {
            at: 0,
            steps: 0,
            reward: 0.0,
        });
    }
    let how = Execution {
        replan: None,
        ..how
    };
    runs.par_iter_mut().for_each(|run| {
        run.go(how, (plans.act, plans.obs));
        run.finish();
    });
    Ok(runs.into_iter().map(|r| r.episode).collect())
}

fn open(
    env: &dyn Env,
    starts: Starts<'_>,
    streams: &(dyn Fn(u64) -> Stream + Sync),
    options: Options,
) -> Result<Vec<Run>, JobError> {
    let width = env.task().obs;
    let count = match starts {
        Starts::Reset(n) => n,
        Starts::At(rows) => rows.len() / width,
    };
    (0..count)
        .map(|i| {
            let mut env = env.copy()?;
            let mut rng = streams(i as u64);
            match starts {
                Starts::Reset(_) => env.reset(&mut rng),
                Starts::At(rows) => {
                    if !env.start_at(&rows[i * width..(i + 1) * width]) {
                        return Err(JobError::Failed(format!(
                            "`{}` cannot be started at an observation",
                            env.task().name
                        )));
                    }
                }
            }
            let goal = env.goal();
            let episode = Episode {
                ret: 0.0,
                score: 0.0,
                length: 0,
                success: None,
                terminal: false,
                decisions: Vec::new(),
                trace: options.record.then(Trace::default),
            };
            Ok(Run {
                env,
                rng,
                follower: Follower::new(goal),
                episode,
                noise: options.noise,
                done: false,
            })
        })
        .collect()
}

fn ask(runs: &mut [Run], waiting: &[usize], planner: &mut dyn Planner) -> Result<Plans, JobError> {
    let Some(first) = waiting.first() else {
        return Ok(Plans::default());
    };
    let width = runs[*first].env.task().obs;
    let mut observations = vec![0.0; waiting.len() * width];
    let mut goals: Vec<f32> = Vec::new();
    let mut rngs: Vec<Stream> = Vec::with_capacity(waiting.len());
    for (row, i) in observations.chunks_exact_mut(width).zip(waiting) {
        let run = &runs[*i];
        run.env.observe(row);
        goals.extend(run.env.goal().unwrap_or_default());
        rngs.push(run.rng.clone());
    }
    let plans = planner.plan(Request {
        observations: &observations,
        goals: (!goals.is_empty()).then_some(&goals[..]),
        episodes: waiting,
        rngs: &mut rngs,
    })?;
    for (i, rng) in waiting.iter().zip(rngs) {
        runs[*i].rng = rng;
    }
    Ok(plans)
}

impl Run {
    /// Steps until the plan is used up or the episode ends.
    fn go(&mut self, how: Execution, (act, obs): (usize, usize)) {
        let task = self.env.task();
        let mut action = vec![0.0f32; task.act];
        let mut now = vec![0.0f32; task.obs];
        while !self.done {
            if !self
                .follower
                .act(self.env.as_ref(), how, (act, obs), &mut action)
            {
                return;
            }
            let limit = self.env.limit();
            for a in &mut action {
                if self.noise > 0.0 {
                    *a += (self.noise * self.rng.sample::<f64, _>(StandardNormal)) as f32;
                }
                *a = a.clamp(-limit, limit);
            }
            if let Some(trace) = &mut self.episode.trace {
                self.env.observe(&mut now);
                trace.observations.extend_from_slice(&now);
                trace.actions.extend_from_slice(&action);
            }
            let step = self.env.step(&action);
            let episode = &mut self.episode;
            episode.ret += step.reward;
            episode.length += 1;
            episode.terminal = step.terminal;
            if let Some(decision) = episode.decisions.last_mut() {
                decision.steps += 1;
                decision.reward += step.reward;
            }
            if let Some(trace) = &mut episode.trace {
                trace.rewards.push(step.reward as f32);
            }
            if step.terminal || episode.length >= task.max_steps {
                self.finish();
            }
        }
    }

    fn finish(&mut self) {
        self.done = true;
        self.episode.score = self.env.task().score(self.episode.ret);
        self.episode.success = self.env.success();
    }
}

/// Mean and spread over episodes, as every evaluation in an environment reports them.
pub fn evaluation(episodes: &[Episode]) -> Evaluation {
    let n = episodes.len().max(1) as f64;
    let mean = |f: &dyn Fn(&Episode) -> f64| episodes.iter().map(f).sum::<f64>() / n;
    let score = mean(&|e| e.score);
    let variance = mean(&|e| (e.score - score).powi(2));
    let mut metrics = BTreeMap::from([
        ("score".to_owned(), score),
        ("return".to_owned(), mean(&|e| e.ret)),
        ("spread".to_owned(), variance.sqrt()),
        ("length".to_owned(), mean(&|e| e.length as f64)),
    ]);
    if episodes.iter().any(|e| e.success.is_some()) {
        metrics.insert(
            "success".to_owned(),
            mean(&|e| f64::from(u8::from(e.success == Some(true)))),
        );
    }
    Evaluation {
        metrics,
        episodes: Episodes {
            scores: episodes.iter().map(|e| e.score).collect(),
            returns: episodes.iter().map(|e| e.ret).collect(),
        },
    }
}
