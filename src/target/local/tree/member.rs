//! One entry of a tar archive, and what its name may be.

use super::failure::{FileFailure, shown};
use std::ffi::CString;

/// One entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// As the archive has it; bytes, for names need not be text.
    pub path: Vec<u8>,
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime_s: i64,
    pub mtime_ns: u32,
    /// Only those that are part of a tree's content.
    pub xattrs: Vec<(CString, Vec<u8>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    File {
        /// How large it is once unpacked.
        size: u64,
        /// Where the stored bytes go, as (offset, length); none where they are the whole file.
        sparse: Option<Vec<(u64, u64)>>,
    },
    Directory,
    Symlink(Vec<u8>),
    HardLink(Vec<u8>),
    Fifo,
    Device,
}

/// Where in a tree a name leads: the directory's path and the last component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub dir: Vec<u8>,
    pub name: CString,
}

impl Place {
    pub fn path(&self) -> Vec<u8> {
        let mut path = self.dir.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(self.name.to_bytes());
        path
    }
}

/// Reads a name from an archive: none is the root of the tree itself. A leading slash means that root; a name with
/// `..` in it is refused, whether or not it would come out inside again.
pub(crate) fn place(name: &[u8]) -> Result<Option<Place>, FileFailure> {
    let refused = |why: &str| {
        FileFailure::refused(
            format!("the archive has an entry `{}` whose name {why}", shown(name)),
            "Such an archive is broken, or made to write outside of the folder it is unpacked in. Don't use it.",
        )
    };
    if name.is_empty() {
        return Err(refused("is empty"));
    }
    if name.contains(&0) {
        return Err(refused("has a zero byte in it"));
    }
    let mut parts: Vec<&[u8]> = name.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".").collect();
    if parts.iter().any(|part| *part == b"..") {
        return Err(refused("leads out of the tree through `..`"));
    }
    let Some(last) = parts.pop() else { return Ok(None) };
    let name = CString::new(last).map_err(|_| refused("has a zero byte in it"))?;
    Ok(Some(Place { dir: parts.join(&b'/'), name }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_into_the_tree_or_are_refused() {
        let found = |name: &[u8]| place(name).unwrap().map(|p| p.path());
        assert_eq!(found(b"./usr//bin/./env/"), Some(b"usr/bin/env".to_vec()));
        assert_eq!(found(b"/etc/passwd"), Some(b"etc/passwd".to_vec()));
        assert_eq!(found(b"caf\xe9"), Some(b"caf\xe9".to_vec()));
        assert_eq!(found(b"./"), None);
        assert_eq!(found(b"a/..b/..."), Some(b"a/..b/...".to_vec()));
        for name in [&b""[..], b"..", b"../x", b"a/../../x", b"a/..", b"a\0b"] {
            assert!(place(name).is_err(), "{}", shown(name));
        }
    }
}
