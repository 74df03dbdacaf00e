//! A network between hosts and Redis: each direction's bytes arrive later.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener},
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

/// The network between one host and Redis.
pub struct Network {
    pub port: u16,
    /// The commands that have come to Redis.
    arrived: Arc<Arrived>,
}

#[derive(Default)]
struct Arrived {
    sets: AtomicUsize,
    gets: AtomicUsize,
}

impl Network {
    /// Returns the number of SETs that Redis has had from the host.
    pub fn sets(&self) -> usize {
        self.arrived.sets.load(Ordering::Relaxed)
    }

    /// Returns the number of GETs.
    pub fn gets(&self) -> usize {
        self.arrived.gets.load(Ordering::Relaxed)
    }
}

/// Serves connections to a Redis on that unix socket, whose answers come `there_and_back` later, for as long as the
/// test's process lives.
pub fn serve(redis: PathBuf, there_and_back: Duration) -> Network {
    let arrived = Arc::<Arrived>::default();
    let counted = Arc::clone(&arrived);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A Redis that is not there closes, as the host's own kernel would.
            let Ok(server) = UnixStream::connect(&redis) else { continue };
            let (from_client, from_server) =
                (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
            let (to_server, to_client) = (server, client);
            to_client.set_nodelay(true).expect("a socket of TCP");
            let counted = Arc::clone(&counted);
            let mut begun = Vec::new();
            let count = move |bytes: &[u8]| counted.count(&mut begun, bytes);
            carry(from_client, to_server, there_and_back / 2, count, |server| drop(server.shutdown(Shutdown::Both)));
            carry(from_server, to_client, there_and_back / 2, |_| (), |client| drop(client.shutdown(Shutdown::Both)));
        }
    });
    Network { port, arrived }
}

impl Arrived {
    /// Counts commands. `begun` is the end of what came before, as long as a command's beginning.
    fn count(&self, begun: &mut Vec<u8>, bytes: &[u8]) {
        const LENGTH: usize = b"$3\r\nSET\r\n".len();
        begun.extend_from_slice(bytes);
        for command in begun.windows(LENGTH) {
            match command {
                b"$3\r\nSET\r\n" => self.sets.fetch_add(1, Ordering::Relaxed),
                b"$3\r\nGET\r\n" => self.gets.fetch_add(1, Ordering::Relaxed),
                _ => 0,
            };
        }
        begun.drain(..begun.len().saturating_sub(LENGTH - 1));
    }
}

/// Carries bytes in one direction, until its end.
fn carry<R, W>(mut from: R, to: W, delay: Duration, arrives: impl FnMut(&[u8]) + Send + 'static, end: fn(&W))
where
    R: Read + Send + 'static,
    W: Write + Send + 'static,
{
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || deliver(receiver, to, arrives, end));
    thread::spawn(move || {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            if sender.send((Instant::now() + delay, bytes[..read].to_vec())).is_err() {
                return;
            }
        }
    });
}

fn deliver<W: Write>(receiver: Receiver<(Instant, Vec<u8>)>, mut to: W, mut arrives: impl FnMut(&[u8]), end: fn(&W)) {
    for (due, bytes) in receiver {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            break;
        }
        arrives(&bytes);
    }
    end(&to);
}
