//! How does `inverse_dynamics` compute?  Names are those of Decision Diffuser's `inv_model`.

use burn::prelude::*;

use super::InverseDynamics;
use crate::exec::backbone::Net;
use crate::exec::layers::{Linear, Params, tower};
use crate::exec::weights::Arch;
use crate::nets::Form;

/// The shape of an inverse model; weights are handed in.
#[derive(Clone, Debug)]
pub struct Inverse(Vec<Linear>);

/// Adds its parameters to a table.
///
/// Errors: none.
pub fn build(arch: &mut Arch, net: &InverseDynamics, form: &Form) -> Result<Net, String> {
    Ok(Net::Inverse(Inverse::new(arch, net, form)))
}

impl Inverse {
    /// Adds its parameters to a table.
    pub fn new(arch: &mut Arch, net: &InverseDynamics, form: &Form) -> Self {
        let hidden = vec![net.width; net.depth];
        Self(tower(arch, "inv_model", 2 * form.obs, &hidden, form.act))
    }

    /// Normalised actions `[n, act]` between normalised states, each `[n, obs]`.
    pub fn forward(&self, p: Params<'_>, state: Tensor<2>, next: Tensor<2>) -> Tensor<2> {
        crate::exec::layers::relu_tower(&self.0, p, Tensor::cat(vec![state, next], 1))
    }
}
