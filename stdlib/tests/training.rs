//! Do stages learn, resume exactly and refuse what they must?  Short trainings of small networks on collected episodes of a maze.

#![cfg(feature = "exec")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/lab.rs"]
mod lab;
mod support;

use align_plan::NodeKind;
use align_runtime_api::{Job, JobError, Library};
use align_schema::{Dim, Value};
use align_stdlib::exec::Exec;
use lab::{
    TASK, acts, assert_resumes, collected, critic, facts, metric, planner, policy, run, set, stage,
    trained,
};
use support::{call, need, quantity};

#[test]
fn denoising_lowers_the_held_out_loss_and_resumes_exactly() {
    let store = collected("denoise", 8.0, 4.0);
    let job = stage(
        &store,
        "pretrain",
        planner(),
        call("denoise", &[]),
        3e-3,
        &[("data", "rollouts")],
    );
    let mut trainer = Exec.trainer(&job).unwrap();
    let before = trainer.evaluate(2).unwrap();
    let outs = run(&mut *trainer, 0..60);
    let after = trainer.evaluate(2).unwrap();
    assert!(
        after.metrics["valid.loss"] < 0.9 * before.metrics["valid.loss"],
        "{before:?} {after:?}"
    );
    assert!(after.metrics.contains_key("score") && after.episodes.returns.len() == 2);
    assert!(metric(&outs[59], "grad_norm") > 0.0 && outs[0].samples == 16);
    assert_resumes(&store, &job);
}

#[test]
fn in_bfloat16_the_loss_falls_as_in_single_precision() {
    let store = collected("precision", 8.0, 4.0);
    let data = [("data", "rollouts")];
    let mut job = stage(
        &store,
        "pretrain",
        planner(),
        call("denoise", &[]),
        3e-3,
        &data,
    );
    let curve = |job: &Job| -> Vec<f64> {
        let mut trainer = Exec.trainer(job).unwrap();
        let part = |i: u64| {
            run(&mut *trainer, 20 * i..20 * i + 20);
            trainer.evaluate(0).unwrap().metrics["valid.loss"]
        };
        (0..4).map(part).collect()
    };
    // The same weights at the start, the same batches and noise: only the products differ.
    let single = curve(&job);
    set(&mut job, "precision", Value::Name("bf16".into()));
    if job.device == "cpu" {
        let refused = Exec.trainer(&job).err().map(|e| e.to_string());
        assert!(refused.is_some_and(|e| e.contains("`precision = bf16` on `cpu`")));
        return;
    }
    let half = curve(&job);
    assert_ne!(single, half);
    for (a, b) in single.iter().zip(&half) {
        assert!((a / b - 1.0).abs() < 0.05, "f32 {single:?}, bf16 {half:?}");
    }
}

#[test]
fn the_scaling_of_the_first_data_stays_with_the_model() {
    let store = collected("scaling", 8.0, 4.0);
    let job = stage(
        &store,
        "pretrain",
        planner(),
        call("denoise", &[]),
        1e-3,
        &[("data", "rollouts")],
    );
    let first = trained(&store, "pretrain", &job, 2);
    // Data with another scaling of its own: a second collection.
    let other = collected("scaling-other", 8.0, 4.0);
    let source = call(
        "collect",
        &[
            ("task", Value::Str(TASK.into())),
            ("by", Value::Name("uniform".into())),
            ("episodes", Value::Int(4)),
        ],
    );
    let fields = [
        ("source", source),
        ("horizon", quantity(8.0, Dim::Steps)),
        ("stride", quantity(4.0, Dim::Steps)),
    ];
    let data = Exec
        .dataset(
            &other.job(NodeKind::Dataset, "other", &fields, &[]),
            &mut |_, _| {},
        )
        .unwrap();
    store.put("other", &data.files);
    let needs = [("data", "other"), ("from", "pretrain")];
    let job = stage(
        &store,
        "tuned",
        planner(),
        call("denoise", &[]),
        1e-3,
        &needs,
    );
    let second = trained(&store, "tuned", &job, 2);
    assert_eq!(
        facts(&first).meta.normaliser,
        facts(&second).meta.normaliser
    );
}

#[test]
fn a_stage_begins_with_the_weights_that_were_judged() {
    let store = collected("start", 8.0, 4.0);
    let job = stage(
        &store,
        "pretrain",
        planner(),
        call("denoise", &[]),
        1e-3,
        &[("data", "rollouts")],
    );
    let first = trained(&store, "pretrain", &job, 5);
    assert_ne!(first["model.safetensors"], first["ema.safetensors"]);
    let needs = [("data", "rollouts"), ("from", "pretrain")];
    let job = stage(
        &store,
        "next",
        planner(),
        call("denoise", &[]),
        1e-3,
        &needs,
    );
    let start = Exec.trainer(&job).unwrap().save().unwrap();
    assert_eq!(start["model.safetensors"], first["ema.safetensors"]);
}

#[test]
fn numbers_that_are_not_finite_stop_the_step_before_the_weights_move() {
    let store = collected("nan", 8.0, 4.0);
    let job = stage(
        &store,
        "pretrain",
        planner(),
        call("denoise", &[]),
        0.99,
        &[("data", "rollouts")],
    );
    let mut trainer = Exec.trainer(&job).unwrap();
    run(&mut *trainer, 0..1);
    let mut files = trainer.save().unwrap();
    // A checkpoint that holds an infinity stands for any cause.
    let weights = files.get_mut("model.safetensors").unwrap();
    let end = weights.len();
    weights[end - 4..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    trainer.load(&store.put("broken", &files)).unwrap();
    match trainer.step(1, true) {
        Err(JobError::NonFinite { step: 1, .. }) => {}
        other => panic!("{other:?}"),
    }
    assert!(
        trainer.save().is_err(),
        "weights that are not finite were saved"
    );
}

#[test]
fn a_critic_learns_values_of_the_size_of_returns_and_resumes_exactly() {
    let store = collected("iql", 8.0, 4.0);
    let loss = call(
        "iql",
        &[("backup", Value::Int(30)), ("tau", Value::Float(0.05))],
    );
    let job = stage(
        &store,
        "value",
        critic(),
        loss,
        3e-3,
        &[("data", "rollouts")],
    );
    let mut trainer = Exec.trainer(&job).unwrap();
    let before = trainer.evaluate(0).unwrap().metrics;
    run(&mut *trainer, 0..300);
    let after = trainer.evaluate(0).unwrap().metrics;
    assert!(
        after["valid.loss"] < before["valid.loss"],
        "{before:?} {after:?}"
    );
    // The maze pays at most 1 a step: no state is worth more than 100 at a discount of 0.99.
    assert!(after["q"] > 0.5 && after["q"] < 100.0, "{after:?}");
    assert_resumes(&store, &job);
}

#[test]
fn reinforcement_starts_at_its_reference_and_resumes_exactly() {
    let store = collected("ppo", 8.0, 16.0);
    let job = stage(
        &store,
        "pretrain",
        planner(),
        call("denoise", &[]),
        3e-3,
        &[("data", "rollouts")],
    );
    trained(&store, "pretrain", &job, 20);
    let job = stage(
        &store,
        "value",
        critic(),
        call("iql", &[]),
        3e-3,
        &[("data", "rollouts")],
    );
    trained(&store, "value", &job, 5);
    let needs = [
        ("data", "rollouts"),
        ("from", "pretrain"),
        ("loss.critic", "value"),
        ("loss.reference", "pretrain"),
    ];
    // On a device that has another precision, the reference and what is drawn are in it too.
    let precisions = if job.device == "cpu" {
        &["f32"][..]
    } else {
        &["f32", "bf16"]
    };
    let both = ["ppo", "reinforce"].into_iter();
    for (name, precision) in both.flat_map(|name| precisions.iter().map(move |p| (name, p))) {
        let shared = [
            ("critic", need(2)),
            ("reference", need(3)),
            ("kl", Value::Float(0.1)),
            ("plans", Value::Int(8)),
        ];
        let mut job = stage(&store, name, planner(), call(name, &shared), 1e-4, &needs);
        set(&mut job, "precision", Value::Name((*precision).into()));
        // One minibatch: every ratio of its only pass is 1.
        if let Some(Value::Call(loss)) = job.node.fields.get_mut("loss").map(|f| &mut f.value) {
            loss.make_mut()
                .args
                .iter_mut()
                .filter(|(n, _)| n == "epochs")
                .for_each(|(_, v)| *v = Value::Int(1));
        }
        job.node.fields.get_mut("batch").unwrap().value = Value::Int(1000);
        acts(&mut job);
        let mut trainer = Exec.trainer(&job).unwrap();
        let out = trainer.step(0, true).unwrap();
        assert!(metric(&out, "kl") < 1e-6, "{out:?}");
        if name == "ppo" {
            assert!(metric(&out, "clip_fraction") == 0.0, "{out:?}");
        }
        assert!(
            metric(&out, "grad_norm") > 0.0 && out.env_steps == 8 * 300,
            "{out:?}"
        );
        let later = trainer.step(1, true).unwrap();
        assert!(metric(&later, "kl") > 0.0, "{later:?}");
        assert_resumes(&store, &job);
    }
}

#[test]
fn a_policy_acts_in_a_closed_loop_and_is_reinforced() {
    let store = collected("policy", 8.0, 1.0);
    let job = stage(
        &store,
        "clone",
        policy(),
        call("denoise", &[]),
        3e-3,
        &[("data", "rollouts")],
    );
    trained(&store, "clone", &job, 10);
    let needs = [("data", "rollouts"), ("from", "clone")];
    let mut job = stage(
        &store,
        "tuned",
        policy(),
        call(
            "ppo",
            &[("plans", Value::Int(2)), ("epochs", Value::Int(1))],
        ),
        1e-4,
        &needs,
    );
    acts(&mut job);
    let mut trainer = Exec.trainer(&job).unwrap();
    let out = trainer.step(0, true).unwrap();
    // 38 chunks of 8 steps in each episode of 300, 5 steps of the chain in each.
    assert_eq!((out.env_steps, out.samples), (600, 2 * 38 * 5));
}

#[test]
fn preferences_start_at_log_two_and_separate_the_pairs() {
    let store = collected("dpo", 8.0, 16.0);
    let job = stage(
        &store,
        "pretrain",
        planner(),
        call("denoise", &[]),
        3e-3,
        &[("data", "rollouts")],
    );
    trained(&store, "pretrain", &job, 40);
    let prefer = call("by_return", &[("margin", quantity(0.0, Dim::Share))]);
    let fields = [("prefer", prefer), ("count", quantity(40.0, Dim::Pairs))];
    let job = store.job(NodeKind::Dataset, "pairs", &fields, &[("from", "pretrain")]);
    store.put("pairs", &Exec.dataset(&job, &mut |_, _| {}).unwrap().files);
    let needs = [
        ("data", "pairs"),
        ("from", "pretrain"),
        ("loss.reference", "pretrain"),
    ];
    let loss = call(
        "diffusion_dpo",
        &[("beta", Value::Float(50.0)), ("reference", need(2))],
    );
    let job = stage(&store, "dpo", planner(), loss, 1e-3, &needs);
    let mut trainer = Exec.trainer(&job).unwrap();
    let before = trainer.evaluate(0).unwrap().metrics;
    assert!(
        (before["valid.loss"] - std::f64::consts::LN_2).abs() < 1e-6,
        "{before:?}"
    );
    assert!(
        (before["valid.preferred"] - 0.5).abs() < 1e-12,
        "{before:?}"
    );
    let outs = run(&mut *trainer, 0..40);
    assert!((metric(&outs[0], "loss") - std::f64::consts::LN_2).abs() < 1e-6);
    let last: f64 = outs[30..].iter().map(|o| metric(o, "margin")).sum();
    assert!(last > 0.0, "the winners did not gain on the losers");
    assert_resumes(&store, &job);
}

#[test]
fn a_cascade_refines_and_picks_and_keeps_the_last_member() {
    let store = collected("cascade", 8.0, 16.0);
    let job = stage(
        &store,
        "pretrain",
        planner(),
        call("denoise", &[]),
        3e-3,
        &[("data", "rollouts")],
    );
    trained(&store, "pretrain", &job, 5);
    let weighted = stage(
        &store,
        "second",
        planner(),
        call("weighted", &[]),
        1e-3,
        &[("data", "rollouts"), ("from", "pretrain")],
    );
    let second = trained(&store, "second", &weighted, 5);
    let value = stage(
        &store,
        "value",
        critic(),
        call("iql", &[]),
        3e-3,
        &[("data", "rollouts")],
    );
    trained(&store, "value", &value, 5);
    let fields = [
        ("join", call("refine", &[])),
        (
            "pick",
            call("best_of", &[("n", Value::Int(3)), ("critic", need(2))]),
        ),
    ];
    let needs = [
        ("member.0", "pretrain"),
        ("member.1", "second"),
        ("pick.critic", "value"),
    ];
    let job = store.job(NodeKind::Cascade, "controller", &fields, &needs);
    let made = Exec.cascade(&job, &mut |_, _| {}).unwrap();
    let evaluation = made.evaluation.unwrap();
    assert_eq!(evaluation.episodes.scores.len(), 4);
    assert_eq!(made.files["ema.safetensors"], second["ema.safetensors"]);
    let again = Exec
        .cascade(&job, &mut |_, _| {})
        .unwrap()
        .evaluation
        .unwrap();
    assert_eq!(evaluation, again);
}

#[test]
fn a_checkpoint_of_another_network_is_refused_by_name() {
    let store = collected("refused", 8.0, 4.0);
    let job = stage(
        &store,
        "clone",
        policy(),
        call("denoise", &[]),
        1e-3,
        &[("data", "rollouts")],
    );
    trained(&store, "clone", &job, 1);
    let needs = [("data", "rollouts"), ("from", "clone")];
    let job = stage(
        &store,
        "next",
        planner(),
        call("denoise", &[]),
        1e-3,
        &needs,
    );
    match Exec.trainer(&job).map(|_| ()) {
        Err(JobError::Data(text)) => assert!(text.contains("ema.safetensors"), "{text}"),
        other => panic!("{other:?}"),
    }
}

/// Tensors of Diffuser's `TemporalUnet` with two resolutions, by the names and shapes of its state dict (transitions of 6 numbers, width 8).
const DIFFUSER: [(&str, &[usize]); 12] = [
    ("time_mlp.1.weight", &[32, 8]),
    ("time_mlp.3.bias", &[8]),
    ("downs.0.0.blocks.0.block.0.weight", &[8, 6, 5]),
    ("downs.0.0.blocks.0.block.2.bias", &[8]),
    ("downs.0.0.time_mlp.1.weight", &[8, 8]),
    ("downs.0.0.residual_conv.weight", &[8, 6, 1]),
    ("downs.0.3.conv.weight", &[8, 8, 3]),
    ("mid_block1.blocks.1.block.0.weight", &[16, 16, 5]),
    ("ups.0.0.residual_conv.weight", &[8, 32, 1]),
    ("ups.0.3.conv.weight", &[8, 8, 4]),
    ("final_conv.0.block.0.weight", &[8, 8, 5]),
    ("final_conv.1.weight", &[6, 8, 1]),
];

#[test]
fn a_model_begins_with_the_weights_of_a_diffuser_state_dict() {
    use safetensors::SafeTensors;
    use safetensors::tensor::{Dtype, TensorView};
    let store = collected("imported", 8.0, 4.0);
    let needs = [("data", "rollouts")];
    let plain = |model| {
        stage(
            &store,
            "pretrain",
            model,
            call("denoise", &[]),
            1e-3,
            &needs,
        )
    };
    let files = trained(&store, "trained", &plain(planner()), 2);
    let whole = SafeTensors::deserialize(&files["ema.safetensors"]).unwrap();
    for (name, shape) in DIFFUSER {
        assert_eq!(whole.tensor(name).unwrap().shape(), shape, "{name}");
    }
    let path =
        std::env::temp_dir().join(format!("align-diffuser-{}.safetensors", std::process::id()));
    let write = |edit: &dyn Fn(&str) -> Option<String>| {
        let betas = [0_u8; 32];
        let views = whole.iter().filter_map(|(n, v)| Some((edit(n)?, v)));
        let more = TensorView::new(Dtype::F32, vec![8], &betas).unwrap();
        let views: Vec<_> = views.chain([("betas".to_owned(), more)]).collect();
        std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    };
    let mut model = planner();
    if let Value::Record(fields) = &mut model {
        let named = Value::Str(path.display().to_string());
        fields.make_mut().push(("weights".into(), named));
    }
    let job = plain(model);
    assert_eq!(Exec.sources(&job.node), std::slice::from_ref(&path));
    // As `GaussianDiffusion` stores it, the network under `model` and the constants of the chain beside it.
    write(&|n| Some(format!("model.{n}")));
    assert_eq!(Exec.preflight(&job.node), Ok(()));
    let begun = Exec.trainer(&job).unwrap().save().unwrap();
    for name in ["model.safetensors", "ema.safetensors"] {
        assert!(begun[name] == files["ema.safetensors"], "{name}");
    }
    // A stage that goes on from a checkpoint reads no file.
    let later = stage(
        &store,
        "later",
        job.node.value("model").unwrap().clone(),
        call("denoise", &[]),
        1e-3,
        &[("data", "rollouts"), ("from", "trained")],
    );
    assert!(Exec.sources(&later.node).is_empty());
    let refused = |wanted: &str| match Exec.trainer(&job) {
        Err(JobError::Data(text)) => assert!(text.contains(wanted), "{text}"),
        other => panic!("{:?}", other.map(|_| "it opened")),
    };
    write(&|n| (n != "final_conv.1.bias").then(|| n.to_owned()));
    refused("no tensor `final_conv.1.bias`");
    write(&|n| {
        Some(
            n.replace("conv", "convolution")
                .replace("block", "b")
                .replace("mlp", "m"),
        )
    });
    refused("holds none of this network's tensors: it has `betas`, ");
    let swap = |n: &str| match n {
        "time_mlp.1.bias" => "time_mlp.3.bias".to_owned(),
        "time_mlp.3.bias" => "time_mlp.1.bias".to_owned(),
        _ => n.to_owned(),
    };
    write(&|n| Some(swap(n)));
    refused("`time_mlp.1.bias` is F32 [8], wanted F32 [32]");
    std::fs::write(&path, b"not tensors").unwrap();
    let text = Exec.preflight(&job.node).unwrap_err();
    assert!(
        text.contains("is no safetensors file") && text.contains("torch.load"),
        "{text}"
    );
    std::fs::remove_file(&path).unwrap();
    assert!(
        Exec.preflight(&job.node)
            .unwrap_err()
            .contains("cannot be read")
    );
}
