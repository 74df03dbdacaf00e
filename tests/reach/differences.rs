//! `tests/reach/differences`: what is known to differ from one libssl to the next, and why.

use crate::common;
use std::fs;

/// A line of the file: over these libssls, this program prints something else than it does without the library.
struct Difference {
    libssl: String,
    program: String,
    reason: String,
}

/// The whole file.
pub struct Differences(Vec<Difference>);

impl Differences {
    /// Reads the file. Panics if a line of it has no reason.
    pub fn read() -> Differences {
        let path = common::root().join("tests/reach/differences");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let parse = |line: &str| {
            let mut words = line.split_whitespace().map(str::to_owned);
            let (libssl, program) = (words.next(), words.next());
            match (libssl, program, words.collect::<Vec<_>>().join(" ")) {
                (Some(libssl), Some(program), reason) if !reason.is_empty() => Difference { libssl, program, reason },
                _ => panic!("{}: LIBSSL PROGRAM REASON is not in {line:?}", path.display()),
            }
        };
        Differences(lines.map(parse).collect())
    }

    /// Returns the reason why `program` differs over `libssl`; none if it must not.
    pub fn reason(&self, libssl: &str, program: &str) -> Option<&str> {
        let known = self.0.iter().find(|known| matches(&known.libssl, libssl) && known.program == program);
        known.map(|known| known.reason.as_str())
    }

    /// Returns true if `libssl` alone crashes there: the reason begins with that.
    pub fn is_crash(&self, libssl: &str, program: &str) -> bool {
        self.reason(libssl, program).is_some_and(|reason| reason.starts_with("crashes"))
    }
}

/// Returns true if `name` is the pattern, or begins with what the pattern has before a `*` at its end.
fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}
