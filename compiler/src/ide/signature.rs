//! Which call is being written, and which of its arguments?

use super::Analysis;
use super::context::Context;
use super::prose;
use crate::diag::FileId;
use crate::events::EVENTS;
use align_schema::{Param, Ty};

/// A call with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// `ppo(clip: float = 0.2, critic: checkpoint)`.
    pub label: String,
    /// Its page.
    pub docs: String,
    /// For each argument: where it stands in the label (in bytes), and what it is.
    pub params: Vec<((usize, usize), String)>,
    /// The one at the cursor.
    pub active: Option<usize>,
}

/// The call around a byte.
pub fn signature(analysis: &Analysis, file: FileId, offset: u32) -> Option<Signature> {
    let text = analysis.text(file);
    let mut cursor = (offset as usize).min(text.len());
    while !text.is_char_boundary(cursor) {
        cursor -= 1;
    }
    let context = Context::at(text, cursor);
    let call = context.call()?;
    let event = EVENTS
        .iter()
        .find(|e| e.name == call.callee && !e.params.is_empty());
    let (label, docs, params): (String, String, &[Param]) =
        if let (Some(event), None) = (event, call.wanted) {
            let all: Vec<String> = event.params.iter().map(prose::declared).collect();
            (
                format!("{}({})", event.name, all.join(", ")),
                prose::event(event),
                event.params,
            )
        } else {
            let builtin = match call.wanted {
                Some(Ty::Call(group)) => align_stdlib::builtin(group, call.callee),
                _ => None,
            };
            let builtin =
                builtin.or_else(|| align_stdlib::builtins().find(|b| b.name == call.callee))?;
            (
                prose::signature(builtin),
                prose::builtin(builtin),
                builtin.params,
            )
        };
    let mut at = call.callee.len() + 1;
    let mut places = Vec::new();
    for param in params {
        let end = at + prose::declared(param).len();
        places.push(((at, end), prose::param(param)));
        at = end + 2;
    }
    let active = match call.name {
        Some(name) => params.iter().position(|p| p.name == name),
        None => (call.index < params.len()).then_some(call.index),
    };
    Some(Signature {
        label,
        docs,
        params: places,
        active,
    })
}
