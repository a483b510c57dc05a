//! How a model is led to good samples: definitions, and the only list of them.

use align_schema::{Bounds, Builtin, Dim, Ref, Ty, builtin};

builtin! {
    /// Guidance without a classifier: the model learns its data with and without the return that followed, and is asked for a high one.
    ///
    /// `out = out_0 + weight (out_target - out_0)`, where `out_0` is the network's output when no return is asked for.  Returns are the
    /// discounted returns-to-go of windows, scaled so that the least of the training windows is 0 and the largest 1; in training a share
    /// `dropout` of them is left out.  It stands in a model, and every loss of that model trains what is then sampled.
    ///
    /// Use it where the data holds behaviour of very different quality.  It fails where it does not: there is nothing to tell apart, and a
    /// target above what was seen asks for the unknown; a `weight` far above 2 leaves the data as well.
    ///
    /// Source: Ho and Salimans, arXiv 2207.12598; on returns: Ajay et al., arXiv 2211.15657.
    ///
    /// Example: `guidance = classifier_free(target: 0.9, weight: 1.2)`
    pub struct ClassifierFree = "classifier_free" in Guidance {
        /// The return that is asked for, on the scale of the training windows.
        target: f64 = Ty::Float, default "0.9", bounds Bounds::closed(-2.0, 2.0);
        /// How far the output goes towards it: 0 ignores it, 1 is the conditional model, more exaggerates.
        weight: f64 = Ty::Float, default "1.2", bounds Bounds::closed(0.0, 100.0);
        /// Share of the training samples whose return is left out.
        dropout: f64 = Ty::Quantity(&[Dim::Share]), default "25%", bounds Bounds { lo: 0.0, hi: 1.0, lo_in: true, hi_in: false };
        /// Discount of one environment step.
        discount: f64 = Ty::Float, default "0.99", bounds Bounds::closed(0.0, 1.0);
    }
}

builtin! {
    /// Guidance by a critic's gradient: before each step back the noisy plan moves uphill.
    ///
    /// `steps` times `x = x + scale sigma_t^2 grad V`, given entries put back, with the posterior's variance `sigma_t^2`; not in the last
    /// `stop` steps of the chain.  A critic that was trained on noisy plans of the same chain (a `value` network whose model has a
    /// `sampler`) is asked `V(x, t)`; any other is asked about the clean plan that the model predicts, whose gradient is taken as that of
    /// `x`.  It stands in a cascade.
    ///
    /// Use it to draw plans that the data only suggests.  It fails by pleasing the critic: compare with `best_of` at the same cost,
    /// which published comparisons find better on most tasks.
    ///
    /// Source: Dhariwal and Nichol, arXiv 2105.05233; on plans: Janner et al., arXiv 2205.09991.
    ///
    /// Example: `guidance = classifier(value.best, scale: 0.1)`
    pub struct Classifier = "classifier" in Guidance {
        /// The critic, in units of discounted return.
        critic: Ref = Ty::Checkpoint;
        /// How far a step goes.
        scale: f64 = Ty::Float, default "0.1", bounds Bounds::at_least(0.0);
        /// Steps uphill before each step back.
        steps: usize = Ty::Int, default "2", bounds Bounds::closed(1.0, 64.0);
        /// Steps at the end of the chain that are not guided.
        stop: usize = Ty::Int, default "2", bounds Bounds::closed(0.0, 1000.0);
    }
}

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[ClassifierFree::BUILTIN, Classifier::BUILTIN];
