//! `retention:` of the factory file, and of a recipe over it.

use super::super::{OtherService, Retention, tables};
use super::{distinct, maybe, value};
use crate::identity::{AccountId, OrganizationArn, OrganizationalUnitArn};
use crate::source::{Diagnostics, Node, printable};

/// Reads it, key by key over what was said before.
pub(super) fn retention(node: &Node, over: Option<&Retention>, diagnostics: &mut Diagnostics) -> Option<Retention> {
    let mut reader = tables::RETENTION.read(node, diagnostics)?;
    let keep = maybe(&mut reader, "keep", diagnostics, |node, d| count(node, 1, d));
    let maximum_age = maybe(&mut reader, "maximum_age", diagnostics, value::days);
    let least = Retention::LEAST_PER_CHANNEL;
    let keep_per_channel = maybe(&mut reader, "keep_per_channel", diagnostics, |node, d| count(node, least, d));
    let not_used_here =
        maybe(&mut reader, "not_used_here", diagnostics, |node, d| distinct(node, "services", d, service));
    let not_used_by = maybe(&mut reader, "not_used_by", diagnostics, |node, d| distinct(node, "accounts", d, consumer));
    let soak = maybe(&mut reader, "soak", diagnostics, value::days);
    let snapshot_price = maybe(&mut reader, "snapshot_price", diagnostics, price);
    reader.finish();
    let retention = Retention {
        keep: keep?.or(over.and_then(|over| over.keep)),
        maximum_age: maximum_age?.or(over.and_then(|over| over.maximum_age)),
        keep_per_channel: keep_per_channel?.or(over.map(|over| over.keep_per_channel)).unwrap_or(least),
        not_used_here: match not_used_here? {
            Some(services) => services.into_iter().collect(),
            None => over.map(|over| over.not_used_here.clone()).unwrap_or_default(),
        },
        not_used_by: match not_used_by? {
            Some(consumers) => consumers.into_iter().collect(),
            None => over.map(|over| over.not_used_by.clone()).unwrap_or_default(),
        },
        soak: soak?.or(over.map(|over| over.soak)).unwrap_or(Retention::SOAK),
        snapshot_price: snapshot_price?.or(over.map(|over| over.snapshot_price)).unwrap_or(Retention::SNAPSHOT_PRICE),
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

fn service(node: &Node, diagnostics: &mut Diagnostics) -> Option<OtherService> {
    let text = node.text(diagnostics)?;
    if let Some(word) = OtherService::READ.into_iter().find(|word| *word == text) {
        let message = format!("whether `{word}` uses images is read, and needs nobody's word");
        diagnostics.report_with_help(&node.span, message, "remove it from the list");
        return None;
    }
    let word = node.one_of("service", &OtherService::WORDS, diagnostics)?;
    OtherService::ALL.into_iter().find(|service| service.to_string() == word)
}

/// An account, an organization or a unit of one.
fn consumer(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = node.text(diagnostics)?;
    if text.parse::<AccountId>().is_ok()
        || text.parse::<OrganizationArn>().is_ok()
        || text.parse::<OrganizationalUnitArn>().is_ok()
    {
        return Some(text.to_owned());
    }
    let message = format!("`{}` is no account, and no ARN of an organization or its unit", printable(text));
    diagnostics.report_with_help(&node.span, message, "write an account's 12 digits in quotes");
    None
}

fn price(node: &Node, diagnostics: &mut Diagnostics) -> Option<f64> {
    let text = node.text(diagnostics)?;
    let digits = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let price = text.parse::<f64>().ok().filter(|price| digits && (0.0..=100.0).contains(price));
    if price.is_none() {
        let message = format!("`{}` is not a price: expected dollars from 0 to 100", printable(text));
        diagnostics.report(&node.span, message);
    }
    price
}
