//! How large is a network?  Counts of its weights and of what a forward pass keeps, from its arguments alone.
//!
//! The same layers as in `exec::layers`, without a tensor; the tests hold both to the same counts.

/// What a network takes in and gives out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Numbers of an observation.
    pub obs: usize,
    /// Numbers of an action.
    pub act: usize,
    /// Points of a plan or actions of a chunk.
    pub horizon: usize,
    /// Whether plans hold observations alone.
    pub states: bool,
    /// Whether a return can be asked for.
    pub target: bool,
}

impl Form {
    /// Numbers of one point of a plan.
    pub fn point(&self) -> usize {
        if self.states {
            self.obs
        } else {
            self.act + self.obs
        }
    }
}

/// How large a network is.  Counts are floating-point numbers, so that no argument of a program can overflow them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Size {
    /// Numbers in all of its weights.
    pub parameters: f64,
    /// Numbers that the layers put out for one sample, each of which training keeps until its gradient is known.
    pub activations: f64,
}

impl Size {
    /// A linear layer; it puts out `cols` numbers.
    pub(super) fn linear(&mut self, rows: f64, cols: f64) {
        self.parameters += rows * cols + cols;
        self.activations += cols;
    }

    /// A convolution that puts out `length` points.
    pub(super) fn conv(&mut self, inputs: f64, outputs: f64, kernel: f64, length: f64) {
        self.parameters += kernel * inputs * outputs + outputs;
        self.activations += length * outputs;
    }

    /// A perceptron over a return that is asked for: from one number to `width`.
    pub(super) fn target(&mut self, width: f64) {
        self.linear(1.0, width);
        self.linear(width, 4.0 * width);
        self.linear(4.0 * width, width);
    }

    /// A scale and a shift of each channel.
    pub(super) fn norm(&mut self, channels: f64) {
        self.parameters += 2.0 * channels;
    }

    /// Weights whose output need not be kept: it is only added to another.
    pub(super) fn added(&mut self, rows: f64, cols: f64) {
        self.parameters += rows * cols + cols;
    }
}
