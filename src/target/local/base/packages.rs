//! The packages in an image, read from dpkg's own records in its layers.

use crate::target::local::tree::{FileFailure, LayeredView, OverlayXattrs};
use crate::target::{Package, TargetError};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Ten times that of a machine with every desktop installed.
const MAX_STATUS: u64 = 128 << 20;

/// Installed packages by name, from dpkg's status file and from `status.d`, where images without dpkg keep theirs.
/// The layers are the lowest first; an image of rpm has an empty list here.
pub fn packages(layers: &[PathBuf], overlay: OverlayXattrs) -> Result<Vec<Package>, TargetError> {
    let top = layers.last().cloned().unwrap_or_default();
    listed(layers, overlay).map_err(|failure| failure.of_stored(&top))
}

fn listed(layers: &[PathBuf], overlay: OverlayXattrs) -> Result<Vec<Package>, FileFailure> {
    let view = LayeredView::new(layers, overlay)?;
    let mut all = BTreeSet::new();
    if let Some(status) = view.read("var/lib/dpkg/status", MAX_STATUS)? {
        parse(&String::from_utf8_lossy(&status), &mut all);
    }
    for name in view.names("var/lib/dpkg/status.d")? {
        // Beside each package's record there may be its checksums.
        let Some(name) = name.to_str().filter(|name| !name.ends_with(".md5sums")) else { continue };
        if let Some(status) = view.read(&format!("var/lib/dpkg/status.d/{name}"), MAX_STATUS)? {
            parse(&String::from_utf8_lossy(&status), &mut all);
        }
    }
    Ok(all.into_iter().collect())
}

fn parse(status: &str, all: &mut BTreeSet<Package>) {
    for paragraph in status.split("\n\n") {
        let field = |key: &str| {
            let value = |line: &'_ str| {
                line.strip_prefix(key).and_then(|rest| rest.strip_prefix(':')).map(|v| v.trim().to_owned())
            };
            paragraph.lines().find_map(value)
        };
        let (Some(name), Some(version)) = (field("Package"), field("Version")) else { continue };
        // Without a status (in status.d) it is there; else all states but these two have files on the disk.
        let state = field("Status").and_then(|status| status.split_whitespace().nth(2).map(str::to_owned));
        if matches!(state.as_deref(), Some("not-installed" | "config-files")) {
            continue;
        }
        let arch = field("Architecture").unwrap_or_default();
        all.insert(Package { name, version, arch, kind: "deb".to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_packages_are_not_listed_and_half_configured_ones_are() {
        let status = "Package: a\nStatus: install ok installed\nVersion: 1:2-3\nArchitecture: amd64\nDescription: x\n Version: 9\n\n\
                      Package: b\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n\n\
                      Package: c\nStatus: install ok half-configured\nArchitecture: all\nVersion: 4\n\n\
                      Package: d\nVersion: 5\nArchitecture: all\n\nnonsense\n\n";
        let mut all = BTreeSet::new();
        parse(status, &mut all);
        let list: Vec<String> = all.iter().map(|p| format!("{} {} {}", p.name, p.version, p.arch)).collect();
        assert_eq!(list, ["a 1:2-3 amd64", "c 4 all", "d 5 all"]);
    }
}
