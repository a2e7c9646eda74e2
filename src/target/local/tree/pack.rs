//! Packs a directory as the tar of an OCI layer: the same tree always gives the same bytes.
//!
//! Names are sorted by their bytes; owners are numbers; times of modification are kept, in whole seconds, because
//! programs compare them (compiled Python with its source, for one). What an overlay hides becomes `.wh.` entries.

use super::failure::{FileFailure, shown};
use super::overlay::{Mark, OverlayXattrs, Xattrs, is_whiteout, mark};
use super::walk::{Entry, Flow, Mounts, Visit, open_dir, open_entry_dir, walk};
use crate::identity::Digest;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use std::collections::HashMap;
use std::io::{BufWriter, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The largest number that fits the eight-byte fields of a header.
const MAX_ID: u32 = 0o7_777_777;
/// The largest that fits the twelve-byte fields.
const MAX_SIZE: u64 = 0o77_777_777_777;
const NAME_BYTES: usize = 100;

/// What was packed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// sha256 of the tar.
    pub digest: Digest,
    /// Its length.
    pub size: u64,
    /// Device nodes and sockets, which are left out.
    pub skipped: u64,
}

/// Packs `tree` into the new file `blob`, readable by its owner only: it holds what `/etc/shadow` holds.
pub fn pack_layer(tree: &Path, blob: &Path, overlay: Option<OverlayXattrs>) -> Result<Packed, FileFailure> {
    let failed = |e| FileFailure::io(format!("writing {}", blob.display()), e);
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(blob).map_err(failed)?;
    let mut packer = Packer {
        out: Hashing { out: BufWriter::with_capacity(256 * 1024, file), sha: sha2::Sha256::new(), size: 0 },
        overlay,
        links: HashMap::new(),
        skipped: 0,
        buffer: vec![0; 64 * 1024],
        tree,
        blob,
    };
    let root = open_dir(tree)?;
    packer.root(&root)?;
    walk(root, tree, Mounts::Refuse, &mut |visit| match visit {
        Visit::Entry(entry) => packer.entry(&entry).map(|()| Flow::Go),
        Visit::Closed(entry) => Err(packer.unread(entry.path, Errno::ACCESS)),
        Visit::Leave(_) => Ok(Flow::Go),
    })?;
    // The end-of-archive mark.
    packer.write(&[0; 1024])?;
    let Hashing { out, sha, size } = packer.out;
    let file = out.into_inner().map_err(|e| failed(e.into_error()))?;
    // A name in an index must not outlive the data after a power cut.
    file.sync_data().map_err(failed)?;
    Ok(Packed { digest: Digest::from_bytes(&sha.finalize()), size, skipped: packer.skipped })
}

struct Hashing {
    out: BufWriter<std::fs::File>,
    sha: sha2::Sha256,
    size: u64,
}

struct Packer<'a> {
    out: Hashing,
    overlay: Option<OverlayXattrs>,
    /// Where the first name of a file with several names is.
    links: HashMap<(u64, u64), Vec<u8>>,
    skipped: u64,
    buffer: Vec<u8>,
    tree: &'a Path,
    blob: &'a Path,
}

/// What a header says beside the owner, mode and time of the file.
struct Head<'a> {
    path: &'a [u8],
    kind: tar::EntryType,
    size: u64,
    link: &'a [u8],
    xattrs: &'a Xattrs,
}

impl Packer<'_> {
    fn root(&mut self, root: &OwnedFd) -> Result<(), FileFailure> {
        let unread = |e| self.unread(b"", e);
        let stat = rustix::fs::fstat(root).map_err(unread)?;
        let xattrs = Xattrs::read(root.as_fd()).map_err(unread)?;
        self.head(&stat, &Head { path: b"./", kind: tar::EntryType::Directory, size: 0, link: b"", xattrs: &xattrs })
    }

    fn entry(&mut self, entry: &Entry<'_>) -> Result<(), FileFailure> {
        let stat = entry.stat;
        if self.overlay.is_some() && is_whiteout(stat) {
            return self.whiteout(entry);
        }
        if entry.name.to_bytes().starts_with(b".wh.") {
            return Err(FileFailure::refused(
                format!(
                    "a file is called `{}`: in an image layer such a name means that another file is gone",
                    shown(entry.path)
                ),
                "Have the step that makes it give it another name.",
            ));
        }
        let nothing = Xattrs::default();
        let plain = Head { path: entry.path, kind: tar::EntryType::Regular, size: 0, link: b"", xattrs: &nothing };
        match entry.kind() {
            FileType::Directory => self.directory(entry),
            FileType::RegularFile => self.file(entry, plain),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(entry.dir, entry.name, Vec::new());
                let target = target.map_err(|e| self.unread(entry.path, e))?;
                self.head(stat, &Head { kind: tar::EntryType::Symlink, link: target.to_bytes(), ..plain })
            }
            FileType::Fifo => self.head(stat, &Head { kind: tar::EntryType::Fifo, ..plain }),
            _ => {
                self.skipped += 1;
                Ok(())
            }
        }
    }

    fn directory(&mut self, entry: &Entry<'_>) -> Result<(), FileFailure> {
        let unread = |e| self.unread(entry.path, e);
        let dir = open_entry_dir(entry).map_err(unread)?;
        let xattrs = Xattrs::read(dir.as_fd()).map_err(unread)?;
        let opaque = self.opaque(entry, &xattrs)?;
        let path = [entry.path, b"/"].concat();
        let kind = tar::EntryType::Directory;
        self.head(entry.stat, &Head { path: &path, kind, size: 0, link: b"", xattrs: &xattrs })?;
        if opaque {
            self.marker(&[&path, &b".wh..wh..opq"[..]].concat())?;
        }
        Ok(())
    }

    fn file(&mut self, entry: &Entry<'_>, plain: Head<'_>) -> Result<(), FileFailure> {
        if entry.stat.st_nlink > 1 {
            let id = (entry.stat.st_dev, entry.stat.st_ino);
            if let Some(first) = self.links.get(&id).cloned() {
                return self.head(entry.stat, &Head { kind: tar::EntryType::Link, link: &first, ..plain });
            }
            self.links.insert(id, entry.path.to_vec());
        }
        let unread = |e| self.unread(entry.path, e);
        let file = entry.open_file().map_err(unread)?;
        let xattrs = Xattrs::read(file.as_fd()).map_err(unread)?;
        // Of a file it can only be a foreign mark, which is an error.
        self.opaque(entry, &xattrs)?;
        let size = u64::try_from(entry.stat.st_size).unwrap_or(0);
        self.head(entry.stat, &Head { size, xattrs: &xattrs, ..plain })?;
        let mut file = std::fs::File::from(file);
        let mut left = size;
        let mut buffer = std::mem::take(&mut self.buffer);
        while left > 0 {
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let n = file.read(&mut buffer[..most]).map_err(|e| self.unread(entry.path, e))?;
            if n == 0 {
                // The header has promised more.
                return Err(self.unread(entry.path, std::io::Error::from(std::io::ErrorKind::UnexpectedEof)));
            }
            self.write(&buffer[..n])?;
            left -= n as u64;
        }
        self.buffer = buffer;
        self.pad(size)
    }

    fn whiteout(&mut self, entry: &Entry<'_>) -> Result<(), FileFailure> {
        let dir = &entry.path[..entry.path.len() - entry.name.to_bytes().len()];
        self.marker(&[dir, b".wh.", entry.name.to_bytes()].concat())
    }

    /// An empty file that stands for something that is not there; its own owner and time mean nothing.
    fn marker(&mut self, path: &[u8]) -> Result<(), FileFailure> {
        self.finish_header(blank_header(tar::EntryType::Regular), path, b"", Vec::new())
    }

    fn opaque(&self, entry: &Entry<'_>, xattrs: &Xattrs) -> Result<bool, FileFailure> {
        let Some(overlay) = self.overlay else { return Ok(false) };
        match mark(xattrs, overlay) {
            Mark::None => Ok(false),
            Mark::Opaque => Ok(true),
            Mark::Foreign => Err(FileFailure::refused(
                format!("`{}` keeps its content elsewhere (an overlay's redirect or metacopy)", shown(entry.path)),
                "Mount the overlay with redirect_dir=off and metacopy=off.",
            )),
        }
    }

    fn head(&mut self, stat: &Stat, head: &Head<'_>) -> Result<(), FileFailure> {
        let mut header = blank_header(head.kind);
        let mut records = Vec::new();
        header.set_mode(stat.st_mode & 0o7777);
        let small = |id: u32| if id <= MAX_ID { u64::from(id) } else { 0 };
        header.set_uid(small(stat.st_uid));
        header.set_gid(small(stat.st_gid));
        header.set_size(if head.size <= MAX_SIZE { head.size } else { 0 });
        let mtime = u64::try_from(stat.st_mtime).ok().filter(|time| *time <= MAX_SIZE);
        header.set_mtime(mtime.unwrap_or(0));
        if stat.st_uid > MAX_ID {
            record(&mut records, b"uid", stat.st_uid.to_string().as_bytes());
        }
        if stat.st_gid > MAX_ID {
            record(&mut records, b"gid", stat.st_gid.to_string().as_bytes());
        }
        if head.size > MAX_SIZE {
            record(&mut records, b"size", head.size.to_string().as_bytes());
        }
        if mtime.is_none() {
            record(&mut records, b"mtime", stat.st_mtime.to_string().as_bytes());
        }
        for (name, value) in head.xattrs.content() {
            record(&mut records, &[b"SCHILY.xattr.", name].concat(), value);
        }
        self.finish_header(header, head.path, head.link, records)
    }

    fn finish_header(
        &mut self,
        mut header: tar::Header,
        path: &[u8],
        link: &[u8],
        mut records: Vec<u8>,
    ) -> Result<(), FileFailure> {
        if path.len() > NAME_BYTES {
            record(&mut records, b"path", path);
        }
        if link.len() > NAME_BYTES {
            record(&mut records, b"linkpath", link);
        }
        if !records.is_empty() {
            let mut extension = blank_header(tar::EntryType::XHeader);
            extension.set_size(records.len() as u64);
            fill(&mut extension, b"PaxHeaders", b"");
            self.write(extension.as_bytes())?;
            self.write(&records)?;
            self.pad(records.len() as u64)?;
        }
        fill(&mut header, path, link);
        self.write(header.as_bytes())
    }

    fn pad(&mut self, size: u64) -> Result<(), FileFailure> {
        let padding = (512 - size % 512) % 512;
        self.write(&[0; 512][..padding as usize])
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), FileFailure> {
        self.out.sha.update(bytes);
        self.out.size += bytes.len() as u64;
        let written = self.out.out.write_all(bytes);
        written.map_err(|e| FileFailure::io(format!("writing {}", self.blob.display()), e))
    }

    fn unread(&self, path: &[u8], error: impl Into<std::io::Error>) -> FileFailure {
        FileFailure::io(format!("reading {}/{}", self.tree.display(), shown(path)), error)
    }
}

/// A header whose numbers are all there, as zeros: some readers refuse empty ones.
fn blank_header(kind: tar::EntryType) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header.set_mtime(0);
    header
}

/// Names as bytes, cut to what fits: where they don't, a record before has the whole.
fn fill(header: &mut tar::Header, path: &[u8], link: &[u8]) {
    let old = header.as_old_mut();
    let n = path.len().min(NAME_BYTES);
    old.name[..n].copy_from_slice(&path[..n]);
    let n = link.len().min(NAME_BYTES);
    old.linkname[..n].copy_from_slice(&link[..n]);
    header.set_cksum();
}

/// Adds `length key=value\n`, where the length counts its own digits.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(length.to_string().as_bytes());
    records.push(b' ');
    records.extend_from_slice(key);
    records.push(b'=');
    records.extend_from_slice(value);
    records.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_records_length_counts_itself() {
        for n in [0, 1, 90, 91, 92, 93, 94, 95, 989, 990, 991, 9999] {
            let mut records = Vec::new();
            record(&mut records, b"path", &vec![b'x'; n]);
            let said: usize =
                records.split(|b| *b == b' ').next().map(|d| String::from_utf8_lossy(d).parse().unwrap()).unwrap();
            assert_eq!(said, records.len());
        }
    }
}
