//! The test of the kernel, once per process: does SO_RCVLOWAT hide what lies in a TCP socket from poll and epoll, and
//! does lowering it signal it to all of them?
//!
//! Hiding is old, but lowering signals only since Linux 4.18, and other kernels answer for Linux too. Without it a
//! parked connection would hang. So nothing parks unless a pair of sockets on the loopback has shown it to work.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use super::machine::LowMark;
use super::socket::Descriptor;

/// A ClientHello's usual length.
const LENGTH: usize = 517;

/// Returns true if connections can be parked on this kernel. Waits for that time at most, for each of six events that
/// must come: on a loopback they have come as a call returns.
pub fn passes(patience: Duration) -> bool {
    Pair::new(patience).and_then(|pair| pair.behaves()).unwrap_or(false)
}

struct Pair {
    /// Number of milliseconds.
    patience: i32,
    client: TcpStream,
    server: TcpStream,
    level: OwnedFd,
    edge: OwnedFd,
}

fn checked(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn epoll(socket: &TcpStream, events: i32) -> io::Result<OwnedFd> {
    // SAFETY: makes a descriptor, which is then this function's alone.
    let epoll = unsafe { OwnedFd::from_raw_fd(checked(libc::epoll_create1(libc::EPOLL_CLOEXEC))?) };
    let mut event = libc::epoll_event { events: events as u32, u64: 0 };
    // SAFETY: descriptors that are open, and an event to read.
    checked(unsafe { libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, socket.as_raw_fd(), &mut event) })?;
    Ok(epoll)
}

/// Returns true if the epoll has an event within so many milliseconds.
fn has_event(epoll: &OwnedFd, patience: i32) -> bool {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: room for one event.
    unsafe { libc::epoll_wait(epoll.as_raw_fd(), &mut event, 1, patience) == 1 }
}

impl Pair {
    fn new(patience: Duration) -> io::Result<Pair> {
        let patience = patience.as_millis() as i32;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let client = TcpStream::connect(listener.local_addr()?)?;
        let (server, peer) = listener.accept()?;
        if peer != client.local_addr()? {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        client.set_nodelay(true)?;
        let (level, edge) = (epoll(&server, libc::EPOLLIN)?, epoll(&server, libc::EPOLLIN | libc::EPOLLET)?);
        Ok(Pair { patience, client, server, level, edge })
    }

    fn is_polled(&self, patience: i32) -> bool {
        let mut wanted = libc::pollfd { fd: self.server.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry.
        unsafe { libc::poll(&mut wanted, 1, patience) == 1 }
    }

    fn set_low(&self, bytes: usize) {
        Descriptor(self.server.as_raw_fd()).set_low(bytes);
    }

    fn bytes(&self) -> io::Result<usize> {
        self.server.peek(&mut [0; LENGTH + 64])
    }

    /// Sends bytes. Returns true once so many lie there and are signalled.
    fn send(&self, bytes: &[u8], there: usize) -> io::Result<bool> {
        (&self.client).write_all(bytes)?;
        let end = Instant::now() + Duration::from_millis(self.patience as u64);
        while !(self.is_polled(self.patience) && self.bytes()? >= there) {
            if Instant::now() > end {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns true if all of poll, level-triggered and edge-triggered epoll have something to tell.
    fn is_told(&self) -> bool {
        has_event(&self.edge, self.patience) && has_event(&self.level, self.patience) && self.is_polled(self.patience)
    }

    /// Hides what is there, and takes what has been told of it.
    fn hide(&self, up_to: usize) {
        self.set_low(up_to);
        has_event(&self.edge, 0);
    }

    fn behaves(&self) -> io::Result<bool> {
        if !self.send(&[22; LENGTH], LENGTH)? || !self.is_told() {
            return Ok(false);
        }
        self.set_low(LENGTH + 1);
        let is_hidden = !self.is_polled(0) && !has_event(&self.level, 0) && !has_event(&self.edge, 0);
        self.set_low(1);
        let is_shown = self.is_told();
        self.hide(LENGTH + 1);
        let more_wake = self.send(b"more", LENGTH + 4)? && has_event(&self.edge, self.patience);
        self.hide(LENGTH + 100);
        self.client.shutdown(Shutdown::Write)?;
        let end_wakes = has_event(&self.edge, self.patience);
        Ok(is_hidden && is_shown && more_wake && end_wakes)
    }
}

#[cfg(test)]
mod tests {
    /// Linux since 4.18 passes, and whoever runs the tests has that.
    #[test]
    fn this_kernel_passes() {
        assert!(super::passes(std::time::Duration::from_secs(1)));
    }
}
