//! Does every method of alignment train, resume exactly, start where it must and refuse what it must?  Small models of a maze.

#![cfg(feature = "exec")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/lab.rs"]
mod lab;
mod support;

use align_plan::NodeKind;
use align_runtime_api::{Files, Job, JobError, Library, StepOut};
use align_schema::{Dim, Value};
use align_stdlib::exec::Exec;
use lab::{
    acts, assert_resumes, collected, critic, metric, model, planner, policy, run, set, stage,
    trained,
};
use support::{Store, call, need, quantity};

/// A critic that has seen the maze, and a model that has been pretrained on it, under `value` and `pretrain`.
fn prepared(name: &str, drawn: &Value, horizon: f64) -> Store {
    let store = collected(name, horizon, 4.0);
    let needs = [("data", "rollouts")];
    let loss = call("return_to_go", &[]);
    let job = stage(&store, "value", critic(), loss, 3e-3, &needs);
    trained(&store, "value", &job, 30);
    let job = stage(
        &store,
        "pretrain",
        drawn.clone(),
        call("denoise", &[]),
        3e-3,
        &needs,
    );
    trained(&store, "pretrain", &job, 30);
    store
}

/// What a stage of alignment reads: data, its start, a critic, a reference.
const NEEDS: [(&str, &str); 4] = [
    ("data", "rollouts"),
    ("from", "pretrain"),
    ("loss.critic", "value"),
    ("loss.reference", "pretrain"),
];

fn aligned(store: &Store, drawn: &Value, name: &str, args: &[(&str, Value)]) -> Job {
    let mut all = vec![("critic", need(2))];
    all.extend(args.iter().cloned());
    stage(store, name, drawn.clone(), call(name, &all), 1e-3, &NEEDS)
}

/// Every method that learns from data and a critic, with small arguments.
fn methods() -> Vec<(&'static str, Vec<(&'static str, Value)>)> {
    let word = |w: &str| Value::Name(w.into());
    let few = Value::Int(8);
    vec![
        (
            "listwise_dpo",
            vec![
                ("reference", need(3)),
                ("candidates", Value::Int(3)),
                ("states", few.clone()),
            ],
        ),
        (
            "value_alignment",
            vec![
                ("reference", need(3)),
                ("candidates", Value::Int(3)),
                ("states", few.clone()),
            ],
        ),
        (
            "qvpg",
            vec![
                ("form", word("pathwise")),
                ("reference", need(3)),
                ("kl", Value::Float(0.1)),
            ],
        ),
        (
            "qvpg",
            vec![
                ("form", word("score")),
                ("reference", need(3)),
                ("plans", few.clone()),
            ],
        ),
        ("reward_gradient", vec![("truncate", Value::Int(2))]),
        (
            "reinforce",
            vec![("plans", few.clone()), ("reference", need(3))],
        ),
        (
            "ppo",
            vec![("plans", few.clone()), ("epochs", Value::Int(1))],
        ),
        (
            "em",
            vec![
                ("search", call("particles", &[("n", Value::Int(4))])),
                ("distill", quantity(2.0, Dim::Steps)),
                ("states", few),
            ],
        ),
        ("weighted", vec![]),
    ]
}

#[test]
fn planners_are_aligned_by_every_method_and_resume_exactly() {
    let store = prepared("planners", &planner(), 8.0);
    for (name, args) in methods() {
        let job = aligned(&store, &planner(), name, &args);
        let mut trainer = Exec.trainer(&job).unwrap();
        let out = trainer.step(0, true).unwrap();
        assert!(metric(&out, "grad_norm") > 0.0, "{name}: {out:?}");
        let told = trainer.evaluate(0).unwrap();
        assert!(told.metrics.contains_key("valid.loss"), "{name}");
        assert!(told.metrics["diversity"] > 0.0, "{name}");
        assert_resumes(&store, &job);
    }
}

#[test]
fn policies_are_aligned_by_every_method_and_resume_exactly() {
    let store = prepared("policies", &policy(), 4.0);
    for (name, args) in methods() {
        let job = aligned(&store, &policy(), name, &args);
        let mut trainer = Exec.trainer(&job).unwrap();
        let out = trainer.step(0, true).unwrap();
        assert!(metric(&out, "grad_norm") > 0.0, "{name}: {out:?}");
        assert_resumes(&store, &job);
    }
}

fn with(drawn: &Value, more: &[(&str, Value)]) -> Value {
    let Value::Record(fields) = drawn else {
        unreachable!("a model is a record")
    };
    let kept = fields
        .iter()
        .filter(|(n, _)| !more.iter().any(|(m, _)| m == n))
        .cloned();
    let more = more.iter().map(|(n, v)| ((*n).to_owned(), v.clone()));
    Value::Record(kept.chain(more).collect())
}

/// Models of other kinds: a transformer, states with an inverse model, a return to ask for, a residual policy.
fn kinds() -> Vec<(&'static str, Value)> {
    let dit = call(
        "dit1d",
        &[
            ("width", Value::Int(16)),
            ("heads", Value::Int(2)),
            ("depth", Value::Int(1)),
        ],
    );
    let residual = call(
        "ln_resnet",
        &[("width", Value::Int(16)), ("blocks", Value::Int(1))],
    );
    let inverse = call("inverse_dynamics", &[("width", Value::Int(16))]);
    let solver = call(
        "dpm_solver",
        &[
            ("train", quantity(8.0, Dim::DenoiseSteps)),
            ("act", quantity(4.0, Dim::DenoiseSteps)),
        ],
    );
    let asked = call("classifier_free", &[]);
    vec![
        ("transformer", with(&planner(), &[("net", dit)])),
        (
            "decision diffuser",
            with(
                &planner(),
                &[
                    ("actions", inverse),
                    ("guidance", asked.clone()),
                    ("sampler", solver),
                ],
            ),
        ),
        ("residual", with(&policy(), &[("net", residual)])),
        ("asked policy", with(&policy(), &[("guidance", asked)])),
        (
            "velocity",
            with(&planner(), &[("predict", Value::Name("velocity".into()))]),
        ),
    ]
}

#[test]
fn models_of_every_kind_learn_act_and_are_aligned() {
    for (name, kind) in kinds() {
        let store = collected(name, 8.0, 4.0);
        let needs = [("data", "rollouts")];
        let job = stage(
            &store,
            "value",
            critic(),
            call("return_to_go", &[]),
            3e-3,
            &needs,
        );
        trained(&store, "value", &job, 20);
        let job = stage(
            &store,
            "pretrain",
            kind.clone(),
            call("denoise", &[]),
            3e-3,
            &needs,
        );
        let mut trainer = Exec.trainer(&job).unwrap();
        let before = trainer.evaluate(0).unwrap().metrics["valid.loss"];
        run(&mut *trainer, 0..60);
        let after = trainer.evaluate(1).unwrap();
        assert!(
            after.metrics["valid.loss"] < before,
            "{name}: {before} {after:?}"
        );
        assert!(after.metrics.contains_key("score"), "{name}");
        store.put("pretrain", &trainer.save().unwrap());
        assert_resumes(&store, &job);
        for (method, args) in methods() {
            let job = aligned(&store, &kind, method, &args);
            let out = Exec.trainer(&job).unwrap().step(0, true).unwrap();
            assert!(metric(&out, "grad_norm") > 0.0, "{name} {method}: {out:?}");
        }
    }
}

#[test]
fn critics_are_fitted_by_every_loss_and_resume_exactly() {
    let store = prepared("critics", &policy(), 4.0);
    let needs = [("data", "rollouts"), ("loss.policy", "pretrain")];
    let cases = [
        ("double_q", vec![]),
        (
            "double_q",
            vec![("policy", need(1)), ("max_backup", Value::Int(2))],
        ),
        ("return_to_go", vec![]),
    ];
    for (name, args) in cases {
        let job = stage(&store, name, critic(), call(name, &args), 3e-3, &needs);
        let mut trainer = Exec.trainer(&job).unwrap();
        assert!(trainer.evaluate(0).unwrap().metrics["valid.loss"].is_finite());
        let outs = run(&mut *trainer, 0..60);
        let mean = |part: &[StepOut]| part.iter().map(|o| metric(o, "loss")).sum::<f64>();
        let (before, after) = (mean(&outs[..10]), mean(&outs[50..]));
        assert!(after < before, "{name}: {before} {after}");
        assert_resumes(&store, &job);
    }
}

/// A critic of plans, with or without the chain of the planner.
fn plan_critic(noisy: bool) -> Value {
    let mults = Value::from(vec![Value::Int(1), Value::Int(2)]);
    let net = call("value", &[("width", Value::Int(16)), ("mults", mults)]);
    let sampler = planner().get("sampler").unwrap().clone();
    let mut fields = vec![("net", net)];
    if noisy {
        fields.push(("sampler", sampler));
    }
    model(fields)
}

#[test]
fn a_critic_of_plans_learns_and_leads() {
    let store = prepared("plans", &planner(), 8.0);
    for noisy in [false, true] {
        let needs = [("data", "rollouts")];
        let loss = call("return_to_go", &[]);
        let job = stage(&store, "plans", plan_critic(noisy), loss, 3e-3, &needs);
        let mut trainer = Exec.trainer(&job).unwrap();
        let before = trainer.evaluate(0).unwrap().metrics["valid.loss"];
        run(&mut *trainer, 0..40);
        let after = trainer.evaluate(0).unwrap().metrics["valid.loss"];
        assert!(after < before, "{before} {after}");
        assert_resumes(&store, &job);
        store.put("value", &trainer.save().unwrap());
        let job = aligned(&store, &planner(), "qvpg", &[]);
        let out = Exec.trainer(&job).unwrap().step(0, true).unwrap();
        assert!(metric(&out, "grad_norm") > 0.0, "{out:?}");
        // The value of what a guided planner draws is higher, by its own critic.
        let value = |scale: f64| {
            let guidance = call(
                "classifier",
                &[
                    ("critic", need(1)),
                    ("scale", Value::Float(scale)),
                    ("stop", Value::Int(0)),
                ],
            );
            let needs = [
                ("member.0", "pretrain"),
                ("guidance.critic", "value"),
                ("eval.critic", "value"),
            ];
            let fields = [("guidance", guidance)];
            let mut job = store.job(NodeKind::Cascade, "led", &fields, &needs);
            job.node.eval = None;
            Exec.cascade(&job, &mut |_, _| {}).unwrap().metrics["value"]
        };
        let (plain, led) = (value(0.0), value(2.0));
        assert!(led > plain, "{plain} {led}");
    }
}

#[test]
fn a_critic_of_plans_is_refused_where_states_are_valued() {
    let store = prepared("refused", &policy(), 4.0);
    let needs = [("data", "rollouts")];
    let loss = call("return_to_go", &[]);
    let job = stage(&store, "value", plan_critic(false), loss, 3e-3, &needs);
    trained(&store, "value", &job, 1);
    for name in ["weighted", "qvpg", "listwise_dpo"] {
        let job = aligned(&store, &policy(), name, &[("reference", need(3))]);
        let error = Exec.trainer(&job).err().map(|e| format!("{e:?}")).unwrap();
        assert!(error.contains("`value` network"), "{name}: {error}");
    }
}

#[test]
fn lists_start_at_chance_and_are_told_apart() {
    let store = prepared("lists", &policy(), 4.0);
    let args = [
        ("reference", need(3)),
        ("candidates", Value::Int(2)),
        ("states", Value::Int(32)),
        ("beta", Value::Float(50.0)),
    ];
    let job = aligned(&store, &policy(), "listwise_dpo", &args);
    let mut trainer = Exec.trainer(&job).unwrap();
    let first = trainer.evaluate(0).unwrap();
    assert!((first.metrics["valid.loss"] - std::f64::consts::LN_2).abs() < 1e-5);
    let out = trainer.step(0, true).unwrap();
    assert!((metric(&out, "loss") - std::f64::consts::LN_2).abs() < 1e-5);
    let outs = run(&mut *trainer, 1..80);
    let last: f64 = outs[60..].iter().map(|o| metric(o, "loss")).sum::<f64>() / 19.0;
    assert!(last < std::f64::consts::LN_2, "{last}");
}

#[test]
fn a_critic_that_cannot_tell_plans_apart_is_an_error_with_numbers() {
    let store = prepared("ties", &policy(), 4.0);
    // All weights zero: one value for everything.
    let flat = |files: &Files| {
        let bytes = &files["model.safetensors"];
        let at = 8 + usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
        let mut zeros = bytes.clone();
        zeros[at..].fill(0);
        zeros
    };
    let needs = [("data", "rollouts")];
    let job = stage(
        &store,
        "value",
        critic(),
        call("return_to_go", &[]),
        3e-3,
        &needs,
    );
    let mut files = trained(&store, "value", &job, 1);
    let zeros = flat(&files);
    files.insert("model.safetensors".into(), zeros);
    store.put("value", &files);
    for name in ["listwise_dpo", "value_alignment"] {
        let job = aligned(&store, &policy(), name, &[("reference", need(3))]);
        match Exec.trainer(&job).err() {
            Some(JobError::Data(text)) => {
                assert!(
                    text.contains("all ties") && text.contains("256 states"),
                    "{text}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn adapters_move_little_leave_the_rest_and_resume_exactly() {
    let store = prepared("adapters", &planner(), 8.0);
    let needs = [("data", "rollouts"), ("from", "pretrain")];
    for on in ["all", "linear", "convolution"] {
        let mut job = stage(
            &store,
            "thin",
            planner(),
            call("denoise", &[]),
            3e-3,
            &needs,
        );
        let lora = call(
            "lora",
            &[("rank", Value::Int(2)), ("on", Value::Name(on.into()))],
        );
        set(&mut job, "adapter", lora);
        let mut trainer = Exec.trainer(&job).unwrap();
        let before = trainer.save().unwrap();
        run(&mut *trainer, 0..5);
        let after = trainer.save().unwrap();
        let arrays = |files: &Files| {
            let file = safetensors::SafeTensors::deserialize(&files["model.safetensors"]).unwrap();
            file.tensors()
                .into_iter()
                .map(|(n, v)| (n, v.data().to_vec()))
                .collect::<std::collections::BTreeMap<_, _>>()
        };
        let (a, b) = (arrays(&before), arrays(&after));
        for (name, bytes) in &a {
            let matrix = name.ends_with("weight") && !name.contains("block.2");
            let convolution = name.contains("block.0") || name.contains("conv");
            let adapted = matrix
                && match on {
                    "linear" => !convolution,
                    "convolution" => convolution,
                    _ => true,
                };
            assert_eq!(bytes != &b[name], adapted, "{on}: {name}");
        }
        assert_resumes(&store, &job);
    }
    let mut job = stage(
        &store,
        "none",
        planner(),
        call("denoise", &[]),
        3e-3,
        &needs,
    );
    let lora = call("lora", &[("on", Value::Name("attention".into()))]);
    set(&mut job, "adapter", lora);
    let error = Exec.trainer(&job).err().map(|e| format!("{e:?}")).unwrap();
    assert!(error.contains("finds no such weights"), "{error}");
}

#[test]
fn gradients_are_accumulated() {
    let store = prepared("accumulated", &policy(), 4.0);
    let needs = [("data", "rollouts"), ("from", "pretrain")];
    let mut job = stage(
        &store,
        "tuned",
        policy(),
        call("denoise", &[]),
        1e-3,
        &needs,
    );
    let one = Exec.trainer(&job).unwrap().step(0, true).unwrap();
    set(&mut job, "accumulate", Value::Int(3));
    let three = Exec.trainer(&job).unwrap().step(0, true).unwrap();
    assert_eq!((one.samples, three.samples), (16, 48));
    assert_resumes(&store, &job);
    let mut job = aligned(&store, &policy(), "ppo", &[("plans", Value::Int(4))]);
    acts(&mut job);
    set(&mut job, "accumulate", Value::Int(3));
    assert_resumes(&store, &job);
}

#[test]
fn nothing_to_act_in_and_no_critic_is_refused() {
    let store = prepared("nothing", &policy(), 4.0);
    let needs = [("data", "rollouts"), ("from", "pretrain")];
    let job = stage(&store, "rl", policy(), call("ppo", &[]), 1e-3, &needs);
    let error = Exec.trainer(&job).err().map(|e| format!("{e:?}")).unwrap();
    assert!(error.contains("no critic to ask"), "{error}");
}
