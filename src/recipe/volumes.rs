//! Volumes of their own for parts of the image's file tree: `aws: volumes:`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Device names are `/dev/sdf` to `/dev/sdp` (EC2 user guide, "Device names for volumes").
pub const MOST_VOLUMES: usize = 11;

/// Where the system itself must be able to start from, or where no disk belongs: these and all beneath.
const NEVER: [&str; 17] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    // Links to /run; results; package databases, which belong to the programs that they list.
    "/var/run",
    "/var/lock",
    "/var/lib/amifactory",
    "/var/lib/dpkg",
    "/var/lib/rpm",
];
/// Where programs run that builds and packages need: the agent of Systems Manager, and packages' scripts.
const PROGRAMS: [&str; 2] = ["/var", "/var/lib"];

/// A further volume of the image, beside its root volume: gp3 and encrypted like that one, with the root's kind of file
/// system. All of it decides what the image is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraVolume {
    /// Where it is mounted.
    pub mount: MountPoint,
    /// Its size in GiB.
    pub size_gib: u32,
    /// How it is mounted.
    pub options: BTreeSet<MountOption>,
}

/// An absolute path, of letters, digits, `_`, `.` and `-`, at which a volume can be mounted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MountPoint(String);

impl MountPoint {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether programs have to run from there.
    pub fn runs_programs(&self) -> bool {
        PROGRAMS.contains(&self.as_str())
    }

    /// How the benchmark wants a volume at this place to be mounted; one that it does not name holds data alone.
    /// `/var` runs programs: packages' scripts, and the agent that commands come through.
    pub fn usual_options(&self) -> BTreeSet<MountOption> {
        use MountOption::{Nodev, Noexec, Nosuid};
        match self.as_str() {
            "/var/tmp" | "/var/log" | "/var/log/audit" => [Nodev, Nosuid, Noexec].into(),
            _ => [Nodev, Nosuid].into(),
        }
    }
}

impl std::str::FromStr for MountPoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').skip(1).collect();
        let plain = |part: &&str| {
            !part.is_empty()
                && *part != "."
                && *part != ".."
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        };
        if !text.starts_with('/') || !parts.iter().all(plain) || text.len() > 100 {
            return Err("it is no absolute path of letters, digits, _, . and -".to_owned());
        }
        let beneath =
            |place: &&str| text.strip_prefix(*place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        // /tmp is in memory, as the benchmark has it.
        if text == "/tmp" || NEVER.iter().any(beneath) {
            return Err("no volume of its own belongs there".to_owned());
        }
        Ok(MountPoint(text.to_owned()))
    }
}

impl TryFrom<String> for MountPoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<MountPoint> for String {
    fn from(mount: MountPoint) -> String {
        mount.0
    }
}

/// An option of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountOption {
    /// No device files.
    Nodev,
    /// Programs have nobody else's rights.
    Nosuid,
    /// No programs.
    Noexec,
}

impl MountOption {
    /// All of them.
    pub const ALL: [MountOption; 3] = [MountOption::Nodev, MountOption::Nosuid, MountOption::Noexec];

    /// As in fstab.
    pub const fn as_str(self) -> &'static str {
        match self {
            MountOption::Nodev => "nodev",
            MountOption::Nosuid => "nosuid",
            MountOption::Noexec => "noexec",
        }
    }
}

impl ExtraVolume {
    /// Its options as in fstab.
    pub fn fstab_options(&self) -> String {
        let options = self.options.iter().map(|option| option.as_str());
        ["defaults"].into_iter().chain(options).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_plain_paths_of_data() {
        for good in ["/var", "/var/log/audit", "/home", "/srv/data-1", "/opt/x.y"] {
            assert!(good.parse::<MountPoint>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "/",
            "var",
            "/var/",
            "//var",
            "/var/../etc",
            "/./var",
            "/usr",
            "/usr/local",
            "/boot/efi",
            "/tmp",
            "/a b",
            "/a;b",
            "/a$b",
            "/a'b",
            "/ä",
            "/var/lib/amifactory",
            "/proc/1",
            "/var/run",
            "/var/lock/x",
            "/root",
            "/var/lib/dpkg",
        ] {
            assert!(bad.parse::<MountPoint>().is_err(), "{bad}");
        }
    }

    #[test]
    fn var_is_never_noexec_of_itself() {
        let usual = |mount: &str| mount.parse::<MountPoint>().unwrap().usual_options();
        assert!(!usual("/var").contains(&MountOption::Noexec));
        assert!(usual("/var/log").contains(&MountOption::Noexec));
    }
}
