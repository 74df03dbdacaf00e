//! The nodes of a cluster, each with a connection of its own: one that is down keeps no other waiting.
//!
//! ```text
//!   name ── CRC-16 ──► slot ──► node ── up ───► asked ── MOVED, ASK ──► the node that it names
//!                                 └─── away ──► no answer, at once
//!   node: up ── connection lost, or two questions without an answer ──► away
//!          ▲                                                             │ slots are asked for anew, from the others
//!          └── connected, PING answered ◄── pause ◄──────────────────────┘ until it has no slots, or is up
//! ```
#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Cmd, ConnectionInfo, ErrorKind, Pipeline, RedisError, RedisResult, Value};
use tokio::task::{JoinSet, spawn_local};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::link::{self, is_lost};
use crate::resolver::Resolver;
use crate::settings::Settings;
use crate::slot::{SLOTS, slot};

/// The time in which a node must answer that is connected to.
const CONNECT: Duration = Duration::from_millis(400);

/// Number of questions in a row without an answer after which a node is away.
const UNANSWERED: u32 = 2;

/// The pauses between attempts to connect to a node.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(800));

struct Node {
    server: ConnectionInfo,
    /// None while it is away.
    link: Option<MultiplexedConnection>,
    /// The connection on which WAIT may keep what follows waiting, from its first need.
    once: Option<MultiplexedConnection>,
    unanswered: u32,
    /// Number of questions that are out, and the time of the last answer, or of the first question since.
    asked: u32,
    silent_since: Instant,
    /// True while a task connects to it.
    is_tried: bool,
}

/// A cluster, for one thread.
pub struct Cluster {
    settings: &'static Settings,
    resolver: &'static Resolver,
    /// Nodes that have been heard of. None is ever removed, so that their numbers stay.
    nodes: RefCell<Vec<Node>>,
    /// The node of each slot.
    owners: RefCell<Vec<Option<usize>>>,
    is_refreshing: Cell<bool>,
    on_up: Rc<dyn Fn()>,
    this: Weak<Cluster>,
}

impl Cluster {
    /// Connects to the nodes. `on_up` is called when another one answers.
    pub async fn connect(
        settings: &'static Settings,
        resolver: &'static Resolver,
        on_up: Rc<dyn Fn()>,
    ) -> RedisResult<Rc<Cluster>> {
        let cluster = Rc::new_cyclic(|this| Cluster {
            settings,
            resolver,
            nodes: RefCell::default(),
            owners: RefCell::new(vec![None; SLOTS]),
            is_refreshing: Cell::new(false),
            on_up,
            this: this.clone(),
        });
        for server in settings.servers()? {
            cluster.number_of(server);
        }
        cluster.connect_to_all(true).await;
        cluster.refresh().await;
        cluster.connect_to_all(false).await;
        if cluster.is_lost() { Err(away()) } else { Ok(cluster) }
    }

    /// Connects to nodes that are away, all at once: to those with slots, or until one of them answers.
    async fn connect_to_all(&self, is_one_enough: bool) {
        let mut tasks = JoinSet::new();
        for (number, node) in self.nodes.borrow().iter().enumerate() {
            if node.link.is_none() && (is_one_enough || self.has_slots(number)) {
                let (settings, resolver, server) = (self.settings, self.resolver, node.server.clone());
                tasks.spawn_local(async move { (number, link::connect_to(settings, resolver, server).await) });
            }
        }
        let end = Instant::now() + CONNECT;
        while let Ok(Some(ended)) = timeout_at(end, tasks.join_next()).await {
            if let Ok((number, Ok(link))) = ended {
                self.nodes.borrow_mut()[number].link = Some(link);
                if is_one_enough {
                    return;
                }
            }
        }
        self.try_again();
    }

    /// Returns true if none of the nodes is up.
    pub fn is_lost(&self) -> bool {
        self.nodes.borrow().iter().all(|node| node.link.is_none())
    }

    /// Returns true if the node of a name is up.
    pub fn is_up(&self, name: &[u8]) -> bool {
        let owner = self.owners.borrow()[slot(name)];
        owner.is_some_and(|owner| self.nodes.borrow()[owner].link.is_some())
    }

    fn has_slots(&self, number: usize) -> bool {
        self.owners.borrow().contains(&Some(number))
    }

    /// Returns the number of a node, which is new if nobody has heard of it.
    fn number_of(&self, server: ConnectionInfo) -> usize {
        let mut nodes = self.nodes.borrow_mut();
        let known = nodes.iter().position(|node| node.server.addr() == server.addr());
        known.unwrap_or_else(|| {
            nodes.push(Node {
                server,
                link: None,
                once: None,
                unanswered: 0,
                asked: 0,
                silent_since: Instant::now(),
                is_tried: false,
            });
            nodes.len() - 1
        })
    }

    /// Asks the node of a name, or the one that it names. No command is sent again that may have been executed.
    pub async fn ask(&self, name: &[u8], pipeline: &Pipeline, waits: bool) -> RedisResult<Vec<Value>> {
        let mut owner = self.owners.borrow()[slot(name)].ok_or_else(away)?;
        let mut is_asking = false;
        for _ in 0..3 {
            let answers = self.ask_node(owner, pipeline, waits, is_asking).await?;
            let error = answers.first().and_then(|answer| answer.clone().extract_error().err());
            let Some((host, port)) = error.as_ref().and_then(RedisError::redirect_node) else {
                return Ok(answers);
            };
            let server = link::at(&self.nodes.borrow()[owner].server, host, port);
            let next = self.number_of(server);
            is_asking =
                error.as_ref().is_some_and(|error| error.kind() == ErrorKind::Server(redis::ServerErrorKind::Ask));
            if !is_asking {
                self.owners.borrow_mut()[slot(name)] = Some(next);
                self.refresh_soon();
            }
            owner = next;
        }
        Err(away())
    }

    async fn ask_node(
        &self,
        number: usize,
        pipeline: &Pipeline,
        waits: bool,
        is_asking: bool,
    ) -> RedisResult<Vec<Value>> {
        let mut link = if waits { self.once(number).await? } else { self.link(number)? };
        let longest = self.settings.options.park;
        self.begin(number)?;
        let answers = match is_asking {
            false => timeout(longest, link.req_packed_commands(pipeline, 0, pipeline.len())).await,
            true => {
                let mut asking = Pipeline::with_capacity(pipeline.len() + 1);
                asking.ignore_errors().cmd("ASKING");
                for command in pipeline.cmd_iter() {
                    asking.add_command(command.clone());
                }
                timeout(longest, link.req_packed_commands(&asking, 1, pipeline.len())).await
            }
        };
        self.note(number, answers.as_ref().ok());
        answers.unwrap_or_else(|_| Err(away()))
    }

    /// Notes a question. An error if others have been out for long: whoever asks is not to wait as they do.
    fn begin(&self, number: usize) -> RedisResult<()> {
        let options = &self.settings.options;
        let node = &mut self.nodes.borrow_mut()[number];
        if node.asked == 0 {
            node.silent_since = Instant::now();
        } else if node.silent_since.elapsed() > options.wait.max(options.park / 4) {
            return Err(away());
        }
        node.asked += 1;
        Ok(())
    }

    /// Notes how a node has answered.
    fn note(&self, number: usize, answers: Option<&RedisResult<Vec<Value>>>) {
        let mut nodes = self.nodes.borrow_mut();
        let node = &mut nodes[number];
        node.asked = node.asked.saturating_sub(1);
        if matches!(answers, Some(Ok(_))) {
            node.silent_since = Instant::now();
        }
        node.unanswered = match answers {
            Some(Ok(_)) => 0,
            Some(Err(error)) if is_lost(error) => UNANSWERED,
            Some(Err(_)) => 0,
            None => node.unanswered + 1,
        };
        if node.unanswered >= UNANSWERED {
            (node.link, node.once, node.unanswered) = (None, None, 0);
            drop(nodes);
            self.try_again();
        }
    }

    fn link(&self, number: usize) -> RedisResult<MultiplexedConnection> {
        let link = self.nodes.borrow()[number].link.clone();
        if link.is_none() {
            self.try_again();
        }
        link.ok_or_else(away)
    }

    async fn once(&self, number: usize) -> RedisResult<MultiplexedConnection> {
        self.link(number)?;
        let (known, server) = {
            let node = &self.nodes.borrow()[number];
            (node.once.clone(), node.server.clone())
        };
        if let Some(link) = known {
            return Ok(link);
        }
        let link = link::connect_to(self.settings, self.resolver, server).await?;
        self.nodes.borrow_mut()[number].once = Some(link.clone());
        Ok(link)
    }

    /// Sends commands at once. Returns an answer to each; none to those that may have been executed without one.
    pub async fn ask_all(&self, commands: Vec<(Box<[u8]>, Cmd)>) -> Vec<Option<RedisResult<Value>>> {
        let mut answers: Vec<_> = commands.iter().map(|_| Some(Err(away()))).collect();
        let mut by_node = BTreeMap::<usize, Vec<usize>>::new();
        for (at, (name, _)) in commands.iter().enumerate() {
            if let Some(owner) = self.owners.borrow()[slot(name)] {
                by_node.entry(owner).or_default().push(at);
            }
        }
        let mut tasks = JoinSet::new();
        for (node, places) in by_node {
            let Some(this) = self.this.upgrade().filter(|this| this.link(node).is_ok()) else { continue };
            let mut pipeline = Pipeline::with_capacity(places.len());
            pipeline.ignore_errors();
            for &at in &places {
                pipeline.add_command(commands[at].1.clone());
            }
            tasks.spawn_local(async move { (places, this.ask_node(node, &pipeline, false, false).await) });
        }
        while let Some(ended) = tasks.join_next().await {
            let Ok((places, result)) = ended else { continue };
            let mut result = result.ok().map(Vec::into_iter);
            for at in places {
                answers[at] = result.as_mut().and_then(Iterator::next).map(Value::extract_error);
            }
        }
        for (answer, (name, command)) in answers.iter_mut().zip(&commands) {
            if matches!(answer, Some(Err(error)) if error.redirect_node().is_some()) {
                let mut pipeline = Pipeline::new();
                pipeline.ignore_errors().add_command(command.clone());
                let asked = self.ask(name, &pipeline, false).await;
                *answer = asked.ok().and_then(|answers| answers.into_iter().next()).map(Value::extract_error);
            }
        }
        answers
    }

    /// Asks any node that is up which node has which slots.
    async fn refresh(&self) {
        let up: Vec<_> =
            self.nodes.borrow().iter().filter_map(|node| Some((node.server.clone(), node.link.clone()?))).collect();
        for (server, mut link) in up {
            let mut slots = redis::cmd("CLUSTER");
            slots.arg("SLOTS");
            if let Ok(Ok(Value::Array(ranges))) = timeout(CONNECT / 4, link.req_packed_command(&slots)).await {
                let mut owners = vec![None; SLOTS];
                for (first, last, host, port) in ranges.iter().filter_map(range) {
                    let host = if host.is_empty() { link::host(&server) } else { host };
                    let owner = self.number_of(link::at(&server, &host, port));
                    owners.iter_mut().take(last + 1).skip(first).for_each(|place| *place = Some(owner));
                }
                *self.owners.borrow_mut() = owners;
                return;
            }
        }
    }

    fn refresh_soon(&self) {
        let Some(this) = self.this.upgrade().filter(|_| !self.is_refreshing.replace(true)) else { return };
        spawn_local(async move {
            this.refresh().await;
            this.is_refreshing.set(false);
            this.try_again();
        });
    }

    /// Has a task connect to each node with slots that is away.
    fn try_again(&self) {
        let number_of_nodes = self.nodes.borrow().len();
        for number in 0..number_of_nodes {
            let is_away = {
                let node = &self.nodes.borrow()[number];
                node.link.is_none() && !node.is_tried
            };
            if is_away && self.has_slots(number) {
                self.nodes.borrow_mut()[number].is_tried = true;
                spawn_local(revive(self.this.clone(), number));
            }
        }
    }
}

/// Connects to a node until it answers, or has no slots any more.
async fn revive(cluster: Weak<Cluster>, number: usize) {
    let mut pause = PAUSES.0;
    while let Some(this) = cluster.upgrade() {
        let server = this.nodes.borrow()[number].server.clone();
        let connected = timeout(CONNECT, link::connect_to(this.settings, this.resolver, server)).await;
        let is_up = matches!(connected, Ok(Ok(_)));
        this.refresh().await;
        if is_up || !this.has_slots(number) {
            let mut nodes = this.nodes.borrow_mut();
            nodes[number].is_tried = false;
            nodes[number].link = connected.ok().and_then(Result::ok);
            drop(nodes);
            this.try_again();
            (this.on_up)();
            return;
        }
        this.try_again();
        drop(this);
        sleep(pause).await;
        pause = PAUSES.1.min(pause * 2);
    }
}

fn away() -> RedisError {
    (ErrorKind::ClusterConnectionNotFound, "the node is away").into()
}

/// Reads a range of CLUSTER SLOTS: first and last slot, and the server's host and port.
fn range(value: &Value) -> Option<(usize, usize, String, u16)> {
    let Value::Array(parts) = value else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(server), ..] = &parts[..] else { return None };
    let [host, Value::Int(port), ..] = &server[..] else { return None };
    let host = match host {
        Value::BulkString(host) => String::from_utf8_lossy(host).into_owned(),
        _ => String::new(),
    };
    let (first, last) = (usize::try_from(*first).ok()?, usize::try_from(*last).ok()?);
    (first <= last && last < SLOTS).then_some((first, last, host, u16::try_from(*port).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_and_nonsense_is_not() {
        let server = |port| Value::Array(vec![Value::BulkString(b"10.0.0.1".to_vec()), Value::Int(port)]);
        let of = |first, last, port| range(&Value::Array(vec![Value::Int(first), Value::Int(last), server(port)]));
        assert_eq!(of(0, 5460, 6379), Some((0, 5460, "10.0.0.1".to_owned(), 6379)));
        for (first, last, port) in [(-1, 5, 1), (5, 4, 1), (0, 16384, 1), (0, 1, 65536)] {
            assert_eq!(of(first, last, port), None);
        }
        assert_eq!(range(&Value::Nil), None);
    }
}
