//! Which OS and architecture a root filesystem is for, from the files in it.

use crate::identity::{Arch, OsFamily};
use crate::target::local::tree::{FileFailure, LayeredView, OverlayXattrs};
use std::path::Path;

const MAX_OS_RELEASE: u64 = 64 * 1024;

/// What a root filesystem is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Os {
    pub family: OsFamily,
    /// `PRETTY_NAME`.
    pub name: String,
    pub arch: Arch,
}

/// Looks at os-release and at the shell. Links are followed inside the root only.
pub(super) fn detect(root: &Path) -> Result<Os, FileFailure> {
    let view = LayeredView::new(&[root.to_owned()], OverlayXattrs::Trusted)?;
    let mut release = view.read("etc/os-release", MAX_OS_RELEASE)?;
    if release.is_none() {
        release = view.read("usr/lib/os-release", MAX_OS_RELEASE)?;
    }
    let Some(release) = release else { return Err(no_release(&view)) };
    let (family, name) = family(&String::from_utf8_lossy(&release))?;
    Ok(Os { family, name, arch: arch(&view)? })
}

fn no_release(view: &LayeredView) -> FileFailure {
    let names = view.names("").unwrap_or_default();
    let shown: Vec<String> = names.iter().take(8).map(|name| name.display().to_string()).collect();
    let more = if names.len() > shown.len() { ", …" } else { "" };
    FileFailure::refused(
        "it has no /etc/os-release, so it is no root filesystem of a Linux distribution",
        match &names[..] {
            [] => "It is empty.".to_owned(),
            _ => format!("At its top it has: {}{more}. A base has etc, usr, bin and the like there.", shown.join(", ")),
        },
    )
}

/// The family that os-release names, and the OS's own name for itself.
fn family(release: &str) -> Result<(OsFamily, String), FileFailure> {
    let value = |key: &str| {
        let lines = release.lines().filter_map(|line| line.trim().split_once('='));
        lines.filter(|(k, _)| *k == key).map(|(_, v)| unquoted(v)).next_back().unwrap_or_default()
    };
    let (id, version) = (value("ID"), value("VERSION_ID"));
    let name = match value("PRETTY_NAME") {
        name if name.is_empty() => format!("{id} {version}"),
        name => name,
    };
    let family = match (id.as_str(), version.as_str()) {
        ("debian", "12") => OsFamily::Debian12,
        ("amzn", "2023") => OsFamily::AmazonLinux2023,
        ("ubuntu", "22.04" | "24.04") => OsFamily::Ubuntu,
        _ => {
            return Err(FileFailure::refused(
                format!("it is {name} (ID={id} VERSION_ID={version}), for which nothing is written"),
                "Packages, steps and controls exist for Debian 12, Ubuntu 22.04 and 24.04, and Amazon Linux 2023.",
            ));
        }
    };
    Ok((family, name))
}

/// A value as the shell would read it; control characters, which have no place in a name, are dropped.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    let inner = ['"', '\''].iter().find_map(|q| value.strip_prefix(*q).and_then(|v| v.strip_suffix(*q)));
    inner.unwrap_or(value).chars().filter(|c| !c.is_control() && *c != '\\').collect()
}

/// From the header of the shell that will run every step.
fn arch(view: &LayeredView) -> Result<Arch, FileFailure> {
    let help = "A base needs a shell at /bin/sh that is a Linux program for x86_64 or arm64: every step runs in it.";
    let Some(mut shell) = view.open("bin/sh")? else {
        return Err(FileFailure::refused("it has no /bin/sh", help));
    };
    let mut header = [0; 20];
    std::io::Read::read_exact(&mut shell, &mut header)
        .map_err(|_| FileFailure::refused("its /bin/sh is not a program", help))?;
    elf_arch(&header).ok_or_else(|| FileFailure::refused("its /bin/sh is not a program for x86_64 or arm64", help))
}

fn elf_arch(header: &[u8; 20]) -> Option<Arch> {
    let is_elf64_little = header[..6] == *b"\x7fELF\x02\x01";
    match (is_elf64_little, [header[18], header[19]]) {
        (true, [62, 0]) => Some(Arch::X86_64),
        (true, [183, 0]) => Some(Arch::Arm64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_by_id_and_version() {
        let of = |text: &str| family(text).map(|(family, _)| family);
        assert_eq!(of("ID=debian\nVERSION_ID=\"12\"\n").unwrap(), OsFamily::Debian12);
        assert_eq!(of("VERSION_ID='24.04'\nID=ubuntu").unwrap(), OsFamily::Ubuntu);
        assert_eq!(of("ID=\"amzn\"\nVERSION_ID=\"2023\"").unwrap(), OsFamily::AmazonLinux2023);
        for text in ["", "ID=debian", "ID=debian\nVERSION_ID=13", "ID=fedora\nVERSION_ID=40", "ID=amzn\nVERSION_ID=2"] {
            let message = of(text).unwrap_err().to_string();
            assert!(message.contains("Debian 12") && message.contains("Amazon Linux 2023"), "{message}");
        }
        let message = of("PRETTY_NAME=\"Fedora \x1b[31m40\"\nID=fedora\nVERSION_ID=40").unwrap_err().to_string();
        assert!(message.contains("Fedora") && !message.contains('\x1b'), "{message}");
    }

    #[test]
    fn the_architecture_is_in_the_elf_header() {
        let header = |machine: u8| {
            let mut header = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\0\0";
            header[18] = machine;
            header
        };
        assert_eq!(elf_arch(&header(62)), Some(Arch::X86_64));
        assert_eq!(elf_arch(&header(183)), Some(Arch::Arm64));
        assert_eq!(elf_arch(&header(3)), None);
        assert_eq!(elf_arch(b"#!/bin/bash\necho hello"[..20].try_into().unwrap()), None);
    }
}
