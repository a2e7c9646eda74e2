//! The tables: every key of every file, with what it holds and what it is for.

mod aws;
mod distribution;
mod fleet;
mod notify;
pub mod rollout;
mod schedule;

pub use distribution::{ACCOUNT, DISTRIBUTION, REGION};
pub use fleet::{EXEMPTION, FLEET, FLEET_ACCOUNT, FLEET_AGES, FLEET_RECIPE};
pub use notify::{AUDIENCE, HOOK, NOTIFY};
pub use rollout::{ROLLOUT, WINDOW};
pub use schedule::SCHEDULE;

pub use aws::{AWS, AWS_BASE, EXTRA_VOLUME, INSTANCE_TYPES, SUBNET, VOLUME};

use super::retention::OtherService;
use super::shape::Kind::{
    Block, Boolean, Either, Integer, Line, List, Map, MapOf, MapOfWords, Number, NumberLike, Pattern, Value, Words,
};
use super::shape::{Kind, Shape, optional, required};

const NAME_PATTERN: &str = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$";
const PARAMETER_PATTERN: &str = "^[a-z][a-z0-9_]*$";
const NAME: Kind = Pattern(NAME_PATTERN);
const DURATION: Kind = Pattern("^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$");
const DAYS: Kind = DURATION;
const SIZE: Kind = Pattern("^[0-9]+(KiB|MiB|GiB|TiB)$");
const VALUES: Kind = MapOf(PARAMETER_PATTERN, &Value);
const FAMILIES: &[&str] = &["amazon-linux-2023", "debian-12", "ubuntu"];

/// `amifactory.yaml`
pub static FACTORY: Shape = Shape {
    what: "the factory file",
    keys: &[
        optional(
            "default_target",
            Words(&["local", "aws"]),
            "Where builds run when no --target is given. `local` (the default) is a sandbox on this machine.",
        ),
        required(
            "channels",
            List(&Either(&[NAME, Map(&CHANNEL)])),
            "The channels, in the order in which images pass through them, such as dev, staging, prod: a name, or a \
             name with rules. Builds publish to the first.",
        ),
        optional("aws", Map(&AWS), "How builders run on AWS. A recipe can say otherwise, key by key."),
        optional(
            "distribution",
            Map(&DISTRIBUTION),
            "The regions and accounts of AWS that channels may reach beside the home region.",
        ),
        optional(
            "retention",
            Map(&RETENTION),
            "How long images are kept that nothing uses. Without it none is ever retired. A recipe can say otherwise, \
             key by key.",
        ),
        optional(
            "schedule",
            Map(&SCHEDULE),
            "When EC2 Image Builder builds recipes by itself. `amifactory pipeline apply` declares it. A recipe can say \
             otherwise, key by key, or `none`.",
        ),
        optional("fleet", Map(&FLEET), "How far behind its channel anything may be that runs or would be launched."),
        optional("rollout", Map(&ROLLOUT), "How `amifactory rollout` brings images to Auto Scaling groups."),
    ],
    one_of: &[],
    pairs: &[],
};

/// The most that a retention can say.
pub const MOST_KEPT: i64 = 1000;

/// `retention:`
pub static RETENTION: Shape = Shape {
    what: "a retention",
    keys: &[
        optional("keep", Integer(1, MOST_KEPT), "So many of the newest versions of each recipe stay."),
        optional(
            "maximum_age",
            DAYS,
            "Images younger than this stay, such as 90d. With `keep` an image goes only where neither keeps it.",
        ),
        optional(
            "keep_per_channel",
            Integer(2, MOST_KEPT),
            "So many of the last images that each channel has named stay. Default: 2, which are what it names and what \
             rollback goes back to.",
        ),
        optional(
            "not_used_here",
            List(&Words(&OtherService::WORDS)),
            "Services that nobody uses in this AWS account, nor in those that are looked into by a role. They can launch from an image and are not read \
             yet, so each that is not listed here keeps every image.",
        ),
        optional(
            "not_used_by",
            List(&Either(&[
                NumberLike(distribution::ACCOUNT_PATTERN),
                Pattern(distribution::ORGANIZATION_PATTERN),
                Pattern(distribution::UNIT_PATTERN),
            ])),
            "Accounts, and ARNs of organizations and their units, in which nobody uses the images that they are shared \
             with. Each that may launch an image and is not listed here keeps it. Quote accounts.",
        ),
        optional(
            "soak",
            DAYS,
            "On AWS: how long an image stays deprecated before it is disabled, and disabled before it is removed, such \
             as 14d. Default: 7d.",
        ),
        optional(
            "snapshot_price",
            Number(0, 100),
            "US dollars for a GiB of a snapshot and a month, to say what is saved. Default: 0.05, the price of standard \
             snapshots in us-east-1.",
        ),
    ],
    one_of: &[],
    pairs: &[],
};

/// An entry of `channels:` that is more than a name.
pub static CHANNEL: Shape = Shape {
    what: "a channel",
    keys: &[
        required("name", NAME, "The channel's name."),
        optional("from", NAME, "The channel that its images come from. Default: the one before it in the list."),
        optional(
            "soak",
            DAYS,
            "How long an image must have been in that channel, such as 24h or 7d. Default: not at all.",
        ),
        optional("minimum_score", Number(0, 100), "The lowest score, 0 to 100, with which an image is taken."),
        optional("maximum_age", DAYS, "How old an image may be, such as 30d."),
        optional(
            "approval",
            Boolean,
            "true: someone other than the one who promotes must have said yes. Default: false.",
        ),
        optional(
            "regions",
            List(&Pattern(distribution::REGION_PATTERN)),
            "Regions of `distribution` that its images are copied to. The home region always has them.",
        ),
        optional(
            "accounts",
            List(&NumberLike(distribution::ACCOUNT_PATTERN)),
            "Accounts of `distribution` that its images are shared with, in all its regions. Quote them.",
        ),
        optional(
            "organizations",
            List(&Pattern(distribution::ORGANIZATION_PATTERN)),
            "ARNs of organizations that its images are shared with.",
        ),
        optional(
            "organizational_units",
            List(&Pattern(distribution::UNIT_PATTERN)),
            "ARNs of organizational units that its images are shared with.",
        ),
    ],
    one_of: &[],
    pairs: &[],
};

/// `recipes/NAME.yaml`
pub static RECIPE: Shape = Shape {
    what: "a recipe",
    keys: &[
        required("recipe", NAME, "The recipe's name. The file is named after it: NAME.yaml."),
        required("description", Line, "What the image is for, in one line."),
        required(
            "version",
            NumberLike("^[0-9]+\\.[0-9]+(\\.[0-9]+)?$"),
            "`major.minor`, to which each new image adds a build number; or a full `major.minor.build`. Quote it: \"1.0\".",
        ),
        required("base", Map(&BASE), "What the image is built on."),
        optional(
            "parameters",
            VALUES,
            "Values of the recipe's own, for use as \"{{name}}\" in group parameters and in tests.",
        ),
        optional(
            "groups",
            List(&Either(&[NAME, Map(&GROUP_USE)])),
            "Package groups, in the order in which they are applied: a name, or a name with parameters.",
        ),
        optional("hardening", Map(&HARDENING), "How the image is hardened."),
        optional("gate", Map(&GATE), "What an image must reach before any pointer names it."),
        optional("tests", List(&Map(&TEST)), "Scripts that must succeed in the image after it was started afresh."),
        optional("publish", Map(&PUBLISH), "Where a verified image goes. Without it only its version names it."),
        optional("limits", Map(&LIMITS), "What one build may use."),
        optional("aws", Map(&AWS), "How builders run on AWS. What is given here goes over amifactory.yaml's `aws:`."),
        optional(
            "retention",
            Map(&RETENTION),
            "How long images of this recipe are kept. What is given here goes over amifactory.yaml's `retention:`.",
        ),
        optional(
            "schedule",
            Either(&[Words(&["none"]), Map(&SCHEDULE)]),
            "When EC2 Image Builder builds this recipe by itself. What is given here goes over amifactory.yaml's \
             `schedule:`; `none` takes that away.",
        ),
    ],
    one_of: &[],
    pairs: &[],
};

/// `base:`
pub static BASE: Shape = Shape {
    what: "a base",
    keys: &[
        optional("recipe", NAME, "Another recipe: its image, built first where it is not up to date."),
        optional("channel", NAME, "With `recipe`: take the image that this channel names, and build nothing first."),
        optional(
            "arch",
            Words(&["x86_64", "arm64"]),
            "With `channel`: which of its images, where it names one for each architecture.",
        ),
        optional(
            "local",
            Either(&[Words(&["host"]), Map(&LOCAL_BASE)]),
            "A base for the local target: `host` is this machine's own Linux, read-only underneath.",
        ),
        optional("aws", Map(&AWS_BASE), "A base for AWS. `local` may stand beside it: each target takes its own."),
    ],
    one_of: &[&["recipe"], &["local", "aws"]],
    pairs: &[("channel", "recipe"), ("arch", "channel")],
};

/// `base: {local: {…}}`
pub static LOCAL_BASE: Shape = Shape {
    what: "a local base",
    keys: &[
        optional("rootfs", Line, "A folder that holds a root filesystem. Relative paths start at the factory folder."),
        optional("tarball", Line, "A root filesystem as .tar or .tar.gz."),
        optional("oci", Line, "An OCI image layout: DIR or DIR:TAG."),
    ],
    one_of: &[&["rootfs"], &["tarball"], &["oci"]],
    pairs: &[],
};

/// An entry of a recipe's `groups:` that is more than a name.
pub static GROUP_USE: Shape = Shape {
    what: "a package group's use",
    keys: &[
        required("name", NAME, "The package group, a file in recipes/groups."),
        optional("parameters", VALUES, "Values for the group's parameters; \"{{name}}\" takes a value of the recipe."),
    ],
    one_of: &[],
    pairs: &[],
};

/// `hardening:`
pub static HARDENING: Shape = Shape {
    what: "the hardening of a recipe",
    keys: &[
        required("profile", Line, "The profile: a list of controls with their parameters."),
        optional("parameters", VALUES, "Values for control parameters, over the profile's own."),
        optional("add", List(&NAME), "Controls beside the profile's."),
        optional(
            "waivers",
            List(&Map(&WAIVER)),
            "Controls that this image does not meet, each on record and with an end.",
        ),
        optional(
            "network",
            List(&Words(&["package-repositories"])),
            "What controls may reach while they are applied: `package-repositories`, for those that install packages. \
             Default: nothing, beside what package groups ask for.",
        ),
    ],
    one_of: &[],
    pairs: &[],
};

/// An entry of `waivers:`
pub static WAIVER: Shape = Shape {
    what: "a waiver",
    keys: &[
        required("control", NAME, "The control that is not met."),
        required("reason", Line, "Why it is not met."),
        required("owner", Line, "Who answers for it."),
        optional("ticket", Line, "Where it is discussed."),
        required("expires", Pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), "The last day on which it holds: YYYY-MM-DD."),
    ],
    one_of: &[],
    pairs: &[],
};

/// `gate:`
pub static GATE: Shape = Shape {
    what: "a gate",
    keys: &[
        optional("minimum_score", Number(0, 100), "The lowest score, 0 to 100, with which an image is published."),
        optional("required", List(&NAME), "Controls that must pass or be waived."),
    ],
    one_of: &[],
    pairs: &[],
};

/// An entry of `tests:`
pub static TEST: Shape = Shape {
    what: "a test",
    keys: &[
        required("name", Line, "What the test shows."),
        required("run", Block, "A POSIX sh script, a template over the recipe's parameters. Exit status 0 is success."),
        optional("timeout", DURATION, "The longest time it may take, such as 30s. Default: 1m."),
    ],
    one_of: &[],
    pairs: &[],
};

/// `publish:`
pub static PUBLISH: Shape = Shape {
    what: "a publication",
    keys: &[required("channel", NAME, "The channel that a verified image goes to, one of amifactory.yaml's.")],
    one_of: &[],
    pairs: &[],
};

/// `limits:`
pub static LIMITS: Shape = Shape {
    what: "the limits of a build",
    keys: &[
        optional("time", DURATION, "The longest time the build's steps may run, such as 30m. Default: 30m."),
        optional("processes", Integer(16, 1_000_000), "The most processes and threads at once. Default: 1024."),
        optional("memory", SIZE, "The most memory, such as 512MiB or 2GiB. Default: 2GiB."),
        optional("disk", SIZE, "The most that the build may write, such as 8GiB. Default: 8GiB."),
    ],
    one_of: &[],
    pairs: &[],
};

/// `recipes/groups/NAME.yaml`
pub static GROUP: Shape = Shape {
    what: "a package group",
    keys: &[
        required("group", NAME, "The group's name. The file is named after it: NAME.yaml."),
        required(
            "version",
            NumberLike("^[0-9]+\\.[0-9]+\\.[0-9]+$"),
            "`major.minor.build`. Raise it with every change.",
        ),
        required("description", Line, "What the group brings, in one line."),
        optional(
            "parameters",
            MapOf(PARAMETER_PATTERN, &Map(&PARAMETER)),
            "What recipes may set. Scripts and files use it as {{name}}.",
        ),
        optional(
            "network",
            List(&Pattern("^(package-repositories|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:[0-9]+)$")),
            "What may be reached while the group is applied: `package-repositories`, or \"host:port\". Default: nothing.",
        ),
        optional(
            "secrets",
            List(&Pattern("^/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$")),
            "SSM parameters that the group's scripts fetch with `af_secret NAME`, by the builder's own role. At most 10.",
        ),
        required(
            "packages",
            MapOfWords(FAMILIES, &List(&Pattern("^[A-Za-z0-9][A-Za-z0-9+._-]*$"))),
            "Packages by OS family. A family that is not listed is not supported; [] needs no packages.",
        ),
        optional("steps", List(&Map(&STEP)), "What is done after the packages are installed, in order."),
        optional("health", Map(&HEALTH), "How the started image shows that the group works in it."),
        optional("implies", List(&Map(&IMPLIED)), "Controls that can't hold where this group is installed."),
    ],
    one_of: &[],
    pairs: &[],
};

/// A group's parameter.
pub static PARAMETER: Shape = Shape {
    what: "a parameter",
    keys: &[
        required("type", Words(&["string", "integer", "boolean", "port", "choice"]), "The type of its values."),
        optional("default", Value, "Its value where a recipe gives none. Without a default a recipe must give one."),
        optional("choices", List(&Line), "With type choice: the words it can be."),
        required("description", Line, "What it decides, in one line."),
    ],
    one_of: &[],
    pairs: &[],
};

/// An entry of `steps:`
pub static STEP: Shape = Shape {
    what: "a step",
    keys: &[
        required("name", Line, "What the step does, for people and logs."),
        optional(
            "families",
            List(&Words(FAMILIES)),
            "Only on these OS families. Default: on all that the group supports.",
        ),
        optional("run", Block, "A POSIX sh script, a template whose values arrive shell-quoted."),
        optional("timeout", DURATION, "With `run`: the longest time it may take, such as 90s. Default: 10m."),
        optional("file", Pattern("^/"), "The absolute path of a file to write."),
        optional("content", Block, "With `file`: what it holds, a template."),
        optional("mode", NumberLike("^[0-7]{3,4}$"), "With `file`: its permission bits. Default: \"0644\"."),
        optional("owner", Pattern("^[^:]+:[^:]+$"), "With `file`: its user:group. Default: root:root."),
        optional("enable", Pattern("^[A-Za-z0-9][A-Za-z0-9:_.@-]*$"), "A service that starts at boot."),
        optional(
            "reboot",
            Boolean,
            "true: the builder restarts here, and the next step runs after that. A sandbox has nothing to restart.",
        ),
    ],
    one_of: &[&["run"], &["file"], &["enable"], &["reboot"]],
    pairs: &[("timeout", "run"), ("file", "content"), ("content", "file"), ("mode", "file"), ("owner", "file")],
};

/// `health:`
pub static HEALTH: Shape = Shape {
    what: "a health check",
    keys: &[
        required(
            "run",
            Block,
            "A POSIX sh script, a template whose values arrive shell-quoted. Exit status 0 is success.",
        ),
        optional("timeout", DURATION, "The longest time it may take, such as 30s. Default: 1m."),
    ],
    one_of: &[],
    pairs: &[],
};

/// An entry of `implies:`
pub static IMPLIED: Shape = Shape {
    what: "an implied exception",
    keys: &[required("control", NAME, "The control that can't hold."), required("reason", Line, "Why it can't hold.")],
    one_of: &[],
    pairs: &[],
};
