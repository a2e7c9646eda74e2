//! The sandbox: runs one script over a copy-on-write overlay, so that nothing it does can change this machine.
//!
//! Three processes of the same binary take part. No fork, no shell, no unsafe:
//!
//! ```text
//! amifactory ── run()           reads stdout and the log, serves the network gate, maps user ids
//!   └─ supervisor               holds the limits; in this machine's namespaces, outside the sandbox's cgroup
//!        └─ init (pid 1)        private mount, pid, net, ipc, uts, cgroup namespaces; few capabilities; seccomp
//!             └─ /bin/sh script
//! ```
//!
//! Each holds a socket to the one above. When amifactory dies, the supervisor's socket ends and it kills init; when
//! the supervisor dies, the kernel kills init; and with the init of a pid namespace every process in it dies. Mounts,
//! addresses and ipc objects vanish with their namespaces, so there is nothing that a later run must clean up but the
//! cgroup folders of a supervisor that was itself killed: [`sweep_cgroups`].

mod capabilities;
mod cgroup;
mod control;
mod entry;
mod error;
mod furnish;
mod gate;
mod homes;
mod host;
mod init;
mod limits;
mod lockdown;
mod loopback;
mod operation;
mod output;
mod overlay;
mod repositories;
mod run;
mod seccomp;
mod supervisor;
mod usage;
mod user;

pub use cgroup::sweep_cgroups;
pub use entry::sandbox_main;
pub use error::SandboxError;
pub use homes::described as homes;
pub use operation::{Operation, REMOVE_TREE, run_in_user_namespace};
pub use repositories::repository_hosts;
pub use run::run;
pub use user::check;

use crate::recipe;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// All that one run needs to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SandboxSpec {
    /// What lies underneath, read-only, bottom to top.
    pub lowers: Vec<Lower>,
    /// The folder that receives every change.
    pub upper: PathBuf,
    /// The overlay's work folder, on the same filesystem as `upper`.
    pub work: PathBuf,
    /// What the run may use.
    pub limits: recipe::Limits,
    /// What the run may reach.
    pub network: Network,
    /// The host name that steps see.
    pub hostname: String,
    /// The script, a file of this machine. It runs as `/bin/sh` of the sandbox runs it.
    pub script: PathBuf,
    /// Where standard error goes, at most [`LOG_BYTES`].
    pub log: PathBuf,
    /// Folders of this machine that steps must not even read, such as the state folder. Folders that aren't the
    /// OS's own (`/home`, `/root`, `/tmp`, …) are hidden anyway.
    #[serde(default)]
    pub hidden: Vec<PathBuf>,
}

/// One read-only layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lower {
    /// This machine's own OS. Only as the bottom layer, only for root.
    Host,
    /// A folder.
    Dir(PathBuf),
}

/// What a run may reach beside its own loopback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Nothing.
    None,
    /// These, over HTTP and HTTPS through the gate.
    Allow(Vec<HostPort>),
}

/// A destination: a DNS name or an address, and a TCP port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HostPort {
    /// Lower case, without a trailing dot; an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl HostPort {
    /// A destination, with the name in its canonical spelling.
    pub fn new(host: &str, port: u16) -> HostPort {
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        HostPort { host: host.trim_end_matches('.').to_ascii_lowercase(), port }
    }
}

impl FromStr for HostPort {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a destination: expected `host:port`");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let plain = !host.is_empty() && !host.contains([':', '/', '@', '[', ']', ' ']);
        match port.parse() {
            Ok(port) if port != 0 && (bracketed || plain) => Ok(HostPort::new(host, port)),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// The script ended with this status.
    Code(i32),
    /// The script's shell died of this signal.
    Signal(i32),
    /// It used more than it may, and was killed.
    LimitExceeded(Limit),
}

/// A limit and its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Wall time, in seconds.
    Time(u64),
    /// Processes and threads at once.
    Processes(u64),
    /// Memory, in bytes; files in `/tmp`, `/run` and `/dev/shm` count.
    Memory(u64),
    /// What was written, in bytes; every file counts at least 4096.
    Disk(u64),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Time(seconds) => write!(f, "took longer than {seconds} s"),
            Limit::Processes(count) => write!(f, "started more than {count} processes"),
            Limit::Memory(bytes) => write!(f, "used more than {} of memory", size(*bytes)),
            Limit::Disk(bytes) => write!(f, "wrote more than {} to disk", size(*bytes)),
        }
    }
}

/// A size for people: whole units where it is one, else MiB.
fn size(bytes: u64) -> String {
    if bytes >= 1 << 30 && bytes.is_multiple_of(1 << 30) {
        format!("{} GiB", bytes >> 30)
    } else if bytes >= 1 << 20 {
        format!("{} MiB", bytes >> 20)
    } else {
        format!("{bytes} bytes")
    }
}

/// How much of a run's standard error is kept.
pub const LOG_BYTES: u64 = 64 << 20;

/// Where the gate listens inside the sandbox.
pub const GATE_PORT: u16 = 3128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_have_one_spelling() {
        assert_eq!("Packages.Example.ORG.:80".parse(), Ok(HostPort::new("packages.example.org", 80)));
        assert_eq!("[::1]:443".parse::<HostPort>().unwrap().to_string(), "[::1]:443");
        for text in ["", "host", "host:", "host:0", "host:70000", ":80", "a@b:80", "http://a:80", "::1:80"] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }

    #[test]
    fn limits_are_told_with_their_bound() {
        assert_eq!(Limit::Memory(2 << 30).to_string(), "used more than 2 GiB of memory");
        assert_eq!(Limit::Disk(64 << 20).to_string(), "wrote more than 64 MiB to disk");
    }
}
