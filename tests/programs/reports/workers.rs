//! Servers whose workers are forked, and make contexts of their own.

use super::*;

/// Each worker makes a context for each connection.
pub const GUNICORN: Row = Row {
    start: |run, environment| {
        Server::start(run, 1, |ports| {
            let mut command = environment.command(run, "gunicorn");
            command.args(["--workers", "4", "--log-level", "error"]);
            command.args(["--bind", &format!("127.0.0.1:{}", ports[0]), "--chdir"]);
            command.arg(common::root().join("tests/programs/reports")).arg("app:app");
            command.env("PYTHONDONTWRITEBYTECODE", "1");
            let (certificate, key) = (run.path("cert.pem"), run.path("key.pem"));
            command.arg("--certfile").arg(certificate).arg("--keyfile").arg(key);
            command
        })
    },
    protocol: "http",
    stock: NONE,
    fixed: &[(SHARED, IDS), (NAMED, IDS), (SHARED_STATEFUL, ALL), (NAMED_STATEFUL, ALL)],
};

#[test]
fn gunicorn() {
    check(&GUNICORN);
}

/// A cluster of workers that each make their contexts, whose cache is turned off.
pub const PUMA: Row = Row {
    start: |run, environment| {
        run.write("app.ru", "run ->(environment) { [200, { 'Content-Length' => '6' }, ['answer']] }\n");
        Server::start(run, 1, |ports| {
            let mut command = environment.command(run, "puma");
            command.args(["--workers", "3", "--threads", "1:1", "--environment", "production", "--silent", "--bind"]);
            command.arg(format!("ssl://127.0.0.1:{}?key=key.pem&cert=cert.pem", ports[0])).arg("app.ru");
            command
        })
    },
    protocol: "http",
    stock: NONE,
    fixed: &[(ALL_STATEFUL, ALL), (SHARED_ALL, IDS)],
};

#[test]
fn puma() {
    check(&PUMA);
}

/// Its https router has processes of its own, and turns its cache off.
pub const UWSGI: Row = Row {
    start: |run, environment| {
        Server::start(run, 1, |ports| {
            let mut command = environment.command(run, "uwsgi-core");
            command.args(["--master", "--die-on-term", "--plugins", "http,python3", "--http-processes", "3"]);
            command.arg("--https").arg(format!("127.0.0.1:{},cert.pem,key.pem", ports[0]));
            command.arg("--wsgi-file").arg(common::root().join("tests/programs/reports/app.py"));
            command.args(["--callable", "app"]).env("PYTHONDONTWRITEBYTECODE", "1");
            command
        })
    },
    protocol: "http",
    stock: TICKETS,
    fixed: FIXED_BY_ATTACHING,
};

#[test]
fn uwsgi() {
    check(&UWSGI);
}
