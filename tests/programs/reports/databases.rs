//! Databases and caches, whose clients come back all the time.

use super::*;
use crate::common::process::is_root;
use std::{fs, os::unix::fs::chown};

/// Closes without SSL_shutdown, and keeps its clients' connections.
pub const REDIS: Row = Row {
    start: |run, environment| {
        Server::start(run, 1, |ports| {
            let mut command = environment.command(run, "redis-server");
            command.args(["--bind", "127.0.0.1", "--port", "0", "--tls-port", &ports[0].to_string()]);
            command.args(["--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem"]);
            command.args(["--tls-ca-cert-file", "cert.pem", "--tls-auth-clients", "no", "--save", ""]);
            command
        })
    },
    protocol: "redis",
    stock: TICKETS,
    fixed: FIXED_BY_ANY_STORE,
};

#[test]
fn redis() {
    check(&REDIS);
}

/// Turns its cache off.
#[test]
fn memcached() {
    check(&Row {
        start: |run, environment| {
            Server::start(run, 1, |ports| {
                let mut command = environment.command(run, "memcached");
                command.args([
                    "-l",
                    "127.0.0.1",
                    "-p",
                    &ports[0].to_string(),
                    "-U",
                    "0",
                    "-t",
                    "2",
                    "-u",
                    "root",
                    "-Z",
                ]);
                command.args(["-o", "ssl_chain_cert=cert.pem,ssl_key=key.pem"]);
                command
            })
        },
        protocol: "memcached",
        stock: TICKETS,
        fixed: FIXED_BY_ATTACHING,
    });
}

pub const MARIADB: Row = Row {
    start: |run, environment| {
        Server::start(run, 1, |ports| {
            let mut command = environment.command(run, "mariadbd");
            command.args([
                "--no-defaults",
                "--datadir=.",
                "--socket=mariadb.sock",
                "--user=root",
                "--skip-grant-tables",
            ]);
            command.args([
                "--bind-address=127.0.0.1",
                "--skip-networking=0",
                "--ssl-cert=cert.pem",
                "--ssl-key=key.pem",
            ]);
            command.args(["--default-storage-engine=Aria", "--innodb=OFF"]);
            command.arg(format!("--port={}", ports[0]));
            command
        })
    },
    protocol: "mysql",
    stock: ALL_BUT_IDS_UNCLEAN,
    fixed: FIXED_BY_ANY_STORE,
};

#[test]
fn mariadb() {
    check(&MARIADB);
}

/// A program that gives up the rights of root, as these servers want it; the environment stays.
fn as_nobody(environment: &Environment, run: &Run, program: &str) -> Command {
    if !is_root() {
        return environment.command(run, program);
    }
    for entry in fs::read_dir(run.path("")).expect("a directory of our own") {
        chown(entry.expect("an entry").path(), Some(NOBODY), None).expect("a file of our own");
    }
    let mut command = environment.command(run, "setpriv");
    command.args([&format!("--reuid={NOBODY}"), "--clear-groups", program]);
    command
}

const NOBODY: u32 = 65_534;

fn start_postgres<'a>(run: &'a Run, environment: &Environment) -> Server<'a> {
    let directory = "/usr/lib/postgresql/15/bin/";
    fs::create_dir(run.path("cluster")).unwrap();
    let stock = Environment(Vec::new());
    let mut initdb = as_nobody(&stock, run, &format!("{directory}initdb"));
    printed(initdb.args(["--pgdata=cluster", "--auth=trust", "--username=postgres", "--no-sync", "--no-locale"]));
    Server::start(run, 1, |ports| {
        let mut command = as_nobody(environment, run, &format!("{directory}postgres"));
        command.args(["-D", "cluster", "-h", "127.0.0.1", "-k", "", "-F", "-p", &ports[0].to_string()]);
        command.args(["-c", "ssl=on", "-c", "ssl_cert_file=../cert.pem", "-c", "ssl_key_file=../key.pem"]);
        command
    })
}

/// The clients of TLS 1.2.
pub const OF_TLS_1_2: &[&str] = &["id clean", "id unclean", "ticket clean", "ticket unclean"];

/// Forks for each connection, turns its cache and its tickets off, and gives none in TLS 1.3.
pub const POSTGRESQL: Row = Row {
    start: start_postgres,
    protocol: "postgres",
    stock: NONE,
    fixed: &[(SHARED_ALL, OF_TLS_1_2), (ALL_STATEFUL, OF_TLS_1_2)],
};

#[test]
fn postgresql() {
    check(&POSTGRESQL);
}

const PGBOUNCER: &str = "
[databases]
none = host=127.0.0.1
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = PORT
unix_socket_dir =
auth_type = any
admin_users = postgres
client_tls_sslmode = require
client_tls_cert_file = @DIR@/cert.pem
client_tls_key_file = @DIR@/key.pem
client_tls_protocols = all
";

#[test]
fn pgbouncer() {
    check(&Row {
        start: |run, environment| {
            Server::start(run, 1, |ports| {
                run.write("pgbouncer.ini", &PGBOUNCER.replace("PORT", &ports[0].to_string()));
                let mut command = as_nobody(environment, run, "pgbouncer");
                command.arg("pgbouncer.ini");
                command
            })
        },
        protocol: "pgbouncer",
        stock: ALL_BUT_IDS_UNCLEAN,
        fixed: FIXED_BY_ANY_STORE,
    });
}
