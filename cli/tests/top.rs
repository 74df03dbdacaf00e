//! `sslsession top` on a terminal: tmux's, whose screen is read.

mod support;

use std::fs;

use support::common::{self, Scratch};
use support::{Name, Server, plain, printed, said, sslsession, wait_until, with_certificate};

/// A terminal; it is closed, and what runs in it ended, when this is dropped.
struct Terminal<'a> {
    socket: std::path::PathBuf,
    _scratch: &'a Scratch,
}

impl Terminal<'_> {
    fn start<'a>(scratch: &'a Scratch, command: &str) -> Terminal<'a> {
        let terminal = Terminal { socket: scratch.join("tmux"), _scratch: scratch };
        // The shell stays after the command, so that its end can be seen.
        let command = format!("{command}; echo ended with $?; exec sleep 1000");
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "140", "-y", "24", "sh", "-c", &command]);
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        printed(plain("tmux").arg("-S").arg(&self.socket).args(arguments))
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    fn wait_for(&self, what: &str, holds: impl Fn(&str) -> bool) {
        wait_until(what, || holds(&self.screen()));
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        said(plain("tmux").arg("-S").arg(&self.socket).arg("kill-server"));
    }
}

#[test]
fn it_shows_rates_while_clients_connect_and_leaves_the_terminal_as_it_was() {
    let scratch = with_certificate("top");
    let name = Name::new("top");
    let mut server = Server::start(&scratch, |port| {
        let mut command = support::s_server(port);
        command.env("LD_PRELOAD", common::library()).env("SSLSESSION_STORE", name.setting());
        command
    });
    let command = env!("CARGO_BIN_EXE_sslsession");
    let terminal = Terminal::start(&scratch, &format!("{command} top --interval 0.2 {}", name.0));
    terminal
        .wait_for("its first screen", |screen| screen.contains("sslsession top: 1 stores, 1 processes, every 0.2 s"));
    let process = format!("  {} openssl", server.id());
    terminal.wait_for("a row for the process", |screen| screen.contains(&process));
    printed(&mut sslsession(["check", &server.address(), "-n", "20"]));
    // A bar for the interval, after the numbers have gone back.
    terminal.wait_for("sparklines", |screen| {
        let mut rows = screen.lines().filter(|line| line.contains(&name.0) || line.contains(&process));
        rows.clone().count() == 2 && rows.all(|row| row.contains('█'))
    });
    terminal.wait_for("the sessions", |screen| {
        let row = screen.lines().find(|line| line.contains(&name.0)).unwrap_or_default();
        row.split_whitespace()
            .nth(1)
            .and_then(|sessions| sessions.parse::<u64>().ok())
            .is_some_and(|sessions| sessions > 2)
    });
    terminal.tmux(&["send-keys", "Down"]);
    terminal
        .wait_for("the first row is off the screen", |screen| !screen.contains(&name.0) && screen.contains(&process));
    server.stop(libc::SIGKILL);
    terminal.wait_for("the process is gone", |screen| screen.contains("1 stores, 0 processes"));
    terminal.tmux(&["send-keys", "q"]);
    terminal.wait_for("its end", |screen| screen.contains("ended with 0") && !screen.contains("sslsession top:"));
}

/// Everybody may put a file beside the stores.
#[test]
fn a_file_that_nobody_has_named_stops_nothing() {
    let name = Name::new("top-nonsense");
    let mut nonsense = vec![0; 1 << 20];
    nonsense[..16].copy_from_slice(b"sslsession store");
    nonsense[16..20].copy_from_slice(&3u32.to_ne_bytes());
    nonsense[24..32].copy_from_slice(&(1u64 << 20).to_ne_bytes());
    nonsense[576] = 1;
    fs::write(name.path(), nonsense).expect("a file of this test");
    let seen = said(&mut sslsession(["stat"]));
    assert_eq!((seen.status, seen.stderr.contains(&name.0)), (Some(0), true), "{seen:?}");
    assert_eq!(said(&mut sslsession(["stat", &name.0])).status, Some(2));
    let scratch = Scratch::new("top");
    let terminal = Terminal::start(&scratch, &format!("{} top", env!("CARGO_BIN_EXE_sslsession")));
    terminal.wait_for("its screen", |screen| screen.contains("sslsession top:"));
    terminal.tmux(&["send-keys", "q"]);
    terminal.wait_for("its end", |screen| screen.contains("ended with 0"));
}

#[test]
fn without_a_terminal_or_a_store_it_says_so() {
    let piped = said(&mut sslsession(["top"]));
    assert_eq!((piped.status, piped.stderr.contains("needs a terminal")), (Some(2), true), "{piped:?}");
    let scratch = Scratch::new("top");
    let terminal = Terminal::start(&scratch, &format!("{} top no-such-store", env!("CARGO_BIN_EXE_sslsession")));
    terminal.wait_for("why not", |screen| screen.contains("there is no such store") && screen.contains("ended with 2"));
}
