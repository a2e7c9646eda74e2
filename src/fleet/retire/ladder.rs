//! Which step of its way out an image takes next, and when. Pure.

use super::decide::Reason;
use crate::pipeline::clock::rfc3339;
use crate::target::{Retirement, Rung, moment};
use std::time::Duration;
use time::OffsetDateTime;

/// The next step of an image that nothing keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// It is time for it.
    Now(Rung),
    /// It is time for it then.
    Later(Rung, OffsetDateTime),
}

impl Due {
    /// Which step.
    pub fn rung(self) -> Rung {
        match self {
            Due::Now(rung) | Due::Later(rung, _) => rung,
        }
    }
}

/// What is due. A step that was begun and not written down as done is taken again; each lasts for `soak` before the next.
pub fn next(rungs: &[Rung], retirement: Option<&Retirement>, soak: Duration, now: OffsetDateTime) -> Due {
    let since = |rung: Rung| match rung {
        Rung::Deprecate => retirement.and_then(|found| moment(found.deprecated_at.as_deref()?)),
        Rung::Disable => retirement.and_then(|found| moment(found.disabled_at.as_deref()?)),
        Rung::Remove => None,
    };
    let mut from = None;
    for rung in rungs {
        match since(*rung) {
            Some(at) => from = Some(at),
            None => {
                return match from.map(|at| at + soak) {
                    Some(at) if at > now => Due::Later(*rung, at),
                    _ => Due::Now(*rung),
                };
            }
        }
    }
    Due::Now(Rung::Remove)
}

/// The retirement with its step done.
pub fn done(retirement: Retirement, now: OffsetDateTime) -> Retirement {
    let at = Some(rfc3339(now));
    match retirement.rung {
        Rung::Deprecate => Retirement { deprecated_at: at, disabled_at: None, ..retirement },
        Rung::Disable => Retirement { disabled_at: at, ..retirement },
        Rung::Remove => retirement,
    }
}

/// Whether an image that is on its way out is brought back for these reasons: something is there that needs it. What is
/// only not known, or not at hand, leaves it where it is.
pub fn brings_back(reasons: &[Reason]) -> bool {
    let waits = ["unknown", "busy", "no-retention", "unpublished", "protected"];
    reasons.iter().any(|reason| !waits.contains(&reason.kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Arch;
    use crate::target::{PointerName, Slot};
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);
    const DAY: Duration = Duration::from_secs(86_400);
    const LADDER: [Rung; 3] = [Rung::Deprecate, Rung::Disable, Rung::Remove];

    fn retirement() -> Retirement {
        let slot = Slot::Version("1.0.0".parse().unwrap());
        let name = PointerName { recipe: "web".parse().unwrap(), arch: Arch::X86_64, slot };
        Retirement::begin(name, "ami-0000000a".parse().unwrap(), "ops", rfc3339(NOW), Rung::Deprecate)
    }

    #[test]
    fn each_step_waits_for_the_one_before_and_one_that_was_cut_off_is_taken_again() {
        let soak = 7 * DAY;
        assert_eq!(next(&LADDER, None, soak, NOW), Due::Now(Rung::Deprecate));
        let mut on_it = retirement();
        assert_eq!(next(&LADDER, Some(&on_it), soak, NOW), Due::Now(Rung::Deprecate), "cut off");
        on_it = done(on_it, NOW);
        assert_eq!(next(&LADDER, Some(&on_it), soak, NOW), Due::Later(Rung::Disable, NOW + soak));
        assert_eq!(next(&LADDER, Some(&on_it), soak, NOW + soak), Due::Now(Rung::Disable));
        on_it = Retirement { rung: Rung::Disable, ..on_it }.with_permissions(vec!["210987654321".into()]);
        assert_eq!(next(&LADDER, Some(&on_it), soak, NOW + soak), Due::Now(Rung::Disable), "cut off");
        // What is read once it is disabled is nobody, and takes nobody away.
        on_it = done(on_it.with_permissions(Vec::new()), NOW + soak);
        assert_eq!(on_it.permissions, ["210987654321"]);
        assert_eq!(next(&LADDER, Some(&on_it), soak, NOW + soak), Due::Later(Rung::Remove, NOW + 2 * soak));
        assert_eq!(next(&LADDER, Some(&on_it), soak, NOW + 2 * soak), Due::Now(Rung::Remove));
        on_it = done(Retirement { rung: Rung::Remove, ..on_it }, NOW + 2 * soak);
        assert_eq!(next(&LADDER, Some(&on_it), soak, NOW + 2 * soak), Due::Now(Rung::Remove), "cut off");
        assert_eq!(next(&[Rung::Remove], None, soak, NOW), Due::Now(Rung::Remove));
    }

    #[test]
    fn no_soak_is_one_step_at_a_time_too() {
        let on_it = done(retirement(), NOW);
        assert_eq!(next(&LADDER, Some(&on_it), Duration::ZERO, NOW), Due::Now(Rung::Disable));
        let on_it = done(Retirement { rung: Rung::Disable, ..on_it }, NOW);
        assert_eq!(next(&LADDER, Some(&on_it), Duration::ZERO, NOW), Due::Now(Rung::Remove));
    }

    #[test]
    fn what_is_not_known_brings_nothing_back() {
        let reason = |kind| Reason { kind, by: None, why: String::new() };
        assert!(!brings_back(&[reason("unknown"), reason("busy")]));
        for kind in ["in-use", "channel", "rollback-target", "moving", "base", "newest", "young"] {
            assert!(brings_back(&[reason("unknown"), reason(kind)]), "{kind}");
        }
    }
}
