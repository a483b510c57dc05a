//! What the plan of a small sequence looks like, and which edits leave it as it is.

use align_plan::{Digest, Plan, parts};

use crate::testing::plan_of;

const STUDY: &str = r#"align 1
dataset rollouts { source = collect("maze2d-umaze-v1", episodes: 20), horizon = 32 steps }
model planner { net = temporal_unet(width: 16), sampler = ddim() }
stage pretrain trains planner on rollouts { loss = denoise(), budget = 4k steps }
stage rl trains planner on rollouts in env("maze2d-umaze-v1") from pretrain.best {
    loss   = ppo(reference: pretrain.best)
    budget = 100k env_steps
}
dataset pairs from rl.best { prefer = by_return(), count = 1k pairs }
stage dpo trains planner on pairs from rl.best {
    loss   = diffusion_dpo(reference: rl.best)
    optim  = adamw(lr: 1e-4, schedule: cosine(to: budget))
    budget = 500 steps or 5 min
    until reaches(valid.preferred, 80%)
}
sequence aligned = rl -> dpo {
    rounds = 3 rounds
    until plateau(score, improve: 1 points, patience: 1 rounds)
}
cascade controller = pretrain.best -> aligned.best { join = refine(renoise: 30%) }
"#;

fn plan(text: &str) -> Plan {
    plan_of(text).unwrap()
}

#[test]
fn rounds_are_unrolled() {
    let plan = plan(STUDY);
    let shown: Vec<String> = plan
        .nodes
        .iter()
        .map(|n| {
            let needs: Vec<String> = n
                .needs
                .iter()
                .map(|need| {
                    format!(
                        "{}={}.{}",
                        need.role,
                        need.node.0.trim_start_matches("main/"),
                        need.port
                    )
                })
                .collect();
            let gate = n.gate.as_ref().map_or(String::new(), |g| {
                format!(" if {} round {}", g.sequence, g.round)
            });
            format!(
                "{} [{}]{gate}",
                n.id.0.trim_start_matches("main/"),
                needs.join(" ")
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "rollouts []",
            "pretrain [data=rollouts.data]",
            "rl [data=rollouts.data from=pretrain.best loss.reference=pretrain.best]",
            "pairs [from=rl.best data=rollouts.data]",
            "dpo [data=pairs.data from=rl.best loss.reference=rl.best]",
            "rl#2 [data=rollouts.data from=dpo.best loss.reference=pretrain.best] if main/aligned round 2",
            "pairs#2 [from=rl#2.best data=rollouts.data] if main/aligned round 2",
            "dpo#2 [data=pairs#2.data from=rl#2.best loss.reference=rl#2.best] if main/aligned round 2",
            "rl#3 [data=rollouts.data from=dpo#2.best loss.reference=pretrain.best] if main/aligned round 3",
            "pairs#3 [from=rl#3.best data=rollouts.data] if main/aligned round 3",
            "dpo#3 [data=pairs#3.data from=rl#3.best loss.reference=rl#3.best] if main/aligned round 3",
            "aligned [member.0=dpo.best member.1=dpo#2.best member.2=dpo#3.best]",
            "controller [member.0=pretrain.best member.1=aligned.best]",
        ]
    );
    let dpo = plan.nodes.iter().find(|n| n.name == "dpo").unwrap();
    let budget = &dpo.fields["budget"];
    assert_eq!(
        (budget.value.to_string().as_str(), budget.effect),
        ("[500 steps, 5 min]", align_schema::Effect::Identity)
    );
    let eval = dpo.eval.as_ref().unwrap();
    assert_eq!(
        (eval.every.to_string().as_str(), eval.episodes),
        ("50 steps", 20)
    );
    let rl = plan.nodes.iter().find(|n| n.name == "rl").unwrap();
    assert_eq!(rl.fields["budget"].effect, align_schema::Effect::Extent);
    assert_eq!(rl.eval.as_ref().unwrap().every.to_string(), "10k env_steps");
    assert_eq!(
        rl.value("loss").unwrap().to_string(),
        "ppo(clip: 0.01, reference: #2, kl: 0, plans: 64, epochs: 2, eta: 1, floor: 0.1)"
    );
}

/// Key parts of every node, by the names in `old`, renamed to `new`; inputs are known by their producers' own parts.
fn keys(plan: &Plan) -> Vec<String> {
    let mut done: std::collections::HashMap<String, Digest> = std::collections::HashMap::new();
    let mut out = Vec::new();
    for node in &plan.nodes {
        let inputs: Vec<Digest> = node
            .needs
            .iter()
            .map(|n| Digest::of(format!("{} {}", done[&n.node.0], n.port).as_bytes()))
            .collect();
        let key = align_plan::key(&parts(node, &inputs, "cpu-f32", &[]));
        done.insert(node.id.0.clone(), key.0.clone());
        out.push(key.0.0);
    }
    out.sort();
    out
}

#[test]
fn edits_that_mean_nothing_change_no_key() {
    let before = keys(&plan(STUDY));
    let edits: &[(&str, &[(&str, &str)])] = &[
        (
            "comments and blank lines",
            &[("model planner", "// a comment\n\n/// docs\nmodel   planner")],
        ),
        (
            "a name for a number",
            &[
                ("lr: 1e-4", "lr: LR"),
                ("dataset pairs", "let LR = 2e-4 / 2\ndataset pairs"),
            ],
        ),
        (
            "another way to write a number",
            &[
                ("4k steps", "4_000 steps"),
                ("1e-4", "0.0001"),
                ("5 min", "300 s"),
            ],
        ),
        (
            "a default that is written out",
            &[(
                "loss = denoise(), budget",
                "loss = denoise(), batch = 32, clip_norm = 1, optim = adamw(lr: 2e-4), budget",
            )],
        ),
        (
            "a default argument that is written out",
            &[(
                "sampler = ddim()",
                "sampler = ddim(act: 10 denoise_steps, train: 20 denoise_steps), predict = noise",
            )],
        ),
        (
            "other order of fields",
            &[(
                "source = collect(\"maze2d-umaze-v1\", episodes: 20), horizon = 32 steps",
                "horizon = 32 steps; source = collect(episodes: 20, task: \"maze2d-umaze-v1\")",
            )],
        ),
        (
            "other order of limits",
            &[("500 steps or 5 min", "5 min or 500 steps")],
        ),
        (
            "renamed stages",
            &[("rl", "reinforce_it"), ("dpo {", "compare {")],
        ),
        (
            "a renamed import",
            &[
                ("loss = denoise(),", "loss = fit(),"),
                ("align 1", "align 1\nuse std.losses.denoise as fit"),
            ],
        ),
        (
            "another condition",
            &[(
                "until reaches(valid.preferred, 80%)",
                "until reaches(valid.preferred, 90%)",
            )],
        ),
        (
            "a policy",
            &[(
                "    until reaches",
                "    on failure { nan => skip }\n    until reaches",
            )],
        ),
        (
            "a longer budget that no schedule reads",
            &[("100k env_steps", "200k env_steps")],
        ),
    ];
    for (what, replacements) in edits {
        let mut text = STUDY.to_owned();
        for (old, new) in *replacements {
            assert!(text.contains(old), "{what}: {old}");
            text = text.replace(old, new);
        }
        text = text
            .replace("stage dpo ", "stage compare ")
            .replace("dpo.", "compare.");
        text = text
            .replace("-> dpo", "-> compare")
            .replace("diffusion_compare", "diffusion_dpo");
        assert_eq!(keys(&plan(&text)), before, "{what}");
    }
    // Reordered items.
    let (head, tail) = STUDY.split_at(STUDY.find("sequence").unwrap());
    let (first, second) = head.split_at(head.find("stage pretrain").unwrap());
    let text = format!(
        "align 1\n{tail}{second}{}",
        first.trim_start_matches("align 1")
    );
    assert_eq!(keys(&plan(&text)), before, "reordered");
    // And edits that mean something change one.
    for (old, new) in [
        ("width: 16", "width: 24"),
        ("500 steps", "600 steps"),
        ("horizon = 32", "horizon = 16"),
        ("1e-4", "2e-4"),
    ] {
        assert_ne!(keys(&plan(&STUDY.replace(old, new))), before, "{new}");
    }
}

#[test]
fn equal_nodes_of_two_lanes_have_equal_keys() {
    let lane = |name: &str| {
        format!(
            "pipeline {name}(beta: float, seed: Seed = 0) {{\n dataset d {{ source = collect(\"maze2d-umaze-v1\"), horizon = 32 steps }}\n model m {{ net = temporal_unet(), sampler = ddim() }}\n stage a trains m on d {{ loss = denoise(), budget = 1k steps }}\n stage b trains m on d from a.best {{ loss = denoise(), budget = 1k steps, optim = adamw(lr: beta) }}\n}}\n"
        )
    };
    let text = format!(
        "align 1\n{}sweep s of lane {{ beta in [0.1, 0.2] }}\n",
        lane("lane")
    );
    let plan = plan(&text);
    let ids: Vec<&str> = plan.nodes.iter().map(|n| n.id.0.as_str()).collect();
    assert_eq!(
        ids,
        [
            "s[beta=0.1]/d",
            "s[beta=0.1]/a",
            "s[beta=0.1]/b",
            "s[beta=0.2]/d",
            "s[beta=0.2]/a",
            "s[beta=0.2]/b"
        ]
    );
    let keys = keys(&plan);
    let distinct: std::collections::BTreeSet<&String> = keys.iter().collect();
    assert_eq!((keys.len(), distinct.len()), (6, 4));
}

#[test]
fn a_pipeline_uses_a_dataset_of_the_file() {
    let text = "align 1\ndataset d { source = collect(\"maze2d-umaze-v1\"), horizon = 32 steps }\npipeline lane(seed: Seed) {\n model m { net = temporal_unet(), sampler = ddim() }\n stage a trains m on d { loss = denoise(), budget = 1k steps }\n}\nsweep s of lane { seed in 0..<2 }\n";
    let plan = plan(text);
    let shown: Vec<String> = plan
        .nodes
        .iter()
        .map(|n| {
            format!(
                "{} {} {:?}",
                n.id,
                n.seed,
                n.needs.first().map(|n| n.node.0.clone())
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "main/d 0 None",
            "s[seed=0]/a 0 Some(\"main/d\")",
            "s[seed=1]/a 1 Some(\"main/d\")"
        ]
    );
}
