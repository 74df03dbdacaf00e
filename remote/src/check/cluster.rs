//! The nodes of a cluster: which there are, and which names each has.
#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use redis::{ConnectionAddr, ConnectionInfo, RedisResult, Value, cmd, from_redis_value};

use super::server::{Part, Server};
use super::{Report, advice};

/// Number of slots of a cluster.
const SLOTS: usize = 16_384;

/// Returns the slot of a name without braces.
pub fn slot(name: &str) -> u16 {
    crc16::State::<crc16::XMODEM>::calculate(name.as_bytes()) % SLOTS as u16
}

/// What the nodes that answered have said.
#[derive(Default)]
pub struct Cluster {
    /// The nodes that were checked, or are to be.
    known: HashSet<SocketAddr>,
    checked: HashSet<SocketAddr>,
    /// The most slots that the nodes say are served.
    served: usize,
}

/// Some slots, and their nodes: first the one that serves them.
struct Range {
    first: u16,
    last: u16,
    nodes: Vec<Node>,
}

/// A node, as the cluster names it.
struct Node {
    host: String,
    address: SocketAddr,
}

impl Cluster {
    /// Asks a node for its part, and appends nodes that are not known yet to those that are to be checked. None if that
    /// fails, or if the node was checked by another name.
    pub async fn join(
        &mut self,
        server: &mut Server,
        report: &mut Report<'_, '_>,
        all: &mut Vec<ConnectionInfo>,
    ) -> Option<Part> {
        let here = server.address?;
        if !self.checked.insert(here) {
            report.good("cluster", "the node was checked already");
            return None;
        }
        self.known.insert(here);
        let ranges = server.ask(&cmd("CLUSTER").arg("SLOTS").to_owned()).await.and_then(|said| ranges(said, here.ip()));
        let ranges = match ranges {
            Ok(ranges) => ranges,
            Err(error) => {
                report.bad("cluster", &advice::of_command(&error));
                return None;
            }
        };
        self.served = self.served.max(ranges.iter().map(|range| usize::from(range.last - range.first) + 1).sum());
        for node in ranges.iter().flat_map(|range| &range.nodes) {
            if self.known.insert(node.address) {
                all.extend(all.first().cloned().map(|like| at(like, node)));
            }
        }
        let is_here = |node: &Node| node.address == here;
        let own: Vec<(u16, u16)> = ranges
            .iter()
            .filter(|range| range.nodes.first().is_some_and(is_here))
            .map(|range| (range.first, range.last))
            .collect();
        let copied = ranges.iter().any(|range| range.nodes.iter().skip(1).any(is_here));
        let slots: usize = own.iter().map(|(first, last)| usize::from(last - first) + 1).sum();
        match (slots, copied) {
            (0, true) => report.good("cluster", "a replica"),
            (0, false) => report.good("cluster", "the node serves no slots"),
            _ => report.good("cluster", &format!("the node serves {slots} slots")),
        }
        Some(if own.is_empty() { Part::Copy } else { Part::Slots(own) })
    }

    /// Judges the nodes together.
    pub fn judge(&self, report: &mut Report<'_, '_>) {
        match self.served {
            // No node has answered, which is reported of each.
            0 => {}
            SLOTS => report.good("cluster", &format!("all slots are served, by {} nodes", self.known.len())),
            some => report.bad("cluster", &format!("{some} of {SLOTS} slots are served: `redis-cli --cluster check`")),
        }
    }
}

/// Returns the address of another node, with the same account.
fn at(like: ConnectionInfo, node: &Node) -> ConnectionInfo {
    let (host, port) = (node.host.clone(), node.address.port());
    let addr = match like.addr().clone() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure, tls_params }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    like.set_addr(addr)
}

/// Reads the answer to CLUSTER SLOTS of a node with that address.
fn ranges(said: Value, here: IpAddr) -> RedisResult<Vec<Range>> {
    let mut ranges = Vec::new();
    for range in from_redis_value::<Vec<Vec<Value>>>(said)? {
        let mut parts = range.into_iter();
        let mut number = || from_redis_value::<u16>(parts.next().unwrap_or(Value::Nil));
        let (first, last) = (number()?, number()?);
        let mut nodes = Vec::new();
        for node in parts {
            let node: Vec<Value> = from_redis_value(node)?;
            let mut node = node.into_iter();
            let host: Option<String> = from_redis_value(node.next().unwrap_or(Value::Nil))?;
            let port: u16 = from_redis_value(node.next().unwrap_or(Value::Nil))?;
            // A node that does not know its own address yet is the one that was asked.
            let host = host.filter(|host| !host.is_empty()).unwrap_or_else(|| here.to_string());
            let address = (host.as_str(), port).to_socket_addrs().ok().and_then(|mut found| found.next());
            nodes.extend(address.map(|address| Node { host, address }));
        }
        if first <= last {
            ranges.push(Range { first, last, nodes });
        }
    }
    Ok(ranges)
}
