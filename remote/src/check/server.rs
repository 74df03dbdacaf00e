//! The steps at one server.
#![forbid(unsafe_code)]

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, cmd,
    from_redis_value,
};

use super::{Report, advice, cluster};
use crate::resolver::Resolver;
use crate::settings::Settings;

/// The time for a connection, and for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The time that what the check writes stays, if it is not removed.
const LIFE: Duration = Duration::from_secs(10);

/// Number of questions whose time is measured.
const QUESTIONS: usize = 21;

/// The most by which clocks may differ, in milliseconds.
pub const MOST_APART: i64 = 60_000;

/// The part of all names that a server has.
pub enum Part {
    All,
    /// Slots of a cluster, first and last.
    Slots(Vec<(u16, u16)>),
    /// A copy: it serves when another fails.
    Copy,
}

impl Part {
    /// Returns true if the server has the record of that name.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Part::All => true,
            Part::Slots(ranges) => {
                let slot = cluster::slot(name);
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&slot))
            }
            Part::Copy => false,
        }
    }
}

/// A server that answers.
pub struct Server {
    settings: &'static Settings,
    connection: MultiplexedConnection,
    /// Its first address; None for a socket of this machine.
    pub address: Option<SocketAddr>,
    /// This host's clock less the server's, in milliseconds, if that is known.
    pub ahead: Option<i64>,
}

/// Returns a server's name, as it is reported.
pub fn name(address: &ConnectionAddr) -> String {
    match address {
        ConnectionAddr::Unix(path) => path.display().to_string(),
        other => other.to_string(),
    }
}

impl Server {
    /// Takes the steps until the server answers. None if one fails.
    pub async fn reach(
        settings: &'static Settings,
        resolver: &'static Resolver,
        server: &ConnectionInfo,
        report: &mut Report<'_, '_>,
    ) -> Option<Server> {
        let address = match server.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                let found = report.step("address", resolve(host, *port))?;
                Some(report.step("connection", connect(&found))?)
            }
            ConnectionAddr::Unix(path) => {
                let connected = UnixStream::connect(path).map_err(|why| advice::of_refusal(&why));
                report.step("connection", connected.map(|_| ((), "it listens".to_owned())))?;
                None
            }
            _ => None,
        };
        let has_tls = settings.addresses.has_tls();
        let connection = match settings.connect(server.clone(), resolver, PATIENCE, PATIENCE).await {
            Ok(connection) => connection,
            Err(error) => {
                let (step, why) = advice::of_connection(&error, has_tls);
                report.bad(step, &why);
                return None;
            }
        };
        let mut reached = Server { settings, connection, address, ahead: None };
        let answer = reached.ask(&cmd("PING")).await;
        if has_tls {
            let by = if settings.authorities.is_some() { "those of ca=" } else { "the system's" };
            report.good("tls", &format!("the certificate is the server's, by one of the authorities: {by}"));
        }
        if let Err(error) = answer {
            let (step, why) = advice::of_connection(&error, has_tls);
            report.bad(step, &why);
            return None;
        }
        let redis = server.redis_settings();
        let has_password = redis.password().is_some() || settings.password.is_some();
        report.good(
            "password",
            &match (has_password, redis.username()) {
                (true, Some(user)) => format!("of the account {user}, is right"),
                (true, None) => "is right".to_owned(),
                (false, _) => "none is asked for".to_owned(),
            },
        );
        Some(reached)
    }

    pub async fn ask(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.connection.req_packed_command(command).await?.extract_error()
    }

    /// Takes the steps that a host takes with each session, and measures. Returns false if the server has a part of the
    /// sessions only, and should have all.
    pub async fn check(&mut self, part: &Part, report: &mut Report<'_, '_>) -> bool {
        if matches!(part, Part::All)
            && let Some(error) = self.moved().await
        {
            report.bad("SET", &advice::of_command(&error));
            return false;
        }
        self.check_commands(part, report).await;
        self.compare_clocks(report).await;
        self.measure(report).await;
        true
    }

    /// Returns the refusal of a server that has not all names: of two nodes one has all of these names in 2^16 cases.
    async fn moved(&mut self) -> Option<RedisError> {
        const NAMES: usize = 16;
        for number in 0..NAMES {
            let answer = self.ask(&cmd("GET").arg(format!("tls:check-{number}")).to_owned()).await;
            if let Err(error) = answer
                && is_moved(&error)
            {
                return Some(error);
            }
        }
        None
    }

    /// Gives each command that hosts use, so that each right is tried.
    async fn check_commands(&mut self, part: &Part, report: &mut Report<'_, '_>) {
        let Some(name) = probe_name(part) else { return report.bad("SET", "no random numbers are to be had") };
        let life = LIFE.as_millis() as u64;
        let set = || cmd("SET").arg(&name).arg("session").arg("PX").arg(life).to_owned();
        let of_name = |command: &str| cmd(command).arg(&name).to_owned();
        let is_there = self.check_command("SET", &set(), |_| true, part, report).await;
        let is_session = |answer: &Value| !is_there || *answer == Value::BulkString(b"session".to_vec());
        self.check_command("GET", &of_name("GET"), is_session, part, report).await;
        if let Err(error) = self.ask(&of_name("GETDEL")).await
            && !is_elsewhere(&error, part)
        {
            let why = advice::of_command(&error);
            report.doubtful("GETDEL", &format!("{why}. Only sessions that are resumed once, for early data, need it"));
        } else {
            report.good("GETDEL", "");
        }
        let is_there = is_there && self.ask(&set()).await.is_ok();
        let is_one = |answer: &Value| !is_there || *answer == Value::Int(1);
        self.check_command("DEL", &of_name("DEL"), is_one, part, report).await;
    }

    /// Returns true if the command did what it is for.
    async fn check_command(
        &mut self,
        name: &str,
        command: &Cmd,
        is_right: impl Fn(&Value) -> bool,
        part: &Part,
        report: &mut Report<'_, '_>,
    ) -> bool {
        match self.ask(command).await {
            Ok(answer) if is_right(&answer) => {
                report.good(name, "");
                true
            }
            Ok(_) => {
                report.bad(
                    name,
                    "the answer is not what was written before: is something between this host and the server?",
                );
                false
            }
            // The rights are looked at before the name is.
            Err(error) if is_elsewhere(&error, part) => {
                report.good(name, "");
                false
            }
            Err(error) => {
                report.bad(name, &advice::of_command(&error));
                false
            }
        }
    }

    /// Compares this host's clock with the server's.
    async fn compare_clocks(&mut self, report: &mut Report<'_, '_>) {
        let before = now();
        let time = self.ask(&cmd("TIME")).await.and_then(|time| Ok(from_redis_value::<(i64, i64)>(time)?));
        let here = before.midpoint(now());
        match time {
            Ok((seconds, micros)) => {
                let ahead = here.saturating_sub(seconds.saturating_mul(1000).saturating_add(micros / 1000));
                self.ahead = Some(ahead);
                let said = format!("this host's is {}", apart(ahead, "the server's"));
                match ahead.saturating_abs() <= MOST_APART {
                    true => report.good("clock", &said),
                    false => report.bad("clock", &format!("{said}: one of them is wrong; set it, by NTP for one")),
                }
            }
            Err(error) => {
                report.doubtful("clock", &format!("{}. Clocks were not compared", advice::of_command(&error)));
            }
        }
    }

    /// Measures how long an answer takes.
    async fn measure(&mut self, report: &mut Report<'_, '_>) {
        let mut times = Vec::with_capacity(QUESTIONS);
        for _ in 0..QUESTIONS {
            let begun = Instant::now();
            if let Err(error) = self.ask(&cmd("PING")).await {
                return report.bad("delay", &advice::of_command(&error));
            }
            times.push(begun.elapsed());
        }
        times.sort();
        let (median, wait) = (times[QUESTIONS / 2], self.settings.options.wait);
        let said =
            format!("an answer takes {}, and a lookup waits for {} ms at most", millis(median), wait.as_millis());
        match median {
            _ if wait.is_zero() => report.doubtful("delay", "no lookup waits (wait=0): nothing is found"),
            late if late >= wait => report.bad("delay", &format!("{said}: none is found. Redis has to be nearer")),
            late if late >= wait / 2 => report.doubtful("delay", &format!("{said}: many are not found")),
            _ => report.good("delay", &said),
        }
    }
}

/// Returns true if a node of a cluster has refused because another one has the name.
fn is_elsewhere(error: &RedisError, part: &Part) -> bool {
    is_moved(error) && !matches!(part, Part::All)
}

fn is_moved(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask))
}

fn resolve(host: &str, port: u16) -> Result<(Vec<SocketAddr>, String), String> {
    let found = (host, port).to_socket_addrs().map_err(|why| why.to_string());
    let found: Vec<SocketAddr> = found.map_or_else(|why| Err(format!("{why}: {host}")), |found| Ok(found.collect()))?;
    let words: Vec<String> = found.iter().map(|address| address.ip().to_string()).collect();
    match found.is_empty() {
        true => Err(format!("{host} has no address")),
        false => Ok((found, words.join(", "))),
    }
}

fn connect(addresses: &[SocketAddr]) -> Result<(SocketAddr, String), String> {
    let mut why = String::new();
    for address in addresses {
        let begun = Instant::now();
        match TcpStream::connect_timeout(address, PATIENCE) {
            Ok(_) => return Ok((*address, format!("made in {}", millis(begun.elapsed())))),
            Err(error) => why = format!("{address}: {}", advice::of_refusal(&error)),
        }
    }
    Err(why)
}

/// Returns a name that nobody has, of the server's part.
fn probe_name(part: &Part) -> Option<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).ok()?;
    let random = u64::from_ne_bytes(random);
    let mut names = (0..1 << 20).map(|number| format!("tls:check-{random:016x}-{number}"));
    if matches!(part, Part::Copy) { names.next() } else { names.find(|name| part.has(name)) }
}

/// Returns this host's time, in milliseconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// Returns a short time for people.
fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

/// Returns how far a clock is ahead of another one, which is named.
pub fn apart(ahead: i64, of: &str) -> String {
    let seconds = ahead.unsigned_abs() as f64 / 1000.0;
    match ahead {
        -99..=99 => format!("as {of}"),
        ..=-100 => format!("{seconds:.1} s behind {of}"),
        _ => format!("{seconds:.1} s ahead of {of}"),
    }
}
