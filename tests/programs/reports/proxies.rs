//! Proxies and web servers.

use super::*;
use crate::common::process::is_root;
use crate::programs::plain;

/// Four workers that are forked with one context.
pub const HITCH: Row = Row {
    start: |run, environment| {
        let backend = plain::serve();
        Server::start(run, 1, |ports| {
            let mut text = format!("frontend = \"[127.0.0.1]:{}\"\nbackend = \"[127.0.0.1]:{backend}\"\n", ports[0]);
            text += "pem-file = \"@DIR@/both.pem\"\nworkers = 4\ntls-protos = TLSv1.2 TLSv1.3\ndaemon = off\nocsp-dir = \"\"\n";
            if is_root() {
                text += "user = \"nobody\"\ngroup = \"nogroup\"\n";
            }
            let mut command = environment.command(run, "hitch");
            command.arg("--config").arg(run.write("hitch.conf", &text));
            command
        })
    },
    protocol: "http",
    stock: TICKETS,
    fixed: FIXED_BY_ANY_STORE,
};

#[test]
fn hitch() {
    check(&HITCH);
}

#[test]
fn hitch_started_anew() {
    check_restart(&HITCH, true);
}

pub const STUNNEL: Row = Row {
    start: |run, environment| {
        let backend = plain::serve();
        Server::start(run, 1, |ports| {
            let text = format!(
                "foreground = yes\npid =\nsyslog = no\n[server]\naccept = 127.0.0.1:{}\nconnect = 127.0.0.1:{backend}\ncert = @DIR@/both.pem\n",
                ports[0]
            );
            let mut command = environment.command(run, "stunnel4");
            command.arg(run.write("stunnel.conf", &text));
            command
        })
    },
    protocol: "http",
    stock: TICKETS,
    fixed: &[],
};

#[test]
fn stunnel() {
    check(&STUNNEL);
}

#[test]
fn nghttpx() {
    check(&Row {
        start: |run, environment| {
            let backend = plain::serve();
            Server::start(run, 1, |ports| {
                let mut command = environment.command(run, "nghttpx");
                command.args([
                    "--workers=4",
                    "--conf=/dev/null",
                    "--errorlog-file=/dev/stderr",
                    "--accesslog-file=/dev/null",
                ]);
                command.arg(format!("--frontend=127.0.0.1,{}", ports[0]));
                command.arg(format!("--backend=127.0.0.1,{backend}")).args(["key.pem", "cert.pem"]);
                command
            })
        },
        protocol: "http",
        stock: ALL_BUT_IDS_UNCLEAN,
        fixed: FIXED_BY_ANY_STORE,
    });
}

const SQUID: &str = "
https_port 127.0.0.1:PORT accel defaultsite=localhost tls-cert=@DIR@/cert.pem tls-key=@DIR@/key.pem
cache_peer 127.0.0.1 parent BACKEND 0 no-query originserver
http_access allow all
cache deny all
access_log none
cache_log /dev/null
pid_filename none
logfile_rotate 0
netdb_filename none
pinger_enable off
coredump_dir @DIR@
cache_effective_user proxy
shutdown_lifetime 0 seconds
";

fn start_squid<'a>(run: &'a Run, environment: &Environment, more: &str) -> Server<'a> {
    let backend = plain::serve();
    Server::start(run, 1, |ports| {
        let text = SQUID.replace("PORT", &ports[0].to_string()).replace("BACKEND", &backend.to_string()) + more;
        let mut command = environment.command(run, "squid");
        // What it has on /dev/shm is called so too.
        command.args(["-N", "-n", &format!("sslsession{}", ports[0]), "-f"]).arg(run.write("squid.conf", &text));
        command
    })
}

#[test]
fn squid() {
    check(&Row {
        start: |run, environment| start_squid(run, environment, ""),
        protocol: "http",
        stock: ALL,
        fixed: &[],
    });
}

#[test]
fn squid_with_a_cache_size_of_0() {
    check(&Row {
        start: |run, environment| start_squid(run, environment, "sslproxy_session_cache_size 0\n"),
        protocol: "http",
        stock: ALL,
        fixed: &[],
    });
}

/// Has a thread for each processor, and exchanges its ticket keys by itself.
#[test]
fn h2o() {
    check(&Row {
        start: |run, environment| {
            std::fs::create_dir(run.path("www")).unwrap();
            run.write("www/index.html", "answer");
            Server::start(run, 1, |ports| {
                let text = "num-threads: 2\nuser: root\nlisten:\n  host: 127.0.0.1\n  port: PORT\n  ssl:\n    certificate-file: @DIR@/cert.pem\n    key-file: @DIR@/key.pem\nhosts:\n  default:\n    paths:\n      /:\n        file.dir: @DIR@/www\n";
                let mut command = environment.command(run, "h2o");
                command.arg("-c").arg(run.write("h2o.conf", &text.replace("PORT", &ports[0].to_string())));
                command
            })
        },
        protocol: "http",
        stock: ALL,
        fixed: &[],
    });
}

/// Forks for each connection.
#[test]
fn mini_httpd() {
    check(&Row {
        start: |run, environment| {
            std::fs::create_dir(run.path("www")).unwrap();
            run.write("www/index.html", "answer");
            Server::start(run, 1, |ports| {
                let mut command = environment.command(run, "mini_httpd");
                command.args([
                    "-D",
                    "-S",
                    "-E",
                    "both.pem",
                    "-h",
                    "127.0.0.1",
                    "-p",
                    &ports[0].to_string(),
                    "-d",
                    "www",
                ]);
                command.args(["-u", "root", "-i", "mini.pid"]);
                command
            })
        },
        protocol: "http",
        stock: TICKETS,
        fixed: FIXED_BY_ANY_STORE,
    });
}

#[test]
fn pen() {
    check(&Row {
        start: |run, environment| {
            let backend = plain::serve();
            Server::start(run, 1, |ports| {
                let mut command = environment.command(run, "pen");
                command.args(["-f", "-E", "cert.pem", "-K", "key.pem", "-C", "none"]);
                command.args([format!("127.0.0.1:{}", ports[0]), format!("127.0.0.1:{backend}")]);
                command
            })
        },
        protocol: "http",
        stock: ALL_BUT_IDS_UNCLEAN,
        fixed: FIXED_BY_ANY_STORE,
    });
}
