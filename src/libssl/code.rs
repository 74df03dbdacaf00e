//! Names a function so that other processes understand the name: the object's build id, and the offset in it.

use std::ffi::{c_int, c_void};
use std::slice;

/// The type of the note that has a build id, as in <elf.h>.
const NT_GNU_BUILD_ID: u32 = 3;
/// A build id is the hash of an object's contents: 20 bytes as GNU ld and LLD make it.
const MAX_BUILD_ID: usize = 32;

/// A function of an object file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    build_id: [u8; MAX_BUILD_ID],
    offset: usize,
}

impl Code {
    /// Returns the name of the function at `address`; None if it is in no object, or in one without a build id.
    pub fn at(address: usize) -> Option<Code> {
        let mut search = Search { address, found: None };
        // SAFETY: `look` has the type asked for and keeps nothing beyond the call.
        unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut search).cast()) };
        search.found
    }

    /// Returns the name as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        [&self.build_id[..], &self.offset.to_le_bytes()].concat()
    }
}

struct Search {
    address: usize,
    found: Option<Code>,
}

unsafe extern "C" fn look(info: *mut libc::dl_phdr_info, _size: usize, search: *mut c_void) -> c_int {
    // SAFETY: dl_iterate_phdr passes a valid entry, and the search handed to it.
    let (info, search) = unsafe { (&*info, &mut *search.cast::<Search>()) };
    // SAFETY: the entry's program headers, as many as it says.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let base = info.dlpi_addr as usize;
    let contains = |segment: &libc::Elf64_Phdr| {
        let start = base + segment.p_vaddr as usize;
        segment.p_type == libc::PT_LOAD && (start..start + segment.p_memsz as usize).contains(&search.address)
    };
    if !headers.iter().any(contains) {
        return 0;
    }
    let notes = headers.iter().filter(|segment| segment.p_type == libc::PT_NOTE).map(|segment| {
        // SAFETY: a segment of an object that stays loaded during the call.
        unsafe { slice::from_raw_parts((base + segment.p_vaddr as usize) as *const u8, segment.p_memsz as usize) }
    });
    search.found = notes.filter_map(build_id).next().map(|build_id| Code { build_id, offset: search.address - base });
    1
}

/// Returns the build id among an object's notes. Each is three numbers, a name and a description, both padded to 4 bytes.
fn build_id(mut notes: &[u8]) -> Option<[u8; MAX_BUILD_ID]> {
    while notes.len() >= 12 {
        let number = |at: usize| u32::from_ne_bytes([notes[at], notes[at + 1], notes[at + 2], notes[at + 3]]);
        let (name_length, length, kind) = (number(0) as usize, number(4) as usize, number(8));
        let start = 12 + name_length.next_multiple_of(4);
        let (name, description) = (notes.get(12..12 + name_length)?, notes.get(start..start + length)?);
        if kind == NT_GNU_BUILD_ID && name == b"GNU\0" && (8..=MAX_BUILD_ID).contains(&length) {
            let mut id = [0; MAX_BUILD_ID];
            id[..length].copy_from_slice(description);
            return Some(id);
        }
        notes = notes.get(start + length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Code, build_id};

    #[test]
    fn a_build_id_is_found_after_other_notes() {
        let note = |kind: u32, description: &[u8]| {
            let numbers = [4, description.len() as u32, kind].map(u32::to_ne_bytes).concat();
            [&numbers[..], b"GNU\0", description].concat()
        };
        let notes = [note(5, &[1; 16]), note(3, &[7; 20])].concat();
        let found = build_id(&notes).expect("there is one");
        assert_eq!((&found[..20], &found[20..]), (&[7; 20][..], &[0; 12][..]));
        for end in 0..notes.len() {
            assert_eq!(build_id(&notes[..end]), None);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no dynamic loader")]
    fn what_is_in_no_object_has_no_name() {
        let on_the_stack = 0_u8;
        assert_eq!(Code::at((&raw const on_the_stack).addr()), None);
    }
}
