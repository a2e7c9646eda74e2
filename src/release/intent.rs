//! What a move that someone else had begun must be before it is finished for them. A lock is a parameter like any other:
//! whoever may write parameters can write one, and would so have an image released that passed no gate. Pure.

use super::gate::Unmet;
use super::note::{Kind, Note};
use crate::identity::ImageId;
use crate::pipeline::tags::{self, ImageState};
use crate::target::{PointerName, Slot, Tags, moment};

/// Why a move that was begun is finished by nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// Its image is not there.
    #[error("its image is gone, not available or none of ours")]
    Gone,
    /// Its image is another one's.
    #[error("the tags of its image don't say that it is of this recipe and architecture")]
    Another,
    /// Its image never passed its tests.
    #[error("its image was never started and tested, by its tags")]
    Untested,
    /// Its image must not be used any more.
    #[error("its image is revoked")]
    Revoked,
    /// The pointer of its image's version is not there, or names another image.
    #[error("the pointer of its image's version does not name that image")]
    Unnamed,
    /// What is to be recorded with it is not what this program records.
    #[error("what it is to record is no promotion and no rollback to its image's version")]
    Note,
    /// Nobody says what its channel asks.
    #[error("amifactory.yaml has no such channel")]
    NoChannel,
    /// It says that it comes from where this channel takes no images from.
    #[error("it is to record that its image comes from another channel than amifactory.yaml says")]
    From,
    /// What its channel asks can't be asked of it.
    #[error("the record of its image can't be read")]
    Record,
    /// It did not pass the gates of its channel when it was begun, and no reason is recorded for that.
    #[error("it did not meet the gates of its channel when it was begun: {}", told(.0))]
    Gates(Vec<Unmet>),
    /// It says of itself that gates don't count for it, or that someone said yes, and its mover did not write it.
    #[error(
        "it is to record an override or an approval of {}, and was written by {}: nobody else can say that for them",
        named.as_deref().unwrap_or("nobody"), writer.as_deref().unwrap_or("someone who is not known")
    )]
    Vouched {
        /// Who moves it, as its note says.
        named: Option<String>,
        /// Who wrote the lock, as the service says.
        writer: Option<String>,
    },
    /// A way back to where the channel never was, without a reason.
    #[error("its channel has never named its image, and it is to record no reason for going there")]
    NeverNamed,
}

fn told(unmet: &[Unmet]) -> String {
    let each = unmet.iter().map(|unmet| format!("{} ({}, and {})", unmet.gate, unmet.is, unmet.needed));
    each.collect::<Vec<_>>().join("; ")
}

/// The pointer that is to name an image with these tags.
pub fn version_of(name: &PointerName, tags: &Tags) -> Option<PointerName> {
    let owner = tags::owner(tags)?;
    Some(PointerName { slot: Slot::Version(owner.version), ..name.clone() })
}

/// What is wrong with a move; none where it may be finished. `found` are the tags of its image, where that is available,
/// and `named` is what [`version_of`] them names.
pub fn foreign(
    name: &PointerName,
    (image, note): (&ImageId, &Note),
    found: Option<&Tags>,
    named: Option<&ImageId>,
) -> Option<Foreign> {
    let Some(found) = found else { return Some(Foreign::Gone) };
    let is_ours = |owner: &tags::Owner| owner.recipe == name.recipe && tags::arch(found) == Some(name.arch);
    let Some(owner) = tags::owner(found).filter(is_ours) else { return Some(Foreign::Another) };
    // A build moves its channel without a lock.
    let is_kind = matches!(note.kind, Kind::Promote | Kind::Rollback) && note.by.is_some();
    if tags::revoked(found).is_some() {
        Some(Foreign::Revoked)
    } else if ImageState::of(found) < ImageState::Verified {
        Some(Foreign::Untested)
    } else if named != Some(image) {
        Some(Foreign::Unnamed)
    } else if !is_kind || note.version != Some(owner.version) || moment(&note.at).is_none() || note.check().is_err() {
        Some(Foreign::Note)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Arch, BuildId};

    fn name() -> PointerName {
        PointerName {
            recipe: "web".parse().unwrap(),
            arch: Arch::X86_64,
            slot: Slot::Channel("staging".parse().unwrap()),
        }
    }

    fn image() -> ImageId {
        "ami-0e78cf9f90e972a99".parse().unwrap()
    }

    fn note() -> Note {
        let (by, version) = (Some("arn:aws:iam::123456789012:user/release".to_owned()), Some("1.0.3".parse().unwrap()));
        Note { by, version, ..Note::new(Kind::Promote, "2026-11-20T12:00:00Z".into()) }
    }

    fn tags() -> Tags {
        let build: BuildId = "web-0123456789ab-1".parse().unwrap();
        [
            (tags::RECIPE, "web".to_owned()),
            (tags::VERSION, "1.0.3".to_owned()),
            (tags::DIGEST, crate::identity::Digest::of(b"plan").to_string()),
            (tags::BUILD, build.to_string()),
            (tags::ARCH, "x86_64".to_owned()),
            (tags::STATE, "verified".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    fn of(note: &Note, found: Option<&Tags>, named: Option<&ImageId>) -> Option<Foreign> {
        foreign(&name(), (&image(), note), found, named)
    }

    #[test]
    fn what_this_program_leaves_is_finished_and_nothing_else() {
        let (image, tags) = (image(), tags());
        assert_eq!(of(&note(), Some(&tags), Some(&image)), None);
        let rollback = Note { kind: Kind::Rollback, ..note() };
        assert_eq!(of(&rollback, Some(&tags), Some(&image)), None);

        assert_eq!(of(&note(), None, Some(&image)), Some(Foreign::Gone));
        assert_eq!(of(&note(), Some(&Tags::new()), Some(&image)), Some(Foreign::Another));
        assert_eq!(of(&note(), Some(&tags), None), Some(Foreign::Unnamed));
        let other = "ami-0123456789abcdef0".parse().unwrap();
        assert_eq!(of(&note(), Some(&tags), Some(&other)), Some(Foreign::Unnamed));
        for (key, value, expected) in [
            (tags::RECIPE, "db", Foreign::Another),
            (tags::ARCH, "arm64", Foreign::Another),
            (tags::ARCH, "", Foreign::Another),
            (tags::STATE, "candidate", Foreign::Untested),
            (tags::REVOKED, "a key was left in it", Foreign::Revoked),
        ] {
            let mut tags = tags.clone();
            tags.insert(key.to_owned(), value.to_owned());
            assert_eq!(of(&note(), Some(&tags), Some(&image)), Some(expected), "{key}={value}");
        }
        for note in [
            Note { version: None, ..note() },
            Note { version: Some("1.0.4".parse().unwrap()), ..note() },
            Note { by: None, ..note() },
            Note { at: "now".into(), ..note() },
            Note { kind: Kind::Restore, ..note() },
            Note { kind: Kind::Publish, ..note() },
            Note { why: Some("x".repeat(2000)), ..note() },
        ] {
            assert_eq!(of(&note, Some(&tags), Some(&image)), Some(Foreign::Note), "{note:?}");
        }
    }
}
