//! The check of a remote store, by the object that hosts use it with.

use std::ffi::{OsStr, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::abi::{self, Bytes, Config, state};
use super::loader;
use super::object::borrowed;

/// The state of what a step has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is as it should be.
    Good,
    /// Somebody should look at it; sessions are shared all the same.
    Doubtful,
    /// It is to be mended.
    Bad,
}

/// A step that was taken.
#[derive(Debug)]
pub struct Step {
    /// The server that it is about; empty for all.
    pub server: String,
    /// Its name.
    pub name: String,
    /// The state of what it has found.
    pub state: State,
    /// The finding, and the remedy.
    pub text: String,
}

type Tell<'a> = &'a mut dyn FnMut(Step);

/// Loads the object, and takes each step that a host of that name takes with these settings. An error is a line for the
/// administrator: the check could not be made, or broke off.
pub fn check(
    [addresses, options, object]: [&OsStr; 3],
    key_file: &Path,
    host: &str,
    mut tell: Tell,
) -> Result<(), String> {
    let table = loader::load(object.as_bytes())?;
    let config = Config::new(addresses, options, key_file);
    // SAFETY: settings that live for the call, and `pass` with the place that it is for.
    match unsafe { (table.check)(&config, host.as_bytes().into(), pass, (&raw mut tell).cast()) } {
        0 => Err("the check broke off: there is an error in libsslsession-remote.so".to_owned()),
        _ => Ok(()),
    }
}

/// Passes a step on.
unsafe extern "C" fn pass(context: *mut c_void, step: &abi::Step) {
    // SAFETY: the place that was passed with this function, and texts that live for the call.
    let (tell, owned) = unsafe {
        let owned = |bytes: Bytes| String::from_utf8_lossy(borrowed(bytes)).into_owned();
        (&mut *context.cast::<Tell>(), [step.server, step.name, step.text].map(owned))
    };
    let state = match step.state {
        state::GOOD => State::Good,
        state::DOUBTFUL => State::Doubtful,
        _ => State::Bad,
    };
    let [server, name, text] = owned;
    tell(Step { server, name, state, text });
}
