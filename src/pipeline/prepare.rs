//! Prepare: from a recipe to its plan. This is where bases are looked up; the planning itself is pure.

use super::published;
use super::tags;
use crate::hardening::Library;
use crate::identity::{Arch, Channel, Digest, ImageId, RecipeName};
use crate::plan::{self, Plan, PlanError};
use crate::recipe::{AwsBase, AwsBaseImage, BaseSpec, Factory, Recipe};
use crate::target::{Image, LaunchBase, Pointer, PointerName, ResolvedBase, Slot, Target, TargetError};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// A plan, and what its builder starts from where that exists already.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The plan.
    pub plan: Arc<Plan>,
    /// None where the base is an image that has yet to be built.
    pub launch: Option<LaunchBase>,
}

/// Why a recipe has no plan.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The target did not answer, or the base can't be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The recipe does not fit its base.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The recipe builds on a channel that names nothing.
    #[error(
        "recipe {recipe} builds on {pointer}, which names no image\n  \
         publish one: amifactory build {parent}"
    )]
    EmptyChannel {
        /// The recipe.
        recipe: RecipeName,
        /// The pointer.
        pointer: String,
        /// The recipe that should have an image there.
        parent: RecipeName,
    },
    /// The recipe builds on a channel that names images for several architectures.
    #[error(
        "recipe {recipe} builds on channel {channel} of {parent}, which names an image for x86_64 and one for arm64\n  \
         say which in recipes/{recipe}.yaml: base: {{recipe: {parent}, channel: {channel}, arch: arm64}}"
    )]
    SeveralArchitectures {
        /// The recipe.
        recipe: RecipeName,
        /// The recipe that it builds on.
        parent: RecipeName,
        /// The channel.
        channel: Channel,
    },
    /// The image that the recipe would be built on is revoked.
    #[error(
        "recipe {recipe} is built on {image} of {parent}, which is revoked: {reason}\n  \
         make another image of {parent}: amifactory build {parent} --force; or roll the channel that names it back"
    )]
    RevokedBase {
        /// The recipe.
        recipe: RecipeName,
        /// The recipe that it builds on.
        parent: RecipeName,
        /// The image.
        image: ImageId,
        /// Why it was revoked.
        reason: String,
    },
    /// There is no such recipe.
    #[error("there is no recipe `{0}`")]
    UnknownRecipe(RecipeName),
}

/// Makes plans, looking up each base once.
pub struct Planner<'a> {
    factory: &'a Factory,
    library: &'a Library,
    target: &'a dyn Target,
    bases: Mutex<BTreeMap<String, ResolvedBase>>,
    plans: Mutex<BTreeMap<RecipeName, Arc<Plan>>>,
}

impl<'a> Planner<'a> {
    /// A planner for one run of the program.
    pub fn new(factory: &'a Factory, library: &'a Library, target: &'a dyn Target) -> Planner<'a> {
        Planner { factory, library, target, bases: Mutex::default(), plans: Mutex::default() }
    }

    /// Plans a recipe. Its base, where that is another recipe's image, is planned first but not built.
    pub async fn prepare(&self, name: &RecipeName) -> Result<Prepared, PrepareError> {
        let recipe = self.recipe(name)?;
        // The chain down to a base that is no recipe: validation has made sure that it ends.
        let mut chain = vec![recipe];
        while let BaseSpec::Recipe { recipe: parent, channel: None, .. } = &chain[chain.len() - 1].base {
            chain.push(self.recipe(parent)?);
        }
        let mut prepared: Option<Prepared> = None;
        while let Some(recipe) = chain.pop() {
            prepared = Some(self.plan_on(recipe, prepared.as_ref().map(|parent| &*parent.plan)).await?);
        }
        prepared.ok_or_else(|| PrepareError::UnknownRecipe(name.clone()))
    }

    /// The same plan on the image that something was really made from; none where that is another recipe's image than the
    /// plan builds on now.
    pub async fn prepare_on(&self, now: &Prepared, base: &str) -> Result<Option<Prepared>, PrepareError> {
        match &now.launch {
            Some(LaunchBase::Base(_, resolved)) if resolved.id == base => Ok(Some(now.clone())),
            Some(LaunchBase::Image(image)) => Ok((image.as_str() == base).then(|| now.clone())),
            Some(LaunchBase::Base(BaseSpec::Own { aws: Some(_), .. }, resolved)) => {
                let Ok(image) = base.parse() else { return Ok(None) };
                let spec: BaseSpec = AwsBase { image: AwsBaseImage::Ami(image), family: Some(resolved.family) }.into();
                let base = self.resolve(&spec).await?;
                let recipe = self.recipe(&now.plan.recipe)?;
                let plan = plan::make(self.factory, self.library, recipe, base.clone(), self.target.kind())?;
                Ok(Some(Prepared { plan: Arc::new(plan), launch: Some(LaunchBase::Base(spec, base)) }))
            }
            _ => Ok(None),
        }
    }

    /// What is worth knowing of a recipe before it is built: what it says and most likely does not mean.
    pub fn advice(&self, plan: &Plan) -> Vec<plan::Advice> {
        let Some(recipe) = self.factory.recipes.get(&plan.recipe) else { return Vec::new() };
        plan::advice(self.factory, self.library, recipe, &[plan.base.family], self.target.kind())
    }

    fn recipe(&self, name: &RecipeName) -> Result<&'a Recipe, PrepareError> {
        self.factory.recipes.get(name).ok_or_else(|| PrepareError::UnknownRecipe(name.clone()))
    }

    async fn plan_on(&self, recipe: &'a Recipe, parent: Option<&Plan>) -> Result<Prepared, PrepareError> {
        let (base, launch) = match (&recipe.base, parent) {
            (BaseSpec::Recipe { channel: None, .. }, Some(parent)) => self.on_recipe(&recipe.name, parent).await?,
            (BaseSpec::Recipe { recipe: parent, channel: Some(channel), arch }, _) => {
                let pointer = self.channel_pointer(&recipe.name, parent, channel, *arch).await?;
                self.on_channel(&recipe.name, parent, pointer).await?
            }
            (spec, _) => {
                let base = self.resolve(spec).await?;
                let launch = LaunchBase::Base(spec.clone(), base.clone());
                (base, Some(launch))
            }
        };
        if let Some(plan) = self.plans.lock().await.get(&recipe.name)
            && plan.base == base
        {
            return Ok(Prepared { plan: plan.clone(), launch });
        }
        let plan = Arc::new(plan::make(self.factory, self.library, recipe, base, self.target.kind())?);
        self.plans.lock().await.insert(recipe.name.clone(), plan.clone());
        Ok(Prepared { plan, launch })
    }

    async fn resolve(&self, spec: &BaseSpec) -> Result<ResolvedBase, PrepareError> {
        let key = format!("{spec:?}");
        let mut bases = self.bases.lock().await;
        if let Some(base) = bases.get(&key) {
            return Ok(base.clone());
        }
        let base = self.target.resolve_base(spec).await?;
        bases.insert(key, base.clone());
        Ok(base)
    }

    /// The base that another recipe's up-to-date image is: its identity is that recipe's plan, so that it is the same
    /// on every machine, and known before the image is built.
    async fn on_recipe(
        &self,
        recipe: &RecipeName,
        parent: &Plan,
    ) -> Result<(ResolvedBase, Option<LaunchBase>), PrepareError> {
        let images = self.target.images().await?;
        let image = published::of_plan(self.target, &images, parent).await?;
        let image = image.as_ref();
        if let Some(image) = image {
            not_revoked(recipe, &parent.recipe, image)?;
        }
        Ok((
            image_base(&parent.recipe, &parent.digest, image, &parent.base),
            image.map(|i| LaunchBase::Image(i.id.clone())),
        ))
    }

    /// What a channel of another recipe names: for the architecture that is asked for, or the only one there is.
    async fn channel_pointer(
        &self,
        recipe: &RecipeName,
        parent: &RecipeName,
        channel: &Channel,
        arch: Option<Arch>,
    ) -> Result<Pointer, PrepareError> {
        // Local builds run on this machine, so only what runs here will do.
        let here = Arch::of_this_machine().filter(|_| !self.target.is_remote());
        let archs = arch.or(here).map_or_else(|| Arch::ALL.to_vec(), |arch| vec![arch]);
        let slot = Slot::Channel(channel.clone());
        let name = |arch: &Arch| PointerName { recipe: parent.clone(), arch: *arch, slot: slot.clone() };
        let names: Vec<PointerName> = archs.iter().map(name).collect();
        let mut found = self.target.pointers_named(&names).await?;
        match (found.pop(), found.is_empty()) {
            (Some(pointer), true) => Ok(pointer),
            (Some(_), false) => Err(PrepareError::SeveralArchitectures {
                recipe: recipe.clone(),
                parent: parent.clone(),
                channel: channel.clone(),
            }),
            (None, _) => Err(empty_channel(recipe, parent, &names)),
        }
    }

    async fn on_channel(
        &self,
        recipe: &RecipeName,
        parent: &RecipeName,
        pointer: Pointer,
    ) -> Result<(ResolvedBase, Option<LaunchBase>), PrepareError> {
        let empty = || empty_channel(recipe, parent, std::slice::from_ref(&pointer.name));
        let images = self.target.images().await?;
        let image = images.iter().find(|image| image.id == pointer.image && image.available).ok_or_else(empty)?;
        not_revoked(recipe, parent, image)?;
        let record = self.target.record(&image.id).await?;
        let below = ResolvedBase {
            id: record.base.id,
            description: record.base.description,
            family: record.base.family,
            os_name: record.base.os_name,
            arch: record.base.arch,
            parts: BTreeMap::new(),
        };
        let base = image_base(parent, &record.digest, Some(image), &below);
        Ok((base, Some(LaunchBase::Image(image.id.clone()))))
    }
}

fn not_revoked(recipe: &RecipeName, parent: &RecipeName, image: &Image) -> Result<(), PrepareError> {
    match tags::revoked(&image.tags) {
        None => Ok(()),
        Some(reason) => Err(PrepareError::RevokedBase {
            recipe: recipe.clone(),
            parent: parent.clone(),
            image: image.id.clone(),
            reason: crate::report::visible::line(reason).into_owned(),
        }),
    }
}

fn empty_channel(recipe: &RecipeName, parent: &RecipeName, names: &[PointerName]) -> PrepareError {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    PrepareError::EmptyChannel { recipe: recipe.clone(), pointer: names.join(" or "), parent: parent.clone() }
}

fn image_base(recipe: &RecipeName, digest: &Digest, image: Option<&Image>, below: &ResolvedBase) -> ResolvedBase {
    // An image that was built although nothing had changed has other content under the same digest.
    let forced = image.filter(|image| image.tags.contains_key(tags::FORCED));
    let forced = forced.and_then(|image| tags::owner(&image.tags)).map(|owner| format!("+{}", owner.version));
    ResolvedBase {
        id: format!("image:{recipe}:{digest}{}", forced.unwrap_or_default()),
        description: format!("{recipe} ({})", below.os_name),
        family: below.family,
        os_name: below.os_name.clone(),
        arch: below.arch,
        parts: BTreeMap::new(),
    }
}

/// The image that a plan is compared with: the newest published one of its recipe and architecture.
pub async fn last_image(target: &dyn Target, plan: &Plan) -> Result<Option<Image>, TargetError> {
    let images = target.images().await?;
    // On a remote target what was verified is as good as published, for a comparison.
    let least = if target.is_remote() { tags::ImageState::Verified } else { tags::ImageState::Published };
    let published = images.into_iter().filter(|image| tags::ImageState::of(&image.tags) >= least);
    let same = published.filter(|image| tags::arch(&image.tags).is_none_or(|arch| arch == plan.base.arch));
    let ours = same.filter_map(|image| Some((tags::owner(&image.tags)?, image)));
    let newest = ours.filter(|(owner, _)| owner.recipe == plan.recipe).max_by_key(|(owner, _)| owner.version);
    Ok(newest.map(|(_, image)| image))
}

/// How long the build of an image took, in seconds; none where its record does not say.
pub fn duration_s(record: &crate::target::ImageRecord) -> Option<f64> {
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;
    let at = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
    let took = at(&record.provenance.finished_at)? - at(&record.provenance.started_at)?;
    Some(took.as_seconds_f64())
}

/// Why a plan has to be built, or why not: what changed since the last image.
pub async fn reasons(target: &dyn Target, plan: &Plan, force: bool) -> Result<Vec<String>, TargetError> {
    let images = target.images().await?;
    if let Some(image) = published::of_plan(target, &images, plan).await? {
        let image = &image;
        let version = tags::owner(&image.tags).map(|owner| owner.version.to_string()).unwrap_or_default();
        let nothing = format!("nothing has changed since {version}");
        // What nobody may use is told before where its channel is.
        if let Some(reason) = tags::revoked(&image.tags).filter(|_| !force) {
            let revoked =
                format!("{version} is revoked: {reason}; so a build is refused, and with --force makes another");
            return Ok(vec![nothing, revoked]);
        }
        if let Some(elsewhere) = channel_elsewhere(target, plan, image, &images).await?.filter(|_| !force) {
            return Ok(vec![nothing, elsewhere]);
        }
        return Ok(if force { vec!["asked for with --force".into(), nothing] } else { vec![nothing] });
    }
    let Some(image) = last_image(target, plan).await? else {
        return Ok(vec![format!("{} has no image yet", plan.recipe)]);
    };
    let Ok(record) = target.record(&image.id).await else {
        return Ok(vec![format!("what {} was made of can't be read any more", image.id)]);
    };
    let changes = plan::changes(&plan::Inputs(record.provenance.inputs), &plan.inputs);
    Ok(if changes.is_empty() { vec![format!("the image {} is gone", image.id)] } else { changes })
}

/// Says that the recipe's channel names another image than the one that is up to date: a change that was taken back, or
/// a channel that was moved. Nothing is moved without being asked for.
async fn channel_elsewhere(
    target: &dyn Target,
    plan: &Plan,
    image: &Image,
    images: &[Image],
) -> Result<Option<String>, TargetError> {
    let Some(channel) = &plan.publish else { return Ok(None) };
    let slot = Slot::Channel(channel.clone());
    let name = PointerName { recipe: plan.recipe.clone(), arch: plan.base.arch, slot };
    let Some(pointer) = target.pointer(&name).await?.filter(|pointer| pointer.image != image.id) else {
        return Ok(None);
    };
    let named = images.iter().find(|image| image.id == pointer.image).and_then(tags::version_of);
    let named = named.map_or_else(|| pointer.image.to_string(), |version| version.to_string());
    Ok(Some(format!(
        "but channel {channel} names {named}, not this image: `amifactory build {} --force` makes this plan the newest \
         version and moves {channel} to it",
        plan.recipe
    )))
}
