//! The libssls that programs run over: the system's, and others that `tests/reach` has scripts for.

use crate::common::{self, process};
use std::{
    env, fmt,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

/// The time limit for fetching or building one of them.
const FETCHING: Duration = Duration::from_secs(1800);

/// A C library and a processor: what a program and the library under test have to be built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    Native,
    Musl,
    Arm64,
    MuslArm64,
}

impl Platform {
    /// Returns the library under test for this platform: for another than the host's, what `make dist` made; none
    /// where it did not.
    pub fn library(self) -> Option<PathBuf> {
        let target = match self {
            Platform::Native => return Some(common::library().to_owned()),
            Platform::Musl => "x86_64-unknown-linux-musl",
            Platform::Arm64 => "aarch64-unknown-linux-gnu",
            Platform::MuslArm64 => "aarch64-unknown-linux-musl",
        };
        let name = format!("dist/sslsession-{}-{target}/lib/libsslsession.so", env!("CARGO_PKG_VERSION"));
        Some(common::target_dir().join(name)).filter(|library| library.is_file())
    }

    fn script_argument(self) -> Option<&'static str> {
        match self {
            Platform::Native => None,
            Platform::Musl => Some("musl"),
            Platform::Arm64 => Some("arm64"),
            Platform::MuslArm64 => Some("musl-arm64"),
        }
    }
}

/// The libssl that a program is linked with and runs on.
pub struct Libssl {
    name: String,
    platform: Platform,
    /// The script that makes it and its argument; none for the system's.
    script: Option<(&'static str, String)>,
    /// All modes are run that there are over it, and not the most telling ones alone.
    thorough: bool,
    made: OnceLock<Result<Made, String>>,
}

/// Directories of the cache.
struct Made {
    libssl: Option<PathBuf>,
    platform: Option<PathBuf>,
}

/// The name of the system's libssl where the run is not told another: OpenSSL 3.0, as in Debian 12.
const REFERENCE: &str = "system";

/// Wheels, of which each takes seconds: what `make test` runs over without being asked.
const QUICK: &str = "1.1.1w 3.5.4 3.5.8 musl-3.1.7 musl-3.5.7";

impl Libssl {
    /// Returns the system's own: its behaviour is the reference, and all modes run on it.
    pub fn system() -> Libssl {
        let name = env::var("SSLSESSION_TEST_SYSTEM").unwrap_or_else(|_| REFERENCE.to_owned());
        Libssl { name, platform: Platform::Native, script: None, thorough: true, made: OnceLock::new() }
    }

    /// Returns the others of this run: those that `SSLSESSION_TEST_LIBSSLS` names, separated by blanks. Reports and
    /// skips one whose platform has no library to test.
    pub fn others() -> Vec<Libssl> {
        let asked = env::var("SSLSESSION_TEST_LIBSSLS").ok();
        let names = asked.as_deref().unwrap_or(QUICK).split_whitespace();
        let named = names.map(|name| Libssl::named(name, asked.is_some()));
        named
            .filter(|libssl| {
                let tested = libssl.platform == Platform::Native || libssl.platform.library().is_some();
                if !tested {
                    eprintln!("{libssl}: not run over, as `make dist` made no library for {:?}", libssl.platform);
                }
                tested
            })
            .collect()
    }

    /// Returns the libssl of a name: `openssl-3.2.1` is built from source, `arm64` is Debian's for that processor,
    /// others come in wheels.
    fn named(name: &str, thorough: bool) -> Libssl {
        let (platform, script) = match name {
            "arm64" => (Platform::Arm64, ("platform", "arm64")),
            _ if name.starts_with("musl-arm64-") => (Platform::MuslArm64, ("wheel", name)),
            _ if name.starts_with("musl-") => (Platform::Musl, ("wheel", name)),
            _ => match name.strip_prefix("openssl-") {
                Some(release) => (Platform::Native, ("openssl", release)),
                None => (Platform::Native, ("wheel", name)),
            },
        };
        let script = Some((script.0, script.1.to_owned()));
        Libssl { name: name.to_owned(), platform, script, thorough, made: OnceLock::new() }
    }

    /// Its name, in those of the tests and in `tests/reach/differences`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns true for OpenSSL 1.1.1.
    pub fn is_1_1_1(&self) -> bool {
        self.name == "debian-bullseye" || self.name.contains("1.1.1")
    }

    /// Returns true for the libssl of Debian 12, which the library follows where there is none.
    pub fn is_reference(&self) -> bool {
        [REFERENCE, "debian-bookworm"].contains(&self.name())
    }

    /// Returns true for the one that the compiler finds by itself.
    pub fn is_system(&self) -> bool {
        self.script.is_none()
    }

    /// Returns true if all modes run on it, and not only the most telling ones.
    pub fn is_thorough(&self) -> bool {
        self.thorough
    }

    /// Returns true if programs run under valgrind over it.
    pub fn has_valgrind(&self) -> bool {
        self.platform == Platform::Native && self.thorough
    }

    /// Returns true if its C library is musl.
    pub fn is_musl(&self) -> bool {
        matches!(self.platform, Platform::Musl | Platform::MuslArm64)
    }

    /// Returns the library under test for the platform of this libssl.
    pub fn library(&self) -> PathBuf {
        self.platform.library().expect("others() keeps none without")
    }

    /// Returns the compiler, so that what it makes is linked with this libssl and finds it when it runs.
    pub fn cc(&self) -> Result<Command, String> {
        let made = self.made()?;
        let mut cc = match self.platform {
            Platform::Native | Platform::Musl => common::c_compiler(),
            Platform::Arm64 | Platform::MuslArm64 => common::cross_compiler("aarch64-unknown-linux-gnu"),
        };
        match (self.platform, &made.platform) {
            (Platform::Musl, Some(root)) => {
                cc.arg("-specs").arg(root.join("usr/lib/x86_64-linux-musl/musl-gcc.specs")).arg("-Wl,--build-id");
            }
            (Platform::MuslArm64, Some(root)) => {
                cc.arg("-specs").arg(root.join("usr/lib/aarch64-linux-musl/musl-gcc.specs")).arg("-Wl,--build-id");
                // gcc's own part for those asks the C library what only glibc tells
                cc.arg("-mno-outline-atomics");
            }
            (Platform::Arm64, Some(root)) => {
                cc.arg(format!("--sysroot={}", root.display()));
            }
            _ => {}
        }
        if let Some(directory) = &made.libssl {
            let lib = directory.join("lib");
            cc.arg("-isystem").arg(directory.join("include")).arg("-L").arg(&lib);
            // an rpath of the old kind, which libssl's own search for libcrypto inherits
            cc.arg(format!("-Wl,--disable-new-dtags,-rpath,{}", lib.display()));
        }
        Ok(cc)
    }

    /// Starts `program`, under an emulator where the processor is another.
    pub fn command(&self, program: &Path) -> Result<Command, String> {
        Ok(match (self.platform, &self.made()?.platform) {
            (Platform::Arm64 | Platform::MuslArm64, Some(root)) => {
                let mut emulator = Command::new("qemu-aarch64-static");
                emulator.arg("-L").arg(root).arg(program);
                // For programs that start themselves anew, tests-c/itself.h.
                emulator.env("TESTS_C_EMULATOR", "qemu-aarch64-static").env("TESTS_C_EMULATOR_ROOT", root);
                emulator
            }
            _ => Command::new(program),
        })
    }

    /// Returns the factor by which a program may take longer.
    pub fn slowness(&self) -> u32 {
        match self.platform {
            Platform::Native | Platform::Musl => 1,
            Platform::Arm64 | Platform::MuslArm64 => 10,
        }
    }

    fn made(&self) -> Result<&Made, String> {
        let make = || {
            let platform = self.platform.script_argument();
            let platform = platform.map(|argument| script("platform", argument)).transpose()?;
            let libssl = match &self.script {
                Some(("platform", _)) | None => None,
                Some((name, argument)) => Some(script(name, argument)?),
            };
            Ok(Made { libssl, platform })
        };
        self.made.get_or_init(make).as_ref().map_err(String::clone)
    }
}

impl fmt::Display for Libssl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Runs a script of `tests/reach`; the directory that it prints.
fn script(name: &str, argument: &str) -> Result<PathBuf, String> {
    let mut script = Command::new(common::root().join("tests/reach").join(name));
    let outcome = process::run(script.arg(argument), FETCHING);
    if !outcome.success() {
        return Err(format!("tests/reach/{name} {argument} {outcome}"));
    }
    let printed = String::from_utf8_lossy(&outcome.stdout);
    printed.lines().last().map(PathBuf::from).ok_or_else(|| format!("tests/reach/{name} printed nothing"))
}
