//! What is known of data whose columns are in the network's own units.

use align_stdlib::exec::data::{Kind, Meta, Normaliser, Scheme, Split};

/// Of windows of `horizon` points, each of `act` actions and `obs` observations.
pub fn meta(act: usize, obs: usize, horizon: usize) -> Meta {
    Meta {
        kind: Kind::Rollouts,
        task: None,
        horizon,
        stride: 1,
        normaliser: Normaliser {
            scheme: Scheme::Limits,
            act,
            obs,
            centre: vec![0.0; act + obs],
            scale: vec![1.0; act + obs],
            knots: Vec::new(),
        },
        split: Split::default(),
        goal: None,
        source: String::new(),
        rewards: true,
    }
}
