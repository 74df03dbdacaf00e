use crate::{arguments::Run, output::Failure};
use std::path::Path;
use std::process::ExitCode;
pub fn run(_: &Run) -> Result<ExitCode, Failure> {
    Err(Failure::new("todo"))
}
pub fn probe() -> Result<ExitCode, Failure> {
    Err(Failure::new("todo"))
}
pub fn keep(_: &Path) -> Result<ExitCode, Failure> {
    Err(Failure::new("todo"))
}
