//! Removes a tree: never through a link, never into another mount, whatever its modes and however deep.

use super::failure::{FileFailure, shown};
use super::walk::{Entry, Flow, Mounts, Visit, walk};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::CStr;
use std::path::Path;

/// Removes whatever is at `path`: a directory with all it holds, or a single file or link. That there is nothing is
/// success. A mount point inside stops it before anything beyond the mount point is touched.
pub fn remove_tree(path: &Path) -> Result<(), FileFailure> {
    let failed = |e: Errno| FileFailure::io(format!("removing {}", path.display()), e);
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(failed(Errno::INVAL));
    };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let dir = match rustix::fs::openat(CWD, parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(dir) => dir,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let name =
        std::ffi::CString::new(std::os::unix::ffi::OsStrExt::as_bytes(name)).map_err(|_| failed(Errno::INVAL))?;
    remove_at(dir.as_fd(), &name, path)
}

/// Removes the entry `name` of the directory `dir`; `label` names it in errors.
pub(crate) fn remove_at(dir: BorrowedFd<'_>, name: &CStr, label: &Path) -> Result<(), FileFailure> {
    let failed = |e: Errno| FileFailure::io(format!("removing {}", label.display()), e);
    match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // POSIX says PERM for a directory, Linux says ISDIR; PERM can also be a refusal, which rmdir then repeats.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(failed(error)),
    }
    match rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR) {
        Ok(()) => return Ok(()),
        Err(Errno::NOTEMPTY | Errno::EXIST) => {}
        Err(error) => return Err(failed(error)),
    }
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
    unlock(&Entry { dir, name, path: b"", stat: &stat }).map_err(failed)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = rustix::fs::ResolveFlags::NO_XDEV | rustix::fs::ResolveFlags::NO_SYMLINKS;
    let root = rustix::fs::openat2(dir, name, flags, Mode::empty(), resolve).map_err(failed)?;
    remove_contents(root, label)?;
    rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR).map_err(failed)
}

/// Removes all that is in a directory, and leaves the directory.
pub(crate) fn remove_contents(root: OwnedFd, label: &Path) -> Result<(), FileFailure> {
    walk(root, label, Mounts::Refuse, &mut |visit| {
        let (entry, flags) = match visit {
            Visit::Entry(entry) if entry.kind() == FileType::Directory => {
                return match unlock(&entry) {
                    Ok(()) => Ok(Flow::Go),
                    Err(error) => Err(failure(label, &entry, error)),
                };
            }
            Visit::Entry(entry) => (entry, AtFlags::empty()),
            Visit::Leave(entry) => (entry, AtFlags::REMOVEDIR),
            Visit::Closed(entry) => return Err(failure(label, &entry, Errno::ACCESS)),
        };
        match rustix::fs::unlinkat(entry.dir, entry.name, flags) {
            Ok(()) | Err(Errno::NOENT) => Ok(Flow::Go),
            Err(error) => Err(failure(label, &entry, error)),
        }
    })
}

fn failure(label: &Path, entry: &Entry<'_>, error: Errno) -> FileFailure {
    FileFailure::io(format!("removing {}/{}", label.display(), shown(entry.path)), error)
}

/// Gives a directory's owner the permissions that emptying it takes. Root does not need them, its owner may.
fn unlock(entry: &Entry<'_>) -> Result<(), Errno> {
    if entry.stat.st_mode & 0o700 == 0o700 {
        return Ok(());
    }
    // A descriptor that only names the directory needs no permission on it; fchmod refuses such descriptors, but the
    // kernel's own name for it is a path that can't be exchanged meanwhile.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let named = rustix::fs::openat(entry.dir, entry.name, flags, Mode::empty())?;
    let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&named));
    match rustix::fs::chmod(&link, Mode::RWXU) {
        // Not ours to change, but perhaps open to us all the same; if not, the opening says so.
        Err(Errno::PERM) => Ok(()),
        other => other,
    }
}
