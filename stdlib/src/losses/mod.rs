//! Losses: one folder each, and the only list of them.

#[cfg(feature = "exec")]
use align_runtime_api::{Input, Job, JobError, Trainer};
use align_schema::Builtin;
#[cfg(feature = "exec")]
use align_schema::Call;

/// Declares the folders, their list, and who opens a stage of which loss.
///
/// A loss's folder has a type with `BUILTIN`, and under the feature `exec` a function `exec::open`.
macro_rules! losses {
    ($($folder:ident::$Name:ident),* $(,)?) => {
        $(pub mod $folder;)*

        /// Every builtin of this folder.
        pub const LIST: &[Builtin] = &[$($folder::$Name::BUILTIN),*];

        /// Opens a stage of the loss that a call names; `source` is its data.
        ///
        /// Errors: a call that names none, bad arguments, and what the loss itself refuses.
        #[cfg(feature = "exec")]
        pub fn open(job: &Job, loss: &Call, source: &Input) -> Result<Box<dyn Trainer>, JobError> {
            $(if loss.name == $folder::$Name::BUILTIN.name {
                let read = $folder::$Name::read(loss).map_err(crate::exec::denoiser::bad_call(loss))?;
                return $folder::exec::open(job, &read, source);
            })*
            Err(JobError::Failed(format!("unknown loss `{}`", loss.name)))
        }
    };
}

losses! {
    denoise::Denoise,
    weighted::Weighted,
    iql::Iql,
    double_q::DoubleQ,
    return_to_go::ReturnToGo,
    diffusion_dpo::DiffusionDpo,
    listwise_dpo::ListwiseDpo,
    value_alignment::ValueAlignment,
    ppo::Ppo,
    reinforce::Reinforce,
    qvpg::Qvpg,
    reward_gradient::RewardGradient,
    em::Em,
}
