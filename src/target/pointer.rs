//! Pointers: names by which consumers find images.

use super::{Revocations, TargetError};
use crate::identity::{Arch, Channel, ImageId, RecipeName, Version};
use serde::{Deserialize, Serialize};

/// Which movable or immutable pointer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PointerName {
    /// The recipe.
    pub recipe: RecipeName,
    /// The architecture.
    pub arch: Arch,
    /// What it points for.
    pub slot: Slot,
}

/// The two kinds of pointer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// Never overwritten.
    Version(Version),
    /// Moves.
    Channel(Channel),
}

impl std::fmt::Display for PointerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.slot {
            Slot::Version(version) => write!(f, "/amifactory/{}/{}/versions/{version}", self.recipe, self.arch),
            Slot::Channel(channel) => write!(f, "/amifactory/{}/{}/channels/{channel}", self.recipe, self.arch),
        }
    }
}

/// That a text is no pointer's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a pointer: write /amifactory/RECIPE/ARCH/versions/VERSION or /amifactory/RECIPE/ARCH/channels/CHANNEL")]
pub struct NoPointer;

impl std::str::FromStr for PointerName {
    type Err = NoPointer;

    fn from_str(text: &str) -> Result<PointerName, NoPointer> {
        fn part<T: std::str::FromStr>(part: Option<&str>) -> Result<T, NoPointer> {
            part.and_then(|part| part.parse().ok()).ok_or(NoPointer)
        }
        let mut parts = text.strip_prefix("/amifactory/").ok_or(NoPointer)?.split('/');
        let (recipe, arch) = (part(parts.next())?, part(parts.next())?);
        let slot = match parts.next() {
            Some("versions") => Slot::Version(part(parts.next())?),
            Some("channels") => Slot::Channel(part(parts.next())?),
            _ => return Err(NoPointer),
        };
        if parts.next().is_some() {
            return Err(NoPointer);
        }
        Ok(PointerName { recipe, arch, slot })
    }
}

/// A pointer's value and the number that grows with each write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// Its name.
    pub name: PointerName,
    /// The image that it names.
    pub image: ImageId,
    /// 1 for the first write.
    pub revision: u64,
    /// When it was written, RFC 3339, UTC.
    pub written_at: String,
}

/// A recipe's pointers, as far as they can be read.
#[derive(Debug, Default)]
pub struct Pointers {
    /// Those that can.
    pub readable: Vec<Pointer>,
    /// Those that can't.
    pub damaged: Vec<DamagedPointer>,
    /// What is kept beside them and can't be read, pins and locks of moves: always [`TargetError::Damaged`].
    pub beside: Vec<TargetError>,
    /// Versions that must not be used.
    pub revocations: Revocations,
}

impl Pointers {
    /// Those that can be read, and then why others can't.
    pub fn one_by_one(self) -> Vec<Result<Pointer, TargetError>> {
        let wrong = self.damaged.into_iter().map(|damaged| damaged.error).chain(self.beside);
        self.readable.into_iter().map(Ok).chain(wrong.map(Err)).collect()
    }

    /// All of them, each damaged one as it was last. Fails where that is not known of one.
    pub fn or_last(self) -> Result<Vec<Pointer>, TargetError> {
        let mut pointers = self.readable;
        for DamagedPointer { error, last, .. } in self.damaged {
            pointers.push(last.ok_or(error)?);
        }
        Ok(pointers)
    }
}

/// A pointer that can't be read: someone has overwritten it, or taken its document away.
#[derive(Debug)]
pub struct DamagedPointer {
    /// Its name.
    pub name: PointerName,
    /// What is wrong with it, and the way out: always [`TargetError::Damaged`].
    pub error: TargetError,
    /// What it named last, where its history tells. As what a move expects it stands for the damaged pointer.
    pub last: Option<Pointer>,
}
