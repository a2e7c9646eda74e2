//! Tags of an image against its record, which is written once: which of them someone has changed, and the command that puts
//! them back.

use crate::hardening::shell;
use crate::identity::ImageId;
use crate::pipeline::tags;
use crate::report::visible::line;
use crate::target::Tags;

/// How many characters of a value are shown.
const SHOWN: usize = 60;
/// The longest value of a tag (EC2 user guide, "Tag restrictions").
const LONGEST: usize = 256;

/// Tags that a build gives only where there is something to say.
const OF_SOME: [&str; 2] = [tags::PROFILE, tags::SCORE];

/// A tag, and what the record says of it; none where it is to be none.
pub(super) type Changed<'r> = (&'r str, Option<&'r str>);

/// The tags that say something else than the record.
pub(super) fn changed<'r>(found: &Tags, record: &'r Tags) -> Vec<Changed<'r>> {
    let all = record.iter().map(|(key, value)| (key.as_str(), Some(value.as_str())));
    let none = OF_SOME.into_iter().filter(|key| !record.contains_key(*key)).map(|key| (key, None));
    all.chain(none)
        .filter(|(key, value)| match value {
            Some(value) => !tags::says(found.get(*key).map(String::as_str), value),
            None => found.contains_key(*key),
        })
        .collect()
}

/// Whether a record says what this tag is to say.
pub(super) fn is_known(key: &str, record: &Tags) -> bool {
    record.contains_key(key) || OF_SOME.contains(&key)
}

/// What is wrong, in words.
pub(super) fn wrong(image: &ImageId, found: &Tags, changed: &[Changed<'_>]) -> String {
    let each = changed.iter().map(|(key, value)| {
        let says = found.get(*key).map_or_else(|| "is not there".to_owned(), |says| format!("says {}", short(says)));
        let record = value.map_or_else(|| "knows none".to_owned(), |value| format!("says {}", short(value)));
        format!("{key} {says}, and its record {record}")
    });
    format!("the tags of {image} were changed: {}", each.collect::<Vec<_>>().join("; "))
}

fn short(value: &str) -> String {
    let value = line(value);
    match value.chars().count() > SHOWN {
        true => value.chars().take(SHOWN).chain(['…']).collect(),
        false => value.into_owned(),
    }
}

/// The commands that put tags back; none where they hold what can't stand in one.
pub(super) fn command(image: &ImageId, region: &str, changed: &[Changed<'_>]) -> Option<String> {
    let (mut set, mut taken) = (String::new(), String::new());
    for (key, value) in changed {
        let Some(value) = value else {
            taken.push_str(&format!(" {}", shell::quote(&format!("Key={key}")).ok()?));
            continue;
        };
        let is_plain = |c: char| !c.is_control() && !matches!(c, '"' | '\\' | '…');
        if !value.chars().all(is_plain) || value.chars().count() > LONGEST {
            return None;
        }
        set.push_str(&format!(" {}", shell::quote(&format!("Key={key},Value=\"{value}\"")).ok()?));
    }
    let of = |verb: &str, words: &str| {
        (!words.is_empty()).then(|| format!("aws ec2 {verb} --resources {image}{region} --tags{words}"))
    };
    let commands: Vec<String> = of("create-tags", &set).into_iter().chain(of("delete-tags", &taken)).collect();
    Some(commands.join(", then "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn each_tag_that_says_something_else_is_told_with_what_puts_it_back() {
        let image: ImageId = "ami-00000001".parse().unwrap();
        let record = of(&[("amifactory:groups", "base=1.0.0,web=2.0.0"), ("amifactory:score", "71.2"), ("empty", "")]);
        assert_eq!(changed(&record, &record), []);
        let found = of(&[("amifactory:score", "99"), ("amifactory:profile", "cis"), ("amifactory:owner", "anybody")]);
        let changed = changed(&found, &record);
        assert_eq!(
            wrong(&image, &found, &changed),
            "the tags of ami-00000001 were changed: amifactory:groups is not there, and its record says \
             base=1.0.0,web=2.0.0; amifactory:score says 99, and its record says 71.2; amifactory:profile says cis, and its \
             record knows none"
        );
        assert_eq!(
            command(&image, " --region us-east-1", &changed).unwrap(),
            "aws ec2 create-tags --resources ami-00000001 --region us-east-1 --tags \
             'Key=amifactory:groups,Value=\"base=1.0.0,web=2.0.0\"' 'Key=amifactory:score,Value=\"71.2\"', \
             then aws ec2 delete-tags --resources ami-00000001 --region us-east-1 --tags 'Key=amifactory:profile'"
        );
        assert_eq!(command(&image, "", &[("k", Some("a\"b"))]), None);
    }

    #[test]
    fn what_was_too_long_for_a_tag_is_no_change() {
        let long = "x".repeat(300);
        let cut = format!("{}…", &long[..254]);
        let record = of(&[("k", &long)]);
        assert_eq!(changed(&of(&[("k", &cut)]), &record), []);
        assert_eq!(changed(&of(&[("k", "x…")]), &record).len(), 1);
        assert_eq!(changed(&of(&[("k", &cut.replacen('x', "y", 1))]), &record).len(), 1);
    }
}
