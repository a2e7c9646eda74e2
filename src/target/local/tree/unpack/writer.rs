//! Writes members into the directory: parents resolved by the kernel with that directory as the root, last components
//! always created new.

use super::super::failure::{FileFailure, shown};
use super::super::member::{Kind, Member, Place, place};
use super::super::reader::TarReader;
use super::super::remove::{remove_at, remove_contents};
use super::super::walk::open_dir;
use super::{Owners, UnpackLimits, Unpacked};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags,
};
use rustix::io::Errno;
use std::io::Read;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Says whether one more member is within the limits.
pub(super) fn check_limits(limits: UnpackLimits, member: &Member, done: &Unpacked) -> Result<(), FileFailure> {
    let size = if let Kind::File { size, .. } = member.kind { size } else { 0 };
    let help = "If it is really that large, it is no base for an image; else it was made to fill disks. Don't use it.";
    if done.entries > limits.entries {
        return Err(FileFailure::refused(format!("the archive has more than {} entries", limits.entries), help));
    }
    if done.bytes.checked_add(size).is_none_or(|all| all > limits.bytes) {
        let why = format!("with `{}` the archive unpacks to more than {} bytes", shown(&member.path), limits.bytes);
        return Err(FileFailure::refused(why, help));
    }
    Ok(())
}

/// A directory whose time and mode are set once nothing more is written into it.
struct Unsettled {
    path: Vec<u8>,
    id: (u64, u64),
    mode: u32,
    times: Timestamps,
}

/// Unpacks members into one directory.
pub(super) struct Unpacker<'a> {
    root: OwnedFd,
    label: &'a Path,
    limits: UnpackLimits,
    owners: Owners,
    done: Unpacked,
    /// The directory of the last entry: archives have a directory's entries one after the other.
    last: Option<(Vec<u8>, OwnedFd)>,
    directories: Vec<Unsettled>,
    buffer: Vec<u8>,
}

impl<'a> Unpacker<'a> {
    pub fn new(into: &'a Path, limits: UnpackLimits, owners: Owners) -> Result<Self, FileFailure> {
        Ok(Unpacker {
            root: open_dir(into)?,
            label: into,
            limits,
            owners,
            done: Unpacked::default(),
            last: None,
            directories: Vec::new(),
            buffer: vec![0; 64 * 1024],
        })
    }

    pub fn unpack<R: Read>(&mut self, member: &Member, data: &mut TarReader<R>) -> Result<(), FileFailure> {
        self.done.entries += 1;
        check_limits(self.limits, member, &self.done)?;
        let failed = |e: Errno| failure(&member.path, e);
        let Some(place) = place(&member.path)? else {
            // The root itself, which is there.
            if member.kind == Kind::Directory {
                let root = self.root.try_clone().map_err(|e| FileFailure::io("unpacking", e))?;
                return self.directory(&root, b".", member).map_err(failed);
            }
            return Err(FileFailure::refused("the archive's root is not a directory", "It is no root filesystem."));
        };
        let source = match &member.kind {
            Kind::HardLink(target) => Some(self.link_source(member, target, &place)?),
            Kind::Device => {
                self.done.skipped_devices += 1;
                return Ok(());
            }
            _ => None,
        };
        let dir = self.dir(&place.dir, &member.path)?;
        let dir = dir.as_fd();
        match &member.kind {
            Kind::File { size, sparse } => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let create = || rustix::fs::openat(dir, &place.name, flags, Mode::RUSR | Mode::WUSR);
                let file = self.create(dir, &place, create)?;
                let file = std::fs::File::from(file);
                self.write(&file, *size, sparse.as_deref(), data, &member.path)?;
                self.settle(file.as_fd(), member, member.mode, true).map_err(failed)?;
                self.done.bytes += size;
            }
            Kind::Directory => {
                let made = match rustix::fs::mkdirat(dir, &place.name, Mode::RWXU) {
                    Err(Errno::EXIST) if self.is_dir(dir, &place).map_err(failed)? => Ok(()),
                    Err(Errno::EXIST) => {
                        self.create(dir, &place, || rustix::fs::mkdirat(dir, &place.name, Mode::RWXU))?;
                        Ok(())
                    }
                    other => other,
                };
                made.map_err(failed)?;
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let fd = rustix::fs::openat(dir, &place.name, flags, Mode::empty()).map_err(failed)?;
                self.directory(&fd, &place.path(), member).map_err(failed)?;
            }
            Kind::Symlink(target) => {
                self.create(dir, &place, || rustix::fs::symlinkat(target.as_slice(), dir, &place.name))?;
                self.settle_name(dir, &place, member).map_err(failed)?;
            }
            Kind::Fifo => {
                let mode = Mode::from_raw_mode(member.mode);
                self.create(dir, &place, || rustix::fs::mknodat(dir, &place.name, FileType::Fifo, mode, 0))?;
                self.settle_name(dir, &place, member).map_err(failed)?;
                // It was made here a moment ago, so it is no link.
                rustix::fs::chmodat(dir, &place.name, mode, AtFlags::empty()).map_err(failed)?;
            }
            Kind::HardLink(_) => {
                if let Some((from, name)) = source.flatten() {
                    let link = || rustix::fs::linkat(&from, &name, dir, &place.name, AtFlags::empty());
                    self.create(dir, &place, link)?;
                }
            }
            Kind::Device => {}
        }
        Ok(())
    }

    /// Where a hard link's content is; none where the link is to itself.
    fn link_source(
        &mut self,
        member: &Member,
        target: &[u8],
        to: &Place,
    ) -> Result<Option<(OwnedFd, std::ffi::CString)>, FileFailure> {
        let refused = |why: &str| {
            FileFailure::refused(
                format!("entry `{}` is a hard link to `{}`, {why}", shown(&member.path), shown(target)),
                "The archive is broken or made to do harm. Don't use it.",
            )
        };
        let from = place(target)?.ok_or_else(|| refused("the root itself"))?;
        if from == *to {
            return Ok(None);
        }
        let dir = self.resolve(&from.dir).map_err(|_| refused("which is not in the archive before it"))?;
        match rustix::fs::statat(&dir, &from.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => Err(refused("a directory")),
            Ok(_) => Ok(Some((dir, from.name))),
            Err(_) => Err(refused("which is not in the archive before it")),
        }
    }

    /// Creates an entry; what is there under its name is removed first. A later entry of a name wins.
    fn create<T>(
        &mut self,
        dir: BorrowedFd<'_>,
        place: &Place,
        create: impl Fn() -> Result<T, Errno>,
    ) -> Result<T, FileFailure> {
        match create() {
            Err(Errno::EXIST) => {
                self.remove(dir, place)?;
                create().map_err(|e| failure(&place.path(), e))
            }
            other => other.map_err(|e| failure(&place.path(), e)),
        }
    }

    fn remove(&mut self, dir: BorrowedFd<'_>, place: &Place) -> Result<(), FileFailure> {
        // The kept directory may be among what goes.
        self.last = None;
        let label = self.label.join(shown(&place.path()));
        remove_at(dir, &place.name, &label)
    }

    /// Removes what a whiteout of an upper layer hides.
    pub fn hide(&mut self, place: &Place) -> Result<(), FileFailure> {
        let dir = match self.resolve(&place.dir) {
            Ok(dir) => dir,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
            Err(error) => return Err(failure(&place.path(), error)),
        };
        if place.name.as_c_str() != c"." {
            return self.remove(dir.as_fd(), place);
        }
        self.last = None;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let listed = rustix::fs::openat(&dir, c".", flags, Mode::empty()).map_err(|e| failure(&place.path(), e))?;
        remove_contents(listed, &self.label.join(shown(&place.dir)))
    }

    /// Opens a directory of the tree, with the tree as the root of every link on the way.
    fn resolve(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let path = if path.is_empty() { b".".as_slice() } else { path };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        rustix::fs::openat2(&self.root, path, flags, Mode::empty(), resolve)
    }

    /// The directory that an entry goes into; made, as 0755, where the archive does not mention it.
    fn dir(&mut self, path: &[u8], entry: &[u8]) -> Result<OwnedFd, FileFailure> {
        let failed = |e| failure(entry, e);
        let dir = match self.last.take() {
            Some((last, dir)) if last == path => dir,
            _ => match self.resolve(path) {
                Err(Errno::NOENT) => self.make(path).map_err(failed)?,
                other => other.map_err(failed)?,
            },
        };
        let copy = dir.try_clone().map_err(|e| FileFailure::io("unpacking", e))?;
        self.last = Some((path.to_vec(), dir));
        Ok(copy)
    }

    fn make(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let mut made = self.resolve(b"")?;
        let mut so_far = Vec::with_capacity(path.len());
        for part in path.split(|b| *b == b'/') {
            so_far.extend_from_slice(part);
            made = match self.resolve(&so_far) {
                Err(Errno::NOENT) => {
                    rustix::fs::mkdirat(&made, part, Mode::from_raw_mode(0o755))?;
                    self.resolve(&so_far)?
                }
                other => other?,
            };
            so_far.push(b'/');
        }
        Ok(made)
    }

    fn is_dir(&self, dir: BorrowedFd<'_>, place: &Place) -> Result<bool, Errno> {
        let stat = rustix::fs::statat(dir, &place.name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }

    fn write<R: Read>(
        &mut self,
        file: &std::fs::File,
        size: u64,
        sparse: Option<&[(u64, u64)]>,
        data: &mut TarReader<R>,
        path: &[u8],
    ) -> Result<(), FileFailure> {
        let failed = |e| FileFailure::io(format!("unpacking {}", shown(path)), e);
        let whole = [(0, size)];
        for (offset, length) in sparse.unwrap_or(&whole) {
            let (mut at, end) = (*offset, offset + length);
            while at < end {
                let most = self.buffer.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
                let n = data.data(&mut self.buffer[..most])?;
                if n == 0 {
                    return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
                }
                file.write_all_at(&self.buffer[..n], at).map_err(failed)?;
                at += n as u64;
            }
        }
        if sparse.is_some() { file.set_len(size).map_err(failed) } else { Ok(()) }
    }

    fn directory(&mut self, fd: &OwnedFd, path: &[u8], member: &Member) -> Result<(), Errno> {
        // Without the power to pass modes by, its owner has to be able to fill it.
        let mode = if self.owners == Owners::Caller { member.mode | 0o700 } else { member.mode };
        self.settle(fd.as_fd(), member, mode, false)?;
        let stat = rustix::fs::fstat(fd)?;
        let id = (stat.st_dev, stat.st_ino);
        self.directories.push(Unsettled { path: path.to_vec(), id, mode: member.mode, times: times(member) });
        Ok(())
    }

    /// Owner before mode before attributes: a change of owner takes setuid and capabilities away.
    fn settle(&self, fd: BorrowedFd<'_>, member: &Member, mode: u32, with_times: bool) -> Result<(), Errno> {
        if self.owners == Owners::Archive {
            rustix::fs::fchown(fd, Some(Uid::from_raw(member.uid)), Some(Gid::from_raw(member.gid)))?;
        }
        rustix::fs::fchmod(fd, Mode::from_raw_mode(mode))?;
        for (name, value) in &member.xattrs {
            if self.owners == Owners::Archive || !name.to_bytes().starts_with(b"security.") {
                rustix::fs::fsetxattr(fd, name, value, XattrFlags::empty())?;
            }
        }
        if with_times { rustix::fs::futimens(fd, &times(member)) } else { Ok(()) }
    }

    fn settle_name(&self, dir: BorrowedFd<'_>, place: &Place, member: &Member) -> Result<(), Errno> {
        if self.owners == Owners::Archive {
            let (uid, gid) = (Uid::from_raw(member.uid), Gid::from_raw(member.gid));
            rustix::fs::chownat(dir, &place.name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        rustix::fs::utimensat(dir, &place.name, &times(member), AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Sets what had to wait, deepest directories first.
    pub fn finish(mut self) -> Result<Unpacked, FileFailure> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        while let Some(unsettled) = self.directories.pop() {
            // A later entry may have put something else there.
            let Ok(fd) = rustix::fs::openat2(&self.root, &unsettled.path, flags, Mode::empty(), resolve) else {
                continue;
            };
            let settled = rustix::fs::fstat(&fd).and_then(|stat| {
                if (stat.st_dev, stat.st_ino) != unsettled.id {
                    return Ok(());
                }
                rustix::fs::futimens(&fd, &unsettled.times)?;
                if self.owners == Owners::Caller {
                    rustix::fs::fchmod(&fd, Mode::from_raw_mode(unsettled.mode))?;
                }
                Ok(())
            });
            settled.map_err(|e| failure(&unsettled.path, e))?;
        }
        Ok(self.done)
    }
}

fn times(member: &Member) -> Timestamps {
    let mtime = Timespec { tv_sec: member.mtime_s, tv_nsec: member.mtime_ns.into() };
    Timestamps { last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }, last_modification: mtime }
}

fn failure(path: &[u8], error: Errno) -> FileFailure {
    let refused = |why: &str| {
        FileFailure::refused(
            format!("entry `{}` {why}", shown(path)),
            "The archive is broken or made to do harm. Don't use it.",
        )
    };
    match error {
        Errno::NOTDIR => refused("is inside something that is not a directory"),
        Errno::LOOP => refused("is behind links that go in circles"),
        Errno::EXIST => refused("is behind a link to a place that the archive does not have"),
        Errno::NAMETOOLONG => refused("has a name longer than the file system takes"),
        Errno::NOSYS => FileFailure::refused(
            "this kernel can't open files below a directory safely (openat2 is missing)",
            "Linux 5.6 or newer is needed, and a container that does not filter openat2.",
        ),
        Errno::PERM => FileFailure::refused(
            format!("not permitted to unpack `{}` with the owner, mode and attributes it has", shown(path)),
            "Files of a root filesystem belong to many users: run as root, or where user namespaces are allowed.",
        ),
        other => FileFailure::io(format!("unpacking {}", shown(path)), other),
    }
}
