//! How do bytes reach the disk?  Every write of the runtime goes through here, so that what a power loss may leave of it is decided
//! in one place.
//!
//! Nothing here knows what the bytes mean.  A failed fsync is never repeated: the kernel may have forgotten the dirty pages, so
//! the error goes up and the process that saw it stops.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Makes folders and those above them.  They are durable when this returns, also those that a process made that died before it
/// could wait for the disk.
pub fn make_dirs(paths: &[&Path]) -> io::Result<()> {
    let mut above: Vec<&Path> = Vec::new();
    for path in paths {
        let missing = path.ancestors().take_while(|p| !p.exists());
        // The path itself may be there without being durable.
        for folder in std::iter::once(*path).chain(missing) {
            let parent = folder_of(folder);
            if !above.contains(&parent) {
                above.push(parent);
            }
        }
        fs::create_dir_all(path)?;
    }
    above.into_iter().try_for_each(sync_dir)
}

/// The folder that a path is in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes one folder that must not exist; false when it does.
pub fn claim_dir(path: &Path) -> io::Result<bool> {
    match fs::create_dir(path) {
        Ok(()) => {
            if let Some(parent) = path.parent() {
                sync_dir(parent)?;
            }
            Ok(true)
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e),
    }
}

/// Makes a folder's entries durable.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// A name in `tmp` that nothing has.
pub fn unused(tmp: &Path) -> PathBuf {
    loop {
        let path = temporary(tmp);
        if !path.exists() {
            return path;
        }
    }
}

/// A name in `tmp` that no other process uses; it starts with our process id, so that strays can be told.
fn temporary(tmp: &Path) -> PathBuf {
    let n = COUNTER.fetch_add(1, Ordering::Relaxed);
    tmp.join(format!("{}-{n}", std::process::id()))
}

/// A folder for what is thrown away, in the system's place for such; it goes with this value.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A folder that was not there before, and that nobody else may enter; its name starts with `name`.
    pub fn new(name: &str) -> io::Result<Self> {
        let mut only_ours = fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut only_ours, 0o700);
        loop {
            let n = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("{name}-{}-{n}", std::process::id()));
            match only_ours.create(&path) {
                Ok(()) => return Ok(Self(path)),
                // Another container's process of the same number, or one that was killed.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nobody is left to hear of a failure, and nothing in it is of use to anybody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write_temporary(tmp: &Path, bytes: &[u8]) -> io::Result<(PathBuf, File)> {
    let (path, mut file) = loop {
        let path = temporary(tmp);
        let made = OpenOptions::new().write(true).create_new(true).open(&path);
        match made {
            Ok(file) => break (path, file),
            // One of a process that is gone and had our number: after a restart of the machine numbers come again.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    };
    if let Err(e) = file.write_all(bytes) {
        // The file is useless now; that it may stay behind is harmless.
        let _ = fs::remove_file(&path);
        return Err(e);
    }
    Ok((path, file))
}

/// Puts files in place so that each is there whole or not at all, and durable when this returns.
pub fn publish(tmp: &Path, files: &[(PathBuf, &[u8])]) -> io::Result<()> {
    let mut folders: Vec<&Path> = Vec::new();
    let mut moves = Vec::with_capacity(files.len());
    for (path, bytes) in files {
        moves.push((write_temporary(tmp, bytes)?, path));
    }
    // All are written before the first is waited for: the disk takes them together.
    for ((_, file), _) in &moves {
        file.sync_all()?;
    }
    for ((from, _), to) in moves {
        fs::rename(from, to)?;
        if let Some(parent) = to.parent()
            && !folders.contains(&parent)
        {
            folders.push(parent);
        }
    }
    for folder in folders {
        sync_dir(folder)?;
    }
    Ok(())
}

/// Puts a file in place whole, without waiting for the disk: for what can be made again.
pub fn place(tmp: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (from, _) = write_temporary(tmp, bytes)?;
    fs::rename(from, path)
}

/// Puts a file at a path outside the store, durable when this returns; folders are made.  The temporary name is beside it, for a
/// rename does not cross file systems.
pub fn deliver(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    if !folder.exists() {
        make_dirs(&[folder])?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let from = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    let written = File::create(&from)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&from, path));
    if let Err(e) = written {
        // The file is useless now; that it may stay behind is harmless.
        let _ = fs::remove_file(&from);
        return Err(e);
    }
    sync_dir(folder)
}

/// Opens a file for appending, cut to `len` first.
pub fn open_append(path: &Path, len: u64) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create(true).open(path)?;
    if file.metadata()?.len() > len {
        file.set_len(len)?;
        file.sync_all()?;
    }
    Ok(file)
}

/// Adds bytes at the end of a file that is open for appending, without waiting for the disk.
pub fn append(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)
}

/// Waits until what was appended is durable.
pub fn sync_file(file: &File) -> io::Result<()> {
    file.sync_data()
}

/// Opens (or makes) a file that only serves as a lock.
pub fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Replaces the contents of an open lock file: who holds it, for people.
pub fn sign_lock(file: &mut File, text: &str) -> io::Result<()> {
    use std::io::Seek;
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text.as_bytes())
}

/// A plain file for a child's error output.
pub fn create(path: &Path) -> io::Result<File> {
    File::create(path)
}

/// Marks a file as used now.
pub fn touch(path: &Path) -> io::Result<()> {
    OpenOptions::new()
        .append(true)
        .open(path)?
        .set_modified(std::time::SystemTime::now())
}

/// Moves a file or a folder to another one of the same file system; durable when it returns.
pub fn move_to(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_dir(folder_of(to))?;
    sync_dir(folder_of(from))
}

/// Removes a file, or a folder with everything in it.
pub fn remove_all(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        remove(path)
    }
}

/// Removes a file; that it is gone already is fine.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stray_of_another_process_with_our_number_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let next = COUNTER.load(Ordering::Relaxed);
        for n in next..next + 50 {
            fs::write(
                dir.path().join(format!("{}-{n}", std::process::id())),
                "old",
            )
            .unwrap();
        }
        let path = dir.path().join("record");
        publish(dir.path(), &[(path.clone(), b"new")]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(!unused(dir.path()).exists());
    }
}
