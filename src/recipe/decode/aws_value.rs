//! Single values as AWS takes them: ids, names, keys and tags. Limits are those of AWS's API references.

use super::{distinct, value};
use crate::identity::Arch;
use crate::source::{Diagnostics, Node, Span, Value, printable};
use std::collections::BTreeMap;

/// Text that `valid` accepts.
fn checked(
    node: &Node,
    what: &str,
    valid: impl Fn(&str) -> bool,
    help: &str,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let text = node.text(diagnostics)?;
    if valid(text) {
        return Some(text.to_owned());
    }
    diagnostics.report_with_help(&node.span, format!("`{}` is not {what}", printable(text)), help);
    None
}

/// `PREFIX-` and 17 hex digits, or the 8 of older resources.
fn is_resource(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// A resource's id, such as `subnet-0123456789abcdef0`.
pub(super) fn resource(node: &Node, what: &str, prefix: &str, diagnostics: &mut Diagnostics) -> Option<String> {
    let help = format!("such an id is {prefix} and 17 (older ones: 8) of the digits 0 to 9 and a to f");
    checked(node, what, |text| is_resource(text, prefix), &help, diagnostics)
}

/// PutParameter: at most 1011 characters, and 15 levels.
fn is_parameter(text: &str) -> bool {
    let path = text.strip_prefix('/').unwrap_or(text);
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    };
    text.len() <= 1011
        && path.split('/').all(word)
        && path.split('/').count() <= 15
        // Only a full path has levels.
        && (text.starts_with('/') || !text.contains('/'))
}

/// The name of an SSM parameter.
pub(super) fn parameter(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let help = "letters, digits and _ . - between slashes, such as \
                /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64; no version, label or ARN";
    checked(node, "the name of an SSM parameter", is_parameter, help, diagnostics)
}

/// The name of a secret, as `af_secret` takes it.
pub(super) fn secret(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let valid = |text: &str| text.starts_with('/') && is_parameter(text);
    let help = "write the parameter's whole name, such as /app/token: letters, digits and _ . - between slashes";
    checked(node, "the name of a secret", valid, help, diagnostics)
}

/// The pattern of an AMI's name. CreateImage: 3 to 128 characters.
pub(super) fn image_name(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let valid = |text: &str| {
        (3..=128).contains(&text.len())
            && text.bytes().any(|b| b.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"()[] ./-'@_*?".contains(&b))
    };
    let help = "3 to 128 letters, digits, blanks and ( ) [ ] . / - ' @ _, with * and ? for what may differ, such as \
                \"al2023-ami-2023.*-x86_64\"";
    checked(node, "an AMI's name", valid, help, diagnostics)
}

/// Whose AMI it is.
pub(super) fn image_owner(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = node.text(diagnostics)?;
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(text.to_owned());
    }
    let words = ["amazon", "self", "aws-marketplace"];
    if words.contains(&text) {
        return Some(text.to_owned());
    }
    let help = match crate::source::nearest(text, words) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write amazon, self, aws-marketplace or an account's 12 digits".to_owned(),
    };
    diagnostics.report_with_help(&node.span, format!("`{}` is not an owner of AMIs", printable(text)), help);
    None
}

/// IAM: at most 128 characters.
pub(super) fn instance_profile(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let valid = |text: &str| {
        (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
    };
    let help = "write its name, not its ARN: at most 128 letters, digits and _ + = , . @ -";
    checked(node, "the name of an instance profile", valid, help, diagnostics)
}

/// CreateLogGroup: at most 512 characters.
pub(super) fn log_group(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let valid = |text: &str| {
        (1..=512).contains(&text.len())
            && !text.starts_with("aws/")
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./#-".contains(&b))
    };
    let help = "at most 512 letters, digits and _ . / # -, not starting with aws/, such as /amifactory/builds";
    checked(node, "the name of a log group", valid, help, diagnostics)
}

/// What names of general purpose buckets don't begin and don't end with (there too): other kinds do.
const RESERVED: ([&str; 3], [&str; 5]) =
    (["xn--", "sthree-", "amzn-s3-demo-"], ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]);

/// General purpose buckets (S3 user guide, "bucket naming rules").
pub(super) fn bucket(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let valid = |text: &str| {
        let (first, last) = (text.bytes().next(), text.bytes().next_back());
        (3..=63).contains(&text.len())
            && text.bytes().all(|b| plain(b) || b == b'.' || b == b'-')
            && first.is_some_and(plain)
            && last.is_some_and(plain)
            && !text.contains("..")
            && text.parse::<std::net::Ipv4Addr>().is_err()
            && !RESERVED.0.iter().any(|prefix| text.starts_with(prefix))
            && !RESERVED.1.iter().any(|suffix| text.ends_with(suffix))
    };
    let help =
        "write its name alone: 3 to 63 lower-case letters, digits, dots and hyphens, such as acme-image-components";
    checked(node, "the name of a bucket", valid, help, diagnostics)
}

/// What `KmsKeyId` of a block device takes: a key's id or ARN, an alias or its ARN.
pub(super) fn kms_key(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    let key_id = |text: &str| {
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        (lengths == [8, 4, 4, 4, 12] && text.split('-').all(hex))
            || text.strip_prefix("mrk-").is_some_and(|id| id.len() == 32 && hex(id))
    };
    let alias = |text: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"/_-".contains(&b);
        text.len() <= 256
            && text.strip_prefix("alias/").is_some_and(|name| !name.is_empty() && name.bytes().all(allowed))
    };
    let arn = |text: &str| {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, key] = parts.as_slice() else { return false };
        *arn == "arn"
            && partition.starts_with("aws")
            && *service == "kms"
            && !region.is_empty()
            && account.len() == 12
            && account.bytes().all(|b| b.is_ascii_digit())
            && (alias(key) || key.strip_prefix("key/").is_some_and(key_id))
    };
    let help = "write a key's id, alias/NAME, or the ARN of either";
    checked(node, "a KMS key", |text| key_id(text) || alias(text) || arn(text), help, diagnostics)
}

/// A volume's size in whole GiB. Volumes of type gp3 have 1 to 65,536 (EbsBlockDevice); sizes end there too.
pub(super) fn volume_size(node: &Node, diagnostics: &mut Diagnostics) -> Option<u32> {
    const GIB: u64 = 1 << 30;
    let bytes = value::size(node, diagnostics)?;
    let whole = bytes.is_multiple_of(GIB).then(|| u32::try_from(bytes / GIB).ok()).flatten();
    if whole.is_none() {
        let text = node.text(diagnostics)?;
        diagnostics.report(&node.span, format!("`{}` is no whole number of GiB, as volumes have", printable(text)));
    }
    whole
}

/// Instance types of one architecture, each once.
pub(super) fn instance_types(node: &Node, arch: Arch, diagnostics: &mut Diagnostics) -> Option<Vec<String>> {
    let types = distinct(node, "instance types", diagnostics, |node, d| instance_type(node, arch, d))?;
    if types.is_empty() {
        diagnostics.report_with_help(
            &node.span,
            "no instance type is left to try",
            "leave the key out for the default",
        );
        return None;
    }
    Some(types)
}

fn instance_type(node: &Node, arch: Arch, diagnostics: &mut Diagnostics) -> Option<String> {
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let valid = |text: &str| {
        text.split_once('.').is_some_and(|(family, size)| word(family) && word(size))
            && text.starts_with(|c: char| c.is_ascii_lowercase())
    };
    let text = checked(node, "an instance type", valid, "write a family and a size, such as m7i.large", diagnostics)?;
    let is = arch_of(&text);
    if is != arch {
        diagnostics.report_with_help(&node.span, format!("`{text}` is for {is}"), format!("list it under `{is}:`"));
        return None;
    }
    Some(text)
}

/// Types with Graviton processors have a `g` behind the number of their generation ("Amazon EC2 instance type naming
/// conventions"); the first of them, a1, is older than that.
fn arch_of(instance_type: &str) -> Arch {
    let family = instance_type.split('.').next().unwrap_or_default();
    let attributes = family.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let attributes = attributes.trim_start_matches(|c: char| c.is_ascii_digit());
    let attributes = attributes.split('-').next().unwrap_or_default();
    if attributes.contains('g') || family == "a1" { Arch::Arm64 } else { Arch::X86_64 }
}

/// Tags by key. A key has at most 127 characters (EBS API reference, `Tag`: records carry them too; elsewhere 128), a
/// value at most 256; their characters are those that every service takes, for EC2 and SSM both carry them.
pub(super) fn tags(node: &Node, diagnostics: &mut Diagnostics) -> Option<BTreeMap<String, String>> {
    let Value::Map(entries) = &node.value else {
        diagnostics.report(&node.span, format!("expected tags (a map), found {}", node.value.kind()));
        return None;
    };
    let mut all = BTreeMap::new();
    for (key, node) in entries {
        let key_is_good = tag_text(&key.text, "a tag's key", 127, &key.span, diagnostics);
        let value = tag_value(node, diagnostics);
        if let (Some(()), Some(value)) = (key_is_good, value) {
            all.insert(key.text.clone(), value);
        }
    }
    (all.len() == entries.len()).then_some(all)
}

/// One tag's value.
pub(super) fn tag_value(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    if matches!(node.value, Value::Null) {
        diagnostics.report_with_help(&node.span, "a tag without a value", "an empty value is written \"\"");
        return None;
    }
    let text = node.text(diagnostics)?;
    tag_text(text, "a tag's value", 256, &node.span, diagnostics)?;
    Some(text.to_owned())
}

fn tag_text(text: &str, what: &str, most: usize, span: &Span, diagnostics: &mut Diagnostics) -> Option<()> {
    let length = text.chars().count();
    if length > most {
        diagnostics.report(span, format!("{what} has at most {most} characters, this one has {length}"));
        return None;
    }
    if text.is_empty() && what == "a tag's key" {
        diagnostics.report(span, "a tag's key is empty");
        return None;
    }
    if let Some(c) = text.chars().find(|c| !c.is_alphanumeric() && !" _.:/=+-@".contains(*c)) {
        let help = "AWS takes letters, digits, blanks and _ . : / = + - @";
        let message = format!("`{}` can't be in {what}", printable(&c.to_string()));
        diagnostics.report_with_help(span, message, help);
        return None;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_architecture_of_a_type_is_in_its_name() {
        for name in ["m7g.large", "t4g.small", "a1.large", "c7gn.xlarge", "im4gn.large", "x2gd.medium", "hpc7g.4xlarge"]
        {
            assert_eq!(arch_of(name), Arch::Arm64, "{name}");
        }
        for name in
            ["m7i.large", "m7i-flex.large", "g4dn.xlarge", "g6.xlarge", "gr6.4xlarge", "u-6tb1.metal", "t3a.nano"]
        {
            assert_eq!(arch_of(name), Arch::X86_64, "{name}");
        }
    }

    #[test]
    fn parameter_names_are_paths_or_single_words() {
        for name in ["/a", "a", "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64", "my.ami_1"] {
            assert!(is_parameter(name), "{name}");
        }
        let deep = "/a".repeat(16);
        for name in
            ["", "/", "a/b", "/a/", "/a//b", "/a:3", "/a b", "arn:aws:ssm:eu-west-1:111122223333:parameter/a", &deep]
        {
            assert!(!is_parameter(name), "{name}");
        }
    }
}
