//! `fleet: notify:` of the factory file.

use super::super::Heard;
use super::super::shape::Kind::{Boolean, List, Map, MapOf, NumberLike, Pattern, Words};
use super::super::shape::{Shape, optional, required};
use super::distribution::ACCOUNT_PATTERN;
use super::{NAME, NAME_PATTERN};

/// `notify:`
pub static NOTIFY: Shape = Shape {
    what: "who is told",
    keys: &[
        required(
            "audiences",
            MapOf(NAME_PATTERN, &Map(&AUDIENCE)),
            "Who is told, by a name of your choice. Each hears what it asks for, and only what has changed since it was told \
             last: `platform: {sns: \"arn:aws:sns:…\"}`.",
        ),
        optional(
            "metrics",
            Boolean,
            "Whether each check puts metrics in CloudWatch, a few dozen at most. `amifactory fleet --alarms` declares alarms \
             over them, which ring when the check stops.",
        ),
        optional(
            "factory",
            NAME,
            "A name for this factory, where several look from one account and region: it stands in the names of its alarms, is \
             the dimension `Factory` of its metrics, and keeps apart what each audience was told.",
        ),
    ],
    one_of: &[],
    pairs: &[],
};

/// One of `audiences:`
pub static AUDIENCE: Shape = Shape {
    what: "an audience",
    keys: &[
        optional("recipes", List(&NAME), "Only what is of these recipes. Default: all, and what belongs to no recipe."),
        optional(
            "accounts",
            List(&NumberLike(ACCOUNT_PATTERN)),
            "Only what is in these accounts, quoted. Default: all.",
        ),
        optional(
            "levels",
            List(&Words(&Heard::WORDS)),
            "Only what is of these levels. Default: all three, what could not be read too.",
        ),
        optional(
            "sns",
            Pattern("^arn:aws(-cn|-us-gov)?:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$"),
            "A standard topic of SNS that is written to, by its ARN.",
        ),
        optional(
            "webhook",
            Map(&HOOK),
            "Where the https address stands that JSON is posted to: `{env: FLEET_WEBHOOK}` or `{parameter: /fleet/webhook}`. \
             Slack and Mattermost show its `text`.",
        ),
        optional(
            "opscenter",
            Boolean,
            "Whether there is an item in OpsCenter for whatever it hears of: opened, brought up to date and resolved.",
        ),
    ],
    one_of: &[],
    pairs: &[],
};

/// `webhook:`
pub static HOOK: Shape = Shape {
    what: "a webhook",
    keys: &[
        optional("env", Pattern("^[A-Za-z_][A-Za-z0-9_]*$"), "A variable of the environment that holds the address."),
        optional(
            "parameter",
            Pattern("^/[A-Za-z0-9_./-]+$"),
            "A parameter of Systems Manager, best a SecureString, that holds the address.",
        ),
    ],
    one_of: &[&["env"], &["parameter"]],
    pairs: &[],
};
