//! Walks a tree depth first, names sorted, by directory descriptors only: no link is followed, no path is resolved
//! twice, and a tree of any depth takes neither stack nor descriptors without bound.

use super::failure::{FileFailure, shown};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, ResolveFlags, Stat};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::path::Path;

/// Directories deeper than this are opened again through `..` on the way back.
const KEPT_OPEN: usize = 64;
/// Enough for a few hundred names per system call.
const LISTING_BYTES: usize = 32 * 1024;

/// One entry of a tree, with the open directory that holds it.
pub(crate) struct Entry<'a> {
    pub dir: BorrowedFd<'a>,
    pub name: &'a CStr,
    /// From the root of the walk, without a leading slash.
    pub path: &'a [u8],
    pub stat: &'a Stat,
}

impl Entry<'_> {
    pub fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// Opens a regular file for reading. Never waits, as opening a pipe would.
    pub fn open_file(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = rustix::fs::openat(self.dir, self.name, flags, Mode::empty())?;
        let found = rustix::fs::fstat(&file)?;
        // Between the look and the opening it became something else.
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile { Err(Errno::STALE) } else { Ok(file) }
    }
}

/// What a walk shows.
pub(crate) enum Visit<'a> {
    /// An entry, before what it holds.
    Entry(Entry<'a>),
    /// A directory, after what it holds.
    Leave(Entry<'a>),
    /// A directory that may not be opened. It was shown as an entry before.
    Closed(Entry<'a>),
}

/// What a walk does after an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Go,
    /// Does not go into this directory; there will be no `Leave` for it.
    Skip,
}

/// Whether a walk goes into other mounts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mounts {
    Cross,
    Refuse,
}

struct Frame {
    /// None while deeper directories are open and this one is not among the first.
    fd: Option<OwnedFd>,
    /// Sorted backwards, so that the next name is the last.
    names: Vec<CString>,
    /// What it is called where it was found; empty for the root.
    name: CString,
    stat: Stat,
    path_len: usize,
}

/// Opens a directory to walk it.
pub(crate) fn open_dir(path: &Path) -> Result<OwnedFd, FileFailure> {
    rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| FileFailure::io(format!("opening directory {}", path.display()), e))
}

fn open_child(dir: BorrowedFd<'_>, name: &CStr, mounts: Mounts) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match mounts {
        Mounts::Cross => rustix::fs::openat(dir, name, flags, Mode::empty()),
        Mounts::Refuse => {
            rustix::fs::openat2(dir, name, flags, Mode::empty(), ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS)
        }
    }
}

/// Opens an entry that is a directory.
pub(crate) fn open_entry_dir(entry: &Entry<'_>) -> Result<OwnedFd, Errno> {
    open_child(entry.dir, entry.name, Mounts::Cross)
}

/// Names in a directory but `.` and `..`, in the order of their bytes.
pub(crate) fn sorted_names(dir: BorrowedFd<'_>, buffer: &mut Vec<u8>) -> Result<Vec<CString>, Errno> {
    buffer.clear();
    buffer.reserve(LISTING_BYTES);
    let mut names = Vec::new();
    let mut listing = RawDir::new(dir, buffer.spare_capacity_mut());
    while let Some(entry) = listing.next() {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Walks what is in `root`; the root itself is not shown. `label` names it in errors.
pub(crate) fn walk(
    root: OwnedFd,
    label: &Path,
    mounts: Mounts,
    visit: &mut dyn FnMut(Visit<'_>) -> Result<Flow, FileFailure>,
) -> Result<(), FileFailure> {
    let failed = |doing: &str, path: &[u8], error: Errno| {
        FileFailure::io(format!("{doing} {}/{}", label.display(), shown(path)), error)
    };
    let mut buffer = Vec::new();
    let mut path: Vec<u8> = Vec::new();
    let stat = rustix::fs::fstat(&root).map_err(|e| failed("looking at", b"", e))?;
    let mut frames =
        vec![listed(root, CString::default(), stat, 0, &mut buffer).map_err(|e| failed("listing", b"", e))?];

    while let Some(frame) = frames.last_mut() {
        // The last frame is always open: it is pushed open, and reopened when the one above it is left.
        let Some(dir) = frame.fd.as_ref().map(AsFd::as_fd) else {
            return Err(failed("walking", &path, Errno::BADF));
        };
        path.truncate(frame.path_len);
        let Some(name) = frame.names.pop() else {
            if let Some(left) = frames.pop() {
                leave(&mut frames, left, &path, visit).map_err(|e| match e {
                    Left::Changed(error) => failed("going back up from", &path, error),
                    Left::Failed(failure) => failure,
                })?;
            }
            continue;
        };
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.to_bytes());
        let stat = match rustix::fs::statat(dir, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // Gone since it was listed: a tree in use, such as the host's own /etc.
            Err(Errno::NOENT) => continue,
            Err(error) => return Err(failed("looking at", &path, error)),
        };
        let entry = || Entry { dir, name: &name, path: &path, stat: &stat };
        let flow = visit(Visit::Entry(entry()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory || flow == Flow::Skip {
            continue;
        }
        let child = match open_child(dir, &name, mounts) {
            Ok(child) => child,
            Err(Errno::ACCESS) => {
                visit(Visit::Closed(entry()))?;
                continue;
            }
            Err(Errno::XDEV) => {
                return Err(FileFailure::refused(
                    format!("{}/{} is a mount point", label.display(), shown(&path)),
                    "Unmount it, then try again: only what is in the tree itself is read or removed.",
                ));
            }
            Err(error) => return Err(failed("opening", &path, error)),
        };
        let next = listed(child, name, stat, path.len(), &mut buffer).map_err(|e| failed("listing", &path, e))?;
        if frames.len() > KEPT_OPEN
            && let Some(parent) = frames.last_mut()
        {
            parent.fd = None;
        }
        frames.push(next);
    }
    Ok(())
}

fn listed(fd: OwnedFd, name: CString, stat: Stat, path_len: usize, buffer: &mut Vec<u8>) -> Result<Frame, Errno> {
    let mut names = sorted_names(fd.as_fd(), buffer)?;
    names.reverse();
    Ok(Frame { fd: Some(fd), names, name, stat, path_len })
}

enum Left {
    Changed(Errno),
    Failed(FileFailure),
}

fn leave(
    frames: &mut [Frame],
    left: Frame,
    path: &[u8],
    visit: &mut dyn FnMut(Visit<'_>) -> Result<Flow, FileFailure>,
) -> Result<(), Left> {
    let Some(parent) = frames.last_mut() else { return Ok(()) };
    if parent.fd.is_none()
        && let Some(child) = &left.fd
    {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let up = rustix::fs::openat(child, c"..", flags, Mode::empty()).map_err(Left::Changed)?;
        let found = rustix::fs::fstat(&up).map_err(Left::Changed)?;
        if (found.st_dev, found.st_ino) != (parent.stat.st_dev, parent.stat.st_ino) {
            // Someone moved the directory while we were in it.
            return Err(Left::Changed(Errno::STALE));
        }
        parent.fd = Some(up);
    }
    drop(left.fd);
    let Some(dir) = parent.fd.as_ref().map(AsFd::as_fd) else { return Err(Left::Changed(Errno::BADF)) };
    visit(Visit::Leave(Entry { dir, name: &left.name, path, stat: &left.stat })).map_err(Left::Failed)?;
    Ok(())
}
