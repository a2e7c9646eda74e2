//! The forms of texts, as the service's model has them.

use super::arn::{Arn, Kind, Pattern};

/// Lengths in characters, and a form.
pub struct Text {
    pub least: usize,
    pub most: usize,
    pub fits: fn(&str) -> bool,
    /// The form in the model's own notation, for messages.
    pub pattern: &'static str,
}

const fn form(least: usize, most: usize, fits: fn(&str) -> bool, pattern: &'static str) -> Text {
    Text { least, most, fits, pattern }
}

fn any(_: &str) -> bool {
    true
}

fn all(text: &str, more: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

/// `NonEmptyString`
pub const SOME: Text = form(1, 1024, any, "");
/// A text without bounds in the model.
pub const ANY: Text = form(0, usize::MAX, any, "");
pub const EMPTY: Text = form(0, 0, any, "");
pub const TOKEN: Text = form(1, 64, any, "");
pub const NAME: Text = form(0, usize::MAX, is_name, "^[-_A-Za-z-0-9][-_A-Za-z0-9 ]{1,126}[-_A-Za-z-0-9]$");
pub const VERSION: Text = form(
    0,
    usize::MAX,
    |text| Pattern::parse(text).is_some_and(|version| !version.has_wildcards()),
    "^[0-9]+\\.[0-9]+\\.[0-9]+$",
);
pub const WILD_VERSION: Text =
    form(0, usize::MAX, |text| Pattern::parse(text).is_some(), "^(?:[0-9]+|x)\\.(?:[0-9]+|x)\\.(?:[0-9]+|x)$");
/// "Inline data": 16,000 characters; larger ones come from S3.
pub const DATA: Text = form(1, 16_000, |text| !text.contains('\0'), "[^\\x00]+");
pub const PROFILE: Text =
    form(1, 256, |text| text.chars().all(|c| c.is_alphanumeric() || "_+=,.@-".contains(c)), "^[\\w+=,.@-]+$");
pub const TAG_KEY: Text = form(
    1,
    128,
    |text| {
        !text.starts_with("aws:") && text.chars().all(|c| c.is_ascii_alphanumeric() || " \t\n\r_.:/=+-@".contains(c))
    },
    "^(?!aws:)[a-zA-Z0-9\\s_.:/=+\\-@]*$",
);
pub const TAG_VALUE: Text = form(0, 256, any, "");
pub const FILTER_NAME: Text =
    form(0, 1024, |text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphabetic()), "^[a-zA-Z]{1,1024}$");
pub const FILTER_VALUE: Text =
    form(0, 1024, |text| !text.is_empty() && all(text, "./_ :,{}\"*-"), "^[0-9a-zA-Z./_ :,{}\"*-]{1,1024}$");
pub const ACCOUNT: Text =
    form(0, usize::MAX, |text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()), "^[0-9]{12}$");
pub const TOPIC: Text = form(0, usize::MAX, is_topic, "^arn:aws[^:]*:sns:[^:]+:[0-9]{12}:[a-zA-Z0-9-_]{1,256}$");
pub const AMI_NAME: Text = form(1, 127, is_ami_name, "^[-_A-Za-z0-9{][-_A-Za-z0-9\\s:{}\\.]+[-_A-Za-z0-9}]$");
pub const ORGANIZATION: Text = form(
    0,
    usize::MAX,
    |text| text.starts_with("arn:aws") && text.contains(":organizations::") && text.contains(":organization/o-"),
    "^arn:aws[^:]*:organizations::[0-9]{12}:organization/o-[a-z0-9]{10,32}$",
);
pub const UNIT: Text = form(
    0,
    usize::MAX,
    |text| text.starts_with("arn:aws") && text.contains(":organizations::") && text.contains(":ou/o-"),
    "^arn:aws[^:]*:organizations::[0-9]{12}:ou/o-[a-z0-9]{10,32}/ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}",
);
pub const LOG_GROUP: Text = form(1, 512, |text| all(text, "-_/."), "^[a-zA-Z0-9\\-_/\\.]{1,512}$");
pub const ROLE: Text = form(
    1,
    2048,
    |text| all(text.rsplit(':').next().unwrap_or_default(), "_+=,.@-/"),
    "^(?:arn:aws(?:-[a-z]+)*:iam::[0-9]{12}:role/)?[a-zA-Z_0-9+=,.@\\-_/]+$",
);
pub const TIMEZONE: Text = form(3, 100, |text| all(text, "/-_+"), "[a-zA-Z0-9]{2,}(?:\\/[a-zA-Z0-9-_+]+)*");
pub const USER_DATA: Text = form(
    1,
    21_847,
    |text| {
        let bare = text.trim_end_matches('=');
        text.len() % 4 == 0 && text.len() - bare.len() <= 2 && all(bare, "+/")
    },
    "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
);
pub const RUN: Text = form(
    0,
    usize::MAX,
    |text| is_execution(text, "wf-"),
    "^wf-[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
);
pub const STEP_RUN: Text = form(
    0,
    usize::MAX,
    |text| is_execution(text, "step-"),
    "^step-[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
);

pub const RECIPE_ARN: Text = form(
    0,
    usize::MAX,
    |text| Arn::parse(text).is_some_and(|arn| arn.kind == Kind::Recipe),
    "^arn:aws[^:]*:imagebuilder:[^:]+:(?:[0-9]{12}|aws):image-recipe/[a-z0-9-_]+/(?:[0-9]+|x)\\.(?:[0-9]+|x)\\.(?:[0-9]+|x)$",
);
pub const INFRASTRUCTURE_ARN: Text = form(
    0,
    usize::MAX,
    |text| Arn::parse(text).is_some_and(|arn| arn.kind == Kind::Infrastructure),
    "^arn:aws[^:]*:imagebuilder:[^:]+:(?:[0-9]{12}|aws):infrastructure-configuration/[a-z0-9-_]+$",
);
pub const DISTRIBUTION_ARN: Text = form(
    0,
    usize::MAX,
    |text| Arn::parse(text).is_some_and(|arn| arn.kind == Kind::Distribution),
    "^arn:aws[^:]*:imagebuilder:[^:]+:(?:[0-9]{12}|aws):distribution-configuration/[a-z0-9-_]+$",
);
pub const PIPELINE_ARN: Text = form(
    0,
    usize::MAX,
    |text| Arn::parse(text).is_some_and(|arn| arn.kind == Kind::Pipeline),
    "^arn:aws[^:]*:imagebuilder:[^:]+:(?:[0-9]{12}|aws):image-pipeline/[a-z0-9-_]+$",
);
pub const COMPONENT_ARN: Text = form(
    0,
    usize::MAX,
    |text| Arn::parse(text).is_some_and(|arn| arn.kind == Kind::Component),
    "^arn:aws[^:]*:imagebuilder:[^:]+:(?:[0-9]{12}|aws(?:-[a-z-]+)?|third-party):component/[a-z0-9-_]+/(?:(?:([0-9]+|x)\\.([0-9]+|x)\\.([0-9]+|x))|(?:[0-9]+\\.[0-9]+\\.[0-9]+/[0-9]+))$",
);
pub const COMPONENT_BUILD: Text = form(
    0,
    usize::MAX,
    |text| Arn::parse(text).is_some_and(|arn| arn.kind == Kind::Component && arn.build.is_some()),
    "^arn:aws[^:]*:imagebuilder:[^:]+:(?:[0-9]{12}|aws(?:-[a-z-]+)?|third-party):component/[a-z0-9-_]+/[0-9]+\\.[0-9]+\\.[0-9]+/[0-9]+$",
);
pub const COMPONENT_VERSION: Text = form(
    0,
    usize::MAX,
    |text| is_exact(text, Kind::Component),
    "^arn:aws[^:]*:imagebuilder:[^:]+:(?:[0-9]{12}|aws(?:-[a-z-]+)?|third-party):component/[a-z0-9-_]+/[0-9]+\\.[0-9]+\\.[0-9]+$",
);
pub const IMAGE_ARN: Text = form(
    0,
    usize::MAX,
    |text| Arn::parse(text).is_some_and(|arn| arn.kind == Kind::Image),
    "^arn:aws[^:]*:imagebuilder:[^:]+:(?:[0-9]{12}|aws(?:-[a-z-]+)?):image/[a-z0-9-_]+/(?:(?:([0-9]+|x)\\.([0-9]+|x)\\.([0-9]+|x))|(?:[0-9]+\\.[0-9]+\\.[0-9]+/[0-9]+))$",
);
pub const IMAGE_BUILD: Text = form(
    0,
    usize::MAX,
    |text| Arn::parse(text).is_some_and(|arn| arn.kind == Kind::Image && arn.build.is_some()),
    "^arn:aws[^:]*:imagebuilder:[^:]+:(?:[0-9]{12}|aws(?:-[a-z-]+)?):image/[a-z0-9-_]+/[0-9]+\\.[0-9]+\\.[0-9]+/[0-9]+$",
);
pub const IMAGE_VERSION: Text = form(
    0,
    usize::MAX,
    |text| is_exact(text, Kind::Image),
    "^arn:aws[^:]*:imagebuilder:[^:]+:(?:[0-9]{12}|aws(?:-[a-z-]+)?):image/[a-z0-9-_]+/[0-9]+\\.[0-9]+\\.[0-9]+$",
);

fn is_name(text: &str) -> bool {
    let ends = [text.chars().next(), text.chars().next_back()];
    (3..=128).contains(&text.chars().count()) && all(text, "-_ ") && !ends.contains(&Some(' '))
}

fn is_topic(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    matches!(parts.as_slice(), ["arn", partition, "sns", region, account, name]
        if partition.starts_with("aws") && !region.is_empty() && account.len() == 12 && all(name, "-_") && !name.is_empty())
}

fn is_ami_name(text: &str) -> bool {
    let ends = [text.chars().next(), text.chars().next_back()];
    text.chars().count() >= 3
        && all(text, "-_ \t:{}.")
        && ends.iter().flatten().all(|c| c.is_ascii_alphanumeric() || "-_{}".contains(*c))
}

fn is_execution(text: &str, prefix: &str) -> bool {
    let parts: Vec<&str> = text.strip_prefix(prefix).unwrap_or_default().split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_exact(text: &str, kind: Kind) -> bool {
    Arn::parse(text).is_some_and(|arn| {
        arn.kind == kind && arn.build.is_none() && arn.version.is_some_and(|version| !version.has_wildcards())
    })
}
