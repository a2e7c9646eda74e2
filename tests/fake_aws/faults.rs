//! What goes wrong with a call: by chance (seeded), or because a test has asked for it.

use super::reply::Failure;
use super::settings::Faults;

/// One way for a call to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The service's throttling error; no effect.
    Throttle,
    /// 5xx; no effect.
    ServerError,
    /// 5xx, though the effect has happened.
    ServerErrorAfter,
    /// The connection drops; no effect.
    Reset,
    /// The connection drops after the effect.
    LostReply,
}

/// The weather, and what tests have planned.
#[derive(Debug, Clone)]
pub struct Weather {
    pub rates: Faults,
    planned: Vec<Planned>,
    random: fastrand::Rng,
}

#[derive(Debug, Clone)]
struct Planned {
    action: String,
    skip: usize,
    fault: Fault,
}

impl Weather {
    pub fn new(rates: Faults, seed: u64) -> Weather {
        Weather { rates, planned: Vec::new(), random: fastrand::Rng::with_seed(seed ^ 0x7765_6174_6865_7221) }
    }

    /// The next call of this action (`CreateImage`, or `*` for any) goes wrong.
    pub fn next(&mut self, action: &str, fault: Fault) {
        self.after(action, 0, fault);
    }

    /// The call of this action after `skip` others goes wrong.
    pub fn after(&mut self, action: &str, skip: usize, fault: Fault) {
        self.planned.push(Planned { action: action.to_owned(), skip, fault });
    }

    /// What happens to this call.
    pub(super) fn draw(&mut self, action: &str) -> Option<Fault> {
        let mut due = None;
        for (index, planned) in self.planned.iter_mut().enumerate() {
            if planned.action != action && planned.action != "*" {
                continue;
            }
            match planned.skip.checked_sub(1) {
                Some(left) => planned.skip = left,
                None if due.is_none() => due = Some(index),
                None => {}
            }
        }
        if let Some(index) = due {
            return Some(self.planned.remove(index).fault);
        }
        // One number per call, whatever the rates are: the same seed gives the same sky.
        let mut roll = self.random.f64();
        let after = self.random.bool();
        let server = if after { Fault::ServerErrorAfter } else { Fault::ServerError };
        for (rate, fault) in [
            (self.rates.throttle_rate, Fault::Throttle),
            (self.rates.lost_reply_rate, Fault::LostReply),
            (self.rates.server_error_rate, server),
            (self.rates.reset_rate, Fault::Reset),
        ] {
            if roll < rate {
                return Some(fault);
            }
            roll -= rate;
        }
        None
    }
}

/// A 5xx as the services write it.
pub(super) fn server_error(flip: bool) -> Failure {
    match flip {
        true => Failure::new(500, "InternalError", "An internal error has occurred"),
        false => Failure::new(503, "Unavailable", "The server is overloaded and can't handle the request."),
    }
}
