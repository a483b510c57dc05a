//! Fixes as new texts of files.  Writing them to a disk is not done here.

use super::{Diagnostic, Edit, FileId, Sources};

/// What fixes made of the files.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// New texts of the files that changed.
    pub texts: Vec<(FileId, String)>,
    /// Which diagnostics were put right, as places in their list.
    pub made: Vec<usize>,
}

/// New texts of the files that the fixes change; of two fixes that touch the same place only the first one counts.
///
/// With `guesses`, also fixes that are not safe.
pub fn apply(
    sources: &Sources,
    diagnostics: &[Diagnostic],
    guesses: bool,
) -> Vec<(FileId, String)> {
    apply_where(sources, diagnostics, guesses, |_| true).texts
}

/// The same for the fixes of those diagnostics (by their place in the list) that the caller wants.  A fix that would change what is
/// no file (the text of a `--set`) is left out.
pub fn apply_where(
    sources: &Sources,
    diagnostics: &[Diagnostic],
    guesses: bool,
    wanted: impl Fn(usize) -> bool,
) -> Applied {
    let (mut taken, made) = chosen(sources, diagnostics, guesses, wanted);
    taken.sort_by_key(|e| (e.file, std::cmp::Reverse(e.span)));
    let mut texts: Vec<(FileId, String)> = Vec::new();
    for edit in taken {
        let Some(source) = sources.get(edit.file) else {
            continue;
        };
        if texts.last().is_none_or(|(file, _)| *file != edit.file) {
            texts.push((edit.file, source.text.clone()));
        }
        // From the back, so that the places before stay where they are.
        if let Some((_, text)) = texts.last_mut() {
            let span = source.clamp(edit.span);
            text.replace_range(span.start as usize..span.end as usize, &edit.text);
        }
    }
    Applied { texts, made }
}

/// The edits of the fixes that can be made together, and whose they are: of two fixes that touch the same place only the first one counts.
pub fn chosen<'d>(
    sources: &Sources,
    diagnostics: &'d [Diagnostic],
    guesses: bool,
    wanted: impl Fn(usize) -> bool,
) -> (Vec<&'d Edit>, Vec<usize>) {
    let mut taken: Vec<&Edit> = Vec::new();
    let mut made = Vec::new();
    for (at, d) in diagnostics.iter().enumerate() {
        let Some(fix) = d.fix.as_ref().filter(|f| (f.safe || guesses) && wanted(at)) else {
            continue;
        };
        let free = |edit: &Edit| {
            let file = sources.get(edit.file).is_some_and(super::Source::is_file);
            file && taken.iter().all(|other| !touches(edit, other))
        };
        if !fix.edits.is_empty() && fix.edits.iter().all(free) {
            taken.extend(&fix.edits);
            made.push(at);
        }
    }
    (taken, made)
}

fn touches(a: &Edit, b: &Edit) -> bool {
    a.file == b.file && a.span.start <= b.span.end && b.span.start <= a.span.end
}

#[cfg(test)]
mod tests {
    use align_grammar::ast::Span;

    use super::*;

    #[test]
    fn fixes_that_do_not_touch_are_made_together_and_guesses_only_when_asked() {
        let mut sources = Sources::default();
        let file = sources.add("a.align", "one two three four");
        let at = |text: &str| {
            let start = "one two three four".find(text).unwrap_or(0);
            Span::new(start, start + text.len())
        };
        let fixed = |span: Span, text: &str| {
            Diagnostic::error("A1001", file, span, "no").with_replacement(span, text)
        };
        let mut guess = fixed(at("four"), "4");
        if let Some(fix) = &mut guess.fix {
            fix.safe = false;
        }
        let all = [
            fixed(at("one"), "1"),
            fixed(at("two three"), "23"),
            fixed(at("three"), "3"),
            guess,
        ];
        let text = |guesses| {
            let out = apply(&sources, &all, guesses);
            out.into_iter().map(|(_, t)| t).collect::<Vec<_>>()
        };
        assert_eq!(text(false), ["1 23 four"]);
        assert_eq!(text(true), ["1 23 4"]);
        assert!(apply(&sources, &all[..0], true).is_empty());
    }
}
