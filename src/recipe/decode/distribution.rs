//! `distribution:` of the factory file, and what channels reach of it.

use super::super::shape::Reader;
use super::super::{AccountSettings, Distribution, Reach, RegionSettings, tables};
use super::{aws_value, distinct, maybe};
use crate::identity::{AccountId, NameError, Region};
use crate::source::{Diagnostics, Node, Value, nearest, printable};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Reads `distribution:`.
pub(super) fn distribution(node: &Node, diagnostics: &mut Diagnostics) -> Option<Distribution> {
    let mut reader = tables::DISTRIBUTION.read(node, diagnostics)?;
    let home = reader.take("home").and_then(|node| node.parse::<Region>(diagnostics));
    let regions = maybe(&mut reader, "regions", diagnostics, |node, d| by_name(node, "regions", d, region));
    let accounts = maybe(&mut reader, "accounts", diagnostics, |node, d| by_name(node, "accounts", d, account));
    reader.finish();
    let (home, regions): (Region, BTreeMap<Region, RegionSettings>) = (home?, regions?.unwrap_or_default());
    if let (Some(same), Value::Map(entries)) = (regions.get(&home), &node.value) {
        let span = entries.iter().find(|(key, _)| key.text == "regions").map_or(&node.span, |(_, node)| &node.span);
        let help = match same.kms_key {
            Some(_) => "its images are encrypted with `aws: {volume: {kms_key: …}}`",
            None => "it always has the images: leave it out here",
        };
        diagnostics.report_with_help(span, format!("`{home}` is the home region"), help);
        return None;
    }
    if let Some(other) = regions.keys().find(|region| region.partition() != home.partition()) {
        diagnostics
            .report(&node.span, format!("nothing can be copied from `{home}` to `{other}`: they are apart in AWS"));
        return None;
    }
    Some(Distribution { home, regions, accounts: accounts?.unwrap_or_default() })
}

/// A map by names of one kind.
pub(super) fn by_name<K: FromStr<Err = NameError> + Ord, V>(
    node: &Node,
    what: &str,
    diagnostics: &mut Diagnostics,
    read: impl Fn(&Node, &mut Diagnostics) -> Option<V>,
) -> Option<BTreeMap<K, V>> {
    let Value::Map(entries) = &node.value else {
        diagnostics.report(&node.span, format!("expected {what} (a map), found {}", node.value.kind()));
        return None;
    };
    let mut all = BTreeMap::new();
    for (key, node) in entries {
        let value = read(node, diagnostics);
        match key.text.parse::<K>() {
            Ok(name) => all.extend(value.map(|value| (name, value))),
            Err(error) => {
                let message = format!("`{}` is not {}", printable(&key.text), error.what);
                diagnostics.report_with_help(&key.span, message, format!("expected {}", error.expected));
            }
        }
    }
    (all.len() == entries.len()).then_some(all)
}

fn region(node: &Node, diagnostics: &mut Diagnostics) -> Option<RegionSettings> {
    let mut reader = tables::REGION.read(node, diagnostics)?;
    let kms_key = maybe(&mut reader, "kms_key", diagnostics, aws_value::kms_key);
    reader.finish();
    Some(RegionSettings { kms_key: kms_key? })
}

fn account(node: &Node, diagnostics: &mut Diagnostics) -> Option<AccountSettings> {
    let mut reader = tables::ACCOUNT.read(node, diagnostics)?;
    let role = maybe(&mut reader, "role", diagnostics, |node, d| node.parse(d));
    reader.finish();
    Some(AccountSettings { role: role? })
}

/// Reads what a channel reaches. `known`: none where `distribution:` can't be read, and then nothing is checked against
/// it; none within where there is none.
pub(super) fn reach(
    reader: &mut Reader<'_>,
    known: Option<Option<&Distribution>>,
    diagnostics: &mut Diagnostics,
) -> Option<Reach> {
    let at_home = known.flatten().map(|known| known.home.clone());
    let regions = maybe(reader, "regions", diagnostics, |node, d| {
        distinct(node, "regions", d, |node, d| {
            let region: Region = node.parse(d)?;
            if at_home.as_ref() == Some(&region) {
                let message = format!("`{region}` is the home region");
                d.report_with_help(&node.span, message, "it always has the images: leave it out here");
                return None;
            }
            let names = known.map(|known| known.map(|known| known.regions.keys()).into_iter().flatten());
            listed(node, region, "region", names, d)
        })
    });
    let accounts_node = reader.take("accounts");
    let accounts = match accounts_node {
        None => Some(Vec::new()),
        Some(node) => distinct(node, "accounts", diagnostics, |node, d| {
            let account: AccountId = node.parse(d)?;
            let names = known.map(|known| known.map(|known| known.accounts.keys()).into_iter().flatten());
            listed(node, account, "account", names, d)
        }),
    };
    let organizations = maybe(reader, "organizations", diagnostics, |node, d| {
        distinct(node, "organizations", d, |node, d| node.parse(d))
    });
    let units = maybe(reader, "organizational_units", diagnostics, |node, d| {
        distinct(node, "organizational units", d, |node, d| node.parse(d))
    });
    Some(Reach {
        regions: regions?.unwrap_or_default(),
        accounts: accounts?,
        organizations: organizations?.unwrap_or_default(),
        organizational_units: units?.unwrap_or_default(),
    })
}

/// A name that `distribution:` has.
fn listed<'k, T: AsRef<str> + 'k>(
    node: &Node,
    name: T,
    what: &str,
    known: Option<impl Iterator<Item = &'k T>>,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let Some(known) = known else { return Some(name) };
    let known: Vec<&str> = known.map(AsRef::as_ref).collect();
    if known.contains(&name.as_ref()) {
        return Some(name);
    }
    let help = match nearest(name.as_ref(), known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("list it under `distribution: {{{what}s: …}}`"),
    };
    diagnostics.report_with_help(&node.span, format!("`distribution` has no {what} `{}`", name.as_ref()), help);
    None
}

/// Images that others use need a key of their own: nobody can share the account's default key for EBS.
pub(super) fn check_keys(
    reach: &Reach,
    known: Option<&Distribution>,
    node: &Node,
    diagnostics: &mut Diagnostics,
) -> bool {
    let without = |region: &&Region| {
        known.and_then(|known| known.regions.get(*region)).is_some_and(|settings| settings.kms_key.is_none())
    };
    let Some(region) = reach.regions.iter().find(without).filter(|_| reach.is_shared()) else { return true };
    let message = format!("images in `{region}` can't be shared: they have the account's default key for EBS");
    let help = format!("give it a key of its own: `distribution: {{regions: {{{region}: {{kms_key: …}}}}}}`");
    diagnostics.report_with_help(&node.span, message, help);
    false
}
