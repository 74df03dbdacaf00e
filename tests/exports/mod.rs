//! The exports of `src/capi`, read from its text: a file per man page, under each function its symbol version nodes.
#![allow(dead_code)] // each test binary uses a part of this

use std::{
    fs,
    path::{Path, PathBuf},
};

/// One file of `src/capi` that exports something.
pub struct Page {
    /// `Contexts`, as above its line in `src/capi.rs`.
    pub topic: String,
    /// `ssl_ctx_new.rs`, with its directory.
    pub path: PathBuf,
    /// The first line of the file: `SSL_CTX_new(3)`, and any text after it.
    pub title: String,
    /// In the order of the file.
    pub functions: Vec<Function>,
}

/// An exported function.
pub struct Function {
    /// The C name.
    pub name: String,
    /// Its symbol version nodes, as `symver!` under it says.
    pub nodes: Vec<String>,
}

impl Function {
    /// Returns true if a preloaded program reaches it: libssl has it under the same node.
    pub fn is_reached(&self) -> bool {
        self.nodes.iter().any(|node| node.starts_with("OPENSSL_"))
    }
}

impl Page {
    /// Returns the man page's name, `SSL_CTX_new(3)`; None for the functions that only we have.
    pub fn manual(&self) -> Option<&str> {
        self.title.find("(3)").map(|end| &self.title[..end + 3])
    }
}

/// Returns all of them, in the order of `src/capi.rs`: by topic. Panics if a function lacks its nodes or nodes their
/// function.
pub fn pages(root: &Path) -> Vec<Page> {
    let text = fs::read_to_string(root.join("src/capi.rs")).expect("src/capi.rs is there");
    let (mut topic, mut pages) = ("", Vec::new());
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("// ") {
            topic = comment.trim_end_matches('.');
        } else if let Some(name) = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')) {
            pages.push(page(topic, root.join(format!("src/capi/{name}.rs"))));
        }
    }
    assert!(pages.iter().all(|page| !page.functions.is_empty()), "each public module of src/capi.rs exports something");
    pages
}

fn page(topic: &str, path: PathBuf) -> Page {
    let text = fs::read_to_string(&path).expect("a source file is UTF-8");
    let head: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let functions = between(&text, "\nsymver!(", ");").into_iter().map(|bound| {
        let name =
            bound.trim_start().split(|c: char| c != '_' && !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let nodes: Vec<String> =
            bound.split('"').skip(1).step_by(2).filter(|quoted| *quoted != "C-unwind").map(str::to_owned).collect();
        let is_complete = !nodes.is_empty() && text.contains(&format!(" fn {name}("));
        assert!(is_complete, "{}: symver!({bound}) lacks its function or its nodes", path.display());
        Function { name: name.to_owned(), nodes }
    });
    let functions: Vec<Function> = functions.collect();
    for name in between(&text, "#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn ", "(") {
        let is_bound = functions.iter().any(|function| function.name == name);
        assert!(is_bound, "{}: {name} has no symver!", path.display());
    }
    Page { topic: topic.to_owned(), title: head.join("\n").trim().to_owned(), functions, path }
}

/// Returns each piece of `text` from after `start` to before the next `end`.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    text.split(start).skip(1).filter_map(|after| after.split(end).next()).collect()
}
