//! Looks into a stack of layers as the overlay would show them, without mounting anything: the top-most layer wins,
//! whiteouts and opaque directories hide, links stay inside.

use super::failure::FileFailure;
use super::overlay::{Mark, OverlayXattrs, Xattrs, is_whiteout, mark};
use super::walk::{open_dir, sorted_names};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::ffi::{CString, OsStr};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// As many as the kernel follows.
const MAX_LINKS: usize = 40;

/// A stack of directories seen as one tree.
pub struct LayeredView {
    layers: Vec<PathBuf>,
    root: Merged,
    overlay: OverlayXattrs,
}

/// One directory of the view: the same directory in each layer that has part of it, top-most first.
type Merged = Vec<Rc<OwnedFd>>;

enum Found {
    Dir(Merged),
    File(OwnedFd),
    Link(Vec<u8>),
    /// A device, pipe or socket.
    Special,
}

impl LayeredView {
    /// A view of these directories, the lowest first: base, then the upper directory of each build on it.
    pub fn new(layers: &[PathBuf], overlay: OverlayXattrs) -> Result<Self, FileFailure> {
        let root = layers.iter().rev().map(|layer| open_dir(layer).map(Rc::new)).collect::<Result<_, _>>()?;
        Ok(LayeredView { layers: layers.to_vec(), root, overlay })
    }

    /// The content of a regular file, links followed inside the view; none where there is no such file. A file over
    /// `limit` bytes is an error.
    pub fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, FileFailure> {
        let Some(file) = self.open(path)? else { return Ok(None) };
        let mut content = Vec::new();
        file.take(limit + 1).read_to_end(&mut content).map_err(|e| self.failed(path, e))?;
        if content.len() as u64 > limit {
            return Err(FileFailure::refused(
                format!("/{path} is larger than {limit} bytes"),
                "Is this really a root filesystem? That file is small in every one.",
            ));
        }
        Ok(Some(content))
    }

    /// A regular file, open for reading, links followed inside the view; none where there is no such file.
    pub fn open(&self, path: &str) -> Result<Option<std::fs::File>, FileFailure> {
        match self.find(path).map_err(|e| self.failed(path, e))? {
            Some(Found::File(file)) => Ok(Some(file.into())),
            _ => Ok(None),
        }
    }

    /// Whether the path leads to anything, links followed.
    pub fn exists(&self, path: &str) -> Result<bool, FileFailure> {
        Ok(self.find(path).map_err(|e| self.failed(path, e))?.is_some())
    }

    /// The names in a directory, sorted; empty where there is no such directory.
    pub fn names(&self, path: &str) -> Result<Vec<PathBuf>, FileFailure> {
        let Some(Found::Dir(merged)) = self.find(path).map_err(|e| self.failed(path, e))? else {
            return Ok(Vec::new());
        };
        let mut seen: BTreeMap<CString, bool> = BTreeMap::new();
        let mut buffer = Vec::new();
        for dir in &merged {
            // A directory descriptor that was only opened to resolve names can't be listed.
            let listed = rustix::fs::openat(dir, c".", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
            let names = listed.and_then(|d| sorted_names(d.as_fd(), &mut buffer)).map_err(|e| self.failed(path, e))?;
            for name in names {
                if seen.contains_key(&name) {
                    continue;
                }
                let stat =
                    rustix::fs::statat(dir, &name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| self.failed(path, e))?;
                seen.insert(name, !is_whiteout(&stat));
            }
        }
        let present = seen.into_iter().filter(|(_, present)| *present);
        Ok(present.map(|(name, _)| PathBuf::from(OsStr::from_bytes(name.as_bytes()))).collect())
    }

    fn failed(&self, path: &str, error: impl Into<std::io::Error>) -> FileFailure {
        let top = self.layers.last().map_or(Path::new("/"), PathBuf::as_path);
        FileFailure::io(format!("reading /{path} in the layers up to {}", top.display()), error)
    }

    fn find(&self, path: &str) -> Result<Option<Found>, Errno> {
        let mut above: Vec<Merged> = vec![self.root.clone()];
        // What is still to be walked, the next component last.
        let mut rest: Vec<Vec<u8>> = components(path.as_bytes());
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == b".." {
                if above.len() > 1 {
                    above.pop();
                }
                continue;
            }
            let Some(here) = above.last() else { return Ok(None) };
            match self.look(here, &name)? {
                None => return Ok(None),
                Some(Found::Dir(merged)) => above.push(merged),
                Some(Found::Link(target)) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::LOOP);
                    }
                    if target.starts_with(b"/") {
                        above.truncate(1);
                    }
                    rest.extend(components(&target));
                }
                Some(other) => return Ok(rest.is_empty().then_some(other)),
            }
        }
        Ok(above.pop().map(Found::Dir))
    }

    /// Looks one name up in one directory of the view.
    fn look(&self, here: &Merged, name: &[u8]) -> Result<Option<Found>, Errno> {
        let name = CString::new(name).map_err(|_| Errno::INVAL)?;
        let mut merged: Merged = Vec::new();
        for dir in here {
            let stat = match rustix::fs::statat(dir, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error),
            };
            let kind = FileType::from_raw_mode(stat.st_mode);
            if is_whiteout(&stat) || (!merged.is_empty() && kind != FileType::Directory) {
                break;
            }
            let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
            match kind {
                FileType::Directory => {
                    let (fd, opaque) = self.open_dir(dir, &name)?;
                    merged.push(Rc::new(fd));
                    if opaque {
                        break;
                    }
                }
                FileType::RegularFile => {
                    let file = rustix::fs::openat(dir, &name, flags | OFlags::RDONLY, Mode::empty())?;
                    return Ok(Some(Found::File(file)));
                }
                FileType::Symlink => {
                    let target = rustix::fs::readlinkat(dir, &name, Vec::new())?;
                    return Ok(Some(Found::Link(target.into_bytes())));
                }
                _ => return Ok(Some(Found::Special)),
            }
        }
        Ok((!merged.is_empty()).then_some(Found::Dir(merged)))
    }

    fn open_dir(&self, dir: &OwnedFd, name: &CString) -> Result<(OwnedFd, bool), Errno> {
        let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::DIRECTORY;
        match rustix::fs::openat(dir, name, flags | OFlags::RDONLY, Mode::empty()) {
            Ok(fd) => {
                let opaque = mark(&Xattrs::read(fd.as_fd())?, self.overlay) == Mark::Opaque;
                Ok((fd, opaque))
            }
            // May be passed through though not listed, as an ordinary user passes through a 0711 directory of root's.
            Err(Errno::ACCESS) => Ok((rustix::fs::openat(dir, name, flags | OFlags::PATH, Mode::empty())?, false)),
            Err(error) => Err(error),
        }
    }
}

/// The components of a path, the first last; `.` and empty ones left out.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".");
    parts.map(<[u8]>::to_vec).rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn text(view: &LayeredView, path: &str) -> Option<String> {
        view.read(path, 1000).unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn links_never_leave_the_view() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("usr/lib")).unwrap();
        fs::create_dir(root.join("etc")).unwrap();
        fs::write(dir.path().join("secret"), "host").unwrap();
        fs::write(root.join("secret"), "inside").unwrap();
        fs::write(root.join("usr/lib/os-release"), "ID=x").unwrap();
        symlink("../usr/lib/os-release", root.join("etc/os-release")).unwrap();
        symlink("/usr/lib", root.join("lib")).unwrap();
        symlink("../../../secret", root.join("etc/up")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let view = LayeredView::new(&[root], OverlayXattrs::User).unwrap();
        assert_eq!(text(&view, "etc/os-release").as_deref(), Some("ID=x"));
        assert_eq!(text(&view, "lib/os-release").as_deref(), Some("ID=x"));
        assert_eq!(text(&view, "etc/up").as_deref(), Some("inside"));
        assert_eq!(text(&view, "etc/os-release/x"), None);
        assert_eq!(text(&view, "etc"), None);
        assert!(view.read("loop", 10).is_err());
        assert!(view.read("usr/lib/os-release", 3).is_err());
    }

    #[test]
    fn the_top_most_layer_wins_and_directories_merge() {
        let dir = tempfile::tempdir().unwrap();
        let (low, high) = (dir.path().join("low"), dir.path().join("high"));
        fs::create_dir_all(low.join("d")).unwrap();
        fs::create_dir_all(high.join("d")).unwrap();
        fs::write(low.join("d/a"), "low").unwrap();
        fs::write(low.join("d/b"), "low").unwrap();
        fs::write(high.join("d/b"), "high").unwrap();
        let view = LayeredView::new(&[low, high], OverlayXattrs::User).unwrap();
        assert_eq!(text(&view, "d/a").as_deref(), Some("low"));
        assert_eq!(text(&view, "d/b").as_deref(), Some("high"));
        assert_eq!(view.names("d").unwrap(), [PathBuf::from("a"), PathBuf::from("b")]);
    }
}
