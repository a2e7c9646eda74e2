//! Comma-separated values (RFC 4180). A spreadsheet takes a cell that begins like a formula for one: names are what others
//! gave, so such a cell begins with an apostrophe.

use crate::report::view::{Fleet, examples};
use crate::report::visible;
use std::borrow::Cow;

const HEADER: [&str; 23] = [
    "level",
    "status",
    "account",
    "region",
    "kind",
    "count",
    "stopped",
    "recipe",
    "version",
    "arch",
    "channel",
    "channel_version",
    "behind",
    "since",
    "days",
    "image",
    "resource",
    "group",
    "via",
    "examples",
    "why",
    "exemption",
    "fix",
];

/// A row for each finding, the riskiest first, and one for each thing that could not be read.
pub fn csv(shown: &Fleet) -> String {
    let mut text = String::new();
    line(&mut text, &HEADER.map(str::to_owned));
    for finding in &shown.findings {
        let judgement = &finding.judgement;
        let exemption = finding.exemption.as_ref();
        line(
            &mut text,
            &[
                judgement.level.as_str().to_owned(),
                judgement.status.as_str().to_owned(),
                or_empty(finding.at.account.as_ref()),
                finding.at.region.to_string(),
                finding.kind.as_str().to_owned(),
                finding.count.count.to_string(),
                finding.count.stopped.to_string(),
                or_empty(judgement.recipe.as_ref()),
                or_empty(judgement.version),
                or_empty(judgement.arch),
                or_empty(judgement.channel.as_ref()),
                or_empty(judgement.channel_version),
                or_empty(judgement.behind),
                or_empty(judgement.since.as_ref()),
                or_empty(judgement.days),
                or_empty(finding.image.as_ref()),
                or_empty(finding.resource.as_ref()),
                or_empty(finding.group.as_ref()),
                or_empty(finding.via.as_ref()),
                examples(finding),
                judgement.why.clone(),
                or_empty(exemption.map(|e| format!("until {}: {} ({})", e.expires, e.reason, e.owner))),
                or_empty(finding.fix.as_ref()),
            ],
        );
    }
    for place in &shown.places {
        for unread in &place.unread {
            let mut row = HEADER.map(|_| String::new());
            row[0] = "unknown".to_owned();
            row[1] = "unread".to_owned();
            row[2] = or_empty(place.at.account.as_ref());
            row[3] = place.at.region.to_string();
            row[16] = unread.what.clone();
            row[20] = visible::joined(&unread.why);
            line(&mut text, &row);
        }
    }
    text
}

fn or_empty(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn line(text: &mut String, cells: &[String; HEADER.len()]) {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

fn quoted(cell: &str) -> String {
    let cell = visible::line(cell);
    let cell: Cow<'_, str> = match cell.starts_with(['=', '+', '-', '@']) {
        true => Cow::Owned(format!("'{cell}")),
        false => cell,
    };
    match cell.contains([',', '"']) || cell.starts_with(' ') {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula_and_never_two_cells() {
        assert_eq!(quoted("web"), "web");
        assert_eq!(quoted("a,b \"c\""), "\"a,b \"\"c\"\"\"");
        for formula in ["=HYPERLINK(1)", "+1", "-1", "@x"] {
            assert_eq!(quoted(formula), format!("'{formula}"));
        }
        assert_eq!(quoted("=1,2"), "\"'=1,2\"");
        // What would begin a line, or a cell that a spreadsheet trims before it looks, is written out.
        assert_eq!(quoted("\t=1"), "\\t=1");
        assert_eq!(quoted("a\r\nb"), "a\\r\\nb");
    }
}
