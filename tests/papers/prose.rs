//! Prose of the source: first words of doc comments, and names of functions that answer yes or no.

use super::{File, below, none};

/// The directories whose sources are read.
const DIRECTORIES: [&str; 5] = ["src", "store", "cli/src", "cli/tests", "tests"];

/// First words that put off the verb or the noun.
const FORBIDDEN: [&str; 6] = ["What", "Whether", "Who", "That", "Those", "How"];

/// Returns the kind and the text of a line of a doc comment; None for any other line.
fn doc(line: &str) -> Option<(&str, &str)> {
    let (kind, text) = line.trim_start().split_at_checked(3)?;
    let is_doc = kind == "//!" || kind == "///" && !text.starts_with('/');
    is_doc.then(|| (kind, text.trim_start()))
}

/// Returns the first lines of a file's doc comments, each with its place.
fn first_lines(file: &File) -> Vec<(String, &str)> {
    let mut before = None;
    let mut found = Vec::new();
    for (place, line) in file.lines() {
        let current = doc(line);
        if let Some((kind, text)) = current
            && before != Some(kind)
        {
            found.push((place, text));
        }
        before = current.map(|(kind, _)| kind);
    }
    found
}

/// Returns true if a doc comment begins with a forbidden word.
fn is_forbidden(text: &str) -> bool {
    let first = text.split(|c: char| !c.is_alphanumeric()).next();
    first.is_some_and(|first| FORBIDDEN.contains(&first))
}

/// Returns the functions of a file whose names begin with `is_` or `has_`: the text from the name up to the body.
fn predicates(text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join(" ");
    let signatures = code.split("fn ").skip(1).filter(|rest| rest.starts_with("is_") || rest.starts_with("has_"));
    signatures.filter_map(|rest| rest.split(['{', ';']).next().map(str::to_owned)).collect()
}

/// Returns true if a function may change its object: `&mut self`, also with a lifetime.
fn changes_self(signature: &str) -> bool {
    let receiver = signature.split('(').nth(1).unwrap_or_default().trim_start();
    let words: Vec<&str> = receiver.split([',', ')']).next().unwrap_or_default().split_whitespace().collect();
    matches!(words[..], ["&mut", "self"])
        || matches!(words[..], [lifetime, "mut", "self"] if lifetime.starts_with("&'"))
}

fn sources() -> impl Iterator<Item = File> {
    DIRECTORIES.into_iter().flat_map(|directory| below(directory, &["rs"]))
}

#[test]
fn doc_comments_begin_with_a_verb_or_a_noun() {
    let mut number = 0;
    let mut found = Vec::new();
    for file in sources() {
        let lines = first_lines(&file);
        number += lines.len();
        let forbidden = lines.into_iter().filter(|(_, text)| is_forbidden(text));
        found.extend(forbidden.map(|(place, text)| format!("{place}: {text}")));
    }
    assert!(number > 2000, "{number} doc comments: they are looked for in the wrong place");
    none(found, "Begin with a verb (Returns, Removes) or, for a type, a field or a constant, with a noun.");
}

#[test]
fn functions_named_is_or_has_change_nothing() {
    let mut number = 0;
    let mut found = Vec::new();
    for file in sources() {
        let predicates = predicates(&file.text);
        number += predicates.len();
        let changing = predicates.iter().filter(|signature| changes_self(signature));
        found.extend(changing.map(|signature| format!("{}: {signature}", file.name)));
    }
    assert!(number > 100, "{number} predicates: they are looked for in the wrong place");
    none(found, "Name it after its effect.");
}

/// Counter-examples, which both tests must refuse, and examples that they must accept.
#[test]
fn first_words_and_predicates_are_read_wherever_they_are() {
    let text = "//! How it works.\n//! What follows is the block's.\n\n/// Whether it is.\n// Who\n    /// That one.\n    /// Those.\n\
                //// What\n/// Whatever it is.\n//! Returns\n/// `What` is quoted.\nlet a = 1; /// What\n";
    let file = File { name: "src/a.rs".to_owned(), text: text.to_owned() };
    let lines = first_lines(&file);
    assert_eq!(lines.len(), 6, "{lines:?}");
    let forbidden = lines.iter().filter(|(_, text)| is_forbidden(text)).map(|(place, _)| place.as_str());
    assert!(forbidden.eq(["src/a.rs:1", "src/a.rs:4", "src/a.rs:6"]));

    let function = |receiver: &str| format!("pub {} is_new<T>(\n        {receiver}) -> bool {{ &mut self; }}", "fn");
    let changes = |receiver| predicates(&function(receiver)).iter().filter(|signature| changes_self(signature)).count();
    assert_eq!(["&mut self", "&mut self, a: A", "&'a mut self"].map(changes), [1, 1, 1]);
    assert_eq!(["&self", "self", "mut self", "&self, a: &mut A", "a: &mut A"].map(changes), [0; 5]);
    assert!(predicates(&function("&mut self").replace("is_new", "claim")).is_empty());
}
