//! A cluster of three servers and three replicas, of which one is stopped or killed, or gives slots to another.

use crate::{
    common::process::Running,
    connected_by, expect_all_resumed,
    fleet::{Fleet, Host, free_port},
};
use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const SLOTS: usize = 16384;
const SERVERS: usize = 3;

/// A node: those after the servers are replicas, in the same order.
struct Node {
    port: u16,
    bus: u16,
    running: Running,
}

struct Cluster(Vec<Node>);

impl Node {
    fn start(fleet: &Fleet) -> Node {
        let (port, bus) = (free_port(), free_port());
        let mut redis = Command::new("redis-server");
        redis.args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", &port.to_string()]);
        redis.args(["--cluster-enabled", "yes", "--cluster-port", &bus.to_string(), "--cluster-node-timeout", "1000"]);
        redis.args(["--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0"]);
        redis.args(["--cluster-config-file", &format!("nodes.{port}"), "--dbfilename", &format!("{port}.rdb")]);
        redis.arg("--dir").arg(fleet.path("")).stdout(Stdio::null());
        let node = Node { port, bus, running: Running::start(&mut redis) };
        fleet.wait_until("the node", || node.said(&["ping"]) == "PONG");
        node
    }

    fn said(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").arg("-p").arg(self.port.to_string()).args(words).output();
        String::from_utf8_lossy(&output.expect("redis-cli is there").stdout).trim().to_owned()
    }

    fn do_it(&self, words: &[&str]) {
        assert_eq!(self.said(words), "OK", "{words:?}");
    }

    fn id(&self) -> String {
        self.said(&["cluster", "myid"])
    }

    fn is_server(&self) -> bool {
        self.said(&["role"]).starts_with("master")
    }
}

impl Cluster {
    fn start(fleet: &Fleet) -> Cluster {
        let nodes: Vec<Node> = (0..2 * SERVERS).map(|_| Node::start(fleet)).collect();
        for (number, node) in nodes.iter().enumerate() {
            let (port, bus) = (nodes[0].port.to_string(), nodes[0].bus.to_string());
            node.do_it(&["config", "set", "cluster-replica-validity-factor", "0"]);
            node.do_it(&["cluster", "set-config-epoch", &(number + 1).to_string()]);
            if number > 0 {
                node.do_it(&["cluster", "meet", "127.0.0.1", &port, &bus]);
            }
            if number < SERVERS {
                let (first, after) = (number * SLOTS / SERVERS, (number + 1) * SLOTS / SERVERS);
                node.do_it(&["cluster", "addslotsrange", &first.to_string(), &(after - 1).to_string()]);
            }
        }
        for (server, replica) in nodes.iter().zip(&nodes[SERVERS..]) {
            let id = server.id();
            fleet.wait_until("the replica's cluster", || replica.said(&["cluster", "replicate", &id]) == "OK");
        }
        let cluster = Cluster(nodes);
        cluster.wait_for_all(fleet);
        cluster
    }

    /// Waits until all nodes that run serve all slots, and have their replicas.
    fn wait_for_all(&self, fleet: &Fleet) {
        for node in &self.0 {
            fleet.wait_until("the cluster", || {
                let info = node.said(&["cluster", "info"]);
                info.contains("cluster_state:ok") && info.contains(&format!("cluster_slots_ok:{SLOTS}"))
            });
        }
        for replica in self.0.iter().filter(|node| !node.is_server()) {
            fleet
                .wait_until("the replica", || replica.said(&["info", "replication"]).contains("master_link_status:up"));
        }
    }

    fn addresses(&self) -> String {
        let addresses = self.0.iter().take(SERVERS).map(|node| format!("redis://127.0.0.1:{}", node.port));
        addresses.collect::<Vec<_>>().join(",")
    }

    /// Returns the number of records.
    fn size(&self) -> usize {
        let servers = self.0.iter().filter(|node| node.is_server());
        servers.map(|node| node.said(&["dbsize"]).parse::<usize>().unwrap_or(0)).sum()
    }

    /// Moves slots between servers. Does `meanwhile` until that is done.
    fn move_slots(&self, from: usize, to: usize, number: usize, mut meanwhile: impl FnMut()) {
        let mut reshard = Command::new("redis-cli");
        reshard.args(["--cluster", "reshard", &format!("127.0.0.1:{}", self.0[2].port), "--cluster-yes"]);
        reshard.args(["--cluster-from", &self.0[from].id(), "--cluster-to", &self.0[to].id()]);
        reshard.args(["--cluster-slots", &number.to_string()]).stdout(Stdio::null());
        let mut running = Running::start(&mut reshard);
        let status = loop {
            meanwhile();
            if let Some(status) = running.child().try_wait().expect("it is ours") {
                break status;
            }
        };
        assert!(status.success(), "{status}");
    }

    fn make(&self, fleet: &Fleet, host: &mut Host, file: &str, number: usize) {
        let before = self.size();
        assert_eq!(host.ask(&format!("make @/{file} {number}")), format!("made {number}, 0 failed"));
        fleet.wait_until("the writes", || self.size() >= before + number * host.sessions);
    }
}

fn offer(host: &mut Host, file: &str, number: usize) -> usize {
    let said = host.ask(&format!("resume @/{file} {number}"));
    let found = said.strip_prefix("resumed ").and_then(|rest| rest.split_once(" of "));
    assert!(said.ends_with(&format!(" of {number}, 0 failed")), "{said}");
    found.expect("a number").0.parse().expect("a number")
}

/// Number of sessions: as many as may be asked for several times a second, with some of them unanswered.
const FEW: usize = 12;

/// Offers the sessions several times a second, until all have been found for a second after `is_well`. Returns the
/// numbers of those found until then, from a second after the beginning, and the time from then until all were found.
fn watch(host: &mut Host, is_well: impl Fn() -> bool) -> (Vec<usize>, Duration) {
    let (begun, mut found, mut well) = (Instant::now(), Vec::new(), None);
    loop {
        assert!(begun.elapsed() < Duration::from_secs(60), "the cluster does not recover: {found:?}");
        let now = offer(host, "s", FEW);
        if let Some(since) = well.or_else(|| is_well().then(Instant::now)) {
            if now == FEW {
                eprintln!("found before the cluster's recovery: {found:?}; all {:?} after it", since.elapsed());
                return (found, since.elapsed());
            }
            well = Some(since);
        } else if begun.elapsed() > Duration::from_secs(1) {
            found.push(now);
        }
        thread::sleep(Duration::from_millis(150));
    }
}

/// A host's own copies live for their last second.
const ASK_EACH_TIME: &str = "keep=0";

#[test]
fn a_clusters_node_that_is_stopped_or_killed_costs_its_own_sessions_alone() {
    let fleet = Fleet::new();
    let mut cluster = Cluster::start(&fleet);
    let mut a = connected_by(&fleet, &cluster.addresses(), ASK_EACH_TIME);
    let mut b = connected_by(&fleet, &cluster.addresses(), ASK_EACH_TIME);
    cluster.make(&fleet, &mut a, "s", FEW);
    expect_all_resumed(&mut b, "s", FEW);
    cluster.move_slots(2, 1, 30, || assert!(offer(&mut b, "s", FEW) > 0));
    for (number, signal) in [(0, libc::SIGSTOP), (1, libc::SIGKILL)] {
        // It also has sessions that are not offered.
        let lost: usize = cluster.0[number].said(&["dbsize"]).parse().expect("a number");
        cluster.0[number].running.signal(signal);
        let replica = &cluster.0[SERVERS + number];
        let (found, late) = watch(&mut b, || {
            replica.is_server() && replica.said(&["cluster", "info"]).contains("cluster_slots_fail:0")
        });
        let good = found.iter().filter(|&&found| found + lost >= FEW).count();
        assert!(good * 4 >= found.len() * 3, "with {lost} lost: {found:?}");
        assert!(late < Duration::from_secs(2), "{late:?} after the cluster");
        if signal == libc::SIGSTOP {
            cluster.0[number].running.signal(libc::SIGCONT);
            fleet.wait_until("the node's new part", || !cluster.0[number].is_server());
        }
        // What is made now goes to the node that has taken over.
        cluster.make(&fleet, &mut a, "s", FEW);
        expect_all_resumed(&mut b, "s", FEW);
    }
}

#[test]
#[ignore = "takes a minute: make test-machines"]
fn a_clusters_slots_are_moved_and_its_sessions_found_meanwhile() {
    let fleet = Fleet::new();
    let cluster = Cluster::start(&fleet);
    let mut a = connected_by(&fleet, &cluster.addresses(), ASK_EACH_TIME);
    let mut b = connected_by(&fleet, &cluster.addresses(), ASK_EACH_TIME);
    cluster.make(&fleet, &mut a, "s", FEW);
    expect_all_resumed(&mut b, "s", FEW);
    let mut found = Vec::new();
    cluster.move_slots(0, 1, 2000, || {
        found.push(offer(&mut b, "s", FEW));
        thread::sleep(Duration::from_millis(150));
    });
    let good = found.iter().filter(|&&found| found + 1 >= FEW).count();
    assert!(good * 10 >= found.len() * 9, "{found:?}");
    expect_all_resumed(&mut b, "s", FEW);
    cluster.make(&fleet, &mut a, "s", FEW);
    expect_all_resumed(&mut b, "s", FEW);
}
