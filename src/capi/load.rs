//! Initialization when the library is loaded, and the report when the process ends.

use crate::cache;
use crate::catch_panic::catch_panic;
use crate::handle;

/// Called by the loader before `main`, and before the program's own constructors if preloaded or linked.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = at_load;

/// Registers the fork handlers. Copies the settings that are set, and opens the shared store if they ask for one.
/// Allocates nothing if none is set. Calls nothing but the C library, which the loader starts first.
extern "C" fn at_load() {
    handle::at_load();
    catch_panic((), cache::at_load);
}

/// Called by exit() after the program's own handlers; the library stays loaded until then (-z nodelete).
#[used]
#[unsafe(link_section = ".fini_array")]
static AT_EXIT: extern "C" fn() = at_exit;

/// Logs a line if SSLSESSION_LOG is set and the process has used the store. Frees nothing: other threads may still be
/// at work.
extern "C" fn at_exit() {
    catch_panic((), cache::tell_of_end);
}
