//! How rewards of a dataset are changed: definitions, and the only list of them.

use align_schema::{Bounds, Builtin, Ty, builtin};

builtin! {
    /// Every reward times a factor, plus a number.
    ///
    /// `r = scale r + shift`, before anything is fitted or filtered: returns and scores of its episodes are then sums of the changed rewards.
    ///
    /// Use it for published recipes that learn from shifted rewards (AntMaze: `shift: -1`, or `scale: 4, shift: -2`), and where rewards are so
    /// large that a critic starts far away.  It changes nothing about which of two episodes of one length is better; with a shift, shorter or
    /// longer episodes become better, which is its purpose and its trap.
    ///
    /// Source: the reward tables of Kostrikov et al., arXiv 2110.06169, and Wang et al., arXiv 2208.06193.
    ///
    /// Example: `relabel = affine(scale: 1, shift: -1)`
    pub struct Affine = "affine" in Relabel {
        /// Factor.
        scale: f64 = Ty::Float, default "1.0", bounds Bounds::closed(-1e9, 1e9);
        /// Added after it.
        shift: f64 = Ty::Float, default "0.0", bounds Bounds::closed(-1e9, 1e9);
    }
}

/// Every builtin of this folder.
pub const LIST: &[Builtin] = &[Affine::BUILTIN];
