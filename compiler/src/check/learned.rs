//! What has a stage's model learned from before, and does that fit what it learns from now?
//!
//! A7005: the validation episodes of one dataset were training episodes of another one of the same file.  A7006: data without
//! rewards where returns are needed.  A7008: a checkpoint brings its own scaling.

use align_grammar::ast::Span;
use align_schema::Value;

use super::block::Fields;
use super::stage::Header;
use super::{Checker, DataInfo};
use crate::diag::{Diagnostic, FileId};
use crate::hir::Def;
use std::rc::Rc;

/// Fields that decide which episodes a dataset holds and how they are split.
const SHAPE: &[&str] = &["horizon", "stride", "split", "normalise", "keep"];

/// The rollouts that a dataset goes back to.
#[derive(Debug, Default)]
pub(super) struct Origin {
    /// Its source, and where it is written.
    pub source: Option<(Value, FileId, Span)>,
    /// Fields of [`SHAPE`] as they are written.
    shape: Vec<Option<Value>>,
    /// Where it says how it is scaled, and how.
    normalise: Option<(Value, FileId, Span)>,
}

impl Origin {
    /// Of the written fields of a dataset with a source.
    pub fn of(given: &Fields, file: FileId) -> Self {
        let written = |name: &str| {
            let given = given.get(name)?;
            Some((given.value.clone()?, file, given.span))
        };
        Self {
            source: written("source"),
            shape: SHAPE
                .iter()
                .map(|name| given.get(name)?.value.clone())
                .collect(),
            normalise: written("normalise"),
        }
    }

    fn scheme(&self) -> &str {
        match &self.normalise {
            Some((Value::Name(name), ..)) => name,
            _ => "limits",
        }
    }

    /// Where it says that there are no rewards.
    pub fn rewardless(&self) -> Option<(FileId, Span)> {
        let (source, file, span) = self.source.as_ref()?;
        matches!(source.get("rewards"), Some(Value::Bool(false))).then_some((*file, *span))
    }

    /// The name of the source, such as `d4rl`.
    pub fn source_name(&self) -> &str {
        match &self.source {
            Some((Value::Call(call), ..)) => &call.name,
            _ => "",
        }
    }
}

impl Checker<'_> {
    /// A7005 and A7008 of a stage; what its weights will have learned from.
    pub(super) fn learned(&mut self, def: &Def, header: &Header) -> Rc<Vec<Rc<DataInfo>>> {
        let before = header.from.as_ref().map(|f| Rc::clone(&f.learned));
        let before = before.unwrap_or_default();
        let Some((data, file, span)) = &header.data else {
            return before;
        };
        if before.iter().any(|d| d.root == data.root) {
            return before;
        }
        if let Some(leak) = before.iter().find(|d| leaks(d, data)) {
            self.leaking(data, leak, (*file, *span));
        }
        if let Some(first) = before.first()
            && let Some((_, here, place)) = &data.origin.normalise
            && first.origin.scheme() != data.origin.scheme()
        {
            let (now, then) = (data.origin.scheme(), first.origin.scheme());
            let mut warning = Diagnostic::warning(
                "A7008",
                *file,
                *span,
                format!(
                    "stage `{}` scales by `{}`, not by `{}`",
                    def.name.text, first.name.text, data.name.text
                ),
            )
            .with_label(format!("`{now}` of this dataset is not used"))
            .with_place(*here, *place, format!("`{now}` is stated here"))
            .with_help(format!(
                "a checkpoint brings its own scaling, so that it means the same as before: write `normalise = {then}` here too, \
                 or train from a fresh model"
            ));
            if let Some((_, there, place)) = &first.origin.normalise {
                warning = warning.with_place(*there, *place, "the checkpoint was scaled by this");
            } else {
                warning = warning.with_place(
                    def.at.file,
                    first.name.span,
                    format!("the checkpoint was scaled by this one: `{then}` by default"),
                );
            }
            self.report(warning);
        }
        let mut all = (*before).clone();
        all.push(Rc::clone(data));
        Rc::new(all)
    }

    fn leaking(&mut self, data: &DataInfo, leak: &DataInfo, (file, span): (FileId, Span)) {
        let mut warning = Diagnostic::warning(
            "A7005",
            file,
            span,
            format!(
                "validation episodes of `{}` were trained on as part of `{}`",
                data.name.text, leak.name.text
            ),
        )
        .with_label("split anew, from the same file");
        for (info, text) in [(leak, "learned from before"), (data, "validated on now")] {
            if let Some((_, file, span)) = &info.origin.source {
                warning = warning.with_place(*file, *span, text);
            }
        }
        self.report(warning.with_help(format!(
            "derive it, so that the split stays: `dataset {} from {} {{ .. }}`",
            data.name.text, leak.name.text
        )));
    }

    /// A7006: a loss or a preference that needs rewards, on data that says it has none.
    pub(super) fn without_rewards(
        &mut self,
        (file, span): (FileId, Span),
        what: &str,
        data: &Origin,
        name: &str,
    ) -> bool {
        let Some((there, place)) = data.rewardless() else {
            return true;
        };
        self.report(
            Diagnostic::error(
                "A7006",
                file,
                span,
                format!("{what} needs returns, and `{name}` has no rewards"),
            )
            .with_label("needs returns")
            .with_place(there, place, "`rewards: false` here")
            .with_help(
                "demonstrations without rewards can be imitated (`denoise`) and ranked by a critic of other data (`by_value`)",
            ),
        );
        false
    }
}

/// Whether two datasets read the same episodes and split them differently.
fn leaks(before: &DataInfo, now: &DataInfo) -> bool {
    let stored = matches!(
        now.origin.source_name(),
        "file" | "d4rl" | "minari" | "lerobot"
    );
    let source = |d: &DataInfo| d.origin.source.as_ref().map(|s| s.0.clone());
    stored && source(before) == source(now) && before.origin.shape != now.origin.shape
}
