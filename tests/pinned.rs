//! Texts that are pinned in files.

use std::path::Path;

use similar::{ChangeTag, TextDiff};

/// Compares a text with the file that pins it; `ALIGN_BLESS=1` writes the file anew instead.
pub fn pinned(path: &Path, actual: &str) -> Result<(), String> {
    if std::env::var_os("ALIGN_BLESS").is_some() {
        let write = || {
            std::fs::create_dir_all(path.parent()?).ok()?;
            std::fs::write(path, actual).ok()
        };
        return write().ok_or_else(|| format!("cannot write {}", path.display()));
    }
    let wanted = std::fs::read_to_string(path)
        .map_err(|e| format!("{}: {e}; ALIGN_BLESS=1 writes it", path.display()))?;
    if wanted == actual {
        return Ok(());
    }
    Err(format!(
        "{} differs; look at it, then ALIGN_BLESS=1 if it is right\n{}",
        path.display(),
        diff(&wanted, actual)
    ))
}

/// Changed lines with `-` and `+`, and two lines around them.
pub fn diff(wanted: &str, actual: &str) -> String {
    let diff = TextDiff::from_lines(wanted, actual);
    let mut out = String::new();
    for (i, group) in diff.grouped_ops(2).iter().enumerate() {
        if i > 0 {
            out.push_str("  ...\n");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            out.push_str(&format!("{sign} {}", change.value()));
            if !change.value().ends_with('\n') {
                out.push_str("⏎ missing\n");
            }
        }
    }
    out
}
