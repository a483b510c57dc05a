//! Are the sizes that the compiler reckons with those of the networks that run?
#![cfg(feature = "exec")]
#![allow(clippy::unwrap_used)]
#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use align_schema::{Call, Value};
use align_stdlib::exec::weights::Arch;
use align_stdlib::nets::mlp::{Mlp, exec::PolicyNet};
use align_stdlib::nets::size;
use align_stdlib::nets::temporal_unet::{TemporalUnet, exec::Unet};
use align_stdlib::nets::twin_q::{TwinQ, exec::Critic};

fn call(name: &str, args: &[(&str, Value)]) -> Call {
    Call {
        name: name.into(),
        args: args.iter().map(|(n, v)| ((*n).into(), v.clone())).collect(),
    }
}

fn ints(values: &[i64]) -> Value {
    Value::List(values.iter().map(|v| Value::Int(*v)).collect())
}

fn counted(net: &Call, obs: usize, act: usize, horizon: u64) -> f64 {
    size(net, obs, act, horizon).unwrap().parameters
}

#[test]
fn a_u_net_has_the_counted_weights() {
    let cases: [(i64, &[i64], u64); 5] = [
        (8, &[1], 8),
        (8, &[1, 2], 8),
        (32, &[1, 2, 4], 32),
        (16, &[2, 2, 1], 16),
        (8, &[1, 4, 8, 2], 16),
    ];
    for (width, mults, horizon) in cases {
        for (obs, act) in [(4, 2), (11, 3), (6, 2)] {
            let net = call(
                "temporal_unet",
                &[("width", Value::Int(width)), ("mults", ints(mults))],
            );
            let mut arch = Arch::default();
            let read = TemporalUnet::read(&net).unwrap();
            Unet::new(&mut arch, &read, obs + act, horizon as usize).unwrap();
            let found = counted(&net, obs, act, horizon);
            assert_eq!(found, arch.total() as f64, "{width} {mults:?} {obs}+{act}");
        }
    }
}

#[test]
fn a_policy_and_a_critic_have_the_counted_weights() {
    for (width, depth) in [(16, 1), (256, 3), (64, 5)] {
        let args = [("width", Value::Int(width)), ("depth", Value::Int(depth))];
        let net = call("mlp", &args);
        let mut arch = Arch::default();
        PolicyNet::new(&mut arch, &Mlp::read(&net).unwrap(), 8 * 3, 11);
        assert_eq!(counted(&net, 11, 3, 8), arch.total() as f64);

        let net = call("twin_q", &args);
        let mut arch = Arch::default();
        Critic::new(&mut arch, &TwinQ::read(&net).unwrap(), 11, 3);
        assert_eq!(counted(&net, 11, 3, 8), arch.total() as f64);
    }
}
