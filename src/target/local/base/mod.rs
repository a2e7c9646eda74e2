//! Bases of the local target: this machine's own Linux, a root filesystem folder, a tarball, an OCI image layout.
//! Each resolves to an id that is unique for its content, and to directories that an overlay can lie on.

mod host;
mod os;
mod packages;
mod unpacked;

pub use packages::packages;

use super::oci;
use super::tree::{
    FileFailure, FileOperation, FileOutcome, Owners, Runner, UnpackLimits, Unpacked, cached, digest_file, perform,
};
use crate::identity::{Arch, Digest, OsFamily};
use crate::recipe::LocalBase;
use crate::target::{ResolvedBase, TargetError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A base that can be built on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// What it is.
    pub base: ResolvedBase,
    /// The directories that make it up, the lowest first. They are only ever read.
    pub lowers: Vec<PathBuf>,
    /// What people should know: files that could not be read, device nodes that were left out.
    pub notes: Vec<String>,
}

/// Resolves bases.
#[derive(Clone, Copy)]
pub struct Resolver<'a> {
    /// Relative paths start here.
    pub factory: &'a Path,
    /// Unpacked bases and kept digests. Made with mode 0700: unpacked bases hold setuid programs.
    pub cache: &'a Path,
    /// How much a base may unpack to.
    pub limits: UnpackLimits,
    /// Whose unpacked files are.
    pub owners: Owners,
    /// Who performs what changes or reads trees.
    pub run: Runner<'a>,
}

/// Resolves a base in this process, with the default limits. Unpacking takes root; see [`Resolver`] for the rest.
pub fn resolve(spec: &LocalBase, factory: &Path, cache: &Path) -> Result<Resolved, TargetError> {
    Resolver { factory, cache, limits: UnpackLimits::default(), owners: Owners::Archive, run: &perform }.resolve(spec)
}

/// What a root filesystem is: its OS family, its own name for itself, and its architecture.
pub fn os_of(root: &Path) -> Result<(OsFamily, String, Arch), TargetError> {
    let os = os::detect(root).map_err(|failure| failure.of_base(&root.display().to_string()))?;
    Ok((os.family, os.name, os.arch))
}

/// For sweeping: removes what unpacks that were killed have left in the cache, and answers what that was.
pub fn remove_leftovers(cache: &Path, run: Runner<'_>) -> Result<Vec<PathBuf>, TargetError> {
    let store = cache.join(UNPACKED);
    unpacked::remove_leftovers(&store, run).map_err(|failure| failure.of_stored(&store))
}

/// Where in the cache unpacked bases are.
const UNPACKED: &str = "unpacked";

/// A base before its OS is known.
struct Found {
    id: String,
    parts: BTreeMap<String, Digest>,
    description: String,
    root: PathBuf,
    notes: Vec<String>,
}

impl Resolver<'_> {
    /// Resolves a base: finds it, verifies and unpacks it where that was not done before, and looks what it is.
    pub fn resolve(&self, spec: &LocalBase) -> Result<Resolved, TargetError> {
        let label = label(spec);
        self.resolved(spec).map_err(|failure| failure.of_base(&label))
    }

    fn resolved(&self, spec: &LocalBase) -> Result<Resolved, FileFailure> {
        let arch = Arch::of_this_machine().ok_or_else(|| {
            FileFailure::refused("this machine is neither x86_64 nor arm64", "Images are built for those two only.")
        })?;
        oci::private_dir(self.cache)?;
        let found = match spec {
            LocalBase::Host => self.host()?,
            LocalBase::Rootfs(dir) => self.rootfs(dir)?,
            LocalBase::Tarball(file) => self.tarball(file)?,
            LocalBase::Oci(reference) => self.oci(reference, arch)?,
        };
        let os = os::detect(&found.root)?;
        if os.arch != arch {
            return Err(FileFailure::refused(
                format!("it is for {}, this machine is {arch}", os.arch),
                "Take the base for this architecture, or build on a machine of the base's.",
            ));
        }
        let description = format!("{} ({})", found.description, os.name);
        Ok(Resolved {
            base: ResolvedBase {
                id: found.id,
                description,
                family: os.family,
                os_name: os.name,
                arch,
                parts: found.parts,
            },
            lowers: vec![found.root],
            notes: found.notes,
        })
    }

    fn host(&self) -> Result<Found, FileFailure> {
        let packages = cached(Some(&self.digest_cache("host-packages")?), true, &host::feed_packages)?;
        let hashed = cached(Some(&self.digest_cache("host-settings")?), true, &host::feed_settings)?;
        let mut notes = Vec::new();
        if hashed.unreadable > 0 {
            notes.push(format!(
                "{} files below /etc may not be read by this user: changes in them go unnoticed",
                hashed.unreadable
            ));
        }
        Ok(Found {
            id: format!("host:{}", Digest::of(format!("{} {}", packages.digest, hashed.digest))),
            parts: [("packages".to_owned(), packages.digest), ("settings".to_owned(), hashed.digest)].into(),
            description: "this machine".to_owned(),
            root: PathBuf::from("/"),
            notes,
        })
    }

    fn rootfs(&self, dir: &str) -> Result<Found, FileFailure> {
        let root = self.existing(dir)?;
        if !root.is_dir() {
            return Err(FileFailure::refused(
                format!("{} is not a folder", root.display()),
                "A rootfs base is a folder that holds a root filesystem; for an archive say `tarball:`.",
            ));
        }
        let state = self.cache.canonicalize().unwrap_or_else(|_| self.cache.to_owned());
        if state.starts_with(&root) {
            return Err(FileFailure::refused(
                format!("the state folder lies inside it, at {}", self.cache.display()),
                "Each build would change its own base: choose a state folder outside of it with --state DIR.",
            ));
        }
        let cache = self.digest_cache(&format!("rootfs {}", root.display()))?;
        match (self.run)(&FileOperation::HashTree { root: root.clone(), cache: Some(cache) })? {
            FileOutcome::Hashed(hashed) => Ok(Found {
                id: format!("rootfs:{}", hashed.digest),
                parts: BTreeMap::new(),
                description: format!("root filesystem {dir}"),
                root,
                notes: Vec::new(),
            }),
            _ => Err(wrong_answer("hashing")),
        }
    }

    /// The id is sha256 of the file as it is: one pass, no decompression, and `sha256sum` shows the same.
    fn tarball(&self, file: &str) -> Result<Found, FileFailure> {
        let archive = self.existing(file)?;
        if !archive.is_file() {
            return Err(FileFailure::refused(
                format!("{} is not a file", archive.display()),
                "A tarball base is a .tar or .tar.gz; for a folder say `rootfs:`, for an OCI layout `oci:`.",
            ));
        }
        let digest = digest_file(&archive, &self.digest_cache(&format!("file {}", archive.display()))?)?;
        let (root, done) = self.unpacked(&format!("tarball-{digest}"), &|into| {
            let operation = FileOperation::UnpackTar {
                archive: archive.clone(),
                digest: digest.clone(),
                into: into.to_owned(),
                limits: self.limits,
                owners: self.owners,
            };
            self.unpack(&operation)
        })?;
        Ok(Found {
            id: format!("tarball:{digest}"),
            parts: BTreeMap::new(),
            description: format!("tarball {file}"),
            root,
            notes: unpack_notes(&done),
        })
    }

    /// All layers are merged into one directory: a base is read-only here, so nothing is gained by stacking them, and
    /// a merged tree needs no whiteouts, which only root can make on every kernel.
    fn oci(&self, reference: &str, arch: Arch) -> Result<Found, FileFailure> {
        let (dir, tag) = self.layout(reference)?;
        let image = oci::find(&dir, tag, arch)?;
        let (root, done) = self.unpacked(&format!("oci-{}", image.manifest), &|into| {
            image.layers.iter().try_fold(Unpacked::default(), |done, layer| {
                let operation = FileOperation::UnpackOciLayer {
                    blob: layer.clone(),
                    into: into.to_owned(),
                    limits: self.limits.after(&done),
                    owners: self.owners,
                };
                self.unpack(&operation).map(|more| done.and(more))
            })
        })?;
        Ok(Found {
            id: format!("oci:{}", image.manifest),
            parts: BTreeMap::new(),
            description: format!("OCI image {reference}"),
            root,
            notes: unpack_notes(&done),
        })
    }

    /// `DIR` or `DIR:TAG`. A folder whose name has a colon is found first.
    fn layout<'t>(&self, reference: &'t str) -> Result<(PathBuf, Option<&'t str>), FileFailure> {
        if self.factory.join(reference).is_dir() {
            return self.existing(reference).map(|dir| (dir, None));
        }
        match reference.rsplit_once(':') {
            Some((dir, tag)) if !tag.contains('/') && !tag.is_empty() => self.existing(dir).map(|dir| (dir, Some(tag))),
            _ => self.existing(reference).map(|dir| (dir, None)),
        }
    }

    fn existing(&self, path: &str) -> Result<PathBuf, FileFailure> {
        let full = self.factory.join(path);
        full.canonicalize().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => FileFailure::refused(
                format!("{} does not exist", full.display()),
                "Relative paths start at the factory folder, which holds amifactory.yaml.",
            ),
            _ => FileFailure::io(format!("looking for {}", full.display()), error),
        })
    }

    fn unpack(&self, operation: &FileOperation) -> Result<Unpacked, FileFailure> {
        match (self.run)(operation)? {
            FileOutcome::Unpacked(done) => Ok(done),
            _ => Err(wrong_answer("unpacking")),
        }
    }

    fn digest_cache(&self, of: &str) -> Result<PathBuf, FileFailure> {
        let folder = self.cache.join("digests");
        oci::private_dir(&folder)?;
        Ok(folder.join(Digest::of(of).as_str()))
    }

    fn unpacked(
        &self,
        key: &str,
        unpack: &dyn Fn(&Path) -> Result<Unpacked, FileFailure>,
    ) -> Result<(PathBuf, Unpacked), FileFailure> {
        unpacked::once(&self.cache.join(UNPACKED), key, self.run, unpack)
    }
}

fn label(spec: &LocalBase) -> String {
    match spec {
        LocalBase::Host => "host".to_owned(),
        LocalBase::Rootfs(dir) => format!("rootfs {dir}"),
        LocalBase::Tarball(file) => format!("tarball {file}"),
        LocalBase::Oci(reference) => format!("oci {reference}"),
    }
}

fn unpack_notes(done: &Unpacked) -> Vec<String> {
    let devices = done.skipped_devices;
    let note = || format!("{devices} device nodes of the base were left out: a sandbox brings its own /dev");
    (devices > 0).then(note).into_iter().collect()
}

fn wrong_answer(doing: &str) -> FileFailure {
    FileFailure::io(doing, std::io::Error::other("the helper process answered something else"))
}
