//! Episodes from an HDF5 file in D4RL's layout, and every way in which such a file can be unusable.
//!
//! Rules of D4RL: `[N, 1]` is `[N]`; an episode ends at a terminal or a timeout; without `timeouts` it is cut at the time limit; the file may end
//! in the middle of an episode; large files keep their arrays in pieces under `virtual/0`, `virtual/1` and so on.

use std::path::Path;

use align_runtime_api::JobError;

use super::checks::{self, bad};
use super::h5::{Array, Hdf5};
use crate::envs::Task;
use crate::exec::data::Rollouts;

/// A file that is open, with its shapes known and found in order; nothing is read yet.
pub struct Source {
    name: String,
    /// The arrays; several in a row where the file keeps them in pieces.
    pieces: Vec<Piece>,
    steps: usize,
    obs: usize,
    act: usize,
}

struct Piece {
    observations: Array,
    actions: Array,
    /// None for demonstrations without rewards.
    rewards: Option<Array>,
    terminals: Array,
    timeouts: Option<Array>,
    steps: usize,
    obs: usize,
    act: usize,
}

/// What stands at the end of the message that there are no rewards.
const ADVICE: &str = "; for demonstrations without rewards say so: `file(.., rewards: false)`";

impl Piece {
    /// Finds the arrays of a file or a group in it, and compares their shapes.
    fn open(file: &Hdf5, rewards: bool) -> Result<Self, JobError> {
        let array = |name: &str| {
            let advice = if name == "rewards" { ADVICE } else { "" };
            file.array(name, advice)
        };
        let observations = array("observations")?;
        let actions = array("actions")?;
        let rewards = rewards.then(|| array("rewards")).transpose()?;
        let terminals = array("terminals")?;
        let timeouts = file.has("timeouts").then(|| array("timeouts"));
        let timeouts = timeouts.transpose()?;
        let (steps, obs) = observations.matrix()?;
        let (act_steps, act) = actions.matrix()?;
        let mut lengths = vec![("actions", act_steps)];
        if let Some(rewards) = &rewards {
            lengths.push(("rewards", rewards.column()?));
        }
        lengths.push(("terminals", terminals.column()?));
        if let Some(timeouts) = &timeouts {
            lengths.push(("timeouts", timeouts.column()?));
        }
        if let Some((name, n)) = lengths.into_iter().find(|(_, n)| *n != steps) {
            return Err(file.bad(&format!(
                "`{}` has {n} rows, but `{}` has {steps}",
                file.key(name),
                file.key("observations")
            )));
        }
        Ok(Self {
            observations,
            actions,
            rewards,
            terminals,
            timeouts,
            steps,
            obs,
            act,
        })
    }
}

impl Source {
    /// Opens a file and checks the shapes of its arrays, against the task where there is one; `rewards` says whether it has them.
    pub fn open(path: &Path, task: Option<&Task>, rewards: bool) -> Result<Self, JobError> {
        let name = path.display().to_string();
        let file = Hdf5::open(path, "an HDF5 file in D4RL's layout")?;
        let mut groups = Vec::new();
        if !file.has("observations") {
            let all = file.groups()?.into_iter();
            for (_, pieces) in all.filter(|(name, _)| name == "virtual") {
                groups = pieces.groups()?;
            }
        }
        // Their names are numbers.
        groups.sort_by_key(|(name, _)| (name.len(), name.clone()));
        let pieces = if groups.is_empty() {
            vec![Piece::open(&file, rewards)?]
        } else {
            let open = |(_, group): &(String, Hdf5)| Piece::open(group, rewards);
            groups.iter().map(open).collect::<Result<Vec<_>, _>>()?
        };
        let sizes = pieces.first().map_or((0, 0), |p| (p.obs, p.act));
        if let Some(other) = pieces.iter().find(|p| (p.obs, p.act) != sizes) {
            return Err(file.bad(&format!(
                "its pieces differ: observations have {} and {} numbers, actions {} and {}",
                sizes.0, other.obs, sizes.1, other.act
            )));
        }
        if pieces
            .iter()
            .any(|p| p.timeouts.is_some() != pieces[0].timeouts.is_some())
        {
            return Err(file.bad("only some of its pieces have `timeouts`"));
        }
        let steps = pieces.iter().map(|p| p.steps).sum();
        checks::widths(&name, steps, sizes, task)?;
        Ok(Self {
            name,
            pieces,
            steps,
            obs: sizes.0,
            act: sizes.1,
        })
    }

    /// Reads everything and cuts it into episodes; numbers that are not finite are refused with their count and first place.
    pub fn read(&self, task: Option<&Task>) -> Result<Rollouts, JobError> {
        let mut out = Rollouts {
            obs: self.obs,
            act: self.act,
            observations: self.joined(|p| p.observations.floats())?,
            actions: self.joined(|p| p.actions.floats())?,
            rewards: self.joined(|p| match &p.rewards {
                Some(set) => set.floats(),
                // What would read them is refused before anything runs.
                None => Ok(vec![0.0; p.steps]),
            })?,
            terminals: self.joined(|p| p.terminals.flags())?,
            timeouts: Vec::new(),
            offsets: vec![0],
        };
        checks::finite(&self.name, &out)?;
        out.timeouts = if self.pieces.iter().all(|p| p.timeouts.is_some()) {
            self.joined(|p| p.timeouts.as_ref().map_or(Ok(Vec::new()), Array::flags))?
        } else {
            cuts(&out.terminals, task.map(|t| t.max_steps))
        };
        if out.terminals.len() != self.steps || out.timeouts.len() != self.steps {
            return Err(bad(&self.name, "its arrays disagree in length"));
        }
        let ends = (0..self.steps)
            .filter(|t| out.terminals[*t] || out.timeouts[*t])
            .map(|t| t + 1);
        out.offsets.extend(ends);
        if out.offsets.last() != Some(&self.steps) {
            // The file ends in the middle of an episode.
            out.offsets.push(self.steps);
        }
        if let Some(last) = out.terminals.last()
            && !last
            && let Some(cut) = out.timeouts.last_mut()
        {
            *cut = true;
        }
        Ok(out)
    }

    /// An array of all pieces.
    fn joined<T>(
        &self,
        read: impl Fn(&Piece) -> Result<Vec<T>, JobError>,
    ) -> Result<Vec<T>, JobError> {
        let mut pieces = self.pieces.iter();
        let mut all = pieces.next().map_or(Ok(Vec::new()), &read)?;
        for piece in pieces {
            all.extend(read(piece)?);
        }
        Ok(all)
    }
}

/// Where episodes are cut when the file does not say: at each time limit since the last end.
fn cuts(terminals: &[bool], limit: Option<usize>) -> Vec<bool> {
    let mut since = 0;
    terminals
        .iter()
        .map(|terminal| {
            since += 1;
            let cut = !terminal && limit.is_some_and(|n| since >= n);
            if cut || *terminal {
                since = 0;
            }
            cut
        })
        .collect()
}
