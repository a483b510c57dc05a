//! URIs of the editor as paths of the compiler, and back.
//!
//! A file in the editor's folder is named relative to it, as on a command line there; another one by its whole path.

use std::path::{Component, Path, PathBuf};

use gen_lsp_types::Uri;

/// The folder that the editor has open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Root(Option<PathBuf>);

impl Root {
    /// Of a URI.
    pub(crate) fn of(uri: Option<&Uri>) -> Self {
        Self(uri.and_then(|u| decoded(&u.0)).map(PathBuf::from))
    }

    /// The folder.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.0.as_deref()
    }

    /// The path of a URI; a URI of no file (`untitled:1`) is its own path.
    pub(crate) fn path(&self, uri: &Uri) -> String {
        let Some(path) = decoded(&uri.0) else {
            return uri.0.clone();
        };
        let path = PathBuf::from(path);
        let inside = self
            .0
            .as_ref()
            .and_then(|root| path.strip_prefix(root).ok());
        inside.unwrap_or(&path).to_string_lossy().replace('\\', "/")
    }

    /// The URI of a path.
    pub(crate) fn uri(&self, path: &str) -> Uri {
        if path
            .split_once(':')
            .is_some_and(|(scheme, _)| scheme.len() > 1 && !scheme.contains('/'))
        {
            return Uri(path.to_owned());
        }
        let path = Path::new(path);
        let whole = match &self.0 {
            Some(root) if path.is_relative() => plain(&root.join(path)),
            _ => path.to_path_buf(),
        };
        Uri(format!(
            "file://{}",
            encoded(&whole.to_string_lossy().replace('\\', "/"))
        ))
    }
}

/// A path without `.` and `..`, links not followed.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// The path of a `file:` URI (RFC 8089), percent signs resolved.
fn decoded(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("file://")?;
    // An authority such as `localhost` ends at the first slash.
    let path = rest.get(rest.find('/')?..)?;
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let hex = [rest.next()?, rest.next()?];
        let hex = std::str::from_utf8(&hex).ok()?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
    }
    let path = String::from_utf8(bytes).ok()?;
    // `/c:/folder` of Windows.
    let drive = path.as_bytes().get(2) == Some(&b':')
        && path.as_bytes().get(1).is_some_and(u8::is_ascii_alphabetic);
    Some(if drive { path[1..].to_owned() } else { path })
}

fn encoded(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    if out.starts_with('/') {
        out
    } else {
        format!("/{out}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_in_the_folder_are_named_as_in_a_terminal_there() {
        let root = Root::of(Some(&Uri("file:///srv/my%20lab".into())));
        let uri = Uri("file:///srv/my%20lab/a/%C3%BC.align".into());
        assert_eq!(root.path(&uri), "a/ü.align");
        assert_eq!(root.uri("a/ü.align"), uri);
        assert_eq!(root.uri("../x.align").0, "file:///srv/x.align");
        assert_eq!(
            root.path(&Uri("file:///etc/x.align".into())),
            "/etc/x.align"
        );
        assert_eq!(root.uri("/etc/x.align").0, "file:///etc/x.align");
    }

    #[test]
    fn what_is_no_file_keeps_its_name() {
        let root = Root::default();
        let untitled = Uri("untitled:Untitled-1".into());
        assert_eq!(root.path(&untitled), "untitled:Untitled-1");
        assert_eq!(root.uri("untitled:Untitled-1"), untitled);
        assert_eq!(
            root.path(&Uri("file:///broken%G1".into())),
            "file:///broken%G1"
        );
    }
}
