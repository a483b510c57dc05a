//! Random streams, one for each purpose and index, derived from a key.
//!
//! A stream has no state that outlives its use: the draw for step `n` is a function of (key, purpose, n).  So a resumed run
//! draws what an unbroken one draws, and evaluating more often changes nothing else.

use align_plan::Key;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Initial weights.
    Init,
    /// Which samples form a batch.
    Batches,
    /// Diffusion times and noise of training.
    Noise,
    /// Evaluation episodes: start states and sampling noise.
    Evaluation,
    /// Interaction with an environment while training.
    Rollout,
    /// Making a dataset: collection, splits, pairs.
    Data,
}

/// The stream for one purpose at one index (a step, an evaluation, an episode).
pub fn stream(key: &Key, purpose: Purpose, index: u64) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new_derive_key("align random stream v1");
    hasher.update(key.0.0.as_bytes());
    hasher.update(format!("{purpose:?}").as_bytes());
    hasher.update(&index.to_le_bytes());
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use align_plan::Digest;
    use rand_chacha::rand_core::Rng;

    #[test]
    fn streams_differ_by_purpose_and_index_and_repeat_exactly() {
        let key = Key(Digest("k".into()));
        let draw = |p, i| stream(&key, p, i).next_u64();
        assert_eq!(draw(Purpose::Noise, 3), draw(Purpose::Noise, 3));
        assert_ne!(draw(Purpose::Noise, 3), draw(Purpose::Noise, 4));
        assert_ne!(draw(Purpose::Noise, 3), draw(Purpose::Batches, 3));
    }
}
