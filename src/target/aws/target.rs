//! The target itself: what the engine asks for, in terms of the modules beside it.

use super::api::{Api, op};
use super::callers::Callers;
use super::imagebuilder::{Parent, Service};
use super::launch::{self, Launch};
use super::runs::Runs;
use super::shared::FRESH;
use super::view::{Ami, Life, NO_REASON, View};
use super::{
    bases, copies, imagebuilder, images, locked, moves, orphans, overview, parameters, pointers, records, revoked,
    seen, sharing, way_out,
};
use crate::identity::{AccountId, BuildId, BuilderId, Digest, ImageId, RecipeName, Region, RoleName, TargetKind};
use crate::pipeline::tags::{self as keys, ImageState, Purpose};
use crate::plan::Bundle;
use crate::recipe::BaseSpec;
use crate::release::Note;
use crate::release::intent::Foreign;
use crate::target::finding::{Finding, Wanted};
use crate::target::{
    Audience, Builder, CopyRequest, Entry, Evidence, Held, HeldEnd, Herald, Image, ImageRecord, ImageRequest,
    Inventory, LaunchBase, LaunchRequest, Move, Orphan, Overview, Part, Pin, Pipelines, Pointer, PointerName, Pointers,
    Readers, ResolvedBase, Revocation, Rollouts, RunRequest, RunResult, Settled, Shelf, Standing, Tags, Target,
    TargetError, Underway, Uploads, at_once, aws_base, moment,
};
use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use futures_util::FutureExt;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

/// How often is looked whether a builder is gone that a call has failed on; [`FRESH`] apart, these are 14 s.
const GONE_LOOKS: u32 = 3;

/// Builds on EC2.
pub struct AwsTarget {
    api: Api,
    view: View,
    runs: Runs,
    /// What launches need to know of bases that were resolved.
    bases: Mutex<BTreeMap<String, bases::Found>>,
    /// Records that this program has made or read.
    records: Mutex<BTreeMap<ImageId, ImageRecord>>,
    /// Snapshots of records that this program has written or seen, by image: another record replaces them.
    replaced: Mutex<BTreeMap<ImageId, Vec<String>>>,
    /// What histories of parameters said.
    known: super::uses::Known,
    /// Who calls, once that was asked.
    who: Mutex<Option<String>>,
    /// What it was made with: other places are spoken to in the same way.
    config: SdkConfig,
    /// The role that is assumed, by its ARN; none in one's own account.
    role: Option<String>,
    callers: Arc<Callers>,
    /// Who makes builders and images, where that is not EC2 with Systems Manager.
    service: Option<Service>,
}

/// What a builder is launched from.
pub(super) struct Start {
    /// `ami-…`
    pub image: String,
    /// Its root device, where that has to be known.
    pub root_device: Option<String>,
    /// Its other EBS devices.
    pub other_devices: Vec<String>,
}

impl AwsTarget {
    /// The target of whoever the standard chain of credentials says, in the region that it says.
    pub async fn open() -> AwsTarget {
        AwsTarget::with_config(&super::api::standard_config().await)
    }

    /// The same over a configuration of one's own: for tests.
    pub fn with_config(config: &SdkConfig) -> AwsTarget {
        AwsTarget::among(Arc::default(), config, None)
    }

    fn among(callers: Arc<Callers>, config: &SdkConfig, role: Option<String>) -> AwsTarget {
        AwsTarget {
            api: Api::new(config, callers.of(config, role.as_ref())),
            view: View::new(),
            runs: Runs::new(),
            bases: Mutex::default(),
            records: Mutex::default(),
            replaced: Mutex::default(),
            known: super::uses::Known::default(),
            who: Mutex::default(),
            config: config.clone(),
            role,
            callers,
            service: None,
        }
    }

    /// The same, whose builders and images EC2 Image Builder makes. All else is as it was: pointers, records, moves, uses.
    /// Large components go through these buckets.
    pub fn by_image_builder(self, buckets: BTreeSet<String>) -> AwsTarget {
        AwsTarget { service: Some(Service::new(buckets)), ..self }
    }

    /// The clients: `doctor` asks questions that no build asks.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// What failed because its builder is gone says so: another builder can do it.
    async fn or_gone<T>(&self, builder: &BuilderId, outcome: Result<T, TargetError>) -> Result<T, TargetError> {
        let error = match outcome {
            Err(error @ (TargetError::Service { .. } | TargetError::NotFound { .. })) => error,
            other => return other,
        };
        // A describe may show an older state.
        for _ in 0..GONE_LOOKS {
            let instances = self.view.instances(&self.api, FRESH).await?;
            match instances.into_iter().find(|instance| instance.id == builder.as_str()) {
                Some(instance) if instance.life == Life::Gone => {
                    return Err(TargetError::BuilderGone { builder: builder.clone(), why: instance.why() });
                }
                _ => tokio::time::sleep(FRESH).await,
            }
        }
        Err(error)
    }

    /// Whether what was made with an image may not show yet.
    fn is_young(&self, image: &Image) -> bool {
        self.is_recent(&image.created_at)
    }

    fn is_recent(&self, created_at: &str) -> bool {
        moment(created_at).is_none_or(|at| self.api.clock.now() - at < time::Duration::hours(1))
    }

    /// What histories of parameters said.
    pub(super) fn known(&self) -> &super::uses::Known {
        &self.known
    }

    /// What is in the account.
    pub(super) fn view(&self) -> &View {
        &self.view
    }

    /// An image is gone, and its record with it.
    pub(super) fn forget_record(&self, image: &ImageId) {
        locked(&self.records).remove(image);
    }

    /// Whether no role is assumed: only there are builders.
    pub(super) fn is_home_account(&self) -> bool {
        self.role.is_none()
    }

    /// Image Builder, where that makes builders and images.
    pub(super) fn service(&self) -> Option<&Service> {
        self.service.as_ref()
    }

    /// What a build is launched from: never an image that is only tested.
    pub(super) async fn start_of(&self, base: &LaunchBase) -> Result<Start, TargetError> {
        match base {
            LaunchBase::Base(spec, resolved) => {
                let known = locked(&self.bases).get(&resolved.id).cloned();
                let found = match known {
                    Some(found) => found,
                    None => bases::find(&self.api, aws_base(spec)?).await?,
                };
                if found.base.id != resolved.id {
                    return Err(TargetError::Base {
                        base: resolved.description.clone(),
                        what: format!("it is {} now", found.base.id),
                        help: "run the same command again: it is planned on the new one".into(),
                    });
                }
                let bases::Found { base, root_device, other_devices } = found;
                Ok(Start { image: base.id, root_device: Some(root_device), other_devices })
            }
            LaunchBase::Image(image) => {
                let found = match self.our_image(image).await? {
                    seen if !seen.root_device.is_empty() => Some(seen),
                    _ => self.view.image_now(&self.api, image.as_str()).await?,
                };
                let found = found.filter(|found| !found.root_device.is_empty());
                let found =
                    found.ok_or_else(|| TargetError::NotFound { what: format!("the root device of {image}") })?;
                let Ami { root_device, other_devices, .. } = found;
                Ok(Start { image: image.to_string(), root_device: Some(root_device), other_devices })
            }
        }
    }

    async fn our_image(&self, image: &ImageId) -> Result<Ami, TargetError> {
        let found = self.view.image(&self.api, image.as_str()).await?;
        found.ok_or_else(|| TargetError::NotFound { what: format!("image {image}") })
    }
}

#[async_trait]
impl Target for AwsTarget {
    fn kind(&self) -> TargetKind {
        match self.service {
            Some(_) => TargetKind::ImageBuilder,
            None => TargetKind::Aws,
        }
    }

    fn can_see_runtime(&self) -> bool {
        true
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn shelf(&self) -> Option<&dyn Shelf> {
        Some(self)
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        Some(self)
    }

    fn herald(&self) -> Option<&dyn Herald> {
        Some(self)
    }

    fn rollouts(&self) -> Option<&dyn Rollouts> {
        Some(self)
    }

    fn pipelines(&self) -> Option<&dyn Pipelines> {
        self.service.as_ref().map(|_| self as &dyn Pipelines)
    }

    fn calls(&self) -> Option<u64> {
        Some(self.callers.calls())
    }

    async fn check(&self) -> Result<(), TargetError> {
        if self.api.region.is_empty() {
            return Err(TargetError::Credentials { what: "no AWS region is set".into() });
        }
        let Some(provider) = &self.api.credentials else {
            return Err(TargetError::Credentials { what: "no AWS credentials are set".into() });
        };
        // Asked of their source here: a call that can't be signed looks like one that got no answer.
        let credentials = provider.provide_credentials().await;
        credentials.map(drop).map_err(|error| match &self.role {
            Some(role) => super::role::refused(role, &error),
            None => TargetError::Credentials { what: innermost(&error) },
        })
    }

    async fn examine(&self, wanted: &[Wanted], jobs: usize) -> Vec<Finding> {
        let bases = locked(&self.bases).clone();
        let root_device = |image: &str| bases.get(image).map(|found| found.root_device.clone());
        super::doctor::examine(&self.api, wanted, jobs, self.service.is_some(), &root_device).await
    }

    async fn examine_key(&self, key: &str, is_shared: bool) -> Finding {
        use super::doctor::key;
        key::judge(key, &self.api.region, is_shared, key::ask(&self.api, key).await)
    }

    fn accepts(&self, build: &BuildId, together: &[&[&Bundle]]) -> Result<(), TargetError> {
        match &self.service {
            Some(service) => service.accepts(build, together),
            None => together.iter().try_for_each(|bundles| super::runs::check(build, bundles)),
        }
    }

    async fn resolve_base(&self, base: &BaseSpec) -> Result<ResolvedBase, TargetError> {
        let found = bases::find(&self.api, aws_base(base)?).await?;
        let base = found.base.clone();
        locked(&self.bases).insert(base.id.clone(), found);
        Ok(base)
    }

    async fn builders(&self) -> Result<Vec<Builder>, TargetError> {
        if let Some(service) = &self.service {
            return service.builders(&self.api, FRESH).await;
        }
        seen::alive(self.view.builders(&self.api, FRESH).await?)
    }

    async fn builders_since(&self, then: Instant) -> Result<Vec<Builder>, TargetError> {
        if let Some(service) = &self.service {
            return service.builders(&self.api, then.elapsed()).await;
        }
        let instances = self.view.instances(&self.api, then.elapsed()).await?;
        seen::alive((instances, BTreeSet::new()))
    }

    async fn builder(&self, id: &BuilderId) -> Result<Option<Builder>, TargetError> {
        if let Some(service) = &self.service {
            return service.builder(&self.api, id).await;
        }
        let seen = self.view.waited_for(&self.api, id.as_str()).await?;
        let seen = seen.filter(|(instance, _)| instance.life != Life::Gone);
        seen.map(|(instance, online)| seen::builder(&instance, online)).transpose()
    }

    async fn launch(&self, request: &LaunchRequest) -> Result<Builder, TargetError> {
        if let (Some(service), LaunchBase::Image(image)) = (&self.service, &request.base)
            && Purpose::of(&request.tags) != Some(Purpose::Build)
        {
            return service.launch_test(&self.api, request, &self.our_image(image).await?).await;
        }
        let Start { image, root_device, other_devices } = match &request.base {
            // What is tested is just what was made.
            LaunchBase::Image(image) if Purpose::of(&request.tags) != Some(Purpose::Build) => {
                Start { image: image.to_string(), root_device: None, other_devices: Vec::new() }
            }
            base => self.start_of(base).await?,
        };
        if let Some(service) = &self.service {
            let subnet = launch::first_subnet(&self.api, &request.aws).await?;
            let parent = Parent {
                image: &image,
                root_device: root_device.as_deref().unwrap_or_default(),
                other_devices: &other_devices,
                subnet: subnet.as_deref(),
                region: &self.api.region,
            };
            let order = Service::order(request, &parent)?;
            return service.launch(&self.api, request, &order).await;
        }
        let launch =
            Launch { image: &image, root_device: root_device.as_deref(), other_devices: &other_devices, request };
        let instance = launch::launch(&self.api, &launch).await?;
        self.view.launched(&instance);
        seen::builder(&instance, false)
    }

    async fn run(&self, builder: &BuilderId, request: RunRequest<'_>) -> Result<RunResult, TargetError> {
        match &self.service {
            Some(service) => service.run(&self.api, builder, &request).await,
            None => self.runs.run(&self.api, &self.view, builder, &request).await,
        }
    }

    /// What this program has not received itself is had by running the bundle again: the builder answers with what it
    /// has.
    async fn result(&self, builder: &BuilderId, bundle: &Digest) -> Result<Option<RunResult>, TargetError> {
        match &self.service {
            Some(service) => service.result(builder, bundle).await,
            None => Ok(self.runs.known(builder, bundle)),
        }
    }

    async fn results_in_image(
        &self,
        builder: &BuilderId,
        build: &BuildId,
        bundles: &[&Bundle],
        log: &Path,
    ) -> Result<Option<Vec<RunResult>>, TargetError> {
        let digests: Vec<&Digest> = bundles.iter().map(|bundle| &bundle.digest).collect();
        if let Some(service) = &self.service {
            return service.results_in_image(builder, &digests, log).await;
        }
        self.runs.in_image(&self.api, &self.view, builder, build, &digests, log).await
    }

    async fn why_gone(&self, builder: &BuilderId) -> Result<String, TargetError> {
        if let Some(service) = &self.service {
            return service.why_gone(&self.api, builder).await;
        }
        let instances = self.view.instances(&self.api, FRESH).await?;
        let found = instances.into_iter().find(|instance| instance.id == builder.as_str());
        Ok(found.map_or_else(|| NO_REASON.to_owned(), |instance| instance.why()))
    }

    async fn stop(&self, builder: &BuilderId) -> Result<(), TargetError> {
        if let Some(service) = &self.service {
            service.stop(builder);
            return Ok(());
        }
        let stopped = super::stop::stop(&self.api, &self.view, builder.as_str()).await;
        self.or_gone(builder, stopped).await
    }

    async fn terminate(&self, builder: &BuilderId) -> Result<(), TargetError> {
        self.terminate_all(std::slice::from_ref(builder)).await
    }

    async fn terminate_all(&self, builders: &[BuilderId]) -> Result<(), TargetError> {
        match &self.service {
            Some(service) => service.terminate(&self.api, &self.view, builders).await,
            None => super::stop::terminate(&self.api, &self.view, builders).await,
        }
    }

    async fn images(&self) -> Result<Vec<Image>, TargetError> {
        self.view.images(&self.api, FRESH).await?.into_iter().map(seen::image).collect()
    }

    async fn images_of(&self, recipe: &RecipeName) -> Result<Vec<Image>, TargetError> {
        self.view.images_of(&self.api, recipe.as_str()).await?.into_iter().map(seen::image).collect()
    }

    async fn image(&self, id: &ImageId) -> Result<Option<Image>, TargetError> {
        self.view.awaited_image(&self.api, id.as_str()).await?.map(seen::image).transpose()
    }

    async fn create_image(&self, builder: &BuilderId, request: &ImageRequest) -> Result<Image, TargetError> {
        self.create_image_telling(builder, request, &|_| {}).await
    }

    async fn create_image_telling(
        &self,
        builder: &BuilderId,
        request: &ImageRequest,
        tell: &(dyn Fn(String) + Send + Sync),
    ) -> Result<Image, TargetError> {
        let tags = &request.tags;
        let made = match &self.service {
            Some(service) => {
                let id = service.image(&self.api, builder, tell).await?;
                let made = Ami::pending(id, &request.name, tags);
                self.view.imaged(&made);
                seen::image(made)?
            }
            None => {
                let made = images::create(&self.api, &self.view, builder.as_str(), &request.name, tags).await;
                seen::image(self.or_gone(builder, made).await?)?
            }
        };
        if let Some(record) = &request.record {
            locked(&self.records).insert(made.id.clone(), record.clone());
        }
        Ok(made)
    }

    async fn mark_revoked(&self, version: &PointerName, revocation: &Revocation) -> Result<(), TargetError> {
        revoked::mark(&self.api, version, revocation).await
    }

    async fn tag_image(&self, image: &ImageId, tags: &Tags) -> Result<(), TargetError> {
        images::tag_image(&self.api, &self.view, image.as_str(), tags).await
    }

    async fn record(&self, image: &ImageId) -> Result<ImageRecord, TargetError> {
        let known = locked(&self.records).get(image).cloned();
        if let Some(record) = known {
            return Ok(record);
        }
        let found = self.our_image(image).await?;
        // An image says that it is verified only after its record was written.
        let has_one = ImageState::of(&found.tags) >= ImageState::Verified;
        let record = records::read(&self.api, &found, has_one, self.is_recent(&found.created_at)).await?;
        locked(&self.replaced).insert(image.clone(), record.snapshots);
        let recipe = found.tags.get(keys::RECIPE).and_then(|recipe| recipe.parse().ok()).filter(|_| has_one);
        let record = record.record.ok_or_else(|| match recipe {
            Some(recipe) => TargetError::RecordLost { image: image.clone(), recipe },
            None => TargetError::NotFound { what: format!("the record of image {image}") },
        })?;
        locked(&self.records).insert(image.clone(), record.clone());
        Ok(record)
    }

    async fn put_record(&self, image: &ImageId, record: &ImageRecord) -> Result<(), TargetError> {
        let found = self.our_image(image).await?;
        let written = records::write(&self.api, &self.view, &found, record).await?;
        let replaced = locked(&self.replaced).insert(image.clone(), vec![written.clone()]).unwrap_or_default();
        for snapshot in replaced.iter().filter(|snapshot| **snapshot != written) {
            images::delete_snapshot(&self.api, snapshot).await?;
        }
        locked(&self.records).insert(image.clone(), record.clone());
        Ok(())
    }

    async fn delete_image(&self, image: &ImageId) -> Result<(), TargetError> {
        // Whatever was seen before: what a pointer names now is not removed. One that EC2 does not list at this moment
        // may be there all the same.
        let recipe = match self.view.image_now(&self.api, image.as_str()).await? {
            None => self.view.image(&self.api, image.as_str()).await?,
            found => found,
        };
        let recipe = recipe.and_then(|image| image.tags.get(keys::RECIPE)?.parse::<RecipeName>().ok());
        if let Some(recipe) = recipe {
            let named = pointers::of_recipe(&self.api, &recipe).await?.into_iter().find(|p| p.image == *image);
            if let Some(pointer) = named {
                return Err(TargetError::Conflict { what: pointer.name.to_string(), found: image.to_string() });
            }
        }
        locked(&self.records).remove(image);
        images::delete(&self.api, &self.view, image.as_str()).await
    }

    async fn pointer(&self, name: &PointerName) -> Result<Option<Pointer>, TargetError> {
        Ok(pointers::read(&self.api, std::slice::from_ref(name)).await?.pop())
    }

    async fn pointers_named(&self, names: &[PointerName]) -> Result<Vec<Pointer>, TargetError> {
        pointers::read(&self.api, names).await
    }

    async fn pointers(&self, recipe: &RecipeName) -> Result<Vec<Pointer>, TargetError> {
        pointers::of_recipe(&self.api, recipe).await
    }

    async fn pointers_told_apart(&self, recipe: &RecipeName) -> Result<Pointers, TargetError> {
        pointers::told_apart(&self.api, recipe).await
    }

    async fn overview(&self, recipes: &[RecipeName]) -> Result<BTreeMap<RecipeName, Overview>, TargetError> {
        let mut all = overview::of(&self.api, recipes).await?;
        let written = all.values_mut().flat_map(|overview| overview.retirements.iter_mut().flatten());
        let written: Vec<_> = written.collect();
        if !written.is_empty() {
            let images = self.view.images(&self.api, FRESH).await?;
            for found in written {
                let image = images.iter().find(|image| image.id == found.image.as_str());
                *found = way_out::borne_out(found.clone(), image, self.api.clock.now());
            }
            for read in all.values_mut().flat_map(|overview| overview.retirements.iter_mut()) {
                let image =
                    |found: &crate::target::Retirement| images.iter().find(|image| image.id == found.image.as_str());
                if let Some(error) = read.as_ref().ok().and_then(|found| way_out::of_another(found, image(found)?)) {
                    *read = Err(error);
                }
            }
        }
        Ok(all)
    }

    async fn evidence(&self, images: &[&Image], read: bool) -> Result<BTreeMap<ImageId, Evidence>, TargetError> {
        let whole = records::whole(&self.api, images).await?;
        let mut found = BTreeMap::new();
        let (mut asked, mut questions) = (Vec::new(), Vec::new());
        for image in images {
            let id = image.id.clone();
            match whole.get(&image.id) {
                Some(_) if !read => drop(found.insert(id, Evidence::There)),
                Some(snapshot) => {
                    asked.push(id);
                    let read = async move {
                        Ok(Evidence::of(&records::read_snapshot(&self.api, &image.name, snapshot).await?))
                    };
                    questions.push(read.boxed());
                }
                // One that was just written is waited for.
                None if ImageState::of(&image.tags) >= ImageState::Verified && self.is_young(image) => {
                    asked.push(id);
                    questions.push(async move { Ok(Evidence::of(&self.record(&image.id).await?)) }.boxed());
                }
                None => drop(found.insert(id, Evidence::Missing)),
            }
        }
        let answers = at_once(questions).await?;
        found.extend(asked.into_iter().zip(answers.into_iter().map(|answer| answer.unwrap_or(Evidence::Missing))));
        Ok(found)
    }

    async fn standing(&self, names: &[PointerName]) -> Result<Standing, TargetError> {
        pointers::standing(&self.api, names, false).await
    }

    async fn standing_and_marks(&self, names: &[PointerName]) -> Result<Standing, TargetError> {
        pointers::standing(&self.api, names, true).await
    }

    async fn create_pointer(&self, name: &PointerName, image: &ImageId, note: &Note) -> Result<(), TargetError> {
        pointers::create(&self.api, name, image, note).await
    }

    async fn move_pointer(
        &self,
        name: &PointerName,
        expected: Option<&Pointer>,
        image: &ImageId,
        note: &Note,
    ) -> Result<(), TargetError> {
        pointers::replace(&self.api, name, expected, image, note).await
    }

    async fn move_alone(&self, wanted: &Move) -> Result<Pointer, TargetError> {
        let by = self.who().await?;
        moves::alone(&self.api, wanted, &by).await
    }

    async fn history(&self, name: &PointerName) -> Result<Vec<Entry>, TargetError> {
        pointers::history(&self.api, name).await
    }

    async fn underway(&self, recipe: &RecipeName) -> Result<Vec<Underway>, TargetError> {
        moves::of_recipe(&self.api, recipe).await
    }

    async fn underway_read(
        &self,
        recipe: &RecipeName,
    ) -> Result<Vec<Result<Underway, (PointerName, TargetError)>>, TargetError> {
        moves::read_of_recipe(&self.api, recipe).await
    }

    async fn mover(&self, name: &PointerName) -> Result<Option<String>, TargetError> {
        moves::writer(&self.api, name).await
    }

    async fn clear_damaged(&self, name: &PointerName) -> Result<(), TargetError> {
        moves::clear_damaged(&self.api, name).await
    }

    async fn settle_move(&self, underway: &Underway, refused: Option<Foreign>) -> Result<Settled, TargetError> {
        moves::settle(&self.api, underway, refused).await
    }

    async fn hold_move(&self, wanted: &Move) -> Result<(Pointer, Held), TargetError> {
        let by = self.who().await?;
        moves::hold(&self.api, wanted, &by).await
    }

    async fn let_go(&self, held: &Held) -> Result<(), TargetError> {
        moves::release(&self.api, &held.name, &held.lock).await
    }

    async fn settle_held(&self, underway: &Underway, refused: Option<Foreign>) -> Result<HeldEnd, TargetError> {
        moves::settle_held(&self.api, underway, refused).await
    }

    async fn follow(&self, name: &PointerName, image: &ImageId, note: &Note) -> Result<Pointer, TargetError> {
        moves::follow(&self.api, name, image, note).await
    }

    async fn pin(&self, name: &PointerName) -> Result<Option<Pin>, TargetError> {
        parameters::pin(&self.api, name).await
    }

    async fn take_pin(&self, name: &PointerName, pin: &Pin) -> Result<(), TargetError> {
        parameters::take_pin(&self.api, name, pin).await
    }

    async fn put_pin(&self, name: &PointerName, pin: &Pin) -> Result<(), TargetError> {
        parameters::put_pin(&self.api, name, pin).await
    }

    async fn who(&self) -> Result<String, TargetError> {
        if let Some(who) = locked(&self.who).clone() {
            return Ok(who);
        }
        let ask = || self.api.sts.get_caller_identity().send();
        let answer = self.api.caller.call(op::WHO_AM_I, "the caller", ask).await?;
        let who = answer.arn().unwrap_or(crate::release::UNKNOWN_CALLER).to_owned();
        *locked(&self.who) = Some(who.clone());
        Ok(who)
    }

    fn now(&self) -> time::OffsetDateTime {
        self.api.clock.now()
    }

    async fn read_back(&self, names: &[PointerName], image: &ImageId) -> Result<Vec<Pointer>, TargetError> {
        pointers::read_back(&self.api, names, image).await
    }

    async fn read_back_held(&self, names: &[PointerName], image: &ImageId) -> Result<Standing, TargetError> {
        pointers::read_back_held(&self.api, names, image).await
    }

    async fn put_back(&self, name: &PointerName, image: &ImageId) -> Result<Option<Pointer>, TargetError> {
        pointers::put_back(&self.api, name, image).await
    }

    async fn orphans(&self) -> Result<Vec<Orphan>, TargetError> {
        let mut found = orphans::find(&self.api, &self.view).await?;
        if self.service.is_some() {
            found.extend(imagebuilder::leavings::orphans(&self.api).await?);
        }
        Ok(found)
    }

    async fn uploads(&self) -> Result<Uploads, TargetError> {
        match &self.service {
            Some(service) => service.uploads(&self.api).await,
            None => Ok(Uploads::default()),
        }
    }

    async fn remove_orphan(&self, orphan: &Orphan) -> Result<(), TargetError> {
        if let Some(service) = &self.service
            && service.remove_orphan(&self.api, &self.view, orphan).await?
        {
            return Ok(());
        }
        orphans::remove(&self.api, orphan).await
    }

    fn region(&self) -> Option<Region> {
        self.api.region.parse().ok()
    }

    fn place(&self, region: &Region, role: Option<(&AccountId, &RoleName)>) -> Result<Arc<dyn Target>, TargetError> {
        let name = aws_types::region::Region::new(region.to_string());
        let config = self.config.to_builder().region(name).build();
        let callers = Arc::clone(&self.callers);
        let Some((account, role)) = role else { return Ok(Arc::new(AwsTarget::among(callers, &config, None))) };
        let arn = format!("arn:{}:iam::{account}:role/{role}", region.partition());
        let assumed = super::role::Assumed::new(&config, callers.of(&config, self.role.as_ref()), arn.clone());
        let credentials = SharedCredentialsProvider::new(assumed);
        let config = config.into_builder().credentials_provider(credentials).build();
        Ok(Arc::new(AwsTarget::among(callers, &config, Some(arn))))
    }

    async fn copy_image(&self, request: &CopyRequest) -> Result<Image, TargetError> {
        seen::image(copies::copy(&self.api, &self.view, request).await?)
    }

    async fn parts(&self, image: &ImageId) -> Result<Vec<Part>, TargetError> {
        copies::parts(&self.api, &self.view, image).await
    }

    async fn is_shareable(&self, key: &str) -> Option<bool> {
        super::doctor::key::ask(&self.api, key).await.ok().map(|found| !found.is_aws_managed)
    }

    async fn share(&self, image: &ImageId, parts: &[Part], audience: &Audience) -> Result<(), TargetError> {
        sharing::share(&self.api, image, parts, audience).await
    }

    async fn launchers(&self, images: &[ImageId]) -> Result<BTreeMap<ImageId, Vec<String>>, TargetError> {
        sharing::launchers_of_all(&self.api, images).await
    }

    async fn readers(&self, images: &[ImageId]) -> Result<BTreeMap<ImageId, Readers>, TargetError> {
        let ours = self.view.images_by_id(&self.api, images).await?;
        sharing::readers_of_all(&self.api, &ours).await
    }

    async fn unshared(
        &self,
        images: &[ImageId],
        audience: &Audience,
    ) -> Result<BTreeMap<ImageId, Vec<String>>, TargetError> {
        let ours = self.view.images_by_id(&self.api, images).await?;
        sharing::unshared(&self.api, &ours, audience).await
    }

    async fn check_use(&self, image: &ImageId, parts: &[Part]) -> Result<(), TargetError> {
        sharing::check_use(&self.api, image, parts).await
    }
}

/// What went wrong at the bottom: the errors around it say no more than that something did.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("AWS credentials: {cause}")
}
