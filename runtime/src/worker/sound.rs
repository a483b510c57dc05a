//! Can a checkpoint be gone on from, although some of those before it are lost?

use super::train::Run;
use crate::record::Manifest;
use crate::store::StoreError;

impl Run<'_, '_> {
    /// The checkpoint with those that it keeps and that are whole.  Without its best one, or one that another node names, training
    /// must start before that, so that it is made again; what else is lost is left out, and told.
    pub(super) fn sound(
        &self,
        mut manifest: Manifest,
        lost: &mut Vec<String>,
    ) -> Result<Manifest, StoreError> {
        let best = manifest.progress.best.map(|b| b.0);
        let kept = std::mem::take(&mut manifest.progress.kept);
        for output in kept {
            let step = output.at.step;
            let files = output.files.values().chain(&output.manifest);
            match self.desk.store.verify(files) {
                Ok(()) => manifest.progress.kept.push(output),
                Err(e) if best == Some(step) || self.pins.contains(&step) => {
                    return Err(e);
                }
                Err(e) => lost.push(e.to_string()),
            }
        }
        Ok(manifest)
    }
}
