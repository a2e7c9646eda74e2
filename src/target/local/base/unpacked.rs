//! Bases that were unpacked, each once: `<key>/root` is the tree, `<key>/unpacked.json` says what went into it. The
//! folder gets its name only when it is whole, so that a killed unpack leaves nothing that could be taken for one.

use crate::target::local::oci::{lock_file, private_dir, write_file};
use crate::target::local::tree::{FileFailure, FileOperation, Runner, Unpacked};
use rustix::fs::FlockOperation;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The unpacked tree of this key, made by `unpack` into an empty directory if it is not there.
pub(super) fn once(
    store: &Path,
    key: &str,
    run: Runner<'_>,
    unpack: &dyn Fn(&Path) -> Result<Unpacked, FileFailure>,
) -> Result<(PathBuf, Unpacked), FileFailure> {
    private_dir(store)?;
    keep_private(store)?;
    let home = store.join(key);
    let root = home.join("root");
    if let Some(done) = whole(&home) {
        return Ok((root, done));
    }
    let _lock = lock_file(&store.join(format!(".{key}.lock")), FlockOperation::LockExclusive)?;
    if let Some(done) = whole(&home) {
        return Ok((root, done));
    }
    // Under the lock, whatever bears this name is of an unpack that died.
    let partial = store.join(format!(".{key}.partial"));
    let remove = || run(&FileOperation::RemoveTree { path: partial.clone() });
    remove()?;
    let failed = |e| FileFailure::io(format!("making {}", partial.display()), e);
    private_dir(&partial)?;
    let unfinished = partial.join("root");
    std::fs::DirBuilder::new().mode(0o755).create(&unfinished).map_err(failed)?;
    let done = match unpack(&unfinished) {
        Ok(done) => done,
        Err(failure) => {
            // The next unpack would remove it too; a base that can't be used should not fill the disk until then.
            return Err(match remove() {
                Ok(_) => failure,
                Err(left) => {
                    FileFailure::refused(failure.to_string(), format!("Also, what was unpacked stays: {left}"))
                }
            });
        }
    };
    let record = serde_json::to_vec(&done).map_err(|e| failed(e.into()))?;
    write_file(&partial.join("unpacked.json"), &record)?;
    // All of the tree has to be on the disk before its name says that it is whole.
    let folder = std::fs::File::open(store).map_err(failed)?;
    rustix::fs::syncfs(&folder).map_err(|e| failed(e.into()))?;
    std::fs::rename(&partial, &home).map_err(failed)?;
    folder.sync_all().map_err(failed)?;
    Ok((root, done))
}

fn whole(home: &Path) -> Option<Unpacked> {
    serde_json::from_slice(&std::fs::read(home.join("unpacked.json")).ok()?).ok()
}

/// Setuid programs of a base must not be reachable for the machine's other users.
fn keep_private(store: &Path) -> Result<(), FileFailure> {
    let failed = |e| FileFailure::io(format!("making {} private", store.display()), e);
    let mode = std::fs::metadata(store).map_err(failed)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    std::fs::set_permissions(store, std::fs::Permissions::from_mode(0o700)).map_err(failed)
}

/// Removes what unpacks that died have left, as long as nobody unpacks there now. Answers what it removed.
pub(super) fn remove_leftovers(store: &Path, run: Runner<'_>) -> Result<Vec<PathBuf>, FileFailure> {
    let failed = |e| FileFailure::io(format!("reading {}", store.display()), e);
    let mut removed = Vec::new();
    if !store.exists() {
        return Ok(removed);
    }
    for entry in std::fs::read_dir(store).map_err(failed)? {
        let partial = entry.map_err(failed)?.path();
        if partial.extension().is_none_or(|extension| extension != "partial") {
            continue;
        }
        match lock_file(&partial.with_extension("lock"), FlockOperation::NonBlockingLockExclusive) {
            Ok(_lock) => {
                run(&FileOperation::RemoveTree { path: partial.clone() })?;
                removed.push(partial);
            }
            Err(FileFailure::Io { errno, .. }) if errno == Some(rustix::io::Errno::WOULDBLOCK.raw_os_error()) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(removed)
}
