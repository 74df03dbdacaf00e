//! Pieces of papers.

/// The paper for C developers, which has a program and the table of functions.
pub const C_DEVELOPERS: &str = "docs/c-developers.md";

const TABLE_FROM: &str = "<!-- functions: `make header` writes this table -->\n";
const TABLE_TO: &str = "<!-- /functions -->\n";

/// Returns `text` with `table` between its marks.
pub fn with_table(text: &str, table: &str) -> String {
    let (before, rest) = text.split_once(TABLE_FROM).expect("the paper marks the start of its table");
    let (_, after) = rest.split_once(TABLE_TO).expect("the paper marks the end of its table");
    format!("{before}{TABLE_FROM}\n{table}\n{TABLE_TO}{after}")
}

/// Returns the content of the only block that is fenced as `kind`.
pub fn block<'a>(text: &'a str, kind: &str) -> &'a str {
    let fence = format!("```{kind}\n");
    let mut blocks = text.split(fence.as_str()).skip(1);
    let (Some(block), None) = (blocks.next(), blocks.next()) else {
        panic!("the paper has one block of kind `{kind}`");
    };
    block.split("```").next().expect("split gives at least one piece")
}
