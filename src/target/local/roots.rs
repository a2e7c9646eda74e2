//! What lies under a builder: the base's own root filesystem, then the layers of the images it is built on.

use super::base::{Resolved, Resolver};
use super::builders::{BuilderDocument, RootDocument};
use super::files::Files;
use super::layers;
use super::sandbox::Lower;
use super::store::Store;
use super::tree::{Owners, UnpackLimits};
use crate::recipe::{BaseSpec, LocalBase};
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
    pub fn resolve(&self, spec: &BaseSpec) -> Result<Arc<Resolved>, TargetError> {
        let BaseSpec::Local(local) = spec else {
            return Err(TargetError::Base {
                base: format!("{spec:?}"),
                what: "this is not a base of the local target".into(),
                help: "use `base: {local: …}` or `base: {recipe: …}`".into(),
            });
        };
        let key = format!("{local:?}");
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

    /// What a builder's overlay lies on, bottom first.
    pub fn lowers(&self, store: &Store, document: &BuilderDocument) -> Result<Vec<Lower>, TargetError> {
        let mut lowers = match &document.root.spec {
            BaseSpec::Local(LocalBase::Host) => vec![Lower::Host],
            spec => self.resolve(spec)?.lowers.iter().cloned().map(Lower::Dir).collect(),
        };
        lowers.extend(document.layers.iter().map(|layer| Lower::Dir(layers::upper(store, layer))));
        Ok(lowers)
    }

    /// Refuses a root that is not what it was when the image over it was made.
    pub fn unchanged(&self, root: &RootDocument, image: &str) -> Result<(), TargetError> {
        let now = self.resolve(&root.spec)?;
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
