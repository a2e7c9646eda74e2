//! The description of a version that a roll-out has made. It says over which version it was made and for which group, so
//! that the way back is found from any machine; EC2 itself keeps beside it who has made the version, and when.

use super::Goal;
use crate::identity::{Channel, Digest, ImageId};
use crate::target::NewVersion;

/// The longest description of a version, in characters (EC2 API reference, `CreateLaunchTemplateVersion`).
const LONGEST: usize = 255;
/// Longer names of groups are written short, with a part of their digest.
const LONGEST_NAME: usize = 80;

/// For which reasons something is done that is refused without one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reasons<'a> {
    /// Why it is begun outside of the window.
    pub now: Option<&'a str>,
    /// Why it is begun although alarms ring.
    pub despite: Option<&'a str>,
}

impl Reasons<'_> {
    /// Each in words.
    pub fn told(&self) -> Vec<String> {
        let now = self.now.map(|why| format!("outside of its window: {why}"));
        now.into_iter().chain(self.despite.map(|why| format!("despite alarms: {why}"))).collect()
    }
}

/// What the version for this group says; of the reasons as much as there is room for.
pub fn write(goal: &Goal, group: &str, source: i64, reasons: Reasons<'_>) -> String {
    let what = format!(
        "amifactory over {source}: {} {} from {} for {}",
        goal.recipe,
        goal.version,
        goal.channel,
        short(group)
    );
    let whole: Vec<String> = std::iter::once(what).chain(reasons.told()).collect();
    whole.join("; ").chars().take(LONGEST).collect()
}

/// The version that a roll-out to this group was made over; none where another hand or another group has made it.
pub fn source(description: &str, group: &str) -> Option<i64> {
    let (number, rest) = description.strip_prefix("amifactory over ")?.split_once(": ")?;
    let what = rest.split_once("; ").map_or(rest, |(what, _)| what);
    let (_, named) = what.rsplit_once(" for ")?;
    (named == short(group)).then_some(number.parse().ok()?)
}

/// The channel from which a roll-out that made the version has taken its image.
pub fn channel(description: &str) -> Option<Channel> {
    let (_, rest) = description.strip_prefix("amifactory over ")?.split_once(": ")?;
    let what = rest.split_once("; ").map_or(rest, |(what, _)| what);
    let (image, _) = what.rsplit_once(" for ")?;
    image.rsplit_once(" from ")?.1.parse().ok()
}

fn short(group: &str) -> String {
    let is_plain = !group.contains("; ") && !group.contains(" for ");
    if group.chars().count() <= LONGEST_NAME && is_plain {
        return group.to_owned();
    }
    let head: String =
        group.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(LONGEST_NAME - 20).collect();
    format!("{head}~{}", Digest::of(group.as_bytes()).short())
}

/// The version that is to be made. Its token is a function of what it is: again is the same version. `gone`: the version with
/// which that token answers, and which someone has deleted.
pub fn new_version(
    (template, source): (&str, i64),
    image: &ImageId,
    group: &str,
    description: &str,
    gone: Option<i64>,
) -> NewVersion {
    let instead = gone.map(|gone| format!("\ninstead of {gone}")).unwrap_or_default();
    let whole = format!("{template}\n{source}\n{image}\n{group}\n{description}{instead}");
    NewVersion {
        template: template.to_owned(),
        source,
        image: image.clone(),
        description: description.to_owned(),
        token: format!("amifactory-{}", Digest::of(whole.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Arch;

    fn goal() -> Goal {
        Goal {
            recipe: "web".parse().unwrap(),
            channel: "prod".parse().unwrap(),
            arch: Arch::X86_64,
            version: "1.0.2".parse().unwrap(),
            image: "ami-0123456789abcdef0".parse().unwrap(),
            region: None,
        }
    }

    #[test]
    fn the_way_back_is_read_from_what_was_written() {
        for group in ["web-asg", "web for people; and others", &"x".repeat(255), "web asg/1 é"] {
            for now in [None, Some("an incident; for everybody"), Some("y".repeat(300).as_str())] {
                let text = write(&goal(), group, 17, Reasons { now, despite: now });
                assert!(text.chars().count() <= LONGEST, "{text}");
                assert_eq!(source(&text, group), Some(17), "{text}");
                assert_eq!(source(&text, "another"), None, "{text}");
            }
        }
        let text = |reasons| write(&goal(), "web-asg", 3, reasons);
        let what = "amifactory over 3: web 1.0.2 from prod for web-asg";
        assert_eq!(text(Reasons::default()), what);
        let reasons = Reasons { now: Some("an incident"), despite: Some("it mends them") };
        assert_eq!(text(reasons), format!("{what}; outside of its window: an incident; despite alarms: it mends them"));
        assert_eq!(source("amifactory over x: web 1.0.2 from prod for g", "g"), None);
        assert_eq!(source("by hand", "g"), None);
    }

    #[test]
    fn a_token_is_the_same_for_the_same_version_alone_and_fits() {
        let image = goal().image;
        let make = |source, group: &str| new_version(("lt-1", source), &image, group, "text", None).token;
        assert_ne!(make(1, "a"), new_version(("lt-1", 1), &image, "a", "text", Some(2)).token);
        assert_eq!(make(1, "a"), make(1, "a"));
        assert!(make(1, "a") != make(2, "a") && make(1, "a") != make(1, "b") && make(1, "a").len() <= 128);
    }
}
