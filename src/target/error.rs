//! Why a target could not do what it was asked.

use super::{PointerName, Slot};
use crate::identity::{BuilderId, ImageId, RecipeName, Version};
use crate::report::visible::line;

/// How sessions of roles that are assumed in other accounts are called in CloudTrail and in the history of pointers.
pub const SESSION: &str = "amifactory";

/// What to do once the cause is mended, whatever was run.
pub const AGAIN: &str =
    "run the same command again (amifactory resume goes on with a build or a move that was cut off)";

/// What of [`AGAIN`] is of no use to who has only looked: nothing was begun.
const RESUME: &str = " (amifactory resume goes on with a build or a move that was cut off)";

/// An error's words where something was only looked at.
pub fn of_a_look(text: &str) -> String {
    text.replace(RESUME, "")
}

/// How a caller comes to be allowed: who that is stands in the service's words. Roles of ours in other accounts, which
/// their sessions' name shows, have policies of their own.
fn allowed(action: &str, message: &str) -> String {
    match assumed(message) {
        Some((account, role)) => format!(
            "add {action} to the policy of role {role} in account {account}: amifactory iam-policy --for consumer prints \
             what a role under distribution: needs, --for fleet-role what one under fleet: needs"
        ),
        None => {
            format!("add {action} to the policy of whoever runs this: amifactory iam-policy prints all that is needed")
        }
    }
}

/// The account and the name of a role that was assumed from here: `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
fn assumed(message: &str) -> Option<(&str, &str)> {
    let (before, after) = message.split_once(":assumed-role/")?;
    let account = before.rsplit(':').next()?;
    let mut parts = after.split(|c: char| c == '/' || c.is_whitespace());
    let (role, session) = (parts.next()?, parts.next()?);
    (session == SESSION && !role.is_empty()).then_some((account, role))
}

fn busy(
    name: &PointerName,
    from: Option<&ImageId>,
    (to, version): (&ImageId, Option<Version>),
    (by, until): (&str, &str),
) -> String {
    let version_of_it = version.map(|version| format!(" ({version})")).unwrap_or_default();
    let what = match from {
        Some(from) if from == to => format!("{name} names {to}{version_of_it}, and {} brings that", line(by)),
        Some(from) => format!("{name} is being moved from {from} to {to}{version_of_it} by {}", line(by)),
        None => format!("{name} names nothing yet, and is being moved to {to}{version_of_it} by {}", line(by)),
    };
    let where_to = match from {
        Some(from) if from == to => " to its other places",
        _ => "",
    };
    let take_over = match (from, &name.slot) {
        // It has been decided: what is left is to bring it to its other places, or to go back in all of them.
        (Some(from), Slot::Channel(channel)) if from == to => format!(
            "{}   (brings it there; amifactory rollback {} --channel {channel} --arch {} --take-over goes back, where \
             the channel has named another image before)",
            take_over_by_promotion(name, version),
            name.recipe,
            name.arch
        ),
        (Some(_), Slot::Channel(channel)) => format!(
            "once that run is certainly dead: amifactory rollback {} --channel {channel} --arch {} --take-over   (stays \
             where the move has not happened, goes back where it has)",
            name.recipe, name.arch
        ),
        _ => take_over_by_promotion(name, version),
    };
    format!(
        "{what}{where_to}, until {until} at the latest\n  \
         try again when that is done; after that time amifactory resume settles it; {take_over}"
    )
}

/// How a move is taken over that brings a channel its first image: it has nothing to go back to.
pub fn take_over_by_promotion(name: &PointerName, version: Option<Version>) -> String {
    let version = version.map_or_else(|| "VERSION".to_owned(), |version| version.to_string());
    let PointerName { recipe, arch, slot } = name;
    let channel = match slot {
        Slot::Channel(channel) => channel.to_string(),
        Slot::Version(_) => "CHANNEL".to_owned(),
    };
    format!(
        "once that run is certainly dead: amifactory promote {recipe}@{version} --to {channel} --arch {arch} --take-over \
         --why REASON --yes"
    )
}

/// Why a target could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It can't be done here at all; nothing was started.
    #[error("{what}\n  {help}")]
    Unsupported {
        /// What can't be done, and why.
        what: String,
        /// What to do.
        help: String,
    },
    /// A base that can't be used.
    #[error("base {base}: {what}\n  {help}")]
    Base {
        /// Which base.
        base: String,
        /// What is wrong with it.
        what: String,
        /// What to do.
        help: String,
    },
    /// The caller may not do this. Never tried again.
    #[error("not allowed: {action} on {resource}\n  {message}\n  {}", allowed(action, message))]
    Denied {
        /// As IAM writes it: `ec2:RunInstances`.
        action: String,
        /// On what.
        resource: String,
        /// The service's own words.
        message: String,
    },
    /// There are no credentials, or they are not accepted any more.
    #[error("{what}\n  give valid AWS credentials and region, then {AGAIN}")]
    Credentials {
        /// What was called, and what the service said.
        what: String,
    },
    /// The service did not answer, or kept saying that it can't now.
    #[error(
        "{call} on {resource}: no success after {attempts} tries in {seconds} s: {last}\n  \
         once AWS answers, {AGAIN}"
    )]
    GaveUp {
        /// As IAM writes it.
        call: String,
        /// On what.
        resource: String,
        /// How often it was tried.
        attempts: u32,
        /// For how long.
        seconds: u64,
        /// The last answer.
        last: String,
    },
    /// The service refused.
    #[error("{call} on {resource}: {said}\n  {help}")]
    Service {
        /// As IAM writes it.
        call: String,
        /// On what.
        resource: String,
        /// The service's own words and code.
        said: String,
        /// What to do.
        help: String,
    },
    /// The builder went away, and nobody here asked it to.
    #[error("builder {builder} is gone: {why}")]
    BuilderGone {
        /// Which.
        builder: BuilderId,
        /// What the target says of it.
        why: String,
    },
    /// The builder that this token made is gone: another attempt needs another token.
    #[error("the builder that token {token} made is gone")]
    TokenSpent {
        /// The token.
        token: String,
    },
    /// A write was accepted and did not happen.
    #[error(
        "{what} was written with {image}, and the write was dropped: Parameter Store checks images after it has answered\n  \
         whoever runs this needs ec2:DescribeImages; amifactory doctor asks for it"
    )]
    Dropped {
        /// Which pointer.
        what: String,
        /// What it should name.
        image: ImageId,
    },
    /// No builder can be had.
    #[error("no builder can be had: {tried}\n  {help}")]
    NoCapacity {
        /// What was tried and what was answered.
        tried: String,
        /// What to do.
        help: String,
    },
    /// Something that should exist does not.
    #[error("{what} does not exist")]
    NotFound {
        /// What.
        what: String,
    },
    /// An image that was tested had a record, and has none now.
    #[error(
        "the record of image {image} does not exist: it was removed, or is not to be seen\n  amifactory build {recipe} --force makes another image, with a record"
    )]
    RecordLost {
        /// Whose.
        image: ImageId,
        /// Its recipe.
        recipe: RecipeName,
    },
    /// A create-only write found something there, or a compare-and-set found another value.
    #[error("{what} already names {found}")]
    Conflict {
        /// Which resource.
        what: String,
        /// What it holds.
        found: String,
    },
    /// Someone else is moving this pointer.
    #[error("{}", busy(name, from.as_ref(), (to, *version), (by, until)))]
    Busy {
        /// Which pointer.
        name: Box<PointerName>,
        /// What it names; none where it names nothing yet.
        from: Option<ImageId>,
        /// What it is to name.
        to: ImageId,
        /// The version of that.
        version: Option<Version>,
        /// Who moves it.
        by: String,
        /// Until when others wait, RFC 3339.
        until: String,
    },
    /// Someone else has moved this pointer in between.
    #[error(
        "{what} was moved meanwhile, by {}: it names {}\n  \
         `amifactory history` shows it; run the same command again to decide anew",
        line(by),
        line(found)
    )]
    Overtaken {
        /// Which pointer.
        what: String,
        /// Who.
        by: String,
        /// What it names now.
        found: String,
    },
    /// Someone holds this pointer.
    #[error("{what} was pinned by {} meanwhile: {}\n  nobody moves it until it is unpinned", line(by), line(why))]
    Held {
        /// Which pointer.
        what: String,
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// An image that must not be used any more.
    #[error("{image} is revoked: {}; {what}\n  {help}", line(reason))]
    Revoked {
        /// Which image.
        image: ImageId,
        /// Why it is.
        reason: String,
        /// What comes of that.
        what: String,
        /// What to do.
        help: String,
    },
    /// An image that can't be used where it should be.
    #[error("{image} can't be used in {place}: {why}\n  {help}")]
    Unusable {
        /// Which image.
        image: ImageId,
        /// Where.
        place: String,
        /// What is wrong with it.
        why: String,
        /// What to do.
        help: String,
    },
    /// Reading or writing failed.
    #[error("{what}: {source}{}", of_disk(source))]
    Io {
        /// What was being done, to which file.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// What is stored can't be read: damaged, or made by another version.
    #[error("{what} is damaged: {why}\n  {help}")]
    Damaged {
        /// Which file or resource.
        what: String,
        /// What is wrong.
        why: String,
        /// What to do.
        help: String,
    },
}

/// What helps where it is the disk, or the right to write on it, that is missing.
fn of_disk(source: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "\n  make room on that disk (amifactory retire and amifactory sweep tell what may go), or keep the state \
             elsewhere: --state DIR; then run the same command again"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "\n  keep the state where this user may write: --state DIR, or AMIFACTORY_STATE"
        }
        ErrorKind::PermissionDenied => {
            "\n  give this user the right to it, or keep the state where it has: --state DIR, or AMIFACTORY_STATE"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_room_or_no_right_is_told_what_to_do() {
        let told = |code| {
            let source = std::io::Error::from_raw_os_error(code);
            TargetError::Io { what: "writing .amifactory/local/images/img-1/image.json".into(), source }.to_string()
        };
        use nix::errno::Errno::{EACCES, EIO, ENOSPC, EROFS};
        insta::assert_snapshot!([ENOSPC, EROFS, EACCES, EIO].map(|errno| told(errno as i32)).join("\n"));
    }

    fn denied(who: &str) -> String {
        let message = format!("User: {who} is not authorized to perform: ec2:DescribeInstances");
        let (action, resource) = ("ec2:DescribeInstances".to_owned(), "instances".to_owned());
        TargetError::Denied { action, resource, message }.to_string()
    }

    #[test]
    fn a_role_in_another_account_is_named_where_it_lacks_an_action_and_whoever_runs_this_is_not() {
        let text = denied("arn:aws:sts::111122223333:assumed-role/consumer/amifactory");
        let end = "add ec2:DescribeInstances to the policy of role consumer in account 111122223333: amifactory iam-policy \
                   --for consumer prints what a role under distribution: needs, --for fleet-role what one under fleet: needs";
        assert!(text.ends_with(end) && !text.contains("whoever"), "{text}");
        for who in ["arn:aws:iam::123456789012:user/operator", "arn:aws:sts::123456789012:assumed-role/admin/ann"] {
            let text = denied(who);
            assert!(text.contains("the policy of whoever runs this: amifactory iam-policy prints"), "{text}");
        }
    }

    #[test]
    fn who_is_kept_from_moving_hears_what_moves_and_what_to_type() {
        let name = Box::new(PointerName {
            recipe: "web".parse().unwrap(),
            arch: crate::identity::Arch::X86_64,
            slot: Slot::Channel("prod".parse().unwrap()),
        });
        let image = |last: char| format!("ami-0000000{last}").parse::<ImageId>().unwrap();
        let told = |from: Option<ImageId>| {
            let (by, until) = ("arn:aws:iam::1:user/ann".to_owned(), "2026-11-20T12:15:00Z".to_owned());
            let version = Some("1.0.4".parse().unwrap());
            TargetError::Busy { name: name.clone(), from, to: image('4'), version, by, until }.to_string()
        };
        insta::assert_snapshot!([told(Some(image('3'))), told(Some(image('4'))), told(None)].join("\n"));
    }

    #[test]
    fn nobody_is_told_that_a_look_is_resumed() {
        let what = "no AWS region is set".to_owned();
        let text = TargetError::Credentials { what }.to_string();
        assert!(text.contains("then run the same command again"), "{text}");
        let (call, resource, last) = ("ssm:GetParameters".into(), "a pointer".into(), "connection reset".into());
        let text = TargetError::GaveUp { call, resource, attempts: 9, seconds: 30, last }.to_string();
        assert!(text.contains("once AWS answers, run the same command again"), "{text}");
    }
}
