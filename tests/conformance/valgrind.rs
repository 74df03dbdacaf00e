//! Programs under valgrind's memcheck.

use crate::common;
use std::{ffi::OsStr, path::Path, process::Command};

/// Returns `command` under memcheck, which writes what it finds to `report`.
///
/// A child that was forked says nothing: the memory of the threads it did not inherit is lost there by nature.
/// `TESTS_C_BRIEF` asks programs that count in thousands to do less.
pub fn wrap(command: &Command, report: &Path) -> Command {
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--quiet", "--leak-check=full", "--show-leak-kinds=definite", "--num-callers=40", "--fair-sched=yes"])
        .args(["--child-silent-after-fork=yes", "--xml=yes"])
        .arg(option("--xml-file=", report.as_os_str()))
        .arg(option("--suppressions=", common::root().join("tests-c/valgrind.supp").as_os_str()))
        .arg(command.get_program())
        .env("TESTS_C_BRIEF", "1");
    if let Some(directory) = command.get_current_dir() {
        valgrind.current_dir(directory);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => valgrind.env(name, value),
            None => valgrind.env_remove(name),
        };
    }
    valgrind
}

fn option(name: &str, value: &OsStr) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(name);
    option.push(value);
    option
}

/// Returns each error of a report as text: its kind, and the functions it was found in, innermost first.
pub fn errors(report: &str) -> Vec<String> {
    let errors = report.split("<error>").skip(1);
    errors
        .map(|error| error.split("</error>").next().unwrap_or(error))
        .map(|error| {
            let what = tag(error, "text").or_else(|| tag(error, "what")).unwrap_or("an error");
            // further stacks tell where a block came from; the first tells what happened
            let stack = error.split("</stack>").next().unwrap_or(error);
            let frames: Vec<String> = stack.split("<frame>").skip(1).map(frame).collect();
            format!("  {what}\n{}", frames.join("\n"))
        })
        .collect()
}

fn frame(frame: &str) -> String {
    let frame = frame.split("</frame>").next().unwrap_or(frame);
    let object = tag(frame, "obj").and_then(|object| object.rsplit('/').next()).unwrap_or("?");
    let place = tag(frame, "file").map(|file| format!(" ({file}:{})", tag(frame, "line").unwrap_or("?")));
    format!("    {} in {object}{}", tag(frame, "fn").unwrap_or("?"), place.unwrap_or_default())
}

/// Returns the text of the first element of that name.
fn tag<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let start = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let length = xml[start..].find("</")?;
    Some(&xml[start..start + length])
}
