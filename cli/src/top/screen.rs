//! The screen: a row for each store and each of its processes, and one below it if that has a remote store.
#![forbid(unsafe_code)]

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::widgets::{Paragraph, RenderDirection, Sparkline, SparklineBar};

use super::history::{History, Interval, Past, RemoteRates};
use crate::statistics::{ProcessStatistics, Remote, Statistics};

/// Largest value of a hit ratio's sparkline.
const PER_MILLE: u64 = 1000;

/// State of the screen beside the statistics.
pub struct Screen {
    /// The first row that is shown.
    pub first: usize,
    /// A store that cannot be read.
    pub complaint: Option<String>,
    interval: Duration,
    has_colours: bool,
}

/// A row.
struct Row<'a> {
    name: String,
    sessions: String,
    full: String,
    past: Option<&'a Past>,
    is_store: bool,
    /// Words about the remote store, which are below the row.
    remote: Option<String>,
}

impl Screen {
    /// Returns the screen of statistics that are read at that interval.
    pub fn new(interval: Duration) -> Screen {
        let has_colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Screen { first: 0, complaint: None, interval, has_colours }
    }

    /// Draws it.
    pub fn draw(&mut self, frame: &mut Frame, history: &History) {
        let [title, heads, body, foot] =
            Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)])
                .areas(frame.area());
        let rows = rows(history);
        let processes: usize = history.stores.iter().map(|store| store.processes.len()).sum();
        let (stores, seconds) = (history.stores.len(), self.interval.as_secs_f64());
        let text = format!("sslsession top: {stores} stores, {processes} processes, every {seconds} s");
        frame.render_widget(Paragraph::new(text).style(Style::new().add_modifier(Modifier::BOLD)), title);
        draw_heads(frame, heads);
        if rows.is_empty() {
            frame.render_widget(Paragraph::new("There are no shared stores that can be seen from here."), body);
        }
        self.first = self.first.min(rows.len().saturating_sub(1));
        let mut lines = body.rows();
        for row in rows.iter().skip(self.first) {
            let Some(line) = lines.next() else { break };
            self.draw_row(frame, row, line);
            if let Some(remote) = &row.remote
                && let Some(line) = lines.next()
            {
                frame.render_widget(Paragraph::new(remote.as_str()), line);
            }
        }
        let keys = self.complaint.clone().unwrap_or_else(|| "q quit   ↑ ↓ scroll".to_owned());
        frame.render_widget(Paragraph::new(keys).style(Style::new().add_modifier(Modifier::DIM)), foot);
    }

    fn draw_row(&self, frame: &mut Frame, row: &Row, line: Rect) {
        let [name, sessions, full, ratio, ratios, lookups, all_lookups, stored, all_stored] = columns(line);
        let style = if row.is_store { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        frame.render_widget(Paragraph::new(row.name.as_str()).style(style), name);
        frame.render_widget(Paragraph::new(row.sessions.as_str()).right_aligned(), sessions);
        frame.render_widget(Paragraph::new(row.full.as_str()).right_aligned(), full);
        let Some(past) = row.past else { return };
        let Some(last) = past.intervals.back() else { return };
        let percent = last.hit_ratio.map_or("-".to_owned(), |ratio| format!("{:.0} %", 100.0 * ratio));
        frame.render_widget(Paragraph::new(percent).right_aligned(), ratio);
        frame.render_widget(Paragraph::new(rate(last.lookups_per_second)).right_aligned(), lookups);
        frame.render_widget(Paragraph::new(rate(last.stored_per_second)).right_aligned(), stored);
        let per_mille = |interval: &Interval| interval.hit_ratio.map(|ratio| (ratio * PER_MILLE as f64) as u64);
        self.draw_line(frame, past, ratios, Color::Green, Some(PER_MILLE), per_mille);
        let hundredths = |rate: f64| Some((rate * 100.0) as u64);
        self.draw_line(frame, past, all_lookups, Color::Cyan, None, |of| hundredths(of.lookups_per_second));
        self.draw_line(frame, past, all_stored, Color::Yellow, None, |of| hundredths(of.stored_per_second));
    }

    /// Draws a sparkline, the newest interval at the right.
    fn draw_line(
        &self,
        frame: &mut Frame,
        past: &Past,
        area: Rect,
        colour: Color,
        max: Option<u64>,
        value: impl Fn(&Interval) -> Option<u64>,
    ) {
        let bars = past.intervals.iter().rev().map(|interval| SparklineBar::from(value(interval)));
        let mut line = Sparkline::default().data(bars).direction(RenderDirection::RightToLeft);
        if let Some(max) = max {
            line = line.max(max);
        }
        if self.has_colours {
            line = line.style(Style::new().fg(colour));
        }
        frame.render_widget(line, area);
    }
}

/// Returns the columns of a line: texts of a fixed width, and sparklines for which the rest is.
fn columns(line: Rect) -> [Rect; 9] {
    Layout::horizontal([
        Constraint::Length(26),
        Constraint::Length(9),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Fill(1),
        Constraint::Length(9),
        Constraint::Fill(1),
        Constraint::Length(8),
        Constraint::Fill(1),
    ])
    .spacing(1)
    .areas(line)
}

fn draw_heads(frame: &mut Frame, line: Rect) {
    let heads = ["store, process", "sessions", "full", "hits", "", "lookups/s", "", "stored/s", ""];
    for (number, (head, area)) in heads.into_iter().zip(columns(line)).enumerate() {
        let head = Paragraph::new(head).style(Style::new().add_modifier(Modifier::UNDERLINED));
        frame.render_widget(if number == 0 { head } else { head.right_aligned() }, area);
    }
}

fn rows(history: &History) -> Vec<Row<'_>> {
    let of_store = |store: &Statistics| Row {
        name: if store.is_shared { store.name.clone() } else { "no store".to_owned() },
        sessions: store.sessions.to_string(),
        full: if store.is_shared { format!("{:.0} %", 100.0 * store.fill()) } else { String::new() },
        past: history.of(&store.name, None),
        is_store: true,
        remote: remote(history.of(&store.name, None), &store.counts.remote, None),
    };
    let of_process = |store: &str, process: &ProcessStatistics| Row {
        name: format!("  {} {}", process.process, process.name),
        sessions: String::new(),
        full: String::new(),
        past: history.of(store, Some(process.process)),
        is_store: false,
        remote: remote(history.of(store, Some(process.process)), &process.counts.remote, process.remote_state),
    };
    let rows = history.stores.iter().flat_map(|store| {
        let processes = store.processes.iter().map(|process| of_process(&store.name, process));
        std::iter::once(of_store(store)).chain(processes).collect::<Vec<_>>()
    });
    rows.collect()
}

/// Returns the words about a remote store, and if it answers; None if it was not used.
fn remote(past: Option<&Past>, counts: &Remote, state: Option<&str>) -> Option<String> {
    if counts.is_unused() {
        return None;
    }
    let rates = past.and_then(|past| past.intervals.back()).map_or(RemoteRates::default(), |last| last.remote);
    let [asked, found, in_vain, written, dropped] =
        [rates.asked, rates.found, rates.in_vain, rates.written, rates.dropped].map(rate);
    let state = state.map_or(String::new(), |state| format!("; {}", state.replace('_', " ")));
    Some(format!(
        "    remote: {asked} asked/s, {found} found, {in_vain} in vain; {written} written/s, {dropped} dropped{state}"
    ))
}

fn rate(rate: f64) -> String {
    if rate > 0.0 && rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}
