//! `sslsession export`: serves the statistics over HTTP, for Prometheus.
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::io::Write;
use std::process::ExitCode;

use tiny_http::{Header, Method, Request, Response, Server};

use crate::arguments::Export;
use crate::output::{self, Failure, println};
use crate::stat::{self, openmetrics};

/// Serves until the process is ended.
pub fn export(arguments: &Export) -> Result<ExitCode, Failure> {
    let listen = &arguments.listen;
    let server = Server::http(listen).map_err(|error| Failure::new(format!("--listen {listen}: {error}")))?;
    println!("Serving http://{}/metrics", server.server_addr());
    std::io::stdout().flush().map_err(|error| Failure::new(format!("stdout: {error}")))?;
    match serve(&server, arguments) {
        Err(failure) => Err(failure),
        Ok(never) => match never {},
    }
}

fn serve(server: &Server, arguments: &Export) -> Result<Infallible, Failure> {
    loop {
        let request = server.recv().map_err(|error| Failure::new(format!("--listen: {error}")))?;
        let response = answer(&request, arguments);
        // A client that goes before it has its answer is no matter.
        let _ = request.respond(response);
    }
}

type Answer = Response<std::io::Cursor<Vec<u8>>>;

fn answer(request: &Request, arguments: &Export) -> Answer {
    let path = request.url().split('?').next().unwrap_or_default();
    match (request.method(), path) {
        (Method::Get | Method::Head, "/metrics") => metrics(arguments),
        (Method::Get | Method::Head, "/") => {
            of_type("text/html; charset=utf-8", "<title>sslsession</title><a href=\"/metrics\">Metrics</a>\n")
        }
        (Method::Get | Method::Head, _) => text("Not found: the metrics are at /metrics\n").with_status_code(404),
        _ => text("Only GET and HEAD are answered\n").with_status_code(405),
    }
}

fn metrics(arguments: &Export) -> Answer {
    let seen = stat::see(&arguments.stores);
    let refused: Vec<String> = seen.refused.iter().map(ToString::to_string).collect();
    refused.iter().for_each(|refused| output::warn(refused));
    // Who asks for stores by name is to know that none of them can be read.
    if seen.statistics.is_empty() && !arguments.stores.is_empty() {
        return text(&format!("{}\n", refused.join("\n"))).with_status_code(503);
    }
    of_type(openmetrics::MEDIA_TYPE, &openmetrics::text(&seen.statistics))
}

fn text(body: &str) -> Answer {
    of_type("text/plain; charset=utf-8", body)
}

fn of_type(media_type: &str, body: &str) -> Answer {
    let response = Response::from_string(body);
    match Header::from_bytes("Content-Type", media_type) {
        Ok(header) => response.with_header(header),
        Err(()) => response,
    }
}
