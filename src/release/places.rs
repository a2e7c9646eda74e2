//! Places: a region of the factory's own account, or of another one. What a channel names in the home region decides
//! what it names in all others.

use super::error::ReleaseError;
use crate::identity::{AccountId, Region};
use crate::recipe::{Distribution, Reach};
use crate::target::{Audience, Target, TargetError};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// One place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The account; none: the factory's own.
    pub account: Option<AccountId>,
    /// The region.
    pub region: Region,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.account {
            None => write!(f, "{}", self.region),
            Some(account) => write!(f, "{} of account {account}", self.region),
        }
    }
}

/// All places of a factory; those that are asked for are spoken to.
pub struct Places<'a> {
    /// The home region of the factory's own account.
    pub home: &'a dyn Target,
    /// What the factory file says of the others.
    pub known: &'a Distribution,
    open: Mutex<BTreeMap<Place, Arc<dyn Target>>>,
}

impl<'a> Places<'a> {
    /// None is spoken to yet. Refused where the program is not at home: what it calls home decides everything.
    pub fn new(home: &'a dyn Target, known: &'a Distribution) -> Result<Places<'a>, ReleaseError> {
        match home.region() {
            Some(region) if region == known.home => Ok(Places { home, known, open: Mutex::default() }),
            here => Err(ReleaseError::NotHome { home: known.home.clone(), here, target: home.kind() }),
        }
    }

    /// Home itself.
    pub fn home_place(&self) -> Place {
        Place { account: None, region: self.known.home.clone() }
    }

    /// A place other than home.
    pub async fn at(&self, place: &Place) -> Result<Arc<dyn Target>, TargetError> {
        let opened = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned();
        if let Some(there) = opened {
            return Ok(there);
        }
        let role = match &place.account {
            None => None,
            Some(account) => {
                let role = self.known.accounts.get(account).and_then(|settings| settings.role.as_ref());
                Some((account, role.ok_or_else(|| no_role(account))?))
            }
        };
        let there = self.home.place(&place.region, role)?;
        if role.is_some() {
            there.check().await?;
        }
        // Of two that were opened at once either does.
        Ok(self.open.lock().unwrap_or_else(PoisonError::into_inner).entry(place.clone()).or_insert(there).clone())
    }

    /// The home region and those that a channel reaches, home first.
    pub fn regions(&self, reach: &Reach) -> Vec<Region> {
        std::iter::once(self.known.home.clone()).chain(reach.regions.iter().cloned()).collect()
    }

    /// The accounts that a channel reaches and that can be spoken to.
    pub fn accounts(&self, reach: &Reach) -> Vec<AccountId> {
        let spoken_to =
            |account: &&AccountId| self.known.accounts.get(*account).is_some_and(|known| known.role.is_some());
        reach.accounts.iter().filter(spoken_to).cloned().collect()
    }
}

fn no_role(account: &AccountId) -> TargetError {
    TargetError::Unsupported {
        what: format!("account {account} can't be spoken to: amifactory.yaml gives no role there"),
        help: format!("give one: distribution: {{accounts: {{\"{account}\": {{role: NAME}}}}}}"),
    }
}

/// Who may use the images of a channel.
pub fn audience(reach: &Reach) -> Audience {
    Audience {
        accounts: reach.accounts.clone(),
        organizations: reach.organizations.clone(),
        organizational_units: reach.organizational_units.clone(),
    }
}

/// What all channels reach together.
pub fn all_of<'r>(reaches: impl Iterator<Item = &'r Reach>) -> Reach {
    let mut all = Reach::default();
    for reach in reaches {
        merge(&mut all.regions, &reach.regions);
        merge(&mut all.accounts, &reach.accounts);
        merge(&mut all.organizations, &reach.organizations);
        merge(&mut all.organizational_units, &reach.organizational_units);
    }
    all
}

fn merge<T: Clone + PartialEq>(all: &mut Vec<T>, more: &[T]) {
    for one in more {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
}
