//! What runs when the library is loaded, and when the process ends.

use crate::cache;
use crate::catch_panic::catch_panic;
use crate::handle;

/// The loader calls it before `main`, and before the program's own constructors where we are preloaded or linked.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = at_load;

/// Asks to be told of forks. Copies the settings that are set, and opens the shared store if they ask for one. If none is
/// set, nothing is allocated. Nothing is called but the C library, which is ready by then: it is what the loader starts first.
extern "C" fn at_load() {
    handle::at_load();
    catch_panic((), cache::at_load);
}

/// exit() calls it after the program's own handlers. It stays where it is until then (-z nodelete).
#[used]
#[unsafe(link_section = ".fini_array")]
static AT_EXIT: extern "C" fn() = at_exit;

/// Writes a line if SSLSESSION_LOG is set, and the process has used the store. Other threads may still be at work: nothing
/// is freed.
extern "C" fn at_exit() {
    catch_panic((), cache::tell_of_end);
}
