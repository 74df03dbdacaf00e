//! A cluster: each of its nodes, and the slots that nobody serves.

use std::net::{Ipv4Addr, TcpListener};

use crate::support::{self, Server, plain, printed};
use crate::{Fleet, address, of_name};

/// Starts nodes of a cluster that do not know each other yet.
fn nodes(fleet: &Fleet, number: usize) -> Vec<Server> {
    let node = |number: usize| {
        let bus = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("an address").port();
        let (bus, file) = (bus.to_string(), format!("nodes-{number}.conf"));
        let mut options = vec!["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-config-file", &file];
        // What the nodes tell each other now and then they tell soon.
        options.extend(["--cluster-node-timeout", "2000", "--repl-ping-replica-period", "1"]);
        options.extend(["--cluster-replica-no-failover", "yes"]);
        fleet.redis(&options)
    };
    (0..number).map(node).collect()
}

/// Gives a node a command of `redis-cli`.
fn tell(node: &Server, words: &[&str]) -> String {
    let address = node.address();
    let (host, port) = address.split_once(':').expect("a port");
    printed(plain("redis-cli").args(["-h", host, "-p", port]).args(words)).trim().to_owned()
}

#[test]
fn each_node_of_a_cluster_is_checked() {
    let fleet = Fleet::new();
    let nodes = nodes(&fleet, 3);
    let remote = format!("{},{}", address(&nodes[0]), address(&nodes[0]).replace("127.0.0.1", "localhost"));
    for (node, slots) in [(0, ["0", "8191"]), (1, ["8192", "16000"])] {
        assert_eq!(tell(&nodes[node], &["CLUSTER", "ADDSLOTSRANGE", slots[0], slots[1]]), "OK");
    }
    for node in &nodes[1..] {
        let (there, address) = (tell(node, &["CONFIG", "GET", "cluster-port"]), node.address());
        let (host, port) = address.split_once(':').expect("a port");
        assert_eq!(tell(&nodes[0], &["CLUSTER", "MEET", host, port, there.lines().last().expect("a port")]), "OK");
    }
    let is_known = |node: &Server| tell(node, &["CLUSTER", "INFO"]).contains("cluster_known_nodes:3");
    support::wait_until("the nodes know each other", || nodes.iter().all(is_known));
    // A part of the slots is nobody's: the cluster does not serve.
    let (status, steps) = fleet.checked("web1", &[("REMOTE", &remote)]);
    assert!(status == Some(1) && steps.contains(&lacking()), "{steps:#?}");

    assert_eq!(tell(&nodes[1], &["CLUSTER", "ADDSLOTSRANGE", "16001", "16383"]), "OK");
    let is_whole = |node: &Server| tell(node, &["CLUSTER", "INFO"]).contains("cluster_state:ok");
    support::wait_until("the cluster", || nodes.iter().all(is_whole));
    let second = tell(&nodes[1], &["CLUSTER", "MYID"]);
    assert_eq!(tell(&nodes[2], &["CLUSTER", "REPLICATE", &second]), "OK");
    // It is listed once it has what the other has, of which there has to be something.
    assert_eq!(tell(&nodes[1], &["-c", "SET", "some", "word"]), "OK");
    let port = nodes[2].address().split_once(':').expect("a port").1.to_owned();
    support::wait_until("the replica", || tell(&nodes[0], &["CLUSTER", "SLOTS"]).lines().any(|line| line == port));
    for (host, number) in [("web1", 0), ("web2", 1)] {
        let (status, steps) = fleet.checked(host, &[("REMOTE", &remote)]);
        assert_eq!(status, Some(0), "{steps:#?}");
        let cluster = of_name(&steps, "cluster");
        for said in [
            "ok: the node serves 8192 slots",
            "ok: a replica",
            "ok: the node was checked already",
            "ok: all slots are served, by 3 nodes",
        ] {
            assert!(cluster.contains(&said), "{said}: {steps:#?}");
        }
        assert_eq!((of_name(&steps, "SET").len(), of_name(&steps, "delay").len()), (3, 3), "{steps:#?}");
        let others = of_name(&steps, "other hosts");
        assert_eq!(
            others.iter().filter(|said| said.contains("was checked ")).count() - (1 - number),
            number,
            "{others:?}"
        );
    }
    fleet.expect_failed(&[("REMOTE", &address(&nodes[0]))], "SET", &["the server is a node of a cluster"]);
}

fn lacking() -> String {
    "cluster failed: 16001 of 16384 slots are served: `redis-cli --cluster check`".to_owned()
}
