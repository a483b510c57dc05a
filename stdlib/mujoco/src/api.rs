//! Which functions of MuJoCo are called?  Found by name in the opened library.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use libloading::Library;

use crate::Error;

/// A model or its data, whose layout is not known here.
pub(crate) type Opaque = *mut c_void;

/// A handler of MuJoCo's messages.
type Handler = unsafe extern "C" fn(*const c_char);

/// The functions of one opened library.
pub(crate) struct Api {
    pub(crate) version: String,
    path: PathBuf,
    pub(crate) load: unsafe extern "C" fn(*const c_char, Opaque, *mut c_char, c_int) -> Opaque,
    pub(crate) delete_model: unsafe extern "C" fn(Opaque),
    pub(crate) make_data: unsafe extern "C" fn(Opaque) -> Opaque,
    pub(crate) delete_data: unsafe extern "C" fn(Opaque),
    pub(crate) reset: unsafe extern "C" fn(Opaque, Opaque),
    pub(crate) forward: unsafe extern "C" fn(Opaque, Opaque),
    pub(crate) step: unsafe extern "C" fn(Opaque, Opaque),
    pub(crate) size: unsafe extern "C" fn(Opaque, c_uint) -> c_int,
    pub(crate) get: unsafe extern "C" fn(Opaque, Opaque, *mut f64, c_uint),
    pub(crate) set: unsafe extern "C" fn(Opaque, Opaque, *const f64, c_uint),
}

/// MuJoCo warns of unstable physics by a line in a file in the current folder; the episode's numbers say it already.
unsafe extern "C" fn quiet(_: *const c_char) {}

/// MuJoCo's own answer to an error waits for a key.  It must not return.
#[expect(
    clippy::print_stderr,
    clippy::exit,
    reason = "MuJoCo's errors have no way back"
)]
unsafe extern "C" fn last_words(text: *const c_char) {
    // SAFETY: MuJoCo hands over a string that ends in a zero byte.
    let text = unsafe { CStr::from_ptr(text) };
    eprintln!("MuJoCo: {}", text.to_string_lossy());
    std::process::exit(1);
}

/// Opens a library; the first one stays the only one of this process.
pub(crate) fn opened(path: &Path) -> Result<&'static Api, Error> {
    static OPENED: Mutex<Option<&'static Api>> = Mutex::new(None);
    let mut opened = OPENED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let unusable = |why: String| Error::Unusable {
        path: path.display().to_string(),
        why,
    };
    if let Some(api) = *opened {
        if api.path == path {
            return Ok(api);
        }
        return Err(unusable(format!(
            "this process has opened `{}` already",
            api.path.display()
        )));
    }
    let api: &'static Api = Box::leak(Box::new(open(path).map_err(|e| unusable(reason(&e)))?));
    *opened = Some(api);
    Ok(api)
}

/// What the loader says, with what the system said to it.
fn reason(error: &libloading::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error} ({source})"),
        None => error.to_string(),
    }
}

fn open(path: &Path) -> Result<Api, libloading::Error> {
    // SAFETY: MuJoCo's initialisers do nothing but set up its own tables; it stays open for as long as the process lives, so that
    // the function pointers below never dangle.  Each symbol has the type that MuJoCo's API reference gives it since 2.3.
    unsafe {
        let library: &'static Library = Box::leak(Box::new(Library::new(path)?));
        let version: unsafe extern "C" fn() -> *const c_char =
            *library.get(b"mj_versionString\0")?;
        let api = Api {
            version: CStr::from_ptr(version()).to_string_lossy().into_owned(),
            path: path.to_path_buf(),
            load: *library.get(b"mj_loadXML\0")?,
            delete_model: *library.get(b"mj_deleteModel\0")?,
            make_data: *library.get(b"mj_makeData\0")?,
            delete_data: *library.get(b"mj_deleteData\0")?,
            reset: *library.get(b"mj_resetData\0")?,
            forward: *library.get(b"mj_forward\0")?,
            step: *library.get(b"mj_step\0")?,
            size: *library.get(b"mj_stateSize\0")?,
            get: *library.get(b"mj_getState\0")?,
            set: *library.get(b"mj_setState\0")?,
        };
        for (name, handler) in [
            ("mju_user_warning", quiet as Handler),
            ("mju_user_error", last_words as Handler),
        ] {
            if let Ok(slot) = library.get::<*mut Option<Handler>>(name.as_bytes()) {
                **slot = Some(handler);
            }
        }
        Ok(api)
    }
}
