//! Did the system kill a process for its memory?  Such a kill looks like any other; only the kernel's count tells.

use std::fs;

/// Processes that this machine's kernel has killed for memory since it started; none where it does not tell.
pub(super) fn kills() -> Option<u64> {
    counted(&fs::read_to_string("/proc/vmstat").ok()?)
}

fn counted(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix("oom_kill "))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found() {
        assert_eq!(counted("nr_free_pages 12\noom_kill 3\n"), Some(3));
        assert_eq!(counted("nr_free_pages 12\n"), None);
    }
}
