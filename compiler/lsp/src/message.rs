//! The parts of messages that many requests share.

use gen_lsp_types::{Position, Range, Uri};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why a request has no answer: its code in the protocol, and the reason.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The code.
    pub(crate) code: i32,
    /// For people.
    pub(crate) message: String,
}

impl Refusal {
    /// The request is not one that can be understood.
    pub(crate) fn params(message: impl Into<String>) -> Self {
        Self {
            code: lsp_server::ErrorCode::InvalidParams as i32,
            message: message.into(),
        }
    }

    /// It is understood, and cannot be done.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self {
            code: lsp_server::ErrorCode::RequestFailed as i32,
            message: message.into(),
        }
    }
}

/// What a handler answers.
pub(crate) type Answer = Result<Value, Refusal>;

/// Names a file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InFile {
    /// Which.
    pub(crate) text_document: File,
}

/// A file.
#[derive(Debug, Deserialize)]
pub(crate) struct File {
    /// Its URI.
    pub(crate) uri: Uri,
}

/// Names a place in a file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InPlace {
    /// Which file.
    pub(crate) text_document: File,
    /// Where.
    pub(crate) position: Position,
}

/// Names a range in a file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InRange {
    /// Which file.
    pub(crate) text_document: File,
    /// Where.
    pub(crate) range: Range,
}

/// Reads the parameters of a message.
pub(crate) fn read<T: DeserializeOwned>(params: Value) -> Result<T, Refusal> {
    serde_json::from_value(params).map_err(|e| Refusal::params(e.to_string()))
}

/// Markdown.
pub(crate) fn markdown(text: &str) -> Value {
    serde_json::json!({ "kind": "markdown", "value": text })
}
