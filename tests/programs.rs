//! Unmodified programs of Debian's packages, with the library preloaded and without it.
//!
//! Each test runs a program with stock libssl, with the library preloaded over it, and with the library preloaded over
//! the same libssl linked `-Bsymbolic`. It drives the same reconnections against all three and compares the sequences
//! of new and resumed handshakes, the cache's statistics and its mode. A probe preloaded before the library
//! (`tests-c/probe.c`) counts the sessions in the cache that the program sees and in libssl's own table; where the
//! library is, that table must be empty: so the sessions are in the library.
//!
//! In TLS 1.2 a server stores its session after its last flight is sent, and a client that only waits for the handshake
//! can be back too soon. So every client here waits for the server's answer and its end before it reconnects.
//!
//! Below `shared` the programs have several processes and the store that processes share; there the library must do what
//! stock libssl cannot.
//!
//! Below `tickets` two instances of a program are two machines with one key file: a client of one is resumed by the other.
//!
//! `tests/install` installs the programs.

mod common;

mod programs {
    mod build;
    mod compare;
    mod plain;
    mod probe;
    mod run;
    mod server;

    mod apache;
    mod containers;
    mod curl;
    mod environment;
    mod haproxy;
    mod lighttpd;
    mod nginx;
    mod openssl;
    mod paper;
    mod php;
    mod postfix;
    mod recipes;
    mod redis;
    mod reports;
    mod scripts;
    mod shared;
    mod stunnel;
    mod tickets;
}
