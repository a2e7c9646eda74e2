//! What lies under a builder: the base's own root filesystem, then the layers of the images it is built on.

use super::base::{Resolved, Resolver};
use super::builders::{BuilderDocument, RootDocument};
use super::files::Files;
use super::layers;
use super::sandbox::Lower;
use super::store::Store;
use super::tree::{Owners, UnpackLimits};
use crate::recipe::LocalBase;
use crate::target::TargetError;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Resolves bases, each once in a run of the program.
pub struct Roots {
    factory: PathBuf,
    cache: PathBuf,
    files: Files,
    known: Mutex<BTreeMap<String, Arc<Resolved>>>,
}

impl Roots {
    /// Relative paths of bases start at the factory folder.
    pub fn new(factory: PathBuf, store: &Store, files: Files) -> Roots {
        Roots { factory, cache: store.cache(), files, known: Mutex::default() }
    }

    /// Resolves a base: what it is now, and where its directories are.
    pub fn resolve(&self, local: &LocalBase) -> Result<Arc<Resolved>, TargetError> {
        let key = key(local);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(resolved) = known.get(&key) {
            return Ok(resolved.clone());
        }
        let run = |operation: &_| self.files.run(operation);
        let resolver = Resolver {
            factory: &self.factory,
            cache: &self.cache,
            limits: UnpackLimits::default(),
            owners: Owners::Archive,
            run: &run,
        };
        let resolved = Arc::new(resolver.resolve(local)?);
        known.insert(key, resolved.clone());
        Ok(resolved)
    }

    /// Refuses a root that has become another while a builder lay over it: what was built is neither of the two.
    /// This machine's own Linux is left out: it lives, and an account that is added meanwhile is no reason to give up.
    pub fn still(&self, root: &RootDocument) -> Result<(), TargetError> {
        if root.spec.local == LocalBase::Host {
            return Ok(());
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(&root.spec.local));
        if self.resolve(&root.spec.local)?.base.id == root.resolved.id {
            return Ok(());
        }
        Err(TargetError::Base {
            base: root.resolved.description.clone(),
            what: "it was changed while it was built on".into(),
            help: "build again once nobody works on it".into(),
        })
    }

    /// What a builder's overlay lies on, bottom first.
    pub fn lowers(&self, store: &Store, document: &BuilderDocument) -> Result<Vec<Lower>, TargetError> {
        let mut lowers = match &document.root.spec.local {
            LocalBase::Host => vec![Lower::Host],
            spec => self.resolve(spec)?.lowers.iter().cloned().map(Lower::Dir).collect(),
        };
        lowers.extend(document.layers.iter().map(|layer| Lower::Dir(layers::upper(store, layer))));
        Ok(lowers)
    }

    /// Refuses a root that is not what it was when the image over it was made.
    pub fn unchanged(&self, root: &RootDocument, image: &str) -> Result<(), TargetError> {
        let now = self.resolve(&root.spec.local)?;
        if now.base.id == root.resolved.id {
            return Ok(());
        }
        Err(TargetError::Base {
            base: root.resolved.description.clone(),
            what: format!("it has changed since {image} was made over it"),
            help: "build again: an image is only started over the very base that it was made on".into(),
        })
    }
}

/// Under which a base is known.
fn key(spec: &LocalBase) -> String {
    format!("{spec:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::local::builders::RootSpec;

    #[test]
    fn a_root_that_changes_while_it_is_built_on_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("etc")).unwrap();
        std::fs::create_dir_all(root.join("bin")).unwrap();
        std::fs::copy("/bin/sh", root.join("bin/sh")).unwrap();
        std::fs::write(root.join("etc/os-release"), "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n")
            .unwrap();
        let store = Store::open(&folder.path().join("state")).unwrap();
        let roots = Roots::new(folder.path().to_owned(), &store, Files::in_process());
        let local = LocalBase::Rootfs("root".into());
        let resolved = roots.resolve(&local).unwrap().base.clone();
        let document = RootDocument { spec: RootSpec { local }, resolved };
        roots.still(&document).unwrap();
        std::fs::write(root.join("etc/motd"), "changed").unwrap();
        roots.unchanged(&document, "an image").unwrap(); // looked up once in a run
        let refused = roots.still(&document).unwrap_err().to_string();
        assert!(refused.contains("changed while it was built on"), "{refused}");
    }
}
