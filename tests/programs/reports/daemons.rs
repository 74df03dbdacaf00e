//! Servers of one process, and those that fork for each connection.

use super::*;

fn start_mosquitto<'a>(run: &'a Run, environment: &Environment, more: &str) -> Server<'a> {
    Server::start(run, 1, |ports| {
        let mut text = format!("listener {} 127.0.0.1\n{more}", ports[0]);
        text += "certfile @DIR@/cert.pem\nkeyfile @DIR@/key.pem\nallow_anonymous true\nuser root\n";
        let mut command = environment.command(run, "mosquitto");
        command.arg("-c").arg(run.write("mosquitto.conf", &text));
        command
    })
}

const MOSQUITTO: Row = Row {
    start: |run, environment| start_mosquitto(run, environment, ""),
    protocol: "mqtt",
    stock: ALL_BUT_IDS_UNCLEAN,
    fixed: FIXED_BY_ANY_STORE,
};

/// Closes no connection by itself: esp8266/Arduino's and pubsubclient's devices, and mosquitto's own questions.
#[test]
fn mosquitto() {
    check(&MOSQUITTO);
}

/// Brokers restart, and devices pay for it with a full handshake each.
#[test]
fn mosquitto_started_anew() {
    check_restart(&MOSQUITTO, false);
}

/// Asks its clients for certificates; whoever offers a session has shown one before.
#[test]
fn mosquitto_with_client_certificates() {
    check(&Row {
        start: |run, environment| {
            start_mosquitto(run, environment, "cafile @DIR@/cert.pem\nrequire_certificate true\n")
        },
        protocol: "mqtt cert.pem key.pem",
        ..MOSQUITTO
    });
}

/// Python's servers close their connections and never unwrap them.
#[test]
fn a_threaded_server_that_never_unwraps() {
    check(&Row {
        start: |run, environment| {
            Server::start(run, 1, |ports| {
                let mut command = environment.command(run, "/usr/bin/python3");
                command.arg(common::root().join("tests/programs/reports/threaded.py"));
                command.args(["cert.pem", "key.pem", &ports[0].to_string()]);
                command
            })
        },
        protocol: "http",
        stock: TICKETS,
        fixed: &[(SHARED, ALL), (NAMED, ALL), (SHARED_STATEFUL, ALL), (NAMED_STATEFUL, ALL), (ALL_STATEFUL, ALL)],
    });
}

/// Each connection is a forked process.
#[test]
fn socat() {
    check(&Row {
        start: |run, environment| {
            Server::start(run, 1, |ports| {
                let mut command = environment.command(run, "socat");
                let listen = "openssl-listen:PORT,bind=127.0.0.1,fork,reuseaddr,cert=cert.pem,key=key.pem,verify=0";
                command.arg(listen.replace("PORT", &ports[0].to_string())).arg("EXEC:cat");
                command
            })
        },
        protocol: "echo",
        stock: TICKETS,
        fixed: FIXED_BY_ANY_STORE,
    });
}

#[test]
fn ncat() {
    check(&Row {
        start: |run, environment| {
            Server::start(run, 1, |ports| {
                let mut command = environment.command(run, "ncat");
                command.args(["--listen", "--keep-open", "127.0.0.1", &ports[0].to_string(), "--exec", "/bin/cat"]);
                command.args(["--ssl", "--ssl-cert", "cert.pem", "--ssl-key", "key.pem"]);
                command
            })
        },
        protocol: "echo",
        stock: ALL_BUT_IDS_UNCLEAN,
        fixed: FIXED_BY_ANY_STORE,
    });
}
