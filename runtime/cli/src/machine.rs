//! What machine is this?  Its cores, the memory that this process may use, the devices that this build knows.

use std::path::Path;
use std::sync::OnceLock;

use align_compiler::machine::{Device, Limit, Machine};
use align_runtime::Place;
use align_runtime::cards::{Card, cards};

/// What a person asked for.
static WANTED: OnceLock<Device> = OnceLock::new();

/// Takes what a person asked for, once.
pub(crate) fn compute_on(device: Device) {
    let _ = WANTED.set(device);
}

/// One device, as `align devices` shows it.
pub(crate) struct Seen {
    /// The device.
    pub(crate) device: Device,
    /// What it is, with versions.
    pub(crate) what: String,
    /// Bytes of memory, and how many of them are free.
    pub(crate) memory: Option<(u64, u64)>,
}

/// A device that is not there, and why.
pub(crate) struct Missing {
    /// How it would be named.
    pub(crate) name: &'static str,
    /// Why it is not there.
    pub(crate) why: String,
}

/// Devices of this build and this machine, the best first, and those that are not there.
pub(crate) fn devices() -> (Vec<Seen>, Vec<Missing>) {
    let (built, with_cuda) = libtorch();
    let memory = available().map(|all| (all, free().unwrap_or(all).min(all)));
    let seen = |device, what| Seen {
        device,
        what,
        memory,
    };
    let mut there = Vec::new();
    let mut missing = Vec::new();
    let found = cards();
    match (&built, &found) {
        (Some(version), Ok(found)) if with_cuda => {
            for (n, card) in found.cards.iter().enumerate() {
                there.push(Seen {
                    device: Device::Cuda(n as u32),
                    what: format!("{}, libtorch {version}, driver {}", card.name, found.driver),
                    memory: Some((card.memory, card.free)),
                });
            }
            if found.cards.is_empty() {
                missing.push("`CUDA_VISIBLE_DEVICES` leaves no card".to_owned());
            }
        }
        (Some(_), Ok(found)) => missing.push(format!(
            "there is {}, but this build's libtorch is the one for processors: `runtime/setup-libtorch.sh --cuda`",
            names(&found.cards)
        )),
        (None, Ok(found)) => missing.push(format!(
            "there is {}, but this build has no libtorch: `runtime/setup-libtorch.sh --cuda`",
            names(&found.cards)
        )),
        (_, Err(why)) => missing.push(why.clone()),
    }
    let mut missing: Vec<Missing> = missing
        .into_iter()
        .map(|why| Missing {
            name: "libtorch:cuda:0",
            why,
        })
        .collect();
    there.push(seen(
        Device::Cpu,
        "the processor, by the embedded kernels".into(),
    ));
    match built {
        Some(version) => {
            let what = format!("the processor, by libtorch {version}");
            there.push(seen(Device::Libtorch, what));
        }
        None => missing.insert(
            0,
            Missing {
                name: "libtorch",
                why: "this build has no libtorch: `runtime/setup-libtorch.sh`".into(),
            },
        ),
    }
    (there, missing)
}

/// The devices alone; the driver of cards is asked only where they could be used.
fn usable() -> Vec<Device> {
    let (built, with_cuda) = libtorch();
    let cards = if with_cuda {
        cards().map_or(0, |found| found.cards.len() as u32)
    } else {
        0
    };
    let own = [Some(Device::Cpu), built.map(|_| Device::Libtorch)];
    (0..cards)
        .map(Device::Cuda)
        .chain(own.into_iter().flatten())
        .collect()
}

fn names(cards: &[Card]) -> String {
    match cards {
        [] => "no card in sight".into(),
        [one] => one.name.clone(),
        [first, ..] => format!("{} and {} more", first.name, cards.len() - 1),
    }
}

/// The version of libtorch that this build has, and whether it is the one with CUDA.
fn libtorch() -> (Option<&'static str>, bool) {
    #[cfg(feature = "libtorch")]
    return (
        Some(option_env!("ALIGN_LIBTORCH").unwrap_or("of an unknown version")),
        align_stdlib::exec::device::cuda(),
    );
    #[cfg(not(feature = "libtorch"))]
    (None, false)
}

/// The device that computes: what was asked for, `auto` as the best there is.
pub(crate) fn chosen() -> Device {
    static CHOSEN: OnceLock<Device> = OnceLock::new();
    *CHOSEN.get_or_init(|| this(None).chosen())
}

/// The devices that workers share: the processor, and the card that was asked for by its number or else all of them.
pub(crate) fn places(memory: Option<u64>) -> Vec<Place> {
    /// Cards that are only pretended, for tests: how many; the processor computes what is placed on them.
    const PRETENDED: &str = "ALIGN_PRETENDED_CARDS";
    let processor = Place::processor(this(memory).memory.map(|limit| limit.amount));
    let pretended = std::env::var(PRETENDED)
        .ok()
        .and_then(|n| n.parse::<usize>().ok());
    if let Some(count) = pretended {
        return (0..count)
            .map(|n| Place {
                name: format!("card:{n}"),
                visible: Some(n.to_string()),
                ..processor.clone()
            })
            .collect();
    }
    let mut all = vec![processor];
    if !libtorch().1 {
        return all;
    }
    let pinned = WANTED.get().copied();
    let found = cards().map(|found| found.cards).unwrap_or_default();
    for (n, card) in found.into_iter().enumerate() {
        let device = Device::Cuda(n as u32);
        if !matches!(pinned, Some(Device::Cuda(_))) || pinned == Some(device) {
            all.push(Place {
                name: device.to_string(),
                opens: vec![Device::Cuda(0).to_string()],
                visible: Some(card.visible),
                memory: Some(card.memory),
            });
        }
    }
    all
}

/// The device as a worker names it: the card that it sees is its first.
pub(crate) fn in_worker() -> String {
    match chosen() {
        Device::Cuda(_) => Device::Cuda(0).to_string(),
        other => other.to_string(),
    }
}

/// How numbers are computed, as part of every key: the kernels and their precision.
pub(crate) fn numeric() -> &'static str {
    align_runtime_api::device::numeric(&in_worker())
}

/// This machine; `memory` as a person gave it.
pub(crate) fn this(memory: Option<u64>) -> Machine {
    let device = WANTED.get().copied().unwrap_or_default();
    let own = || {
        available().map(|amount| Limit {
            amount,
            given: false,
        })
    };
    let given = memory.map(|amount| Limit {
        amount,
        given: true,
    });
    Machine {
        memory: given.or_else(own),
        cores: std::thread::available_parallelism()
            .ok()
            .map(|n| n.get() as u64),
        device,
        devices: usable(),
    }
}

/// A machine of which only the limit is known that a person gave: what `align check` checks against.
pub(crate) fn limited(memory: Option<u64>) -> Machine {
    Machine {
        memory: memory.map(|amount| Limit {
            amount,
            given: true,
        }),
        ..Machine::default()
    }
}

/// Bytes of memory: the machine's, or less where a control group says so.
fn available() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = group_files(&groups)
        .into_iter()
        .filter_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok());
    limits.chain(total(&info)).min()
}

/// Bytes of memory that nothing has taken.
fn free() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    entry(&info, "MemAvailable:")
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn total(info: &str) -> Option<u64> {
    entry(info, "MemTotal:")
}

/// A line of `/proc/meminfo`, in bytes.
fn entry(info: &str, name: &str) -> Option<u64> {
    let line = info.lines().find_map(|l| l.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Files that may hold a limit of this process: those of its control group and of every one above it (version 2), and of version 1.
fn group_files(groups: &str) -> Vec<std::path::PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let mut out = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next(), parts.next(), parts.next());
        let path = path.unwrap_or("/").trim_start_matches('/');
        let (base, name) = match controllers {
            Some("") => (root.to_path_buf(), "memory.max"),
            Some(c) if c.split(',').any(|c| c == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let mut at = Some(Path::new(path));
        while let Some(group) = at {
            out.push(base.join(group).join(name));
            at = group.parent();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_machine_is_read() {
        let info = "MemTotal:       24576000 kB\nMemFree:        1 kB\n";
        assert_eq!(total(info), Some(24_576_000 * 1024));
        assert_eq!(total("MemFree: 1 kB"), None);
        assert!(available().is_some_and(|n| n > 1 << 20));
    }

    #[test]
    fn limits_are_looked_for_in_every_group_above() {
        let shown = |groups: &str| -> Vec<String> {
            let files = group_files(groups);
            files.iter().map(|f| f.display().to_string()).collect()
        };
        assert_eq!(
            shown("0::/user.slice/a.scope\n"),
            [
                "/sys/fs/cgroup/user.slice/a.scope/memory.max",
                "/sys/fs/cgroup/user.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
        assert_eq!(
            shown("5:cpu,cpuacct:/x\n4:memory:/x\n"),
            [
                "/sys/fs/cgroup/memory/x/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            ]
        );
    }
}
