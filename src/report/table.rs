//! Columns that line up.

use super::Style;
use super::wrap::wrap;
use console::{measure_text_width, pad_str, truncate_str};
use std::borrow::Cow;

/// Rows under a header. Cells may be painted; the widest cell of a column decides, and the column that may give way
/// does so where the whole is wider than the terminal.
pub struct Table {
    header: Vec<&'static str>,
    rows: Vec<Row>,
    right: Vec<usize>,
    gives_way: Option<usize>,
    in_the_middle: bool,
}

struct Row {
    cells: Vec<String>,
    under: Vec<String>,
}

const GAP: usize = 2;
const NARROWEST: usize = 12;
/// Before what stands below a row because it was cut there.
const INDENT: usize = 4;

impl Table {
    /// An empty table with these column titles.
    pub fn new(header: &[&'static str]) -> Table {
        Table { header: header.to_vec(), rows: Vec::new(), right: Vec::new(), gives_way: None, in_the_middle: false }
    }

    /// These columns hold numbers.
    pub fn right(mut self, columns: &[usize]) -> Table {
        self.right = columns.to_vec();
        self
    }

    /// This column is cut where the terminal is too narrow.
    pub fn gives_way(mut self, column: usize) -> Table {
        self.gives_way = Some(column);
        self
    }

    /// This one is, and each cell in its middle: what tells names apart is often their end. What is cut stands below its row
    /// as a whole. Its cells are not painted.
    pub fn gives_way_in_the_middle(self, column: usize) -> Table {
        Table { in_the_middle: true, ..self.gives_way(column) }
    }

    /// Adds a row. Control characters in it would break the columns: cells come from `visible::line`.
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.header.len());
        self.rows.push(Row { cells, under: Vec::new() });
    }

    /// Adds a line under the last row that belongs to it, and under those that were added before. It keeps to no column and is cut at the terminal's width.
    pub fn under(&mut self, text: String) {
        if let Some(row) = self.rows.last_mut() {
            row.under.push(text);
        }
    }

    /// The table as text, each line ended.
    pub fn render(&self, style: Style) -> String {
        let mut widths: Vec<usize> = self.header.iter().map(|title| measure_text_width(title)).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(&row.cells) {
                *width = (*width).max(measure_text_width(cell));
            }
        }
        let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        if let Some(width) = self.gives_way.and_then(|column| widths.get_mut(column)) {
            *width = width.saturating_sub(total.saturating_sub(style.width)).max(NARROWEST.min(*width));
        }
        let header: Vec<String> = self.header.iter().map(|title| style.dim(title)).collect();
        // Where the last column gives way it does so down to nothing: a row that wraps can't be read.
        let to_nothing = self.gives_way.is_some_and(|column| column + 1 == self.header.len());
        let fit = |line: String| match to_nothing {
            true => truncate_str(&line, style.width, "…").into_owned(),
            false => line,
        };
        let mut text = fit(self.line(&header, &widths)) + "\n";
        for row in &self.rows {
            text.push_str(&(fit(self.line(&row.cells, &widths)) + "\n"));
            let cut = self.gives_way.filter(|_| self.in_the_middle);
            let cut = cut.map(|column| (&row.cells[column], widths[column]));
            if let Some((cell, _)) = cut.filter(|(cell, width)| measure_text_width(cell) > *width) {
                let whole = wrap(cell, style.width.saturating_sub(INDENT));
                text.extend(whole.iter().map(|line| style.dim(&format!("{:INDENT$}{line}", "")) + "\n"));
            }
            for under in &row.under {
                text.push_str(&format!("{}\n", truncate_str(under, style.width, "…")));
            }
        }
        text
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(widths).enumerate() {
            if column > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            let side = if self.right.contains(&column) { console::Alignment::Right } else { console::Alignment::Left };
            let fits = match self.in_the_middle && self.gives_way == Some(column) {
                true => middle(cell, width),
                false => truncate_str(cell, width, "…"),
            };
            line.push_str(&pad_str(&fits, width, side, None));
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// No wider than that: its beginning and its end.
fn middle(text: &str, width: usize) -> Cow<'_, str> {
    if measure_text_width(text) <= width {
        return Cow::Borrowed(text);
    }
    let seen = |c: char| measure_text_width(c.encode_utf8(&mut [0; 4]));
    let within = |most: usize| {
        let mut filled = 0;
        move |c: &char| {
            filled += seen(*c);
            filled <= most
        }
    };
    let left = width.saturating_sub(1);
    let head: String = text.chars().take_while(within(left / 2)).collect();
    let tail: Vec<char> = text.chars().rev().take_while(within(left - left / 2)).collect();
    Cow::Owned(format!("{head}…{}", tail.into_iter().rev().collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(&["NAME", "N", "TEXT"]).right(&[1]).gives_way(2);
        table.row(vec!["a".into(), "7".into(), "short".into()]);
        table.row(vec!["日本".into(), "123".into(), "x".repeat(60)]);
        table
    }

    #[test]
    fn columns_line_up_by_what_is_seen() {
        let text = sample().render(Style::PLAIN);
        assert_eq!(text.lines().nth(1), Some("a       7  short"));
        assert!(text.lines().nth(2).is_some_and(|line| line.starts_with("日本  123  xxx")));
    }

    #[test]
    fn a_line_under_a_row_widens_no_column_and_is_cut() {
        let mut table = Table::new(&["NAME", "TEXT"]);
        table.row(vec!["a".into(), "b".into()]);
        table.under("  ".to_owned() + &"y".repeat(90));
        table.row(vec!["c".into(), "d".into()]);
        let text = table.render(Style { color: false, width: 20 });
        assert_eq!(text, format!("NAME  TEXT\na     b\n  {}…\nc     d\n", "y".repeat(17)));
    }

    #[test]
    fn a_narrow_terminal_cuts_the_column_that_gives_way() {
        let text = sample().render(Style { color: false, width: 40 });
        assert!(text.lines().all(|line| measure_text_width(line) <= 40), "{text}");
        assert!(text.contains('…'));
        let text = sample().render(Style { color: false, width: 18 });
        assert!(text.lines().all(|line| measure_text_width(line) <= 18), "{text}");
    }
    #[test]
    fn what_gives_way_in_its_middle_keeps_both_ends() {
        let mut table = Table::new(&["A", "WHAT", "WHERE"]).gives_way_in_the_middle(1);
        table.row(vec!["a".into(), "group the-first-of-many-parts-blue".into(), "here".into()]);
        table.row(vec!["a".into(), "日本語日本語日本語日本語日本語".into(), "here".into()]);
        let narrow = table.render(Style { color: false, width: 30 });
        let (row, whole) = (narrow.lines().nth(1), narrow.lines().skip(2).take(3).collect::<Vec<_>>());
        assert_eq!(row, Some("a  group the…parts-blue  here"), "{narrow}");
        assert_eq!(whole, ["    group", "    the-first-of-many-parts-bl", "    ue"], "{narrow}");
        assert!(narrow.lines().all(|line| measure_text_width(line) <= 30), "{narrow}");
        assert!(!table.render(Style { color: false, width: 80 }).contains('…'));
    }
}
