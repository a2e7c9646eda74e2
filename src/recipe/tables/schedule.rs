//! `schedule:`

use super::super::schedule::Rebuild;
use super::super::shape::Kind::{Pattern, Words};
use super::super::shape::{Shape, optional};

/// Names of time zones (Image Builder API reference, `Schedule`, `timezone`).
pub const TIME_ZONE: &str = "^[a-zA-Z0-9]{2,}(/[a-zA-Z0-9_+-]+)*$";

/// `schedule:`
pub static SCHEDULE: Shape = Shape {
    what: "a schedule",
    keys: &[
        optional(
            "cron",
            Pattern("^ *[^ ]+( +[^ ]+){4} *$"),
            "When, in five fields: minute, hour, day of the month, month, day of the week (SUN to SAT), such as \
             \"0 3 * * *\".",
        ),
        optional("time_zone", Pattern(TIME_ZONE), "By whose clock, such as Europe/Berlin. Default: Etc/UTC."),
        optional(
            "rebuild",
            Words(&Rebuild::WORDS),
            "`changed` (the default): only where the base or a component has changed. `always`: each time.",
        ),
    ],
    one_of: &[],
    pairs: &[],
};
