//! The CloudWatch alarms that are to watch over a roll-out, as they stand before it begins.

use super::Refusal;
use crate::target::{AlarmState, Rollouts, TargetError};

/// How they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alarms {
    missing: Vec<String>,
    /// Those that ring.
    pub ringing: Vec<String>,
    /// Those that have no data: they end nothing until they have some.
    pub silent: Vec<String>,
}

impl Alarms {
    /// Asks how those of these names stand.
    pub async fn look(rollouts: &dyn Rollouts, names: &[String]) -> Result<Alarms, TargetError> {
        if names.is_empty() {
            return Ok(Alarms::default());
        }
        let seen = rollouts.alarms(names).await?;
        let missing = names.iter().filter(|name| !seen.iter().any(|alarm| alarm.name == **name)).cloned().collect();
        let of = |state| seen.iter().filter(|alarm| alarm.state == state).map(|alarm| alarm.name.clone()).collect();
        Ok(Alarms { missing, ringing: of(AlarmState::Rings), silent: of(AlarmState::NoData) })
    }

    /// Why no refresh under them would come to its end. `waived`: those that don't watch over it, although they ring.
    pub fn refusal(&self, waived: &[String]) -> Option<Refusal> {
        if !self.missing.is_empty() {
            return Some(Refusal::NoAlarm(self.missing.clone()));
        }
        let ringing: Vec<String> = self.ringing.iter().filter(|name| !waived.contains(name)).cloned().collect();
        (!ringing.is_empty()).then_some(Refusal::Ringing(ringing))
    }
}
