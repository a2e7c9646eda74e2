//! `channels:` of the factory file: a name each, or a name with rules.

use super::super::{ChannelRule, Distribution, tables};
use super::{distribution, hardening, known, maybe, value};
use crate::identity::Channel;
use crate::source::{Diagnostics, Node, Value};
use std::time::Duration;

/// A channel as it is written; where it comes from is known once all are read.
struct Written<'a> {
    rule: ChannelRule,
    from: Option<&'a Node>,
    soak: Option<&'a Node>,
    whole: &'a Node,
}

/// Reads the list. Each channel but the first takes images from the one before it, where nothing else is said.
pub(super) fn channels(
    node: &Node,
    known: Option<Option<&Distribution>>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<ChannelRule>> {
    let items = node.list("channels", diagnostics)?;
    if items.is_empty() {
        diagnostics.report(&node.span, "at least one channel is needed");
        return None;
    }
    let mut written: Vec<Written<'_>> = Vec::new();
    let mut whole = true;
    for item in items {
        match channel(item, known, diagnostics) {
            Some(channel) if written.iter().any(|other| other.rule.name == channel.rule.name) => {
                diagnostics.report(&item.span, format!("`{}` is listed twice", channel.rule.name));
                whole = false;
            }
            Some(channel) => written.push(channel),
            None => whole = false,
        }
    }
    // A name may be wrong only because the channel that has it could not be read.
    let readable = whole;
    let names: Vec<Channel> = written.iter().map(|channel| channel.rule.name.clone()).collect();
    let mut rules = Vec::with_capacity(written.len());
    for (at, Written { mut rule, from, soak, whole: node }) in written.into_iter().enumerate() {
        rule.from = match from {
            Some(_) if !readable => None,
            Some(from) => match came_from(from, &names, at, diagnostics) {
                Some(from) => Some(from),
                None => {
                    whole = false;
                    None
                }
            },
            None => at.checked_sub(1).map(|before| names[before].clone()),
        };
        let gated = !rule.soak.is_zero() || rule.minimum_score.is_some() || rule.maximum_age.is_some() || rule.approval;
        if std::ptr::eq(node, &items[0]) && gated {
            let help = "builds publish to the first channel: what they must reach is `gate:` in the recipe";
            let span = &soak.unwrap_or(node).span;
            diagnostics.report_with_help(span, format!("the first channel, `{}`, can't have gates", rule.name), help);
            whole = false;
        }
        if std::ptr::eq(node, &items[0]) && !rule.reach.is_home() {
            let help = "builds publish to the first channel, in the home region: let another one reach further";
            let message = format!("the first channel, `{}`, can't reach other regions or accounts", rule.name);
            diagnostics.report_with_help(&node.span, message, help);
            whole = false;
        }
        rules.push(rule);
    }
    whole.then_some(rules)
}

fn channel<'a>(
    node: &'a Node,
    known: Option<Option<&Distribution>>,
    diagnostics: &mut Diagnostics,
) -> Option<Written<'a>> {
    if !matches!(node.value, Value::Map(_)) {
        let rule = ChannelRule::open(node.parse(diagnostics)?, None);
        return Some(Written { rule, from: None, soak: None, whole: node });
    }
    let mut reader = tables::CHANNEL.read(node, diagnostics)?;
    let name = reader.take("name").and_then(|node| node.parse(diagnostics));
    let from = reader.take("from");
    let soak_node = reader.take("soak");
    let soak = soak_node.map_or(Some(Duration::ZERO), |node| value::days(node, diagnostics));
    let minimum_score = maybe(&mut reader, "minimum_score", diagnostics, hardening::score);
    let maximum_age = maybe(&mut reader, "maximum_age", diagnostics, value::days);
    let approval = maybe(&mut reader, "approval", diagnostics, Node::boolean);
    let reach = distribution::reach(&mut reader, known, diagnostics);
    reader.finish();
    let reach = reach?;
    distribution::check_keys(&reach, known.flatten(), node, diagnostics).then_some(())?;
    let rule = ChannelRule {
        name: name?,
        from: None,
        soak: soak?,
        minimum_score: minimum_score?,
        maximum_age: maximum_age?,
        approval: approval?.unwrap_or(false),
        reach,
    };
    Some(Written { rule, from, soak: soak_node, whole: node })
}

/// The channel that images come from: one that stands before this one, so that there is no circle.
fn came_from(node: &Node, names: &[Channel], at: usize, diagnostics: &mut Diagnostics) -> Option<Channel> {
    let all = || names.iter().map(Channel::as_str);
    let from: Channel = known(node, "channel", |name| all().any(|other| other == name), all(), diagnostics)?;
    if names[..at].contains(&from) {
        return Some(from);
    }
    let message = match names[at] == from {
        true => format!("`{from}` can't take images from itself"),
        false => format!("`{from}` stands after `{}`", names[at]),
    };
    diagnostics.report_with_help(&node.span, message, "images pass through the channels in the order of the list");
    None
}
