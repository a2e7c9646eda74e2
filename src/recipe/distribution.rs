//! Where images go: `distribution:` of `amifactory.yaml`, and what each channel reaches of it.

use crate::identity::{AccountId, OrganizationArn, OrganizationalUnitArn, Region, RoleName};
use serde::Serialize;
use std::collections::BTreeMap;

/// `distribution:` all places that images may go to, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// `home:` the region in which images are built. What a channel names there decides what it names elsewhere.
    pub home: Region,
    /// `regions:` the others.
    pub regions: BTreeMap<Region, RegionSettings>,
    /// `accounts:` other accounts.
    pub accounts: BTreeMap<AccountId, AccountSettings>,
}

/// How copies in a region are made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegionSettings {
    /// The key that they are encrypted with; none: the account's default key for EBS there.
    pub kms_key: Option<String>,
}

/// How another account is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountSettings {
    /// A role there that may be assumed. With it pointers are written there and it is checked that images can be used;
    /// without it images are shared with the account and nothing more.
    pub role: Option<RoleName>,
}

/// What a channel reaches beside the home region of the factory's own account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Reach {
    /// `regions:` copies are made there.
    pub regions: Vec<Region>,
    /// `accounts:` images are shared with them, in all the channel's regions.
    pub accounts: Vec<AccountId>,
    /// `organizations:` the same for all accounts of an organization.
    pub organizations: Vec<OrganizationArn>,
    /// `organizational_units:` the same for all accounts of a unit.
    pub organizational_units: Vec<OrganizationalUnitArn>,
}

impl Reach {
    /// Whether it is the home region of the factory's own account alone.
    pub fn is_home(&self) -> bool {
        self.regions.is_empty() && !self.is_shared()
    }

    /// Whether others may use its images.
    pub fn is_shared(&self) -> bool {
        !(self.accounts.is_empty() && self.organizations.is_empty() && self.organizational_units.is_empty())
    }
}
