//! A folder with a program and a store of its own, and runs in it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender};
use std::time::Duration;

use align_tests::binary::{Done, align, code, command};
use align_tests::processes::{children, send};
use align_tests::root;
use serde_json::Value;
use tempfile::TempDir;

/// A dataset and a planner so small that a step takes a millisecond.
pub const SMALL: &str = r#"
dataset rollouts {
    source  = collect("maze2d-umaze-v1", by: waypoint, episodes: 10)
    horizon = 8 steps
    stride  = 8 steps
}

model planner {
    net     = temporal_unet(width: 8, mults: [1, 2])
    sampler = ddim(train: 8 denoise_steps, act: 4 denoise_steps)
}
"#;

/// A folder with one program, `main.align`.
pub struct Scene {
    folder: TempDir,
}

impl Scene {
    /// With a program of this folder.
    pub fn new(program: &str) -> Self {
        let path = root().join("tests/e2e").join(program);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{program}: {e}"));
        Self::of(&text)
    }

    /// With a program's text.
    pub fn of(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let scene = Self { folder };
        scene.write(text);
        scene
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, text: &str) {
        std::fs::write(self.path().join("main.align"), text).expect("a program is written");
    }

    /// Runs the program to its end.
    pub fn run(&self, more: &[&str]) -> Done {
        let args = [&["run", "main.align"], more].concat();
        align(self.path(), &args)
    }

    /// Runs it and wants exit code 0.
    pub fn run_well(&self, more: &[&str]) -> Done {
        let done = self.run(more);
        assert_eq!(done.code, 0, "stdout:\n{}\nstderr:\n{}", done.out, done.err);
        done
    }

    /// Starts a run whose events can be read as they happen.
    pub fn start(&self, more: &[&str]) -> Running {
        self.begin("run", more)
    }

    /// Starts to watch it, with its events.
    pub fn watch(&self, more: &[&str]) -> Running {
        self.begin("watch", more)
    }

    /// Starts to watch it as a child of another program, whose standard input this test writes.
    pub fn watch_under(&self, words: &[&str], more: &[&str]) -> Running {
        let own = align_tests::binary::path().display().to_string();
        let align = [own.as_str(), "watch", "main.align", "--json"];
        let mut under = std::process::Command::new(words.first().expect("a program"));
        under
            .args(words.iter().skip(1))
            .args(align)
            .args(more)
            .current_dir(self.path())
            .stdin(Stdio::piped())
            .env_remove("ALIGN_STORE");
        Self::begun(under)
    }

    fn begin(&self, command_word: &str, more: &[&str]) -> Running {
        let args = [&[command_word, "main.align", "--json"], more].concat();
        Self::begun(command(self.path(), &args))
    }

    fn begun(mut command: std::process::Command) -> Running {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let events = BufReader::new(child.stdout.take().expect("a pipe"));
        let (ended, alive) = std::sync::mpsc::channel::<()>();
        let pid = child.id();
        // What hangs is a failure that says what it waited for, not a test without an end.
        std::thread::spawn(move || {
            if alive.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
                send("KILL", pid);
            }
        });
        Running {
            child,
            events,
            _ended: ended,
        }
    }

    /// `align status --json`, by name of the node.
    pub fn status(&self) -> BTreeMap<String, Value> {
        let done = align(self.path(), &["status", "main.align", "--json"]);
        assert_eq!(done.code, 0, "{}", done.err);
        let all: Value = serde_json::from_str(&done.out).expect("status is JSON");
        let nodes = all["nodes"].as_array().expect("status has nodes");
        nodes
            .iter()
            .map(|n| (n["id"].as_str().unwrap_or_default().to_owned(), n.clone()))
            .collect()
    }

    /// Content digests of every node.
    pub fn digests(&self) -> BTreeMap<String, String> {
        self.status()
            .into_iter()
            .map(|(id, node)| {
                let digest = node["checkpoint"].as_str();
                let digest = digest.unwrap_or_else(|| panic!("{id} has no digest: {node}"));
                (id, digest.to_owned())
            })
            .collect()
    }
}

/// A run that has not ended.
pub struct Running {
    child: Child,
    events: BufReader<ChildStdout>,
    _ended: Sender<()>,
}

/// No run of a test is this long.
const LONGEST: Duration = Duration::from_mins(2);

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves nobody behind; one that has ended already is no matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// The next event; nothing at the end of the run.
    pub fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.events.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            // A terminal shows what is typed, too.
            Ok(_) if self.child.stdin.is_some() && !line.starts_with('{') => self.next(),
            Ok(_) => {
                let event = serde_json::from_str(&line);
                Some(event.unwrap_or_else(|e| panic!("`{line}` is no event: {e}")))
            }
        }
    }

    /// Types something.
    pub fn types(&mut self, text: &str) {
        let input = self.child.stdin.as_mut().expect("an input");
        input.write_all(text.as_bytes()).expect("it is typed");
    }

    /// Waits for the end of what was told to end by itself.
    pub fn wait(mut self) -> i32 {
        while self.next().is_some() {}
        code(self.child.wait().expect("the run ends"))
    }

    /// Reads on to an event of this kind and of a node whose name ends so; panics when the run ends before.
    pub fn until(&mut self, kind: &str, node: &str) -> Value {
        while let Some(event) = self.next() {
            let id = event["id"].as_str().unwrap_or_default();
            if event["event"] == kind && id.ends_with(node) {
                return event;
            }
        }
        panic!("the run ended before `{kind}` of `{node}`");
    }

    /// Reads on to the first event that this is said of.
    pub fn find(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut read = Vec::new();
        while let Some(event) = self.next() {
            if holds(&event) {
                return event;
            }
            read.push(event);
        }
        panic!("the run ended before {what}: {read:?}");
    }

    /// Ends what watches, with everything that it had still to say.
    pub fn end(self) -> Vec<Value> {
        self.signal("INT");
        let (code, events) = self.finish();
        assert_eq!(code, 0, "nothing was left to do");
        events
    }

    /// Sends a signal to the driver.
    pub fn signal(&self, signal: &str) {
        send(signal, self.child.id());
    }

    /// Sends a signal to the driver's workers; how many there were.
    pub fn signal_workers(&self, signal: &str) -> usize {
        let workers = children(self.child.id());
        for pid in &workers {
            send(signal, *pid);
        }
        workers.len()
    }

    /// Reads the remaining events; the exit code and the events.
    pub fn finish(mut self) -> (i32, Vec<Value>) {
        let mut rest = Vec::new();
        while let Some(event) = self.next() {
            rest.push(event);
        }
        let status = self.child.wait().expect("the run ends");
        (code(status), rest)
    }
}

/// Events of one kind.
pub fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|e| e["event"] == kind).collect()
}
