//! The socket of a connection, by its descriptor.

use std::ffi::{c_int, c_void};
use std::mem::{self, MaybeUninit};
use std::ptr;

use super::machine::{LowMark, Peeked, Room, Socket};

/// A socket that its descriptor is known to mean, in the call that it is made for.
#[derive(Clone, Copy)]
pub struct Descriptor(pub c_int);

impl Descriptor {
    fn option<T>(self, name: c_int) -> Option<T> {
        let mut value = MaybeUninit::<T>::uninit();
        let mut length = mem::size_of::<T>() as libc::socklen_t;
        // SAFETY: a place of that length; the kernel refuses what is no socket.
        let result =
            unsafe { libc::getsockopt(self.0, libc::SOL_SOCKET, name, value.as_mut_ptr().cast(), &mut length) };
        // SAFETY: written in full. It is asked for numbers, of which any bytes are good.
        (result == 0 && length as usize == mem::size_of::<T>()).then(|| unsafe { value.assume_init() })
    }
}

impl LowMark for Descriptor {
    fn set_low(&self, bytes: usize) {
        let low = c_int::try_from(bytes).unwrap_or(c_int::MAX);
        let value: *const c_void = ptr::from_ref(&low).cast();
        // SAFETY: a number. What the kernel does not take changes nothing, and the bytes are signalled.
        unsafe {
            libc::setsockopt(self.0, libc::SOL_SOCKET, libc::SO_RCVLOWAT, value, mem::size_of::<c_int>() as _);
        }
    }
}

impl Socket for Descriptor {
    fn peek<'a>(&self, room: &'a mut Room) -> Peeked<'a> {
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        // SAFETY: room of that length.
        let seen = unsafe { libc::recv(self.0, room.as_mut_ptr().cast(), room.len(), flags) };
        match usize::try_from(seen) {
            Ok(0) => Peeked::End,
            // SAFETY: the kernel has written that many.
            Ok(seen) => Peeked::Bytes(unsafe { std::slice::from_raw_parts(room.as_ptr().cast(), seen) }),
            Err(_) if std::io::Error::last_os_error().kind() == std::io::ErrorKind::WouldBlock => Peeked::Nothing,
            Err(_) => Peeked::End,
        }
    }

    fn can_park(&self) -> bool {
        // SAFETY: a question, of whatever descriptor.
        let flags = unsafe { libc::fcntl(self.0, libc::F_GETFL) };
        flags >= 0
            && flags & libc::O_NONBLOCK != 0
            && self.option::<c_int>(libc::SO_PROTOCOL) == Some(libc::IPPROTO_TCP)
    }
}

/// A socket that its descriptor may no longer mean: the program may close it at any time, and its number is then
/// another's. It is compared by the number that the kernel gives a socket for life. Of two sockets that are mixed up in
/// the moment after that, the other one gets the mark that the kernel gives every socket.
#[derive(Clone, Copy)]
pub struct Known {
    descriptor: Descriptor,
    cookie: Option<u64>,
}

impl Known {
    pub fn new(descriptor: Descriptor) -> Known {
        Known { descriptor, cookie: descriptor.option(libc::SO_COOKIE) }
    }
}

impl LowMark for Known {
    fn set_low(&self, bytes: usize) {
        if self.descriptor.option(libc::SO_COOKIE) == self.cookie {
            self.descriptor.set_low(bytes);
        }
    }
}
