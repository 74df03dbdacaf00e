//! Name servers and resolvers, over TLS and HTTPS.

use super::*;

const NAMED_CONF: &str = "
tls own { cert-file \"@DIR@/cert.pem\"; key-file \"@DIR@/key.pem\"; session-tickets TICKETS; };
http own { endpoints { \"/dns-query\"; }; };
options {
  directory \"@DIR@\";
  pid-file none;
  session-keyfile \"@DIR@/session.key\";
  managed-keys-directory \"@DIR@\";
  recursion no;
  dnssec-validation no;
  listen-on port TLS tls own { 127.0.0.1; };
  listen-on port HTTPS tls own http own { 127.0.0.1; };
  listen-on-v6 { none; };
};
controls { };
";

fn start_bind<'a>(run: &'a Run, environment: &Environment, is_http: bool) -> Server<'a> {
    let mut server = Server::start(run, 2, |ports| {
        let text = NAMED_CONF.replace("TLS", &ports[0].to_string()).replace("HTTPS", &ports[1].to_string());
        let mut command = environment.command(run, "named");
        command
            .args(["-g", "-n", "2", "-c"])
            .arg(run.write("named.conf", &text.replace("TICKETS", if is_http { "yes" } else { "no" })));
        command
    });
    if is_http {
        server.ports.swap(0, 1);
    }
    server
}

/// With `session-tickets no`.
#[test]
fn bind_over_tls() {
    check(&Row {
        start: |run, environment| start_bind(run, environment, false),
        protocol: "dns",
        stock: ALL,
        fixed: &[],
    });
}

#[test]
fn bind_over_https() {
    check(&Row {
        start: |run, environment| start_bind(run, environment, true),
        protocol: "http2",
        stock: ALL,
        fixed: &[],
    });
}

const UNBOUND: &str = "
server:
  directory: \"@DIR@\"
  chroot: \"\"
  username: \"\"
  pidfile: \"\"
  use-syslog: no
  num-threads: 2
  interface: 127.0.0.1@PORT
  tls-port: PORT
  tls-service-key: \"@DIR@/key.pem\"
  tls-service-pem: \"@DIR@/cert.pem\"
  local-zone: \"example.\" static
";

#[test]
fn unbound() {
    check(&Row {
        start: |run, environment| {
            Server::start(run, 1, |ports| {
                let mut command = environment.command(run, "unbound");
                command.arg("-d").arg("-c");
                command.arg(run.write("unbound.conf", &UNBOUND.replace("PORT", &ports[0].to_string())));
                command
            })
        },
        protocol: "dns",
        stock: ALL,
        fixed: &[],
    });
}

const NSD: &str = "
server:
  server-count: 3
  interface: 127.0.0.1@PORT
  tls-port: PORT
  tls-service-key: \"@DIR@/key.pem\"
  tls-service-pem: \"@DIR@/cert.pem\"
  zonesdir: \"@DIR@\"
  zonelistfile: \"@DIR@/zone.list\"
  database: \"\"
  pidfile: \"\"
  xfrdfile: \"\"
  xfrdir: \"@DIR@\"
  username: \"\"
  chroot: \"\"
remote-control:
  control-enable: no
";

#[test]
fn nsd() {
    check(&Row {
        start: |run, environment| {
            Server::start(run, 1, |ports| {
                let mut command = environment.command(run, "nsd");
                command.arg("-d").arg("-c");
                command.arg(run.write("nsd.conf", &NSD.replace("PORT", &ports[0].to_string())));
                command
            })
        },
        protocol: "dns",
        stock: TICKETS,
        fixed: FIXED_BY_ANY_STORE,
    });
}

const DNSDIST: &str = "
setLocal('127.0.0.1:PLAIN')
addTLSLocal('127.0.0.1:PORT', '@DIR@/cert.pem', '@DIR@/key.pem', { provider = 'openssl' })
addAction(AllRule(), SpoofAction('127.0.0.1'))
";

#[test]
fn dnsdist() {
    check(&Row {
        start: |run, environment| {
            Server::start(run, 2, |ports| {
                let text = DNSDIST.replace("PLAIN", &ports[1].to_string()).replace("PORT", &ports[0].to_string());
                let mut command = environment.command(run, "dnsdist");
                command.args(["--supervised", "--disable-syslog", "-C"]).arg(run.write("dnsdist.conf", &text));
                command
            })
        },
        protocol: "dns",
        stock: ALL_BUT_IDS_UNCLEAN,
        fixed: FIXED_BY_ANY_STORE,
    });
}
