//! Who calls in which place.

use super::api::Caller;
use super::locked;
use aws_config::SdkConfig;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Who calls in each place, by its region and the role that is assumed there: the service has one bucket for all targets
/// that speak to the same place, so they share one here too.
#[derive(Default)]
pub struct Callers(Mutex<BTreeMap<CallPlace, Arc<Caller>>>);

/// A region, and the role that is assumed there, if any.
type CallPlace = (String, Option<String>);

impl Callers {
    /// Of the region that this speaks to.
    pub fn of(&self, config: &SdkConfig, role: Option<&String>) -> Arc<Caller> {
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        locked(&self.0).entry((region, role.cloned())).or_default().clone()
    }

    /// How many requests were sent, wherever to.
    pub fn calls(&self) -> u64 {
        locked(&self.0).values().map(|caller| caller.calls()).sum()
    }
}
