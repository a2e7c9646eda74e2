//! `fleet:` of the factory file.

use super::super::shape::Kind::{Line, List, Map, MapOf, NumberLike, Pattern, Words};
use super::super::shape::{Shape, optional, required};
use super::distribution::{ACCOUNT_PATTERN, REGION_PATTERN};
use super::notify::NOTIFY;
use super::{DAYS, NAME, NAME_PATTERN};

const WARN: &str =
    "How long after its channel went on an image may be used before it is told, such as 7d. Default: 14d.";
const FAIL: &str = "How long after that it breaks the policy (exit 4), such as 30d. Default: 60d.";

/// `fleet:`
pub static FLEET: Shape = Shape {
    what: "the fleet's policy",
    keys: &[
        optional(
            "regions",
            List(&Pattern(REGION_PATTERN)),
            "Regions that are looked at, in every account. Default: the home region and those of `distribution`; without \
             that, the region of whoever asks.",
        ),
        optional(
            "accounts",
            MapOf(ACCOUNT_PATTERN, &Map(&FLEET_ACCOUNT)),
            "Accounts that are looked at beside the factory's own, by their 12 digits, quoted: `{role: amifactory-fleet}`.",
        ),
        optional(
            "follow",
            NAME,
            "The channel that fleets are measured against. Default: the last. Accounts and recipes can say otherwise.",
        ),
        optional("warn", DAYS, WARN),
        optional("fail", DAYS, FAIL),
        optional(
            "channels",
            MapOf(NAME_PATTERN, &Map(&FLEET_AGES)),
            "Ages for whatever is measured against a channel: `dev: {warn: 30d, fail: 90d}`.",
        ),
        optional(
            "recipes",
            MapOf(NAME_PATTERN, &Map(&FLEET_RECIPE)),
            "What holds for images of a recipe: `web-tier: {follow: staging, warn: 1d, fail: 7d}`.",
        ),
        optional(
            "foreign",
            Words(&["ignore", "warn", "fail"]),
            "What to make of images that are not this factory's. Default: warn.",
        ),
        optional(
            "exemptions",
            List(&Map(&EXEMPTION)),
            "What the policy does not count, each with a reason, an owner and an end. It is shown all the same.",
        ),
        optional("notify", Map(&NOTIFY), "Who is told what is new, worse and resolved: `amifactory fleet --notify`."),
    ],
    one_of: &[],
    pairs: &[],
};

/// One of `accounts:`
pub static FLEET_ACCOUNT: Shape = Shape {
    what: "an account of the fleet",
    keys: &[
        required(
            "role",
            Pattern("^[A-Za-z0-9_+=,.@-]+(/[A-Za-z0-9_+=,.@-]+)*$"),
            "A role there, by its name, that is assumed to look. `amifactory iam-policy` prints what it needs.",
        ),
        optional("follow", NAME, "The channel that this account's fleet is measured against."),
    ],
    one_of: &[],
    pairs: &[],
};

/// One of `channels:`
pub static FLEET_AGES: Shape = Shape {
    what: "ages",
    keys: &[optional("warn", DAYS, WARN), optional("fail", DAYS, FAIL)],
    one_of: &[],
    pairs: &[],
};

/// One of `recipes:`
pub static FLEET_RECIPE: Shape = Shape {
    what: "a recipe's fleet policy",
    keys: &[
        optional("follow", NAME, "The channel that its images are measured against."),
        optional("warn", DAYS, WARN),
        optional("fail", DAYS, FAIL),
    ],
    one_of: &[],
    pairs: &[],
};

/// An entry of `exemptions:`
pub static EXEMPTION: Shape = Shape {
    what: "an exemption",
    keys: &[
        optional("recipe", NAME, "Only images of this recipe."),
        optional("image", Pattern("^ami-[0-9a-f]{8,40}$"), "Only this image."),
        optional("account", NumberLike(ACCOUNT_PATTERN), "Only in this account. Quote it."),
        optional("region", Pattern(REGION_PATTERN), "Only in this region."),
        optional(
            "resource",
            Line,
            "Only this instance (by its id: its name is a tag, which anyone who may tag can give it), launch template (by \
             its id or name), or Auto Scaling group with its instances (by its name).",
        ),
        required("reason", Line, "Why it is exempt."),
        required("owner", Line, "Who answers for it."),
        required("expires", Pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), "The last day on which it holds: YYYY-MM-DD."),
    ],
    one_of: &[],
    pairs: &[],
};
