use crate::{arguments::Store, output::Failure};
use std::process::ExitCode;
pub fn store(_: &Store) -> Result<ExitCode, Failure> {
    Err(Failure::new("todo"))
}
