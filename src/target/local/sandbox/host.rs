//! `base: host`: which part of this machine's own filesystem steps may see, read-only.
//!
//! The machine's root lies underneath, and a layer made afresh for each run masks everything that isn't the OS:
//! whiteouts for unknown top-level names, empty folders for `/home`, `/root` and the like, and in them for each home.
//! The mask lives in memory, so neither the machine nor the upper carries a trace of it.

use super::error::{Doing, Failure};
use super::homes;
use super::lockdown::is_real_folder;
use nix::sys::stat::{Mode, SFlag, mknod};
use nix::unistd::{Gid, Uid, chown};
use std::collections::BTreeSet;
use std::fs::{self, FileTimes, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

/// The folders, or links to folders, at the top of a Linux that belong to the OS.
pub(super) const OS_FOLDERS: [&str; 12] =
    ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "var", "opt", "boot", "srv"];

/// Folders that every Linux has and that steps find empty, with their permission bits.
const FRESH_FOLDERS: [(&str, u32); 10] = [
    ("dev", 0o755),
    ("proc", 0o555),
    ("sys", 0o555),
    ("run", 0o755),
    ("tmp", 0o1777),
    ("home", 0o755),
    ("root", 0o700),
    ("mnt", 0o755),
    ("media", 0o755),
    ("var/tmp", 0o1777),
];

/// Filesystems that hold an OS and that overlayfs takes as a lower layer.
const OS_FILESYSTEMS: [&str; 9] = ["ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "squashfs"];

/// Deeper mounts than this are some service's data, not the OS.
const DEEPEST_MOUNT: usize = 4;

/// Fills `mask`, an empty folder in memory, for the machine's root.
pub(super) fn mask(mask: &Path, hidden: &[PathBuf]) -> Result<(), Failure> {
    let homes = homes::of_this_machine();
    let entries = fs::read_dir("/").doing(|| "reading /".into())?;
    for entry in entries {
        let entry = entry.doing(|| "reading /".into())?;
        let name = entry.file_name();
        let kind = entry.file_type().doing(|| format!("reading /{}", name.display()))?;
        let is_os = OS_FOLDERS.iter().any(|folder| name == *folder) && (kind.is_dir() || kind.is_symlink());
        let holds_homes = kind.is_dir() && homes.iter().any(|home| home.starts_with(&name));
        if !is_os && !holds_homes && !FRESH_FOLDERS.iter().any(|(folder, _)| name == *folder) {
            whiteout(&mask.join(&name))?;
        }
    }
    let mut shown = BTreeSet::new();
    for (folder, mode) in FRESH_FOLDERS {
        parents(mask, Path::new(folder), &mut shown)?;
        empty_folder(&mask.join(folder), mode)?;
    }
    homes::show(mask, &homes)?;
    for path in hidden {
        let Ok(path) = fs::canonicalize(path) else { continue };
        let Ok(relative) = path.strip_prefix("/") else { continue };
        if first_name(relative).is_some_and(|name| OS_FOLDERS.contains(&name)) && !is_in_fresh(relative) {
            parents(mask, relative, &mut shown)?;
            let place = mask.join(relative);
            if fs::symlink_metadata(&place).is_err() {
                whiteout(&place)?;
            }
        }
    }
    // Last of all, because filling a folder changes its time.
    shown.iter().try_for_each(|folder| copy_time(&Path::new("/").join(folder), &mask.join(folder)))
}

fn is_in_fresh(relative: &Path) -> bool {
    FRESH_FOLDERS.iter().any(|(folder, _)| relative.starts_with(folder))
}

fn first_name(relative: &Path) -> Option<&str> {
    relative.components().next().and_then(|component| component.as_os_str().to_str())
}

/// The folders above `relative` in the mask, looking as they do on the machine: of merged folders the topmost's
/// owner, mode and time are seen.
fn parents(mask: &Path, relative: &Path, shown: &mut BTreeSet<PathBuf>) -> Result<(), Failure> {
    let mut above = PathBuf::new();
    let Some(parent) = relative.parent() else { return Ok(()) };
    for component in parent.components() {
        above.push(component);
        copy_folder(&Path::new("/").join(&above), &mask.join(&above))?;
        shown.insert(above.clone());
    }
    Ok(())
}

/// Makes the folder `to`, where it is missing, with the owner and mode of `from`.
pub(super) fn copy_folder(from: &Path, to: &Path) -> Result<(), Failure> {
    if is_real_folder(to) {
        return Ok(());
    }
    fs::create_dir(to).doing(|| format!("making {} like {}", to.display(), from.display()))?;
    like(from, to)
}

/// Gives the folder `to` the owner and mode of `from`.
pub(super) fn like(from: &Path, to: &Path) -> Result<(), Failure> {
    let what = || format!("making {} like {}", to.display(), from.display());
    let metadata = fs::metadata(from).doing(what)?;
    chown(to, Some(Uid::from_raw(metadata.uid())), Some(Gid::from_raw(metadata.gid()))).doing(what)?;
    fs::set_permissions(to, Permissions::from_mode(metadata.mode() & 0o7777)).doing(what)
}

fn copy_time(from: &Path, to: &Path) -> Result<(), Failure> {
    let what = || format!("giving {} the time of {}", to.display(), from.display());
    let modified = fs::metadata(from).and_then(|metadata| metadata.modified()).doing(what)?;
    let folder = fs::File::open(to).doing(what)?;
    folder.set_times(FileTimes::new().set_modified(modified)).doing(what)
}

/// Hides whatever lies below at this place.
fn whiteout(path: &Path) -> Result<(), Failure> {
    mknod(path, SFlag::S_IFCHR, Mode::empty(), 0).doing(|| format!("hiding /{}", path.display()))
}

/// A folder that shows nothing of what lies below it.
pub(super) fn empty_folder(path: &Path, mode: u32) -> Result<(), Failure> {
    let what = || format!("making the empty folder {}", path.display());
    fs::create_dir(path).doing(what)?;
    fs::set_permissions(path, Permissions::from_mode(mode)).doing(what)?;
    rustix::fs::setxattr(path, "trusted.overlay.opaque", b"y", rustix::fs::XattrFlags::empty())
        .map_err(std::io::Error::from)
        .doing(what)
}

/// OS folders of this machine that are filesystems of their own, such as a separate `/usr` or `/var/log`. An overlay
/// does not look across mounts, so each needs an overlay of its own. Parents come first.
pub(super) fn separate_mounts(mountinfo: &str, hidden: &[PathBuf]) -> Vec<PathBuf> {
    let mut mounts: Vec<PathBuf> = mountinfo
        .lines()
        .filter_map(|line| {
            let (mount, filesystem) = line.split_once(" - ")?;
            let path = PathBuf::from(unescape(mount.split(' ').nth(4)?));
            let kind = filesystem.split(' ').next()?;
            let relative = path.strip_prefix("/").ok()?;
            let normal = relative.components().all(|part| matches!(part, Component::Normal(_)));
            let is_os = first_name(relative).is_some_and(|name| OS_FOLDERS.contains(&name))
                && normal
                && relative.components().count() <= DEEPEST_MOUNT
                && OS_FILESYSTEMS.contains(&kind)
                && !is_in_fresh(relative)
                && !hidden.iter().any(|hidden| path.starts_with(hidden));
            is_os.then_some(path)
        })
        .collect();
    mounts.sort();
    mounts.dedup();
    mounts
}

/// Undoes the kernel's octal escapes for space, tab, newline and backslash.
pub(super) fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separate_os_filesystems_are_found_and_other_mounts_are_not() {
        let mountinfo = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 254:2 / /var/log rw - xfs /dev/vdc rw
31 27 254:1 / /var rw shared:1 - xfs /dev/vdb rw
32 27 254:3 / /home rw - ext4 /dev/vdd rw
33 27 0:40 / /var/lib/docker/overlay2/abc/merged rw - overlay overlay rw
34 27 254:4 / /var/tmp rw - ext4 /dev/vde rw
35 27 254:5 / /srv/a\\040b rw - btrfs /dev/vdf rw
36 27 254:6 / /boot/efi rw - vfat /dev/vdg rw
37 27 254:6 / /opt/state rw - ext4 /dev/vdh rw
";
        let found = separate_mounts(mountinfo, &[PathBuf::from("/opt/state")]);
        assert_eq!(found, ["/srv/a b", "/var", "/var/log"].map(PathBuf::from));
    }
}
