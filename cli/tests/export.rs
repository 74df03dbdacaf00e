//! `sslsession export`, asked by curl and scraped by Debian's prometheus.

mod support;

use std::fs;

use serde_json::Value;
use support::common::{self, Scratch, process::Running};
use support::{Claim, Name, plain, printed, reconnect, said, sharing_server, sslsession, wait_until, with_certificate};

/// Starts the exporter for a store. Returns it with its address.
fn export(scratch: &Scratch, store: &str) -> (Running, String) {
    let file = scratch.join("exporter");
    let mut command = sslsession(["export", "--listen", "127.0.0.1:0", store]);
    let running = Running::start(command.stdout(fs::File::create(&file).expect("a scratch file")));
    let text = || fs::read_to_string(&file).unwrap_or_default();
    wait_until("it serves", || text().contains("/metrics\n"));
    let address =
        text().trim().strip_prefix("Serving http://").and_then(|rest| rest.strip_suffix("/metrics")).map(str::to_owned);
    (running, address.expect("an address"))
}

fn curl(arguments: &[&str]) -> String {
    printed(plain("curl").args(["--silent", "--show-error", "--max-time", "30", "--include"]).args(arguments))
}

#[test]
fn the_exporter_serves_what_stat_prints() {
    let scratch = with_certificate("stat");
    let name = Name::new("export");
    let server = sharing_server(&scratch, &name.setting(), &[]);
    reconnect(&server);
    let (_exporter, address) = export(&scratch, &name.0);
    let metrics = curl(&[&format!("http://{address}/metrics")]);
    assert!(
        metrics.starts_with("HTTP/1.1 200 OK\r\n") && metrics.contains("application/openmetrics-text; version=1.0.0")
    );
    let (_, body) = metrics.split_once("\r\n\r\n").expect("a body");
    let lookups = format!("sslsession_lookups_total{{store=\"{}\",result=\"hit\"}} 18\n", name.0);
    assert!(body.contains(&lookups) && body.ends_with("# EOF\n"), "{body}");
    let lines =
        |text: &str| text.lines().filter(|line| !line.contains("expires")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(body), lines(&printed(&mut sslsession(["stat", "--openmetrics", &name.0]))));
    assert!(curl(&[&format!("http://{address}/other")]).starts_with("HTTP/1.1 404"));
    assert!(curl(&["-X", "POST", "-d", "x", &format!("http://{address}/metrics")]).starts_with("HTTP/1.1 405"));
    let taken = said(&mut sslsession(["export", "--listen", &address]));
    assert_eq!((taken.status, taken.stderr.contains("in use")), (Some(2), true), "{taken:?}");
    server.stop(libc::SIGKILL);
    fs::remove_file(name.path()).expect("the store of this test");
    let gone = curl(&[&format!("http://{address}/metrics")]);
    assert!(gone.starts_with("HTTP/1.1 503") && gone.contains("there is no such store"), "{gone}");
}

/// Debian's own: it scrapes the exporter, and is asked for what it has.
#[test]
fn prometheus_scrapes_it() {
    let scratch = with_certificate("stat");
    let name = Name::new("prometheus");
    let server = sharing_server(&scratch, &name.setting(), &[]);
    reconnect(&server);
    let (_exporter, address) = export(&scratch, &name.0);
    let config = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs:\n- job_name: tls\n  static_configs: [{{ targets: ['{address}'] }}]\n"
    );
    fs::write(scratch.join("prometheus.yml"), config).expect("a scratch file can be written");
    let claim = Claim::new();
    let mut command = plain("prometheus");
    command.arg("--config.file=prometheus.yml").arg("--storage.tsdb.path=data").current_dir(scratch.path());
    command.arg(format!("--web.listen-address=127.0.0.1:{}", claim.0));
    let log = fs::File::create(scratch.join("prometheus.log")).expect("a scratch file");
    let _prometheus = Running::start(command.stdout(log.try_clone().expect("a descriptor")).stderr(log));
    let ask = |query: &str| {
        let mut curl = plain("curl");
        curl.args(["--silent", "--max-time", "30", "-G", "--data-urlencode", &format!("query={query}")]);
        let said = said(curl.arg(format!("http://127.0.0.1:{}/api/v1/query", claim.0)));
        serde_json::from_str::<Value>(&said.stdout)
            .map_or(Value::Null, |json| json["data"]["result"][0]["value"][1].clone())
    };
    wait_until("a scrape", || ask("up") == "1");
    wait_until("18 hits", || ask("sum(sslsession_lookups_total{result='hit'})") == "18");
    assert_eq!(ask("sum(sslsession_process_contexts{state='shared'})"), "1");
    assert_eq!(ask("sslsession_size_bytes"), (1 << 20).to_string());
    // What the dashboard asks for, Prometheus understands.
    let dashboard = fs::read_to_string(common::root().join("examples/grafana.json")).expect("it is there");
    let dashboard: Value = serde_json::from_str(&dashboard).expect("it is JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let queries: Vec<&str> = targets.map(|target| target["expr"].as_str().expect("a query")).collect();
    assert!(queries.len() > 5);
    for query in queries {
        let query = query.replace("$__rate_interval", "1m").replace("$store", ".*");
        wait_until(&query, || ask(&query) != Value::Null);
    }
    server.stop(libc::SIGKILL);
}
