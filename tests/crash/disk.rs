//! Which states may a disk be in after the power went?  A file system that promises no more than POSIX does: the bytes of a file are
//! there after fsync of the file, a name in a folder after fsync of the folder, and everything else may be there, in part, or not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use align_tests::stream::Stream;

use crate::record::Op;

/// What became of that which was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// None of it is there.
    All,
    /// New names are there, and their files are empty.
    Bytes,
    /// Everything is there, as after the death of a process.
    Nothing,
    /// Each thing is there, torn, full of zeros, or not, by chance.
    Chance(u64),
}

/// A change of a folder's names.
#[derive(Clone, Debug)]
struct Change {
    name: String,
    node: Option<usize>,
}

#[derive(Clone, Debug)]
enum Node {
    File {
        synced: Vec<u8>,
        now: Vec<u8>,
    },
    Folder {
        synced: BTreeMap<String, usize>,
        pending: Vec<Change>,
    },
}

/// Files and folders, with what is durable of them.
#[derive(Clone, Debug)]
pub struct Disk {
    nodes: Vec<Node>,
}

/// Everything below a folder: bytes of a file, nothing for a folder.
pub type State = BTreeMap<PathBuf, Option<Vec<u8>>>;

fn names(synced: &BTreeMap<String, usize>, pending: &[Change]) -> BTreeMap<String, usize> {
    let mut names = synced.clone();
    for change in pending {
        match change.node {
            Some(node) => names.insert(change.name.clone(), node),
            None => names.remove(&change.name),
        };
    }
    names
}

impl Disk {
    /// With one durable file.
    pub fn with(name: &str, bytes: Vec<u8>) -> Self {
        let folder = Node::Folder {
            synced: [(name.to_owned(), 1)].into(),
            pending: Vec::new(),
        };
        let now = bytes.clone();
        Self {
            nodes: vec![folder, Node::File { synced: bytes, now }],
        }
    }

    fn find(&self, path: &Path) -> Option<usize> {
        path.iter()
            .try_fold(0, |at, name| match self.nodes.get(at)? {
                Node::Folder { synced, pending } => names(synced, pending)
                    .get(&*name.to_string_lossy())
                    .copied(),
                Node::File { .. } => None,
            })
    }

    fn change(&mut self, path: &Path, node: Option<usize>) {
        let parent = path.parent().and_then(|p| self.find(p));
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
        if let Some(parent) = parent
            && let Some(name) = name
            && let Some(Node::Folder { pending, .. }) = self.nodes.get_mut(parent)
        {
            pending.push(Change { name, node });
        } else {
            panic!("{} has no folder on the simulated disk", path.display());
        }
    }

    fn add(&mut self, path: &Path, node: Node) {
        self.nodes.push(node);
        self.change(path, Some(self.nodes.len() - 1));
    }

    fn file(&mut self, path: &Path) -> &mut Vec<u8> {
        let at = self.find(path);
        match at.and_then(|at| self.nodes.get_mut(at)) {
            Some(Node::File { now, .. }) => now,
            _ => panic!("{} is no file on the simulated disk", path.display()),
        }
    }

    /// Does what a process did.
    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::MakeDir(path) => {
                let folder = Node::Folder {
                    synced: BTreeMap::new(),
                    pending: Vec::new(),
                };
                self.add(path, folder);
            }
            Op::Open { path, truncate } => {
                if self.find(path).is_none() {
                    let (synced, now) = (Vec::new(), Vec::new());
                    self.add(path, Node::File { synced, now });
                } else if *truncate {
                    self.file(path).clear();
                }
            }
            Op::Write(path, bytes) => self.file(path).extend(bytes),
            Op::Cut(path, len) => self.file(path).truncate(*len),
            Op::Sync(path) => {
                let Some(at) = self.find(path) else {
                    panic!("{} is not on the simulated disk", path.display());
                };
                match self.nodes.get_mut(at) {
                    Some(Node::File { synced, now }) => synced.clone_from(now),
                    Some(Node::Folder { synced, pending }) => {
                        *synced = names(synced, pending);
                        pending.clear();
                    }
                    None => {}
                }
            }
            Op::Rename(from, to) => {
                let node = self.find(from);
                assert!(node.is_some(), "{} is not there", from.display());
                self.change(to, node);
                self.change(from, None);
            }
            Op::Unlink(path) => self.change(path, None),
            Op::Say(_) => {}
        }
    }

    /// What is there after the power went now.
    pub fn after(&self, loss: Loss) -> State {
        let mut state = State::new();
        let mut chance = Stream(match loss {
            Loss::Chance(seed) => seed,
            _ => 0,
        });
        self.walk(0, Path::new(""), loss, &mut chance, &mut state);
        state
    }

    fn walk(&self, at: usize, path: &Path, loss: Loss, chance: &mut Stream, state: &mut State) {
        match self.nodes.get(at) {
            Some(Node::File { synced, now }) => {
                state.insert(path.to_path_buf(), Some(left(synced, now, loss, chance)));
            }
            Some(Node::Folder { synced, pending }) => {
                if at > 0 {
                    state.insert(path.to_path_buf(), None);
                }
                let survive: Vec<Change> = pending
                    .iter()
                    .filter(|_| match loss {
                        Loss::All => false,
                        Loss::Bytes | Loss::Nothing => true,
                        Loss::Chance(_) => chance.below(2) == 0,
                    })
                    .cloned()
                    .collect();
                for (name, node) in names(synced, &survive) {
                    self.walk(node, &path.join(name), loss, chance, state);
                }
            }
            None => {}
        }
    }
}

/// What is left of a file whose newest bytes were not synced.
fn left(synced: &[u8], now: &[u8], loss: Loss, chance: &mut Stream) -> Vec<u8> {
    if synced == now {
        return now.to_vec();
    }
    match loss {
        Loss::All | Loss::Bytes => synced.to_vec(),
        Loss::Nothing => now.to_vec(),
        Loss::Chance(_) => {
            let Some(new) = now.strip_prefix(synced) else {
                let all = if chance.below(2) == 0 { synced } else { now };
                return all.to_vec();
            };
            let torn = chance.below(new.len() + 1);
            match chance.below(5) {
                0 => synced.to_vec(),
                1 => now.to_vec(),
                2 => now.iter().copied().take(synced.len() + torn).collect(),
                3 => {
                    // A block in the middle was not written, and one behind it was.
                    let mut bytes = now.to_vec();
                    let most = chance.below(new.len() + 1);
                    let hole = bytes.iter_mut().skip(synced.len() + torn).take(most);
                    hole.for_each(|b| *b = 0);
                    bytes
                }
                _ => {
                    // Its length was written and its blocks were not.
                    let mut bytes = now.to_vec();
                    bytes
                        .iter_mut()
                        .skip(synced.len() + torn)
                        .for_each(|b| *b = 0);
                    bytes
                }
            }
        }
    }
}

/// Writes a state into an empty folder.
pub fn build(state: &State, folder: &Path) -> std::io::Result<()> {
    for (path, bytes) in state {
        let path = folder.join(path);
        match bytes {
            None => std::fs::create_dir_all(path)?,
            Some(bytes) => std::fs::write(path, bytes)?,
        }
    }
    Ok(())
}

/// That the disk forgets what it may forget, and nothing else.
pub fn self_test() -> Result<(), String> {
    let file = |name: &str| PathBuf::from(format!("d/{name}"));
    let mut disk = Disk::with("p", b"program".to_vec());
    let open = |path: PathBuf| Op::Open {
        path,
        truncate: false,
    };
    for op in [
        Op::MakeDir("d".into()),
        Op::Sync(PathBuf::new()),
        open(file("t")),
        Op::Write(file("t"), b"one".to_vec()),
        Op::Sync(file("t")),
        Op::Rename(file("t"), file("a")),
        Op::Sync("d".into()),
        Op::Write(file("a"), b"two".to_vec()),
        open(file("b")),
        Op::Write(file("b"), b"three".to_vec()),
    ] {
        disk.apply(&op);
    }
    let read = |loss, name: &str| disk.after(loss).get(&file(name)).cloned().flatten();
    let checks = [
        read(Loss::All, "a") == Some(b"one".to_vec()),
        read(Loss::All, "b").is_none(),
        read(Loss::All, "t").is_none(),
        read(Loss::Bytes, "b") == Some(Vec::new()),
        read(Loss::Nothing, "a") == Some(b"onetwo".to_vec()),
        (0..50).all(|seed| read(Loss::Chance(seed), "a").is_some_and(|a| a.starts_with(b"one"))),
        (0..50).any(|seed| read(Loss::Chance(seed), "b").is_none()),
        (0..50).any(|seed| read(Loss::Chance(seed), "b").is_some_and(|b| b.contains(&0))),
    ];
    if checks.iter().all(|ok| *ok) {
        Ok(())
    } else {
        Err(format!("{checks:?}"))
    }
}
