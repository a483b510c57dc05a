//! Preference pairs: candidates of one start, ranked, the best against the worst.
//!
//! Candidates are sampled from a model, or are windows of the data whose first states are near each other.  Ranks come from what
//! happened (return) or from a critic.  Ties are dropped, and no pair at all is an error with the counts.

use std::collections::BTreeMap;

use align_runtime_api::{Files, Job, JobError, Made, OnProgress, Purpose, stream};
use align_schema::{Dim, Quantity, Value};

use super::dataset::{DATA, Dataset, Kind, META, Meta, Part, Split, read};
use super::filter::quantile;
use super::make::{SPLIT, arguments, count};
use super::neighbours;
use super::tensors::{Array, Arrays, write};
use crate::exec::env::{Env, Stream, make as make_env};
use crate::exec::model::{Critic, Models, Planner, Plans, Request};
use crate::exec::rollout::{Starts, execute};
use crate::preferences::{ByReturn, ByValue};

/// Pairs of trajectories [P, H, A + O], actions first.  The condition of each is its own first observation (one and the same where a model made them) and
/// the goal in the meta data.
#[derive(Clone, Debug, PartialEq)]
pub struct Pairs {
    /// Preferred, normalised, [P, H, A + O].
    pub winners: Vec<f32>,
    /// Rejected, normalised, [P, H, A + O].
    pub losers: Vec<f32>,
    /// What ranked them: (winner, loser).
    pub values: Vec<(f32, f32)>,
    /// About them; `kind` is pairs.
    pub meta: Meta,
}

impl Pairs {
    /// Reads the files of an artifact.
    pub fn load(files: &BTreeMap<String, std::path::PathBuf>) -> Result<Self, JobError> {
        let meta = Meta::load(files)?;
        if meta.kind != Kind::Pairs {
            return Err(JobError::Data(
                "found episodes where pairs were wanted".into(),
            ));
        }
        let bytes = read(files, DATA)?;
        let arrays = Arrays::read(&bytes)?;
        let side = |name: &str| -> Result<Vec<f32>, JobError> {
            let (_, mut values) = arrays.f32(name)?;
            meta.normaliser.apply(&mut values);
            Ok(values)
        };
        let (winners, losers) = (side("winners")?, side("losers")?);
        let (_, values) = arrays.f32("values")?;
        let values: Vec<(f32, f32)> = values
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[w, l]| (*w, *l))
            .collect();
        let row = meta.horizon * meta.normaliser.width();
        if winners.len() != values.len() * row || losers.len() != winners.len() {
            return Err(JobError::Data(
                "the pairs in the store are damaged: their arrays disagree in length".into(),
            ));
        }
        Ok(Self {
            winners,
            losers,
            values,
            meta,
        })
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
    /// The indices of one part.
    pub fn part(&self, part: Part) -> Vec<usize> {
        self.meta.split.part(part, self.len())
    }
    /// Winners and losers of these pairs, [B, H, A + O] each.
    pub fn batch(&self, indices: &[usize]) -> (Vec<f32>, Vec<f32>) {
        let row = self.meta.horizon * self.meta.normaliser.width();
        let take = |side: &[f32]| -> Vec<f32> {
            indices
                .iter()
                .filter_map(|i| side.get(i * row..(i + 1) * row))
                .flatten()
                .copied()
                .collect()
        };
        (take(&self.winners), take(&self.losers))
    }
}

/// Starts that are worked on at a time.
const CHUNK: usize = 64;
/// How often more starts are drawn when ties left fewer pairs than wanted.
const TRIES: usize = 4;
/// Where the streams of candidates begin: one for each start and candidate.
const CANDIDATES: u64 = 1 << 50;

/// Candidates of one start, of which only the best and the worst are kept.
struct Ranked {
    best: (f64, Vec<f32>),
    worst: (f64, Vec<f32>),
}

/// How candidates are judged, and how many there are.
struct Rule {
    margin: Quantity,
    candidates: usize,
    critic: Option<Box<dyn Critic>>,
}

/// Where candidates come from.
enum Supply<'a> {
    Model {
        planner: Box<dyn Planner>,
        env: Option<Box<dyn Env>>,
        data: Option<&'a Dataset>,
    },
    Data {
        data: &'a Dataset,
        index: neighbours::Index,
    },
}

/// Makes the pairs of a dataset node.
pub(super) fn make(
    job: &Job,
    prefer: &Value,
    data: Option<&Dataset>,
    models: &dyn Models,
    progress: OnProgress<'_>,
) -> Result<Made, JobError> {
    let mut rule = Rule::read(job, prefer, models)?;
    let wanted = count(&job.node, "count").unwrap_or(1000).max(1);
    let mut supply = Supply::open(job, data, rule.critic.is_some(), models)?;
    let mut meta = supply.meta().clone();
    let mut ranked: Vec<Ranked> = Vec::new();
    let mut values: Vec<f64> = Vec::new();
    for _ in 0..TRIES {
        let enough = separated(&ranked, gap(&rule.margin, &values, meta.task.as_deref())?);
        let missing = wanted.saturating_sub(enough);
        if missing == 0 {
            break;
        }
        // Starts come in whole chunks, so that the draws for one start do not depend on how many were missing.
        for _ in 0..missing.div_ceil(CHUNK) {
            supply.chunk(job, ranked.len(), &mut rule, &mut ranked, &mut values)?;
            progress(
                (ranked.len() as f64 / wanted as f64).min(0.99),
                &format!("{} starts", ranked.len()),
            );
        }
    }
    let smallest = gap(&rule.margin, &values, meta.task.as_deref())?;
    let starts = ranked.len();
    let gaps: Vec<f64> = ranked.iter().map(|r| r.best.0 - r.worst.0).collect();
    ranked.retain(|r| r.best.0 - r.worst.0 > 0.0 && r.best.0 - r.worst.0 >= smallest);
    let ties = starts - ranked.len();
    if ranked.is_empty() {
        return Err(JobError::Data(format!(
            "no pair is left: {starts} starts with {} candidates each, all closer than the margin of {smallest:.3} (largest gap {:.3}); \
             lower `margin` or raise `candidates`",
            rule.candidates,
            quantile(&gaps, 1.0)
        )));
    }
    ranked.truncate(wanted);
    meta.kind = Kind::Pairs;
    meta.horizon = ranked
        .first()
        .map_or(0, |r| r.best.1.len() / meta.normaliser.width().max(1));
    let valid = job
        .node
        .value("split")
        .and_then(|s| s.get("valid"))
        .and_then(Value::number)
        .unwrap_or(0.1);
    meta.split = Split::draw(
        ranked.len(),
        valid,
        &mut stream(&job.key, Purpose::Data, SPLIT),
    );
    meta.source = format!("pairs {prefer} of: {}", meta.source);
    let facts = [
        ("pairs", ranked.len() as f64),
        ("ties", ties as f64),
        ("starts", starts as f64),
        ("margin", smallest),
        ("winner", mean(ranked.iter().map(|r| r.best.0))),
        ("loser", mean(ranked.iter().map(|r| r.worst.0))),
    ];
    progress(1.0, &format!("{} pairs, {ties} ties", ranked.len()));
    Ok(Made {
        files: save(&ranked, &meta)?,
        metrics: facts.into_iter().map(|(n, x)| (n.to_owned(), x)).collect(),
        evaluation: None,
    })
}

fn save(ranked: &[Ranked], meta: &Meta) -> Result<Files, JobError> {
    let shape = vec![ranked.len(), meta.horizon, meta.normaliser.width()];
    let side = |pick: fn(&Ranked) -> &Vec<f32>| {
        Array::F32(
            shape.clone(),
            ranked
                .iter()
                .flat_map(|r| pick(r).iter().copied())
                .collect(),
        )
    };
    let values = ranked
        .iter()
        .flat_map(|r| [r.best.0 as f32, r.worst.0 as f32])
        .collect();
    let bytes = write(&BTreeMap::from([
        ("winners", side(|r| &r.best.1)),
        ("losers", side(|r| &r.worst.1)),
        ("values", Array::F32(vec![ranked.len(), 2], values)),
    ]))?;
    Ok(Files::from([
        (DATA.to_owned(), bytes),
        (META.to_owned(), meta.to_bytes()?),
    ]))
}

/// The smallest gap of a pair in the units of the values.
fn gap(margin: &Quantity, values: &[f64], task: Option<&str>) -> Result<f64, JobError> {
    Ok(match margin.dim {
        Dim::Return => margin.amount,
        Dim::Score => {
            let task = task.and_then(crate::envs::task).ok_or_else(|| {
                JobError::Data(
                    "a margin in points needs data with a task; give it in `return` or as a share"
                        .into(),
                )
            })?;
            margin.amount * task.point()
        }
        _ if values.is_empty() => 0.0,
        _ => margin.amount * (quantile(values, 0.95) - quantile(values, 0.05)),
    })
}

fn separated(ranked: &[Ranked], smallest: f64) -> usize {
    ranked
        .iter()
        .map(|r| r.best.0 - r.worst.0)
        .filter(|g| *g > 0.0 && *g >= smallest)
        .count()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (n, sum) = values.fold((0.0f64, 0.0), |(n, s), x| (n + 1.0, s + x));
    sum / n.max(1.0)
}

impl Rule {
    fn read(job: &Job, prefer: &Value, models: &dyn Models) -> Result<Self, JobError> {
        let Value::Call(call) = prefer else {
            return Err(JobError::Failed(format!("`{prefer}` is not a preference")));
        };
        match call.name.as_str() {
            "by_return" => {
                let rule = ByReturn::read(call).map_err(arguments)?;
                Ok(Self {
                    margin: rule.margin,
                    candidates: rule.candidates,
                    critic: None,
                })
            }
            "by_value" => {
                let rule = ByValue::read(call).map_err(arguments)?;
                let input = job.inputs.get(rule.critic.need).ok_or_else(|| {
                    JobError::Failed(format!("no input number {}", rule.critic.need))
                })?;
                Ok(Self {
                    margin: rule.margin,
                    candidates: rule.candidates,
                    critic: Some(models.critic(input)?),
                })
            }
            other => Err(JobError::Failed(format!("`{other}` is not a preference"))),
        }
    }
}

impl<'a> Supply<'a> {
    fn open(
        job: &Job,
        data: Option<&'a Dataset>,
        judged: bool,
        models: &dyn Models,
    ) -> Result<Self, JobError> {
        if let Some(input) = job.node.need("from").and_then(|i| job.inputs.get(i)) {
            let planner = models.planner(input)?;
            let env = planner.meta().task.as_deref().map(make_env).transpose()?;
            if env.is_some() || (judged && data.is_some()) {
                return Ok(Self::Model { planner, env, data });
            }
            if judged {
                return Err(JobError::Data(
                    "these pairs need states to start from: the task is not simulated, and the dataset has no episodes of its own".into(),
                ));
            }
        }
        let Some(data) = data else {
            return Err(JobError::Data(
                "these pairs need a model in a simulated task, or episodes: the task is not simulated, and there are none".into(),
            ));
        };
        Ok(Self::Data {
            data,
            index: neighbours::Index::new(data, &job.key),
        })
    }

    fn meta(&self) -> &Meta {
        match self {
            Self::Model { planner, .. } => planner.meta(),
            Self::Data { data, .. } => &data.meta,
        }
    }

    /// Ranks the candidates of one more chunk of starts, which count from `first`.
    fn chunk(
        &mut self,
        job: &Job,
        first: usize,
        rule: &mut Rule,
        ranked: &mut Vec<Ranked>,
        values: &mut Vec<f64>,
    ) -> Result<(), JobError> {
        let (observations, plans, happened) = match self {
            Self::Model { planner, env, data } => {
                let starts = starts(job, first, env.as_deref(), *data)?;
                let (observations, plans) =
                    sample(job, first, planner.as_mut(), &starts, rule.candidates)?;
                let happened = match env {
                    Some(env) if rule.critic.is_none() => {
                        let how = planner.execution();
                        let streams = |i: u64| stream(&job.key, Purpose::Data, CANDIDATES + i);
                        let episodes = execute(
                            env.as_ref(),
                            Starts::At(&observations),
                            &plans,
                            how,
                            &streams,
                        )?;
                        episodes.into_iter().map(|e| e.ret).collect()
                    }
                    _ => Vec::new(),
                };
                (observations, plans, happened)
            }
            Self::Data { data, index } => {
                let mut rng = stream(&job.key, Purpose::Data, CANDIDATES + first as u64);
                index.candidates(data, CHUNK, rule.candidates, &mut rng)
            }
        };
        let judged = match &mut rule.critic {
            Some(critic) => critic.plan_values(&observations, &plans)?,
            None => happened,
        };
        if judged.len() != plans.len() {
            return Err(JobError::Failed(format!(
                "{} values for {} plans",
                judged.len(),
                plans.len()
            )));
        }
        if let Some(bad) = judged.iter().find(|v| !v.is_finite()) {
            return Err(JobError::Data(format!(
                "the value of a candidate is {bad}; the critic has diverged"
            )));
        }
        for (k, group) in judged.chunks_exact(rule.candidates).enumerate() {
            let place = |better: fn(f64, f64) -> bool| {
                (1..group.len()).fold(0, |at, i| if better(group[i], group[at]) { i } else { at })
            };
            let take = |i: usize| {
                (
                    group[i],
                    whole(&plans, &observations, k * rule.candidates + i),
                )
            };
            ranked.push(Ranked {
                best: take(place(|a, b| a > b)),
                worst: take(place(|a, b| a < b)),
            });
        }
        values.extend(judged);
        Ok(())
    }
}

/// Candidate number `i` with an observation at each point: a policy's chunk has none, so that each gets the one it starts from.
fn whole(plans: &Plans, observations: &[f32], i: usize) -> Vec<f32> {
    let plan = plans.get(i).unwrap_or(&[]);
    if plans.obs > 0 {
        return plan.to_vec();
    }
    let width = observations.len() / plans.len().max(1);
    let start = observations.get(i * width..(i + 1) * width).unwrap_or(&[]);
    plan.chunks(plans.act.max(1))
        .flat_map(|action| action.iter().chain(start).copied())
        .collect()
}

/// States to plan from: the start distribution of a simulated task, else states of the data.
fn starts(
    job: &Job,
    first: usize,
    env: Option<&dyn Env>,
    data: Option<&Dataset>,
) -> Result<Vec<f32>, JobError> {
    use rand::RngExt as _;
    let mut out = Vec::new();
    for i in first..first + CHUNK {
        let mut rng = stream(&job.key, Purpose::Data, i as u64);
        if let Some(env) = env {
            let mut env = env.copy()?;
            env.reset(&mut rng);
            let mut row = vec![0.0; env.task().obs];
            env.observe(&mut row);
            out.extend(row);
        } else if let Some(data) = data {
            out.extend_from_slice(
                data.rollouts
                    .observation(rng.random_range(0..data.rollouts.len())),
            );
        }
    }
    Ok(out)
}

/// Several plans for each start, with the starts repeated to match.
fn sample(
    job: &Job,
    first: usize,
    planner: &mut dyn Planner,
    starts: &[f32],
    candidates: usize,
) -> Result<(Vec<f32>, Plans), JobError> {
    let width = planner.meta().normaliser.obs;
    let observations: Vec<f32> = starts
        .chunks_exact(width.max(1))
        .flat_map(|row| row.repeat(candidates))
        .collect();
    let rows = observations.len() / width.max(1);
    let goals = planner.meta().goal.as_ref().map(|g| g.repeat(rows));
    let episodes: Vec<usize> = (0..rows).collect();
    let base = CANDIDATES + (first * candidates) as u64;
    let mut rngs: Vec<Stream> = (0..rows as u64)
        .map(|i| stream(&job.key, Purpose::Data, base + i))
        .collect();
    let plans = planner.plan(Request {
        observations: &observations,
        goals: goals.as_deref(),
        episodes: &episodes,
        rngs: &mut rngs,
    })?;
    if plans.len() != rows {
        return Err(JobError::Failed(format!(
            "the planner gave {} plans for {rows} states",
            plans.len()
        )));
    }
    Ok((observations, plans))
}
