//! Every entry of a tree with all that can change about it, to the byte: what two looks at one tree are compared by.

use super::failure::{FileFailure, shown};
use super::overlay::{Xattrs, is_whiteout};
use super::walk::{Entry, Flow, Mounts, Visit, open_dir, walk};
use crate::identity::Digest;
use rustix::fd::AsFd as _;
use rustix::fs::FileType;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::path::Path;

/// Entries by path from the root, without a leading slash. The text says all of an entry; its first character is
/// `-` for a file, `d` for a folder, `l` for a link, `!` for what an overlay hides, `?` for the rest.
pub type Listing = BTreeMap<String, String>;

/// Lists a tree. Folders are told without their times: a working file that comes and goes touches its folder.
pub fn list_tree(root: &Path) -> Result<Listing, FileFailure> {
    let mut found = Listing::new();
    walk(open_dir(root)?, root, Mounts::Refuse, &mut |visit| match visit {
        Visit::Entry(entry) => {
            let says = describe(&entry)
                .map_err(|e| FileFailure::io(format!("reading {}/{}", root.display(), shown(entry.path)), e))?;
            found.insert(String::from_utf8_lossy(entry.path).into_owned(), says);
            Ok(Flow::Go)
        }
        Visit::Closed(entry) => {
            Err(FileFailure::io(format!("reading {}/{}", root.display(), shown(entry.path)), Errno::ACCESS))
        }
        Visit::Leave(_) => Ok(Flow::Go),
    })?;
    Ok(found)
}

fn describe(entry: &Entry<'_>) -> Result<String, Errno> {
    let stat = entry.stat;
    if is_whiteout(stat) {
        return Ok("!".to_owned());
    }
    let head = format!("{:o} {}:{}", stat.st_mode & 0o7777, stat.st_uid, stat.st_gid);
    let times = format!("{}.{}", stat.st_mtime, stat.st_mtime_nsec);
    match entry.kind() {
        FileType::Directory => Ok(format!("d {head}")),
        FileType::RegularFile => {
            let file = entry.open_file()?;
            let mut content: Vec<u8> = Vec::new();
            for (name, value) in Xattrs::read(file.as_fd())?.content() {
                content.extend_from_slice(name);
                content.extend_from_slice(value);
            }
            let attributes = Digest::of(&content);
            content.clear();
            let mut buffer = vec![0; 1 << 16];
            loop {
                match rustix::io::read(&file, &mut buffer[..])? {
                    0 => break,
                    n => content.extend_from_slice(&buffer[..n]),
                }
            }
            Ok(format!("- {head} {times} {} {}", Digest::of(&content), attributes.short()))
        }
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(entry.dir, entry.name, Vec::new())?;
            Ok(format!("l {head} {times} {}", target.to_string_lossy()))
        }
        _ => Ok(format!("? {head} {times} {}", stat.st_rdev)),
    }
}
