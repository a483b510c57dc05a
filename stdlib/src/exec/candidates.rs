//! How is a model aligned with a critic's order of its own plans?  Lists of plans for states of the data, drawn once from the checkpoint and valued
//! once; the loss of a list is a [`ListLoss`].
//!
//! The implicit reward of a plan is `s = -(beta / 2) (error - error_ref)`, its denoising error less the reference's at the same step and noise.

use align_runtime_api::{Input, Job, JobError, Purpose, StepOut, Trainer, stream};
use burn::prelude::*;
use burn::tensor::TensorData;
use rand::RngExt as _;
use rand_chacha::rand_core::SeedableRng as _;

use crate::exec::data::{Dataset, Part};
use crate::exec::denoiser::{CHUNK, Condition, numbers};
use crate::exec::drawing::Drawing;
use crate::exec::env::Stream;
use crate::exec::facts::EMA;
use crate::exec::judge::Judge;
use crate::exec::model::Critic as _;
use crate::exec::stage::{
    DiffusionTrainer, FIXED, Noised, Objective, Stage, frozen, row_errors, told,
};
use crate::exec::weights::Weights;

/// Held-out lists of an evaluation.
const HELD: usize = 32;
/// Noise levels that a held-out list is compared at.
const DRAWS: usize = 4;
/// Where the streams of plans begin.
const CANDIDATES: u64 = 1 << 51;

/// What is asked of a list.
pub struct Settings {
    /// How closely the model stays to the reference.
    pub beta: f64,
    /// Plans of a list.
    pub candidates: usize,
    /// Lists that are drawn.
    pub states: usize,
    /// Inputs that hold the critic and the reference.
    pub inputs: (usize, usize),
}

/// A loss of lists.
pub trait ListLoss {
    /// The mean loss of lists from implicit rewards `[lists, candidates]`, in the order of the values, highest first; the values are
    /// `[lists][candidates]`, in units of their deviation.
    fn loss(&self, rewards: Tensor<2>, values: &[f64]) -> Tensor<1>;
    /// Whether the plans of a list share their noise, as sides of a comparison do.
    fn shares_noise(&self) -> bool;
}

/// Lists of plans, each sorted by value, highest first.
pub struct Lists {
    /// Plans of a list.
    pub candidates: usize,
    /// Normalised samples, `[lists, candidates, size]`.
    pub samples: Vec<f32>,
    /// What is given, `[lists, candidates]` rows.
    pub condition: Condition,
    /// Values in units of their deviation over all plans.
    pub values: Vec<f64>,
}

/// Alignment with lists.
struct Listing {
    settings: Settings,
    loss: Box<dyn ListLoss>,
    reference: Vec<Tensor<2>>,
    lists: Lists,
    held: usize,
}

/// Opens a stage: draws plans from the checkpoint that it starts from, and values them.
///
/// Errors: data without a state, a critic that does not fit, and values that are all alike.
pub fn open(
    job: &Job,
    source: &Input,
    settings: Settings,
    loss: Box<dyn ListLoss>,
) -> Result<Box<dyn Trainer>, JobError> {
    let data = Dataset::load(&source.files)?;
    let lists = settings.states as f64;
    let stage = Stage::open(job, Some(&data), |_, batch| lists / batch)?;
    let input = |i: usize, what: &str| {
        let input = job.inputs.get(i);
        input.ok_or_else(|| JobError::Failed(format!("`{what}` names no input")))
    };
    let mut judge = Judge::open(input(settings.inputs.0, "critic")?, &stage.learner.device)?;
    judge.suits(&stage.denoiser, stage.facts.meta.stride)?;
    let reference = input(settings.inputs.1, "reference")?;
    let weights = crate::exec::facts::read(&reference.files, EMA)?;
    let weights = Weights::from_bytes(stage.denoiser.arch.clone(), &weights, EMA)?;
    let params = weights.tensors(&stage.learner.device);
    let drawing = Drawing::new(&stage.denoiser, &stage.facts, params);
    let reference = frozen(reference, &stage)?;
    let lists = drawn(job, &data, &settings, &drawing, &mut judge)?;
    let total = lists.len();
    let held = (total / 10).clamp(usize::from(total > 1), HELD);
    Ok(Box::new(DiffusionTrainer {
        stage,
        objective: Box::new(Listing {
            settings,
            loss,
            reference,
            lists,
            held,
        }),
    }))
}

/// Plans for states of the data.
fn drawn(
    job: &Job,
    data: &Dataset,
    settings: &Settings,
    drawing: &Drawing,
    judge: &mut Judge,
) -> Result<Lists, JobError> {
    let ranges = data.ranges(Part::Train);
    let steps: Vec<usize> = ranges.into_iter().flatten().collect();
    if steps.is_empty() {
        return Err(JobError::Data("0 states to draw plans from".into()));
    }
    let mut rng = stream(&job.key, Purpose::Data, CANDIDATES);
    let observations: Vec<f32> = (0..settings.states)
        .flat_map(|_| {
            let t = steps[rng.random_range(0..steps.len())];
            data.rollouts.observation(t).repeat(settings.candidates)
        })
        .collect();
    let rows = settings.states * settings.candidates;
    let goals = drawing.facts.meta.goal.as_ref().map(|g| g.repeat(rows));
    let condition = drawing.condition(&observations, goals.as_deref());
    let mut rngs: Vec<Stream> = (0..rows).map(|_| Stream::from_rng(&mut rng)).collect();
    let samples = drawing.sample(&condition, &mut rngs)?;
    let values = judge.plan_values(&observations, &drawing.plans(samples.clone())?)?;
    if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
        return Err(JobError::Data(format!(
            "the value of a plan is {bad}; the critic has diverged"
        )));
    }
    let d = &drawing.denoiser;
    sorted(
        settings.candidates,
        &samples,
        &condition,
        &values,
        (d.size(), d.obs),
    )
}

/// Sorts each list by value and drops those whose values are all alike.
pub fn sorted(
    candidates: usize,
    samples: &[f32],
    condition: &Condition,
    values: &[f64],
    (size, obs): (usize, usize),
) -> Result<Lists, JobError> {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    let deviation = (squares / values.len().max(1) as f64).sqrt();
    let mut rows = Vec::new();
    for (list, group) in values.chunks_exact(candidates).enumerate() {
        let mut order: Vec<usize> = (0..candidates).collect();
        order.sort_by(|a, b| group[*b].total_cmp(&group[*a]));
        let gap = group[order[0]] - group[order[candidates - 1]];
        if gap > 1e-6 * deviation.max(1e-12) {
            rows.extend(order.into_iter().map(|k| list * candidates + k));
        }
    }
    if rows.is_empty() {
        return Err(JobError::Data(format!(
            "all ties: the critic gives the {candidates} plans of each of {} states one value (deviation over all plans {deviation:.3e}); \
             nothing tells them apart",
            values.len() / candidates.max(1)
        )));
    }
    Ok(Lists {
        candidates,
        samples: rows
            .iter()
            .flat_map(|r| &samples[r * size..(r + 1) * size])
            .copied()
            .collect(),
        condition: condition.pick(&rows, obs),
        values: rows.iter().map(|r| values[*r] / deviation).collect(),
    })
}

impl Lists {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len() / self.candidates.max(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Noised plans of some lists: each list at one step; with shared noise, all its plans under the same.
    pub fn noised(
        &self,
        stage: &Stage,
        lists: &[usize],
        shared: bool,
        rng: &mut Stream,
    ) -> (Noised, Vec<f64>) {
        let d = &stage.denoiser;
        let (k, size) = (self.candidates, d.size());
        let rows: Vec<usize> = lists.iter().flat_map(|l| l * k..(l + 1) * k).collect();
        let samples = rows
            .iter()
            .flat_map(|r| &self.samples[r * size..(r + 1) * size])
            .copied()
            .collect();
        let clean = (samples, self.condition.pick(&rows, d.obs));
        let mut batch = Noised::draw(d, clean, rng);
        for list in 0..lists.len() {
            let first = list * k;
            for row in first + 1..first + k {
                batch.times[row] = batch.times[first];
                if shared {
                    let from = first * size..(first + 1) * size;
                    batch.noise.copy_within(from, row * size);
                }
            }
        }
        let values = rows.iter().map(|r| self.values[*r]).collect();
        (batch, values)
    }
}

/// Implicit rewards `[lists, candidates]` of errors `[lists candidates]` against those of the reference.
pub fn rewards(errors: Tensor<1>, reference: &[f32], beta: f64, candidates: usize) -> Tensor<2> {
    let n = reference.len();
    let theirs = TensorData::new(reference.to_vec(), [n]);
    let gain = Tensor::<1>::from_data(theirs, &errors.device()) - errors;
    gain.mul_scalar(0.5 * beta)
        .reshape([n / candidates.max(1), candidates])
}

/// Share of pairs of a list that rewards and values order alike; equal rewards count half.
fn agreement(rewards: &[f32], values: &[f64], candidates: usize) -> f64 {
    let (mut right, mut all) = (0.0, 0.0);
    for (r, v) in rewards
        .chunks_exact(candidates)
        .zip(values.chunks_exact(candidates))
    {
        for i in 0..candidates {
            for j in i + 1..candidates {
                if v[i] > v[j] {
                    all += 1.0;
                    right += match r[i].total_cmp(&r[j]) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                }
            }
        }
    }
    right / f64::max(all, 1.0)
}

impl Objective for Listing {
    fn step(&mut self, stage: &mut Stage, step: u64) -> Result<StepOut, JobError> {
        let k = self.settings.candidates;
        let train = self.lists.len() - self.held;
        let mut rng = stage.stream(Purpose::Batches, step);
        // A batch counts plans, as in every other loss.
        let lists: Vec<usize> = (0..stage.batch.div_ceil(k))
            .map(|_| self.held + rng.random_range(0..train.max(1)))
            .collect();
        let mut noise = stage.stream(Purpose::Noise, step);
        let (batch, values) =
            self.lists
                .noised(stage, &lists, self.loss.shares_noise(), &mut noise);
        let plain = stage.learner.device.clone();
        let reference = numbers(row_errors(&stage.denoiser, &self.reference, &batch, &plain))?;
        let (tracked, device) = stage.learner.tracked();
        let errors = row_errors(&stage.denoiser, &tracked, &batch, &device);
        let rewards = rewards(errors, &reference, self.settings.beta, k);
        let shown = numbers(rewards.clone().without_autodiff())?;
        let loss = self.loss.loss(rewards, &values);
        let mut out = told(stage.learner.descend(loss, &tracked)?, values.len());
        out.metrics.push(("margin".into(), margin(&shown, k)));
        Ok(out)
    }

    fn valid(&self, stage: &Stage) -> Result<Vec<(String, f64)>, JobError> {
        let k = self.settings.candidates;
        let device = &stage.learner.device;
        let params = stage.learner.frozen(&stage.learner.ema);
        let mut rng = stage.stream(Purpose::Evaluation, FIXED);
        let (mut total, mut right, mut gap, mut parts) = (0.0, 0.0, 0.0, 0.0);
        let held: Vec<usize> = (0..self.held.max(1)).collect();
        for _ in 0..DRAWS {
            for lists in held.chunks((CHUNK / k).max(1)) {
                let (batch, values) =
                    self.lists
                        .noised(stage, lists, self.loss.shares_noise(), &mut rng);
                let theirs = numbers(row_errors(&stage.denoiser, &self.reference, &batch, device))?;
                let errors = row_errors(&stage.denoiser, &params, &batch, device);
                let rewards = rewards(errors, &theirs, self.settings.beta, k);
                let shown = numbers(rewards.clone())?;
                let share = lists.len() as f64;
                let loss = numbers(self.loss.loss(rewards, &values))?;
                total += share * loss.first().copied().map_or(f64::NAN, f64::from);
                right += share * agreement(&shown, &values, k);
                gap += share * margin(&shown, k);
                parts += share;
            }
        }
        let parts = f64::max(parts, 1.0);
        Ok(vec![
            ("valid.loss".into(), total / parts),
            ("valid.preferred".into(), right / parts),
            ("margin".into(), gap / parts),
        ])
    }
}

/// Mean difference between the rewards of the best and of the worst of a list.
fn margin(rewards: &[f32], candidates: usize) -> f64 {
    let groups = rewards.chunks_exact(candidates);
    let n = groups.len().max(1) as f64;
    let sum: f64 = groups
        .map(|g| f64::from(g[0]) - f64::from(g[candidates - 1]))
        .sum();
    sum / n
}
