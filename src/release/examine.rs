//! What would keep images from going to other places, found out before any is sent. Asks and changes nothing.

use super::places::{Place, Places};
use crate::identity::{AccountId, RecipeName};
use crate::recipe::ChannelRule;
use crate::target::finding::{Finding, Severity};
use crate::target::{Target, TargetError};
use futures_util::future::join_all;
use std::collections::BTreeSet;

/// Looks at all places, home too, as it is for one recipe. `home_key` is the key of images at home.
pub async fn examine(
    places: &Places<'_>,
    rules: &[ChannelRule],
    probe: &RecipeName,
    home_key: Option<&str>,
) -> Vec<Finding> {
    let is_shared = rules.iter().any(|rule| rule.reach.is_shared());
    let home = places.home_place();
    let mut findings = one_region(&home, places.home, probe, home_key, is_shared).await;
    let each = places.known.regions.iter().map(|(region, settings)| {
        let place = Place { account: None, region: region.clone() };
        async move {
            match places.at(&place).await {
                Ok(there) => one_region(&place, &*there, probe, settings.kms_key.as_deref(), is_shared).await,
                Err(error) => vec![failed(&place, &error)],
            }
        }
    });
    findings.extend(join_all(each).await.into_iter().flatten());
    let mut reached: BTreeSet<Place> = BTreeSet::new();
    for rule in rules {
        for account in &rule.reach.accounts {
            let of = |region| Place { account: Some(account.clone()), region };
            reached.extend(places.regions(&rule.reach).into_iter().map(of));
        }
    }
    let no_role = |account: &AccountId| places.known.accounts.get(account).is_none_or(|known| known.role.is_none());
    let (silent, asked): (Vec<Place>, Vec<Place>) =
        reached.into_iter().partition(|place| place.account.as_ref().is_some_and(no_role));
    findings.extend(join_all(asked.iter().map(|place| one_account(places, place, probe))).await);
    let silent: BTreeSet<AccountId> = silent.into_iter().filter_map(|place| place.account).collect();
    findings.extend(silent.into_iter().map(|account| {
        let why = "no role is given there, so it can't be known whether it can use images";
        let mend = format!("give one: distribution: {{accounts: {{\"{account}\": {{role: NAME}}}}}}");
        Finding::unknown(format!("account {account}"), why).mend(mend)
    }));
    findings
}

async fn one_region(
    place: &Place,
    there: &dyn Target,
    probe: &RecipeName,
    key: Option<&str>,
    is_shared: bool,
) -> Vec<Finding> {
    let check = format!("distribution to {place}");
    let mut findings = match reads(there, probe).await {
        Ok(()) => vec![Finding::pass(check.clone(), "images and pointers can be read")],
        Err(error) => return vec![failed(place, &error)],
    };
    if let Some(key) = key {
        findings.push(there.examine_key(key, is_shared).await);
    }
    findings
}

async fn one_account(places: &Places<'_>, place: &Place, probe: &RecipeName) -> Finding {
    let looked = async {
        let there = places.at(place).await?;
        let who = there.who().await?;
        there.pointers_read(probe).await?;
        Ok::<_, TargetError>(who)
    };
    let check = format!("distribution to {place}");
    match (looked.await, &place.account) {
        (Ok(who), Some(account)) if !who.contains(&format!(":{account}:")) => Finding::fail(
            check,
            format!("its role leads to {who}, which is another account"),
            "name a role of that account in distribution: accounts:",
        ),
        (Ok(who), _) => Finding::pass(check, format!("its role can be assumed: {who}")),
        (Err(error), _) => failed(place, &error),
    }
}

async fn reads(there: &dyn Target, probe: &RecipeName) -> Result<(), TargetError> {
    there.images_of(probe).await?;
    there.pointers_read(probe).await?;
    Ok(())
}

/// What went wrong; its last line is what to do.
fn failed(place: &Place, error: &TargetError) -> Finding {
    let check = format!("distribution to {place}");
    let text = error.to_string();
    match text.rsplit_once("\n  ") {
        Some((what, mend)) => Finding::fail(check, what, mend),
        None => Finding::new(Severity::Fail, check, text),
    }
}
