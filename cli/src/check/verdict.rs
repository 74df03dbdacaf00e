//! The meaning of the numbers, and the settings that would change them.
#![forbid(unsafe_code)]

use super::measure::{Finding, Given, Kind, Measurement, Resumed};

/// A conclusion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Sentences, one for each thing that was found.
    pub sentences: Vec<String>,
    /// Settings of the library that would help.
    pub settings: Settings,
}

/// Settings of the library that would change what was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// A shared store.
    pub store: bool,
    /// `SSLSESSION_ATTACH=all`.
    pub attach: bool,
    /// `SSLSESSION_TICKETS=stateful`.
    pub tickets: bool,
}

impl Settings {
    /// Returns the variables and their values.
    pub fn variables(&self) -> Vec<(&'static str, &'static str)> {
        let all = [
            (self.store, ("SSLSESSION_STORE", "shared:NAME")),
            (self.attach, ("SSLSESSION_ATTACH", "all")),
            (self.tickets, ("SSLSESSION_TICKETS", "stateful")),
        ];
        all.into_iter().filter_map(|(is_set, variable)| is_set.then_some(variable)).collect()
    }
}

/// Returns what the measurements mean.
pub fn of(measurements: &[Measurement], was_across: bool) -> Verdict {
    let mut verdict = Verdict::default();
    let is_spoken = |measurement: &&Measurement| !matches!(measurement.finding, Finding::NotSpoken(_));
    if !measurements.iter().any(|measurement| is_spoken(&measurement)) {
        verdict.sentences.push(no_handshake(measurements).to_owned());
        return verdict;
    }
    for measurement in measurements {
        verdict.judge(measurement, measurements);
    }
    if verdict.sentences.is_empty() {
        verdict.sentences.push(match was_across {
            true => "All clients are resumed, before and after the command: there is nothing to gain.".to_owned(),
            false => {
                "All clients are resumed. Try --across 'COMMAND' with a restart or reload of the server.".to_owned()
            }
        });
    }
    verdict
}

impl Verdict {
    fn judge(&mut self, measurement: &Measurement, all: &[Measurement]) {
        let kind = measurement.kind;
        match &measurement.finding {
            Finding::NotSpoken(_) => {}
            Finding::NothingGiven => self.nothing_given(kind),
            Finding::Offered { given, resumed, .. } if !resumed.is_all() => {
                // Without tickets the two kinds of TLS 1.2 are one: it is said once.
                if !(kind == Kind::Tickets && *given == Given::Id && is_said_of_ids(all)) {
                    self.not_all(kind, *given, *resumed);
                }
            }
            Finding::Offered { given, after: Some(after), .. } if !after.resumed.is_all() => {
                self.lost(kind, *given, after.resumed);
            }
            Finding::Offered { .. } => {}
        }
    }

    fn nothing_given(&mut self, kind: Kind) {
        if kind == Kind::Tls13 {
            self.say(
                "TLS 1.3: the server gives no tickets, so no client can come back: they are turned off in the program",
            );
            return;
        }
        self.say(&format!(
            "{}: the server gives no session ids: its cache is off. A shared store keeps sessions for it",
            subject(kind)
        ));
        (self.settings.store, self.settings.attach) = (true, true);
    }

    fn not_all(&mut self, kind: Kind, given: Given, resumed: Resumed) {
        let share = percent(resumed);
        let subject = subject(kind);
        self.settings.store = true;
        match (given, resumed.resumed) {
            (Given::Id, 0) => {
                self.settings.attach = true;
                self.say(&format!(
                    "{subject}: the server gives session ids and finds none of them again. It keeps no sessions (nginx \
                     without ssl_session_cache), or workers, or even connections (gunicorn), do not share theirs"
                ));
            }
            (Given::Id, _) => self.say(&format!("{share} of {subject}: the workers do not share their caches")),
            (Given::Stateful, _) => {
                self.settings.tickets = true;
                self.say(&format!(
                    "{share} of {subject}: the tickets name sessions in caches that the workers do not share"
                ));
            }
            (Given::Stateless, _) => {
                self.settings.tickets = true;
                let whose =
                    if resumed.resumed == 0 { "the workers, or even connections (gunicorn)," } else { "the workers" };
                self.say(&format!("{share} of {subject}: {whose} have ticket keys of their own"));
            }
        }
    }

    fn lost(&mut self, kind: Kind, given: Given, after: Resumed) {
        self.settings.store = true;
        let (what, why) = match given {
            Given::Id => ("session ids", "the cache ends with the processes"),
            Given::Stateful => ("tickets", "the sessions that they name end with the processes"),
            Given::Stateless => ("tickets", "their keys are drawn anew"),
        };
        self.settings.tickets |= given != Given::Id;
        let share = percent(after);
        self.say(&format!("{}: {what} do not survive the command ({share} are resumed): {why}", subject(kind)));
    }

    fn say(&mut self, sentence: &str) {
        self.sentences.push(format!("{sentence}."));
    }
}

/// Says what may be wrong where no clients are spoken with.
fn no_handshake(measurements: &[Measurement]) -> &'static str {
    let is_asked = |measurement: &Measurement| matches!(&measurement.finding, Finding::NotSpoken(why) if why.contains("certificate required"));
    if measurements.iter().any(is_asked) {
        return "No handshake succeeded: the server asks for a client's certificate, see --cert.";
    }
    "No handshake succeeded: is this a server of TLS, and does it speak TLS first, or after --starttls?"
}

fn is_said_of_ids(all: &[Measurement]) -> bool {
    all.iter().any(|other| {
        other.kind == Kind::Ids && matches!(&other.finding, Finding::Offered { resumed, .. } if !resumed.is_all())
    })
}

/// Returns the subject of a sentence.
fn subject(kind: Kind) -> &'static str {
    match kind {
        Kind::Ids => "TLS 1.2 without tickets",
        Kind::Tickets => "TLS 1.2 with tickets",
        Kind::Tls13 => "TLS 1.3",
    }
}

/// Returns the share as a percentage, which is 0 or 100 only if it is exactly that.
pub fn percent(resumed: Resumed) -> String {
    let share = f64::from(resumed.resumed) * 100.0 / f64::from(resumed.offered.max(1));
    let rounded = if share > 0.0 && share < 100.0 { share.round().clamp(1.0, 99.0) } else { share };
    format!("{rounded:.0} %")
}

#[cfg(test)]
mod tests {
    use super::super::measure::After;
    use super::{Finding, Given, Kind, Measurement, Resumed, Settings, of, percent};

    fn offered(kind: Kind, given: Given, resumed: u32, after: Option<u32>) -> Measurement {
        let counted = |resumed| Resumed { offered: 20, resumed };
        Measurement {
            kind,
            finding: Finding::Offered {
                given,
                resumed: counted(resumed),
                after: after.map(|after| After { resumed: counted(after), full: 0 }),
            },
        }
    }

    #[test]
    fn each_finding_has_its_sentence_and_settings() {
        let ids = |resumed| vec![offered(Kind::Ids, Given::Id, resumed, None)];
        let tls13 = |given, resumed, after| vec![offered(Kind::Tls13, given, resumed, after)];
        let nothing = |kind| vec![Measurement { kind, finding: Finding::NothingGiven }];
        let settings = |store, attach, tickets| Settings { store, attach, tickets };
        for (measurements, words, expected) in [
            (ids(20), "All clients are resumed.", settings(false, false, false)),
            (ids(5), "25 % of TLS 1.2 without tickets: the workers do not share", settings(true, false, false)),
            (ids(0), "finds none of them again", settings(true, true, false)),
            (nothing(Kind::Ids), "gives no session ids", settings(true, true, false)),
            (nothing(Kind::Tls13), "gives no tickets", settings(false, false, false)),
            (
                tls13(Given::Stateless, 0, None),
                "even connections (gunicorn), have ticket keys of their own",
                settings(true, false, true),
            ),
            (
                tls13(Given::Stateless, 5, None),
                "the workers have ticket keys of their own",
                settings(true, false, true),
            ),
            (tls13(Given::Stateful, 5, None), "caches that the workers do not share", settings(true, false, true)),
            (tls13(Given::Stateless, 20, Some(0)), "keys are drawn anew", settings(true, false, true)),
            (tls13(Given::Stateful, 20, Some(20)), "before and after", settings(false, false, false)),
        ] {
            let verdict = of(&measurements, true);
            assert_eq!(verdict.sentences.len(), 1, "{verdict:?}");
            let words = if words.starts_with("All") { "All clients are resumed" } else { words };
            assert!(verdict.sentences[0].contains(words), "{words}: {verdict:?}");
            assert_eq!(verdict.settings, expected, "{words}");
        }
    }

    #[test]
    fn what_is_the_same_for_both_kinds_of_tls_1_2_is_said_once() {
        let both = [offered(Kind::Ids, Given::Id, 5, None), offered(Kind::Tickets, Given::Id, 6, None)];
        assert_eq!(of(&both, false).sentences.len(), 1);
        let apart = [offered(Kind::Ids, Given::Id, 5, None), offered(Kind::Tickets, Given::Stateless, 6, None)];
        assert_eq!(of(&apart, false).sentences.len(), 2);
        let refused = Finding::NotSpoken("no".to_owned());
        let refused = [Measurement { kind: Kind::Ids, finding: refused }];
        assert!(of(&refused, false).sentences[0].starts_with("No handshake succeeded"));
    }

    #[test]
    fn only_none_and_all_are_0_and_100_percent() {
        for (resumed, offered, text) in
            [(0, 20, "0 %"), (20, 20, "100 %"), (5, 20, "25 %"), (1, 1000, "1 %"), (999, 1000, "99 %")]
        {
            assert_eq!(percent(Resumed { offered, resumed }), text);
        }
    }
}
