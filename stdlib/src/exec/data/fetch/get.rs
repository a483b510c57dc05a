//! How does one file come over HTTP and be whole?  It grows beside its place under the name `NAME.part`, goes on where it stopped, is checked, and
//! only then gets its name.  A file that is there is never written over.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use ureq::Agent;
use ureq::http::{HeaderMap, StatusCode};

/// One file to be fetched.
pub(super) struct Wanted<'a> {
    pub(super) url: &'a str,
    pub(super) to: &'a Path,
    /// In hexadecimal digits, where it is known.
    pub(super) sha256: Option<&'a str>,
}

/// Bytes so far, and in all where the server says.
pub(super) type OnBytes<'a> = &'a mut dyn FnMut(u64, Option<u64>);

/// Tries without a new byte before it is given up.
const TRIES: u32 = 4;
/// Wait before the second try; each further one waits twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// What is read at a time.
const PIECE: usize = 1 << 16;
/// What is said when somebody asked to stop.
pub(super) const STOPPED: &str =
    "stopped before it was all there; the same command goes on where it stopped";

/// A client with time-outs for every step, and none for the whole, which may take hours.
pub(super) fn agent() -> Agent {
    let patience = Some(Duration::from_secs(30));
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_resolve(patience)
        .timeout_connect(patience)
        .timeout_recv_response(Some(Duration::from_mins(1)))
        .timeout_per_read(patience)
        .user_agent(concat!("align/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

/// `NAME.part.json`: what the bytes in `NAME.part` are a part of.
#[derive(Serialize, Deserialize)]
struct About {
    url: String,
    /// The server's mark of this version of the file: without one nothing can be resumed.
    version: Option<String>,
    /// Bytes in all.
    total: Option<u64>,
    /// The checksum that the server tells.
    sha256: Option<String>,
}

/// Why an attempt ended before the file did.
enum Trouble {
    /// The next attempt may do better.
    Passing(String),
    /// It will not.
    Lasting(String),
}

/// Fetches a file that is not there.
pub(super) fn get(
    agent: &Agent,
    wanted: &Wanted<'_>,
    stopped: &dyn Fn() -> bool,
    told: OnBytes<'_>,
) -> Result<(), String> {
    if wanted.to.exists() {
        return Ok(());
    }
    let part = Part::claim(wanted, stopped)?;
    let Some(mut part) = part else {
        return Ok(());
    };
    let (mut most, mut failures) = (part.length()?, 0);
    let sha256 = loop {
        if stopped() {
            return Err(STOPPED.into());
        }
        let why = match part.attempt(agent, wanted.url, stopped, told) {
            Ok(sha256) => break sha256,
            Err(Trouble::Lasting(why)) => return Err(why),
            Err(Trouble::Passing(why)) => why,
        };
        let length = part.length()?;
        if length > most {
            (most, failures) = (length, 0);
        }
        failures += 1;
        if failures == TRIES {
            return Err(format!("`{}`: {why} ({TRIES} tries)", wanted.url));
        }
        wait(PAUSE * 2u32.pow(failures - 1), stopped);
    };
    let sha256 = wanted.sha256.map(str::to_owned).or(sha256);
    part.finish(wanted, sha256.as_deref())
}

fn wait(pause: Duration, stopped: &dyn Fn() -> bool) {
    let slice = Duration::from_millis(50);
    let mut left = pause;
    while left > Duration::ZERO && !stopped() {
        std::thread::sleep(slice.min(left));
        left = left.saturating_sub(slice);
    }
}

/// A file that is growing, and no other process writes.
struct Part {
    file: File,
    path: PathBuf,
    about: PathBuf,
}

/// `path` with something after its name.
fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    PathBuf::from(name)
}

fn wrong(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |e| format!("`{}` cannot be written: {e}", path.display())
}

impl Part {
    /// Waits until no other process is at it; none where the file is there then.
    fn claim(wanted: &Wanted<'_>, stopped: &dyn Fn() -> bool) -> Result<Option<Self>, String> {
        let folder = wanted.to.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(wrong(folder))?;
        let path = beside(wanted.to, ".part");
        let about = beside(wanted.to, ".part.json");
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let file = options.open(&path).map_err(wrong(&path))?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => {
                    if stopped() {
                        return Err(STOPPED.into());
                    }
                    wait(Duration::from_millis(200), stopped);
                    continue;
                }
                // A file system without locks: the rename at the end is still whole.
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            // Whoever had it may have finished it, or thrown it away.
            let ours = file.metadata().map_err(wrong(&path))?.ino();
            let named = fs::metadata(&path).ok().map(|m| m.ino());
            if wanted.to.exists() {
                if named == Some(ours) {
                    let _ = fs::remove_file(&path);
                }
                return Ok(None);
            }
            if named == Some(ours) {
                return Ok(Some(Self { file, path, about }));
            }
        }
    }

    fn length(&self) -> Result<u64, String> {
        let about = self.file.metadata().map_err(wrong(&self.path))?;
        Ok(about.len())
    }

    fn empty(&self) -> Result<(), Trouble> {
        let emptied = self.file.set_len(0).map_err(wrong(&self.path));
        emptied.map_err(Trouble::Lasting)
    }

    /// Asks once and writes what comes; the checksum that the server told.
    fn attempt(
        &mut self,
        agent: &Agent,
        url: &str,
        stopped: &dyn Fn() -> bool,
        told: OnBytes<'_>,
    ) -> Result<Option<String>, Trouble> {
        let mut have = self.length().map_err(Trouble::Lasting)?;
        let text = fs::read(&self.about).ok();
        let known: Option<About> = text.and_then(|t| serde_json::from_slice(&t).ok());
        let known = known.filter(|k| k.url == url && have > 0);
        if let Some(about) = known.as_ref().filter(|k| k.total == Some(have)) {
            return Ok(about.sha256.clone());
        }
        let mut from = None;
        match known.as_ref().and_then(|k| k.version.clone()) {
            Some(version) => from = Some((have, version)),
            None if have > 0 => {
                self.empty()?;
                have = 0;
            }
            None => {}
        }
        let mut answer = Answer::to(agent, url, from);
        let (status, headers) = answer.head(url, stopped)?;
        let about = match status {
            StatusCode::PARTIAL_CONTENT if have > 0 => {
                let (begin, total) = range(&headers).unwrap_or_default();
                let known = known.and_then(|k| k.sha256.or(tag(&headers)));
                if begin != have {
                    self.empty()?;
                    return Err(Trouble::Passing(format!(
                        "asked for the bytes from {have}, the server gave those from {begin}"
                    )));
                }
                About {
                    url: url.to_owned(),
                    version: version(&headers),
                    total,
                    sha256: known,
                }
            }
            StatusCode::OK => {
                self.empty()?;
                have = 0;
                About {
                    url: url.to_owned(),
                    version: version(&headers),
                    total: number(&headers, "content-length"),
                    sha256: tag(&headers),
                }
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {
                self.empty()?;
                return Err(Trouble::Passing("the file is another one now".into()));
            }
            status => return Err(refused(url, status)),
        };
        let bytes = serde_json::to_vec(&about).unwrap_or_default();
        fs::write(&self.about, bytes).map_err(|e| Trouble::Lasting(wrong(&self.about)(e)))?;
        self.copy(&mut answer, have, about.total, stopped, told)?;
        Ok(about.sha256)
    }

    /// Adds the body to the file.
    fn copy(
        &mut self,
        answer: &mut Answer,
        mut have: u64,
        total: Option<u64>,
        stopped: &dyn Fn() -> bool,
        told: OnBytes<'_>,
    ) -> Result<(), Trouble> {
        let lasting = |e| Trouble::Lasting(wrong(&self.path)(e));
        self.file.seek(SeekFrom::Start(have)).map_err(lasting)?;
        loop {
            told(have, total);
            let piece = match answer.next(stopped)? {
                Some(piece) => piece.map_err(|e| {
                    Trouble::Passing(format!("the connection was lost at byte {have} ({e})"))
                })?,
                None => break,
            };
            self.file.write_all(&piece).map_err(lasting)?;
            have += piece.len() as u64;
        }
        match total.filter(|t| *t != have) {
            Some(total) => Err(Trouble::Passing(format!(
                "the connection ended at byte {have} of {total}"
            ))),
            None => Ok(()),
        }
    }

    /// Checks what came and gives it its name.
    fn finish(mut self, wanted: &Wanted<'_>, sha256: Option<&str>) -> Result<(), String> {
        let drop_it = |why: String| {
            let _ = fs::remove_file(&self.path);
            let _ = fs::remove_file(&self.about);
            Err(why)
        };
        if let Err(what) = looks(&mut self.file, wanted.to) {
            return drop_it(format!("`{}`: {what}", wanted.url));
        }
        if let Some(sha256) = sha256 {
            let found = checksum(&mut self.file).map_err(wrong(&self.path))?;
            if !found.eq_ignore_ascii_case(sha256.trim()) {
                return drop_it(format!(
                    "`{}` has the SHA-256 {found}, wanted {sha256}; it is not the file that was meant, or it was damaged on its way",
                    wanted.url
                ));
            }
        }
        self.file.sync_all().map_err(wrong(&self.path))?;
        // A link never takes the place of another file, a rename would.
        match fs::hard_link(&self.path, wanted.to) {
            Ok(()) => fs::remove_file(&self.path).map_err(wrong(&self.path))?,
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(_) => fs::rename(&self.path, wanted.to).map_err(wrong(wanted.to))?,
        }
        let _ = fs::remove_file(&self.about);
        if let Some(folder) = wanted.to.parent()
            && let Ok(folder) = File::open(folder)
        {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

/// An answer as it comes, read by a thread of its own: a server that says nothing keeps nobody from stopping.
struct Answer(Receiver<Said>);

/// What the thread hands over.
enum Said {
    Head(Result<(StatusCode, HeaderMap), ureq::Error>),
    Piece(std::io::Result<Vec<u8>>),
}

impl Answer {
    /// Asks for a file, or for the rest of this version of it.
    fn to(agent: &Agent, url: &str, from: Option<(u64, String)>) -> Self {
        let (say, heard) = sync_channel(4);
        let (agent, url) = (agent.clone(), url.to_owned());
        // It ends at the next piece that nobody takes, or with its time-out.
        std::thread::spawn(move || {
            let mut request = agent.get(&url).header("Accept-Encoding", "identity");
            if let Some((have, version)) = from {
                request = request
                    .header("Range", format!("bytes={have}-"))
                    .header("If-Range", version);
            }
            let response = match request.call() {
                Ok(response) => response,
                Err(e) => {
                    let _ = say.send(Said::Head(Err(e)));
                    return;
                }
            };
            let (head, body) = response.into_parts();
            if say
                .send(Said::Head(Ok((head.status, head.headers))))
                .is_err()
            {
                return;
            }
            let mut body = body.into_with_config().limit(u64::MAX).reader();
            loop {
                let mut piece = vec![0; PIECE];
                let read = body.read(&mut piece).map(|n| {
                    piece.truncate(n);
                    piece
                });
                let last = !matches!(&read, Ok(piece) if !piece.is_empty());
                if read.as_ref().is_ok_and(Vec::is_empty)
                    || say.send(Said::Piece(read)).is_err()
                    || last
                {
                    return;
                }
            }
        });
        Self(heard)
    }

    /// The next thing said; none at the end.
    fn hear(&mut self, stopped: &dyn Fn() -> bool) -> Result<Option<Said>, Trouble> {
        loop {
            if stopped() {
                return Err(Trouble::Lasting(STOPPED.into()));
            }
            match self.0.recv_timeout(Duration::from_millis(100)) {
                Ok(said) => return Ok(Some(said)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn head(
        &mut self,
        url: &str,
        stopped: &dyn Fn() -> bool,
    ) -> Result<(StatusCode, HeaderMap), Trouble> {
        match self.hear(stopped)? {
            Some(Said::Head(Ok(head))) => Ok(head),
            Some(Said::Head(Err(e))) => Err(unreachable(url, &e)),
            Some(Said::Piece(_)) | None => Err(Trouble::Passing("no answer".into())),
        }
    }

    fn next(
        &mut self,
        stopped: &dyn Fn() -> bool,
    ) -> Result<Option<std::io::Result<Vec<u8>>>, Trouble> {
        match self.hear(stopped)? {
            Some(Said::Piece(piece)) => Ok(Some(piece)),
            Some(Said::Head(_)) | None => Ok(None),
        }
    }
}

/// No answer at all.
fn unreachable(url: &str, error: &ureq::Error) -> Trouble {
    let text = format!("no answer ({error})");
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl => {
            Trouble::Lasting(format!("`{url}` is not an address ({error})"))
        }
        _ => Trouble::Passing(text),
    }
}

/// An answer that is not the file.
fn refusal(status: StatusCode) -> String {
    let why = match status.as_u16() {
        401 | 403 => "it may not be read without signing in",
        404 | 410 => "there is no such file",
        429 => "too many requests",
        500.. => "the server has trouble",
        _ => "that is not the file",
    };
    format!("the server answers {status}: {why}")
}

fn refused(url: &str, status: StatusCode) -> Trouble {
    let text = refusal(status);
    if status.is_server_error() || matches!(status.as_u16(), 408 | 429) {
        Trouble::Passing(text)
    } else {
        Trouble::Lasting(format!("`{url}`: {text}"))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    text(headers, name)?.trim().parse().ok()
}

/// What `If-Range` takes: a strong tag, or the time of the last change.
fn version(headers: &HeaderMap) -> Option<String> {
    let tag = text(headers, "etag").filter(|t| !t.starts_with("W/"));
    tag.or(text(headers, "last-modified")).map(str::to_owned)
}

/// Hubs name a large file by its SHA-256.
fn tag(headers: &HeaderMap) -> Option<String> {
    let tag = text(headers, "x-linked-etag").or(text(headers, "etag"))?;
    let digits = tag.trim_matches('"');
    let is_sum = digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_sum.then(|| digits.to_owned())
}

/// First byte and total of `Content-Range: bytes 5-9/10`.
fn range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let rest = text(headers, "content-range")?.strip_prefix("bytes ")?;
    let (span, total) = rest.split_once('/')?;
    let (begin, _) = span.split_once('-')?;
    Some((begin.parse().ok()?, total.parse().ok()))
}

/// Whether a file begins as one with this name does: a page that says "sign in" is not data.
fn looks(file: &mut File, named: &Path) -> Result<(), String> {
    let (mark, what): (&[u8], _) = match named.extension().and_then(|e| e.to_str()) {
        Some("hdf5") => (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        Some("parquet") => (b"PAR1", "a Parquet file"),
        Some("arrow") => (b"ARROW1", "an Arrow file"),
        _ => return Ok(()),
    };
    let mut begin = Vec::new();
    let read = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| file.take(24).read_to_end(&mut begin));
    read.map_err(|e| format!("what came cannot be read: {e}"))?;
    if begin.starts_with(mark) {
        return Ok(());
    }
    let shown: String = String::from_utf8_lossy(&begin)
        .chars()
        .map(|c| if c.is_control() { '.' } else { c })
        .collect();
    Err(format!(
        "what came is not {what}: it begins with `{}`",
        shown.trim()
    ))
}

fn checksum(file: &mut File) -> std::io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut sum = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        let n = file.read(&mut piece)?;
        if n == 0 {
            break;
        }
        sum.update(&piece[..n]);
    }
    Ok(format!("{:x}", sum.finalize()))
}

/// A short answer as text, tried as often as a file is.
pub(super) fn text_of(
    agent: &Agent,
    url: &str,
    most: usize,
    stopped: &dyn Fn() -> bool,
) -> Result<String, String> {
    let once = || -> Result<String, Trouble> {
        let mut answer = Answer::to(agent, url, None);
        let (status, _) = answer.head(url, stopped)?;
        if status != StatusCode::OK {
            return Err(refused(url, status));
        }
        let mut text = Vec::new();
        while let Some(piece) = answer.next(stopped)? {
            let lost = |e| Trouble::Passing(format!("the connection was lost ({e})"));
            text.extend(piece.map_err(lost)?);
            if text.len() > most {
                return Err(Trouble::Lasting(format!(
                    "`{url}`: the answer is longer than {most} bytes"
                )));
            }
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    for failures in 1.. {
        if stopped() {
            return Err(STOPPED.into());
        }
        match once() {
            Ok(text) => return Ok(text),
            Err(Trouble::Lasting(why)) => return Err(why),
            Err(Trouble::Passing(why)) if failures == TRIES => {
                return Err(format!("`{url}`: {why} ({TRIES} tries)"));
            }
            Err(Trouble::Passing(_)) => wait(PAUSE * 2u32.pow(failures - 1), stopped),
        }
    }
    Err(STOPPED.into())
}
