//! What the files say about AWS: `aws:` of the factory file and of recipes, `base: {aws: …}`.

use super::super::shape::Kind::{Boolean, Either, Line, List, Map, MapOf, NumberLike, Pattern, Value, Words};
use super::super::shape::{Kind, Shape, optional, required};
use super::{DURATION, FAMILIES, SIZE};

/// Resource ids have 17 hex digits; those made before 2016 to 2018 have 8.
const SUBNET_ID: &str = "^subnet-([0-9a-f]{8}|[0-9a-f]{17})$";
const INSTANCE_TYPE_LIST: Kind = List(&Pattern("^[a-z][a-z0-9-]*\\.[a-z0-9-]+$"));
const TAGS: Kind = MapOf("^.{1,127}$", &Value);

/// `aws:`
pub static AWS: Shape = Shape {
    what: "the settings for AWS",
    keys: &[
        optional(
            "instance_profile",
            Pattern("^[A-Za-z0-9_+=,.@-]{1,128}$"),
            "The name of the instance profile that builders run with. Builds on AWS need one; validate does not.",
        ),
        optional(
            "subnet",
            Either(&[Pattern(SUBNET_ID), Map(&SUBNET)]),
            "Where builders start: a subnet's id, or tags that it has. Default: the default VPC.",
        ),
        optional(
            "security_groups",
            List(&Pattern("^sg-([0-9a-f]{8}|[0-9a-f]{17})$")),
            "The ids of the builders' security groups. They need no ingress. Default: the VPC's default group.",
        ),
        optional("instance_types", Map(&INSTANCE_TYPES), "The builders' types, in the order in which they are tried."),
        optional("spot", Boolean, "Spot instances first, on-demand where there are none. Default: false."),
        optional("volume", Map(&VOLUME), "The builders' root volume. It is always gp3 and encrypted."),
        optional(
            "volumes",
            List(&Map(&EXTRA_VOLUME)),
            "Volumes of their own for parts of the image's file tree, gp3 and encrypted like its root volume. A recipe on \
             another's image has that image's.",
        ),
        optional(
            "log_group",
            Pattern("^[A-Za-z0-9_./#-]{1,512}$"),
            "The CloudWatch log group that commands write to, for live progress. Default: none.",
        ),
        optional(
            "component_bucket",
            Pattern("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"),
            "The S3 bucket through which components of EC2 Image Builder go that are too large to go with a request. It \
             holds each for a moment, and is in the region and the account of the builds. Default: none, and what is \
             too large is refused.",
        ),
        optional("owner", Line, "Who answers for builders and images, for the tag amifactory:owner."),
        optional(
            "expires",
            DURATION,
            "After this long a builder is certainly forgotten, and ends itself: 30m to 24h. Default: 6h.",
        ),
        optional("tags", TAGS, "Tags of all resources, beside amifactory's own. At most 34."),
    ],
    one_of: &[],
    pairs: &[],
};

/// `subnet: {tags: …}`
pub static SUBNET: Shape = Shape {
    what: "a subnet",
    keys: &[required("tags", TAGS, "Tags that the subnet has; of several such subnets any is taken.")],
    one_of: &[],
    pairs: &[],
};

/// `instance_types:`
pub static INSTANCE_TYPES: Shape = Shape {
    what: "instance types by architecture",
    keys: &[
        optional(
            "x86_64",
            INSTANCE_TYPE_LIST,
            "For bases for x86_64. Default: m7i.large, m6i.large, m5.large, t3.large.",
        ),
        optional("arm64", INSTANCE_TYPE_LIST, "For bases for arm64. Default: m7g.large, m6g.large, t4g.large."),
    ],
    one_of: &[],
    pairs: &[],
};

/// `volume:`
pub static VOLUME: Shape = Shape {
    what: "a volume",
    keys: &[
        optional("size", SIZE, "Its size, such as 20GiB; at least the base's. Default: the base's."),
        optional(
            "kms_key",
            Line,
            "The KMS key that it is encrypted with: an id, an ARN or alias/NAME. Default: the account's key for EBS.",
        ),
    ],
    one_of: &[],
    pairs: &[],
};

/// One of `volumes:`
pub static EXTRA_VOLUME: Shape = Shape {
    what: "a volume of its own",
    keys: &[
        required("mount", Pattern("^(/[A-Za-z0-9_.-]+)+$"), "Where it is mounted, such as /var/log/audit."),
        required("size", SIZE, "Its size, such as 4GiB."),
        optional(
            "options",
            List(&Words(&["nodev", "nosuid", "noexec"])),
            "How it is mounted, all of it. Default: nodev and nosuid, and noexec at /var/tmp, /var/log and \
             /var/log/audit, as the benchmark has it.",
        ),
    ],
    one_of: &[],
    pairs: &[],
};

/// `base: {aws: {…}}`
pub static AWS_BASE: Shape = Shape {
    what: "a base for AWS",
    keys: &[
        optional(
            "parameter",
            Pattern("^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$"),
            "An SSM parameter that holds an AMI's id, such as \
             /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64.",
        ),
        optional("ami", Pattern("^ami-([0-9a-f]{8}|[0-9a-f]{17})$"), "An AMI's id."),
        optional("name", Line, "The newest AMI whose name fits, such as \"al2023-ami-2023.*-x86_64\"."),
        optional(
            "owner",
            NumberLike("^(amazon|self|aws-marketplace|[0-9]{12})$"),
            "With `name`: whose AMI it is: amazon, self, aws-marketplace or an account's 12 digits, quoted.",
        ),
        optional("arch", Words(&["x86_64", "arm64"]), "With `name`: its architecture. Default: x86_64."),
        optional("family", Words(FAMILIES), "Its OS family. Default: told from the AMI's name and description."),
    ],
    one_of: &[&["parameter"], &["ami"], &["name"]],
    pairs: &[("name", "owner"), ("owner", "name"), ("arch", "name")],
};
