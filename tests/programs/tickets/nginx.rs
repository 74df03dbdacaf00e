//! nginx as its configuration is by default: tickets, and no cache.

use super::{Machine, Program, expect_no_resumption_with_stock};
use crate::programs::{nginx::Nginx, server::Server, shared::nginx};

pub const PROGRAM: Program = Program {
    start,
    reload: Some(nginx::reload),
    end: libc::SIGQUIT,
    learners: nginx::WORKERS,
    are_copies: true,
    words: "",
};

fn start(machine: &Machine) -> Server<'_> {
    Nginx { workers: nginx::WORKERS, main: "", server: "", front: "" }.start(&machine.0)
}

#[test]
fn stock_resumes_nobody_elsewhere() {
    expect_no_resumption_with_stock(&PROGRAM);
}
