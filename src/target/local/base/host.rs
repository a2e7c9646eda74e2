//! What decides that two builds on this machine's own Linux start from the same thing.

use crate::target::local::sandbox;
use crate::target::local::tree::{FileFailure, TreeHasher};
use std::path::Path;

/// Where package managers keep what is installed.
const PACKAGE_DATABASES: [&str; 4] = [
    "/var/lib/dpkg/status",
    "/var/lib/rpm/rpmdb.sqlite",
    "/var/lib/rpm/Packages",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
];

/// Below /etc, what changes by itself and says nothing of what the machine is.
const VOLATILE: [&str; 14] = [
    "resolv.conf",
    "hostname",
    "hosts",
    "machine-id",
    "machine-info",
    "adjtime",
    "mtab",
    "ld.so.cache",
    ".updated",
    "blkid.tab",
    "lvm/archive",
    "lvm/backup",
    "lvm/cache",
    "udev/hwdb.bin",
];

/// Adds which OS this machine runs, and which packages are installed.
pub(super) fn feed_packages(hasher: &mut TreeHasher) -> Result<(), FileFailure> {
    hasher.add_text("host packages");
    hasher.add_text(std::env::consts::ARCH);
    hasher.add_file(Path::new("/etc/os-release"))?;
    for database in PACKAGE_DATABASES {
        hasher.add_file(Path::new(database))?;
    }
    Ok(())
}

/// Adds how this machine is set up.
pub(super) fn feed_settings(hasher: &mut TreeHasher) -> Result<(), FileFailure> {
    hasher.add_text("host settings");
    hasher.add_text(&sandbox::homes());
    hasher.add_tree(Path::new("/etc"), true, &is_volatile)
}

fn is_volatile(path: &[u8]) -> bool {
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path);
    VOLATILE.iter().any(|volatile| path == volatile.as_bytes())
        // Backups of account files and editors, locks, files that are just being replaced.
        || name.ends_with(b"-")
        || name.ends_with(b"~")
        || name.ends_with(b".lock")
        || name.ends_with(b".swp")
        || name.starts_with(b".#")
        || name.starts_with(b"resolv.conf.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::local::tree::{Pass, cached};

    #[test]
    fn volatile_files_are_left_out_and_others_are_not() {
        for path in ["resolv.conf", "passwd-", "ssh/x.lock", "machine-id", ".pwd.lock", "lvm/cache"] {
            assert!(is_volatile(path.as_bytes()), "{path}");
        }
        for path in ["passwd", "nginx/hosts", "ssh/sshd_config", "lock", "sysctl.d/10-x.conf"] {
            assert!(!is_volatile(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn this_machine_is_the_same_twice_in_a_row() {
        for feed in [feed_packages, feed_settings] {
            let content = || cached(None, true, &feed).unwrap();
            assert_eq!(content(), content());
            let mut times = TreeHasher::new(Pass::Times, true);
            feed(&mut times).unwrap();
            assert_ne!(times.finish().digest, content().digest);
        }
    }
}
