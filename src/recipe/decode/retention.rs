//! `retention:` of the factory file, and of a recipe over it.

use super::super::{Retention, tables};
use super::{maybe, value};
use crate::source::{Diagnostics, Node};

/// Reads it, key by key over what was said before.
pub(super) fn retention(node: &Node, over: Option<&Retention>, diagnostics: &mut Diagnostics) -> Option<Retention> {
    let mut reader = tables::RETENTION.read(node, diagnostics)?;
    let keep = maybe(&mut reader, "keep", diagnostics, |node, d| count(node, 1, d));
    let maximum_age = maybe(&mut reader, "maximum_age", diagnostics, value::days);
    let least = Retention::LEAST_PER_CHANNEL;
    let keep_per_channel = maybe(&mut reader, "keep_per_channel", diagnostics, |node, d| count(node, least, d));
    reader.finish();
    let retention = Retention {
        keep: keep?.or(over.and_then(|over| over.keep)),
        maximum_age: maximum_age?.or(over.and_then(|over| over.maximum_age)),
        keep_per_channel: keep_per_channel?.or(over.map(|over| over.keep_per_channel)).unwrap_or(least),
    };
    if retention.keep.is_none() && retention.maximum_age.is_none() {
        let help = "keep: 5 keeps the newest five, maximum_age: 90d what is younger; with both an image goes where \
                    neither keeps it";
        diagnostics.report_with_help(&node.span, "a retention needs `keep` or `maximum_age`", help);
        return None;
    }
    Some(retention)
}

fn count(node: &Node, least: usize, diagnostics: &mut Diagnostics) -> Option<usize> {
    let most = tables::MOST_KEPT as usize;
    let count = usize::try_from(node.integer(diagnostics)?).ok().filter(|count| (least..=most).contains(count));
    if count.is_none() {
        diagnostics.report(&node.span, format!("out of bounds: expected {least} to {most}"));
    }
    count
}
