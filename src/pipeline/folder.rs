//! The state folder: where journals, logs and evidence lie, and who may use it.

use crate::identity::{BuildId, ImageId, RecipeName};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// `.amifactory/`: readable by its owner alone, because what lies in it may be set-user-id or secret.
#[derive(Debug, Clone)]
pub struct StateFolder {
    root: PathBuf,
}

/// A recipe's lock. Held for as long as this value lives; the system gives it back when the process dies.
#[derive(Debug)]
pub struct RecipeLock {
    _file: File,
}

/// Whether a recipe's lock could be had.
#[derive(Debug)]
pub enum LockAttempt {
    /// It is ours now.
    Taken(RecipeLock),
    /// Someone else has it; says who.
    Held(String),
}

impl StateFolder {
    /// Opens the folder, making it where it is missing.
    pub fn open(root: &Path) -> io::Result<StateFolder> {
        make_private(root)?;
        let root = fs::canonicalize(root).map_err(named("opening", root))?;
        for part in ["builds", "locks"] {
            make_private(&root.join(part))?;
        }
        Ok(StateFolder { root })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of one build: journal, logs, the record of a build that made no image.
    pub fn build(&self, build: &BuildId) -> PathBuf {
        self.root.join("builds").join(build.as_str())
    }

    /// All builds that have a folder, by name.
    pub fn builds(&self) -> io::Result<Vec<BuildId>> {
        let folder = self.root.join("builds");
        let mut builds: Vec<BuildId> = fs::read_dir(&folder)
            .map_err(named("reading", &folder))?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect();
        builds.sort();
        Ok(builds)
    }

    /// The build of a recipe that was last at work here.
    pub fn last_build(&self, recipe: &RecipeName) -> io::Result<Option<BuildId>> {
        // `<recipe>-<digest>-<attempt>`
        let of_recipe = |build: &BuildId| build.as_str().rsplitn(3, '-').nth(2) == Some(recipe.as_str());
        let builds = self.builds()?.into_iter().filter(of_recipe);
        Ok(builds.max_by_key(|build| fs::metadata(self.build(build).join("log")).and_then(|log| log.modified()).ok()))
    }

    /// Makes a build's folder.
    pub fn make_build(&self, build: &BuildId) -> io::Result<PathBuf> {
        let folder = self.build(build);
        make_private(&folder)?;
        make_private(&folder.join("log"))?;
        Ok(folder)
    }

    /// Makes the folder of an image's retirement, for its journal.
    pub fn make_retirement(&self, image: &ImageId) -> io::Result<PathBuf> {
        let folder = self.root.join("retired").join(image.as_str());
        make_private(&folder)?;
        Ok(folder)
    }

    /// Where an image's evidence is written for people.
    pub fn evidence(&self, image: &ImageId) -> PathBuf {
        self.root.join("evidence").join(image.as_str())
    }

    /// Waits for the right to write evidence: two builds that find the same image up to date may both want to.
    pub fn lock_evidence(&self) -> io::Result<File> {
        let path = self.root.join("locks").join("evidence");
        let open = || File::options().write(true).create(true).truncate(false).open(&path);
        let file = open().map_err(named("opening", &path))?;
        file.lock().map_err(named("locking", &path))?;
        Ok(file)
    }

    /// Whether a process works on this recipe now. Asking makes no file; whoever tries to take the
    /// lock at that very moment has to try again.
    pub fn is_locked(&self, recipe: &RecipeName) -> io::Result<bool> {
        let path = self.root.join("locks").join(format!("{recipe}.lock"));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(named("opening", &path)(error)),
        };
        match file.try_lock_shared() {
            // Given back as the file is closed.
            Ok(()) => Ok(false),
            Err(std::fs::TryLockError::WouldBlock) => Ok(true),
            Err(std::fs::TryLockError::Error(error)) => Err(named("locking", &path)(error)),
        }
    }

    /// Tries to become the one process that works on this recipe.
    pub fn try_lock(&self, recipe: &RecipeName) -> io::Result<LockAttempt> {
        let path = self.root.join("locks").join(format!("{recipe}.lock"));
        let open = || File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open().map_err(named("opening", &path))?;
        match file.try_lock() {
            Ok(()) => {
                let mut sign = || {
                    file.set_len(0)?;
                    file.rewind()?;
                    writeln!(file, "process {} since {}", std::process::id(), super::clock::timestamp())
                };
                sign().map_err(named("writing", &path))?;
                Ok(LockAttempt::Taken(RecipeLock { _file: file }))
            }
            Err(std::fs::TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who holds it is for people only; a lock whose owner has not yet signed is held all the same.
                let _ = file.read_to_string(&mut holder);
                let holder = holder.trim();
                Ok(LockAttempt::Held(if holder.is_empty() { "another process".into() } else { holder.into() }))
            }
            Err(std::fs::TryLockError::Error(error)) => Err(named("locking", &path)(error)),
        }
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(named("making", folder))
}

/// Says what was being done to which file: the system does not.
fn named<'a>(doing: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> io::Error + 'a {
    move |error| io::Error::new(error.kind(), format!("{doing} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(&folder.path().join("state")).unwrap();
        let (recipe, build) = ("web".parse().unwrap(), "web-0123456789ab-1".parse().unwrap());
        fs::remove_dir(state.root().join("locks")).unwrap();
        fs::remove_dir(state.root().join("builds")).unwrap();
        fs::write(state.root().join("locks"), "").unwrap();
        fs::write(state.root().join("builds"), "").unwrap();
        let told = [
            (state.try_lock(&recipe).unwrap_err(), "locks/web.lock"),
            (state.lock_evidence().unwrap_err(), "locks/evidence"),
            (state.builds().unwrap_err(), "/builds"),
            (state.make_build(&build).unwrap_err(), "builds/web-0123456789ab-1"),
            (StateFolder::open(&state.root().join("builds")).unwrap_err(), "/builds"),
        ];
        for (error, path) in told {
            let text = error.to_string();
            assert!(text.contains(path) && text.contains(state.root().to_str().unwrap()), "{path}: {text}");
        }
    }
}
