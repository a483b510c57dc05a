//! What is `value_alignment`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, DataKind, Ref, Ty, builtin};

builtin! {
    /// Alignment with a critic's values themselves: among plans of one state, the model's odds become those of their values.
    ///
    /// For `states` states of the data `candidates` plans each are drawn from the reference.  With the implicit rewards `s_i` of `listwise_dpo`
    /// (one `t` for a list, each plan its own noise): `L = -sum_i softmax(V / temperature)_i log softmax(s)_i`, where `V` is in units of its
    /// deviation over all plans.  The published form has a scalar energy in place of `s`; a denoising error needs no second network.  `batch`
    /// counts plans.
    ///
    /// Use it where values say how much better, not only which: the published comparison finds it ahead of preferences, the more so the more
    /// candidates.  It fails as its critic does, and a low `temperature` makes it imitate the one best plan of many, which lies off the data.
    ///
    /// Source: Chen et al., Aligning Diffusion Behaviors with Q-functions for Efficient Continuous Control, arXiv 2407.09024; our own reward.
    ///
    /// Example: `loss = value_alignment(beta: 1000, candidates: 16, critic: value.best, reference: pretrain.best)`
    pub struct ValueAlignment = "value_alignment" in Loss {
        /// How closely the model stays to the reference.
        beta: f64 = Ty::Float, default "1000", bounds Bounds::positive();
        /// Plans of a state.
        candidates: usize = Ty::Int, default "16", bounds Bounds::closed(2.0, 256.0);
        /// The critic that values them.
        critic: Ref = Ty::Checkpoint;
        /// The frozen model that draws the plans and that gains are measured against.
        reference: Ref = Ty::Checkpoint;
        /// How little a difference of value counts.
        temperature: f64 = Ty::Float, default "1.0", bounds Bounds::positive();
        /// States that plans are drawn for.
        states: usize = Ty::Int, default "256", bounds Bounds::closed(2.0, 65536.0);
    }
    data: &[DataKind::Rollouts], metrics: &["valid.preferred", "margin"]
}
