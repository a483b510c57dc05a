//! Splits, scaling, windows, transitions, cuts, filters and collection.

use align_schema::{Call, Dim, Quantity, Ref, Value};

use super::*;

#[test]
fn bytes_are_the_same_each_time_and_read_back() {
    let data = dataset(counted(&[5, 3]), 2, 1, vec![1]);
    let bytes = data.rollouts.to_bytes().unwrap();
    assert_eq!(bytes, data.rollouts.clone().to_bytes().unwrap());
    assert_eq!(Rollouts::from_bytes(&bytes).unwrap(), data.rollouts);
    for cut in [0, 7, 40, bytes.len() / 2, bytes.len() - 1] {
        assert!(
            Rollouts::from_bytes(&bytes[..cut])
                .unwrap_err()
                .to_string()
                .contains("damaged")
        );
    }
}

#[test]
fn a_split_holds_out_a_share_and_never_everything() {
    for (count, share, held) in [
        (100, 0.1, 10),
        (3, 0.1, 1),
        (1, 0.5, 0),
        (10, 1.0, 9),
        (10, 0.0, 0),
    ] {
        let split = Split::draw(count, share, &mut rng(1));
        assert_eq!(split.valid.len(), held, "{count} {share}");
        let mut all = [
            split.part(Part::Train, count),
            split.part(Part::Valid, count),
        ]
        .concat();
        all.sort_unstable();
        assert_eq!(all, (0..count).collect::<Vec<_>>());
    }
    assert_ne!(
        Split::draw(100, 0.1, &mut rng(1)),
        Split::draw(100, 0.1, &mut rng(2))
    );
}

#[test]
fn scaling_fits_the_training_part_and_inverts() {
    let rollouts = counted(&[5, 5]);
    for scheme in [Scheme::Limits, Scheme::Gaussian, Scheme::Cdf] {
        let fit = Normaliser::fit(
            scheme,
            (1, &rollouts.actions),
            (2, &rollouts.observations),
            &[0..3, 3..5],
        );
        let mut rows = vec![0.2, 2.0, -2.0, 0.4, 4.0, -4.0];
        let before = rows.clone();
        fit.apply(&mut rows);
        match scheme {
            // The middle of the limits, and of five values.
            Scheme::Limits | Scheme::Cdf => assert_eq!(&rows[..3], [0.0; 3]),
            Scheme::Gaussian => assert!((rows[4] - 2.0f32.sqrt()).abs() < 1e-6),
        }
        fit.invert(&mut rows);
        for (a, b) in rows.iter().zip(&before) {
            assert!((a - b).abs() < 1e-6);
        }
    }
    // Limits clip on the way back; a constant column stays finite.
    let fit = Normaliser::fit(
        Scheme::Limits,
        (1, &[3.0, 3.0]),
        (1, &[0.0, 2.0]),
        &[0..1, 1..2],
    );
    let mut row = vec![0.0, 5.0];
    fit.invert(&mut row);
    assert_eq!(row, [3.0, 2.0]);
    let mut row = vec![3.0, 2.0];
    fit.apply(&mut row);
    assert_eq!(row, [0.0, 1.0]);
    let mut action = vec![3.0];
    fit.apply_act(&mut action);
    assert_eq!(action, [0.0]);
}

#[test]
fn windows_keep_inside_of_an_episode_and_repeat_its_last_state() {
    let data = dataset(counted(&[6, 4]), 3, 2, vec![1]);
    let windows = Windows::new(&data, Part::Train);
    assert_eq!(
        (windows.len(), windows.width(), windows.horizon()),
        (6, 3, 3)
    );
    let mut got = windows.batch(&[1, 3]);
    data.meta.normaliser.invert(&mut got);
    let steps: Vec<f32> = got.chunks(3).map(|row| row[1].round()).collect();
    assert_eq!(steps, [1.0, 3.0, 5.0, 3.0, 5.0, 5.0]);
    let actions: Vec<f32> = got.chunks(3).map(|row| (row[0] * 10.0).round()).collect();
    assert_eq!(
        actions,
        [1.0, 3.0, 5.0, 3.0, 5.0, 0.0],
        "past the end the action is zero"
    );
    // The held-out episode is in no training window, and is all of the other part.
    assert_eq!(Windows::new(&data, Part::Valid).len(), 4);
    assert!(windows.draw(50, &mut rng(0)).iter().all(|i| *i < 6));
    assert_eq!(windows.spread(3), [0, 2, 4]);
}

#[test]
fn transitions_follow_d4rl() {
    let data = dataset(counted(&[3, 3]), 1, 1, vec![]);
    let transitions = Transitions::new(&data, Part::Train);
    // The first episode ends at a terminal: all of its steps count.  The second is cut: its last step has no next state.
    assert_eq!(transitions.len(), 5);
    let batch = transitions.batch(&[0, 1, 2, 3, 4]);
    assert_eq!(batch.goes_on, [1.0, 1.0, 0.0, 1.0, 1.0]);
    let (mut now, mut next) = (batch.observations, batch.next);
    data.meta.normaliser.invert_obs(&mut now);
    data.meta.normaliser.invert_obs(&mut next);
    let first = |rows: &[f32]| rows.chunks(2).map(|r| r[0].round()).collect::<Vec<_>>();
    assert_eq!(first(&now), [0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(first(&next), [1.0, 2.0, 2.0, 4.0, 5.0]);
}

#[test]
fn mazes_are_cut_where_the_ball_leaves_the_goal() {
    let mut rollouts = Rollouts::new(2, 1);
    for x in [0.0, 0.9, 1.1, 3.0, 2.0, 1.2, 0.0] {
        rollouts.push(&[x, 1.0], &[0.0], 0.0);
    }
    rollouts.end(true);
    let cut = recut(rollouts.clone(), [1.0, 1.0], 0.5);
    assert_eq!(cut.offsets, [0, 3, 6, 7]);
    assert_eq!(cut.timeouts, [false, false, true, false, false, true, true]);
    assert!(
        !cut.terminals.contains(&true),
        "a maze never ends by itself"
    );
    assert_eq!(recut(rollouts.clone(), [9.0, 9.0], 0.5), rollouts);
}

#[test]
fn quantiles_are_numpys() {
    let values = [4.0, 1.0, 3.0, 2.0];
    for (share, wanted) in [(0.0, 1.0), (0.5, 2.5), (0.9, 3.7), (1.0, 4.0)] {
        assert!((quantile(&values, share) - wanted).abs() < 1e-12);
    }
}

fn call(name: &str, args: &[(&str, Value)]) -> Value {
    Value::from(Call {
        name: name.into(),
        args: args
            .iter()
            .map(|(n, v)| ((*n).to_owned(), v.clone()))
            .collect(),
    })
}

fn share(x: f64) -> Value {
    Value::Quantity(Quantity::new(x, Dim::Share))
}

#[test]
fn filters_keep_what_they_say() {
    // Returns are the lengths: 2, 5, 3, 4.
    let data = dataset(counted(&[2, 5, 3, 4]), 1, 1, vec![1]);
    let critic = |_: &Ref| -> Result<Box<dyn Critic>, JobError> { Ok(Box::new(First)) };
    let keep = |filter: &Value| keep(&data, filter, &critic);
    let name = |n: &str| Value::Name(n.into());
    let above = |left: Value, right: Value| call(">=", &[("left", left), ("right", right)]);
    let half = call("percentile", &[("share", share(0.5))]);
    assert_eq!(keep(&above(name("return"), half.clone())).unwrap(), [1, 3]);
    assert_eq!(
        keep(&above(name("length"), Value::Int(3))).unwrap(),
        [1, 2, 3]
    );
    let both = call(
        "and",
        &[
            ("left", above(name("length"), Value::Int(3))),
            (
                "right",
                call(
                    "<",
                    &[("left", name("return")), ("right", Value::Float(4.5))],
                ),
            ),
        ],
    );
    assert_eq!(keep(&both).unwrap(), [2, 3]);
    assert_eq!(
        keep(&call(
            "top",
            &[("share", share(0.25)), ("by", name("return"))]
        ))
        .unwrap(),
        [1]
    );
    // Advantage: later episodes begin at higher values, so that the first is best though it is the shortest.
    let advantage = call("advantage", &[("critic", Value::Ref(Ref { need: 0 }))]);
    let best = call(
        "top",
        &[
            ("share", share(0.25)),
            ("by", name("advantage")),
            ("critic", Value::Ref(Ref { need: 0 })),
        ],
    );
    assert_eq!(keep(&best).unwrap(), [0]);
    assert!(keep(&above(advantage, half)).unwrap().contains(&0));
    let none = keep(&above(name("return"), Value::Float(100.0)))
        .unwrap_err()
        .to_string();
    assert!(
        none.contains("none of 4 episodes") && none.contains("2.0 to 5.0"),
        "{none}"
    );
    let unscored = keep(&above(name("score"), Value::Int(1)))
        .unwrap_err()
        .to_string();
    assert!(unscored.contains("no task"), "{unscored}");
}

#[test]
fn a_cut_episode_goes_on_in_the_critics_value() {
    let rollouts = counted(&[2, 2]);
    // Terminal: 1 + 0.5 * 1 - 0.  Cut: 1 + 0.5 * V(3) - V(2).
    assert_eq!(advantages(&rollouts, &mut First).unwrap(), [1.5, 0.5]);
}

#[test]
fn a_selection_keeps_normaliser_and_held_out_episodes() {
    let data = dataset(counted(&[2, 5, 3, 4]), 1, 1, vec![1, 2]);
    let some = select(&data, &[1, 3], &mut rng(0));
    assert_eq!(
        (some.rollouts.episodes(), some.meta.split.valid.clone()),
        (2, vec![0])
    );
    assert_eq!(some.meta.normaliser, data.meta.normaliser);
    assert_eq!(some.rollouts.observation(0), data.rollouts.observation(2));
    // Without one of the held-out episodes, a part of the rest is held out.
    assert_eq!(
        select(&data, &[0, 3], &mut rng(0)).meta.split.valid.len(),
        1
    );
}

fn by_waypoint(episodes: usize, one_goal: bool) -> Rollouts {
    collect(
        "maze2d-umaze-v1",
        &mut Collector::Waypoint { one_goal },
        episodes,
        0.5,
        &key("k"),
        &mut |_, _| (),
    )
    .unwrap()
}

#[test]
fn collection_does_not_depend_on_threads_or_on_what_follows() {
    let pool = |n| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(n)
            .build()
            .unwrap()
    };
    let many = pool(3).install(|| by_waypoint(70, false));
    assert_eq!(many, pool(1).install(|| by_waypoint(70, false)));
    assert_eq!(many.select(&[0, 1, 2, 3, 4]), by_waypoint(5, false));
    assert_eq!((many.episodes(), many.len()), (70, 70 * 300));
    assert!(many.not_finite().is_none() && many.actions.iter().all(|a| a.abs() <= 1.0));
}

#[test]
fn an_episode_to_one_goal_ends_at_rest() {
    let drives = by_waypoint(50, true);
    let mut rested = 0;
    for e in 0..drives.episodes() {
        let last = drives.observation(drives.range(e).end - 1);
        rested += usize::from(last[2].hypot(last[3]) < 0.5 && drives.range(e).len() < 300);
    }
    assert!(rested >= 48, "{rested} of 50");
    assert!(drives.longest() > 100);
}

#[test]
fn who_cannot_collect_says_so() {
    let mut none = |_: f64, _: &str| ();
    let waypoint = &mut Collector::Waypoint { one_goal: false };
    let error = collect("pendulum", waypoint, 1, 0.0, &key("k"), &mut none)
        .unwrap_err()
        .to_string();
    assert!(error.contains("Maze2D only"), "{error}");
    let swing = collect(
        "pendulum",
        &mut Collector::Uniform,
        2,
        0.0,
        &key("k"),
        &mut none,
    )
    .unwrap();
    assert_eq!((swing.len(), swing.obs, swing.act), (400, 3, 1));
    assert!(
        swing.actions.iter().any(|a| a.abs() > 1.0),
        "torques reach to 2"
    );
}
