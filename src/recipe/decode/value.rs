//! Single values: parameters, durations, sizes, modes, paths, names of packages and services.

use super::super::{ParameterKind, ParameterValue, template};
use crate::identity::Arch;
use crate::source::{Diagnostics, Key, Node, Value, nearest, printable};
use std::collections::BTreeMap;
use std::time::Duration;

/// A parameter's value as it is written: `true` and whole numbers have their types, the rest is text.
pub(super) fn written(node: &Node, diagnostics: &mut Diagnostics) -> Option<ParameterValue> {
    match &node.value {
        Value::Scalar { text, plain } => {
            if text.chars().any(char::is_control) {
                diagnostics.report(&node.span, "a parameter's value is one line without control characters");
                return None;
            }
            if text.len() > 4096 {
                diagnostics.report(&node.span, "a parameter's value has at most 4096 bytes");
                return None;
            }
            Some(match (text.as_str(), plain, text.parse::<i64>()) {
                ("true", true, _) => ParameterValue::Boolean(true),
                ("false", true, _) => ParameterValue::Boolean(false),
                // `010` and `+1` stay the text that they are.
                (_, true, Ok(number)) if number.to_string() == *text => ParameterValue::Integer(number),
                _ => ParameterValue::Text(text.clone()),
            })
        }
        Value::Null => {
            diagnostics.report_with_help(&node.span, "a parameter without a value", "an empty text is written \"\"");
            None
        }
        other => {
            let message = format!("expected text, a whole number, true or false, found {}", other.kind());
            diagnostics.report(&node.span, message);
            None
        }
    }
}

/// The value as a value of this kind, or why it is none.
pub(super) fn typed(value: ParameterValue, kind: &ParameterKind) -> Result<ParameterValue, String> {
    use ParameterValue::{Boolean, Integer, Text};
    let found = match &value {
        Boolean(value) => format!("`{value}`"),
        Integer(value) => format!("the number {value}"),
        Text(value) => format!("the text `{}`", printable(value)),
    };
    match (kind, value) {
        (ParameterKind::String, value) => Ok(Text(value.to_string())),
        (ParameterKind::Integer, Integer(value)) => Ok(Integer(value)),
        (ParameterKind::Boolean, Boolean(value)) => Ok(Boolean(value)),
        (ParameterKind::Port, Integer(value @ 1..=65535)) => Ok(Integer(value)),
        (ParameterKind::Choice(choices), value) => {
            let word = value.to_string();
            if choices.contains(&word) {
                return Ok(Text(word));
            }
            let near = nearest(&word, choices.iter().map(String::as_str));
            let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            Err(format!("expected one of {}, found {found}{near}", choices.join(", ")))
        }
        (ParameterKind::Integer, _) => Err(format!("expected a whole number, found {found}")),
        (ParameterKind::Boolean, _) => Err(format!("expected true or false, found {found}")),
        (ParameterKind::Port, _) => Err(format!("expected a port (1 to 65535), found {found}")),
    }
}

/// A map's entries whose keys are names of parameters.
pub(super) fn named<'a>(node: &'a Node, what: &str, diagnostics: &mut Diagnostics) -> Option<Vec<&'a (Key, Node)>> {
    let Value::Map(entries) = &node.value else {
        diagnostics.report(&node.span, format!("expected {what} (a map), found {}", node.value.kind()));
        return None;
    };
    let mut all = Vec::new();
    for entry in entries {
        let name = &entry.0.text;
        if template::is_name(name) {
            all.push(entry);
        } else {
            let help = "lower-case letters, digits and underscores, starting with a letter; not a word of the template \
                        language";
            diagnostics.report_with_help(&entry.0.span, format!("`{}` can't name a parameter", printable(name)), help);
        }
    }
    (all.len() == entries.len()).then_some(all)
}

/// A recipe's own parameters.
pub(super) fn parameters(node: &Node, diagnostics: &mut Diagnostics) -> Option<BTreeMap<String, ParameterValue>> {
    let entries = named(node, "parameters", diagnostics)?;
    let values: Vec<Option<(String, ParameterValue)>> = entries
        .into_iter()
        .map(|(key, node)| {
            let value = written(node, diagnostics)?;
            refuse_template(node, &value, diagnostics)?;
            Some((key.text.clone(), value))
        })
        .collect();
    values.into_iter().collect()
}

/// A value in which nothing is filled in.
pub(super) fn refuse_template(node: &Node, value: &ParameterValue, diagnostics: &mut Diagnostics) -> Option<()> {
    match value {
        ParameterValue::Text(text) if text.contains("{{") => {
            let help = "templates work in the parameters of a recipe's groups, in scripts and in files";
            diagnostics.report_with_help(&node.span, "nothing is filled in here", help);
            None
        }
        _ => Some(()),
    }
}

/// An architecture that images are built for.
pub(super) fn arch(node: &Node, diagnostics: &mut Diagnostics) -> Option<Arch> {
    let words: Vec<&str> = Arch::ALL.iter().map(|arch| arch.as_str()).collect();
    node.one_of("architecture", &words, diagnostics)?.parse().ok()
}

/// `90s`, `5m`, `1h30m`.
pub(super) fn duration(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    duration_from(node, (1, "1s"), diagnostics)
}

/// A duration of at least so many seconds, and of at most a day.
pub(super) fn duration_from(node: &Node, least: (u64, &str), diagnostics: &mut Diagnostics) -> Option<Duration> {
    duration_within(node, least, (86_400, "24h"), diagnostics)
}

/// A duration of at least and of at most so many seconds.
pub(super) fn duration_within(
    node: &Node,
    least: (u64, &str),
    most: (u64, &str),
    diagnostics: &mut Diagnostics,
) -> Option<Duration> {
    let text = node.text(diagnostics)?;
    match seconds(text) {
        Some(seconds) if (least.0..=most.0).contains(&seconds) => Some(Duration::from_secs(seconds)),
        Some(_) => {
            let message = format!("`{}` is out of bounds: expected {} to {}", printable(text), least.1, most.1);
            diagnostics.report(&node.span, message);
            None
        }
        None => {
            let message = format!("`{}` is not a duration", printable(text));
            diagnostics.report_with_help(&node.span, message, "write 90s, 5m, 1h30m or 1d");
            None
        }
    }
}

/// A long time: with days, of at most ten years.
pub(super) fn days(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let text = node.text(diagnostics)?;
    match seconds(text) {
        Some(seconds) if seconds <= 3650 * 86_400 => Some(Duration::from_secs(seconds)),
        Some(_) => {
            diagnostics.report(&node.span, format!("`{}` is out of bounds: expected at most 3650d", printable(text)));
            None
        }
        None => {
            let message = format!("`{}` is not a duration", printable(text));
            diagnostics.report_with_help(&node.span, message, "write 7d, 24h, 1d12h or 30m");
            None
        }
    }
}

/// A duration as recipes and the command line write it.
pub fn read_duration(text: &str) -> Option<Duration> {
    seconds(text).map(Duration::from_secs)
}

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

fn seconds(text: &str) -> Option<u64> {
    seconds_of(text, &UNITS)
}

fn seconds_of(text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut rest = text;
    let mut total: u64 = 0;
    for &(unit, factor) in units {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 && rest[digits..].starts_with(unit) {
            total = total.checked_add(rest[..digits].parse::<u64>().ok()?.checked_mul(factor)?)?;
            rest = &rest[digits + 1..];
        }
    }
    (rest.is_empty() && !text.is_empty()).then_some(total)
}

/// `512MiB`, `2GiB`.
pub(super) fn size(node: &Node, diagnostics: &mut Diagnostics) -> Option<u64> {
    let text = node.text(diagnostics)?;
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let shift = match &text[digits..] {
        "KiB" => Some(10),
        "MiB" => Some(20),
        "GiB" => Some(30),
        "TiB" => Some(40),
        _ => None,
    };
    let bytes = shift.zip(text[..digits].parse::<u64>().ok()).map(|(shift, number)| number.checked_mul(1 << shift));
    match bytes {
        Some(Some(bytes)) if (64 << 20..=64 << 40).contains(&bytes) => Some(bytes),
        Some(_) => {
            let message = format!("`{}` is out of bounds: expected 64MiB to 64TiB", printable(text));
            diagnostics.report(&node.span, message);
            None
        }
        None => {
            let message = format!("`{}` is not a size", printable(text));
            diagnostics.report_with_help(&node.span, message, "write 512MiB or 2GiB");
            None
        }
    }
}

/// `0644`
pub(super) fn mode(node: &Node, diagnostics: &mut Diagnostics) -> Option<u32> {
    let text = node.text(diagnostics)?;
    let octal = (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let Some(mode) = octal.then(|| u32::from_str_radix(text, 8).ok()).flatten() else {
        let message = format!("`{}` is not a file mode", printable(text));
        diagnostics.report_with_help(&node.span, message, "write three or four octal digits, such as \"0644\"");
        return None;
    };
    if mode & 0o002 != 0 {
        diagnostics.report_with_help(
            &node.span,
            "everybody could write this file",
            "leave the last digit at 5 or below, without 2",
        );
        return None;
    }
    Some(mode)
}

/// `root:www-data`
pub(super) fn owner(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = node.text(diagnostics)?;
    let account = |name: &str| {
        (1..=32).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    };
    if text.split_once(':').is_some_and(|(user, group)| account(user) && account(group)) {
        return Some(text.to_owned());
    }
    let message = format!("`{}` is not an owner", printable(text));
    diagnostics.report_with_help(&node.span, message, "write user:group, such as root:root");
    None
}

/// The absolute path of a file in the image.
pub(super) fn path(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = node.text(diagnostics)?;
    let problem = if text.contains("{{") {
        "nothing is filled in here: a path is fixed"
    } else if !text.starts_with('/') {
        "expected an absolute path"
    } else if text.chars().any(|c| crate::source::is_invisible(c) || c == '\\') {
        "control characters and backslashes are not used in paths"
    } else if text[1..].split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        "a path without empty parts, `.` and `..` is expected"
    } else if text.len() > 1024 {
        "a path has at most 1024 bytes"
    } else if ["/proc/", "/sys/", "/dev/", "/run/", "/tmp/"].iter().any(|folder| text.starts_with(folder)) {
        "what is written there is gone when the image starts"
    } else {
        return Some(text.to_owned());
    };
    diagnostics.report(&node.span, problem);
    None
}

/// The path of a base on this machine.
pub(super) fn base_path(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = super::line(node, diagnostics)?;
    if text.split('/').any(|part| part == "..") && !text.starts_with('/') {
        // Absolute paths may lie anywhere; a relative one is meant to be a part of the factory.
        diagnostics.report(&node.span, "a relative path can't leave the factory folder");
        return None;
    }
    Some(text)
}

/// A package's name: it is one word for every package manager and every shell.
pub(super) fn package(node: &Node, debian: bool, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = node.text(diagnostics)?;
    let upper = text.bytes().any(|b| b.is_ascii_uppercase());
    let valid = (1..=128).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'_' | b'-'));
    if !valid {
        let message = format!("`{}` is not a package name", printable(text));
        diagnostics.report_with_help(
            &node.span,
            message,
            "letters, digits and + . _ -, starting with a letter or digit",
        );
        return None;
    }
    if debian && (upper || text.contains('_')) {
        let message = format!("`{}` is not a Debian package name", printable(text));
        diagnostics.report_with_help(&node.span, message, "these have lower-case letters, digits and + . -");
        return None;
    }
    Some(text.to_owned())
}

/// A service's name.
pub(super) fn service(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = node.text(diagnostics)?;
    let valid = (1..=128).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_' | b'.' | b'@' | b'-'));
    if valid {
        return Some(text.to_owned());
    }
    let message = format!("`{}` is not a service name", printable(text));
    diagnostics.report_with_help(&node.span, message, "letters, digits and : _ . @ -, such as nginx or nginx.service");
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_in_order() {
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("1h30m"), Some(5400));
        assert_eq!(seconds("1h1m1s"), Some(3661));
        assert_eq!(seconds("1d12h"), Some(129_600));
        for text in
            ["", "s", "5", "5 s", "1m1h", "1m1m", "-5s", "1.5h", "99999999999999999999h", "9999999999999999999h"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn values_become_what_their_parameter_is_or_say_why_not() {
        use ParameterValue::{Boolean, Integer, Text};
        assert_eq!(typed(Integer(8080), &ParameterKind::String), Ok(Text("8080".into())));
        assert_eq!(typed(Integer(8080), &ParameterKind::Port), Ok(Integer(8080)));
        assert!(typed(Integer(0), &ParameterKind::Port).is_err());
        assert!(typed(Text("8080".into()), &ParameterKind::Port).is_err());
        assert!(typed(Text("yes".into()), &ParameterKind::Boolean).is_err());
        assert_eq!(typed(Boolean(true), &ParameterKind::Boolean), Ok(Boolean(true)));
        let choice = ParameterKind::Choice(vec!["loopback".into(), "all".into()]);
        assert_eq!(typed(Text("all".into()), &choice), Ok(Text("all".into())));
        assert!(typed(Text("loopbak".into()), &choice).unwrap_err().contains("did you mean `loopback`"));
    }
}
