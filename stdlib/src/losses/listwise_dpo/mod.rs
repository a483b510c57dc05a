//! What is `listwise_dpo`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, DataKind, Ref, Ty, builtin};

builtin! {
    /// Preference optimisation over whole lists: the model learns a critic's order of its own plans.
    ///
    /// For `states` states of the data `candidates` plans each are drawn from the reference and sorted by the critic's value.  With
    /// `s_i = -(beta / 2) (||eps - eps(x_t^i)||^2 - ||eps - eps_ref(x_t^i)||^2)`, the same `t` and noise for all plans of a list:
    /// `L = -sum_k log softmax(s_k .. s_K)_k` (Plackett-Luce), over `K - 1` so that it does not grow with the list.  With two candidates it is
    /// `diffusion_dpo`, and the first loss is `log 2`.  `batch` counts plans.
    ///
    /// Use it where a critic can rank more than two plans: each list says more than a pair.  It fails as its critic does, and where all plans
    /// of a state are worth the same: such lists are dropped, and if all are, the stage says so.
    ///
    /// Source: the likelihood of Plackett (1975) and Luce (1959) on the implicit rewards of Wallace et al., arXiv 2311.12908; our own form.
    ///
    /// Example: `loss = listwise_dpo(beta: 1000, candidates: 8, critic: value.best, reference: pretrain.best)`
    pub struct ListwiseDpo = "listwise_dpo" in Loss {
        /// How closely the model stays to the reference.
        beta: f64 = Ty::Float, default "1000", bounds Bounds::positive();
        /// Plans of a list.
        candidates: usize = Ty::Int, default "8", bounds Bounds::closed(2.0, 256.0);
        /// The critic that sorts them.
        critic: Ref = Ty::Checkpoint;
        /// The frozen model that draws the lists and that gains are measured against.
        reference: Ref = Ty::Checkpoint;
        /// Lists that are drawn.
        states: usize = Ty::Int, default "256", bounds Bounds::closed(2.0, 65536.0);
    }
    data: &[DataKind::Rollouts], metrics: &["valid.preferred", "margin"]
}
