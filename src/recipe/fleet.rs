//! The fleet's policy: `fleet:` of `amifactory.yaml`. How far behind its channel anything may be, where is looked, and
//! what is exempt until when.

use super::Notify;
use crate::identity::{AccountId, Channel, ImageId, RecipeName, Region, RoleName};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use time::Date;

const DAY: Duration = Duration::from_secs(86_400);

/// How long an image may be used after its channel went on to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ages {
    /// `warn:` from this age on it is told.
    pub warn: Option<Duration>,
    /// `fail:` from this age on the policy is broken.
    pub fail: Option<Duration>,
}

/// What a recipe says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecipePolicy {
    /// `follow:` the channel that its images are measured against.
    pub follow: Option<Channel>,
    /// `warn:` and `fail:`
    pub ages: Ages,
}

/// An account that is looked at beside the factory's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetAccount {
    /// `role:` a role there that may be assumed.
    pub role: RoleName,
    /// `follow:` the channel that its fleet is measured against.
    pub follow: Option<Channel>,
}

/// What to make of images that are not this factory's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Foreign {
    /// They are fine.
    Ignore,
    /// They are told.
    #[default]
    Warn,
    /// They break the policy.
    Fail,
}

/// Something that policy does not count, until a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exemption {
    /// `recipe:` only images of this recipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<RecipeName>,
    /// `image:` only this image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageId>,
    /// `account:` only in this account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// `region:` only in this region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// `resource:` only this instance by its id, launch template by its id or name, or group by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// `reason:`
    pub reason: String,
    /// `owner:` who answers for it.
    pub owner: String,
    /// `expires:` the last day on which it holds.
    #[serde(with = "super::date")]
    pub expires: Date,
}

/// `fleet:`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FleetPolicy {
    /// `regions:` where is looked, in every account; none: the home region and those of `distribution`.
    pub regions: Vec<Region>,
    /// `accounts:` that are looked at beside the factory's own.
    pub accounts: BTreeMap<AccountId, FleetAccount>,
    /// `follow:` the channel that fleets are measured against; none: the last.
    pub follow: Option<Channel>,
    /// `warn:` and `fail:`
    pub ages: Ages,
    /// `channels:` what holds for whatever follows them.
    pub channels: BTreeMap<Channel, Ages>,
    /// `recipes:` what holds for their images.
    pub recipes: BTreeMap<RecipeName, RecipePolicy>,
    /// `foreign:`
    pub foreign: Foreign,
    /// `exemptions:`
    pub exemptions: Vec<Exemption>,
    /// `notify:`
    pub notify: Notify,
}

impl FleetPolicy {
    /// `warn:` where nothing is said.
    pub const WARN: Duration = DAY.saturating_mul(14);
    /// `fail:` where nothing is said.
    pub const FAIL: Duration = DAY.saturating_mul(60);

    /// The channel that images of a recipe are measured against in an account: what the recipe says, or else the account,
    /// or else the fleet, or else the last of all channels. None where there are no channels.
    pub fn follows(&self, recipe: &RecipeName, account: Option<&AccountId>, channels: &[Channel]) -> Option<Channel> {
        let of_recipe = self.recipes.get(recipe).and_then(|recipe| recipe.follow.clone());
        let of_account = || account.and_then(|account| self.accounts.get(account)?.follow.clone());
        of_recipe.or_else(of_account).or_else(|| self.follow.clone()).or_else(|| channels.last().cloned())
    }

    /// The ages from which something is told and from which it breaks the policy: each what the recipe says, or else the
    /// channel, or else the fleet. Where one of the two is said alone, the other never contradicts it.
    pub fn ages(&self, recipe: &RecipeName, channel: &Channel) -> (Duration, Duration) {
        let layers = [
            self.recipes.get(recipe).map(|recipe| recipe.ages),
            self.channels.get(channel).copied(),
            Some(self.ages),
            Some(Ages { warn: Some(Self::WARN), fail: Some(Self::FAIL) }),
        ];
        // The layer that speaks first wins over what a later one says of the other age.
        let (mut warn, mut fail) = (None, None);
        for ages in layers.into_iter().flatten() {
            if let (None, Some(said)) = (warn, ages.warn) {
                warn = Some(fail.map_or(said, |fail: Duration| said.min(fail)));
            }
            if let (None, Some(said)) = (fail, ages.fail) {
                fail = Some(warn.map_or(said, |warn: Duration| said.max(warn)));
            }
        }
        (warn.unwrap_or(Self::WARN), fail.unwrap_or(Self::FAIL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web() -> RecipeName {
        "web".parse().unwrap()
    }

    fn channel(name: &str) -> Channel {
        name.parse().unwrap()
    }

    #[test]
    fn the_recipe_comes_before_the_account_and_that_before_the_fleet() {
        let account: AccountId = "111122223333".parse().unwrap();
        let all = [channel("dev"), channel("prod")];
        let mut policy = FleetPolicy::default();
        assert_eq!(policy.follows(&web(), Some(&account), &all), Some(channel("prod")));
        assert_eq!(policy.follows(&web(), None, &[]), None);
        policy.follow = Some(channel("staging"));
        assert_eq!(policy.follows(&web(), Some(&account), &all), Some(channel("staging")));
        let role = "x".parse().unwrap();
        policy.accounts.insert(account.clone(), FleetAccount { role, follow: Some(channel("dev")) });
        assert_eq!(policy.follows(&web(), Some(&account), &all), Some(channel("dev")));
        assert_eq!(policy.follows(&web(), None, &all), Some(channel("staging")));
        let own = RecipePolicy { follow: Some(channel("prod")), ages: Ages::default() };
        policy.recipes.insert(web(), own);
        assert_eq!(policy.follows(&web(), Some(&account), &all), Some(channel("prod")));
    }

    #[test]
    fn each_age_is_taken_from_the_first_that_says_it_and_never_contradicts_the_other() {
        let days = |n: u32| Some(DAY * n);
        let mut policy = FleetPolicy::default();
        let prod = channel("prod");
        assert_eq!(policy.ages(&web(), &prod), (DAY * 14, DAY * 60));
        policy.ages = Ages { warn: days(7), fail: days(30) };
        policy.channels.insert(prod.clone(), Ages { warn: None, fail: days(10) });
        assert_eq!(policy.ages(&web(), &prod), (DAY * 7, DAY * 10));
        assert_eq!(policy.ages(&web(), &channel("dev")), (DAY * 7, DAY * 30));
        let of_recipe = |warn, fail| RecipePolicy { follow: None, ages: Ages { warn, fail } };
        policy.recipes.insert(web(), of_recipe(None, days(2)));
        assert_eq!(policy.ages(&web(), &prod), (DAY * 2, DAY * 2));
        policy.recipes.insert(web(), of_recipe(days(20), None));
        assert_eq!(policy.ages(&web(), &prod), (DAY * 20, DAY * 20));
    }
}
