//! The texts that are open in the editor, and the programs that were checked with them.

use std::cell::RefCell;
use std::rc::Rc;

use align_compiler::ide::Analysis;
use align_compiler::{Options, World};
use align_grammar::{Parse, Reader};
use gen_lsp_types::{Range, Uri};
use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::host::Host;
use crate::paths::Root;
use crate::position::{Encoding, Lines};

/// A text that is open.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// Its URI, as the editor writes it.
    pub(crate) uri: Uri,
    /// Its version, as the editor counts.
    pub(crate) version: i32,
    /// Its text.
    pub(crate) text: String,
}

/// A change of an open text.
#[derive(Debug, Deserialize)]
pub(crate) struct Edit {
    /// What goes; all of it where there is none.
    range: Option<Range>,
    /// What comes.
    text: String,
}

/// A checked program, and every path that it asked for.
#[derive(Debug)]
struct Checked {
    analysis: Rc<Analysis>,
    asked: Vec<String>,
}

/// Everything that is open, by path.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    open: FxHashMap<String, Document>,
    checked: RefCell<FxHashMap<String, Checked>>,
    /// Programs that are forgotten, and still hold their memory.
    stale: Vec<Checked>,
    /// What is known of the syntax of each file.
    readers: RefCell<FxHashMap<String, Reader>>,
    /// In which order they were opened.
    order: Vec<String>,
}

/// Open texts before files.
struct Overlay<'a> {
    readers: &'a RefCell<FxHashMap<String, Reader>>,
    open: &'a FxHashMap<String, Document>,
    host: &'a dyn Host,
    asked: RefCell<Vec<String>>,
}

impl World for Overlay<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        self.asked.borrow_mut().push(path.to_owned());
        match self.open.get(path) {
            Some(document) => Ok(document.text.clone()),
            None => self.host.read(path),
        }
    }

    fn parse(&self, path: &str, text: &str) -> Parse {
        let mut readers = self.readers.borrow_mut();
        readers.entry(path.to_owned()).or_default().parse(text)
    }
}

impl Documents {
    /// Opens a text.
    pub(crate) fn open(&mut self, root: &Root, document: Document) -> String {
        let path = root.path(&document.uri);
        self.forget(&path);
        self.order.retain(|p| *p != path);
        self.order.push(path.clone());
        self.open.insert(path.clone(), document);
        path
    }

    /// Closes a text; the file stands for it again.
    pub(crate) fn close(&mut self, path: &str) {
        self.forget(path);
        self.order.retain(|p| p != path);
        self.open.remove(path);
    }

    /// Changes a text.  False when it is not open.
    pub(crate) fn change(
        &mut self,
        path: &str,
        version: i32,
        edits: Vec<Edit>,
        encoding: Encoding,
    ) -> bool {
        let Some(document) = self.open.get_mut(path) else {
            return false;
        };
        for edit in edits {
            match edit.range {
                None => document.text = edit.text,
                Some(range) => {
                    let span = Lines::new(&document.text, encoding).span(range);
                    document
                        .text
                        .replace_range(span.start as usize..span.end as usize, &edit.text);
                }
            }
        }
        document.version = version;
        self.forget(path);
        true
    }

    /// Programs that looked at a file are checked again when they are asked for.
    pub(crate) fn forget(&mut self, path: &str) {
        let looked = |main: &str, c: &Checked| main == path || c.asked.iter().any(|p| p == path);
        self.forget_where(looked);
    }

    /// Every program is checked again when it is asked for.
    pub(crate) fn forget_all(&mut self) {
        self.forget_where(|_, _| true);
    }

    fn forget_where(&mut self, stale: impl Fn(&str, &Checked) -> bool) {
        let mut checked = self.checked.borrow_mut();
        let stale: Vec<String> = checked
            .iter()
            .filter(|(main, c)| stale(main, c))
            .map(|(main, _)| main.clone())
            .collect();
        self.stale
            .extend(stale.iter().filter_map(|main| checked.remove(main)));
    }

    /// Gives back what forgotten programs hold; to do so takes as long as a tenth of a check, so that nobody should wait for it.
    pub(crate) fn tidy_up(&mut self) {
        self.stale.clear();
    }

    /// The open text of a path.
    pub(crate) fn get(&self, path: &str) -> Option<&Document> {
        self.open.get(path)
    }

    /// Paths of what is open, in the order opened.
    pub(crate) fn paths(&self) -> &[String] {
        &self.order
    }

    /// A program, checked with what is open.
    pub(crate) fn analysis(&self, host: &dyn Host, main: &str) -> Rc<Analysis> {
        if let Some(known) = self.checked.borrow().get(main) {
            return Rc::clone(&known.analysis);
        }
        let world = Overlay {
            readers: &self.readers,
            open: &self.open,
            host,
            asked: RefCell::new(Vec::new()),
        };
        let options = Options {
            allow_unset: true,
            machine: host.machine(),
            ..Options::default()
        };
        let analysis = Rc::new(Analysis::of(&world, main, &options));
        let checked = Checked {
            analysis: Rc::clone(&analysis),
            asked: world.asked.into_inner(),
        };
        self.checked.borrow_mut().insert(main.to_owned(), checked);
        analysis
    }
}
