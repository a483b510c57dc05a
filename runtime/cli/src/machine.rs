//! What machine is this?  Its cores, the memory that this process may use, the devices that this build knows.

use std::path::Path;

use align_compiler::machine::{Device, Limit, Machine};

/// Devices of this build, the best first.
const DEVICES: &[Device] = &[Device::Cpu];

/// This machine; `memory` and `device` as a person gave them.
pub(crate) fn this(memory: Option<u64>, device: Device) -> Machine {
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
        devices: DEVICES.to_vec(),
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

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn total(info: &str) -> Option<u64> {
    let line = info.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
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
