//! The program: which file it is, and if the library can be preloaded into it.
#![forbid(unsafe_code)]

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{AccessFlags, access, getegid, geteuid};

use super::{NOT_EXECUTABLE, NOT_FOUND};
use crate::elf::Elf;
use crate::output::Failure;
use crate::preload;

/// More scripts that are run by scripts than the kernel allows.
const MOST_SCRIPTS: usize = 5;

/// A program that can be executed.
pub struct Program {
    /// Its file, or its script's.
    pub path: PathBuf,
}

impl Program {
    /// Finds a program as a shell would.
    pub fn find(name: &OsStr) -> Result<Program, Failure> {
        let path = find(name).ok_or_else(|| {
            let message = format!("{}: there is no such program", name.display());
            Failure::new(message).with_status(NOT_FOUND)
        })?;
        if access(&path, AccessFlags::X_OK).is_err() || path.is_dir() {
            let message = format!("{}: is not executable", path.display());
            return Err(Failure::new(message).with_status(NOT_EXECUTABLE));
        }
        Ok(Program { path })
    }

    /// Returns its name, with nothing in it that a store's name may not have.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        name.replace(|c: char| !c.is_ascii_alphanumeric() && !"._-+".contains(c), "_")
    }

    /// Checks that the library can be preloaded. Returns what is wrong, a sentence each.
    pub fn check(&self, library: &Path) -> Vec<String> {
        let executed = match self.executed() {
            Ok(executed) => executed,
            Err(wrong) => return vec![wrong],
        };
        let name = executed.display();
        let elf = match Elf::read(&executed) {
            Ok(elf) => elf,
            Err(why) => return vec![format!("{name}: {why}")],
        };
        let ours = match Elf::read(library) {
            Ok(ours) => ours,
            Err(why) => return vec![format!("{}: {why}", library.display())],
        };
        let mut wrong = Vec::new();
        if let Some(rights) = more_rights(&executed) {
            wrong.push(format!(
                "{name}: has {rights}, so the loader preloads nothing: start it as a user who needs no more rights (with \
                 systemd: User= and AmbientCapabilities=)"
            ));
        }
        let Some(interpreter) = &elf.interpreter else {
            wrong.push(format!("{name}: is linked statically, so nothing can be preloaded: the library has no way in"));
            return wrong;
        };
        if elf.machine != ours.machine {
            wrong.push(format!("{name}: is of another architecture than {}", library.display()));
        } else if elf.is_for_musl() != ours.is_for_musl() {
            let [its, other] = if elf.is_for_musl() { ["musl", "glibc"] } else { ["glibc", "musl"] };
            wrong.push(format!("{name}: is for {its}, and {} for {other}", library.display()));
        } else {
            wrong.extend(check_loaded(&executed, &elf, interpreter, library));
        }
        wrong
    }

    /// Returns the ELF file that the kernel executes: the program, or what runs the script.
    fn executed(&self) -> Result<PathBuf, String> {
        let mut path = self.path.clone();
        for _ in 0..MOST_SCRIPTS {
            let mut start = Vec::new();
            let read = File::open(&path).and_then(|file| file.take(4096).read_to_end(&mut start));
            read.map_err(|error| format!("{}: {error}", path.display()))?;
            let Some(line) = start.strip_prefix(b"#!") else { return Ok(path) };
            let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
            path =
                interpreter(line).ok_or_else(|| format!("{}: what runs this script is not there", path.display()))?;
        }
        Err(format!("{}: is a script, run by scripts that are run by scripts", self.path.display()))
    }
}

/// Returns the program of a script's first line, and of /usr/bin/env's first argument that is one.
fn interpreter(line: &[u8]) -> Option<PathBuf> {
    let mut words = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let program = Path::new(OsStr::from_bytes(words.next()?));
    if program.file_name() != Some(OsStr::new("env")) {
        return program.is_file().then(|| program.to_owned());
    }
    let name = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='))?;
    find(OsStr::from_bytes(name))
}

/// Finds a file in PATH, or where its name says. One that cannot be executed is found if there is no other.
fn find(name: &OsStr) -> Option<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return Path::new(name).exists().then(|| PathBuf::from(name));
    }
    let path = env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/local/bin:/usr/bin:/bin"));
    let files: Vec<PathBuf> =
        env::split_paths(&path).map(|place| place.join(name)).filter(|file| file.is_file()).collect();
    let executable = files.iter().find(|file| access(*file, AccessFlags::X_OK).is_ok());
    executable.or(files.first()).cloned()
}

/// Returns the rights that a program has beyond its user's, if the kernel gives it any.
fn more_rights(path: &Path) -> Option<&'static str> {
    const SETUID: u32 = 0o4000;
    const SETGID_EXECUTABLE: u32 = 0o2010;
    let metadata = fs::metadata(path).ok()?;
    if metadata.mode() & SETUID != 0 && metadata.uid() != geteuid().as_raw() {
        return Some("the setuid bit");
    }
    if metadata.mode() & SETGID_EXECUTABLE == SETGID_EXECUTABLE && metadata.gid() != getegid().as_raw() {
        return Some("the setgid bit");
    }
    // Of root they are no more than it has.
    let has_capabilities = xattr::get(path, "security.capability").ok().flatten().is_some();
    (has_capabilities && !geteuid().is_root()).then_some("file capabilities (setcap)")
}

/// Has the program's loader list what it would load, without running the program. Returns what is wrong.
fn check_loaded(program: &Path, elf: &Elf, interpreter: &Path, library: &Path) -> Vec<String> {
    let mut loader = Command::new(interpreter);
    loader.arg("--list").arg(program).env(preload::VARIABLE, library).stdin(Stdio::null());
    let output = match loader.output() {
        Ok(output) => output,
        Err(error) => return vec![format!("{}: {error}", interpreter.display())],
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if let Some(refused) = said.lines().find(|line| line.contains("sslsession")) {
        return vec![format!("the loader refuses the library: {refused}")];
    }
    let mut listed = output.stdout.split(|&byte| byte == b'\n').filter_map(path_in).filter(|path| path != library);
    let found = listed.find_map(|path| Elf::read(&path).ok().filter(|elf| elf.has_libssl).map(|elf| (path, elf)));
    match found {
        // No versions at all: one that was built for this program.
        Some((_, libssl)) if libssl.is_served() || libssl.versions.is_empty() => Vec::new(),
        Some((path, _)) => vec![format!("{}: is no libssl that is served: OpenSSL 1.1.0 to 4", path.display())],
        None if elf.has_libssl => {
            vec![format!("{}: has a libssl inside, whose functions cannot be preloaded", program.display())]
        }
        // What runs scripts mostly loads it later.
        None => Vec::new(),
    }
}

/// Returns the path in a line of the loader's list: `name => path (address)`, or `path (address)`.
fn path_in(line: &[u8]) -> Option<PathBuf> {
    let line = line.trim_ascii();
    let end = line.windows(2).rposition(|two| two == b" (")?;
    let path = match line.windows(4).position(|four| four == b" => ") {
        Some(arrow) => line.get(arrow + 4..end)?,
        None => line.get(..end)?,
    };
    path.starts_with(b"/").then(|| PathBuf::from(OsString::from_vec(path.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::{interpreter, path_in};
    use std::path::Path;

    #[test]
    fn lines_of_the_loader() {
        for (line, path) in [
            (
                "\tlibssl.so.3 => /usr/lib/x86_64-linux-gnu/libssl.so.3 (0x00007f)",
                Some("/usr/lib/x86_64-linux-gnu/libssl.so.3"),
            ),
            ("\t/a b/libsslsession.so (0x00007f)", Some("/a b/libsslsession.so")),
            ("\tlinux-vdso.so.1 (0x00007f)", None),
            ("\tlibgone.so => not found", None),
            ("\tstatically linked", None),
            ("", None),
        ] {
            assert_eq!(path_in(line.as_bytes()).as_deref(), path.map(Path::new), "{line}");
        }
    }

    #[test]
    fn first_lines_of_scripts() {
        for (line, program) in [
            ("/bin/sh", Some("sh")),
            (" /bin/sh -eu", Some("sh")),
            ("/usr/bin/env sh", Some("sh")),
            ("/usr/bin/env -S A=b sh -x", Some("sh")),
            ("/no/such/program", None),
            ("/usr/bin/env", None),
            ("", None),
        ] {
            let found = interpreter(line.as_bytes());
            assert_eq!(found.as_ref().and_then(|path| path.file_name()), program.map(|name| name.as_ref()), "{line}");
        }
    }
}
