//! `export`: which file each lane's weights go to, and that no two go to one.

use align_grammar::ast::Span;
use align_plan::Lane;
use align_schema::Value;
use rustc_hash::FxHashMap;

use super::block::Fields;
use super::lane::show;
use super::{Checker, Draft};
use crate::diag::{Diagnostic, FileId};
use crate::hir::At;

/// How weights are written.
const ENDING: &str = ".safetensors";

impl Checker<'_> {
    /// Where a block says what it exports, if it does and the path can be one; `folder` where it may name a folder.
    pub(super) fn export(
        &mut self,
        at: At,
        given: &Fields,
        folder: bool,
    ) -> Option<(FileId, Span)> {
        let field = given.get("export")?;
        let Some(Value::Str(path)) = &field.value else {
            return None;
        };
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or("");
        let is_file = path.ends_with(ENDING) && name.len() > ENDING.len();
        let is_folder = folder && !name.is_empty() && !name.trim_matches('.').contains('.');
        if is_file || (is_folder && !matches!(name, "." | "..")) {
            return Some((at.file, field.span));
        }
        let wanted = if folder {
            format!("a file that ends in `{ENDING}`, or a folder for one file a member")
        } else {
            format!("a file that ends in `{ENDING}`")
        };
        let mut error = Diagnostic::error(
            "A2011",
            at.file,
            field.span,
            format!("`export` cannot write {path:?}"),
        )
        .with_label("not a file of weights")
        .with_help(format!("it wants {wanted}"));
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        if !folder && !stem.is_empty() && !path.ends_with('/') {
            let start = path.len() - name.len();
            let text = format!("\"{}{stem}{ENDING}\"", path.get(..start).unwrap_or(""));
            error = error.with_fix(
                format!("write `{text}`"),
                false,
                vec![crate::diag::Edit {
                    file: at.file,
                    span: field.span,
                    text: text.clone(),
                }],
            );
        }
        self.report(error);
        None
    }

    /// Puts the lane's name into the paths of a sweep's lanes, and reports two nodes that write one (A4009).
    pub(super) fn exports(&mut self, lanes: &mut [(Lane, Vec<Draft>)]) {
        let sweeps: Vec<String> = lanes.iter().filter_map(|(l, _)| l.sweep.clone()).collect();
        let several = sweeps.iter().any(|s| *s != sweeps[0]);
        let mut taken: FxHashMap<String, (String, FileId, Span)> = FxHashMap::default();
        for (lane, drafts) in lanes {
            let swept = lane.sweep.as_ref();
            let many = swept.is_some_and(|s| sweeps.iter().filter(|o| *o == s).nth(1).is_some());
            for draft in drafts {
                let (Some((file, span)), Some(field)) =
                    (draft.export, draft.node.fields.get_mut("export"))
                else {
                    continue;
                };
                let Value::Str(path) = &mut field.value else {
                    continue;
                };
                if many || (several && swept.is_some()) {
                    *path = with_lane(path, lane, several);
                }
                let key = normal(path);
                let name = draft.node.name.clone();
                if let Some((other, file_of, span_of)) = taken.get(&key) {
                    let error = Diagnostic::error(
                        "A4009",
                        file,
                        span,
                        format!("`{other}` and `{name}` export to one path, `{key}`"),
                    )
                    .with_label("written again here")
                    .with_place(*file_of, *span_of, "first written here")
                    .with_help("give each its own file");
                    self.report(error);
                } else {
                    taken.insert(key, (name, file, span));
                }
            }
        }
    }
}

/// `out/planner.safetensors` of a lane: `out/planner-task=pendulum,seed=0.safetensors`.
fn with_lane(path: &str, lane: &Lane, several: bool) -> String {
    let axes: Vec<String> = lane
        .axes
        .iter()
        .map(|(name, value)| format!("{name}={}", show(value)))
        .collect();
    let mut name = axes.join(",");
    if let (true, Some(sweep)) = (several, &lane.sweep) {
        name = format!("{sweep},{name}");
    }
    // No sign that a shell or a file system takes for something else.
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || "=,.-_+".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    match path.strip_suffix(ENDING) {
        Some(stem) => format!("{stem}-{name}{ENDING}"),
        None => format!("{}-{name}", path.trim_end_matches('/')),
    }
}

/// The same text for the same file, as far as names tell.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|p| *p != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn one_file_has_one_name() {
        assert_eq!(normal("out//./a.safetensors"), "out/a.safetensors");
        assert_eq!(normal("out/../a.safetensors"), "a.safetensors");
        assert_eq!(normal("../a/"), "../a");
        assert_eq!(normal("/x/a"), "/x/a");
    }
}
