//! Processes of a test: whose child is whose, and signals to them.

use std::process::Command;

/// Sends a signal; false when there is no such process.
pub fn sent(signal: &str, pid: u32) -> bool {
    let done = Command::new("kill")
        .args([format!("-{signal}"), pid.to_string()])
        .output();
    done.is_ok_and(|out| out.status.success())
}

/// Sends a signal.
///
/// # Panics
/// When there is no such process.
pub fn send(signal: &str, pid: u32) {
    assert!(sent(signal, pid), "kill -{signal} {pid}");
}

/// Processes whose parent is this one.
pub fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
                return false;
            };
            // `pid (name) state parent ..`; the name may hold anything.
            let after = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
            let mut fields = after.split(' ');
            // A process that has ended and was not yet waited for is none.
            let alive = fields.next().is_some_and(|state| state != "Z");
            alive && fields.next() == Some(parent.to_string().as_str())
        })
        .collect()
}

/// Its children, theirs, and so on.
pub fn below(parent: u32) -> Vec<u32> {
    let own = children(parent);
    let more: Vec<u32> = own.iter().flat_map(|pid| below(*pid)).collect();
    [own, more].concat()
}
