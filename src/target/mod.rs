//! Targets: where builds run. The engine knows nothing but this trait.

pub mod aws;
mod base;
mod copies;
pub mod finding;
mod inventory;
pub mod local;
mod moves;
mod overview;
mod record;
mod shelf;

pub use base::{aws_base, local_base};
pub use copies::{Audience, CopyRequest, Part};
pub use inventory::{Inventory, Kind, Sighting, Stranger};
pub use moves::{Elsewhere, Entry, Held, HeldEnd, Move, Pin, Settled, Standing, Underway, moment};
pub use overview::{Evidence, Histories, Overview, at_once};
pub use record::{BaseRecord, GateRecord, GroupRecord, ImageRecord, Package, Provenance, TestRecord};
pub use shelf::{Intent, Retirement, Rung, Shelf, Unread, Use, Uses, WayOut};

use crate::identity::{
    AccountId, Arch, BuildId, BuilderId, Channel, Digest, ImageId, OsFamily, RecipeName, Region, RoleName, TargetKind,
    Version,
};
use crate::plan::{Bundle, StepResult};
use crate::recipe::{AwsSettings, BaseSpec, ExtraVolume, Limits, NetworkAccess};
use crate::release::Note;
use crate::report::visible::line;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The tags that every resource carries from its first moment; all keys start with `amifactory:`.
pub type Tags = BTreeMap<String, String>;

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

/// What launching a builder needs.
#[derive(Debug, Clone)]
pub struct LaunchRequest {
    /// Deterministic for (digest, attempt, purpose): the same token never gives two builders.
    pub token: String,
    /// What it starts from.
    pub base: LaunchBase,
    /// What it may use.
    pub limits: Limits,
    /// How it runs on AWS.
    pub aws: AwsSettings,
    /// The architecture of what it starts from.
    pub arch: Arch,
    /// Counts from 1: how often this build has been begun.
    pub attempt: u32,
    /// Its tags.
    pub tags: Tags,
}

/// What a builder starts from.
#[derive(Debug, Clone)]
pub enum LaunchBase {
    /// A resolved base; the spec says where to find it.
    Base(BaseSpec, ResolvedBase),
    /// An image of this target.
    Image(ImageId),
}

/// A builder that exists.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Builder {
    /// Its id.
    pub id: BuilderId,
    /// The token it was launched with.
    pub token: String,
    /// Its state.
    pub state: BuilderState,
    /// When it was launched, RFC 3339, UTC.
    pub created_at: String,
    /// Its tags.
    pub tags: Tags,
}

/// Where a builder is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuilderState {
    /// Being made; not yet reachable.
    Pending,
    /// Accepts commands.
    Running,
    /// On its way to [`BuilderState::Stopped`].
    Stopping,
    /// Its disk can be imaged.
    Stopped,
}

/// A bundle to run on a builder.
pub struct RunRequest<'a> {
    /// What to run. Its digest is the key under which the builder keeps the result.
    pub bundle: &'a Bundle,
    /// What it may reach.
    pub network: &'a [NetworkAccess],
    /// The build that it belongs to.
    pub build: &'a BuildId,
    /// What is to run right after it where it ends well. A target may leave that to a call of its own: it only saves
    /// the way there and back.
    pub then: Option<&'a Bundle>,
    /// Where the full output goes; that of `then` goes to a file of that bundle's name beside it.
    pub log: &'a std::path::Path,
    /// The longest time that the bundle may take, in seconds.
    pub time_s: u64,
    /// The log group that AWS writes live output to, where there is one.
    pub log_group: Option<&'a str>,
    /// The volumes that have to be mounted when the bundle runs.
    pub volumes: &'a [ExtraVolume],
    /// Called for each step as it starts and ends.
    pub watch: &'a (dyn Fn(RunEvent) + Send + Sync),
}

/// What a running bundle tells.
#[derive(Debug, Clone)]
pub enum RunEvent {
    /// A step has started.
    Started {
        /// Its id.
        step: String,
    },
    /// A step has ended.
    Ended(StepResult),
}

/// How a bundle ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResult {
    /// Digest of the bundle.
    pub bundle: Digest,
    /// One per step that ran, in order.
    pub steps: Vec<StepResult>,
    /// How the whole ended.
    pub end: RunEnd,
    /// Where the full output is, for people.
    pub log: PathBuf,
}

/// How a bundle ended as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// It ran to its end, or to a step whose failure stops it.
    Completed,
    /// It used more than its limits allow.
    LimitExceeded(String),
    /// It was killed or died.
    Died(String),
    /// An earlier run of the same bundle on this builder was cut off: what it left is not to be trusted.
    Interrupted,
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
}

/// How [`Image::failed`] begins where the image is there, and nobody can launch it until it is enabled again.
pub const DISABLED: &str = "disabled";

impl Image {
    /// Whether it is whole, and nobody can launch it until it is enabled again.
    pub fn is_disabled(&self) -> bool {
        self.failed.as_deref().is_some_and(|why| why.starts_with(DISABLED))
    }
}

/// Which movable or immutable pointer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PointerName {
    /// The recipe.
    pub recipe: RecipeName,
    /// The architecture.
    pub arch: Arch,
    /// What it points for.
    pub slot: Slot,
}

/// The two kinds of pointer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// Never overwritten.
    Version(Version),
    /// Moves.
    Channel(Channel),
}

impl std::fmt::Display for PointerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.slot {
            Slot::Version(version) => write!(f, "/amifactory/{}/{}/versions/{version}", self.recipe, self.arch),
            Slot::Channel(channel) => write!(f, "/amifactory/{}/{}/channels/{channel}", self.recipe, self.arch),
        }
    }
}

/// A pointer's value and the number that grows with each write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// Its name.
    pub name: PointerName,
    /// The image that it names.
    pub image: ImageId,
    /// 1 for the first write.
    pub revision: u64,
    /// When it was written, RFC 3339, UTC.
    pub written_at: String,
}

/// A recipe's pointers, as far as they can be read.
#[derive(Debug, Default)]
pub struct Pointers {
    /// Those that can.
    pub readable: Vec<Pointer>,
    /// Those that can't.
    pub damaged: Vec<DamagedPointer>,
    /// What is kept beside them and can't be read, pins and locks of moves: always [`TargetError::Damaged`].
    pub beside: Vec<TargetError>,
}

impl Pointers {
    /// All of them, each damaged one as it was last. Fails where that is not known of one.
    pub fn or_last(self) -> Result<Vec<Pointer>, TargetError> {
        let mut pointers = self.readable;
        for DamagedPointer { error, last, .. } in self.damaged {
            pointers.push(last.ok_or(error)?);
        }
        Ok(pointers)
    }
}

/// A pointer that can't be read: someone has overwritten it, or taken its document away.
#[derive(Debug)]
pub struct DamagedPointer {
    /// Its name.
    pub name: PointerName,
    /// What is wrong with it, and the way out: always [`TargetError::Damaged`].
    pub error: TargetError,
    /// What it named last, where its history tells. As what a move expects it stands for the damaged pointer.
    pub last: Option<Pointer>,
}

/// Why a target could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It can't be done here at all; nothing was started.
    #[error("{what}\n  {help}")]
    Unsupported {
        /// What can't be done, and why.
        what: String,
        /// What to do.
        help: String,
    },
    /// A base that can't be used.
    #[error("base {base}: {what}\n  {help}")]
    Base {
        /// Which base.
        base: String,
        /// What is wrong with it.
        what: String,
        /// What to do.
        help: String,
    },
    /// The caller may not do this. Never tried again.
    #[error(
        "not allowed: {action} on {resource}\n  {message}\n  \
         add {action} to the policy of whoever runs this: amifactory iam-policy prints all that is needed"
    )]
    Denied {
        /// As IAM writes it: `ec2:RunInstances`.
        action: String,
        /// On what.
        resource: String,
        /// The service's own words.
        message: String,
    },
    /// There are no credentials, or they are not accepted any more.
    #[error("{what}\n  give valid AWS credentials and region; amifactory resume goes on from here")]
    Credentials {
        /// What was called, and what the service said.
        what: String,
    },
    /// The service did not answer, or kept saying that it can't now.
    #[error(
        "{call} on {resource}: no success after {attempts} tries in {seconds} s: {last}\n  \
         amifactory resume goes on from here once AWS answers"
    )]
    GaveUp {
        /// As IAM writes it.
        call: String,
        /// On what.
        resource: String,
        /// How often it was tried.
        attempts: u32,
        /// For how long.
        seconds: u64,
        /// The last answer.
        last: String,
    },
    /// The service refused.
    #[error("{call} on {resource}: {said}\n  {help}")]
    Service {
        /// As IAM writes it.
        call: String,
        /// On what.
        resource: String,
        /// The service's own words and code.
        said: String,
        /// What to do.
        help: String,
    },
    /// The builder went away, and nobody here asked it to.
    #[error("builder {builder} is gone: {why}")]
    BuilderGone {
        /// Which.
        builder: BuilderId,
        /// What the target says of it.
        why: String,
    },
    /// The builder that this token made is gone: another attempt needs another token.
    #[error("the builder that token {token} made is gone")]
    TokenSpent {
        /// The token.
        token: String,
    },
    /// A write was accepted and did not happen.
    #[error(
        "{what} was written with {image}, and the write was dropped: Parameter Store checks images after it has answered\n  \
         whoever runs this needs ec2:DescribeImages; amifactory doctor asks for it"
    )]
    Dropped {
        /// Which pointer.
        what: String,
        /// What it should name.
        image: ImageId,
    },
    /// No builder can be had.
    #[error("no builder can be had: {tried}\n  {help}")]
    NoCapacity {
        /// What was tried and what was answered.
        tried: String,
        /// What to do.
        help: String,
    },
    /// Something that should exist does not.
    #[error("{what} does not exist")]
    NotFound {
        /// What.
        what: String,
    },
    /// A create-only write found something there, or a compare-and-set found another value.
    #[error("{what} already names {found}")]
    Conflict {
        /// Which resource.
        what: String,
        /// What it holds.
        found: String,
    },
    /// Someone else is moving this pointer.
    #[error(
        "{what} is being moved by {}, until {until} at the latest\n  \
         try again when that is done; if that run is dead, `amifactory resume` settles it after that time, and \
         `amifactory rollback --take-over` goes back at once",
        line(by)
    )]
    Busy {
        /// Which pointer.
        what: String,
        /// Who.
        by: String,
        /// Until when others wait, RFC 3339.
        until: String,
    },
    /// Someone else has moved this pointer in between.
    #[error(
        "{what} was moved meanwhile, by {}: it names {}\n  \
         `amifactory history` shows it; run the same command again to decide anew",
        line(by),
        line(found)
    )]
    Overtaken {
        /// Which pointer.
        what: String,
        /// Who.
        by: String,
        /// What it names now.
        found: String,
    },
    /// Someone holds this pointer.
    #[error("{what} was pinned by {} meanwhile: {}\n  nobody moves it until it is unpinned", line(by), line(why))]
    Held {
        /// Which pointer.
        what: String,
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// An image that can't be used where it should be.
    #[error("{image} can't be used in {place}: {why}\n  {help}")]
    Unusable {
        /// Which image.
        image: ImageId,
        /// Where.
        place: String,
        /// What is wrong with it.
        why: String,
        /// What to do.
        help: String,
    },
    /// Reading or writing failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, to which file.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// What is stored can't be read: damaged, or made by another version.
    #[error("{what} is damaged: {why}\n  {help}")]
    Damaged {
        /// Which file or resource.
        what: String,
        /// What is wrong.
        why: String,
        /// What to do.
        help: String,
    },
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
    /// Those that say that they are of this recipe: what moves one recipe does not look through all of them.
    async fn images_of(&self, recipe: &RecipeName) -> Result<Vec<Image>, TargetError> {
        let is_its =
            |image: &Image| image.tags.get(crate::pipeline::tags::RECIPE).is_some_and(|name| name == recipe.as_str());
        Ok(self.images().await?.into_iter().filter(is_its).collect())
    }
    /// One image that is waited for; none where it is not seen.
    async fn image(&self, id: &ImageId) -> Result<Option<Image>, TargetError> {
        Ok(self.images().await?.into_iter().find(|image| image.id == *id))
    }
    /// Makes an image of a stopped builder, or answers with the one of this name.
    async fn create_image(&self, builder: &BuilderId, request: &ImageRequest) -> Result<Image, TargetError>;
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
        let Pointers { readable, damaged, beside } = self.pointers_told_apart(recipe).await?;
        let wrong = damaged.into_iter().map(|damaged| damaged.error).chain(beside);
        Ok(readable.into_iter().map(Ok).chain(wrong.map(Err)).collect())
    }
    /// The pointers of several recipes and the moves of their channels: each recipe that is asked for has an answer. A
    /// service is asked for all at once.
    async fn overview(&self, recipes: &[RecipeName]) -> Result<BTreeMap<RecipeName, Overview>, TargetError> {
        let mut all = BTreeMap::new();
        for recipe in recipes {
            let pointers = self.pointers_read(recipe).await?;
            let underway = self.underway(recipe).await?.into_iter().map(Ok).collect();
            let retirements = match self.shelf() {
                Some(shelf) => match shelf.retirements(recipe).await {
                    Ok(found) => found.into_iter().map(Ok).collect(),
                    Err(error @ TargetError::Damaged { .. }) => vec![Err(error)],
                    Err(error) => return Err(error),
                },
                None => Vec::new(),
            };
            all.insert(recipe.clone(), Overview { pointers, underway, retirements });
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
        let mut standing = Standing { pointers: self.pointers_named(names).await?, pins: Vec::new() };
        for name in names.iter().filter(|name| matches!(name.slot, Slot::Channel(_))) {
            standing.pins.extend(self.pin(name).await?.map(|pin| (name.clone(), pin)));
        }
        Ok(standing)
    }
    /// Writes a pointer that must not exist. Writing the same value again is success.
    async fn create_pointer(&self, name: &PointerName, image: &ImageId, note: &Note) -> Result<(), TargetError>;
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
    /// Finishes or clears a move whose time is over.
    async fn settle_move(&self, _underway: &Underway) -> Result<Settled, TargetError> {
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
    async fn settle_held(&self, _underway: &Underway) -> Result<HeldEnd, TargetError> {
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

    /// Parts that belong to no builder and no image any more, and carry our tags.
    async fn orphans(&self) -> Result<Vec<Orphan>, TargetError> {
        Ok(Vec::new())
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
    /// Lets others use an image and its parts, and answers once that shows. Takes nothing from anyone.
    async fn share(&self, _image: &ImageId, _parts: &[Part], _audience: &Audience) -> Result<(), TargetError> {
        Err(one_place(self.kind()))
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
