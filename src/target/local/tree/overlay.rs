//! How the kernel's overlay file system marks, in an upper directory, what it hides; and which extended attributes
//! are part of a tree's content.

use rustix::fd::BorrowedFd;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::ffi::CString;

/// Under which name an overlay keeps its marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverlayXattrs {
    /// `trusted.overlay.*`: mounted by root.
    Trusted,
    /// `user.overlay.*`: mounted with `userxattr`, in a user namespace.
    User,
}

impl OverlayXattrs {
    /// Those that an overlay mounted by this process would use: trusted ones only for root outside user namespaces.
    pub fn of_this_process() -> Self {
        // In the first user namespace the map is the whole range onto itself.
        let first = std::fs::read_to_string("/proc/self/uid_map")
            .is_ok_and(|map| map.split_whitespace().eq(["0", "0", "4294967295"]));
        if first && nix::unistd::geteuid().is_root() { OverlayXattrs::Trusted } else { OverlayXattrs::User }
    }

    fn prefix(self) -> &'static [u8] {
        match self {
            OverlayXattrs::Trusted => b"trusted.overlay.",
            OverlayXattrs::User => b"user.overlay.",
        }
    }
}

/// Whether this entry of an upper directory says that the name is gone.
pub(crate) fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// What the marks on a directory or file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Nothing but what it holds counts.
    Opaque,
    /// A form that overlays of this program never have: the content is elsewhere.
    Foreign,
    None,
}

/// The marks among these attributes.
pub(crate) fn mark(xattrs: &Xattrs, overlay: OverlayXattrs) -> Mark {
    let mut mark = Mark::None;
    for (name, value) in &xattrs.all {
        match name.to_bytes().strip_prefix(overlay.prefix()) {
            Some(b"opaque") if value == b"y" => mark = Mark::Opaque,
            Some(b"opaque" | b"redirect" | b"metacopy" | b"whiteout") => return Mark::Foreign,
            _ => {}
        }
    }
    mark
}

/// Extended attributes of one file, sorted by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Xattrs {
    all: Vec<(CString, Vec<u8>)>,
}

impl Xattrs {
    /// Reads those that mean something here: what a tree's content consists of, and the overlay's marks.
    pub fn read(file: BorrowedFd<'_>) -> Result<Self, Errno> {
        let list = match grown(|buffer| rustix::fs::flistxattr(file, buffer)) {
            Ok(list) => list,
            Err(Errno::NOTSUP) => return Ok(Xattrs::default()),
            Err(error) => return Err(error),
        };
        let mut all = Vec::new();
        for name in list.split(|b| *b == 0).filter(|name| !name.is_empty()) {
            if !is_content(name) && !name.starts_with(b"trusted.overlay.") && !name.starts_with(b"user.overlay.") {
                continue;
            }
            let name = CString::new(name).map_err(|_| Errno::INVAL)?;
            match grown(|buffer| rustix::fs::fgetxattr(file, &name, buffer)) {
                Ok(value) => all.push((name, value)),
                // Gone meanwhile, or not for us to read.
                Err(Errno::NODATA | Errno::PERM | Errno::ACCESS) => {}
                Err(error) => return Err(error),
            }
        }
        all.sort_unstable();
        Ok(Xattrs { all })
    }

    /// Those that are part of the content.
    pub fn content(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.all.iter().map(|(name, value)| (name.to_bytes(), value.as_slice())).filter(|(name, _)| is_content(name))
    }
}

/// Capabilities, access lists and what programs wrote themselves. Security labels belong to a machine's policy, and
/// the overlay's marks to how a layer is stored.
pub(crate) fn is_content(name: &[u8]) -> bool {
    name == b"security.capability"
        || name == b"system.posix_acl_access"
        || name == b"system.posix_acl_default"
        || (name.starts_with(b"user.") && !name.starts_with(b"user.overlay."))
}

/// Calls with a buffer that grows until the answer fits.
fn grown(mut call: impl FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; 256];
    loop {
        match call(&mut buffer) {
            Ok(len) => {
                buffer.truncate(len);
                return Ok(buffer);
            }
            Err(Errno::RANGE) if buffer.len() < 128 * 1024 => buffer.resize(buffer.len() * 8, 0),
            Err(error) => return Err(error),
        }
    }
}
