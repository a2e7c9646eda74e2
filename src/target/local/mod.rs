//! The local target: builds in a sandbox on this machine.
//!
//! | module | holds |
//! |---|---|
//! | [`sandbox`] | namespaces, limits, the network gate |
//! | [`base`] | host, folders, tarballs and OCI layouts as bases |
//! | [`tree`] | file trees: digest, pack, unpack, remove |
//! | [`oci`] | OCI image layouts, in and out |
//! | [`trial`] | throw-away roots, and the contract of one control on them |
//! | `store`, `builders`, `images`, `layers`, `pointers` | what is on disk |
//!
//! # What holds here
//!
//! - On this machine a pointer is a document with its newest entry in it and a history beside it, a line for each
//!   entry (`target/local/history.rs`). The document is written first, so that a crash leaves at most a line to be
//!   written with the next move; any other difference between the two is someone's hand, and is told. An entry's time
//!   is its note's, so that the chain of hashes holds it too.

pub mod base;
mod builders;
mod files;
mod history;
mod images;
mod layers;
pub mod oci;
mod pointers;
mod revoked;
mod roots;
mod run;
pub mod sandbox;
mod shelf;
mod snapshot;
mod store;
pub mod tree;
pub mod trial;

use crate::identity::{BuilderId, Digest, ImageId, RecipeName, TargetKind};
use crate::pipeline::clock;
use crate::recipe::{BaseSpec, LocalBase};
use crate::release::{History, Note};
use crate::target::{
    Builder, BuilderState, Entry, Image, ImageRecord, ImageRequest, LaunchBase, LaunchRequest, Move, Pin, Pointer,
    PointerName, Pointers, ResolvedBase, Revocation, RunRequest, RunResult, Shelf, Standing, Tags, Target, TargetError,
    local_base,
};
use async_trait::async_trait;
use builders::{BuilderDocument, RootDocument, RootSpec};
use files::Files;
use roots::Roots;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Store;

pub use images::id as image_id;

/// What `main` hands to [`sandbox::sandbox_main`]: the operations that a helper process can perform.
pub const OPERATIONS: &[sandbox::Operation] = &[files::OPERATION];

/// Builds in a sandbox on this machine.
pub struct LocalTarget {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    roots: Roots,
    files: Files,
    exe: PathBuf,
    /// What steps must not even read: the state folder and the factory, wherever they lie.
    hidden: Vec<PathBuf>,
}

impl LocalTarget {
    /// Opens the target that keeps its builders and images in a state folder.
    pub fn open(state: &Path, factory: &Path) -> Result<LocalTarget, TargetError> {
        let exe = std::env::current_exe()
            .map_err(|source| TargetError::Io { what: "finding this program's own file".into(), source })?;
        LocalTarget::with_program(state, factory, exe)
    }

    /// The same with another program as its helper: for tests, which are not the program.
    pub fn with_program(state: &Path, factory: &Path, exe: PathBuf) -> Result<LocalTarget, TargetError> {
        let store = Store::open(state)?;
        let files = Files::new(exe.clone());
        let roots = Roots::new(factory.to_owned(), &store, files.clone());
        Ok(LocalTarget {
            inner: Arc::new(Inner { store, roots, files, exe, hidden: vec![state.to_owned(), factory.to_owned()] }),
        })
    }

    /// Work that takes the disk's time, or waits for the store's lock, is done beside the others: whoever holds the
    /// lock may be stopped, and Ctrl-C is answered all the same.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, TargetError> + Send + 'static,
    ) -> Result<T, TargetError> {
        let inner = self.inner.clone();
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(done) => done,
            Err(error) => {
                Err(TargetError::Io { what: "working on the disk".into(), source: std::io::Error::other(error) })
            }
        }
    }
}

#[async_trait]
impl Target for LocalTarget {
    fn kind(&self) -> TargetKind {
        TargetKind::Local
    }

    fn shelf(&self) -> Option<&dyn Shelf> {
        Some(self)
    }

    /// No kernel is booted here.
    fn can_see_runtime(&self) -> bool {
        false
    }

    async fn check(&self) -> Result<(), TargetError> {
        sandbox::sweep_cgroups();
        sandbox::check(false)?;
        // What killed runs left half-unpacked, or before it had an owner.
        self.blocking(|inner| {
            inner.store.remove_ownerless(&inner.files)?;
            base::remove_leftovers(&inner.store.cache(), &|operation| inner.files.run(operation)).map(drop)
        })
        .await
    }

    async fn resolve_base(&self, base: &BaseSpec) -> Result<ResolvedBase, TargetError> {
        let base = local_base(base)?.clone();
        if base == LocalBase::Host {
            sandbox::check(true)?;
        }
        self.blocking(move |inner| Ok(inner.roots.resolve(&base)?.base.clone())).await
    }

    async fn builders(&self) -> Result<Vec<Builder>, TargetError> {
        Ok(builders::all(&self.inner.store)?.into_iter().map(|document| document.builder).collect())
    }

    async fn launch(&self, request: &LaunchRequest) -> Result<Builder, TargetError> {
        let request = request.clone();
        self.blocking(move |inner| inner.launch(&request)).await
    }

    async fn run(&self, builder: &BuilderId, request: RunRequest<'_>) -> Result<RunResult, TargetError> {
        let id = builder.clone();
        let lowers =
            self.blocking(move |inner| inner.roots.lowers(&inner.store, &builders::expect(&inner.store, &id)?)).await?;
        let Inner { store, exe, hidden, .. } = &*self.inner;
        run::run(store, lowers, exe, hidden, builder, request).await
    }

    async fn result(&self, builder: &BuilderId, bundle: &Digest) -> Result<Option<RunResult>, TargetError> {
        run::result(&self.inner.store, builder, bundle)
    }

    async fn stop(&self, builder: &BuilderId) -> Result<(), TargetError> {
        let id = builder.clone();
        self.blocking(move |inner| builders::set_state(&inner.store, &id, BuilderState::Stopped)).await
    }

    async fn terminate(&self, builder: &BuilderId) -> Result<(), TargetError> {
        let id = builder.clone();
        self.blocking(move |inner| {
            let _lock = inner.store.lock()?;
            builders::remove(&inner.store, &inner.files, &id)
        })
        .await
    }

    async fn images(&self) -> Result<Vec<Image>, TargetError> {
        images::shown(&self.inner.store)
    }

    async fn create_image(&self, builder: &BuilderId, request: &ImageRequest) -> Result<Image, TargetError> {
        let (id, request) = (builder.clone(), request.clone());
        self.blocking(move |inner| snapshot::create(&inner.store, &inner.roots, &inner.files, &id, &request)).await
    }

    async fn standing_and_marks(&self, names: &[PointerName]) -> Result<Standing, TargetError> {
        let mut standing = self.standing(names).await?;
        let recipes: BTreeSet<&RecipeName> = names.iter().map(|name| &name.recipe).collect();
        for recipe in recipes {
            standing.revocations.extend(revoked::of_recipe(&self.inner.store, recipe)?);
        }
        Ok(standing)
    }

    async fn mark_revoked(&self, version: &PointerName, revocation: &Revocation) -> Result<(), TargetError> {
        let (version, revocation) = (version.clone(), revocation.clone());
        self.blocking(move |inner| revoked::mark(&inner.store, &version, &revocation)).await
    }

    async fn tag_image(&self, image: &ImageId, tags: &Tags) -> Result<(), TargetError> {
        let (id, tags) = (image.clone(), tags.clone());
        self.blocking(move |inner| images::tag(&inner.store, &id, &tags)).await
    }

    async fn record(&self, image: &ImageId) -> Result<ImageRecord, TargetError> {
        images::record(&self.inner.store, image)
    }

    async fn put_record(&self, image: &ImageId, record: &ImageRecord) -> Result<(), TargetError> {
        images::put_record(&self.inner.store, image, record)
    }

    async fn delete_image(&self, image: &ImageId) -> Result<(), TargetError> {
        let id = image.clone();
        self.blocking(move |inner| images::remove(&inner.store, &inner.files, &id)).await
    }

    async fn pointer(&self, name: &PointerName) -> Result<Option<Pointer>, TargetError> {
        pointers::get(&self.inner.store, name)
    }

    async fn pointers(&self, recipe: &RecipeName) -> Result<Vec<Pointer>, TargetError> {
        pointers::of_recipe(&self.inner.store, recipe)
    }

    async fn pointers_told_apart(&self, recipe: &RecipeName) -> Result<Pointers, TargetError> {
        pointers::told_apart(&self.inner.store, recipe)
    }

    async fn put_back_versions(&self, recipe: &RecipeName) -> Result<Vec<PointerName>, TargetError> {
        pointers::put_back_versions(&self.inner.store, recipe)
    }

    async fn create_pointer(&self, name: &PointerName, image: &ImageId, note: &Note) -> Result<(), TargetError> {
        let (name, image, note) = (name.clone(), image.clone(), note.clone());
        self.blocking(move |inner| {
            images::expect(&inner.store, &image)?;
            pointers::create(&inner.store, &name, &image, &note)
        })
        .await
    }

    async fn move_pointer(
        &self,
        name: &PointerName,
        expected: Option<&Pointer>,
        image: &ImageId,
        note: &Note,
    ) -> Result<(), TargetError> {
        let (name, expected, image, note) = (name.clone(), expected.cloned(), image.clone(), note.clone());
        self.blocking(move |inner| {
            images::expect(&inner.store, &image)?;
            pointers::replace(&inner.store, &name, expected.as_ref(), &image, &note).map(drop)
        })
        .await
    }

    /// The store's lock makes compare-and-set of it: nothing is left where the program dies.
    async fn move_alone(&self, wanted: &Move) -> Result<Pointer, TargetError> {
        let Move { name, expected, image, note, .. } = wanted.clone();
        self.blocking(move |inner| {
            images::expect(&inner.store, &image)?;
            match pointers::replace(&inner.store, &name, expected.as_ref(), &image, &note) {
                Err(TargetError::Conflict { what, found }) => {
                    let entries = pointers::entries(&inner.store, &name)?;
                    let by = History::of(&entries).last().and_then(|last| last.by.clone());
                    Err(TargetError::Overtaken { what, found, by: by.unwrap_or_else(|| "someone else".into()) })
                }
                other => other,
            }
        })
        .await
    }

    async fn history(&self, name: &PointerName) -> Result<Vec<Entry>, TargetError> {
        pointers::entries(&self.inner.store, name)
    }

    async fn pin(&self, name: &PointerName) -> Result<Option<Pin>, TargetError> {
        pointers::pin(&self.inner.store, name)
    }

    async fn take_pin(&self, name: &PointerName, pin: &Pin) -> Result<(), TargetError> {
        let (name, pin) = (name.clone(), pin.clone());
        self.blocking(move |inner| pointers::take_pin(&inner.store, &name, &pin)).await
    }

    async fn put_pin(&self, name: &PointerName, pin: &Pin) -> Result<(), TargetError> {
        let (name, pin) = (name.clone(), pin.clone());
        self.blocking(move |inner| pointers::put_pin(&inner.store, &name, &pin)).await
    }

    /// The name of the user that the program runs as, or the number where it has none.
    async fn who(&self) -> Result<String, TargetError> {
        let uid = nix::unistd::Uid::effective();
        let user = nix::unistd::User::from_uid(uid).ok().flatten();
        Ok(user.map_or_else(|| format!("uid {uid}"), |user| user.name))
    }
}

impl Inner {
    fn launch(&self, request: &LaunchRequest) -> Result<Builder, TargetError> {
        let (root, layers) = match &request.base {
            LaunchBase::Base(spec, resolved) => {
                let root =
                    RootDocument { spec: RootSpec { local: local_base(spec)?.clone() }, resolved: resolved.clone() };
                self.roots.unchanged(&root, "the plan")?;
                (root, Vec::new())
            }
            LaunchBase::Image(id) => {
                let image = images::expect(&self.store, id)?;
                self.roots.unchanged(&image.root, image.image.id.as_str())?;
                (image.root, image.layers)
            }
        };
        let id: BuilderId = format!("builder-{}", request.token).parse().map_err(|error| TargetError::Damaged {
            what: format!("token {}", request.token),
            why: format!("{error}"),
            help: "report this as a bug".into(),
        })?;
        let builder = Builder {
            id,
            token: request.token.clone(),
            state: BuilderState::Pending,
            created_at: clock::timestamp(),
            tags: request.tags.clone(),
        };
        builders::make(&self.store, &self.files, BuilderDocument { builder, root, layers, limits: request.limits })
    }
}
