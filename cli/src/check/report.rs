//! The output of `sslsession check HOST:PORT`.
#![forbid(unsafe_code)]

use serde::Serialize;

use super::measure::{self, Finding, Given, Kind, Measurement, Resumed};
use super::verdict::{Verdict, percent};
use crate::arguments::Check;
use crate::library;
use crate::output::{BAD, GOOD, STRONG, WARNING, println};

/// Prints the numbers, a line for each kind, and the verdict.
pub fn print(arguments: &Check, measurements: &[Measurement], verdict: &Verdict) {
    let (number, clients) = (arguments.reconnections, arguments.clients.min(arguments.reconnections));
    println!("{STRONG}{}{STRONG:#}, {number} reconnections of each kind, {clients} at once", arguments.target());
    for measurement in measurements {
        let name = name(measurement);
        match &measurement.finding {
            Finding::NotSpoken(why) => println!("  {name:26} not spoken: {why}"),
            Finding::NothingGiven => println!("  {name:26} {BAD}nothing to resume by{BAD:#}"),
            Finding::Offered { resumed, after, .. } => {
                println!("  {name:26} {}", line(*resumed));
                if let Some(after) = after {
                    let learnt = match after.full {
                        0 => String::new(),
                        full => format!(", after {full} full handshakes"),
                    };
                    println!("  {:26} {}{learnt}", "  after the command", line(after.resumed));
                }
            }
        }
    }
    println!();
    verdict.sentences.iter().for_each(|sentence| println!("{sentence}"));
    advise(verdict);
}

fn line(resumed: Resumed) -> String {
    let style = match resumed.resumed {
        _ if resumed.is_all() => GOOD,
        0 => BAD,
        _ => WARNING,
    };
    let (number, offered, share) = (resumed.resumed, resumed.offered, percent(resumed));
    format!("{style}{number:3} of {offered} resumed{style:#} {share:>7}")
}

fn name(measurement: &Measurement) -> String {
    let given = match &measurement.finding {
        Finding::Offered { given, .. } => Some(*given),
        _ => None,
    };
    match (measurement.kind, given) {
        (Kind::Ids, _) => "TLS 1.2 by session id",
        (Kind::Tickets, Some(Given::Id)) => "TLS 1.2, no ticket given",
        (Kind::Tickets, _) => "TLS 1.2 by ticket",
        (Kind::Tls13, Some(Given::Stateful)) => "TLS 1.3 by stateful ticket",
        (Kind::Tls13, _) => "TLS 1.3 by ticket",
    }
    .to_owned()
}

/// Prints how to get what the verdict says could be had.
fn advise(verdict: &Verdict) {
    let variables = verdict.settings.variables();
    if variables.is_empty() {
        return;
    }
    let attach = if verdict.settings.attach { " --attach all" } else { "" };
    println!();
    println!(
        "Start the server with {STRONG}sslsession run{attach} -- PROGRAM{STRONG:#}, or with this in its environment:"
    );
    println!("  LD_PRELOAD={}", library::name());
    variables.iter().for_each(|(name, value)| println!("  {name}={value}"));
    if verdict.settings.tickets {
        println!(
            "Or share ticket keys, also between machines: SSLSESSION_TICKETS=shared, and `sslsession key new` for a file."
        );
    }
}

/// The same, for programs.
#[derive(Serialize)]
pub struct Json<'a> {
    target: &'a str,
    /// None if the server speaks with no kind of clients.
    resumes: Option<bool>,
    kinds: Vec<KindJson<'a>>,
    verdict: &'a [String],
    settings: std::collections::BTreeMap<&'static str, &'static str>,
}

#[derive(Serialize)]
struct KindJson<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_spoken: Option<&'a str>,
    given: &'static str,
    offered: u32,
    resumed: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    offered_after: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed_after: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    full_before: Option<u32>,
}

impl<'a> Json<'a> {
    /// Gathers what was found out.
    pub fn new(target: &'a str, measurements: &'a [Measurement], verdict: &'a Verdict) -> Json<'a> {
        Json {
            target,
            resumes: measure::judge(measurements),
            kinds: measurements.iter().map(KindJson::new).collect(),
            verdict: &verdict.sentences,
            settings: verdict.settings.variables().into_iter().collect(),
        }
    }
}

impl<'a> KindJson<'a> {
    fn new(measurement: &'a Measurement) -> KindJson<'a> {
        let kind = match measurement.kind {
            Kind::Ids => "tls1.2-id",
            Kind::Tickets => "tls1.2-ticket",
            Kind::Tls13 => "tls1.3",
        };
        let none = Resumed::default();
        let (not_spoken, given, resumed, after) = match &measurement.finding {
            Finding::NotSpoken(why) => (Some(why.as_str()), "nothing", none, None),
            Finding::NothingGiven => (None, "nothing", none, None),
            Finding::Offered { given, resumed, after } => (None, given_name(*given), *resumed, *after),
        };
        KindJson {
            kind,
            not_spoken,
            given,
            offered: resumed.offered,
            resumed: resumed.resumed,
            offered_after: after.map(|after| after.resumed.offered),
            resumed_after: after.map(|after| after.resumed.resumed),
            full_before: after.map(|after| after.full),
        }
    }
}

fn given_name(given: Given) -> &'static str {
    match given {
        Given::Id => "id",
        Given::Stateless => "stateless ticket",
        Given::Stateful => "stateful ticket",
    }
}
