//! The loader's list of loaded objects.
//!
//! A process may fork while another of its threads is inside the loader. glibc's fork resets one of the loader's locks in the
//! child and not the other, under which dl_iterate_phdr works: there it is held for ever. Where an object was being loaded or
//! unloaded at that moment, dlopen ends the child, also with RTLD_NOLOAD. (musl's fork waits for such threads.)
//!
//! So a child reads the list itself, without a lock, as debuggers do at any moment. An object in it whose memory is
//! unmapped already is skipped. (Copying the list before the fork would allocate in a prepare handler, where an
//! allocator may hold its own locks already.)
//!
//! ```text
//!   _r_debug ─► link_map ─► link_map ─► link_map ...
//! ```

use std::ffi::{CStr, c_int, c_void};
use std::ptr;
#[cfg(target_env = "gnu")]
use std::sync::atomic::{AtomicBool, Ordering};

/// True if this process was forked after the library was loaded.
#[cfg(target_env = "gnu")]
static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// Registers a fork handler, when the library is loaded.
pub fn at_load() {
    #[cfg(all(target_env = "gnu", not(miri)))]
    {
        extern "C" fn forked() {
            IS_CHILD.store(true, Ordering::Relaxed);
        }
        // SAFETY: a function of the right type, which stays loaded (-z nodelete).
        unsafe { libc::pthread_atfork(None, None, Some(forked)) };
    }
}

/// Calls `look` for each object, in the loader's order, until it returns true.
pub fn visit(look: &mut dyn FnMut(&libc::dl_phdr_info) -> bool) {
    #[cfg(target_env = "gnu")]
    if let Some(list) = list::in_child() {
        return list.visit(look);
    }
    visit_locked(look);
}

fn visit_locked(mut look: &mut dyn FnMut(&libc::dl_phdr_info) -> bool) {
    unsafe extern "C" fn call(info: *mut libc::dl_phdr_info, _size: usize, look: *mut c_void) -> c_int {
        // SAFETY: dl_iterate_phdr passes a valid entry, and the closure handed to it.
        let (info, look) = unsafe { (&*info, &mut *look.cast::<&mut dyn FnMut(&libc::dl_phdr_info) -> bool>()) };
        look(info).into()
    }
    // SAFETY: `call` has the type asked for and keeps nothing beyond the call.
    unsafe { libc::dl_iterate_phdr(Some(call), (&raw mut look).cast()) };
}

/// Returns true in a child that was forked while an object was being loaded or unloaded: the loader's locks may be
/// held there for ever.
pub fn is_left_changing() -> bool {
    #[cfg(target_env = "gnu")]
    return list::in_child().is_some_and(list::List::is_changing);
    #[cfg(not(target_env = "gnu"))]
    false
}

/// An object that stays loaded until this is dropped.
pub struct Loaded {
    /// The loader's handle; NULL if the loader does not count it.
    handle: *mut c_void,
}

impl Loaded {
    /// Holds an object, by its name in the list; None if it is unloaded.
    pub fn new(name: &CStr) -> Option<Loaded> {
        if is_left_changing() {
            return Some(Loaded { handle: ptr::null_mut() }); // dlclose would end such a child too
        }
        let path = if name.is_empty() { ptr::null() } else { name.as_ptr() };
        // SAFETY: a NUL-terminated name, or NULL for the program itself; RTLD_NOLOAD runs no constructor.
        let handle = unsafe { libc::dlopen(path, libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        (!handle.is_null()).then_some(Loaded { handle })
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        if !self.handle.is_null() {
            // SAFETY: the handle came from dlopen and is closed once; the object's other users keep it loaded.
            unsafe { libc::dlclose(self.handle) };
        }
    }
}

/// glibc's list, which <link.h> declares for debuggers.
#[cfg(target_env = "gnu")]
mod list {
    use std::ffi::{c_char, c_int, c_uchar, c_void};
    use std::sync::atomic::Ordering;
    use std::{iter, ptr};

    /// RT_CONSISTENT.
    const CONSISTENT: c_int = 0;

    /// struct link_map.
    #[repr(C)]
    struct LinkMap {
        address: u64,
        name: *const c_char,
        _dynamic: *const c_void,
        next: *const LinkMap,
    }

    /// struct r_debug.
    #[repr(C)]
    pub struct List {
        _version: c_int,
        first: *const LinkMap,
        _breakpoint: usize,
        state: c_int,
    }

    /// Returns the list if this process was forked after the library was loaded.
    pub fn in_child() -> Option<&'static List> {
        if !super::IS_CHILD.load(Ordering::Relaxed) {
            return None;
        }
        // SAFETY: a NUL-terminated name; the loader's variable of that name is the list, and lives for ever.
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_r_debug".as_ptr()).cast::<List>().as_ref() }
    }

    impl List {
        /// Returns true if an object was being loaded or unloaded when the process forked.
        pub fn is_changing(&self) -> bool {
            // SAFETY: a live variable, which the loader may change meanwhile.
            unsafe { ptr::read_volatile(&raw const self.state) != CONSISTENT }
        }

        fn objects(&self) -> impl Iterator<Item = &LinkMap> {
            // SAFETY: each points to the next one, the last to none.
            iter::successors(unsafe { self.first.as_ref() }, |object| unsafe { object.next.as_ref() })
        }

        pub fn visit(&self, look: &mut dyn FnMut(&libc::dl_phdr_info) -> bool) {
            let loaded = self.objects().count() as u64;
            // Counted differently from dl_iterate_phdr: no two numbers may be mistaken for each other.
            let adds = loaded | 1 << 63;
            let entry = |(number, object): (usize, &LinkMap)| object.entry(number == 0, adds);
            self.objects().enumerate().filter_map(entry).any(|entry| look(&entry));
        }
    }

    impl LinkMap {
        /// Returns the object's entry as dl_iterate_phdr does. None if its memory is unmapped, or does not begin at
        /// its base, which is so for programs only.
        fn entry(&self, is_program: bool, adds: u64) -> Option<libc::dl_phdr_info> {
            let (headers, number) = if is_program { of_program() } else { self.program_headers()? };
            Some(libc::dl_phdr_info {
                dlpi_addr: self.address,
                dlpi_name: self.name,
                dlpi_phdr: headers,
                dlpi_phnum: number,
                dlpi_adds: adds,
                // SAFETY: numbers and a pointer, for which all zeros are good.
                ..unsafe { std::mem::zeroed() }
            })
        }

        fn program_headers(&self) -> Option<(*const libc::Elf64_Phdr, u16)> {
            let start = ptr::with_exposed_provenance::<u8>(self.address as usize);
            if !is_mapped(start.cast()) {
                return None;
            }
            // SAFETY: a mapped page; it holds the ELF header and, behind it, the program headers.
            unsafe {
                let header = &*start.cast::<libc::Elf64_Ehdr>();
                let is_elf = header.e_ident.starts_with(b"\x7fELF");
                is_elf.then(|| (start.add(header.e_phoff as usize).cast(), header.e_phnum))
            }
        }
    }

    /// Returns the program headers of the program, and their number.
    fn of_program() -> (*const libc::Elf64_Phdr, u16) {
        // SAFETY: getauxval takes a number.
        let [headers, number] = [libc::AT_PHDR, libc::AT_PHNUM].map(|what| unsafe { libc::getauxval(what) });
        (ptr::with_exposed_provenance(headers as usize), number as u16)
    }

    /// Returns true if there is memory at an address.
    fn is_mapped(address: *const c_void) -> bool {
        let mut resident: c_uchar = 0;
        // SAFETY: sysconf takes a number; mincore looks at one page and fills one byte.
        unsafe {
            let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
            let start = address.map_addr(|address| address & !(page - 1)).cast_mut();
            libc::mincore(start, 1, &mut resident) == 0
        }
    }
}
