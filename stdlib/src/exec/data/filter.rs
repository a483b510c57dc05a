//! Which episodes stay: comparisons with measures of the data, and the best share.

use align_plan::Cmp;
use align_runtime_api::JobError;
use align_schema::{Call, Dim, Value};

use super::dataset::{Dataset, Split};
use super::rollouts::Rollouts;
use crate::exec::env::Stream;
use crate::exec::model::Critic;
use crate::filters::{Advantage, Percentile, Top};

/// Opens the critic that a reference of the node means.
pub type OpenCritic<'a> = &'a dyn Fn(&align_schema::Ref) -> Result<Box<dyn Critic>, JobError>;

/// Indices of the episodes that a filter keeps, increasing.  A filter that keeps nothing is an error with the numbers.
pub fn keep(
    data: &Dataset,
    filter: &Value,
    critic: OpenCritic<'_>,
) -> Result<Vec<usize>, JobError> {
    let Value::Call(call) = filter else {
        return Err(JobError::Failed(format!("`{filter}` is not a filter")));
    };
    let holds = test(data, call, critic)?;
    let kept: Vec<usize> = (0..holds.len()).filter(|e| holds[*e]).collect();
    if kept.is_empty() {
        return Err(JobError::Data(format!(
            "the filter keeps none of {} episodes{}",
            holds.len(),
            largest(data, call, critic)
        )));
    }
    Ok(kept)
}

/// The kept episodes as a dataset of their own.
///
/// Normaliser, horizon and stride stay those of the origin, and a held-out episode stays held out. Only when the filter keeps none
/// of the held-out ones, a part of what is left is held out instead.
pub fn select(data: &Dataset, kept: &[usize], rng: &mut Stream) -> Dataset {
    let held = &data.meta.split.valid;
    let mut valid: Vec<usize> = (0..kept.len())
        .filter(|i| held.binary_search(&kept[*i]).is_ok())
        .collect();
    if (valid.is_empty() && !held.is_empty()) || (valid.len() == kept.len() && kept.len() > 1) {
        let share = held.len() as f64 / data.rollouts.episodes().max(1) as f64;
        valid = Split::draw(kept.len(), share, rng).valid;
    }
    let mut meta = data.meta.clone();
    meta.split = Split { valid };
    meta.source = format!(
        "{} of {} episodes of: {}",
        kept.len(),
        data.rollouts.episodes(),
        data.meta.source
    );
    Dataset {
        rollouts: data.rollouts.select(kept),
        meta,
    }
}

fn test(data: &Dataset, call: &Call, critic: OpenCritic<'_>) -> Result<Vec<bool>, JobError> {
    let both = |join: fn(bool, bool) -> bool| -> Result<Vec<bool>, JobError> {
        let side = |name: &str| match call.arg(name) {
            Some(Value::Call(inner)) => test(data, inner, critic),
            other => Err(odd(other)),
        };
        Ok(side("left")?
            .into_iter()
            .zip(side("right")?)
            .map(|(a, b)| join(a, b))
            .collect())
    };
    let cmp = match call.name.as_str() {
        "and" => return both(|a, b| a && b),
        "or" => return both(|a, b| a || b),
        "top" => return top(data, call, critic),
        ">=" => Cmp::Ge,
        ">" => Cmp::Gt,
        "<=" => Cmp::Le,
        "<" => Cmp::Lt,
        "==" => Cmp::Eq,
        "!=" => Cmp::Ne,
        other => return Err(JobError::Failed(format!("`{other}` is not a filter"))),
    };
    let left = measure(data, call.arg("left"), critic)?;
    let bound = match call.arg("right") {
        Some(Value::Call(c)) if c.name == "percentile" => {
            let share = Percentile::read(c).map_err(arguments)?.share;
            quantile(&left, share.amount)
        }
        Some(value) => value.number().ok_or_else(|| odd(Some(value)))?,
        None => return Err(odd(None)),
    };
    Ok(left.into_iter().map(|x| cmp.holds(x, bound)).collect())
}

fn top(data: &Dataset, call: &Call, critic: OpenCritic<'_>) -> Result<Vec<bool>, JobError> {
    let top = Top::read(call).map_err(arguments)?;
    let values = match (top.by.as_str(), &top.critic) {
        ("score", _) => scores(data)?,
        ("advantage", Some(r)) => advantages(&data.rollouts, critic(r)?.as_mut())?,
        ("advantage", None) => {
            return Err(JobError::Data(
                "`top(by: advantage)` needs a critic, such as `critic: value.best`".into(),
            ));
        }
        _ => returns(data),
    };
    let wanted =
        ((values.len() as f64 * top.share.amount).round() as usize).clamp(1, values.len().max(1));
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
    let mut holds = vec![false; values.len()];
    for e in order.into_iter().take(wanted) {
        holds[e] = true;
    }
    Ok(holds)
}

fn measure(
    data: &Dataset,
    left: Option<&Value>,
    critic: OpenCritic<'_>,
) -> Result<Vec<f64>, JobError> {
    let rollouts = &data.rollouts;
    match left {
        Some(Value::Name(n)) if n == "score" => scores(data),
        Some(Value::Name(n)) if n == "return" => Ok(returns(data)),
        Some(Value::Name(n)) if n == "length" => Ok((0..rollouts.episodes())
            .map(|e| rollouts.range(e).len() as f64)
            .collect()),
        Some(Value::Call(c)) if c.name == "advantage" => {
            let advantage = Advantage::read(c).map_err(arguments)?;
            advantages(rollouts, critic(&advantage.critic)?.as_mut())
        }
        other => Err(odd(other)),
    }
}

fn returns(data: &Dataset) -> Vec<f64> {
    (0..data.rollouts.episodes())
        .map(|e| data.rollouts.ret(e))
        .collect()
}

fn scores(data: &Dataset) -> Result<Vec<f64>, JobError> {
    let Some(task) = data.meta.task.as_deref().and_then(crate::envs::task) else {
        return Err(JobError::Data(
            "this data names no task, so that it has no normalised score; filter by `return`, or give `file` its `task`".into(),
        ));
    };
    Ok(returns(data).into_iter().map(|r| task.score(r)).collect())
}

/// For each episode, its discounted return minus the critic's value of its first state.
///
/// An episode that was cut, not ended by its task, goes on in the critic's value of its last state: otherwise a long way to go would
/// look like a bad episode.
pub fn advantages(rollouts: &Rollouts, critic: &mut dyn Critic) -> Result<Vec<f64>, JobError> {
    let episodes = 0..rollouts.episodes();
    let gather = |pick: &dyn Fn(usize) -> usize| -> Vec<f32> {
        episodes
            .clone()
            .flat_map(|e| rollouts.observation(pick(e)).to_vec())
            .collect()
    };
    let first = critic.state_values(&gather(&|e| rollouts.range(e).start))?;
    let last = critic.state_values(&gather(&|e| rollouts.range(e).end - 1))?;
    let discount = critic.discount();
    Ok(episodes
        .clone()
        .map(|e| {
            let range = rollouts.range(e);
            let end = range.end - 1;
            let terminal = rollouts.terminals[end];
            // The last step of a cut episode has no next state: its own value stands for its reward and what follows.
            let tail = if terminal {
                f64::from(rollouts.rewards[end])
            } else {
                last[e]
            };
            let ret = (range.start..end).rev().fold(tail, |sum, t| {
                f64::from(rollouts.rewards[t]) + discount * sum
            });
            ret - first[e]
        })
        .collect())
}

/// The value below which a share of the values lies, with linear interpolation between neighbours (numpy's default).
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share.clamp(0.0, 1.0) * sorted.len().saturating_sub(1) as f64;
    let at = |i: usize| {
        sorted
            .get(i.min(sorted.len().saturating_sub(1)))
            .copied()
            .unwrap_or(f64::NAN)
    };
    let low = place.floor();
    at(low as usize) + (place - low) * (at(low as usize + 1) - at(low as usize))
}

/// What a message says beside an empty result.
fn largest(data: &Dataset, call: &Call, critic: OpenCritic<'_>) -> String {
    let Ok(values) = measure(data, call.arg("left"), critic) else {
        return String::new();
    };
    let (lo, hi) = (quantile(&values, 0.0), quantile(&values, 1.0));
    let dim = match call.arg("right") {
        Some(Value::Quantity(q)) if q.dim == Dim::Score => " points",
        _ => "",
    };
    format!(
        ": `{}` runs from {lo:.1} to {hi:.1}{dim}",
        call.arg("left")
            .map(ToString::to_string)
            .unwrap_or_default()
    )
}

fn odd(value: Option<&Value>) -> JobError {
    let found = value.map_or_else(|| "nothing".to_owned(), |v| format!("`{v}`"));
    JobError::Failed(format!(
        "found {found} in a filter, wanted `score`, `return`, `length`, `advantage(..)`, `percentile(..)` or a number"
    ))
}

fn arguments(errors: Vec<align_schema::ArgError>) -> JobError {
    JobError::Failed(
        errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; "),
    )
}
