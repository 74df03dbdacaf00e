//! What a program or a library is, from its ELF file.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use object::elf::{DT_NEEDED, PT_DYNAMIC, PT_INTERP, VER_FLG_BASE};
use object::read::elf::{Dyn, ElfFile, FileHeader, ProgramHeader};
use object::{Endianness, FileKind, Object, ObjectSymbol};

/// The nodes of the releases of OpenSSL that the library serves.
const SERVED: [&str; 4] = ["OPENSSL_1_1_0", "OPENSSL_1_1_1", "OPENSSL_3.0.0", "OPENSSL_4.0.0"];

/// What is known of an ELF file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elf {
    /// The dynamic loader that it names.
    pub interpreter: Option<PathBuf>,
    /// It is linked dynamically, by itself or as a library.
    pub is_dynamic: bool,
    /// Its processor and word size, as numbers of ELF.
    pub machine: (u16, bool),
    /// The libraries that it needs.
    pub needed: Vec<String>,
    /// It defines SSL_CTX_new for others, so a libssl is in it.
    pub has_libssl: bool,
    /// The symbol versions that it defines.
    pub versions: BTreeSet<String>,
    /// Its build id, in hexadecimal digits.
    pub build_id: Option<String>,
}

impl Elf {
    /// Reads a file. If it is not ELF, or is damaged: why.
    pub fn read(path: &Path) -> Result<Elf, String> {
        Elf::of_file(&File::open(path).map_err(|error| error.to_string())?)
    }

    /// Reads an open file.
    pub fn of_file(mut file: &File) -> Result<Elf, String> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Elf::of(&bytes)
    }

    fn of(bytes: &[u8]) -> Result<Elf, String> {
        let read = match FileKind::parse(bytes) {
            Ok(FileKind::Elf64) => {
                ElfFile::<object::elf::FileHeader64<Endianness>>::parse(bytes).and_then(|f| of_file(&f))
            }
            Ok(FileKind::Elf32) => {
                ElfFile::<object::elf::FileHeader32<Endianness>>::parse(bytes).and_then(|f| of_file(&f))
            }
            _ => return Err("is no ELF file".to_owned()),
        };
        read.map_err(|error| format!("is a damaged ELF file: {error}"))
    }

    /// Returns true if it is for musl, by its loader or by the C library that it needs.
    pub fn is_for_musl(&self) -> bool {
        let by_loader = self.interpreter.as_ref().is_some_and(|path| path.to_string_lossy().contains("/ld-musl-"));
        by_loader || self.needed.iter().any(|name| name == "libc.so" || name.starts_with("libc.musl-"))
    }

    /// Returns true for a libssl whose symbol versions the library knows.
    pub fn is_served(&self) -> bool {
        SERVED.iter().any(|node| self.versions.contains(*node))
    }
}

fn of_file<H: FileHeader<Endian = Endianness>>(file: &ElfFile<'_, H>) -> object::Result<Elf> {
    let (header, endian, data) = (file.elf_header(), file.endian(), file.data());
    let mut elf = Elf { machine: (header.e_machine(endian).0, file.is_64()), ..Elf::default() };
    for segment in header.program_headers(endian, data)? {
        match segment.p_type(endian) {
            PT_DYNAMIC => elf.is_dynamic = true,
            PT_INTERP => elf.interpreter = segment.interpreter(endian, data)?.map(path_of),
            _ => {}
        }
    }
    let sections = header.sections(endian, data)?;
    if let Some((entries, link)) = sections.dynamic(endian, data)? {
        let strings = sections.strings(endian, data, link)?;
        for entry in entries.iter().filter(|entry| entry.tag(endian) == DT_NEEDED) {
            elf.needed.push(String::from_utf8_lossy(entry.string(endian, strings)?).into_owned());
        }
    }
    if let Some((mut definitions, link)) = sections.gnu_verdef(endian, data)? {
        let strings = sections.strings(endian, data, link)?;
        while let Some((definition, mut names)) = definitions.next()? {
            if !definition.vd_flags.get(endian).contains(VER_FLG_BASE)
                && let Some(name) = names.next()?
            {
                elf.versions.insert(String::from_utf8_lossy(name.name(endian, strings)?).into_owned());
            }
        }
    }
    let defines =
        |symbol: object::read::elf::ElfSymbol<'_, '_, H>| symbol.is_definition() && symbol.name() == Ok("SSL_CTX_new");
    elf.has_libssl = file.dynamic_symbols().any(defines);
    elf.build_id = file.build_id()?.map(|id| id.iter().map(|byte| format!("{byte:02x}")).collect());
    Ok(elf)
}

fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}
