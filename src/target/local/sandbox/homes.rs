//! `base: host`: homes of people are shown as empty folders of the same owner and mode, so that whoever audits them sees
//! what is true. What they hold is nobody's business; who may look into them is no secret, and `/etc/passwd` names them.

use super::error::{Doing, Failure};
use super::host::{OS_FOLDERS, empty_folder, like};
use super::lockdown::is_real_folder;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

const PASSWD: &str = "/etc/passwd";

/// Folders at the top that are mounted over or belong to nobody: no home is shown in them.
const NEVER: [&str; 5] = ["dev", "proc", "run", "sys", "tmp"];

/// The homes that the mask would hide, relative to `/`, as far as this machine has them as folders.
pub(super) fn of_this_machine() -> Vec<PathBuf> {
    let passwd = fs::read(PASSWD).unwrap_or_default();
    let mut homes = named(&String::from_utf8_lossy(&passwd));
    // A link on the way may lead anywhere, into the OS too.
    let real = |path: &Path| path.as_os_str().is_empty() || is_real_folder(&Path::new("/").join(path));
    homes.retain(|home| home.ancestors().all(real));
    homes
}

/// Homes that accounts name, outside the OS's own folders; those that hold others come first.
fn named(passwd: &str) -> Vec<PathBuf> {
    let homes: BTreeSet<PathBuf> = passwd
        .lines()
        .filter_map(|line| Path::new(line.split(':').nth(5)?).strip_prefix("/").ok())
        .filter(|home| {
            let first = home.components().next().and_then(|part| part.as_os_str().to_str());
            first.is_some_and(|first| !OS_FOLDERS.contains(&first) && !NEVER.contains(&first))
                && home.components().all(|part| matches!(part, Component::Normal(_)))
        })
        .map(|home| home.components().collect())
        .collect();
    homes.into_iter().collect()
}

/// Owner and mode of each, one to a line: they are part of what the machine is.
pub fn described() -> String {
    let line = |home: PathBuf| {
        let found = fs::symlink_metadata(Path::new("/").join(&home)).ok()?;
        Some(format!("{} {:o} {}:{}\n", home.display(), found.mode() & 0o7777, found.uid(), found.gid()))
    };
    of_this_machine().into_iter().filter_map(line).collect()
}

/// Shows them in the mask, empty.
pub(super) fn show(mask: &Path, homes: &[PathBuf]) -> Result<(), Failure> {
    for home in homes {
        let mut at = PathBuf::new();
        for part in home.components() {
            at.push(part);
            let (machine, place) = (Path::new("/").join(&at), mask.join(&at));
            if is_real_folder(&place) {
                continue;
            }
            // What lies beside a home stays hidden: the topmost folder shows nothing of the machine's.
            match at.components().count() {
                1 => empty_folder(&place, 0o755)?,
                _ => fs::create_dir(&place).doing(|| format!("making the empty folder {}", place.display()))?,
            }
            like(&machine, &place)?;
        }
        like(&Path::new("/").join(home), &mask.join(home))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_that_the_os_does_not_hold_are_named_and_others_are_not() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nbin:x:2:2:bin:/bin:/usr/sbin/nologin\nx:x:3:3::/:/bin/sh\n\
                      web:x:33:33::/var/www:/bin/sh\nnone:x:4:4::/dev/null:/bin/sh\nann:x:1000:1000::/home/ann/:/bin/sh\n\
                      bob:x:1001:1001::/home/ann/inner:/bin/sh\nup:x:1002:1002::/home/../etc:/bin/sh\n\
                      far:x:1003:1003::/data/far:/bin/sh\nrelative:x:1004:1004::home:/bin/sh\nbroken\n";
        assert_eq!(named(passwd), ["data/far", "home/ann", "home/ann/inner", "root"].map(PathBuf::from));
    }
}
