//! `rollout:` of the factory file.

use super::super::shape::Kind::{Few, Integer, Line, List, Map, MapOf, Pattern, Words};
use super::super::shape::{Shape, optional, required};
use super::{DURATION, NAME_PATTERN};

/// Days of the week, as `window` has them.
pub const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// How many alarms watch over a refresh at most (Auto Scaling API reference, `AlarmSpecification`: up to 10).
pub const MOST_ALARMS: usize = 10;

/// `rollout:`
pub static ROLLOUT: Shape = Shape {
    what: "a roll-out",
    keys: &[
        optional(
            "minimum_healthy",
            Integer(0, 100),
            "So many of a hundred instances of a group stay in service. Default: 90.",
        ),
        optional(
            "maximum_healthy",
            Integer(100, 200),
            "So many of a hundred are there at most, at most 100 more than `minimum_healthy`. Default: 100.",
        ),
        optional(
            "checkpoints",
            List(&Integer(1, 99)),
            "Percentages of replaced instances at which a group waits, ascending, such as [20, 50].",
        ),
        optional("checkpoint_delay", DURATION, "How long it waits there, up to 2d. Default: 10m."),
        optional(
            "bake",
            DURATION,
            "How long it waits at the end whether all stays well, up to 2d. Default: not at all.",
        ),
        optional(
            "warmup",
            DURATION,
            "How long a new instance is left alone before it counts. Default: what its group says.",
        ),
        optional(
            "alarms",
            Few(MOST_ALARMS, &Line),
            "CloudWatch alarms, at most ten: where one goes off, the group goes back.",
        ),
        optional(
            "waves",
            MapOf(NAME_PATTERN, &List(&List(&Line))),
            "Of each recipe its Auto Scaling groups, in waves: `web: [[canary], [web-a, web-b]]`. The next wave begins \
             when all of the one before are done.",
        ),
        optional("window", Map(&WINDOW), "When roll-outs may begin. Default: at any time."),
    ],
    one_of: &[],
    pairs: &[],
};

/// `window:`
pub static WINDOW: Shape = Shape {
    what: "a window",
    keys: &[
        required("days", List(&Words(&WEEKDAYS)), "The days on which it opens."),
        required("from", Pattern("^[0-9]{2}:[0-9]{2}$"), "When it opens, such as \"02:00\". Quote it."),
        required(
            "to",
            Pattern("^[0-9]{2}:[0-9]{2}$"),
            "When it closes; at or before `from` that is on the next day. Quote it.",
        ),
        optional(
            "zone",
            Pattern("^(UTC|[+-][0-9]{2}:[0-9]{2})$"),
            "UTC, or a fixed offset such as \"+01:00\", which knows no summer time. Default: UTC.",
        ),
    ],
    one_of: &[],
    pairs: &[],
};
