//! The plain ends of programs that speak TLS on one side only.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
};

/// Asks an HTTP server for `/` and reads to the end; what it answered.
pub fn get(port: u16) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(super::run::DEADLINE)).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A server that answers each connection's request with a few words and closes; its port. It lasts as long as the tests.
pub fn serve() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || answer(stream.unwrap()));
        }
    });
    port
}

/// A connection without a request, which only tests whether the port is open, gets no answer.
fn answer(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while let Ok(got @ 1..) = stream.read(&mut part) {
        request.extend_from_slice(&part[..got]);
        if request.ends_with(b"\r\n\r\n") {
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nanswer");
            return;
        }
    }
}
