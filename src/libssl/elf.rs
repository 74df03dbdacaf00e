//! The loader's view of the objects in the process: their addresses and their dynamic sections.

use std::ffi::{CStr, CString, c_char, c_void};
use std::ops::Range;
use std::{iter, slice};

use super::loader::visit;

/// Tags of a dynamic section, as in <elf.h>: the definitions of its own symbol versions and their number, its symbols
/// and their names, and the hash tables that find them; the names of the objects it needs and its own; and the two
/// tables that the loader fills in, for calls and for the rest, each with its size in bytes.
const DT_VERDEF: i64 = 0x6fff_fffc;
const DT_VERDEFNUM: i64 = 0x6fff_fffd;
const DT_SYMTAB: i64 = 6;
const DT_STRTAB: i64 = 5;
const DT_HASH: i64 = 4;
const DT_NEEDED: i64 = 1;
const DT_SONAME: i64 = 14;
const DT_GNU_HASH: i64 = 0x6fff_fef5;
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

/// A symbol version that an object defines, as in <elf.h>. The offsets count from the entry's own start.
#[repr(C)]
struct VersionDefinition {
    _version_flags_index_count: [u16; 4],
    _hash: u32,
    name: u32,
    next: u32,
}

/// An object as it was found in the loader's list. It may have been unloaded since.
pub struct Listed {
    /// Its name in the list; the program, which is the first, has an empty one.
    pub name: CString,
    /// The name by which others need it; empty if it has none.
    soname: CString,
    /// True if it defines the symbol that was asked for.
    pub defines: bool,
    pub object: Object,
}

impl Listed {
    /// Returns all objects, in the loader's order, with a note of those that define a symbol.
    pub fn all(symbol: &CStr) -> Vec<Listed> {
        let mut all: Vec<Listed> = Vec::new();
        visit(&mut |info| {
            let is_program = all.is_empty();
            // SAFETY: the loader's names are NUL-terminated and stay for the time of this call.
            let name = || unsafe { CStr::from_ptr(info.dlpi_name) }.to_owned();
            // Others than the GNU loader give the program its path, by which their dlopen does not find it.
            let name = if is_program || info.dlpi_name.is_null() { CString::default() } else { name() };
            all.extend(Object::new(info).map(|object| {
                let soname = object.value(DT_SONAME).and_then(|offset| object.string(offset));
                let (soname, defines) = (soname.unwrap_or_default().to_owned(), object.symbol(symbol).is_some());
                Listed { name, soname, defines, object }
            }));
            false
        });
        all
    }
}

/// A loaded object; valid while it stays loaded.
#[derive(Clone)]
pub struct Object {
    /// Its addresses, from its first segment to its last.
    pub addresses: Range<usize>,
    /// The base of its own addresses.
    base: usize,
    dynamic: &'static [Entry],
}

impl Object {
    /// Returns the object at an address; None if there is none.
    pub fn at(address: *const c_void) -> Option<Object> {
        let mut found = None;
        visit(&mut |info| {
            found = Object::new(info).filter(|object| object.addresses.contains(&address.addr()));
            found.is_some()
        });
        found
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

    /// Returns the address under a tag. The GNU loader has made it absolute; others keep it as it is in the file.
    fn address(&self, tag: i64) -> Option<usize> {
        self.value(tag).map(|value| if value < self.base { self.base + value } else { value })
    }

    /// Returns true if it defines symbol versions.
    pub fn names_versions(&self) -> bool {
        self.value(DT_VERDEF).is_some()
    }

    /// Returns true if it defines this symbol version. (Read here, as musl has no dlvsym.)
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

    /// Returns the address of the symbol of this name that it defines; None if it defines none. (Read here, as the loader
    /// cannot be asked at all times: see `loader`.)
    pub fn symbol(&self, name: &CStr) -> Option<usize> {
        let (symbols, names) = (self.address(DT_SYMTAB)?, self.address(DT_STRTAB)?);
        let defined = |number: u32| {
            // SAFETY: a hash table numbers symbols of the table, whose names are NUL-terminated.
            let (symbol, its_name) = unsafe {
                let symbol = &*(symbols as *const libc::Elf64_Sym).add(number as usize);
                (symbol, CStr::from_ptr((names + symbol.st_name as usize) as *const c_char))
            };
            (symbol.st_shndx != 0 && its_name == name).then(|| self.base + symbol.st_value as usize)
        };
        match (self.address(DT_GNU_HASH), self.address(DT_HASH)) {
            // SAFETY: as its dynamic section says.
            (Some(table), _) => unsafe { GnuHash::at(table) }.candidates(name).find_map(defined),
            // SAFETY: the table begins with the number of its buckets and that of all symbols.
            (None, Some(table)) => (0..unsafe { *(table as *const [u32; 2]) }[1]).find_map(defined),
            (None, None) => None,
        }
    }

    /// Returns true if it needs another object by name.
    pub fn needs(&self, other: &Listed) -> bool {
        let file = other.name.to_bytes().rsplit(|&byte| byte == b'/').next();
        let is_other = |needed: &CStr| {
            [&other.soname, &other.name].iter().any(|name| name.as_c_str() == needed) || Some(needed.to_bytes()) == file
        };
        let needed = self.dynamic.iter().filter(|entry| entry.tag == DT_NEEDED);
        needed.filter_map(|entry| self.string(entry.value as usize)).any(is_other)
    }

    fn string(&self, offset: usize) -> Option<&CStr> {
        // SAFETY: an offset in the table of its strings, which are NUL-terminated.
        self.address(DT_STRTAB).map(|names| unsafe { CStr::from_ptr((names + offset) as *const c_char) })
    }

    /// Returns true if the loader binds a function of this name in it: not if it looks the function up by dlsym.
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
            // SAFETY: the loader has read the table before.
            let table = unsafe {
                slice::from_raw_parts(start as *const libc::Elf64_Rela, size / size_of::<libc::Elf64_Rela>())
            };
            table.iter().any(has_name)
        })
    }
}

/// A GNU hash table: its head, a filter of `filter_words` words, the buckets, and the hashes of all symbols from `first` on.
/// A bucket has the number of its first symbol; the hash of its last one is odd.
struct GnuHash {
    buckets: *const u32,
    bucket_count: u32,
    first: u32,
}

impl GnuHash {
    /// # Safety
    /// There must be such a table, for as long as this is used.
    unsafe fn at(table: usize) -> GnuHash {
        let head = table as *const u32;
        // SAFETY: by the caller's promise.
        unsafe {
            let (bucket_count, first, filter_words) = (*head, *head.add(1), *head.add(2));
            GnuHash { buckets: head.add(4).cast::<u64>().add(filter_words as usize).cast(), bucket_count, first }
        }
    }

    /// Returns the numbers of the symbols that may have this name.
    fn candidates(&self, name: &CStr) -> impl Iterator<Item = u32> {
        let hash = name.to_bytes().iter().fold(5381_u32, |hash, &byte| hash.wrapping_mul(33).wrapping_add(byte.into()));
        // SAFETY: one of the table's buckets, of which there is at least one.
        let start = unsafe { *self.buckets.add((hash % self.bucket_count.max(1)) as usize) };
        // SAFETY: the hashes follow the buckets, that of the first symbol first.
        let hash_of = move |number: u32| unsafe {
            *self.buckets.add(self.bucket_count as usize + (number - self.first) as usize)
        };
        let first = (start >= self.first).then_some(start);
        let chain = iter::successors(first, move |&number| (hash_of(number) & 1 == 0).then(|| number + 1));
        chain.filter(move |&number| hash_of(number) | 1 == hash | 1)
    }
}

/// Returns the number of objects loaded so far, unloaded ones too.
pub fn loaded() -> u64 {
    let mut loaded = 0;
    visit(&mut |info| {
        loaded = info.dlpi_adds;
        true
    });
    loaded
}
