//! An editor that is a test.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::Duration;

use align_compiler::graph::State;
use align_compiler::machine::Machine;
use align_plan::Plan;
use lsp_server::{Connection, Message, Notification, Request, Response};
use serde_json::{Value, json};

use crate::{Host, Known, NodeKnown, serve};

/// Files in memory, and a store that a test fills.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) files: HashMap<String, String>,
    pub(super) states: Mutex<HashMap<String, State>>,
}

impl Host for Desk {
    fn enter(&self, _: &Path) {}

    fn read(&self, path: &str) -> Result<String, String> {
        // A fault that a test can ask for.
        assert_ne!(path, "bomb.align", "the disk is on fire");
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| "no such file".to_owned())
    }

    fn programs(&self) -> Vec<String> {
        let mut all: Vec<String> = self.files.keys().cloned().collect();
        all.sort();
        all
    }

    fn machine(&self) -> Machine {
        Machine::default()
    }

    fn known(&self, plan: &Plan) -> Option<Known> {
        let states = self.states.lock().ok()?;
        if states.is_empty() {
            return None;
        }
        let nodes = plan.nodes.iter().map(|n| {
            let state = states.get(&n.name).copied().unwrap_or(State::Waiting);
            NodeKnown {
                id: n.id.clone(),
                state,
                detail: state.word().to_owned(),
                cached: state == State::Done,
                score: (state == State::Done && n.name == "pretrain").then_some(71.3),
                steps: None,
                epochs: n.budget.as_ref().map(|_| 12.84),
                seconds: (state != State::Done).then_some(720.0),
            }
        });
        Some(Known {
            nodes: nodes.collect(),
        })
    }

    fn plan(&self, plan: &Plan) -> String {
        format!("{} nodes\n", plan.nodes.len())
    }
}

/// The editor's side.
pub(super) struct Editor {
    connection: Connection,
    server: Option<JoinHandle<bool>>,
    next: i32,
    /// Notifications and requests of the server that came while something else was waited for.
    pub(super) heard: Vec<(String, Value)>,
}

pub(super) const ROOT: &str = "file:///lab/";

impl Editor {
    /// Starts a server, not greeted yet.
    pub(super) fn raw(desk: Desk) -> Self {
        let (server, client) = Connection::memory();
        let thread = std::thread::spawn(move || serve(&server, &desk));
        Self {
            connection: client,
            server: Some(thread),
            next: 0,
            heard: Vec::new(),
        }
    }

    /// Starts a server for an editor that can do these things.
    pub(super) fn with(desk: Desk, capabilities: Value) -> Self {
        let mut editor = Self::raw(desk);
        let answer = editor.ask(
            "initialize",
            json!({ "capabilities": capabilities, "rootUri": ROOT.trim_end_matches('/') }),
        );
        assert!(answer.is_ok(), "{answer:?}");
        editor.tell("initialized", json!({}));
        editor
    }

    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        Self::with(desk(files), json!({}))
    }

    pub(super) fn send(&self, message: Message) {
        self.connection.sender.send(message).expect("a server");
    }

    pub(super) fn tell(&self, method: &str, params: Value) {
        self.send(Message::Notification(Notification::new(
            method.to_owned(),
            params,
        )));
    }

    /// Sends a request without waiting for its answer.
    pub(super) fn post(&mut self, method: &str, params: Value) -> i32 {
        self.next += 1;
        self.send(Message::Request(Request::new(
            self.next.into(),
            method.to_owned(),
            params,
        )));
        self.next
    }

    pub(super) fn ask(&mut self, method: &str, params: Value) -> Result<Value, (i32, String)> {
        let id = self.post(method, params);
        self.answer(id)
    }

    /// Waits for an answer.
    pub(super) fn answer(&mut self, id: i32) -> Result<Value, (i32, String)> {
        loop {
            match self.receive(Duration::from_secs(20)).expect("an answer") {
                Message::Response(Response {
                    id: found,
                    response_result,
                }) if found == id.into() => {
                    return response_result.map_err(|e| (e.code, e.message));
                }
                Message::Response(other) => panic!("an answer that nobody waits for: {other:?}"),
                Message::Notification(n) => self.heard.push((n.method, n.params)),
                Message::Request(r) => self.heard.push((r.method, r.params)),
            }
        }
    }

    fn receive(&self, most: Duration) -> Option<Message> {
        self.connection.receiver.recv_timeout(most).ok()
    }

    /// The next notification of a method.
    pub(super) fn hear(&mut self, method: &str) -> Value {
        if let Some(at) = self.heard.iter().position(|(m, _)| m == method) {
            return self.heard.remove(at).1;
        }
        loop {
            match self.receive(Duration::from_secs(20)) {
                Some(Message::Notification(n)) if n.method == method => return n.params,
                Some(Message::Notification(n)) => self.heard.push((n.method, n.params)),
                Some(Message::Request(r)) => self.heard.push((r.method, r.params)),
                other => panic!("waited for `{method}`, got {other:?}"),
            }
        }
    }

    pub(super) fn open(&self, name: &str, text: &str) {
        let item = json!({ "uri": uri(name), "languageId": "align", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": item }));
    }

    /// Replaces all of a text.
    pub(super) fn write(&self, name: &str, version: i32, text: &str) {
        self.change(name, version, json!([{ "text": text }]));
    }

    pub(super) fn change(&self, name: &str, version: i32, changes: Value) {
        let document = json!({ "uri": uri(name), "version": version });
        self.tell(
            "textDocument/didChange",
            json!({ "textDocument": document, "contentChanges": changes }),
        );
    }

    /// Asks about a place: behind the first occurrence of a text, columns in UTF-16.
    pub(super) fn at(
        &mut self,
        method: &str,
        name: &str,
        text: &str,
        place: &str,
        more: Value,
    ) -> Result<Value, (i32, String)> {
        let mut params =
            json!({ "textDocument": { "uri": uri(name) }, "position": behind(text, place) });
        if let (Some(params), Some(more)) = (params.as_object_mut(), more.as_object()) {
            params.extend(more.clone());
        }
        self.ask(method, params)
    }

    /// Says good-bye; whether the server took it as one.
    pub(super) fn quit(mut self) -> bool {
        let down = self.ask("shutdown", Value::Null);
        assert_eq!(down, Ok(Value::Null));
        self.tell("exit", Value::Null);
        self.server
            .take()
            .expect("a thread")
            .join()
            .expect("no panic")
    }

    /// Goes away without a word; whether the server ends properly.
    pub(super) fn vanish(mut self) -> bool {
        let server = self.server.take().expect("a thread");
        drop(self);
        server.join().expect("no panic")
    }
}

pub(super) fn desk(files: &[(&str, &str)]) -> Desk {
    Desk {
        files: files
            .iter()
            .map(|(p, t)| ((*p).to_owned(), (*t).to_owned()))
            .collect(),
        ..Desk::default()
    }
}

pub(super) fn uri(name: &str) -> String {
    format!("{ROOT}{name}")
}

/// The position behind the first occurrence of a text, in UTF-16.
pub(super) fn behind(text: &str, place: &str) -> Value {
    let at = text.find(place).unwrap_or_else(|| panic!("no `{place}`")) + place.len();
    let line = text[..at].matches('\n').count();
    let start = text[..at].rfind('\n').map_or(0, |n| n + 1);
    json!({ "line": line, "character": text[start..at].encode_utf16().count() })
}

/// Edits of the protocol, made to a text, columns in UTF-16.
pub(super) fn edited(text: &str, edits: &Value) -> String {
    let offset = |p: &Value| {
        let line = p["line"].as_u64().unwrap_or(0) as usize;
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        let mut units = p["character"].as_u64().unwrap_or(0) as usize;
        let mut at = start;
        for c in text[start..].chars() {
            if units == 0 {
                break;
            }
            units -= c.len_utf16().min(units);
            at += c.len_utf8();
        }
        at
    };
    let mut all: Vec<(usize, usize, String)> = edits
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .map(|e| {
            (
                offset(&e["range"]["start"]),
                offset(&e["range"]["end"]),
                e["newText"].as_str().unwrap_or("").to_owned(),
            )
        })
        .collect();
    all.sort();
    let mut out = text.to_owned();
    for (start, end, new) in all.into_iter().rev() {
        out.replace_range(start..end, &new);
    }
    out
}

/// A small program with an emoji and CJK letters before its names.
pub(super) const STUDY: &str = "align 1

use \"lab.align\".standard

// 学習 🚀 of a maze.
dataset rollouts {
    source = collect(\"maze2d-umaze-v1\", by: waypoint, episodes: 100)  /* 🚀 */
}

model planner {
    net     = temporal_unet(width: 16)
    sampler = ddim(train: 20 denoise_steps)
}

stage pretrain trains planner on rollouts {
    /* 🚀 学 */ loss   = denoise()
    budget = 3k steps
    on failure => standard
}
";

pub(super) const LAB: &str = "align 1

/// Tries again.
policy standard {
    nan  => retry(times: 2)
    else => fail(lane)
}
";

impl Editor {
    /// The next answer to one of several requests, which is taken out of them.
    pub(super) fn any_answer(
        &mut self,
        open: &mut std::collections::BTreeSet<i32>,
    ) -> Result<Value, (i32, String)> {
        loop {
            match self.receive(Duration::from_secs(20)).expect("an answer") {
                Message::Response(Response {
                    id,
                    response_result,
                }) => {
                    let found = open
                        .iter()
                        .copied()
                        .find(|n| id == (*n).into())
                        .expect("a request of these");
                    open.remove(&found);
                    return response_result.map_err(|e| (e.code, e.message));
                }
                Message::Notification(n) => self.heard.push((n.method, n.params)),
                Message::Request(r) => self.heard.push((r.method, r.params)),
            }
        }
    }
}
