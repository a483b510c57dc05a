//! Networks: one folder each, and the only list of them.

use align_schema::{Builtin, Call};

#[cfg(feature = "exec")]
use crate::exec::backbone::Net;
#[cfg(feature = "exec")]
use crate::exec::weights::Arch;

mod size;

pub use size::{Form, Size};

/// Declares the folders, their list, and what goes to each by name.
///
/// A network's folder has a type with `BUILTIN`, `fault` and `size`, and under the feature `exec` a function `exec::build`.
macro_rules! nets {
    ($($folder:ident::$Name:ident),* $(,)?) => {
        $(pub mod $folder;)*

        /// Every builtin of this folder.
        pub const LIST: &[Builtin] = &[$($folder::$Name::BUILTIN),*];

        /// What is wrong with the arguments of the network that a call names: which one, and why.  Types and bounds are checked before.
        pub fn fault(net: &Call) -> Option<(&'static str, String)> {
            $(if net.name == $folder::$Name::BUILTIN.name {
                return $folder::$Name::read(net).ok()?.fault();
            })*
            None
        }

        /// The size of the network that a call names, for data of this form; `None` for a call that names none.
        pub fn size(net: &Call, form: &Form) -> Option<Size> {
            $(if net.name == $folder::$Name::BUILTIN.name {
                return Some($folder::$Name::read(net).ok()?.size(form));
            })*
            None
        }

        /// The network that a call names, its parameters added to a table.
        ///
        /// Errors: a call that names none, and a form that it cannot take.
        #[cfg(feature = "exec")]
        pub fn build(net: &Call, arch: &mut Arch, form: &Form) -> Result<Net, String> {
            $(if net.name == $folder::$Name::BUILTIN.name {
                let read = $folder::$Name::read(net).map_err(|errors| {
                    let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
                    format!("`{}`: {}", net.name, text.join("; "))
                })?;
                return $folder::exec::build(arch, &read, form)
                    .map_err(|why| format!("`{}`: {why}", net.name));
            })*
            Err(format!("unknown network `{}`", net.name))
        }
    };
}

nets! {
    temporal_unet::TemporalUnet,
    dit1d::Dit1d,
    mlp::Mlp,
    ln_resnet::LnResnet,
    twin_q::TwinQ,
    value::Value,
    inverse_dynamics::InverseDynamics,
}
