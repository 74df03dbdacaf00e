//! What to do about an error.
#![forbid(unsafe_code)]

use std::io;

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The rights of the account, as docs/remote.md has them.
const RIGHTS: &str = "~tls:* +get +set +getdel +del +ping +time";

/// Returns an error's words.
fn words(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

/// Returns why no connection was made, with the step that it is about. The server listens.
pub fn of_connection(error: &RedisError, has_tls: bool) -> (&'static str, String) {
    let words = words(error);
    if error.kind() == ErrorKind::AuthenticationFailed || matches!(error.code(), Some("WRONGPASS" | "NOAUTH")) {
        return ("password", of_password(&words));
    }
    let is_ended = error.is_io_error() || error.is_connection_dropped() || error.is_timeout();
    match has_tls {
        true if words.contains("certificate") => (
            "tls",
            format!(
                "{words}: `ca=/a/file` in SSLSESSION_REMOTE_OPTIONS names the authorities that may have signed the server's \
                 certificate, `name=` the name in it, if that is not the address's"
            ),
        ),
        true if is_ended => ("tls", format!("{words}: does the server speak TLS on this port?")),
        false if is_ended => {
            ("answer", format!("{words}: is it Redis, is it stopped, or does it want TLS (rediss://)?"))
        }
        _ => ("answer", of_command(error)),
    }
}

fn of_password(words: &str) -> String {
    format!("{words}: is the account right, as in redis://ACCOUNT@HOST, and the password of `password-file=`?")
}

/// Returns what an error of a command says, and what to do.
pub fn of_command(error: &RedisError) -> String {
    let words = words(error);
    let advice = match error.kind() {
        ErrorKind::Server(ServerErrorKind::NoPerm) => {
            return format!(
                "{words}: the account needs `ACL SETUSER ACCOUNT {RIGHTS}`, and +cluster for a cluster, +select for a database"
            );
        }
        ErrorKind::Server(ServerErrorKind::ReadOnly) => "the server is a replica: name the one that it copies",
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask) => {
            "the server is a node of a cluster: name several of its nodes, with commas"
        }
        ErrorKind::Server(ServerErrorKind::ClusterDown) => "the cluster does not serve: `redis-cli --cluster check`",
        ErrorKind::Server(ServerErrorKind::BusyLoading) => "the server has just been started: wait until it has loaded",
        _ => match error.code() {
            Some("OOM") => {
                "its memory is full and nothing leaves it: more memory (maxmemory), and maxmemory-policy volatile-ttl"
            }
            Some("MISCONF") => "the server cannot save to its disk, and refuses: mend that, or set `save \"\"`",
            Some("NOAUTH") => return of_password(&words),
            _ if words.contains("cluster support disabled") => {
                "the server is alone: name it alone, or start it and the others as a cluster"
            }
            _ if words.contains("DB index") => "the server has no such database: name another one behind the port",
            _ if words.contains("unknown command") => "the server is older than Redis 6.2, or does not have it",
            _ if error.is_timeout() => "the server listens and does not answer: is it stopped, or busy?",
            _ => return words,
        },
    };
    format!("{words}: {advice}")
}

/// Returns why there is no connection, and what to do.
pub fn of_refusal(error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "nobody listens there: does the server run, with this port and this address?"
        }
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "nothing comes back: is the address right, and does a firewall let this host through?"
        }
        io::ErrorKind::NotFound => "there is no such socket: does the server run, with this path as its unixsocket?",
        io::ErrorKind::PermissionDenied => {
            "this user may not use it: for a socket see the server's unixsocketperm, for an address SELinux \
             (httpd_can_network_connect)"
        }
        _ => return error.to_string(),
    };
    format!("{error}: {advice}")
}
