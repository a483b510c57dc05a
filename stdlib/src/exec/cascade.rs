//! How does a cascade act?  Each member refines the sample of the one before, and a critic picks among several.

use align_runtime_api::{Input, Job, JobError, Made, OnProgress};
use align_schema::{Call, Value};
use burn::prelude::Device;

use crate::exec::data::Meta;
use crate::exec::denoiser::bad_call;
use crate::exec::drawing::Drawing;
use crate::exec::env::Stream;
use crate::exec::facts::{EMA, Facts, MODEL, STATE, input, read};
use crate::exec::guide::Guide;
use crate::exec::judge::Judge;
use crate::exec::learner::device;
use crate::exec::model::{Critic, Execution, Planner, Plans, Request};
use crate::exec::stage::{environment, evaluation_stream, judge_and_run, replan};
use crate::guidance::Classifier;
use crate::joins::Refine;
use crate::picks::BestOf;

/// Plans that are drawn at once.
const AT_ONCE: usize = 256;

/// Members in order, with how they are joined and what is picked.
struct Cascade<'a> {
    /// Facts of the last member.
    facts: Facts,
    members: Vec<Drawing>,
    renoise: f64,
    pick: Option<(usize, Judge)>,
    done: usize,
    progress: &'a mut dyn FnMut(f64, &str),
    expected: usize,
}

impl Cascade<'_> {
    /// Samples of the last member, normalised by its scaling; one row an observation.
    fn draw(
        &self,
        observations: &[f32],
        goals: Option<&[f32]>,
        rngs: &mut [Stream],
    ) -> Result<Plans, JobError> {
        let mut plans: Option<Plans> = None;
        for member in &self.members {
            let condition = member.condition(observations, goals);
            let samples = match plans {
                None => member.sample(&condition, rngs)?,
                Some(before) => {
                    let mut samples = before.values;
                    if before.obs > 0 {
                        member.facts.meta.normaliser.apply(&mut samples);
                        samples = member.denoiser.split(&samples).0;
                    } else {
                        member.facts.meta.normaliser.apply_act(&mut samples);
                    }
                    member.refine(&samples, self.renoise, &condition, rngs)?
                }
            };
            plans = Some(member.plans(samples)?);
        }
        plans.ok_or_else(|| JobError::Failed("a cascade without members".into()))
    }
}

impl Planner for Cascade<'_> {
    fn plan(&mut self, request: Request<'_>) -> Result<Plans, JobError> {
        let rows = request.rngs.len();
        let copies = self.pick.as_ref().map_or(1, |(n, _)| *n);
        let obs = request.observations.len() / rows.max(1);
        let mut out = Plans::default();
        let at_once = (AT_ONCE / copies).max(1);
        for from in (0..rows).step_by(at_once) {
            let to = (from + at_once).min(rows);
            // Each copy has a stream of its own, drawn from its row's.
            let mut rngs: Vec<Stream> = Vec::new();
            let (mut observations, mut goals) = (Vec::new(), request.goals.map(|_| Vec::new()));
            for row in from..to {
                for _ in 0..copies {
                    rngs.push(fork(&mut request.rngs[row]));
                    observations
                        .extend_from_slice(&request.observations[row * obs..(row + 1) * obs]);
                    if let (Some(out), Some(all)) = (&mut goals, request.goals) {
                        out.extend_from_slice(&all[row * obs..(row + 1) * obs]);
                    }
                }
            }
            let plans = self.draw(&observations, goals.as_deref(), &mut rngs)?;
            let chosen = match &mut self.pick {
                Some((n, judge)) => best(&judge.plan_values(&observations, &plans)?, *n),
                None => (0..to - from).collect(),
            };
            if out.is_empty() {
                out = Plans {
                    values: Vec::new(),
                    ..plans.clone()
                };
            }
            for i in chosen {
                out.values.extend_from_slice(plans.get(i).unwrap_or(&[]));
            }
            self.done += to - from;
            let share = self.done as f64 / self.expected.max(1) as f64;
            (self.progress)(
                share.min(1.0),
                &format!("{} plans drawn", self.done * copies),
            );
        }
        Ok(out)
    }

    fn execution(&self) -> Execution {
        self.facts.execution()
    }

    fn meta(&self) -> &Meta {
        &self.facts.meta
    }
}

/// A stream of its own, from the next numbers of another.
fn fork(rng: &mut Stream) -> Stream {
    use rand_chacha::rand_core::SeedableRng as _;
    Stream::from_rng(rng)
}

/// Index of the largest of each `n` values in a row; the first of equals.
fn best(values: &[f64], n: usize) -> Vec<usize> {
    let mut out = Vec::with_capacity(values.len() / n.max(1));
    for (group, part) in values.chunks(n.max(1)).enumerate() {
        let mut at = 0;
        for (i, v) in part.iter().enumerate() {
            if *v > part[at] {
                at = i;
            }
        }
        out.push(group * n + at);
    }
    out
}

/// A field of the node that is a call, other than the word `none`.
fn optional_call<'a>(job: &'a Job, name: &str) -> Option<&'a Call> {
    match job.node.value(name) {
        Some(Value::Call(call)) if call.name != "none" => Some(call),
        _ => None,
    }
}

/// Gives every member the critic that leads it, where there is one.
fn guided(job: &Job, members: &mut [Drawing], device: &Device) -> Result<(), JobError> {
    let Some(call) = optional_call(job, "guidance") else {
        return Ok(());
    };
    if call.name != Classifier::BUILTIN.name {
        return Err(JobError::Failed(format!(
            "`{}` leads no cascade, wanted `classifier`",
            call.name
        )));
    }
    let settings = Classifier::read(call).map_err(bad_call(call))?;
    let input = job.inputs.get(settings.critic.need);
    let input = input.ok_or_else(|| JobError::Failed("`guidance` names no input".into()))?;
    for member in members {
        let meta = &member.facts.meta;
        let guide = Guide::open(settings.clone(), input, &meta.normaliser, device)?;
        guide.suits(&member.denoiser, meta.stride)?;
        member.guide = Some(guide);
    }
    Ok(())
}

/// Evaluates a cascade; its artifact is the last member's checkpoint.
pub fn run(job: &Job, progress: OnProgress<'_>) -> Result<Made, JobError> {
    let device = device(job)?;
    let inputs: Vec<&Input> = (0..)
        .map_while(|k| input(job, &format!("member.{k}")))
        .collect();
    let Some(last) = inputs.last() else {
        return Err(JobError::Failed("a cascade without members".into()));
    };
    let mut members = inputs
        .iter()
        .map(|i| Drawing::open(i, &device))
        .collect::<Result<Vec<_>, _>>()?;
    guided(job, &mut members, &device)?;
    for pair in members.windows(2) {
        let (a, b) = (&pair[0].denoiser, &pair[1].denoiser);
        if (a.plans(), a.horizon, a.act, a.obs) != (b.plans(), b.horizon, b.act, b.obs) {
            return Err(JobError::Data(
                "a member's samples are of another form than those of the one before".into(),
            ));
        }
    }
    let renoise = match optional_call(job, "join") {
        Some(call) if call.name == "refine" => Refine::read(call).map_err(bad_call(call))?.renoise,
        Some(call) => return Err(JobError::Failed(format!("unknown join `{}`", call.name))),
        // Without a join the last member alone acts.
        None => 1.0,
    };
    let members = if optional_call(job, "join").is_some() {
        members
    } else {
        members.into_iter().rev().take(1).collect()
    };
    let pick = match optional_call(job, "pick") {
        Some(call) if call.name == "best_of" => {
            let BestOf { n, critic } = BestOf::read(call).map_err(bad_call(call))?;
            let input = job
                .inputs
                .get(critic.need)
                .ok_or_else(|| JobError::Failed("`pick` names no input".into()))?;
            Some((n.max(1), Judge::open(input, &device)?))
        }
        Some(call) => return Err(JobError::Failed(format!("unknown pick `{}`", call.name))),
        None => None,
    };
    let mut critic = input(job, "eval.critic")
        .map(|i| Judge::open(i, &device))
        .transpose()?;
    let facts = members
        .last()
        .map(|m| m.facts.clone())
        .ok_or_else(|| JobError::Failed("no members".into()))?;
    let episodes = job.node.eval.as_ref().map_or(0, |e| e.episodes);
    let env = environment(job, &facts)?;
    let mut cascade = Cascade {
        facts: facts.clone(),
        members,
        renoise,
        pick,
        done: 0,
        progress,
        expected: episodes as usize,
    };
    let streams = |i: u64| evaluation_stream(job.node.seed, i);
    let evaluation = judge_and_run(
        &mut cascade,
        &facts,
        (env.as_deref(), replan(job)),
        critic.as_mut(),
        episodes,
        &streams,
    )?;
    let mut made = Made {
        metrics: evaluation.metrics.clone(),
        evaluation: Some(evaluation),
        ..Made::default()
    };
    for name in [MODEL, EMA, STATE] {
        made.files.insert(name.into(), read(&last.files, name)?);
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_best_of_each_group_is_picked() {
        assert_eq!(super::best(&[1.0, 3.0, 2.0, 5.0, 5.0, 4.0], 3), [1, 3]);
    }
}
