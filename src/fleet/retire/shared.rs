//! Accounts that images are shared with, and that a role is configured for: what uses the images there is looked for by the
//! same reader. Whoever could be asked need not be taken for a user; who could not be, and who has no role, keeps the image.

use super::survey::Item;
use crate::identity::{AccountId, ImageId, RoleName};
use crate::recipe::Factory;
use crate::target::{Image, Target, TargetError, Unread, Use, Uses};
use futures_util::future::join_all;
use std::collections::BTreeMap;

/// Replaces launch permissions of accounts that were asked by what was found there.
pub async fn look(target: &dyn Target, factory: &Factory, items: &mut [(&mut Item, &Image)]) {
    let mut asked: BTreeMap<AccountId, Vec<Image>> = BTreeMap::new();
    for (item, image) in items.iter() {
        for account in accounts(item) {
            if role(factory, &account).is_some() && !is_declared(item, &account) {
                asked.entry(account).or_default().push((*image).clone());
            }
        }
    }
    let each = asked.into_iter().map(|(account, images)| async move {
        let found = there(target, factory, &account, &images).await;
        let images: Vec<ImageId> = images.into_iter().map(|image| image.id).collect();
        (account, images, found)
    });
    for (account, images, found) in join_all(each).await {
        for (item, _) in items.iter_mut().filter(|(item, _)| images.contains(&item.image)) {
            put_in(item, &account, &found);
        }
    }
}

/// Those that may launch it now, and those that could before it was disabled.
fn accounts(item: &Item) -> Vec<AccountId> {
    let now = item.facts.uses.iter().filter(|used| used.kind == Use::LAUNCH_PERMISSION).map(|used| &used.id);
    let before = item.retirement.iter().flat_map(|retirement| &retirement.permissions);
    let mut all: Vec<AccountId> = now.chain(before).filter_map(|id| id.parse().ok()).collect();
    all.sort();
    all.dedup();
    all
}

fn is_declared(item: &Item, account: &AccountId) -> bool {
    item.retention.as_ref().is_some_and(|retention| retention.not_used_by.contains(account.as_str()))
}

fn role<'f>(factory: &'f Factory, account: &AccountId) -> Option<&'f RoleName> {
    let known = factory.distribution.as_ref().and_then(|known| known.accounts.get(account)?.role.as_ref());
    known.or_else(|| Some(&factory.fleet.accounts.get(account)?.role))
}

async fn there(
    target: &dyn Target,
    factory: &Factory,
    account: &AccountId,
    images: &[Image],
) -> Result<Uses, TargetError> {
    let unsupported = || TargetError::NotFound { what: format!("a way into account {account}") };
    let (region, role) = target.region().zip(role(factory, account)).ok_or_else(unsupported)?;
    let there = target.place(&region, Some((account, role)))?;
    there.check().await?;
    there.shelf().ok_or_else(unsupported)?.uses_of_shared(images).await
}

fn put_in(item: &mut Item, account: &AccountId, found: &Result<Uses, TargetError>) {
    let facts = &mut item.facts;
    match found {
        Ok(found) => {
            facts.uses.retain(|used| used.kind != Use::LAUNCH_PERMISSION || used.id != account.as_str());
            facts.uses.extend(found.uses.get(&item.image).into_iter().flatten().cloned());
            let what = |unread: &Unread| format!("{} in account {account}", unread.what);
            facts.unread.extend(found.unread.iter().map(|unread| Unread { what: what(unread), ..unread.clone() }));
        }
        Err(error) => {
            let what = format!("account {account}");
            facts.unread.push(Unread { what, why: error.to_string(), service: None });
        }
    }
}
