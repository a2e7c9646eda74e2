//! Unpacks archives and image layers into a directory, and never anywhere else: the kernel resolves every parent
//! with the directory as its root, and the last component is always created new, never opened.

use super::failure::{FileFailure, shown};
use super::member::{Member, Place, place};
use super::reader::TarReader;
use crate::identity::Digest;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

mod stream;
mod writer;

use stream::Stream;
use writer::{Unpacker, check_limits};

/// How much an archive may unpack to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnpackLimits {
    /// Bytes in files, holes in sparse files counted.
    pub bytes: u64,
    /// Entries of any kind.
    pub entries: u64,
}

impl Default for UnpackLimits {
    /// Far above any root filesystem that is a base, far below any disk.
    fn default() -> Self {
        UnpackLimits { bytes: 16 << 30, entries: 2_000_000 }
    }
}

impl UnpackLimits {
    /// What is left after this much.
    pub fn after(self, done: &Unpacked) -> Self {
        UnpackLimits {
            bytes: self.bytes.saturating_sub(done.bytes),
            entries: self.entries.saturating_sub(done.entries),
        }
    }

    /// How long the archive itself may be: names and headers come on top of the files.
    fn stream(self) -> u64 {
        self.bytes.saturating_add(self.entries.saturating_mul(2048)).saturating_add(1 << 20)
    }
}

/// Whose the unpacked files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owners {
    /// As the archive says. Takes root, or a user namespace with all these ids.
    Archive,
    /// All the caller's own, file capabilities left out. For where a single id is all there is.
    Caller,
}

/// A layer of an OCI image, on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// The file.
    pub path: PathBuf,
    /// sha256 of the file.
    pub digest: Digest,
    /// Length of the file.
    pub size: u64,
    /// sha256 of the tar in it.
    pub diff_id: Digest,
}

/// What was unpacked.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpacked {
    /// Entries of any kind.
    pub entries: u64,
    /// Bytes in files, holes counted.
    pub bytes: u64,
    /// Device nodes, which are left out: a sandbox brings its own.
    pub skipped_devices: u64,
}

impl Unpacked {
    /// Both together.
    pub fn and(self, other: Unpacked) -> Unpacked {
        Unpacked {
            entries: self.entries + other.entries,
            bytes: self.bytes + other.bytes,
            skipped_devices: self.skipped_devices + other.skipped_devices,
        }
    }
}

/// Unpacks a tar or tar.gz file into an existing directory. The file must have this digest; if it turns out not to
/// have it, the directory holds rubbish and the answer is an error.
pub fn unpack_tar(
    archive: &Path,
    digest: &Digest,
    into: &Path,
    limits: UnpackLimits,
    owners: Owners,
) -> Result<Unpacked, FileFailure> {
    let mut reader = TarReader::new(Stream::open(archive)?, limits.stream());
    let mut unpacker = Unpacker::new(into, limits, owners)?;
    while let Some(member) = reader.next()? {
        unpacker.unpack(&member, &mut reader)?;
    }
    let done = unpacker.finish()?;
    let found = reader.finish()?.finish()?;
    if found.raw != *digest {
        return Err(FileFailure::refused(
            "the archive changed while it was being unpacked",
            "Try again when nothing writes to it.",
        ));
    }
    Ok(done)
}

/// Unpacks an image layer over what is in the directory. The layer is verified before the first file is touched, and
/// its whiteouts are applied before its files, so that they only ever hide what lower layers brought.
pub fn unpack_layer(blob: &Blob, into: &Path, limits: UnpackLimits, owners: Owners) -> Result<Unpacked, FileFailure> {
    let mut reader = TarReader::new(Stream::open(&blob.path)?, limits.stream());
    let mut hidden = Vec::new();
    let mut count = 0;
    while let Some(member) = reader.next()? {
        count += 1;
        check_limits(limits, &member, &Unpacked { entries: count, ..Unpacked::default() })?;
        hidden.extend(whiteout(&member)?.and_then(Whiteout::hides));
    }
    verify(blob, &reader.finish()?.finish()?)?;

    let mut unpacker = Unpacker::new(into, limits, owners)?;
    for place in &hidden {
        unpacker.hide(place)?;
    }
    let mut reader = TarReader::new(Stream::open(&blob.path)?, limits.stream());
    while let Some(member) = reader.next()? {
        if whiteout(&member)?.is_none() {
            unpacker.unpack(&member, &mut reader)?;
        }
    }
    let done = unpacker.finish()?;
    verify(blob, &reader.finish()?.finish()?)?;
    Ok(done)
}

fn verify(blob: &Blob, found: &stream::Digests) -> Result<(), FileFailure> {
    let wrong = |what: &str, expected: &Digest, found: &Digest| {
        FileFailure::refused(
            format!(
                "layer {} is damaged: its {what} should be sha256:{expected} and is sha256:{found}",
                blob.digest.short()
            ),
            "Fetch the image again.",
        )
    };
    if found.raw_size != blob.size {
        return Err(FileFailure::refused(
            format!("layer {} is {} bytes long; its manifest says {}", blob.digest.short(), found.raw_size, blob.size),
            "Fetch the image again.",
        ));
    }
    if found.raw != blob.digest {
        return Err(wrong("digest", &blob.digest, &found.raw));
    }
    if found.plain != blob.diff_id {
        return Err(wrong("diff id", &blob.diff_id, &found.plain));
    }
    Ok(())
}

/// What a layer says of a lower one.
enum Whiteout {
    /// All of this directory's lower content is gone; `name` is `.`.
    Opaque(Place),
    /// This name is gone.
    Name(Place),
    /// Another program's bookkeeping.
    Bookkeeping,
}

impl Whiteout {
    fn hides(self) -> Option<Place> {
        match self {
            Whiteout::Opaque(place) | Whiteout::Name(place) => Some(place),
            Whiteout::Bookkeeping => None,
        }
    }
}

fn whiteout(member: &Member) -> Result<Option<Whiteout>, FileFailure> {
    let Some(place) = place(&member.path)? else { return Ok(None) };
    let Some(name) = place.name.to_bytes().strip_prefix(b".wh.") else { return Ok(None) };
    if name == b".wh..opq" {
        return Ok(Some(Whiteout::Opaque(Place { dir: place.dir, name: c".".to_owned() })));
    }
    if name.starts_with(b".wh.") {
        return Ok(Some(Whiteout::Bookkeeping));
    }
    if matches!(name, b"" | b"." | b"..") {
        return Err(FileFailure::refused(
            format!("the layer has a whiteout `{}` that hides no name", shown(&member.path)),
            "The image is broken or made to do harm. Don't use it.",
        ));
    }
    let name =
        std::ffi::CString::new(name).map_err(|e| FileFailure::io("reading a whiteout", std::io::Error::other(e)))?;
    Ok(Some(Whiteout::Name(Place { dir: place.dir, name })))
}
