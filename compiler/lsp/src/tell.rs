//! What the server says unasked: diagnostics, and how a run goes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use align_compiler::diag::{Diagnostic, FileId, Label, Severity};
use align_compiler::graph::State;
use align_compiler::ide::Analysis;
use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use crate::host::Known;
use crate::position::Lines;
use crate::server::Server;

/// What has been said, so that nothing is said twice.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Diagnostics by the path of their file.
    diagnostics: BTreeMap<String, Vec<Value>>,
    /// What is known of each open program's run.
    pub(crate) known: BTreeMap<String, Option<Known>>,
}

impl Server<'_> {
    /// Diagnostics of a text that was just opened.
    pub(crate) fn tell_one(&mut self, path: &str) {
        if self.client.pulls {
            return;
        }
        let found = self.diagnostics(path);
        if self.told.diagnostics.get(path) != Some(&found) {
            self.publish(path, &found);
            self.told.diagnostics.insert(path.to_owned(), found);
        }
    }

    /// Diagnostics of everything that is open, and of the files that it uses.
    pub(crate) fn tell_all(&mut self) {
        if self.client.pulls {
            if self.client.refreshes {
                self.ask("workspace/diagnostic/refresh", Value::Null);
            }
            return;
        }
        let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for main in self.documents.paths().to_vec() {
            let analysis = self.documents.analysis(self.host, &main);
            all.entry(main).or_default();
            for (_, source) in analysis.sources.iter().filter(|(_, s)| s.is_file()) {
                all.entry(source.path.clone()).or_default();
            }
        }
        let paths: Vec<String> = all.keys().cloned().collect();
        for path in paths {
            all.insert(path.clone(), self.diagnostics(&path));
        }
        let before = std::mem::take(&mut self.told.diagnostics);
        for (path, found) in &all {
            let nothing = found.is_empty() && self.documents.get(path).is_none();
            let news = !nothing || before.contains_key(path);
            if news && before.get(path) != Some(found) {
                self.publish(path, found);
            }
        }
        for path in before.keys().filter(|p| !all.contains_key(*p)) {
            self.publish(path, &[]);
        }
        self.told.diagnostics = all;
    }

    /// A text that is closed has no diagnostics of its own any more.
    pub(crate) fn tell_closed(&mut self, path: &str) {
        self.told.known.remove(path);
        if let Some(told) = self.told.diagnostics.remove(path)
            && !told.is_empty()
        {
            self.publish(path, &[]);
        }
    }

    fn publish(&self, path: &str, diagnostics: &[Value]) {
        let mut params = json!({ "uri": self.uri(path), "diagnostics": diagnostics });
        if let Some(document) = self.documents.get(path) {
            params["version"] = document.version.into();
        }
        self.notify("textDocument/publishDiagnostics", params);
    }

    /// Diagnostics of a file: of itself where it is open, and of the open programs that use it.
    pub(crate) fn diagnostics(&self, path: &str) -> Vec<Value> {
        let mut out: Vec<Value> = Vec::new();
        for main in self.documents.paths() {
            let analysis = self.documents.analysis(self.host, main);
            let Some(file) = analysis.file(path) else {
                continue;
            };
            let shown = Shown::new(self, &analysis);
            let own = analysis.diagnostics.iter().filter(|d| d.file == file);
            let found: Vec<Value> = own.map(|d| shown.diagnostic(d)).collect();
            // What two programs find in a file that both use is said once.
            let before: Vec<Value> = out.clone();
            out.extend(found.into_iter().filter(|d| !before.contains(d)));
        }
        out
    }

    /// The URI of a path, as the editor writes it where it is open.
    pub(crate) fn uri(&self, path: &str) -> gen_lsp_types::Uri {
        self.documents
            .get(path)
            .map_or_else(|| self.root.uri(path), |d| d.uri.clone())
    }

    /// What the store knows of a program now.
    pub(crate) fn known(&self, main: &str) -> Option<Known> {
        let analysis = self.documents.analysis(self.host, main);
        self.host.known(analysis.plan.as_ref()?)
    }

    /// Looks at the store, and tells how the runs of what is open go.
    pub(crate) fn look(&mut self) {
        let mut news = false;
        for main in self.documents.paths().to_vec() {
            let known = self.known(&main);
            let before = self.told.known.insert(main.clone(), known.clone());
            if before.as_ref() == Some(&known) {
                continue;
            }
            // That nothing ever ran is no news.
            news |= before.is_some() || known.is_some();
            if let Some(known) = known {
                self.notify("align/runState", self.run_state(&main, &known));
            }
        }
        if news && self.client.refreshes_hints {
            self.ask("workspace/inlayHint/refresh", Value::Null);
        }
        if news && self.client.refreshes_lenses {
            self.ask("workspace/codeLens/refresh", Value::Null);
        }
    }

    /// A run in the form of `align/runState`.
    fn run_state(&self, main: &str, known: &Known) -> Value {
        let is = |state: State| known.nodes.iter().filter(|n| n.state == state).count();
        let running: Vec<&str> = known
            .nodes
            .iter()
            .filter(|n| n.state == State::Running)
            .map(|n| n.detail.as_str())
            .collect();
        let mut text = format!("{} of {} done", is(State::Done), known.nodes.len());
        if is(State::Failed) > 0 {
            text.push_str(&format!(", {} failed", is(State::Failed)));
        }
        if let Some(node) = known.nodes.iter().find(|n| n.state == State::Running) {
            let name = node.id.0.rsplit('/').next().unwrap_or("");
            text.push_str(&format!(", {name} {}", node.detail));
        }
        let nodes: Vec<Value> = known
            .nodes
            .iter()
            .map(|n| {
                let cached = n.cached && n.state == State::Done;
                json!({ "id": n.id, "state": if cached { "cached" } else { n.state.word() }, "detail": n.detail })
            })
            .collect();
        json!({ "uri": self.uri(main), "running": !running.is_empty(), "text": text, "nodes": nodes })
    }
}

/// Diagnostics of a program in the protocol's form.
pub(crate) struct Shown<'s, 'a> {
    server: &'s Server<'a>,
    analysis: &'s Analysis,
    /// The lines of its files, as far as they were asked for.
    lines: RefCell<FxHashMap<FileId, Rc<Lines<'s>>>>,
}

impl<'s, 'a> Shown<'s, 'a> {
    /// Of a program.
    pub(crate) fn new(server: &'s Server<'a>, analysis: &'s Analysis) -> Self {
        Self {
            server,
            analysis,
            lines: RefCell::default(),
        }
    }

    fn lines(&self, file: FileId) -> Rc<Lines<'s>> {
        let mut known = self.lines.borrow_mut();
        let lines = known
            .entry(file)
            .or_insert_with(|| Rc::new(Lines::new(self.analysis.text(file), self.server.encoding)));
        Rc::clone(lines)
    }

    /// One diagnostic.
    pub(crate) fn diagnostic(&self, d: &Diagnostic) -> Value {
        let mut message = d.message.clone();
        if !d.label.is_empty() {
            message.push_str(&format!("\n{}", d.label));
        }
        if let Some(help) = &d.help {
            message.push_str(&format!("\nhelp: {help}"));
        }
        let mut span = d.span;
        if span.start == span.end {
            // What is missing is shown at the character before.
            span.end = (span.end + 1).min(self.analysis.text(d.file).len() as u32);
        }
        let related: Vec<Value> = d.labels.iter().filter_map(|l| self.related(l)).collect();
        let mut out = json!({
            "range": self.lines(d.file).range(span),
            "severity": match d.severity {
                Severity::Error => 1,
                Severity::Warning => 2,
                Severity::Note => 3,
            },
            "code": d.code,
            "source": "align",
            "message": message,
            "data": { "fix": d.fix.is_some() },
        });
        if !related.is_empty() {
            out["relatedInformation"] = related.into();
        }
        // What nothing uses is shown faded.
        if matches!(d.code, "A1011" | "idle-allow") {
            out["tags"] = json!([1]);
        }
        out
    }

    fn related(&self, label: &Label) -> Option<Value> {
        let source = self
            .analysis
            .sources
            .get(label.file)
            .filter(|s| s.is_file())?;
        Some(json!({
            "location": { "uri": self.server.uri(&source.path), "range": self.lines(label.file).range(label.span) },
            "message": label.text,
        }))
    }
}
