//! The output: colours on a terminal only, and failures with an exit status.
#![forbid(unsafe_code)]

use std::fmt;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

/// For what is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// For what is not.
pub const BAD: Style = AnsiColor::Red.on_default();
/// For what somebody should look at.
pub const WARNING: Style = AnsiColor::Yellow.on_default();
/// For headings.
pub const STRONG: Style = Style::new().bold();

/// It could not be done, or not be found out.
pub const FAILED: u8 = 2;

/// The reason why a command could not be done: a sentence, or more, that say what to do.
#[derive(Debug)]
pub struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    /// Returns a failure with the exit status [`FAILED`].
    pub fn new(message: impl fmt::Display) -> Failure {
        Failure { message: message.to_string(), status: FAILED }
    }

    /// Returns the same failure with another exit status.
    pub fn with_status(self, status: u8) -> Failure {
        Failure { status, ..self }
    }

    /// Writes it to stderr. Returns its exit status.
    pub fn report(&self) -> ExitCode {
        complain(&self.message);
        ExitCode::from(self.status)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Returns a text that others have chosen, a file's name or a process's, without what a terminal would take for a command.
pub fn printable(text: &str) -> String {
    text.replace(char::is_control, "?")
}

/// Returns the same for a message, which may have several lines.
fn lines(message: &str) -> String {
    message.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Writes an error to stderr.
pub fn complain(message: &str) {
    anstream::eprintln!("{BAD}sslsession:{BAD:#} {}", lines(message));
}

/// Writes a warning to stderr.
pub fn warn(message: &str) {
    anstream::eprintln!("{WARNING}sslsession:{WARNING:#} {}", lines(message));
}

/// Prints a line, as Rust's own does, which panics if it cannot be written: to a full disk, for one.
macro_rules! println {
    () => { $crate::output::print(&"\n") };
    ($($argument:tt)*) => { $crate::output::print(&format_args!("{}\n", format_args!($($argument)*))) };
}
pub(crate) use println;

/// Prints a text, with its colours on a terminal only. Ends the command if it cannot be written.
pub fn print(text: &impl fmt::Display) {
    if let Err(error) = write!(anstream::stdout(), "{text}") {
        complain(&format!("stdout: {error}"));
        std::process::exit(i32::from(FAILED));
    }
}

/// Prints something as JSON.
pub fn print_json(value: &impl serde::Serialize) {
    println!("{}", serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Returns a number of bytes in the units that a store's size is given in.
pub fn size(bytes: u64) -> String {
    for (shift, unit) in [(30, 'G'), (20, 'M'), (10, 'K')] {
        if bytes >= 1 << shift && bytes.is_multiple_of(1 << shift) {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

/// Returns an age as its largest unit.
pub fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86400),
    }
}

/// A line on a terminal's stderr that says how far something is, if it takes longer than a second.
pub struct Progress {
    began: Instant,
    bar: Option<ProgressBar>,
    steps: u64,
    done: u64,
}

impl Progress {
    /// Begins something of so many steps.
    pub fn new(steps: u64) -> Progress {
        Progress { began: Instant::now(), bar: None, steps, done: 0 }
    }

    /// Counts steps that are done.
    pub fn advance(&mut self, steps: u64, doing: &'static str) {
        self.done += steps;
        if self.bar.is_none() && self.began.elapsed() > Duration::from_secs(1) {
            let style = ProgressStyle::with_template("{msg} {bar:30} {pos} of {len}");
            self.bar = Some(ProgressBar::new(self.steps).with_style(style.expect("a template that is well formed")));
        }
        if let Some(bar) = &self.bar {
            bar.set_message(doing);
            bar.set_position(self.done.min(self.steps));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{age, size};
    use std::time::Duration;

    #[test]
    fn sizes_are_those_that_the_settings_take() {
        for (bytes, text) in [(64 << 20, "64M"), (1 << 30, "1G"), (65536, "64K"), (65537, "65537"), (0, "0")] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn an_age_has_one_unit() {
        for (seconds, text) in [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 days")] {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
    }
}
