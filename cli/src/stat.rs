//! `sslsession stat`: the counters of stores and their processes.
#![forbid(unsafe_code)]

pub mod openmetrics;
mod report;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::arguments::Stat;
use crate::output::{self, FAILED, Failure, println};
use crate::statistics::find::{self, Census, Source};
use crate::statistics::{self, Statistics, Unreadable};

/// Shows the statistics of some stores, or of all, once or again and again.
pub fn stat(arguments: &Stat) -> Result<ExitCode, Failure> {
    let Some(seconds) = arguments.watch else { return Ok(show(arguments)) };
    loop {
        if std::io::stdout().is_terminal() {
            // To the upper left, and clear what is below.
            print!("\x1b[H\x1b[2J");
        }
        show(arguments);
        std::io::stdout().flush().map_err(|error| Failure::new(format!("stdout: {error}")))?;
        std::thread::sleep(Duration::from_secs_f64(seconds));
    }
}

fn show(arguments: &Stat) -> ExitCode {
    let mut seen = see(&arguments.stores);
    if !arguments.openmetrics {
        statistics::add_build_ids(&mut seen.statistics);
    }
    if arguments.json {
        output::print_json(&seen.statistics);
    } else if arguments.openmetrics {
        output::print(&openmetrics::text(&seen.statistics));
    } else if seen.statistics.is_empty() && seen.refused.is_empty() {
        println!("There are no shared stores that can be seen from here.");
    } else {
        seen.statistics.iter().for_each(report::print);
    }
    let refused = seen.refused.iter().map(ToString::to_string);
    if arguments.stores.is_empty() {
        // Anybody may have put it there.
        refused.for_each(|refused| output::warn(&refused));
        return ExitCode::SUCCESS;
    }
    refused.for_each(|refused| output::complain(&refused));
    ExitCode::from(if seen.refused.is_empty() { 0 } else { FAILED })
}

/// The statistics of some stores, and the reasons why others have none.
pub struct Seen {
    pub statistics: Vec<Statistics>,
    pub refused: Vec<Failure>,
}

/// Reads the statistics of the stores of these names, or of all stores.
pub fn see(names: &[PathBuf]) -> Seen {
    let census = Census::new();
    let mut seen = Seen { statistics: Vec::new(), refused: Vec::new() };
    let (sources, refused): (Vec<_>, Vec<_>) = match names {
        [] => (find::all(&census), Vec::new()),
        names => {
            let (found, refused): (Vec<_>, Vec<_>) =
                names.iter().map(|name| find::by_name(name, &census)).partition(Result::is_ok);
            (found.into_iter().flatten().collect(), refused.into_iter().filter_map(Result::err).collect())
        }
    };
    seen.refused = refused;
    for source in &sources {
        match Statistics::read(source, &census) {
            Ok(statistics) => seen.statistics.push(statistics),
            Err(error) => seen.refused.push(why(source, &error)),
        }
    }
    seen
}

fn why(source: &Source, error: &Unreadable) -> Failure {
    let name = source.path.as_ref().map_or(source.name.clone(), |path| path.display().to_string());
    Failure::new(match error {
        Unreadable::NotUsed => format!("{name}: was not used yet"),
        Unreadable::Layout(layout) => format!(
            "{name}: is a store of layout {layout}, which this command does not know: take the one that came with the \
             library of its servers"
        ),
        Unreadable::Other(error) => format!("{name}: {error}"),
    })
}
