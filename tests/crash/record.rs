//! What did a run do to its folder, in which order?  Read from a log of strace, with every byte that was written.
//!
//! It does not know what survives a power loss, only what was asked of the system.

use std::path::{Component, Path, PathBuf};

use crate::points::CALLS;
use crate::scene::{Ran, Scene};

/// One thing that was done.  Paths are below the scene's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    MakeDir(PathBuf),
    /// Made when it is not there; emptied when asked for.
    Open {
        path: PathBuf,
        truncate: bool,
    },
    /// At the end of the file: nothing here writes elsewhere.
    Write(PathBuf, Vec<u8>),
    Cut(PathBuf, usize),
    /// Of a file's bytes, or of a folder's names.
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    Unlink(PathBuf),
    /// On standard output.
    Say(Vec<u8>),
}

/// Runs the program (with `more` for strace) and gives what it did.
pub fn record(scene: &Scene, more: &[&str]) -> (Ran, Vec<Op>) {
    let (ran, text) = log(scene, more);
    let home = scene.path().canonicalize().expect("the folder");
    (ran, parse(&text, &home))
}

/// How many threads write in a run.
pub fn writers(scene: &Scene) -> usize {
    let (ran, text) = log(scene, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let home = scene.path().canonicalize().expect("the folder");
    let threads = text.lines().filter_map(|line| {
        let (thread, rest) = line.split_once(' ')?;
        Call::read(rest.trim_start())?.op(&home, false)?;
        Some(thread)
    });
    threads.collect::<std::collections::BTreeSet<_>>().len()
}

fn log(scene: &Scene, more: &[&str]) -> (Ran, String) {
    let logs = Scene::bare();
    let log = logs.path().join("log");
    let mut words: Vec<String> = ["strace", "-f", "-y", "-xx", "-s", "1000000000", "-o"]
        .map(str::to_owned)
        .to_vec();
    words.push(log.display().to_string());
    words.extend(["-e".to_owned(), format!("trace={}", CALLS.join(","))]);
    words.extend(more.iter().map(|w| (*w).to_owned()));
    let ran = scene.run_under(&words, None, &[]);
    let text = std::fs::read_to_string(&log).expect("a log of strace");
    (ran, text)
}

/// Reads a log of `strace -f -y -xx`.
fn parse(text: &str, home: &Path) -> Vec<Op> {
    let mut open: Vec<(&str, String)> = Vec::new();
    let mut driver = None;
    let mut ops = Vec::new();
    for line in text.lines() {
        let Some((pid, rest)) = line.split_once(' ') else {
            continue;
        };
        let driver = *driver.get_or_insert(pid);
        let rest = rest.trim_start();
        if let Some((begun, _)) = rest.split_once(" <unfinished ...>") {
            open.push((pid, begun.to_owned()));
            continue;
        }
        let whole = if let Some(resumed) = rest.strip_prefix("<... ") {
            let Some(at) = open.iter().position(|o| o.0 == pid) else {
                continue;
            };
            let tail = resumed.split_once(" resumed>").map_or("", |t| t.1);
            format!("{}{tail}", open.swap_remove(at).1)
        } else {
            rest.to_owned()
        };
        if let Some(call) = Call::read(&whole) {
            ops.extend(call.op(home, pid == driver));
        }
    }
    ops
}

/// A call that came back well.
struct Call<'a> {
    name: &'a str,
    args: &'a str,
    /// Texts in quotes.
    texts: Vec<Vec<u8>>,
    /// Files that descriptors stand for.
    files: Vec<PathBuf>,
    result: usize,
}

impl<'a> Call<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (name, rest) = line.split_once('(')?;
        let (args, result) = rest.rsplit_once(" = ")?;
        let digits = result.split(|c: char| !c.is_ascii_digit()).next()?;
        let result = digits.parse().ok()?;
        let between = |open: char, close: char| {
            let mut found = Vec::new();
            let mut rest = args;
            while let Some((_, after)) = rest.split_once(open) {
                let Some((inside, after)) = after.split_once(close) else {
                    break;
                };
                found.push(bytes(inside));
                rest = after;
            }
            found
        };
        let path = |b: Vec<u8>| PathBuf::from(String::from_utf8_lossy(&b).into_owned());
        Some(Self {
            name,
            args,
            texts: between('"', '"'),
            files: between('<', '>').into_iter().map(path).collect(),
            result,
        })
    }

    fn op(&self, home: &Path, driver: bool) -> Option<Op> {
        let named = |n: usize| {
            let text = String::from_utf8_lossy(self.texts.get(n)?).into_owned();
            below(home, &home.join(text))
        };
        let file = || below(home, self.files.first()?);
        match self.name {
            "openat" | "open" | "creat" => {
                let makes = self.args.contains("O_CREAT") || self.args.contains("O_TRUNC");
                let path = named(0)?;
                makes.then(|| Op::Open {
                    path,
                    truncate: self.args.contains("O_TRUNC"),
                })
            }
            "write" => {
                let mut bytes = self.texts.first()?.clone();
                bytes.truncate(self.result);
                if driver && self.args.starts_with("1<") {
                    return Some(Op::Say(bytes));
                }
                Some(Op::Write(file()?, bytes))
            }
            "fsync" | "fdatasync" => Some(Op::Sync(file()?)),
            "rename" => Some(Op::Rename(named(0)?, named(1)?)),
            "unlink" => Some(Op::Unlink(named(0)?)),
            "mkdir" => Some(Op::MakeDir(named(0)?)),
            "ftruncate" => {
                let len = self.args.rsplit_once(", ")?.1;
                Some(Op::Cut(file()?, len.trim_end_matches(')').parse().ok()?))
            }
            // Locks die with their processes, and times are no content.
            "flock" | "utimensat" => None,
            other => {
                let near = self.texts.len() + self.files.len() > 0;
                let ours = (0..self.texts.len()).any(|n| named(n).is_some()) || file().is_some();
                assert!(!near || !ours, "the simulated disk does not know `{other}`");
                None
            }
        }
    }
}

/// The bytes of `\x2f\x74`; other text stands for itself.
fn bytes(text: &str) -> Vec<u8> {
    if !text.starts_with("\\x") {
        return text.as_bytes().to_vec();
    }
    text.split("\\x")
        .skip(1)
        .filter_map(|pair| u8::from_str_radix(pair, 16).ok())
        .collect()
}

/// A path below the folder, without `.`; nothing for others.
fn below(home: &Path, path: &Path) -> Option<PathBuf> {
    let path = path.strip_prefix(home).ok()?;
    Some(
        path.components()
            .filter(|c| matches!(c, Component::Normal(_)))
            .collect(),
    )
}

/// The readings of the log that the rest relies on.
pub fn self_test() -> Result<(), String> {
    let log = "\
7 mkdir(\"\\x61\", 0777) = 0
7 mkdir(\"\\x61\", 0777) = -1 EEXIST (File exists)
8 openat(AT_FDCWD<\\x2f\\x68>, \"\\x2f\\x68\\x2f\\x61\\x2f\\x62\", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0666) = 3<\\x2f\\x68\\x2f\\x61\\x2f\\x62>
8 write(3<\\x2f\\x68\\x2f\\x61\\x2f\\x62>, \"\\x00\\xff\\x22\", 3 <unfinished ...>
7 write(1<\\x70\\x69>, \"\\x68\\x69\", 2) = 2
8 <... write resumed>) = 2
8 fsync(3<\\x2f\\x68\\x2f\\x61\\x2f\\x62>) = 0
8 fsync(4<\\x2f\\x68>) = 0
8 +++ exited with 0 +++
";
    let path = || PathBuf::from("a/b");
    let wanted = [
        Op::MakeDir("a".into()),
        Op::Open {
            path: path(),
            truncate: false,
        },
        Op::Say(b"hi".to_vec()),
        Op::Write(path(), vec![0, 0xff]),
        Op::Sync(path()),
        Op::Sync(PathBuf::new()),
    ];
    let found = parse(log, Path::new("/h"));
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{found:?}\nwanted {wanted:?}"))
    }
}
