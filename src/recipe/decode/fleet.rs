//! `fleet:` of the factory file.

use super::super::shape::Reader;
use super::super::{Ages, ChannelRule, Exemption, FleetAccount, FleetPolicy, Foreign, RecipePolicy, date, tables};
use super::distribution::by_name;
use super::{distinct, each, known, line, maybe, notify, value};
use crate::identity::{Channel, RecipeName};
use crate::source::{Diagnostics, Node, Value, printable};
use std::collections::{BTreeMap, BTreeSet};
use time::Date;

/// What `fleet:` may refer to.
pub(in crate::recipe) struct Known<'a> {
    /// The factory's channels; none where they could not be read, and then none are checked.
    pub channels: Option<&'a [ChannelRule]>,
    /// Recipes that have a file, readable or not.
    pub recipes: &'a BTreeSet<String>,
}

/// Reads it.
pub(super) fn fleet(node: &Node, names: &Known<'_>, diagnostics: &mut Diagnostics) -> Option<FleetPolicy> {
    let mut reader = tables::FLEET.read(node, diagnostics)?;
    let regions =
        maybe(&mut reader, "regions", diagnostics, |node, d| distinct(node, "regions", d, |node, d| node.parse(d)));
    let accounts = maybe(&mut reader, "accounts", diagnostics, |node, d| {
        by_name(node, "accounts", d, |node, d| account(node, names, d))
    });
    let follow = maybe(&mut reader, "follow", diagnostics, |node, d| channel(node, names, d));
    let ages = ages(&mut reader, node, diagnostics);
    let channels = maybe(&mut reader, "channels", diagnostics, |node, d| channels(node, names, d));
    let recipes = maybe(&mut reader, "recipes", diagnostics, |node, d| recipes(node, names, d));
    let foreign = maybe(&mut reader, "foreign", diagnostics, |node, d| {
        Some(match node.one_of("word", &["ignore", "warn", "fail"], d)? {
            "ignore" => Foreign::Ignore,
            "warn" => Foreign::Warn,
            _ => Foreign::Fail,
        })
    });
    let exemptions = maybe(&mut reader, "exemptions", diagnostics, |node, d| {
        each(node, "exemptions", d, |node, d| exemption(node, names, d))
    });
    let notify = maybe(&mut reader, "notify", diagnostics, |node, d| notify::notify(node, names, d));
    reader.finish();
    Some(FleetPolicy {
        regions: regions?.unwrap_or_default(),
        accounts: accounts?.unwrap_or_default(),
        follow: follow?,
        ages: ages?,
        channels: channels?.unwrap_or_default(),
        recipes: recipes?.unwrap_or_default(),
        foreign: foreign?.unwrap_or_default(),
        exemptions: exemptions?.unwrap_or_default(),
        notify: notify?.unwrap_or_default(),
    })
}

fn channel(node: &Node, names: &Known<'_>, diagnostics: &mut Diagnostics) -> Option<Channel> {
    let Some(rules) = names.channels else { return node.parse(diagnostics) };
    let all = || rules.iter().map(|rule| rule.name.as_str());
    known(node, "channel", |name| all().any(|other| other == name), all(), diagnostics)
}

fn account(node: &Node, names: &Known<'_>, diagnostics: &mut Diagnostics) -> Option<FleetAccount> {
    let mut reader = tables::FLEET_ACCOUNT.read(node, diagnostics)?;
    let role = reader.take("role").and_then(|node| node.parse(diagnostics));
    let follow = maybe(&mut reader, "follow", diagnostics, |node, d| channel(node, names, d));
    reader.finish();
    Some(FleetAccount { role: role?, follow: follow? })
}

/// `warn:` and `fail:`, in this order.
fn ages(reader: &mut Reader<'_>, node: &Node, diagnostics: &mut Diagnostics) -> Option<Ages> {
    let warn = maybe(reader, "warn", diagnostics, value::days);
    let mut span = node.span.clone();
    let fail = maybe(reader, "fail", diagnostics, |node, d| {
        span = node.span.clone();
        value::days(node, d)
    });
    let ages = Ages { warn: warn?, fail: fail? };
    if let (Some(warn), Some(fail)) = (ages.warn, ages.fail)
        && fail < warn
    {
        diagnostics.report(&span, "`fail` comes before `warn`: expected the longer time under `fail`");
        return None;
    }
    Some(ages)
}

fn channels(node: &Node, names: &Known<'_>, diagnostics: &mut Diagnostics) -> Option<BTreeMap<Channel, Ages>> {
    let all = names.channels.map(|rules| rules.iter().map(|rule| rule.name.as_str()).collect());
    let known = keys_are(node, "channel", all, diagnostics);
    let read = by_name(node, "channels", diagnostics, |node, d| {
        let mut reader = tables::FLEET_AGES.read(node, d)?;
        let ages = ages(&mut reader, node, d);
        reader.finish();
        ages
    });
    read.filter(|_| known)
}

fn recipes(
    node: &Node,
    names: &Known<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<BTreeMap<RecipeName, RecipePolicy>> {
    let known = keys_are(node, "recipe", Some(names.recipes.iter().map(String::as_str).collect()), diagnostics);
    let read = by_name(node, "recipes", diagnostics, |node, d| {
        let mut reader = tables::FLEET_RECIPE.read(node, d)?;
        let follow = maybe(&mut reader, "follow", d, |node, d| channel(node, names, d));
        let ages = ages(&mut reader, node, d);
        reader.finish();
        Some(RecipePolicy { follow: follow?, ages: ages? })
    });
    read.filter(|_| known)
}

/// A policy for a name that nothing has would hold for nothing, and nobody would see it.
fn keys_are(node: &Node, what: &str, all: Option<Vec<&str>>, diagnostics: &mut Diagnostics) -> bool {
    let (Value::Map(entries), Some(all)) = (&node.value, all) else { return true };
    let mut whole = true;
    for (key, _) in entries.iter().filter(|(key, _)| !all.contains(&key.text.as_str())) {
        diagnostics.report_unknown(&key.span, what, &key.text, all.iter().copied());
        whole = false;
    }
    whole
}

fn exemption(node: &Node, names: &Known<'_>, diagnostics: &mut Diagnostics) -> Option<Exemption> {
    let mut reader = tables::EXEMPTION.read(node, diagnostics)?;
    let recipe = maybe(&mut reader, "recipe", diagnostics, |node, d| {
        let all = || names.recipes.iter().map(String::as_str);
        known(node, "recipe", |name| names.recipes.contains(name), all(), d)
    });
    let image = maybe(&mut reader, "image", diagnostics, |node, d| node.parse(d));
    let account = maybe(&mut reader, "account", diagnostics, |node, d| node.parse(d));
    let region = maybe(&mut reader, "region", diagnostics, |node, d| node.parse(d));
    let resource = maybe(&mut reader, "resource", diagnostics, line);
    let reason = reader.take("reason").and_then(|node| line(node, diagnostics));
    let owner = reader.take("owner").and_then(|node| line(node, diagnostics));
    let expires = reader.take("expires").and_then(|node| day(node, diagnostics));
    reader.finish();
    let exemption = Exemption {
        recipe: recipe?,
        image: image?,
        account: account?,
        region: region?,
        resource: resource?,
        reason: reason?,
        owner: owner?,
        expires: expires?,
    };
    if exemption.recipe.is_none() && exemption.image.is_none() && exemption.resource.is_none() {
        let help = "name what is exempt: `recipe`, `image` or `resource`; `account` and `region` narrow it down";
        diagnostics.report_with_help(&node.span, "an exemption of everything", help);
        return None;
    }
    Some(exemption)
}

/// One that is over no longer holds, and the fleet says so: it stops nobody from building.
fn day(node: &Node, diagnostics: &mut Diagnostics) -> Option<Date> {
    let text = node.text(diagnostics)?;
    let day = date::parse(text);
    if day.is_none() {
        diagnostics.report(&node.span, format!("`{}` is not a date: expected YYYY-MM-DD", printable(text)));
    }
    day
}
