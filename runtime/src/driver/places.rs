//! Where does a worker run?  On the device that computes its node, where it fits into memory and where least is at work.

use std::ffi::OsString;

use align_plan::Node;
use align_runtime_api::device;
use align_schema::Value;

use super::Driver;
use crate::cards;

/// A device of this machine, as far as sharing it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name for people, such as `libtorch:cuda:3`.
    pub name: String,
    /// Names by which workers on it open their device: a card that is the only one in sight is the first.
    pub opens: Vec<String>,
    /// What its workers find in `CUDA_VISIBLE_DEVICES`.
    pub visible: Option<String>,
    /// Bytes of memory that workers share there; none: not known, not counted.
    pub memory: Option<u64>,
}

impl Place {
    /// The processor, for both kinds of kernels.
    pub fn processor(memory: Option<u64>) -> Self {
        Self {
            name: "cpu".into(),
            opens: vec!["cpu".into(), "libtorch".into()],
            visible: None,
            memory,
        }
    }

    /// Bytes that nothing has taken, where the driver of a card tells; other programs may use it too.
    fn free(&self) -> Option<u64> {
        let visible = self.visible.as_deref()?;
        let found = cards::cards().ok()?.cards;
        found
            .into_iter()
            .find(|c| c.visible == visible)
            .map(|c| c.free)
    }
}

/// What is at work on a place.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    workers: usize,
    bytes: u64,
    /// Workers that it was given in this run.
    given: usize,
}

/// The place with the least at work of those that take a need; of equals the one that was given least, so that all are used.  One that is empty
/// takes any: nothing there would make room.
fn best(loads: &[(usize, &Place, Load)], need: u64, most: usize) -> Option<usize> {
    let fits = |place: &Place, load: Load| {
        let within = place
            .memory
            .is_none_or(|all| load.bytes.saturating_add(need) <= all);
        load.workers == 0 || (load.workers < most && within)
    };
    let takers = loads.iter().filter(|(_, place, load)| fits(place, *load));
    let mut takers: Vec<_> = takers.collect();
    takers.sort_by_key(|(_, _, load)| (load.workers, load.given));
    // Whatever else uses a card is seen only when its driver is asked.
    let room = |(_, place, load): &&&(usize, &Place, Load)| {
        load.workers == 0 || place.free().is_none_or(|free| free >= need)
    };
    takers.iter().find(room).map(|(i, _, _)| *i)
}

impl Driver<'_> {
    /// The name by which a node's worker opens its device.
    pub(super) fn device(&self, node: &Node) -> String {
        device::named(node).map_or_else(|| self.options.device.clone(), Into::into)
    }

    /// The place for a node, if one has room.
    pub(super) fn place(&self, i: usize) -> Option<usize> {
        let node = self.plan.nodes.get(i)?;
        let opens = self.device(node);
        let places = self.options.places.iter().enumerate();
        let loads: Vec<(usize, &Place, Load)> = places
            .filter(|(_, place)| place.opens.contains(&opens))
            .map(|(at, place)| {
                let there = self
                    .running
                    .iter()
                    .chain(&self.leaving)
                    .filter(|r| r.place == at);
                let given = self.given.get(at).copied().unwrap_or(0);
                let load = there.fold(
                    Load {
                        given,
                        ..Load::default()
                    },
                    |load, r| Load {
                        workers: load.workers + 1,
                        bytes: load.bytes.saturating_add(r.bytes),
                        ..load
                    },
                );
                (at, place, load)
            })
            .collect();
        if loads.is_empty() {
            // A device that nobody counts.
            return Some(usize::MAX);
        }
        best(&loads, self.need(i), self.options.per_device)
    }

    /// Bytes that a node is expected to hold: at least what it holds for certain, what the program sets aside for it, and, where workers share the
    /// processor's memory, what its like held.
    pub(super) fn need(&self, i: usize) -> u64 {
        /// What libtorch takes of a card before the first tensor.
        const CONTEXT: u64 = 600 << 20;
        let Some(node) = self.plan.nodes.get(i) else {
            return 0;
        };
        let least = self.needs.get(i).copied().unwrap_or(0);
        let declared = node.value("memory").and_then(Value::number);
        let declared = declared.unwrap_or(0.0) as u64;
        if self.device(node).contains("cuda") {
            return declared.max(least + CONTEXT);
        }
        let like = self.plan.nodes.iter().zip(&self.board.settled);
        let seen = like
            .filter(|(other, _)| other.name == node.name)
            .filter_map(|(_, settled)| Some(settled.as_ref()?.done.as_ref()?.peak))
            .max();
        declared.max(least).max(seen.unwrap_or(0))
    }

    /// Variables of a worker there.
    pub(super) fn surroundings(&self, place: usize) -> Vec<(OsString, OsString)> {
        let visible = self
            .options
            .places
            .get(place)
            .and_then(|p| p.visible.as_ref());
        let word = visible.map(|word| ("CUDA_VISIBLE_DEVICES".into(), word.into()));
        word.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_go_where_they_fit_and_where_least_is_at_work() {
        let card = |memory| Place {
            name: String::new(),
            opens: Vec::new(),
            visible: None,
            memory,
        };
        let small = card(Some(100));
        let load = |workers, bytes| Load {
            workers,
            bytes,
            given: 0,
        };
        let choose = |loads: &[Load], need, most| {
            let all: Vec<_> = loads
                .iter()
                .enumerate()
                .map(|(i, l)| (i, &small, *l))
                .collect();
            best(&all, need, most)
        };
        assert_eq!(
            choose(&[load(2, 50), load(1, 60), load(1, 10)], 30, 9),
            Some(1)
        );
        assert_eq!(
            choose(&[load(2, 50), load(1, 60), load(1, 10)], 60, 9),
            Some(2)
        );
        assert_eq!(choose(&[load(2, 50), load(1, 60)], 60, 9), None);
        assert_eq!(choose(&[load(2, 50), load(1, 60)], 10, 1), None);
        // What is larger than a card is let in alone, to fail with a reason.
        assert_eq!(choose(&[load(1, 60), load(0, 0)], 500, 9), Some(1));
        assert_eq!(choose(&[], 1, 9), None);
        let unknown = card(None);
        assert_eq!(best(&[(4, &unknown, load(3, u64::MAX))], 5, 9), Some(4));
    }
}
