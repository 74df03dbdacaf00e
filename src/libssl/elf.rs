//! What the loader knows of the objects in the process: where each lies, and what its dynamic section says.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ops::Range;
use std::slice;

/// Tags of a dynamic section, as <elf.h> has them: where its own symbol versions are defined and how many, its symbols and
/// their names; and the two tables of what the loader fills in, for calls and for the rest, each with its size in bytes.
const DT_VERDEF: i64 = 0x6fff_fffc;
const DT_VERDEFNUM: i64 = 0x6fff_fffd;
const DT_SYMTAB: i64 = 6;
const DT_STRTAB: i64 = 5;
const RELOCATIONS: [Table; 2] = [Table { address: 23, size: 2 }, Table { address: 7, size: 8 }];

struct Table {
    address: i64,
    size: i64,
}

/// An entry of a dynamic section.
#[repr(C)]
struct Entry {
    tag: i64,
    value: u64,
}

/// A symbol version that an object defines, as <elf.h> has it. The offsets count from the entry's own start.
#[repr(C)]
struct VersionDefinition {
    _version_flags_index_count: [u16; 4],
    _hash: u32,
    name: u32,
    next: u32,
}

/// An object that is loaded; good for as long as it stays so.
pub struct Object {
    /// The addresses that it takes, from its first segment to its last.
    pub addresses: Range<usize>,
    /// What its own addresses are counted from.
    base: usize,
    dynamic: &'static [Entry],
}

impl Object {
    /// The object in which an address lies; None if it lies in none.
    pub fn at(address: *const c_void) -> Option<Object> {
        let mut found = None;
        visit(&mut |info| {
            found = Object::new(info).filter(|object| object.addresses.contains(&address.addr()));
            found.is_some()
        });
        found
    }

    /// All objects, in the loader's order, each with its name; the program, which is the first, has an empty one.
    pub fn all() -> Vec<(CString, Object)> {
        let mut objects: Vec<(CString, Object)> = Vec::new();
        visit(&mut |info| {
            let is_program = objects.is_empty();
            // SAFETY: the loader's names are NUL-terminated and stay for the time of this call.
            let name = || unsafe { CStr::from_ptr(info.dlpi_name) }.to_owned();
            // Others than the GNU loader give the program its path, by which their dlopen does not find it.
            let name = if is_program || info.dlpi_name.is_null() { CString::default() } else { name() };
            objects.extend(Object::new(info).map(|object| (name, object)));
            false
        });
        objects
    }

    fn new(info: &libc::dl_phdr_info) -> Option<Object> {
        // SAFETY: the entry's program headers, as many as it says.
        let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
        let base = info.dlpi_addr as usize;
        let at = |header: &libc::Elf64_Phdr| base + header.p_vaddr as usize;
        let segments = headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
        let ranges = segments.map(|segment| at(segment)..at(segment) + segment.p_memsz as usize);
        let addresses = ranges.reduce(|whole, part| whole.start.min(part.start)..whole.end.max(part.end))?;
        let dynamic = headers.iter().find(|header| header.p_type == libc::PT_DYNAMIC).map_or(&[][..], |section| {
            // SAFETY: the section of a loaded object, of whole entries.
            unsafe { slice::from_raw_parts(at(section) as *const Entry, section.p_memsz as usize / size_of::<Entry>()) }
        });
        Some(Object { addresses, base, dynamic })
    }

    fn value(&self, tag: i64) -> Option<usize> {
        self.dynamic.iter().find(|entry| entry.tag == tag).map(|entry| entry.value as usize)
    }

    /// An address under a tag. The GNU loader has made it absolute; others leave it as it is in the file.
    fn address(&self, tag: i64) -> Option<usize> {
        self.value(tag).map(|value| if value < self.base { self.base + value } else { value })
    }

    /// Returns true if it names versions of what it defines.
    pub fn names_versions(&self) -> bool {
        self.value(DT_VERDEF).is_some()
    }

    /// Returns true if this version is among those of what it defines. (Read here, as musl has no dlvsym.)
    pub fn defines_version(&self, version: &CStr) -> bool {
        let (Some(mut start), Some(names)) = (self.address(DT_VERDEF), self.address(DT_STRTAB)) else { return false };
        for _ in 0..self.value(DT_VERDEFNUM).unwrap_or(0) {
            // SAFETY: the loader has read the definitions, as many as it says, with their names.
            let (name, next) = unsafe {
                let definition = &*(start as *const VersionDefinition);
                let name = *((start + definition.name as usize) as *const u32);
                (CStr::from_ptr((names + name as usize) as *const c_char), definition.next)
            };
            if name == version {
                return true;
            }
            start += next as usize;
        }
        false
    }

    /// Whether it takes a function of this name from others, bound by the loader: not one that it looks up by dlsym.
    pub fn takes(&self, function: &CStr) -> bool {
        let (Some(symbols), Some(names)) = (self.address(DT_SYMTAB), self.address(DT_STRTAB)) else { return false };
        let has_name = |relocation: &libc::Elf64_Rela| {
            let number = (relocation.r_info >> 32) as usize;
            // SAFETY: the loader has read the symbol and its name there before.
            unsafe {
                let symbol = &*(symbols as *const libc::Elf64_Sym).add(number);
                number != 0 && CStr::from_ptr((names + symbol.st_name as usize) as *const c_char) == function
            }
        };
        RELOCATIONS.iter().any(|table| {
            let (Some(start), Some(size)) = (self.address(table.address), self.value(table.size)) else { return false };
            // SAFETY: the loader has gone through the table before.
            let table = unsafe {
                slice::from_raw_parts(start as *const libc::Elf64_Rela, size / size_of::<libc::Elf64_Rela>())
            };
            table.iter().any(has_name)
        })
    }
}

/// Returns how many objects have been loaded so far, unloaded ones too.
pub fn loaded() -> u64 {
    let mut loaded = 0;
    visit(&mut |info| {
        loaded = info.dlpi_adds;
        true
    });
    loaded
}

/// Calls `look` for each object, in the loader's order, until it returns true.
fn visit(mut look: &mut dyn FnMut(&libc::dl_phdr_info) -> bool) {
    unsafe extern "C" fn call(info: *mut libc::dl_phdr_info, _size: usize, look: *mut c_void) -> c_int {
        // SAFETY: dl_iterate_phdr passes a valid entry, and the closure handed to it.
        let (info, look) = unsafe { (&*info, &mut *look.cast::<&mut dyn FnMut(&libc::dl_phdr_info) -> bool>()) };
        look(info).into()
    }
    // SAFETY: `call` has the type asked for and keeps nothing beyond the call.
    unsafe { libc::dl_iterate_phdr(Some(call), (&raw mut look).cast()) };
}
