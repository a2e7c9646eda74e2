//! The digest of a tree's content, the same on every machine and at every time; and a cache in front of it that
//! compares times and sizes instead of reading everything again.

use super::failure::{FileFailure, shown};
use super::overlay::Xattrs;
use super::walk::{Entry, Flow, Mounts, Visit, open_dir, walk};
use crate::identity::Digest;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

/// Changed with every change of what is hashed or how, so that no cached answer outlives it.
const FORMAT: &str = "amifactory tree 1";
/// A file that changed this recently could change again within the same tick of its file system's clock.
const SETTLED_S: i64 = 2;
const READ_BYTES: usize = 64 * 1024;

/// What hashing a tree found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashed {
    /// Over the content.
    pub digest: Digest,
    /// Files and directories that may not be read; only their names, owners and modes are in the digest.
    pub unreadable: u64,
}

/// What a hasher looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Inode, size and times of every entry: quick, true for this machine and this moment.
    Times,
    /// Names, types, modes, owners, content, link targets and content attributes.
    Content,
}

/// Hashes trees and files into one digest.
pub struct TreeHasher {
    pass: Pass,
    sha: sha2::Sha256,
    buffer: Vec<u8>,
    unreadable: u64,
    newest_change_s: i64,
    /// Whether what may not be read is counted, or an error.
    tolerant: bool,
}

impl TreeHasher {
    /// A hasher that counts what it may not read (`tolerant`), or fails there.
    pub fn new(pass: Pass, tolerant: bool) -> Self {
        let mut sha = sha2::Sha256::new();
        sha.update(FORMAT);
        TreeHasher { pass, sha, buffer: Vec::new(), unreadable: 0, newest_change_s: i64::MIN, tolerant }
    }

    /// Adds a text that belongs to the identity.
    pub fn add_text(&mut self, text: &str) {
        self.field(text.as_bytes());
    }

    /// Adds a file with its name and attributes, links followed. That there is none is part of the digest too.
    pub fn add_file(&mut self, path: &Path) -> Result<(), FileFailure> {
        let failed = |e: std::io::Error| FileFailure::io(format!("reading {}", path.display()), e);
        self.field(path.as_os_str().as_encoded_bytes());
        let file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.field(b"absent");
                return Ok(());
            }
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied && self.tolerant => {
                self.not_readable();
                return Ok(());
            }
            Err(error) => return Err(failed(error)),
        };
        let stat = rustix::fs::fstat(&file).map_err(|e| failed(e.into()))?;
        match self.pass {
            Pass::Times => {
                self.times(&stat);
                Ok(())
            }
            Pass::Content => self.content(file.into(), &stat).map_err(|e| failed(e.into())),
        }
    }

    /// Adds all that is in a directory, but what `skip` says by its path from there. Where the walk may cross into
    /// other mounts, their files are the tree's too.
    pub fn add_tree(&mut self, root: &Path, mounts: bool, skip: &dyn Fn(&[u8]) -> bool) -> Result<(), FileFailure> {
        let dir = open_dir(root)?;
        let failed = |path: &[u8], e| FileFailure::io(format!("reading {}/{}", root.display(), shown(path)), e);
        let stat = rustix::fs::fstat(&dir).map_err(|e| failed(b"", e))?;
        self.head(b"", &stat);
        if self.pass == Pass::Content {
            self.xattrs(&dir).map_err(|e| failed(b"", e))?;
        }
        let mut links = HashMap::new();
        let mounts = if mounts { Mounts::Cross } else { Mounts::Refuse };
        walk(dir, root, mounts, &mut |visit| match visit {
            Visit::Entry(entry) => {
                if skip(entry.path) {
                    return Ok(Flow::Skip);
                }
                match self.entry(&entry, &mut links) {
                    Err(Errno::ACCESS | Errno::PERM) if self.tolerant => self.not_readable(),
                    other => other.map_err(|e| failed(entry.path, e))?,
                }
                Ok(Flow::Go)
            }
            Visit::Closed(_) if self.tolerant => {
                self.not_readable();
                Ok(Flow::Skip)
            }
            Visit::Closed(entry) => Err(failed(entry.path, Errno::ACCESS)),
            Visit::Leave(_) => Ok(Flow::Go),
        })?;
        self.field(b"end");
        Ok(())
    }

    /// The digest of all that was added.
    pub fn finish(self) -> Hashed {
        Hashed { digest: Digest::from_bytes(&self.sha.finalize()), unreadable: self.unreadable }
    }

    fn entry(&mut self, entry: &Entry<'_>, links: &mut HashMap<(u64, u64), Digest>) -> Result<(), Errno> {
        let stat = entry.stat;
        if entry.kind() == FileType::Socket {
            return Ok(());
        }
        self.head(entry.path, stat);
        if self.pass == Pass::Times {
            return Ok(());
        }
        match entry.kind() {
            FileType::RegularFile => {
                let many = stat.st_nlink > 1;
                let id = (stat.st_dev, stat.st_ino);
                // A second name of a file is known by the first, whose content is in the digest already.
                if let Some(first) = links.get(&id).filter(|_| many) {
                    let first = first.as_str().to_owned();
                    self.field(b"link");
                    self.field(first.as_bytes());
                    return Ok(());
                }
                let file = entry.open_file()?;
                if many {
                    links.insert(id, Digest::of(entry.path));
                }
                self.content(file, stat)
            }
            FileType::Directory => match super::walk::open_entry_dir(entry) {
                Ok(dir) => self.xattrs(&dir),
                // The walk will meet the same refusal, and count it once.
                Err(Errno::ACCESS) => Ok(()),
                Err(error) => Err(error),
            },
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(entry.dir, entry.name, Vec::new())?;
                self.field(target.to_bytes());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn head(&mut self, path: &[u8], stat: &Stat) {
        self.field(path);
        if self.pass == Pass::Times {
            return self.times(stat);
        }
        let mut head = [0; 24];
        head[..4].copy_from_slice(&stat.st_mode.to_le_bytes());
        head[4..8].copy_from_slice(&stat.st_uid.to_le_bytes());
        head[8..12].copy_from_slice(&stat.st_gid.to_le_bytes());
        let device = matches!(FileType::from_raw_mode(stat.st_mode), FileType::CharacterDevice | FileType::BlockDevice);
        head[16..].copy_from_slice(&(if device { stat.st_rdev } else { 0 }).to_le_bytes());
        self.sha.update(head);
    }

    fn times(&mut self, stat: &Stat) {
        self.newest_change_s = self.newest_change_s.max(stat.st_ctime);
        for number in [stat.st_dev, stat.st_ino, stat.st_size as u64, stat.st_mtime as u64, stat.st_ctime as u64] {
            self.sha.update(number.to_le_bytes());
        }
        for number in [stat.st_mtime_nsec, stat.st_ctime_nsec, u64::from(stat.st_mode)] {
            self.sha.update(number.to_le_bytes());
        }
    }

    fn content(&mut self, file: OwnedFd, stat: &Stat) -> Result<(), Errno> {
        self.xattrs(&file)?;
        self.sha.update((stat.st_size as u64).to_le_bytes());
        self.buffer.resize(READ_BYTES, 0);
        let mut read = 0u64;
        loop {
            match rustix::io::read(&file, &mut self.buffer[..])? {
                0 => break,
                n => {
                    self.sha.update(&self.buffer[..n]);
                    read += n as u64;
                }
            }
        }
        // A file that grew or shrank meanwhile must not be taken for another's content.
        self.sha.update(read.to_le_bytes());
        Ok(())
    }

    fn xattrs(&mut self, file: &OwnedFd) -> Result<(), Errno> {
        let xattrs = Xattrs::read(file.as_fd())?;
        for (name, value) in xattrs.content() {
            self.field(name);
            self.field(value);
        }
        self.sha.update(u64::MAX.to_le_bytes());
        Ok(())
    }

    fn not_readable(&mut self) {
        self.unreadable += 1;
        self.field(b"unreadable");
    }

    /// With its length first, so that no two lists of fields run into the same bytes.
    fn field(&mut self, bytes: &[u8]) {
        self.sha.update((bytes.len() as u64).to_le_bytes());
        self.sha.update(bytes);
    }
}

/// sha256 of a file as it is, with the same cache in front.
pub fn digest_file(path: &Path, cache: &Path) -> Result<Digest, FileFailure> {
    let failed = |e: std::io::Error| FileFailure::io(format!("reading {}", path.display()), e);
    let times = |hasher: &mut TreeHasher| hasher.add_file(path);
    let content = || {
        let mut file = std::fs::File::open(path).map_err(failed)?;
        let mut sha = sha2::Sha256::new();
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match file.read(&mut buffer).map_err(failed)? {
                0 => return Ok(Hashed { digest: Digest::from_bytes(&sha.finalize()), unreadable: 0 }),
                n => sha.update(&buffer[..n]),
            }
        }
    };
    remembered(cache, false, &times, &content).map(|hashed| hashed.digest)
}

/// The digest of all that is in a directory, which must be readable as a whole.
pub(super) fn digest_tree(root: &Path, cache: Option<&Path>) -> Result<Hashed, FileFailure> {
    cached(cache, false, &|hasher| hasher.add_tree(root, false, &|_| false))
}

/// The content digest of what `feed` adds. Where the cache file has the answer for the same inodes, sizes and times,
/// nothing is read.
pub fn cached(
    cache: Option<&Path>,
    tolerant: bool,
    feed: &dyn Fn(&mut TreeHasher) -> Result<(), FileFailure>,
) -> Result<Hashed, FileFailure> {
    let content = || {
        let mut hasher = TreeHasher::new(Pass::Content, tolerant);
        feed(&mut hasher)?;
        Ok(hasher.finish())
    };
    match cache {
        Some(cache) => remembered(cache, tolerant, feed, &content),
        None => content(),
    }
}

fn remembered(
    cache: &Path,
    tolerant: bool,
    feed: &dyn Fn(&mut TreeHasher) -> Result<(), FileFailure>,
    content: &dyn Fn() -> Result<Hashed, FileFailure>,
) -> Result<Hashed, FileFailure> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64);
    let mut times = TreeHasher::new(Pass::Times, tolerant);
    // What may be read depends on who asks.
    times.add_text(&nix::unistd::geteuid().to_string());
    feed(&mut times)?;
    let settled = times.newest_change_s < now - SETTLED_S;
    let stamp = times.finish().digest;
    if let Some(hashed) = recall(cache, &stamp) {
        return Ok(hashed);
    }
    let hashed = content()?;
    if settled {
        remember(cache, &stamp, &hashed)
            .map_err(|e| FileFailure::io(format!("writing the cached digest {}", cache.display()), e))?;
    }
    Ok(hashed)
}

fn recall(cache: &Path, stamp: &Digest) -> Option<Hashed> {
    let text = std::fs::read_to_string(cache).ok()?;
    let mut words = text.split_whitespace();
    let same = words.next()? == stamp.as_str();
    let digest = words.next()?.parse().ok()?;
    let unreadable = words.next()?.parse().ok()?;
    (same && words.next()? == "end").then_some(Hashed { digest, unreadable })
}

/// One fixed name for the unfinished file, so that killed programs leave no heap of them. The last line is whole
/// whoever else writes at the same time: it is one short write.
fn remember(cache: &Path, stamp: &Digest, hashed: &Hashed) -> std::io::Result<()> {
    let unfinished = cache.with_extension("new");
    std::fs::write(&unfinished, format!("{stamp} {} {} end\n", hashed.digest, hashed.unreadable))?;
    match std::fs::rename(&unfinished, cache) {
        // Another one's rename took it; its answer is as good.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn hash(root: &Path) -> Digest {
        digest_tree(root, None).unwrap().digest
    }

    fn sample() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("etc")).unwrap();
        fs::write(dir.path().join("etc/a"), "one").unwrap();
        fs::write(dir.path().join("etc/b"), "two").unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("etc/l")).unwrap();
        dir
    }

    #[test]
    fn the_digest_is_of_content_and_not_of_times_or_places() {
        let (one, two) = (sample(), sample());
        let past = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        fs::File::open(two.path().join("etc/a")).unwrap().set_modified(past).unwrap();
        assert_eq!(hash(one.path()), hash(two.path()));
    }

    #[test]
    fn every_kind_of_change_changes_the_digest() {
        type Change = fn(&Path);
        let changes: [Change; 8] = [
            |d| fs::write(d.join("etc/a"), "ono").unwrap(),
            |d| fs::rename(d.join("etc/a"), d.join("etc/c")).unwrap(),
            |d| fs::set_permissions(d.join("etc/a"), fs::Permissions::from_mode(0o600)).unwrap(),
            |d| fs::set_permissions(d, fs::Permissions::from_mode(0o711)).unwrap(),
            |d| fs::remove_file(d.join("etc/l")).unwrap(),
            |d| {
                fs::remove_file(d.join("etc/l")).unwrap();
                std::os::unix::fs::symlink("b", d.join("etc/l")).unwrap();
            },
            |d| fs::create_dir(d.join("etc/empty")).unwrap(),
            |d| {
                fs::remove_file(d.join("etc/b")).unwrap();
                fs::hard_link(d.join("etc/a"), d.join("etc/b")).unwrap();
            },
        ];
        let plain = hash(sample().path());
        let mut seen = std::collections::BTreeSet::from([plain]);
        for (n, change) in changes.iter().enumerate() {
            let dir = sample();
            change(dir.path());
            assert!(seen.insert(hash(dir.path())), "change {n} left the digest as another tree's");
        }
    }

    #[test]
    fn the_cache_answers_only_for_a_tree_that_did_not_change() {
        let dir = sample();
        let place = tempfile::tempdir().unwrap();
        let cache = place.path().join("digest");
        let fresh = digest_tree(dir.path(), Some(&cache)).unwrap();
        assert!(!cache.exists(), "files changed this second can change again unnoticed, so nothing is kept");
        // A kept answer is used: one that can't be right comes back for the same times, and only for those.
        let mut times = TreeHasher::new(Pass::Times, false);
        times.add_text(&nix::unistd::geteuid().to_string());
        times.add_tree(dir.path(), false, &|_| false).unwrap();
        let planted = Hashed { digest: Digest::of("planted"), unreadable: 7 };
        remember(&cache, &times.finish().digest, &planted).unwrap();
        assert_eq!(digest_tree(dir.path(), Some(&cache)).unwrap(), planted);
        fs::write(dir.path().join("etc/a"), "One").unwrap();
        let changed = digest_tree(dir.path(), Some(&cache)).unwrap();
        assert!(changed != planted && changed != fresh);
    }
}
