//! What is `reward_gradient`?  Its definition; the arithmetic is in `exec`.

#[cfg(feature = "exec")]
pub mod exec;

use align_schema::{Bounds, DataKind, Ref, Ty, builtin};

builtin! {
    /// The critic's gradient through the last steps of the sampler alone.
    ///
    /// `L = -mean V / mean |V| + denoise L_denoise + kl KL` of samples drawn for states of the data; gradients go through the last `truncate` steps
    /// of the chain, the ones before are drawn without.  As many as the chain has steps is `qvpg(form: pathwise)`; `KL` is then over the
    /// recorded steps.
    ///
    /// Use it where the whole chain does not fit into memory, with one to a few steps; adapters (`lora`) save more.  It fails by
    /// over-optimisation, sooner than other methods: stop it early, keep `denoise` or `kl`, evaluate by acting.
    ///
    /// Source: Prabhudesai et al., VADER, arXiv 2407.08737; Clark et al., DRaFT, arXiv 2309.17400.
    ///
    /// Example: `loss = reward_gradient(truncate: 1, critic: value.best, denoise: 1.0)`
    pub struct RewardGradient = "reward_gradient" in Loss {
        /// Steps at the end of the chain that gradients go through.
        truncate: usize = Ty::Int, default "1", bounds Bounds::closed(1.0, 1000.0);
        /// The critic that is climbed.
        critic: Ref = Ty::Checkpoint;
        /// A frozen model to stay near.
        reference: Option<Ref> = Ty::Checkpoint;
        /// Weight of the divergence from the reference.
        kl: f64 = Ty::Float, default "0.0", bounds Bounds::at_least(0.0);
        /// Weight of the denoising loss on the data.
        denoise: f64 = Ty::Float, default "1.0", bounds Bounds::at_least(0.0);
    }
    data: &[DataKind::Rollouts], metrics: &["reward", "reward.spread", "kl"]
}
