//! Targets: where builds run. The engine knows nothing but this trait.

pub mod aws;
mod base;
mod builder;
mod copies;
mod error;
pub mod finding;
mod herald;
mod inventory;
pub mod local;
mod moves;
mod overview;
mod pipelines;
mod pointer;
mod record;
mod revocation;
mod rollouts;
mod shelf;

pub use base::{aws_base, local_base};
pub use builder::{Builder, BuilderState, LaunchBase, LaunchRequest, RunEnd, RunEvent, RunRequest, RunResult};
pub use copies::{Audience, CopyRequest, Part};
pub use error::{TargetError, of_a_look, take_over_by_promotion};
pub use herald::{Alarm, Herald, Kept, OpenTicket, Point, Ticket};
pub use inventory::{ByTemplate, GROUPS, Inventory, Kind, NOT_THERE, Sighting, Stranger};
pub use moves::{Elsewhere, Entry, Held, HeldEnd, Move, Pin, Settled, Standing, Underway, moment};
pub use overview::{Evidence, Histories, Overview, at_once};
pub use pipelines::{
    Draft, MadeImage, Pipeline, PipelineChange, PipelineRun, PipelineShape, Pipelines, RunState, Settings,
};
pub use pointer::{DamagedPointer, Pointer, PointerName, Pointers, Slot};
pub use record::{BaseRecord, GateRecord, GroupRecord, ImageRecord, Package, Provenance, TestRecord};
pub use revocation::{Revocation, Revocations, remind};
pub use rollouts::{
    AlarmSeen, AlarmState, Begun, ImageSeen, LaunchSource, Member, NamedAt, NewVersion, Pace, Refresh, RefreshState,
    Rollouts, ScalingGroup, TemplateRef, TemplateUser, TemplateVersion, Turned,
};
pub use shelf::{Intent, Retirement, Rung, Shelf, Unread, Use, Uses, WayOut};

use crate::identity::{
    AccountId, Arch, BuildId, BuilderId, Digest, ImageId, OsFamily, RecipeName, Region, RoleName, TargetKind,
};
use crate::plan::Bundle;
use crate::recipe::BaseSpec;
use crate::release::Note;
use crate::release::intent::Foreign;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The tags that every resource carries from its first moment; all keys start with `amifactory:`.
pub type Tags = BTreeMap<String, String>;

/// Of each part of an image, who else may make disks of it.
pub type Readers = BTreeMap<String, Vec<String>>;

/// A base, resolved to something that can't change under its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedBase {
    /// Unique for the content: `host:<digest>`, `rootfs:<digest>`, `oci:<digest>`, `image:<id>`.
    pub id: String,
    /// For people: "this machine (Debian GNU/Linux 12)".
    pub description: String,
    /// The OS family.
    pub family: OsFamily,
    /// `PRETTY_NAME` of its os-release.
    pub os_name: String,
    /// The architecture.
    pub arch: Arch,
    /// What the id is made of, where that can be told apart: `packages`, `settings`. So that a change can be named.
    #[serde(default)]
    pub parts: BTreeMap<String, Digest>,
}

/// What making an image needs.
#[derive(Debug, Clone)]
pub struct ImageRequest {
    /// Deterministic for (digest, attempt): the same name never gives two images.
    pub name: String,
    /// Its tags, on the image and all its parts.
    pub tags: Tags,
    /// All that is known of it so far; it travels with the image. None where the builder was found stopped by a run that
    /// knows nothing of it: its results are in the image then.
    pub record: Option<ImageRecord>,
}

/// An image that exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// Its unique name.
    pub name: String,
    /// Its tags.
    pub tags: Tags,
    /// Usable: complete on disk, `available` on EC2.
    pub available: bool,
    /// Why it will never be usable, where that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// When it was made, RFC 3339, UTC.
    pub created_at: String,
    /// Whether everybody may launch it, in any account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public: bool,
}

/// How [`Image::failed`] begins where the image is there, and nobody can launch it until it is enabled again.
pub const DISABLED: &str = "disabled";

impl Image {
    /// Whether it is whole, and nobody can launch it until it is enabled again.
    pub fn is_disabled(&self) -> bool {
        self.failed.as_deref().is_some_and(|why| why.starts_with(DISABLED))
    }
}

/// Where builds run: builders, images and pointers. Every mutating call can be repeated: with the same token or name
/// it answers with what the first one made.
#[async_trait]
pub trait Target: Send + Sync {
    /// Which target this is.
    fn kind(&self) -> TargetKind;

    /// Whether what it starts is a booted system, so that runtime audits can be answered.
    fn can_see_runtime(&self) -> bool;

    /// Its images on their way out; none where it does not offer that.
    fn shelf(&self) -> Option<&dyn Shelf> {
        None
    }

    /// What runs and what would be launched there; none where nothing is ever launched.
    fn inventory(&self) -> Option<&dyn Inventory> {
        None
    }

    /// How people are told something; none where it tells nobody.
    fn herald(&self) -> Option<&dyn Herald> {
        None
    }

    /// Where images can be rolled out to groups; none where there are no groups.
    fn rollouts(&self) -> Option<&dyn Rollouts> {
        None
    }

    /// Recipes that it builds by itself, by a schedule; none where it builds nothing by itself.
    fn pipelines(&self) -> Option<&dyn Pipelines> {
        None
    }

    /// How many requests were sent so far, where that is another number than that of calls to this trait.
    fn calls(&self) -> Option<u64> {
        None
    }

    /// Says now, before anything starts, whether builds can run here at all.
    async fn check(&self) -> Result<(), TargetError>;

    /// Looks for whatever would make builds of these recipes fail, so many at once, before any is started. Asks and
    /// changes nothing.
    async fn examine(&self, _wanted: &[finding::Wanted], _jobs: usize) -> Vec<finding::Finding> {
        Vec::new()
    }

    /// Looks at a key that images here are encrypted with; `is_shared` where other accounts are to use them.
    async fn examine_key(&self, key: &str, _is_shared: bool) -> finding::Finding {
        finding::Finding::unknown(format!("key {key}"), "this target has no keys")
    }

    /// Says before a builder is launched whether these bundles can be brought to one. Bundles that run one after the
    /// other stand together.
    fn accepts(&self, _build: &BuildId, _together: &[&[&Bundle]]) -> Result<(), TargetError> {
        Ok(())
    }

    /// Resolves a base that is not another recipe's image.
    async fn resolve_base(&self, base: &BaseSpec) -> Result<ResolvedBase, TargetError>;

    /// Whether this is a service behind a network. Then calls are dear, and nothing is asked for that a later answer
    /// shows anyway: `launch` alone finds by its token what an earlier run has launched, and that an image is published
    /// is shown by its pointers and not by a tag. What was begun goes on by itself, and results travel in the image.
    fn is_remote(&self) -> bool {
        false
    }

    /// All builders that carry an `amifactory:` tag, dead ones too.
    async fn builders(&self) -> Result<Vec<Builder>, TargetError>;
    /// The same, as seen at this moment or later: a target that has looked since then need not look again.
    async fn builders_since(&self, _then: tokio::time::Instant) -> Result<Vec<Builder>, TargetError> {
        self.builders().await
    }
    /// One builder that is waited for; none where it is gone.
    async fn builder(&self, id: &BuilderId) -> Result<Option<Builder>, TargetError> {
        Ok(self.builders().await?.into_iter().find(|builder| builder.id == *id))
    }
    /// Makes a builder, or answers with the one that this token made.
    async fn launch(&self, request: &LaunchRequest) -> Result<Builder, TargetError>;
    /// Runs a bundle to its end, or answers with the result the builder already has for this bundle.
    async fn run(&self, builder: &BuilderId, request: RunRequest<'_>) -> Result<RunResult, TargetError>;
    /// The result that the builder has for a bundle; none where the bundle was never run to its end.
    async fn result(&self, builder: &BuilderId, bundle: &Digest) -> Result<Option<RunResult>, TargetError>;
    /// Why a builder that was there is gone, in the target's words.
    async fn why_gone(&self, _builder: &BuilderId) -> Result<String, TargetError> {
        Ok("the target does not say why".to_owned())
    }
    /// The results that an image carries, asked of a builder that was started from it: one per bundle, in order; none
    /// where the image does not carry them all.
    async fn results_in_image(
        &self,
        _builder: &BuilderId,
        _build: &BuildId,
        _bundles: &[&Bundle],
        _log: &std::path::Path,
    ) -> Result<Option<Vec<RunResult>>, TargetError> {
        Ok(None)
    }
    /// Stops it so that its disk can be imaged.
    async fn stop(&self, builder: &BuilderId) -> Result<(), TargetError>;
    /// Removes several.
    async fn terminate_all(&self, builders: &[BuilderId]) -> Result<(), TargetError> {
        for builder in builders {
            self.terminate(builder).await?;
        }
        Ok(())
    }
    /// Removes it and all it holds. Removing one that is gone is success.
    async fn terminate(&self, builder: &BuilderId) -> Result<(), TargetError>;

    /// All images that carry an `amifactory:` tag.
    async fn images(&self) -> Result<Vec<Image>, TargetError>;
    /// Those that say that they are of this recipe, or that can't say whose they are any more: what moves one recipe does
    /// not look through all of them.
    async fn images_of(&self, recipe: &RecipeName) -> Result<Vec<Image>, TargetError> {
        let is_its = |image: &Image| match image.tags.get(crate::pipeline::tags::RECIPE) {
            Some(name) => name == recipe.as_str(),
            None => image.failed.is_some(),
        };
        Ok(self.images().await?.into_iter().filter(is_its).collect())
    }
    /// One image that is waited for; none where it is not seen.
    async fn image(&self, id: &ImageId) -> Result<Option<Image>, TargetError> {
        Ok(self.images().await?.into_iter().find(|image| image.id == *id))
    }
    /// Makes an image of a stopped builder, or answers with the one of this name.
    async fn create_image(&self, builder: &BuilderId, request: &ImageRequest) -> Result<Image, TargetError>;
    /// The same; `tell` hears what is at hand, where that takes long.
    async fn create_image_telling(
        &self,
        builder: &BuilderId,
        request: &ImageRequest,
        _tell: &(dyn Fn(String) + Send + Sync),
    ) -> Result<Image, TargetError> {
        self.create_image(builder, request).await
    }
    /// Writes down that a version must not be used, so that it is known when its image is gone. What was written first stays.
    async fn mark_revoked(&self, version: &PointerName, revocation: &Revocation) -> Result<(), TargetError>;
    /// Sets tags over those that are there.
    async fn tag_image(&self, image: &ImageId, tags: &Tags) -> Result<(), TargetError>;
    /// The record that travels with the image.
    async fn record(&self, image: &ImageId) -> Result<ImageRecord, TargetError>;
    /// Replaces the record.
    async fn put_record(&self, image: &ImageId, record: &ImageRecord) -> Result<(), TargetError>;
    /// Removes an image and all its parts. Removing one that is gone is success.
    async fn delete_image(&self, image: &ImageId) -> Result<(), TargetError>;

    /// What a pointer names.
    async fn pointer(&self, name: &PointerName) -> Result<Option<Pointer>, TargetError>;
    /// What several pointers name; those that name nothing are left out.
    async fn pointers_named(&self, names: &[PointerName]) -> Result<Vec<Pointer>, TargetError> {
        let mut found = Vec::new();
        for name in names {
            found.extend(self.pointer(name).await?);
        }
        Ok(found)
    }
    /// All pointers of a recipe.
    async fn pointers(&self, recipe: &RecipeName) -> Result<Vec<Pointer>, TargetError>;
    /// The same, told apart: what someone has damaged keeps nobody from using the others.
    async fn pointers_told_apart(&self, recipe: &RecipeName) -> Result<Pointers, TargetError> {
        Ok(Pointers { readable: self.pointers(recipe).await?, ..Pointers::default() })
    }
    /// The same, one by one, with what can't be read beside them.
    async fn pointers_read(&self, recipe: &RecipeName) -> Result<Vec<Result<Pointer, TargetError>>, TargetError> {
        Ok(self.pointers_told_apart(recipe).await?.one_by_one())
    }
    /// The pointers of several recipes and the moves of their channels: each recipe that is asked for has an answer. A
    /// service is asked for all at once.
    async fn overview(&self, recipes: &[RecipeName]) -> Result<BTreeMap<RecipeName, Overview>, TargetError> {
        let mut all = BTreeMap::new();
        for recipe in recipes {
            let mut read = self.pointers_told_apart(recipe).await?;
            let (revocations, pointers) = (std::mem::take(&mut read.revocations), read.one_by_one());
            let (mut underway, mut unreadable) = (Vec::new(), Vec::new());
            for read in self.underway_read(recipe).await? {
                underway.push(read.map_err(|(name, error)| {
                    unreadable.push(name);
                    error
                }));
            }
            let retirements = match self.shelf() {
                Some(shelf) => match shelf.retirements(recipe).await {
                    Ok(found) => found.into_iter().map(Ok).collect(),
                    Err(error @ TargetError::Damaged { .. }) => vec![Err(error)],
                    Err(error) => return Err(error),
                },
                None => Vec::new(),
            };
            all.insert(recipe.clone(), Overview { pointers, underway, unreadable, retirements, revocations });
        }
        Ok(all)
    }
    /// The histories of several pointers.
    async fn histories(&self, names: &[PointerName]) -> Result<Histories, TargetError> {
        let asked = at_once(names.iter().map(|name| self.history(name)).collect()).await?;
        Ok(names.iter().cloned().zip(asked).collect())
    }
    /// What the records of several images are of. Where they are not to be read, only whether they are there.
    async fn evidence(&self, images: &[&Image], _read: bool) -> Result<BTreeMap<ImageId, Evidence>, TargetError> {
        let asked = at_once(images.iter().map(|image| self.record(&image.id)).collect()).await?;
        let of = |record: Result<ImageRecord, _>| record.as_ref().map_or(Evidence::Missing, Evidence::of);
        Ok(images.iter().map(|image| image.id.clone()).zip(asked.into_iter().map(of)).collect())
    }
    /// What several pointers name, and which of their channels are held.
    async fn standing(&self, names: &[PointerName]) -> Result<Standing, TargetError> {
        let mut standing = Standing { pointers: self.pointers_named(names).await?, ..Standing::default() };
        for name in names.iter().filter(|name| matches!(name.slot, Slot::Channel(_))) {
            standing.pins.extend(self.pin(name).await?.map(|pin| (name.clone(), pin)));
        }
        Ok(standing)
    }
    /// The same with what marks say of the versions among them. A service is asked for all at once.
    async fn standing_and_marks(&self, names: &[PointerName]) -> Result<Standing, TargetError> {
        self.standing(names).await
    }
    /// Writes a pointer that must not exist. Writing the same value again is success.
    async fn create_pointer(&self, name: &PointerName, image: &ImageId, note: &Note) -> Result<(), TargetError>;
    /// Puts the pointers of versions back that someone has damaged, as what is kept of their one write says. Answers with
    /// those. Where a service keeps pointers, nobody can damage one without a write that it tells of.
    async fn put_back_versions(&self, _recipe: &RecipeName) -> Result<Vec<PointerName>, TargetError> {
        Ok(Vec::new())
    }
    /// Moves a pointer from what it is expected to name, as builds do: of two builds the newest version stands, and
    /// what someone else decided meanwhile stands in any case.
    async fn move_pointer(
        &self,
        name: &PointerName,
        expected: Option<&Pointer>,
        image: &ImageId,
        note: &Note,
    ) -> Result<(), TargetError>;
    /// Moves a pointer alone: of several who try at once one has success, and the others hear of it.
    async fn move_alone(&self, wanted: &Move) -> Result<Pointer, TargetError>;
    /// All that is kept of a pointer's writes, oldest first; nothing where it does not exist.
    async fn history(&self, name: &PointerName) -> Result<Vec<Entry>, TargetError>;
    /// Moves of a recipe's channels that are under way, or that someone left.
    async fn underway(&self, _recipe: &RecipeName) -> Result<Vec<Underway>, TargetError> {
        Ok(Vec::new())
    }
    /// The same, one by one, with those whose record can't be read.
    async fn underway_read(
        &self,
        recipe: &RecipeName,
    ) -> Result<Vec<Result<Underway, (PointerName, TargetError)>>, TargetError> {
        Ok(self.underway(recipe).await?.into_iter().map(Ok).collect())
    }
    /// Who has begun this move, as the target itself knows: what it says of itself anybody may have written.
    async fn mover(&self, _name: &PointerName) -> Result<Option<String>, TargetError> {
        Ok(None)
    }
    /// Removes what can't be read as a move of this pointer; what can is left as it is.
    async fn clear_damaged(&self, _name: &PointerName) -> Result<(), TargetError> {
        Ok(())
    }
    /// Finishes or clears a move whose time is over. `refused` is why its channel's rules don't let it be finished.
    async fn settle_move(&self, _underway: &Underway, _refused: Option<Foreign>) -> Result<Settled, TargetError> {
        Ok(Settled::Cleared)
    }
    /// The same as [`Target::move_alone`], but the lock stays until [`Target::let_go`]: other places follow meanwhile.
    async fn hold_move(&self, _wanted: &Move) -> Result<(Pointer, Held), TargetError> {
        Err(one_place(self.kind()))
    }
    /// Ends a move.
    async fn let_go(&self, _held: &Held) -> Result<(), TargetError> {
        Err(one_place(self.kind()))
    }
    /// The same as [`Target::settle_move`], but the lock stays.
    async fn settle_held(&self, _underway: &Underway, _refused: Option<Foreign>) -> Result<HeldEnd, TargetError> {
        Err(one_place(self.kind()))
    }
    /// Moves a pointer to where the same channel has moved at home. Once it has, again is success.
    async fn follow(&self, _name: &PointerName, _image: &ImageId, _note: &Note) -> Result<Pointer, TargetError> {
        Err(one_place(self.kind()))
    }
    /// The pin of a channel, lifted ones too.
    async fn pin(&self, name: &PointerName) -> Result<Option<Pin>, TargetError>;
    /// Holds a channel that nobody holds: of several who try at once one has success, and the others are told who.
    async fn take_pin(&self, name: &PointerName, pin: &Pin) -> Result<(), TargetError> {
        match self.pin(name).await?.filter(|pin| pin.holds(self.now())) {
            Some(pin) => Err(TargetError::Held { what: name.to_string(), by: pin.by, why: pin.why }),
            None => self.put_pin(name, pin).await,
        }
    }
    /// Replaces the pin of a channel.
    async fn put_pin(&self, name: &PointerName, pin: &Pin) -> Result<(), TargetError>;
    /// Who calls, as it is recorded with moves.
    async fn who(&self) -> Result<String, TargetError>;
    /// The time, by the target's own clock where it has one.
    fn now(&self) -> time::OffsetDateTime {
        time::OffsetDateTime::now_utc()
    }
    /// What pointers name that were just written with this image. A target that takes its time with a write that it has
    /// accepted waits here until it shows, or is certain not to.
    async fn read_back(&self, names: &[PointerName], _image: &ImageId) -> Result<Vec<Pointer>, TargetError> {
        self.pointers_named(names).await
    }

    /// The same for what a build has written without a lock, with the pins that were there before it wrote a channel. A
    /// target that looks at pins as it writes has none to tell.
    async fn read_back_held(&self, names: &[PointerName], image: &ImageId) -> Result<Standing, TargetError> {
        Ok(Standing { pointers: self.read_back(names, image).await?, ..Standing::default() })
    }
    /// Puts a channel that names this image back to what it named before, where it named anything and nobody has moved it
    /// on. Answers with what it names after that.
    async fn put_back(&self, name: &PointerName, _image: &ImageId) -> Result<Option<Pointer>, TargetError> {
        self.pointer(name).await
    }

    /// Parts that belong to no builder and no image any more, and carry our tags.
    async fn orphans(&self) -> Result<Vec<Orphan>, TargetError> {
        Ok(Vec::new())
    }
    /// What builds have put into stores on its way elsewhere, and left there.
    async fn uploads(&self) -> Result<Uploads, TargetError> {
        Ok(Uploads::default())
    }
    /// Removes such a part. Removing one that is gone is success.
    async fn remove_orphan(&self, _orphan: &Orphan) -> Result<(), TargetError> {
        Ok(())
    }

    /// The region that all this is in; none where the target has no regions.
    fn region(&self) -> Option<Region> {
        None
    }
    /// The same target in another region, or in another account by a role there. Asks nothing yet.
    fn place(
        &self,
        _region: &Region,
        _role: Option<(&AccountId, &RoleName)>,
    ) -> Result<std::sync::Arc<dyn Target>, TargetError> {
        Err(one_place(self.kind()))
    }
    /// Copies an image of another region here, or answers with the copy that this request has made before.
    async fn copy_image(&self, _request: &CopyRequest) -> Result<Image, TargetError> {
        Err(one_place(self.kind()))
    }
    /// The snapshots that an image is made of, as they are now.
    async fn parts(&self, _image: &ImageId) -> Result<Vec<Part>, TargetError> {
        Err(one_place(self.kind()))
    }
    /// Whether other accounts can be let use what a key encrypts; none where that can't be known.
    async fn is_shareable(&self, _key: &str) -> Option<bool> {
        None
    }
    /// Lets others use an image and its parts, and answers once that shows. Takes nothing from anyone.
    async fn share(&self, _image: &ImageId, _parts: &[Part], _audience: &Audience) -> Result<(), TargetError> {
        Err(one_place(self.kind()))
    }
    /// Who else may launch these images: accounts, ARNs of organizations and units, `all`.
    async fn launchers(&self, _images: &[ImageId]) -> Result<BTreeMap<ImageId, Vec<String>>, TargetError> {
        Ok(BTreeMap::new())
    }
    /// Who else may make disks of the parts of these images, by image and part: accounts, `all`.
    async fn readers(&self, _images: &[ImageId]) -> Result<BTreeMap<ImageId, Readers>, TargetError> {
        Ok(BTreeMap::new())
    }
    /// Whom these images and their parts are to be shared with and are not, by image, in words for people.
    async fn unshared(
        &self,
        _images: &[ImageId],
        _audience: &Audience,
    ) -> Result<BTreeMap<ImageId, Vec<String>>, TargetError> {
        Err(one_place(self.kind()))
    }
    /// Shows that the caller can use an image that someone else has shared: it is seen, and its snapshots are readable.
    async fn check_use(&self, _image: &ImageId, _parts: &[Part]) -> Result<(), TargetError> {
        Err(one_place(self.kind()))
    }
}

fn one_place(kind: TargetKind) -> TargetError {
    TargetError::Unsupported {
        what: format!("the target {kind} has one place only"),
        help: "images go to regions and accounts of AWS: --target aws".into(),
    }
}

/// What builds have put into stores on its way elsewhere, and left there.
#[derive(Debug, Default)]
pub struct Uploads {
    /// Nobody can be at work with these any more.
    pub old: Vec<Orphan>,
    /// Somebody may be.
    pub young: Vec<Orphan>,
    /// Stores that could not be looked into, and why.
    pub unread: Vec<(String, TargetError)>,
}

/// A part of a builder or of an image that was left behind by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Orphan {
    /// What it is: `snapshot`, `volume`, `network interface`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// Its tags.
    pub tags: Tags,
    /// When it was made, RFC 3339; empty where that is not known.
    pub created_at: String,
}
