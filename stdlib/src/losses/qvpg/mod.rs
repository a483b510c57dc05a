//! What is `qvpg`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, DataKind, Ref, Ty, builtin};

builtin! {
    /// The policy gradient of a critic's value, without acting: reinforcement from a dataset alone.
    ///
    /// `pathwise`: samples are drawn for states of the data with gradients through every step of the chain, and
    /// `L = -mean V / mean |V| + denoise L_denoise + kl KL`, where `KL` is the closed form of `ppo` between the model's steps and the reference's,
    /// averaged over the chain.  `score`: the chain as in `reinforce`, paid `V` of the finished sample, each compared with the mean of eight
    /// samples of its state.  `V` of a plan is the critic's, of a policy's chunk `min(Q1, Q2)(s, a)` of its first action.
    ///
    /// Use `pathwise` with policies of few steps (Diffusion-QL); `score` where a chain is too long to keep.  Both fail by pleasing the critic and not the
    /// task: without `denoise` or `kl` they leave the data, the value rises and the score falls; evaluate by acting, or with another critic.
    ///
    /// Source: pathwise: Wang et al., arXiv 2208.06193; score: Black et al., arXiv 2305.13301.  The form that Huh and Mohapatra, arXiv
    /// 2502.12198, use under this name was not available to us.
    ///
    /// Example: `loss = qvpg(form: pathwise, critic: value.best, reference: pretrain.best, kl: 0.05)`
    pub struct Qvpg = "qvpg" in Loss {
        /// How the gradient reaches the weights.
        form: String = Ty::Enum(&["pathwise", "score"]), default "pathwise";
        /// The critic that is climbed.
        critic: Ref = Ty::Checkpoint;
        /// A frozen model to stay near.
        reference: Option<Ref> = Ty::Checkpoint;
        /// Weight of the divergence from the reference.
        kl: f64 = Ty::Float, default "0.0", bounds Bounds::at_least(0.0);
        /// Weight of the denoising loss on the data; `pathwise` alone.
        denoise: f64 = Ty::Float, default "1.0", bounds Bounds::at_least(0.0);
        /// Samples of an iteration; `score` alone.
        plans: usize = Ty::Int, default "64", bounds Bounds::closed(2.0, 65536.0);
    }
    data: &[DataKind::Rollouts], metrics: &["reward", "reward.spread", "kl"]
}
