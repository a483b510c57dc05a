//! The loop: messages in their order, then what is due.
//!
//! One thread does everything: a check takes milliseconds, and texts are changed in exactly the order in which the editor says so.  What the
//! editor has taken back while it waited in line is not worked on.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, RequestId, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::documents::{Document, Documents, Edit};
use crate::handlers;
use crate::host::Host;
use crate::message::{InFile, Refusal, read};
use crate::paths::Root;
use crate::position::Encoding;
use crate::tell::Told;

/// From the last key to the diagnostics.
const QUIET: Duration = Duration::from_millis(120);

/// Between two looks at the store while something runs.
const PULSE: Duration = Duration::from_secs(1);

/// What the loop goes on with.
enum Next {
    /// A message.
    Message(Message),
    /// A time that has come.
    Due,
    /// Nothing: what came has been dealt with.
    Nothing,
    /// The editor is gone.
    Gone,
}

/// What the editor can do.
// Each is a switch of its own in the protocol.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Client {
    /// It asks for diagnostics itself.
    pub(crate) pulls: bool,
    /// It takes snippets in completions.
    pub(crate) snippets: bool,
    /// It can be told to ask for diagnostics again.
    pub(crate) refreshes: bool,
    /// It can be told to ask for hints and lenses again.
    pub(crate) refreshes_hints: bool,
    /// See above, for lenses.
    pub(crate) refreshes_lenses: bool,
    /// It tells of files that change on the disk, when asked to.
    pub(crate) watches: bool,
    /// It knows outlines with levels.
    pub(crate) nested_symbols: bool,
}

/// The server.
pub(crate) struct Server<'a> {
    connection: &'a Connection,
    pub(crate) host: &'a dyn Host,
    pub(crate) root: Root,
    pub(crate) encoding: Encoding,
    pub(crate) client: Client,
    pub(crate) documents: Documents,
    pub(crate) told: Told,
    /// Messages that have come and wait.
    waiting: VecDeque<Message>,
    /// When the diagnostics are due.
    due: Option<Instant>,
    /// When the store is looked at again.
    pulse: Instant,
    /// Numbers of our own requests.
    asked: i32,
    initialized: bool,
    down: bool,
}

impl<'a> Server<'a> {
    /// Serves until `exit` or the end of the connection.  True if `shutdown` came before.
    pub(crate) fn run(connection: &'a Connection, host: &'a dyn Host) -> bool {
        let mut server = Server {
            connection,
            host,
            root: Root::default(),
            encoding: Encoding::default(),
            client: Client::default(),
            documents: Documents::default(),
            told: Told::default(),
            waiting: VecDeque::new(),
            due: None,
            pulse: Instant::now() + PULSE,
            asked: 0,
            initialized: false,
            down: false,
        };
        loop {
            match server.next() {
                Next::Message(Message::Request(request)) => server.request(request),
                Next::Message(Message::Notification(n)) if n.method == "exit" => break,
                Next::Message(Message::Notification(n)) => server.notification(n),
                Next::Message(Message::Response(_)) | Next::Nothing => {}
                Next::Due => server.timed(),
                Next::Gone => break,
            }
        }
        server.down
    }

    fn next(&mut self) -> Next {
        // All that has come, so that what was taken back is known.
        while let Ok(message) = self.connection.receiver.try_recv() {
            self.line_up(message);
        }
        if let Some(message) = self.waiting.pop_front() {
            return Next::Message(message);
        }
        self.documents.tidy_up();
        let now = Instant::now();
        let next = self.due.map_or(self.pulse, |due| due.min(self.pulse));
        if next <= now {
            return Next::Due;
        }
        match self.connection.receiver.recv_timeout(next - now) {
            Ok(message) => {
                self.line_up(message);
                self.waiting
                    .pop_front()
                    .map_or(Next::Nothing, Next::Message)
            }
            Err(error) if error.is_timeout() => Next::Due,
            Err(_) => Next::Gone,
        }
    }

    /// Puts a message in line; one that takes a request back takes it out.
    fn line_up(&mut self, message: Message) {
        if let Message::Notification(n) = &message
            && n.method == "$/cancelRequest"
        {
            let id = n
                .params
                .get("id")
                .cloned()
                .and_then(|id| serde_json::from_value::<RequestId>(id).ok());
            let at = self
                .waiting
                .iter()
                .position(|m| matches!(m, Message::Request(r) if Some(&r.id) == id.as_ref()));
            if let (Some(at), Some(id)) = (at, id) {
                self.waiting.remove(at);
                let code = ErrorCode::RequestCanceled as i32;
                self.send(Message::Response(Response::new_err(
                    id,
                    code,
                    "taken back".into(),
                )));
            }
            return;
        }
        self.waiting.push_back(message);
    }

    pub(crate) fn send(&self, message: Message) {
        // An editor that is gone is noticed by the loop.
        let _ = self.connection.sender.send(message);
    }

    /// Sends a notification.
    pub(crate) fn notify(&self, method: &str, params: Value) {
        self.send(Message::Notification(Notification::new(
            method.to_owned(),
            params,
        )));
    }

    /// Asks the editor for something; what it answers does not matter.
    pub(crate) fn ask(&mut self, method: &str, params: Value) {
        self.asked += 1;
        self.send(Message::Request(Request::new(
            self.asked.into(),
            method.to_owned(),
            params,
        )));
    }

    fn request(&mut self, request: Request) {
        let Request { id, method, params } = request;
        let answer = if method == "initialize" {
            self.initialize(&params)
        } else if !self.initialized {
            Err(Refusal {
                code: ErrorCode::ServerNotInitialized as i32,
                message: "`initialize` comes first".into(),
            })
        } else if self.down {
            Err(Refusal {
                code: ErrorCode::InvalidRequest as i32,
                message: "the server is shut down".into(),
            })
        } else if method == "shutdown" {
            self.down = true;
            Ok(Value::Null)
        } else {
            // A fault of one answer is no reason to lose all others.
            let answer = catch_unwind(AssertUnwindSafe(|| handlers::answer(self, &method, params)));
            answer.unwrap_or_else(|fault| {
                Err(Refusal {
                    code: ErrorCode::InternalError as i32,
                    message: format!("`{method}` failed: {}", said(fault.as_ref())),
                })
            })
        };
        self.send(Message::Response(match answer {
            Ok(value) => Response::new_ok(id, value),
            Err(refusal) => Response::new_err(id, refusal.code, refusal.message),
        }));
    }

    fn initialize(&mut self, params: &Value) -> Result<Value, Refusal> {
        if self.initialized {
            return Err(Refusal {
                code: ErrorCode::InvalidRequest as i32,
                message: "`initialize` comes once".into(),
            });
        }
        let can = |path: &str| params.pointer(&format!("/capabilities/{path}")).cloned();
        let yes = |path: &str| can(path).and_then(|v| v.as_bool()).unwrap_or(false);
        let folders = params
            .pointer("/workspaceFolders/0/uri")
            .or(params.get("rootUri"));
        let uri = folders
            .and_then(|u| u.as_str())
            .map(gen_lsp_types::Uri::from);
        self.root = Root::of(uri.as_ref());
        if let Some(folder) = self.root.folder() {
            self.host.enter(folder);
        }
        let encodings = can("general/positionEncodings");
        let knows = |name: &str| {
            encodings
                .as_ref()
                .and_then(|v| v.as_array())
                .is_some_and(|all| all.iter().any(|e| e == name))
        };
        self.encoding = if knows("utf-8") {
            Encoding::Utf8
        } else {
            Encoding::Utf16
        };
        self.client = Client {
            pulls: can("textDocument/diagnostic").is_some(),
            snippets: yes("textDocument/completion/completionItem/snippetSupport"),
            refreshes: yes("workspace/diagnostics/refreshSupport"),
            refreshes_hints: yes("workspace/inlayHint/refreshSupport"),
            refreshes_lenses: yes("workspace/codeLens/refreshSupport"),
            watches: yes("workspace/didChangeWatchedFiles/dynamicRegistration"),
            nested_symbols: yes("textDocument/documentSymbol/hierarchicalDocumentSymbolSupport"),
        };
        self.initialized = true;
        Ok(handlers::capabilities(self))
    }

    fn notification(&mut self, notification: Notification) {
        if !self.initialized {
            return;
        }
        let Notification { method, params } = notification;
        let done = catch_unwind(AssertUnwindSafe(|| self.noted(&method, params)));
        let refused = match done {
            Ok(Ok(())) => return,
            Ok(Err(refusal)) => refusal.message,
            Err(fault) => said(fault.as_ref()),
        };
        // Nobody waits for an answer; the editor's log is the place for it.
        self.notify(
            "window/logMessage",
            json!({ "type": 2, "message": format!("`{method}`: {refused}") }),
        );
    }

    fn noted(&mut self, method: &str, params: Value) -> Result<(), Refusal> {
        match method {
            "initialized" if self.client.watches => {
                let watchers = json!([{ "globPattern": "**/*.align" }]);
                self.ask(
                    "client/registerCapability",
                    json!({ "registrations": [{
                        "id": "programs",
                        "method": "workspace/didChangeWatchedFiles",
                        "registerOptions": { "watchers": watchers },
                    }] }),
                );
            }
            "textDocument/didOpen" => {
                let opened: Opened = read(params)?;
                let document = Document {
                    uri: opened.text_document.uri,
                    version: opened.text_document.version,
                    text: opened.text_document.text,
                };
                let path = self.documents.open(&self.root, document);
                // The file at hand at once, what uses it after.
                self.tell_one(&path);
                self.soon();
            }
            "textDocument/didChange" => {
                let changed: Changed = read(params)?;
                let path = self.root.path(&changed.text_document.uri);
                let version = changed.text_document.version;
                if !self
                    .documents
                    .change(&path, version, changed.content_changes, self.encoding)
                {
                    return Err(Refusal::params(format!("`{path}` is not open")));
                }
                self.soon();
            }
            "textDocument/didClose" => {
                let closed: InFile = read(params)?;
                let path = self.root.path(&closed.text_document.uri);
                self.documents.close(&path);
                self.tell_closed(&path);
                self.soon();
            }
            "textDocument/didSave"
            | "workspace/didChangeWatchedFiles"
            | "workspace/didChangeConfiguration" => {
                self.documents.forget_all();
                self.soon();
            }
            _ => {}
        }
        Ok(())
    }

    /// Diagnostics are due when the keys rest.
    fn soon(&mut self) {
        self.due = Some(Instant::now() + QUIET);
    }

    fn timed(&mut self) {
        let now = Instant::now();
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            let told = catch_unwind(AssertUnwindSafe(|| self.tell_all()));
            self.log_fault(told);
        }
        if self.pulse <= now {
            let looked = catch_unwind(AssertUnwindSafe(|| self.look()));
            self.log_fault(looked);
            // A store that is slow to read is read less often.
            self.pulse = Instant::now() + PULSE.max(now.elapsed() * 20);
        }
    }

    fn log_fault(&self, result: Result<(), Box<dyn std::any::Any + Send>>) {
        if let Err(fault) = result {
            let message = format!("a fault of the server: {}", said(fault.as_ref()));
            self.notify(
                "window/logMessage",
                json!({ "type": 1, "message": message }),
            );
        }
    }
}

/// What a panic said.
fn said(fault: &(dyn std::any::Any + Send)) -> String {
    let text = fault.downcast_ref::<String>().map(String::as_str);
    text.or(fault.downcast_ref::<&str>().copied())
        .unwrap_or("unknown")
        .to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
    text_document: gen_lsp_types::TextDocumentItem,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    text_document: Versioned,
    content_changes: Vec<Edit>,
}

#[derive(Debug, Deserialize)]
struct Versioned {
    uri: gen_lsp_types::Uri,
    #[serde(default)]
    version: i32,
}
