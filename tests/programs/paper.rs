//! Settings and lines that docs/operations.md tells its readers to write, read there, so that the tests run what they read.

/// A variable and its value, as the paper has them.
pub type Setting = (&'static str, &'static str);

pub const PAPER: &str = include_str!("../../docs/operations.md");

/// A row of the table of recipes: a server, what it gains for clients with tickets, and for those without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    pub server: &'static str,
    pub tickets: &'static str,
    pub sessions: &'static str,
}

/// Returns the rows of the table of recipes.
pub fn recipes() -> impl Iterator<Item = Recipe> {
    let (_, table) = PAPER.split_once("\n| server | clients with tickets |").expect("the table of recipes");
    table.lines().skip(2).map_while(|line| {
        let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
        let [server, tickets, sessions] = cells[..] else { panic!("a row of the recipes has other cells: {line}") };
        Some(Recipe { server, tickets, sessions })
    })
}

/// Returns the row of a server.
pub fn recipe(server: &str) -> Recipe {
    recipes().find(|recipe| recipe.server == server).unwrap_or_else(|| panic!("no recipe for {server}"))
}

/// Returns the settings that the paper calls KEYS.
pub fn keys() -> Vec<Setting> {
    settings(words_of("KEYS is "))
}

/// Returns the variable that loads the library, and the library's name, which the paper calls LIBRARY.
pub fn library() -> Setting {
    settings(words_of("LIBRARY is "))[0]
}

/// Returns the first words in backquotes after `before`, of which there has to be one.
fn words_of(before: &str) -> &'static str {
    let mut found = PAPER.split(before).skip(1);
    let (Some(after), None) = (found.next(), found.next()) else { panic!("{before:?} is not there once") };
    code(after).next().expect("words in backquotes")
}

/// Returns the words in backquotes.
pub fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Returns the settings among words.
pub fn settings(words: &'static str) -> Vec<Setting> {
    words.split_whitespace().filter_map(|word| word.split_once('=')).collect()
}

/// Returns the settings that a cell has in backquotes.
pub fn settings_of(cell: &'static str) -> Vec<Setting> {
    code(cell).flat_map(settings).collect()
}

/// Returns the first block of a language after these words.
pub fn block(after: &str, language: &str) -> &'static str {
    let (_, rest) = PAPER.split_once(after).unwrap_or_else(|| panic!("{after:?} is not there"));
    let (_, rest) =
        rest.split_once(&format!("```{language}\n")).unwrap_or_else(|| panic!("no {language} after {after:?}"));
    rest.split_once("```").expect("the end of a block").0
}
