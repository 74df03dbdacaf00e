use crate::{arguments::Key, output::Failure};
use std::process::ExitCode;
pub fn key(_: &Key) -> Result<ExitCode, Failure> {
    Err(Failure::new("todo"))
}
