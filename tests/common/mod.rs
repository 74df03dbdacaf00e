//! Helpers of the integration tests: the library under test, scratch directories, and children with a deadline.
#![allow(dead_code)] // each test binary uses a part of this

pub mod process;

use std::{
    env, fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Returns the directory of the library's Cargo.toml, also for the tests of the packages in `cli` and `store`.
pub fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    if env!("CARGO_PKG_NAME") == "sslsession" { package } else { package.parent().unwrap_or(package) }
}

/// Returns the `libsslsession.so` under test, an absolute path; the same for the whole run.
///
/// It is the one that `SSLSESSION_TEST_LIBRARY` names. Without that variable cargo builds it here in the profile
/// `checked`, so a test never meets a library older than its sources. Panics, with cargo's words, if there is none.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = match env::var_os("SSLSESSION_TEST_LIBRARY") {
            Some(named) => {
                fs::canonicalize(&named).unwrap_or_else(|error| panic!("SSLSESSION_TEST_LIBRARY={named:?}: {error}"))
            }
            None => build_library(),
        };
        link_soname(&library);
        library
    })
}

/// The name by which the loader looks for the library where a program was linked with it.
pub const SONAME: &str = "libsslsession.so.0";

/// Makes the library's directory one that linked programs find it in; cargo knows no SONAME.
fn link_soname(library: &Path) {
    let link = library.with_file_name(SONAME);
    match symlink(library.file_name().expect("a file has a name"), &link) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => panic!("{}: {error}", link.display()),
        _ => {}
    }
}

/// Returns the directory for the linker's `-L`, and for LD_LIBRARY_PATH of the result.
pub fn library_dir() -> &'static Path {
    library().parent().expect("an absolute path of a file has a parent")
}

/// Returns cargo's target directory.
pub fn target_dir() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo's directory for tests is in its target directory")
}

fn build_library() -> PathBuf {
    let target = target_dir();
    let cargo = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--lib", "--profile", "checked", "--target-dir"])
        .arg(target)
        .current_dir(root())
        .output()
        .expect("cargo can be started");
    let library = target.join("checked/libsslsession.so");
    assert!(
        cargo.status.success() && library.is_file(),
        "no library to test: `cargo build --lib --profile checked` says\n{}",
        String::from_utf8_lossy(&cargo.stderr)
    );
    library
}

/// Returns the object of the remote store under test: the one that SSLSESSION_TEST_REMOTE_LIBRARY names, or one that cargo
/// builds here.
pub fn remote_library() -> &'static Path {
    static OBJECT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        if let Some(named) = env::var_os("SSLSESSION_TEST_REMOTE_LIBRARY") {
            return fs::canonicalize(named).expect("SSLSESSION_TEST_REMOTE_LIBRARY is a file");
        }
        let target = target_dir().join("remote");
        let cargo = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--release", "--locked", "--manifest-path"])
            .arg(root().join("remote/Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .status()
            .expect("cargo can be started");
        assert!(cargo.success(), "no remote library to test");
        target.join("release/libsslsession_remote.so")
    };
    OBJECT.get_or_init(build)
}

/// Returns the C compiler of this machine: the one that CC names, with CFLAGS.
pub fn c_compiler() -> Command {
    compiler(&host(), false)
}

/// Returns the same for C++: CXX, CXXFLAGS.
pub fn cpp_compiler() -> Command {
    compiler(&host(), true)
}

/// Returns the C compiler that makes programs of another target.
pub fn cross_compiler(target: &str) -> Command {
    compiler(target, false)
}

fn host() -> String {
    format!("{}-unknown-linux-gnu", env::consts::ARCH)
}

fn compiler(target: &str, is_cpp: bool) -> Command {
    let mut build = cc::Build::new();
    build.target(target).host(&host()).opt_level(1).cpp(is_cpp).no_default_flags(true).cargo_metadata(false);
    build.get_compiler().to_command()
}

/// A fresh directory that removes itself, with all that is in it, when dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one whose name begins with `purpose`. Panics if it cannot.
    pub fn new(purpose: &str) -> Scratch {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("sslsession-{purpose}-{}-{count}", std::process::id());
            let path = env::temp_dir().join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Scratch(path),
                // left by a killed run whose process id has come round again
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("cannot make {}: {error}", path.display()),
            }
        }
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path of `name` in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}
