//! `sslsession top`: the statistics, live, on a terminal.
//!
//! ```text
//!   every interval: read the stores ──► history   rates, and the hit ratio, of the intervals before
//!   every key:      q ends, arrows scroll  └────► screen    a row for each store and each of its processes
//! ```
#![forbid(unsafe_code)]

mod history;
mod screen;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::arguments::Top;
use crate::output::Failure;
use crate::stat;
use history::History;
use screen::Screen;

/// Shows the statistics until somebody presses q.
pub fn top(arguments: &Top) -> Result<ExitCode, Failure> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(Failure::new("top needs a terminal; `sslsession stat --watch` does without"));
    }
    // Before the screen changes: a name that is wrong is said where it can be read. What others have put among the stores
    // that nobody has named stops nothing.
    if !arguments.stores.is_empty()
        && let Some(refused) = stat::see(&arguments.stores).refused.into_iter().next()
    {
        return Err(refused);
    }
    let terminal = ratatui::try_init().map_err(|error| Failure::new(format!("the terminal: {error}")))?;
    let shown = show(terminal, arguments);
    ratatui::restore();
    shown.map(|()| ExitCode::SUCCESS).map_err(|error| Failure::new(format!("the terminal: {error}")))
}

fn show(mut terminal: DefaultTerminal, arguments: &Top) -> std::io::Result<()> {
    let interval = Duration::from_secs_f64(arguments.interval);
    let (mut history, mut screen) = (History::default(), Screen::new(interval));
    let mut next = Instant::now();
    loop {
        if Instant::now() >= next {
            let seen = stat::see(&arguments.stores);
            history.add(&seen.statistics, Instant::now());
            screen.complaint = seen.refused.first().map(ToString::to_string);
            next = Instant::now() + interval;
        }
        terminal.draw(|frame| screen.draw(frame, &history))?;
        if event::poll(next.saturating_duration_since(Instant::now()))?
            && let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
            && !on_key(key, &mut screen)
        {
            return Ok(());
        }
    }
}

/// Returns false for a key that ends it.
fn on_key(key: KeyEvent, screen: &mut Screen) -> bool {
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return false,
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return false,
        KeyCode::Down | KeyCode::Char('j') => screen.first = screen.first.saturating_add(1),
        KeyCode::Up | KeyCode::Char('k') => screen.first = screen.first.saturating_sub(1),
        _ => {}
    }
    true
}
