//! A server of files on the loopback: it answers ranges, and fails in the ways that a test asks for.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is wrong with the next answers to one path.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The connection ends after so many bytes of the body.
    Drop(usize),
    /// After so many bytes nothing more comes, and the connection stays open.
    Stall(usize),
    /// This status and no file.
    Status(u16),
}

/// A file that is served.
#[derive(Clone, Debug, Default)]
pub struct Served {
    pub bytes: Vec<u8>,
    /// Mark of its version.
    pub tag: Option<String>,
    /// One for each of the next answers.
    pub faults: Vec<Fault>,
}

#[derive(Default)]
struct Shared {
    files: BTreeMap<String, Served>,
    /// Path and range of each request.
    asked: Vec<(String, Option<String>)>,
}

/// The server; it ends with the process.
pub struct Hub {
    address: String,
    shared: Arc<Mutex<Shared>>,
}

impl Hub {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Mutex::new(Shared::default()));
        let served = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = served.clone();
                std::thread::spawn(move || answer(stream, &shared));
            }
        });
        Self { address, shared }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Shared) -> T) -> T {
        act(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn url(&self) -> &str {
        &self.address
    }

    /// Serves a file under a path such as `/a/b`.
    pub fn serve(&self, path: &str, bytes: &[u8], faults: &[Fault]) {
        let served = Served {
            bytes: bytes.to_vec(),
            tag: Some("\"one\"".into()),
            faults: faults.to_vec(),
        };
        self.change(path, served);
    }

    /// Serves exactly this under a path.
    pub fn change(&self, path: &str, served: Served) {
        self.with(|s| s.files.insert(path.into(), served));
    }

    /// Path and range of each request so far.
    pub fn asked(&self) -> Vec<(String, Option<String>)> {
        self.with(|s| s.asked.clone())
    }
}

fn answer(stream: TcpStream, shared: &Mutex<Shared>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let first = lines.next()?.ok()?;
    let target = first.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    for line in lines.map_while(Result::ok).take_while(|l| !l.is_empty()) {
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
    }
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let (file, fault) = {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let range = headers.get("range").cloned();
        shared.asked.push((path.clone(), range));
        let file = shared.files.get_mut(&path);
        let fault = file.and_then(|f| (!f.faults.is_empty()).then(|| f.faults.remove(0)));
        (shared.files.get(&path).cloned(), fault)
    };
    let mut stream = stream;
    let Some(file) = file else {
        let nothing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return stream.write_all(nothing.as_bytes()).ok();
    };
    if let Some(Fault::Status(code)) = fault {
        let text =
            format!("HTTP/1.1 {code} Trouble\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return stream.write_all(text.as_bytes()).ok();
    }
    let total = file.bytes.len();
    let same = headers.get("if-range") == file.tag.as_ref();
    let from = headers
        .get("range")
        .filter(|_| same)
        .and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let (begin, status) = match from {
        Some(begin) if begin < total => (begin, "206 Partial Content"),
        Some(_) => {
            let text = "HTTP/1.1 416 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            return stream.write_all(text.as_bytes()).ok();
        }
        None => (0, "200 OK"),
    };
    let body = &file.bytes[begin..];
    let mut head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    if begin > 0 {
        head += &format!("Content-Range: bytes {begin}-{}/{total}\r\n", total - 1);
    }
    if let Some(tag) = &file.tag {
        head += &format!("ETag: {tag}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
    let most = match fault {
        Some(Fault::Drop(n) | Fault::Stall(n)) => n.min(body.len()),
        _ => body.len(),
    };
    stream.write_all(&body[..most]).ok()?;
    stream.flush().ok()?;
    if matches!(fault, Some(Fault::Stall(_))) {
        // Longer than any test.
        std::thread::sleep(Duration::from_mins(5));
    }
    Some(())
}
