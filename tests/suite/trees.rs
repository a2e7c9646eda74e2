//! Small root filesystems, crafted archives, and the look at a whole tree that tests compare.

use amifactory::target::local::tree::{FileOperation, FileOutcome, Owners, perform};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

pub use crate::skip::skipped as skip;

pub use crate::skip::is_root;

/// Owners can only be restored by root.
pub fn owners() -> Owners {
    if is_root() { Owners::Archive } else { Owners::Caller }
}

/// Whether a program is installed.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// The start of a program for this machine; enough for a look at its header.
pub fn elf() -> Vec<u8> {
    let mut header = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\0\0".to_vec();
    header[18] = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    header.resize(64, 0);
    header
}

pub const OS_RELEASE: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n";

/// A root filesystem with everything that bases are made of, its times in the past.
pub fn root_filesystem(root: &Path) {
    for dir in ["etc", "usr/bin", "usr/lib", "var/lib/dpkg", "tmp", "empty"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    fs::write(root.join("usr/lib/os-release"), OS_RELEASE).unwrap();
    symlink("../usr/lib/os-release", root.join("etc/os-release")).unwrap();
    symlink("usr/bin", root.join("bin")).unwrap();
    fs::write(root.join("usr/bin/sh"), elf()).unwrap();
    fs::write(root.join("usr/bin/su"), elf()).unwrap();
    fs::hard_link(root.join("usr/bin/sh"), root.join("usr/bin/dash")).unwrap();
    let status = "Package: base-files\nStatus: install ok installed\nVersion: 12.4\nArchitecture: amd64\n\n";
    fs::write(root.join("var/lib/dpkg/status"), status).unwrap();
    fs::write(root.join("etc/shadow"), "root:*:1::::::\n").unwrap();
    let long = "a-name-that-is-longer-than-a-header-takes-".repeat(5);
    fs::write(root.join("usr/lib").join(&long), "long").unwrap();
    symlink(format!("/usr/lib/{long}"), root.join("usr/lib/long-link")).unwrap();
    fs::write(root.join("usr/lib").join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "latin").unwrap();
    for (path, mode) in [("usr/bin/sh", 0o755), ("usr/bin/su", 0o4755), ("etc/shadow", 0o640), ("tmp", 0o1777)] {
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    if is_root() {
        std::os::unix::fs::chown(root.join("etc/shadow"), Some(0), Some(42)).unwrap();
        std::os::unix::fs::chown(root.join("empty"), Some(3_000_000), Some(3_000_001)).unwrap();
        let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(root.join("usr/bin/dash"), "security.capability", capability, flags).unwrap();
    }
    age(root);
}

/// Sets all times back to a whole second in the past, deepest first.
pub fn age(path: &Path) {
    if path.symlink_metadata().unwrap().is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            age(&entry.unwrap().path());
        }
    }
    let past = rustix::fs::Timespec { tv_sec: 1_700_000_000, tv_nsec: 0 };
    let times = rustix::fs::Timestamps { last_access: past, last_modification: past };
    rustix::fs::utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// The digest of a tree's content.
pub fn hash(root: &Path) -> String {
    match perform(&FileOperation::HashTree { root: root.to_owned(), cache: None }).unwrap() {
        FileOutcome::Hashed(hashed) => hashed.digest.to_string(),
        other => panic!("{other:?}"),
    }
}

/// All of a tree for a comparison that does not rely on the product's own digest: path, mode, owner, mtime, links,
/// content.
pub fn listing(root: &Path) -> Vec<String> {
    fn add(path: &Path, shown: String, list: &mut Vec<String>) {
        let found = path.symlink_metadata().unwrap();
        let content = if found.is_file() {
            format!("{:x?}", fs::read(path).unwrap())
        } else if found.is_symlink() {
            format!("-> {:?}", fs::read_link(path).unwrap())
        } else {
            String::new()
        };
        let (mode, links) = (found.mode(), if found.is_dir() { 0 } else { found.nlink() });
        list.push(format!("{shown} {mode:o} {}:{} {links} {} {content}", found.uid(), found.gid(), found.mtime()));
        if found.is_dir() {
            let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|e| e.unwrap().file_name()).collect();
            names.sort();
            for name in names {
                add(&path.join(&name), format!("{shown}/{name:?}"), list);
            }
        }
    }
    let mut list = Vec::new();
    add(root, String::new(), &mut list);
    list
}

/// An archive written header by header, so that it can say what no honest tool would.
#[derive(Default, Clone)]
pub struct Archive(Vec<u8>);

impl Archive {
    pub fn entry(mut self, kind: u8, name: &[u8], link: &[u8], data: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_mode(if kind == b'5' { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_600_000_000);
        header.set_size(data.len() as u64);
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
        header.as_old_mut().linkflag[0] = kind;
        self = self.header(&mut header);
        self.data(data)
    }

    pub fn header(mut self, header: &mut tar::Header) -> Self {
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self
    }

    pub fn data(mut self, data: &[u8]) -> Self {
        self.0.extend_from_slice(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub fn file(self, name: &str, content: &str) -> Self {
        self.entry(b'0', name.as_bytes(), b"", content.as_bytes())
    }

    pub fn dir(self, name: &str) -> Self {
        self.entry(b'5', name.as_bytes(), b"", b"")
    }

    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(b'2', name.as_bytes(), target.as_bytes(), b"")
    }

    pub fn hard_link(self, name: &str, target: &str) -> Self {
        self.entry(b'1', name.as_bytes(), target.as_bytes(), b"")
    }

    /// A PAX record for the entry that follows.
    pub fn pax(self, key: &str, value: &[u8]) -> Self {
        let rest = key.len() + value.len() + 3;
        let length = (1..6).map(|digits| rest + digits).find(|n| n.to_string().len() + rest == *n).unwrap();
        let mut record = format!("{length} {key}=").into_bytes();
        record.extend_from_slice(value);
        record.push(b'\n');
        self.entry(b'x', b"pax", b"", &record)
    }

    /// With the end-of-archive mark.
    pub fn bytes(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }

    /// As it is, cut off.
    pub fn cut(self) -> Vec<u8> {
        self.0
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}
