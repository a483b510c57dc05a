//! Robots against gymnasium with the same MuJoCo, bit for bit.
//!
//! Needs a Python with mujoco and gymnasium: `ALIGN_TEST_PYTHON` names it (`tests/run.sh` makes one).  Without it the comparison is left out, and said so.

#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::Command;

use align_stdlib::envs::{World, task};
use align_stdlib::exec::env::{Env, Robot, make};
use align_stdlib::exec::rollout::{Options, Starts, evaluation, rollout};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

fn main() -> std::process::ExitCode {
    let args = Arguments::from_args();
    let Some(python) = std::env::var_os("ALIGN_TEST_PYTHON").map(PathBuf::from) else {
        println!(
            "left out: robots against gymnasium: no Python with mujoco and gymnasium (`ALIGN_TEST_PYTHON`)"
        );
        return libtest_mimic::run(&args, Vec::new()).exit_code();
    };
    let Some(library) = library(&python) else {
        println!(
            "left out: robots against gymnasium: {} has no mujoco",
            python.display()
        );
        return libtest_mimic::run(&args, Vec::new()).exit_code();
    };
    align_stdlib::exec::simulator::choose(library);
    let mut trials = Vec::new();
    for (ours, theirs) in [
        ("hopper-medium-v2", "Hopper-v4"),
        ("halfcheetah-v4", "HalfCheetah-v4"),
        ("walker2d-v4", "Walker2d-v4"),
        ("hopper-v5", "Hopper-v5"),
        ("halfcheetah-v5", "HalfCheetah-v5"),
        ("walker2d-v5", "Walker2d-v5"),
    ] {
        let python = python.clone();
        trials.push(Trial::test(format!("{ours} is {theirs}"), move || {
            same(&python, ours, theirs)
        }));
    }
    trials.push(Trial::test("threads change nothing", threads));
    trials.push(Trial::test("starts are gymnasiums", starts));
    trials.push(Trial::test("the linear policy walks", walks));
    libtest_mimic::run(&args, trials).exit_code()
}

/// The folder of a Python's mujoco.
fn library(python: &Path) -> Option<PathBuf> {
    let say =
        "import importlib.util as u; print(u.find_spec('mujoco').submodule_search_locations[0])";
    let out = Command::new(python).args(["-c", say]).output().ok()?;
    let folder = PathBuf::from(String::from_utf8(out.stdout).ok()?.trim());
    folder.is_dir().then_some(folder)
}

const STEPS: usize = 1000;

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array()
        .map_or_else(Vec::new, |a| a.iter().filter_map(Value::as_f64).collect())
}

fn bits(values: impl IntoIterator<Item = f64>) -> Vec<u64> {
    values.into_iter().map(f64::to_bits).collect()
}

fn same(python: &Path, ours: &str, theirs: &str) -> Result<(), Failed> {
    let script = "../tests/fixtures/robots/gymnasium_steps.py";
    let out = Command::new(python)
        .args([script, theirs, &STEPS.to_string()])
        .output()?;
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).into_owned().into());
    }
    let wanted: Value = serde_json::from_slice(&out.stdout)?;
    let known = task(ours).ok_or("no such task")?;
    let World::Robot { body, rules } = known.world else {
        return Err("no robot".into());
    };
    let mut robot = Robot::new(known, body, rules)?;
    robot.place(
        &numbers(&wanted["positions"]),
        &numbers(&wanted["velocities"]),
    );
    let mut ends = 0;
    for t in 0..STEPS {
        let step = robot.advance(&numbers(&wanted["actions"][t]));
        let seen = numbers(&wanted["observations"][t]);
        if bits(robot.observation()) != bits(seen.iter().copied()) {
            let found: Vec<f64> = robot.observation().collect();
            return Err(format!("step {t}: observed {found:?}, gymnasium {seen:?}").into());
        }
        let reward = wanted["rewards"][t].as_f64().ok_or("no reward")?;
        if step.reward.to_bits() != reward.to_bits() {
            return Err(format!("step {t}: reward {}, gymnasium {reward}", step.reward).into());
        }
        if wanted["ends"][t].as_bool() != Some(step.terminal) {
            return Err(format!("step {t}: ends {}, gymnasium not so", step.terminal).into());
        }
        ends += usize::from(step.terminal);
    }
    if ours.starts_with("halfcheetah") == (ends == 0) {
        Ok(())
    } else {
        Err(format!("{ends} ends: nothing was compared").into())
    }
}

/// A planner of one still action.
struct Still(align_stdlib::exec::data::Meta);

impl align_stdlib::exec::model::Planner for Still {
    fn plan(
        &mut self,
        request: align_stdlib::exec::model::Request<'_>,
    ) -> Result<align_stdlib::exec::model::Plans, align_runtime_api::JobError> {
        use rand::RngExt as _;
        let values = request
            .rngs
            .iter_mut()
            .flat_map(|rng| [0; 12].map(|_| rng.random_range(-1.0..1.0f32)))
            .collect();
        Ok(align_stdlib::exec::model::Plans {
            horizon: 4,
            act: 3,
            obs: 0,
            values,
        })
    }
    fn meta(&self) -> &align_stdlib::exec::data::Meta {
        &self.0
    }
}

/// The same episodes, whatever the number of threads, with plans that are cut short (receding horizon).
fn threads() -> Result<(), Failed> {
    let meta = serde_json::from_value(serde_json::json!({
        "kind": "rollouts", "task": "hopper-v4", "horizon": 4, "stride": 1,
        "normaliser": align_stdlib::exec::data::Normaliser::fit(
            align_stdlib::exec::data::Scheme::Limits, (3, &[0.0; 3]), (11, &[0.0; 11]), std::slice::from_ref(&(0..1))),
        "split": {"valid": []}, "goal": null, "source": "test",
    }))?;
    let mut planner = Still(meta);
    let env = make("hopper-v4")?;
    let mut seen = Vec::new();
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?;
        let streams = |i: u64| {
            use rand_chacha::rand_core::SeedableRng as _;
            rand_chacha::ChaCha8Rng::seed_from_u64(i)
        };
        let options = Options {
            replan: Some(2),
            ..Options::default()
        };
        let episodes = pool.install(|| {
            rollout(
                env.as_ref(),
                Starts::Reset(16),
                &mut planner,
                &streams,
                options,
            )
        })?;
        if episodes
            .iter()
            .any(|e| e.decisions.iter().any(|d| d.steps > 2))
        {
            return Err("a plan outlived its horizon".into());
        }
        let told = evaluation(&episodes);
        seen.push((
            bits(told.episodes.returns.clone()),
            bits(told.metrics.values().copied()),
        ));
    }
    if seen.windows(2).all(|w| w[0] == w[1]) {
        Ok(())
    } else {
        Err("the number of threads changed a result".into())
    }
}

/// Starts scatter as gymnasium's do, and one observation starts an episode again.
fn starts() -> Result<(), Failed> {
    use rand_chacha::rand_core::SeedableRng as _;
    for (name, most, mean) in [("hopper-v4", 0.005, 1.25), ("halfcheetah-v4", 0.1, 0.0)] {
        let mut env = make(name)?;
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let mut now = vec![0.0f32; env.task().obs];
        let mut first = Vec::new();
        for _ in 0..200 {
            env.reset(&mut rng);
            env.observe(&mut now);
            first.push(f64::from(now[0]) - mean);
        }
        let widest = first.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        if !(0.9 * most..=most * 1.000_01).contains(&widest) {
            return Err(format!("{name}: heights scatter by {widest}, wanted {most}").into());
        }
        let start = now.clone();
        let run = |env: &mut dyn Env| -> Result<Vec<u64>, Failed> {
            if !env.start_at(&start) {
                return Err("an observation does not start it".into());
            }
            Ok(bits((0..50).map(|_| env.step(&[0.3; 6]).reward)))
        };
        let again = run(env.copy()?.as_mut())?;
        if run(env.as_mut())? != again || env.start_at(&[0.0]) {
            return Err("a copy does not repeat it".into());
        }
    }
    Ok(())
}

/// The shipped policy reaches what it is documented to reach.
fn walks() -> Result<(), Failed> {
    use rand::RngExt as _;
    use rand_chacha::rand_core::SeedableRng as _;
    let known = task("hopper-v4").ok_or("no such task")?;
    let policy = align_stdlib::exec::env::Linear::of(known).ok_or("no policy")?;
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    let mut scores = Vec::new();
    for noise in [0.0, 0.2f64] {
        let mut sum = 0.0;
        for _ in 0..20 {
            let mut env = make("hopper-v4")?;
            env.reset(&mut rng);
            let (mut now, mut action) = (vec![0.0f32; 11], vec![0.0f32; 3]);
            for _ in 0..known.max_steps {
                env.observe(&mut now);
                policy.act(&now, &mut action);
                for a in &mut action {
                    let extra: f64 = rng.sample(rand_distr::StandardNormal);
                    *a = (*a + (noise * extra) as f32).clamp(-1.0, 1.0);
                }
                let step = env.step(&action);
                sum += step.reward;
                if step.terminal {
                    break;
                }
            }
        }
        scores.push(known.score(sum / 20.0));
    }
    println!("linear policy: {scores:?} points without noise and with 0.2");
    if scores[0] > 75.0 && (30.0..65.0).contains(&scores[1]) {
        Ok(())
    } else {
        Err(format!("{scores:?} points, wanted about 88 and 45").into())
    }
}
