//! The papers: what is cited is there. Each promise that source and tests cite has its sentence in docs/, each link and each
//! path leads to a file of the repository, and the man pages have all settings and no message that is none. `prose` reads how
//! the source speaks.

mod common;
#[path = "papers/prose.rs"]
mod prose;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The directories whose comments cite promises and files.
const SOURCES: [&str; 7] = ["src", "store", "cli", "tests", "tests-c", "benches", "examples"];

/// The papers whose links are followed, beside those of docs/.
const PAPERS: [&str; 5] = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "tests/README.md"];

/// The macros and functions of tests-c whose first argument is the promise that a line checks.
const CHECKS: [&str; 6] = ["VALUE", "SAY", "DIFFERS", "OURS", "CHECK", "EXPECT"];

/// A file of the repository, with its path from the root.
struct File {
    name: String,
    text: String,
}

impl File {
    fn read(name: &str) -> File {
        let text = fs::read(common::root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        File { name: name.to_owned(), text: String::from_utf8_lossy(&text).into_owned() }
    }

    /// Its lines, with their numbers as a place.
    fn lines(&self) -> impl Iterator<Item = (String, &str)> {
        let numbered = self.text.lines().zip(1..);
        numbered.map(|(line, number)| (format!("{}:{number}", self.name), line))
    }
}

/// Returns all files below a directory whose names have one of these extensions.
fn below(directory: &str, extensions: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    collect(Path::new(directory), extensions, &mut found);
    found.sort();
    found.iter().map(|path| File::read(&path.to_string_lossy())).collect()
}

/// Returns the sources of the library, with those of its store.
fn library() -> Vec<File> {
    ["src", "store/src"].into_iter().flat_map(|directory| below(directory, &["rs"])).collect()
}

fn collect(directory: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(common::root().join(directory)) else { return };
    for entry in entries.map(|entry| entry.expect("a directory can be read to its end")) {
        let path = directory.join(entry.file_name());
        let is_wanted = path.extension().is_some_and(|found| extensions.iter().any(|wanted| found == *wanted));
        if entry.path().is_dir() && entry.file_name() != "target" {
            collect(&path, extensions, found);
        } else if is_wanted {
            found.push(path);
        }
    }
}

fn papers() -> Vec<File> {
    PAPERS.iter().map(|name| File::read(name)).chain(below("docs", &["md"])).collect()
}

fn sources() -> Vec<File> {
    SOURCES.iter().flat_map(|directory| below(directory, &["rs", "c", "h", "py", "sh", "toml"])).collect()
}

fn none(found: Vec<String>, what_to_do: &str) {
    assert!(found.is_empty(), "\n{}\n{what_to_do}\n", found.join("\n"));
}

/// Returns true for `A1`, `4.1.7`, `4.4.2a`.
fn is_tag(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    match word.as_bytes().first() {
        Some(b'A' | b'M' | b'S') => digits(&word[1..]),
        Some(b'4') => {
            let parts: Vec<&str> = word.trim_end_matches(['a', 'b']).split('.').collect();
            (2..=3).contains(&parts.len()) && parts.iter().all(|part| digits(part)) && parts[1] != "0"
        }
        _ => false,
    }
}

/// Returns the words of a text: letters and digits, with the dots and slashes within.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    text.split(move |c| !is_inside(c)).map(|word| word.trim_matches(['.', '/', '-'])).filter(|word| !word.is_empty())
}

/// Returns the promises that docs/ makes: bold words at the head of a list item, and the numbers of headings.
fn promises() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, line) in below("docs", &["md"]).iter().flat_map(File::lines) {
        if let Some(item) = line.trim_start().strip_prefix("- ") {
            let bold = item.split("**").skip(1).step_by(2);
            found.extend(bold.map(str::to_owned));
        } else if let Some(heading) = line.trim_start_matches('#').strip_prefix(" 4") {
            let number = format!("4{heading}");
            found.extend(number.split(' ').next().map(str::to_owned));
        }
    }
    found
}

/// Returns the promises that a line cites.
fn cited(file: &File, line: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let is_c = file.name.starts_with("tests-c/");
    if is_c {
        for check in CHECKS.map(|check| format!("{check}(\"")) {
            let labels = line.split(check.as_str()).skip(1).filter_map(|rest| rest.split('"').next());
            let labels = labels.flat_map(|label| label.split([',', '-'])).map(str::trim);
            found.extend(labels.filter(|label| !label.is_empty()).map(str::to_owned));
        }
    }
    let names_paper = line.contains("semantics") || line.contains("contract");
    if is_c || names_paper || line.trim_start().starts_with("//") {
        let split = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_');
        let tags = split.map(|word| word.trim_matches('.')).filter(|word| is_tag(word));
        // A number like 4.14 may be a version of something else, unless it stands in tests-c or beside the paper's name.
        found.extend(tags.filter(|tag| is_c || names_paper || !tag.starts_with('4')).map(str::to_owned));
    }
    found
}

#[test]
fn each_promise_that_is_cited_stands_in_docs() {
    let promises = promises();
    for known in ["A1", "S7", "M13", "4.1.7", "4.4.2a", "4.10", "NULL"] {
        assert!(promises.contains(known), "docs/ has no {known}: it is looked for in the wrong place");
    }
    let mut found = Vec::new();
    let mut number = 0;
    for file in sources() {
        for (place, line) in file.lines() {
            let cited = cited(&file, line);
            number += cited.len();
            let unknown = cited.iter().filter(|tag| !promises.contains(*tag));
            found.extend(unknown.map(|tag| format!("{place}: {tag}")));
        }
    }
    assert!(number > 1000, "{number} citations: they are looked for in the wrong place");
    none(found, "Define it in docs/contract.md or docs/openssl-behaviour.md, as `- **TAG** sentence`.");
}

/// Returns the targets of a paper's links that are no addresses.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
}

/// Returns a heading in a link's form: lower case, without signs, blanks as hyphens.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|&c| c.is_alphanumeric() || c == ' ' || c == '-' || c == '_');
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn each_link_leads_to_a_file_and_a_heading() {
    let mut found = Vec::new();
    for paper in papers() {
        let directory = Path::new(&paper.name).parent().expect("a file has a directory");
        for (place, line) in paper.lines() {
            for target in links(line) {
                let (path, heading) = target.split_once('#').unwrap_or((target, ""));
                let name = if path.is_empty() { PathBuf::from(&paper.name) } else { directory.join(path) };
                let file = common::root().join(&name);
                let text = fs::read_to_string(&file).unwrap_or_default();
                let has_heading = || {
                    text.lines()
                        .any(|line| line.starts_with('#') && { anchor(line.trim_start_matches('#')) == heading })
                };
                if !file.exists() || !heading.is_empty() && !has_heading() {
                    found.push(format!("{place}: {target}"));
                }
            }
        }
    }
    none(found, "A link leads nowhere.");
}

/// Returns true for a word that names a file of the repository, or should.
fn is_path(word: &str) -> bool {
    const ROOTS: [&str; 11] = [
        "src/",
        "store/",
        "cli/",
        "tests/",
        "tests-c/",
        "docs/",
        "benches/",
        "include/",
        "packaging/",
        "examples/",
        "demo/",
    ];
    ROOTS.iter().any(|root| word.starts_with(root)) || word.ends_with(".md")
}

/// Returns true if a path that a file cites is there: from the root or the file's package, beside that file, or a paper
/// by its name alone.
fn exists(word: &str, cited_by: &str) -> bool {
    let root = common::root();
    let beside = Path::new(cited_by).parent().map(|directory| root.join(directory).join(word));
    let package = root.join(cited_by.split('/').next().unwrap_or_default());
    root.join(word).exists()
        || package.join(word).exists()
        || root.join("docs").join(word).exists()
        || beside.is_some_and(|path| path.exists())
        || root.join(format!("{word}.rs")).exists()
}

/// Returns true for a line of source that is a comment.
fn is_comment(line: &str) -> bool {
    ["//", "*", "/*", "#"].iter().any(|start| line.trim_start().starts_with(start))
}

#[test]
fn each_path_that_is_cited_is_in_the_repository() {
    let mut found = Vec::new();
    for (is_paper, file) in
        papers().into_iter().map(|file| (true, file)).chain(sources().into_iter().map(|file| (false, file)))
    {
        for (place, line) in file.lines().filter(|(_, line)| is_paper || is_comment(line)) {
            // An example's name, the beginning of a pattern, or where `make install` puts a file.
            let is_example = |word: &str| {
                word.contains("NAME")
                    || word.contains("..")
                    || word.ends_with('_')
                    || word.starts_with("include/sslsession")
            };
            let paths = words(line).filter(|word| is_path(word) && !is_example(word));
            found.extend(paths.filter(|word| !exists(word, &file.name)).map(|word| format!("{place}: {word}")));
        }
    }
    none(found, "A file that is cited is not in the repository.");
}

/// Returns the names of types and functions, in backquotes, that a line cites: the last part of each path.
fn names(line: &str) -> impl Iterator<Item = &str> {
    let quoted = line.split('`').skip(1).step_by(2).map(|name| name.trim_end_matches('!'));
    let is_name = |name: &&str| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte))
            && !name.replace("::", "").contains(':')
            && (name.contains('_') || name.contains("::") || name.starts_with(|first: char| first.is_ascii_uppercase()))
    };
    quoted.filter(is_name).filter_map(|name| name.rsplit("::").next())
}

#[test]
fn each_name_that_the_architecture_cites_is_in_the_source() {
    let source = library();
    let known: BTreeSet<&str> =
        source.iter().flat_map(|file| file.text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')).collect();
    let paper = File::read("docs/architecture.md");
    let cited: Vec<(String, &str)> =
        paper.lines().flat_map(|(place, line)| names(line).map(move |name| (place.clone(), name))).collect();
    assert!(cited.len() > 10, "{} names: they are looked for in the wrong place", cited.len());
    let unknown = cited.iter().filter(|(_, name)| !known.contains(name) && !name.starts_with("LD_"));
    none(unknown.map(|(place, name)| format!("{place}: {name}")).collect(), "src and store/src have no such name.");
}

/// The last column of the table of who shares.
#[test]
fn each_line_of_who_shares_has_its_test() {
    let paper = File::read("docs/security.md");
    let (_, table) = paper.text.split_once("## Who shares").expect("the table");
    let rows =
        table.lines().skip_while(|line| !line.starts_with("| ---")).skip(1).take_while(|line| line.starts_with('|'));
    let has_tests = |row: &str| {
        let tests = row.trim_end_matches('|').rsplit_once('|').map_or("", |(_, tests)| tests);
        !tests.trim().is_empty() && tests.split(',').all(|test| is_test(test.trim().trim_matches('`')))
    };
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() > 20, "{rows:?}");
    let without = rows.into_iter().filter(|row| !has_tests(row)).map(str::to_owned);
    none(without.collect(), "name the tests of each line, as MODULE::FUNCTION of tests/programs/shared");
}

/// Returns true for the path of a function of tests/programs/shared.
fn is_test(path: &str) -> bool {
    let Some((module, function)) = path.split_once("::") else { return false };
    let file = common::root().join(format!("tests/programs/shared/{module}.rs"));
    fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("#[test]\nfn {function}()")))
}

const MAN_PAGES: [&str; 3] = ["docs/man/sslsession.1", "docs/man/sslsession.7", "docs/man/libsslsession.3"];

/// The pages they refer to are in other packages, and need not be on this machine.
#[test]
fn the_man_pages_are_well_formed() {
    for page in MAN_PAGES {
        let mut mandoc = Command::new("mandoc");
        let output = mandoc.args(["-T", "lint", "-W", "style"]).arg(common::root().join(page)).output();
        let said = output.expect("mandoc is installed: apt-get install mandoc").stdout;
        let said = String::from_utf8_lossy(&said);
        let wrong = said.lines().filter(|line| !line.contains("referenced manual not found"));
        none(wrong.map(str::to_owned).collect(), "A man page is not well formed.");
    }
}

#[test]
fn each_man_page_that_another_refers_to_is_ours_or_openssls() {
    let functions = File::read("docs/c-developers.md").text;
    let others = ["openssl 1", "ld.so 8", "dlsym 3", "pkg-config 1"];
    let mut found = Vec::new();
    for page in MAN_PAGES.map(File::read) {
        for (place, line) in page.lines() {
            let Some(reference) = line.strip_prefix(".Xr ") else { continue };
            let (name, section) =
                reference.trim_end_matches([',', '.', ';', ':', ' ']).split_once(' ').unwrap_or_default();
            let is_ours = MAN_PAGES.contains(&format!("docs/man/{name}.{section}").as_str());
            let is_known = is_ours
                || others.contains(&format!("{name} {section}").as_str())
                || functions.contains(&format!("| {name}({section}) |"));
            found.extend((!is_known).then(|| format!("{place}: {line}")));
        }
    }
    none(found, "A man page refers to one that is not known.");
}

#[test]
fn the_man_page_has_every_setting() {
    let settings = File::read("src/settings.rs").text;
    let names: Vec<&str> = settings.split("c\"SSLSESSION_").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(names.len() > 4, "{names:?}: they are looked for in the wrong place");
    let page = File::read("docs/man/sslsession.7").text;
    let missing = names.iter().filter(|name| !page.contains(&format!("\n.It Ev SSLSESSION_{name}\n")));
    none(missing.map(|name| format!("SSLSESSION_{name}")).collect(), "docs/man/sslsession.7 lacks a setting.");
}

/// A message's text, with "..." for what varies: each piece stands in the source.
#[test]
fn each_message_in_the_man_page_is_one() {
    let source: String = library().iter().map(|file| file.text.as_str()).collect();
    // A long string goes on in the next line, after a backslash.
    let source = source.replace("\\\n", "").split_whitespace().collect::<Vec<_>>().join(" ");
    let page = File::read("docs/man/sslsession.7");
    let (_, messages) = page.text.split_once("\n.Sh MESSAGES\n").expect("it has a section of messages");
    let (messages, _) = messages.split_once("\n.Sh ").expect("it has a section after the messages");
    let messages: Vec<&str> = messages.lines().filter_map(|line| line.strip_prefix(".It ")).collect();
    assert!(messages.len() > 15, "{messages:?}");
    let is_there = |piece: &str| source.contains(piece.trim_matches([':', ',', ' ']));
    let unknown = messages.iter().filter(|message| {
        let text = message
            .split_once(": ")
            .filter(|(name, _)| name.starts_with("SSLSESSION_"))
            .map_or(**message, |(_, text)| text);
        !text.split("...").all(is_there)
    });
    none(unknown.map(|message| (*message).to_owned()).collect(), "The library has no such message.");
}

/// The reader itself: what it takes for a citation, and what not.
#[test]
fn citations_are_read_wherever_they_stand() {
    let cited = |name: &str, line: &str| cited(&File { name: name.to_owned(), text: String::new() }, line).join(" ");
    assert_eq!(cited("tests-c/a.c", r#"  SAY("A1,S1", "%s of 4 in OpenSSL 4.0", f);"#), "A1 S1 A1 S1");
    assert_eq!(cited("tests-c/a.c", r#"  VALUE("fork", f()); OURS("M3-M10", 1, 1);"#), "fork M3 M10 M3 M10");
    assert_eq!(cited("tests-c/a.c", " * Never resumed (4.3.5, 4.10)."), "4.3.5 4.10");
    assert_eq!(cited("src/a.rs", "    /// Removes it (contract A5; semantics 4.4.2a)."), "A5 4.4.2a");
    assert_eq!(cited("src/a.rs", "    /// A kernel before 4.14 cannot."), "");
    assert_eq!(cited("src/a.rs", "    let A1 = 1;"), "");
    assert!(links("[a](b.md) and [c](https://d/e.md)").eq(["b.md"]));
    assert!(words("see `src/a.rs`, and docs/b.md.").filter(|word| is_path(word)).eq(["src/a.rs", "docs/b.md"]));
    assert!(
        !exists("src/no.rs", "docs/a.md") && exists("src/lib.rs", "docs/a.md") && exists("contract.md", "tests-c/a.c")
    );
}
