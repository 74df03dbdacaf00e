//! A Rust source, read as far as the test of the layers needs: its words, the paths that leave its module, its functions.

use crate::common;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The package of the store, and its modules that lie below all others. Of the remote store only its C interface does,
/// and only that is meant.
const STORE: &str = "sslsession_store";
const BELOW_THE_STORE: [&str; 6] = ["threads", "secret", "file_system", "time", "version", "remote"];

/// One file.
pub struct Source {
    /// Its path from the root of the package.
    pub name: String,
    /// The module it is: `src/cache/mode.rs` is `["cache", "mode"]`, in any package.
    pub module: Vec<String>,
    /// All of it.
    pub text: String,
    tokens: Vec<Token>,
}

/// A word or a single sign, and the line it stands in. Comments, strings and character literals are none.
struct Token {
    line: usize,
    text: String,
}

/// A function that has a body.
pub struct Function {
    pub name: String,
    /// Where it begins.
    pub line: usize,
    /// From its `fn` to its closing brace.
    pub lines: usize,
}

impl Source {
    /// Returns every `.rs` file below that directory of the package.
    pub fn all_under(directory: &str) -> Vec<Source> {
        let mut files = Vec::new();
        collect(&common::root().join(directory), &mut files);
        files.sort();
        let read = |path: PathBuf| {
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let name = path.strip_prefix(common::root()).expect("it was found below the root");
            Source::of(&name.to_string_lossy(), &text)
        };
        files.into_iter().map(read).collect()
    }

    /// Returns the file of that name with that text.
    pub fn of(name: &str, text: &str) -> Source {
        let path = name.trim_end_matches(".rs");
        let below = path.split_once("src/").or_else(|| path.split_once('/')).map_or(path, |(_, below)| below);
        let module = below.split('/').map(str::to_owned).collect();
        Source { name: name.to_owned(), module, text: text.to_owned(), tokens: tokens(text) }
    }

    /// Returns the module of the crate's root that it belongs to.
    pub fn layer(&self) -> &str {
        &self.module[0]
    }

    /// Its words, each with its line.
    pub fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        self.tokens.iter().filter(|token| is_word(&token.text)).map(|token| (token.line, token.text.as_str()))
    }

    /// Returns the modules of the crate's root that its paths begin with, in order, each with its line.
    pub fn uses(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        // the braces that inline modules opened, innermost last
        let mut inline = Vec::new();
        let mut depth = 0;
        for at in 0..self.tokens.len() {
            match self.text_at(at) {
                "{" => {
                    depth += 1;
                    if at >= 2 && self.text_at(at - 2) == "mod" {
                        inline.push(depth);
                    }
                }
                "}" => {
                    inline.pop_if(|opened| *opened == depth);
                    depth -= 1;
                }
                "crate" if self.is_path(at) => self.first_names(at + 3, &mut found),
                STORE if self.is_path(at) => self.store_names(at, &mut found),
                "super" if self.is_path(at) && !self.continues_path(at) => self.climb(at, inline.len(), &mut found),
                _ => {}
            }
        }
        found
    }

    /// Its functions, nested ones too.
    pub fn functions(&self) -> Vec<Function> {
        let named = (1..self.tokens.len()).filter(|&at| self.text_at(at - 1) == "fn" && is_word(self.text_at(at)));
        named
            .filter_map(|at| {
                let line = self.tokens[at].line;
                let end = self.end_of_body(at)?;
                Some(Function { name: self.text_at(at).to_owned(), line, lines: self.tokens[end].line - line + 1 })
            })
            .collect()
    }

    /// Returns the brace that closes the body of the function whose name is at `at`; None if it has none.
    fn end_of_body(&self, at: usize) -> Option<usize> {
        let (mut brackets, mut braces) = (0, 0);
        for at in at..self.tokens.len() {
            match self.text_at(at) {
                "(" | "[" => brackets += 1,
                ")" | "]" => brackets -= 1,
                ";" if brackets == 0 && braces == 0 => return None,
                "{" => braces += 1,
                "}" if braces == 1 => return Some(at),
                "}" => braces -= 1,
                _ => {}
            }
        }
        None
    }

    /// Adds a path that begins with `super`, in a file with `inline` inline modules round it.
    fn climb(&self, at: usize, inline: usize, found: &mut Vec<(usize, String)>) {
        let mut next = at;
        let mut supers = 0;
        while self.text_at(next) == "super" && self.is_path(next) {
            supers += 1;
            next += 3;
        }
        let up = supers.min(inline);
        match self.module.len().checked_sub(supers - up) {
            // up to the root: what follows is a module of the root
            Some(0) => self.first_names(next, found),
            Some(_) => found.push((self.tokens[at].line, self.layer().to_owned())),
            None => found.push((self.tokens[at].line, "(above the root)".to_owned())),
        }
    }

    /// Adds a path into the store's package: `store`, or what lies below all of it by its own name.
    fn store_names(&self, at: usize, found: &mut Vec<(usize, String)>) {
        let mut names = Vec::new();
        self.first_names(at + 3, &mut names);
        found.extend(names.into_iter().map(|(line, name)| {
            let is_below = BELOW_THE_STORE.contains(&name.as_str());
            (line, if is_below { format!("store::{name}") } else { "store".to_owned() })
        }));
    }

    /// Adds the names at `at`: one, or in braces those that begin each part.
    fn first_names(&self, at: usize, found: &mut Vec<(usize, String)>) {
        if self.text_at(at) != "{" {
            return found.push((self.tokens[at].line, self.text_at(at).to_owned()));
        }
        let (mut depth, mut at) = (1, at + 1);
        let mut first = true;
        while depth > 0 {
            match self.text_at(at) {
                "{" => depth += 1,
                "}" => depth -= 1,
                "," if depth == 1 => first = true,
                name if first && is_word(name) => {
                    found.push((self.tokens[at].line, name.to_owned()));
                    first = false;
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn text_at(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    fn is_path(&self, at: usize) -> bool {
        self.text_at(at + 1) == ":" && self.text_at(at + 2) == ":"
    }

    fn continues_path(&self, at: usize) -> bool {
        at >= 2 && self.text_at(at - 1) == ":" && self.text_at(at - 2) == ":"
    }
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for path in entries.map(|entry| entry.expect("a directory can be read to its end").path()) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let (length, is_token) = match skipped(rest) {
            Some(length) => (length, false),
            None if is_word(rest) => {
                (rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len()), true)
            }
            None => (first.len_utf8(), !first.is_whitespace()),
        };
        if is_token {
            tokens.push(Token { line, text: rest[..length].to_owned() });
        }
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// Returns the length of the comment, string or character literal that `rest` begins with.
fn skipped(rest: &str) -> Option<usize> {
    let hashes = |text: &str| text.bytes().take_while(|&byte| byte == b'#').count();
    let raw = rest.strip_prefix("br").or_else(|| rest.strip_prefix("cr")).or_else(|| rest.strip_prefix('r'));
    if rest.starts_with("//") {
        Some(rest.find('\n').unwrap_or(rest.len()))
    } else if rest.starts_with("/*") {
        Some(block_comment(rest))
    } else if let Some(raw) = raw.filter(|raw| raw[hashes(raw)..].starts_with('"')) {
        let close = format!("\"{}", "#".repeat(hashes(raw)));
        let start = rest.len() - raw.len() + hashes(raw) + 1;
        Some(rest[start..].find(&close).map_or(rest.len(), |end| start + end + close.len()))
    } else if rest.starts_with('"') {
        Some(quoted(rest, '"'))
    } else if rest.starts_with('\'') && is_character(rest) {
        Some(quoted(rest, '\''))
    } else {
        None
    }
}

/// Returns true for a character, `'a'` or `'\n'`, and false for a lifetime, `'a`.
fn is_character(rest: &str) -> bool {
    let mut characters = rest.chars().skip(1);
    characters.next() == Some('\\') || characters.next() == Some('\'')
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}
