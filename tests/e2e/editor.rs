//! What does an editor see of a run?  The built binary as a language server, over its standard input and output, beside a store.

use std::io::BufReader;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use align_tests::binary::path;
use lsp_server::{Message, Notification, Request, Response};
use serde_json::{Value, json};

use crate::scene::{SMALL, Scene};

/// A server with its program open.
struct Editor {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    uri: String,
    next: i32,
}

impl Editor {
    /// Opens the scene's program in its folder.
    fn open(scene: &Scene) -> Self {
        let mut child = Command::new(path())
            .args(["lsp", "--stdio"])
            .env_remove("ALIGN_STORE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let folder = format!("file://{}", scene.path().display());
        let mut editor = Self {
            to: child.stdin.take().expect("a pipe"),
            from: BufReader::new(child.stdout.take().expect("a pipe")),
            child,
            uri: format!("{folder}/main.align"),
            next: 0,
        };
        editor.ask(
            "initialize",
            json!({ "capabilities": {}, "rootUri": folder }),
        );
        editor.tell("initialized", json!({}));
        let text = std::fs::read_to_string(scene.path().join("main.align")).expect("a program");
        let item = json!({ "uri": editor.uri, "languageId": "align", "version": 1, "text": text });
        editor.tell("textDocument/didOpen", json!({ "textDocument": item }));
        editor
    }

    fn send(&mut self, message: Message) {
        message.write(&mut self.to).expect("a server that listens");
    }

    fn tell(&mut self, method: &str, params: Value) {
        let notification = Notification::new(method.to_owned(), params);
        self.send(Message::Notification(notification));
    }

    fn receive(&mut self) -> Message {
        let message = Message::read(&mut self.from).expect("a message");
        message.expect("a server that goes on")
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        let request = Request::new(id.into(), method.to_owned(), params);
        self.send(Message::Request(request));
        loop {
            if let Message::Response(Response {
                id: found,
                response_result,
            }) = self.receive()
                && found == id.into()
            {
                return response_result.unwrap_or_else(|e| panic!("{method}: {}", e.message));
            }
        }
    }

    /// The next news of a run.
    fn run_state(&mut self) -> Value {
        loop {
            if let Message::Notification(n) = self.receive()
                && n.method == "align/runState"
            {
                return n.params;
            }
        }
    }

    fn file(&self) -> Value {
        json!({ "textDocument": { "uri": self.uri } })
    }

    /// The texts of the hints in the file.
    fn hints(&mut self) -> Vec<String> {
        let mut params = self.file();
        params["range"] = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 999, "character": 0 } });
        let all = self.ask("textDocument/inlayHint", params);
        let labels = all.as_array().into_iter().flatten();
        labels
            .filter_map(|h| Some(h["label"].as_str()?.to_owned()))
            .collect()
    }

    fn quit(mut self) {
        self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        let status = self.child.wait().expect("an end");
        assert!(status.success());
    }
}

fn program(budget: &str) -> String {
    format!(
        "align 1
{SMALL}
stage pretrain trains planner on rollouts {{
    loss   = denoise()
    budget = {budget}
    eval every 20 steps {{ episodes = 2 }}
    until reaches(score, 1000 points)
}}
"
    )
}

#[test]
fn an_editor_shows_what_the_store_has_and_what_an_edit_would_run_again() {
    let scene = Scene::of(&program("1 epochs"));
    scene.run_well(&[]);
    let mut editor = Editor::open(&scene);
    let state = editor.run_state();
    assert_eq!(
        (state["running"].as_bool(), state["text"].as_str()),
        (Some(false), Some("2 of 2 done"))
    );
    // What an epoch was in steps is known once it has run.
    let steps = scene.status()["main/pretrain"]["steps"]
        .as_u64()
        .expect("a number");
    assert!(steps > 0);
    let hints = editor.hints();
    assert!(
        hints.contains(&format!("cached, {steps} steps")),
        "{hints:?}"
    );
    let file = editor.file();
    let graph = editor.ask("align/graph", file.clone());
    let states: Vec<&str> = graph["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .filter_map(|n| n["state"].as_str())
        .collect();
    assert_eq!(states, ["cached", "cached"]);
    let lenses = editor
        .ask("textDocument/codeLens", file.clone())
        .to_string();
    assert!(
        lenses.contains("last: ")
            && lenses.contains(&format!(" points (done after {steps} steps)")),
        "{lenses}"
    );
    let plan = editor.ask("align/plan", file);
    assert!(
        plan["text"]
            .as_str()
            .is_some_and(|t| t.contains("pretrain")),
        "{plan}"
    );
    // Not saved yet: what would run is told of the text that is open.
    let text =
        program("1 epochs").replace("loss   = denoise()", "loss   = denoise()\n    batch  = 8");
    let document = json!({ "uri": editor.uri, "version": 2 });
    editor.tell(
        "textDocument/didChange",
        json!({ "textDocument": document, "contentChanges": [{ "text": text }] }),
    );
    editor.run_state();
    let hints = editor.hints();
    // The data is in the store: what an epoch is in steps is known before the stage runs.
    let told = 4 * steps - 3..=4 * steps;
    let tells = |h: &String, steps: u64| {
        h.starts_with("would run") && h.ends_with(&format!(", {steps} steps"))
    };
    assert!(
        hints.iter().any(|h| told.clone().any(|n| tells(h, n))),
        "{hints:?}, wanted one of {told:?}"
    );
    assert!(
        hints.contains(&"cached".to_owned()),
        "the data is what it was: {hints:?}"
    );
    let document = json!({ "uri": editor.uri, "version": 3 });
    let text = program(&format!("{} steps", 3 * steps));
    editor.tell(
        "textDocument/didChange",
        json!({ "textDocument": document, "contentChanges": [{ "text": text }] }),
    );
    editor.run_state();
    let hints = editor.hints();
    assert!(
        hints.iter().any(|h| h.ends_with(", 3.0 epochs")),
        "{hints:?}"
    );
    editor.quit();
}

#[test]
fn an_editor_follows_a_run_that_goes_on_in_a_terminal() {
    let scene = Scene::of(&program("20k steps"));
    let mut run = scene.start(&[]);
    run.until("progress", "pretrain");
    let mut editor = Editor::open(&scene);
    let state = editor.run_state();
    assert_eq!(state["running"], true, "{state}");
    assert!(
        state["text"]
            .as_str()
            .is_some_and(|t| t.starts_with("1 of 2 done, pretrain step ")),
        "{state}"
    );
    editor.quit();
    drop(run);
}
