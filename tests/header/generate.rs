//! The header's text, by cbindgen, and the table of functions.

use crate::exports::{Page, pages};
use cbindgen::{Builder, Config};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// Length of the line above a heading.
const RULE: usize = 120 - 3;

/// Returns the text that `include/openssl/ssl.h` must have.
pub fn header(root: &Path) -> String {
    let mut frame = Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is one");
    let head = frame.header.take().expect("cbindgen.toml has a header");
    let trailer = frame.trailer.take().expect("cbindgen.toml has a trailer");
    let mut text = head.trim_start().replace("@VERSION@", env!("CARGO_PKG_VERSION"));
    let mut topic = String::new();
    for page in pages(root) {
        if topic != page.topic {
            let _ = write!(text, "\n/* {}\n * {}\n */\n", "=".repeat(RULE), page.topic);
            topic.clone_from(&page.topic);
        }
        let _ = write!(text, "\n{}\n{}", heading(&page), declarations(&frame, &page.path));
    }
    text + &trailer
}

/// Returns the declarations of one file, in the order of the source: constants, then functions.
fn declarations(config: &Config, path: &PathBuf) -> String {
    let mut bytes = Vec::new();
    let bindings = Builder::new().with_config(config.clone()).with_src(path).generate();
    bindings.unwrap_or_else(|error| panic!("{}: {error}", path.display())).write(&mut bytes);
    let text = String::from_utf8(bytes).expect("the source is UTF-8");
    as_spelt(&in_blocks(text.trim()), &fs::read_to_string(path).expect("the source is UTF-8"))
}

/// Returns `text` with constants that have one comment for all in one block.
fn in_blocks(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let is_constant =
        |at: Option<usize>| at.and_then(|at| lines.get(at)).is_some_and(|line| line.starts_with("#define"));
    let is_gap = |at: usize| lines[at].is_empty() && is_constant(at.checked_sub(1)) && is_constant(at.checked_add(1));
    (0..lines.len()).filter(|&at| !is_gap(at)).map(|at| lines[at]).collect::<Vec<_>>().join("\n")
}

/// Returns `text` with the hexadecimal constants of `source` as they are there, and in OpenSSL: cbindgen writes
/// decimal ones.
fn as_spelt(text: &str, source: &str) -> String {
    let hexadecimal = source.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix("pub const ")?.strip_suffix(';')?.split_once(": c_int = ")?;
        let number = i32::from_str_radix(value.strip_prefix("0x")?, 16).ok()?;
        Some((format!("#define {name} {number}\n"), format!("#define {name} {value}\n")))
    });
    hexadecimal.fold(format!("{text}\n"), |text, (decimal, hexadecimal)| {
        assert!(text.contains(&decimal), "cbindgen wrote no `{}`", decimal.trim());
        text.replace(&decimal, &hexadecimal)
    })
}

/// Returns the first lines of a page, as a comment that is easy to see.
fn heading(page: &Page) -> String {
    let rule = "-".repeat(RULE);
    let lines = page.title.lines().map(|line| format!(" * {line}").trim_end().to_owned());
    format!("/* {rule}\n{}\n */\n", lines.collect::<Vec<_>>().join("\n"))
}

/// Returns the table of functions: for each man page, the functions that a preloaded program reaches, and those for
/// linked ones only.
pub fn table(root: &Path) -> String {
    let mut text = String::from(
        "| man page | reached when preloaded, linked or alone | reached when linked or alone |\n| --- | --- | --- |\n",
    );
    for page in pages(root) {
        let (preloaded, linked): (Vec<_>, Vec<_>) = page.functions.iter().partition(|function| function.is_reached());
        let names = |functions: Vec<&crate::exports::Function>| {
            functions.iter().map(|function| function.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let manual = page.manual().unwrap_or("our own, see the header");
        let _ = writeln!(text, "| {manual} | {} | {} |", names(preloaded), names(linked));
    }
    text
}
