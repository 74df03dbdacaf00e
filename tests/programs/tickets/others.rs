//! Other servers as their configuration is by default, and those that have keys of their own for tickets.

use super::{
    CLIENTS, COUNT, Machine, Program, expect_no_resumption_with_stock, expect_resumption_everywhere, reload_by,
};
use crate::programs::{
    run::With,
    server::Server,
    shared::{haproxy, hitch},
};

/// s_server answers one client after the other, with tickets as by default.
const S_SERVER: Program = Program {
    start: |machine| {
        let run = &machine.0;
        Server::start(run, 1, |ports| {
            let mut command = run.command("openssl");
            command.args(["s_server", "-cert", "cert.pem", "-key", "key.pem", "-www", "-quiet"]);
            command.args(["-accept", &format!("127.0.0.1:{}", ports[0])]);
            command
        })
    },
    reload: None,
    end: libc::SIGTERM,
    // It always has a servername callback.
    learners: 1,
    are_copies: true,
    words: "",
};

#[test]
fn s_server() {
    expect_resumption_everywhere(&S_SERVER);
    expect_no_resumption_with_stock(&S_SERVER);
}

/// Python's own server, which never says goodbye.
const PYTHON: Program = Program {
    start: |machine| {
        let run = &machine.0;
        Server::start(run, 1, |ports| {
            let mut command = run.command("/usr/bin/python3");
            command.arg("-c").arg(HTTP_SERVER).arg(ports[0].to_string());
            command
        })
    },
    reload: None,
    end: libc::SIGTERM,
    learners: 0,
    are_copies: true,
    words: "",
};

const HTTP_SERVER: &str = "
import http.server, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('cert.pem', 'key.pem')
server = http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), http.server.SimpleHTTPRequestHandler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
";

#[test]
fn pythons_http_server() {
    expect_resumption_everywhere(&PYTHON);
    expect_no_resumption_with_stock(&PYTHON);
}

/// uvicorn with four workers, each with a context of its own.
pub const UVICORN: Program = Program {
    start: |machine| {
        let run = &machine.0;
        run.write("app.py", ASGI);
        Server::start(run, 1, |ports| {
            let mut command = run.command("uvicorn");
            command.args(["--workers", "4", "--log-level", "error", "--host", "127.0.0.1"]);
            command.args(["--port", &ports[0].to_string(), "--ssl-certfile", "cert.pem", "--ssl-keyfile", "key.pem"]);
            command.arg("app:app").env("PYTHONDONTWRITEBYTECODE", "1");
            command
        })
    },
    reload: None,
    end: libc::SIGTERM,
    learners: 0,
    are_copies: true,
    words: "",
};

const ASGI: &str = "
async def app(scope, receive, send):
    if scope['type'] != 'http':
        return
    headers = [(b'content-length', b'6'), (b'connection', b'close')]
    await send({'type': 'http.response.start', 'status': 200, 'headers': headers})
    await send({'type': 'http.response.body', 'body': b'answer'})
";

/// HAProxy with two threads and no tls-ticket-keys.
pub const HAPROXY: Program = Program {
    start: |machine| start_haproxy(machine, ""),
    reload: Some(haproxy::reload),
    end: libc::SIGTERM,
    // One process with a client_hello and a servername callback: it learns from clients that offer a ticket.
    learners: 1,
    are_copies: true,
    words: "",
};

pub fn start_haproxy<'a>(machine: &'a Machine, bind: &str) -> Server<'a> {
    let run = &machine.0;
    Server::start(run, 1, |ports| {
        let text = HAPROXY_CONFIGURATION.replace("PORT", &ports[0].to_string()).replace("BIND", bind);
        let mut command = run.command("haproxy");
        command.arg("-W").arg("-db").arg("-S").arg(run.path("master")).arg("-f").arg(run.write("haproxy.cfg", &text));
        command
    })
}

pub const HAPROXY_CONFIGURATION: &str = "
global
    log stderr local0 err
    nbthread 2
defaults
    mode http
    timeout client 20s
    timeout server 20s
    timeout connect 20s
    option httpclose
frontend tls
    bind 127.0.0.1:PORT ssl crt @DIR@/both.pem ssl-min-ver TLSv1.2 BIND
    http-request return status 200 content-type text/plain string answer
";

/// Keys of HAProxy's own stay: each machine has others, so nobody is resumed at the other, as with stock.
#[test]
fn haproxys_own_keys() {
    let [one, other] = Machine::two(With::Library);
    for (machine, byte) in [(&one, "QUFB"), (&other, "QkJC")] {
        let key = byte.repeat(16);
        machine.0.write("tls.keys", &format!("{key}\n{key}\n{key}\n"));
    }
    let start = |machine| start_haproxy(machine, "tls-ticket-keys @DIR@/tls.keys");
    let (here, there) = (start(&one), start(&other));
    for client in CLIENTS {
        one.begin(&here, client);
        assert_eq!(one.offer(&here, &one, client, COUNT), "R".repeat(COUNT), "{client}");
        assert_eq!(other.offer(&there, &one, client, 1), "N", "{client}");
    }
    here.stop(libc::SIGTERM);
    there.stop(libc::SIGTERM);
}

/// hitch with four workers, which give up their rights.
pub const HITCH: Program = Program {
    start: |machine| hitch::start(&machine.0),
    reload: Some(|server| reload_by(server, libc::SIGHUP, "EXITING", 4)),
    end: libc::SIGTERM,
    learners: 4,
    are_copies: true,
    words: "",
};

#[test]
fn stock_hitch() {
    expect_no_resumption_with_stock(&HITCH);
}
