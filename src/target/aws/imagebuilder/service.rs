//! The seam: what the AWS target does for builders and images, done by Image Builder. One image build stands for the builder
//! that an image is made of, and for the one that tests it.

use super::builds::{self, ImageBuild, Place, Stage};
use super::log::Log;
use super::make::{self, Made};
use super::order::{self, Order, Parent, distribution_name};
use super::pipeline::PipelineOrder;
use super::pipelines;
use crate::identity::{BuilderId, Digest, ImageId, RecipeName};
use crate::pipeline::tags as keys;
use crate::pipeline::wait::pace;
use crate::plan::{Bundles, StepResult};
use crate::target::aws::api::{Api, op};
use crate::target::aws::command::{Answer, State};
use crate::target::aws::shared::Shared;
use crate::target::aws::view::{Ami, View};
use crate::target::aws::{images, locked, pointers};
use crate::target::{
    Builder, BuilderState, LaunchRequest, Orphan, Pipeline, PipelineRun, RunEnd, RunEvent, RunRequest, RunResult, Tags,
    TargetError,
};
use aws_sdk_ec2::types::Filter;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The tag by which the service says which image build something is of.
pub const MADE_BY: &str = "Ec2ImageBuilderArn";
/// After the build's end: until its last lines are in the log group. They are sent every few seconds.
const LATE: Duration = Duration::from_secs(90);
/// How long an image build may take beyond its bundles' time: three instances or copies that take their time. The service
/// waits up to 12 hours for each.
const SLACK: Duration = Duration::from_secs(4 * 3600);
/// How long a cancelled build may take to end.
const CANCELLING: Duration = Duration::from_secs(3600);
/// The pause between two looks at image builds: the service takes minutes for each of its steps.
const PAUSE: Duration = Duration::from_secs(5);
/// Between two looks at logs, and for each build whose log is read: CloudWatch Logs allows ten in a second, for all who ask.
const LOG: (Duration, Duration) = (PAUSE, Duration::from_millis(250));
/// How many lines of a log stand in a message.
const LAST_LINES: usize = 12;

/// Image Builder in one region.
pub struct Service {
    place: tokio::sync::OnceCell<Place>,
    list: Shared<Vec<ImageBuild>>,
    known: Mutex<BTreeMap<BuilderId, Arc<Known>>>,
    /// Removed here: a listing may not know it yet.
    gone: Mutex<BTreeSet<BuilderId>>,
}

/// An image build that this program has begun or found.
struct Known {
    arn: String,
    /// When it was begun or asked for by its token here; none where it was found by its image.
    since: Option<Instant>,
    token: String,
    bundles: Option<Bundles>,
    log: tokio::sync::Mutex<Log>,
    /// What runs were answered with.
    answered: Mutex<BTreeMap<Digest, RunResult>>,
    /// Sealed, and nothing is asked of it any more but its image.
    stopped: Mutex<bool>,
}

impl Service {
    /// Nothing asked yet.
    pub fn new() -> Service {
        Service {
            place: tokio::sync::OnceCell::new(),
            list: Shared::new(),
            known: Mutex::default(),
            gone: Mutex::default(),
        }
    }

    async fn place(&self, api: &Api) -> Result<&Place, TargetError> {
        let ask = async {
            let answer = api.caller.call(op::WHO_AM_I, "the caller", || api.sts.get_caller_identity().send()).await?;
            let caller = answer.arn().unwrap_or_default();
            Place::of(caller, &api.region)
                .ok_or_else(|| TargetError::NotFound { what: format!("the account of the caller {caller}") })
        };
        self.place.get_or_try_init(|| ask).await
    }

    /// All pipelines whose names begin as ours do.
    pub async fn pipelines(&self, api: &Api) -> Result<Vec<Pipeline>, TargetError> {
        Ok(pipelines::list(api).await?)
    }

    /// Makes a pipeline, or makes it what it is to be.
    pub async fn declare(&self, api: &Api, order: &PipelineOrder, seen: Option<&Pipeline>) -> Result<(), TargetError> {
        pipelines::declare(api, self.place(api).await?, order, seen).await
    }

    /// Removes a pipeline.
    pub async fn withdraw(&self, api: &Api, pipeline: &Pipeline) -> Result<(), TargetError> {
        pipelines::withdraw(api, self.place(api).await?, pipeline).await
    }

    /// Begins a run of a pipeline.
    pub async fn start(&self, api: &Api, order: &PipelineOrder) -> Result<(), TargetError> {
        pipelines::start(api, self.place(api).await?, order).await
    }

    /// The runs of a pipeline, the oldest first.
    pub async fn runs(&self, api: &Api, name: &str) -> Result<Vec<PipelineRun>, TargetError> {
        pipelines::runs(api, self.place(api).await?, name).await
    }

    /// What is to be asked of the service.
    pub fn order(request: &LaunchRequest, parent: &Parent<'_>) -> Result<Order, TargetError> {
        let bundles = request.bundles.as_deref().ok_or_else(|| TargetError::Unsupported {
            what: "Image Builder needs all that is to run before it begins".into(),
            help: "this launch has no bundles: build with --target aws".into(),
        })?;
        order::order(request, bundles, parent).map_err(|error| TargetError::Unsupported {
            what: format!("{} can't be built by EC2 Image Builder", request.token),
            help: error.to_string(),
        })
    }

    /// Begins an image build, or answers with the one that the token has begun.
    pub async fn launch(&self, api: &Api, request: &LaunchRequest, order: &Order) -> Result<Builder, TargetError> {
        let place = self.place(api).await?;
        let spent = || TargetError::TokenSpent { token: request.token.clone() };
        let arn = match make::make(api, place, order).await? {
            Made::Build(arn) => arn,
            // Someone has begun it with other words, an older run of this program for one: it is ours all the same.
            Made::Otherwise => {
                let build = request.tags.get(keys::BUILD).map(String::as_str);
                let all = builds::list(api).await?.answer;
                all.into_iter().find(|found| found.build() == build).ok_or_else(spent)?.arn
            }
        };
        let Some(found) = builds::get(api, &arn, true).await? else { return Err(spent()) };
        if matches!(found.stage, Stage::Over(..)) {
            return Err(spent());
        }
        let known = self.remember(&found, request, Some(Instant::now()));
        Ok(builder(&found, &known))
    }

    /// The image build that an image was made by, for its test.
    pub async fn launch_test(&self, api: &Api, request: &LaunchRequest, image: &Ami) -> Result<Builder, TargetError> {
        let arn = image.tags.get(MADE_BY).map(String::as_str).unwrap_or_default();
        let Some(id) = builds::id(arn) else {
            return Err(TargetError::Unsupported {
                what: format!("image {} was not made by EC2 Image Builder, which tests what it makes alone", image.id),
                help: "go on with this build by --target aws".into(),
            });
        };
        // Its results are in its log group even where someone has deleted the build.
        let found = builds::get(api, arn, false).await?.unwrap_or_else(|| ImageBuild {
            arn: arn.to_owned(),
            id: id.clone(),
            stage: Stage::Available,
            created_at: image.created_at.clone(),
            tags: image.tags.clone(),
            amis: vec![image.id.clone()],
        });
        let known = self.remember(&found, request, None);
        Ok(Builder { state: BuilderState::Running, ..builder(&found, &known) })
    }

    fn remember(&self, found: &ImageBuild, request: &LaunchRequest, since: Option<Instant>) -> Arc<Known> {
        let mut known = locked(&self.known);
        let entry = known.entry(found.id.clone()).or_insert_with(|| {
            Arc::new(Known {
                arn: found.arn.clone(),
                since,
                token: request.token.clone(),
                bundles: request.bundles.as_deref().cloned(),
                log: tokio::sync::Mutex::default(),
                answered: Mutex::default(),
                stopped: Mutex::new(false),
            })
        });
        Arc::clone(entry)
    }

    fn known(&self, id: &BuilderId) -> Option<Arc<Known>> {
        locked(&self.known).get(id).cloned()
    }

    /// Whether it may not be known everywhere yet.
    fn is_new(&self, id: &BuilderId) -> bool {
        let since = self.known(id).and_then(|known| known.since);
        since.is_some_and(|since| since.elapsed() < crate::target::aws::api::EVENTUAL)
    }

    /// All image builds of ours that say whose they are.
    pub async fn builders(&self, api: &Api, age: Duration) -> Result<Vec<Builder>, TargetError> {
        let all = self.list.get(age, builds::list(api)).await?;
        let gone = locked(&self.gone).clone();
        let ours = all.iter().filter(|found| found.build().is_some() && !gone.contains(&found.id));
        Ok(ours.map(|found| self.shown(found)).collect())
    }

    fn shown(&self, found: &ImageBuild) -> Builder {
        match self.known(&found.id) {
            Some(known) => builder(found, &known),
            None => Builder {
                id: found.id.clone(),
                token: String::new(),
                state: BuilderState::Running,
                created_at: found.created_at.clone(),
                tags: found.tags.clone(),
            },
        }
    }

    /// One that is waited for.
    pub async fn builder(&self, api: &Api, id: &BuilderId) -> Result<Option<Builder>, TargetError> {
        Ok(self.status(api, id).await?.map(|found| self.shown(&found)))
    }

    /// Many builds are looked at in one listing; one that is not in it yet is asked for by itself.
    async fn status(&self, api: &Api, id: &BuilderId) -> Result<Option<ImageBuild>, TargetError> {
        if locked(&self.gone).contains(id) {
            return Ok(None);
        }
        let all = self.list.look(builds::list(api)).await?;
        if let Some(found) = all.iter().find(|found| found.id == *id) {
            return Ok(Some(found.clone()));
        }
        let Some(arn) = self.place(api).await?.build(id) else { return Ok(None) };
        let is_new = self.is_new(id);
        Ok(builds::get(api, &arn, is_new).await?)
    }

    /// Why a build that was there is gone.
    pub async fn why_gone(&self, api: &Api, id: &BuilderId) -> Result<String, TargetError> {
        Ok(match self.status(api, id).await? {
            Some(ImageBuild { stage: Stage::Over(word, why), .. }) => format!("Image Builder says {word}: {why}"),
            Some(_) => "it is there again".to_owned(),
            None => "someone has deleted it in EC2 Image Builder".to_owned(),
        })
    }

    /// A result that a run of this program has answered with.
    pub async fn result(&self, id: &BuilderId, bundle: &Digest) -> Result<Option<RunResult>, TargetError> {
        let Some(known) = self.known(id) else { return Ok(None) };
        let answered = locked(&known.answered).get(bundle).cloned();
        Ok(answered)
    }

    /// Waits until a bundle's results have come, or are certain not to.
    pub async fn run(&self, api: &Api, id: &BuilderId, request: &RunRequest<'_>) -> Result<RunResult, TargetError> {
        let known = self.known(id).ok_or_else(|| builds::unknown(id))?;
        let Some(bundles) = &known.bundles else { return Err(builds::unknown(id)) };
        let digest = &request.bundle.digest;
        let is_test = *digest == bundles.boot_test.digest;
        let bound = Duration::from_secs(request.time_s).saturating_mul(3).saturating_add(SLACK);
        let began = Instant::now();
        let mut told = BTreeSet::new();
        let (mut over, mut read) = (None::<Instant>, None::<Instant>);
        let mut progress = Progress::default();
        loop {
            let build = self.status(api, id).await?;
            let build = build.unwrap_or_else(|| ImageBuild {
                arn: known.arn.clone(),
                id: id.clone(),
                stage: Stage::Over("DELETED".into(), "someone has deleted it in EC2 Image Builder".into()),
                created_at: String::new(),
                tags: Tags::new(),
                amis: Vec::new(),
            });
            let mut log = known.log.lock().await;
            if build.has_log() && (build.is_over() || read.is_none_or(|read| read.elapsed() >= self.log_pause())) {
                read = Some(Instant::now());
                for event in log.read(api, &build, bundles).await? {
                    tell(request, event, &mut told);
                }
            }
            // A test's results come before the image has its tags: those are waited for too.
            let may_answer = !is_test || build.is_over();
            if may_answer && let Some(found) = result(&log, bundles, digest, request.log) {
                write_logs(&log, bundles, request)?;
                for step in &found.steps {
                    tell(request, RunEvent::Ended(step.clone()), &mut told);
                }
                locked(&known.answered).insert(digest.clone(), found.clone());
                return Ok(found);
            }
            if build.is_over() {
                let over = *over.get_or_insert_with(Instant::now);
                if over.elapsed() > LATE {
                    return self.without_answer(api, &build, &log, request).await;
                }
            }
            drop(log);
            if began.elapsed() > bound {
                return Err(TargetError::GaveUp {
                    call: op::IB_GET_IMAGE.action.into(),
                    resource: build.arn,
                    attempts: 1,
                    seconds: bound.as_secs(),
                    last: "it has not ended, though its time is over".into(),
                });
            }
            if let Some(step) = progress.news(api, &build, self.watched()).await {
                (request.watch)(RunEvent::Started { step });
            }
            sleep(PAUSE).await;
        }
    }

    /// How many builds this program waits for.
    fn watched(&self) -> u32 {
        let gone = locked(&self.gone);
        let known = locked(&self.known);
        let watched = known.iter().filter(|&(id, known)| known.since.is_some() && !gone.contains(id)).count();
        u32::try_from(watched).unwrap_or(u32::MAX)
    }

    fn log_pause(&self) -> Duration {
        let (least, each) = LOG;
        least.max(each.saturating_mul(self.watched()))
    }

    /// The end of a bundle without an answer: what the service says of it, and the last lines of its log.
    async fn without_answer(
        &self,
        api: &Api,
        build: &ImageBuild,
        log: &Log,
        request: &RunRequest<'_>,
    ) -> Result<RunResult, TargetError> {
        let said = self.how_it_ended(api, build, log).await;
        write(request.log, log.last(usize::MAX).join("\n").as_bytes())?;
        let (bundle, log) = (request.bundle.digest.clone(), request.log.to_owned());
        Ok(RunResult { bundle, steps: Vec::new(), end: RunEnd::Died(said), log, place: None })
    }

    async fn how_it_ended(&self, api: &Api, build: &ImageBuild, log: &Log) -> String {
        let mut said = match &build.stage {
            Stage::Over(word, why) => format!("image build {} is {word}: {why}", build.arn),
            _ => format!("image build {} has no results in its log", build.arn),
        };
        let steps = builds::steps(api, &build.arn).await.unwrap_or_default();
        if let Some(step) = steps.iter().find(|step| step.status == "FAILED") {
            said.push_str(&format!("\n  workflow step {}: {}", step.name, step.message));
        }
        if !log.place().component.is_empty() {
            said.push_str(&format!("\n  last ran {}", log.place()));
        }
        for (label, error) in &log.results().unusable {
            said.push_str(&format!("\n  phase {label}: {error}"));
        }
        for missing in log.missing() {
            said.push_str(&format!("\n  {missing}"));
        }
        for line in log.last(LAST_LINES) {
            said.push_str(&format!("\n  | {line}"));
        }
        said
    }

    /// Its disk stands still by itself.
    pub fn stop(&self, id: &BuilderId) {
        if let Some(known) = self.known(id) {
            *locked(&known.stopped) = true;
        }
    }

    /// Waits for the AMI: it is ours once it carries our tags, which it does when its tests are through.
    /// `tell` hears what the service is at.
    pub async fn image(
        &self,
        api: &Api,
        id: &BuilderId,
        tell: &(dyn Fn(String) + Send + Sync),
    ) -> Result<String, TargetError> {
        let mut progress = Progress::default();
        loop {
            let build = self.status(api, id).await?.ok_or_else(|| builds::unknown(id))?;
            match &build.stage {
                Stage::Available => {
                    let here = build.amis.first().cloned();
                    return here.ok_or_else(|| TargetError::NotFound { what: format!("the AMI of {}", build.arn) });
                }
                Stage::Over(..) => return Err(self.no_image(api, &build).await?),
                Stage::Underway(_) => {
                    if let Some(step) = progress.news(api, &build, self.watched()).await {
                        tell(step);
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Why a build that was sealed has no image: a test that failed, or what the service says.
    async fn no_image(&self, api: &Api, build: &ImageBuild) -> Result<TargetError, TargetError> {
        let mut said = None;
        if let Some(known) = self.known(&build.id)
            && let Some(bundles) = &known.bundles
        {
            let mut log = known.log.lock().await;
            let began = Instant::now();
            while log.results().boot_test.is_none() && began.elapsed() < LATE {
                log.read(api, build, bundles).await?;
                if log.results().boot_test.is_none() {
                    sleep(pace(began.elapsed())).await;
                }
            }
            let failed =
                log.results().boot_test.iter().flat_map(|answer| &answer.results).find(|step| must_not_fail(step));
            said = match failed {
                Some(step) => {
                    let titles = &bundles.boot_test.steps;
                    let title = titles.iter().find(|(id, _)| *id == step.step).map_or(&step.step, |(_, title)| title);
                    let lines: Vec<&str> = step.out.lines().collect();
                    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
                    let last: String = last.iter().map(|line| format!("\n  | {line}")).collect();
                    Some(format!("{title}: exit status {} ({}){last}", step.rc, log.place()))
                }
                None => Some(self.how_it_ended(api, build, &log).await),
            };
        }
        Ok(TargetError::Service {
            call: "the image's test".into(),
            resource: build.arn.clone(),
            said: said.unwrap_or_else(|| "it has no image".into()),
            help: "mend what failed, then run the same command again; the whole log is in the log group \
                   /aws/imagebuilder/ of this image's recipe"
                .into(),
        })
    }

    /// The results that the image carries: the test has printed them once more.
    pub async fn results_in_image(
        &self,
        id: &BuilderId,
        bundles: &[&Digest],
        log: &Path,
    ) -> Result<Option<Vec<RunResult>>, TargetError> {
        let known = self.known(id).ok_or_else(|| builds::unknown(id))?;
        let read = known.log.lock().await;
        let of = |digest: &&Digest| result(&read, known.bundles.as_ref()?, digest, log);
        let found: Vec<RunResult> = bundles.iter().filter_map(of).collect();
        Ok(Some(found).filter(|found| found.len() == bundles.len()))
    }

    /// Ends image builds and removes what they leave, but for a finished image: who removes that knows whether it is named.
    pub async fn terminate(&self, api: &Api, view: &View, ids: &[BuilderId]) -> Result<(), TargetError> {
        for id in ids.iter().collect::<BTreeSet<_>>() {
            self.terminate_one(api, view, id).await?;
        }
        Ok(())
    }

    async fn terminate_one(&self, api: &Api, view: &View, id: &BuilderId) -> Result<(), TargetError> {
        let place = self.place(api).await?;
        let Some(arn) = place.build(id) else { return Ok(()) };
        let is_new = self.is_new(id);
        let Some(mut build) = builds::get(api, &arn, is_new).await? else { return Ok(()) };
        if build.build().is_none() {
            // A run of a pipeline: it ends by itself, and stays among the pipeline's runs.
            return Ok(());
        }
        let began = Instant::now();
        if !build.is_over() {
            builds::cancel(api, &arn).await?;
        }
        while !build.is_over() {
            sleep(pace(began.elapsed())).await;
            match builds::get(api, &arn, false).await? {
                Some(now) => build = now,
                None => return Ok(()),
            }
            if began.elapsed() > CANCELLING {
                return Err(TargetError::GaveUp {
                    call: op::IB_CANCEL.action.into(),
                    resource: arn,
                    attempts: 1,
                    seconds: CANCELLING.as_secs(),
                    last: "it was cancelled, and has not ended".into(),
                });
            }
        }
        if build.stage != Stage::Available {
            let recipe = build.tags.get(keys::RECIPE).and_then(|recipe| recipe.parse().ok());
            remove_leavings(api, view, &arn, recipe.as_ref()).await?;
        }
        // The build last: until then its tags say whose all this is.
        if let Some(of) = build.build() {
            let distribution = place.arn(&format!("distribution-configuration/{}", distribution_name(of)));
            builds::delete_distribution(api, &distribution).await?;
        }
        builds::delete(api, &arn).await?;
        locked(&self.gone).insert(id.clone());
        Ok(())
    }

    /// Configurations, AMIs and snapshots of builds that nothing stands for any more.
    pub async fn orphans(&self, api: &Api) -> Result<Vec<Orphan>, TargetError> {
        let all = builds::list(api).await?.answer;
        let mut found = Vec::new();
        let mut of_pipelines = Vec::new();
        let mut page = None;
        loop {
            let ask = || {
                let request = api.imagebuilder.list_distribution_configurations().max_results(25);
                request.set_next_token(page.clone()).send()
            };
            let answer = api.caller.call(op::IB_LIST_DISTRIBUTIONS, "distribution configurations", ask).await?;
            for one in answer.distribution_configuration_summary_list() {
                let tags: Tags =
                    one.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
                let (id, created_at) = (one.arn().unwrap_or_default(), one.date_created().unwrap_or_default());
                let (id, created_at) = (id.to_owned(), created_at.to_owned());
                match tags.get(keys::BUILD).map(String::as_str) {
                    None if tags.contains_key(keys::PIPELINE) => {
                        of_pipelines.push(Orphan { kind: DISTRIBUTION, id, tags, created_at });
                    }
                    Some(build) if !all.iter().any(|found| found.build() == Some(build)) => {
                        found.push(Orphan { kind: DISTRIBUTION, id, tags, created_at });
                    }
                    _ => {}
                }
            }
            page = answer.next_token;
            if page.as_deref().is_none_or(str::is_empty) {
                break;
            }
        }
        let mut waiting = Vec::new();
        for ami in made_by(api, None).await? {
            let arn = ami.tags.get(MADE_BY).map(String::as_str).unwrap_or_default();
            // What carries our tags is an image of ours, and is seen as one.
            if builds::id(arn).is_none() || ami.tags.contains_key(keys::BUILD) {
                continue;
            }
            let build = all.iter().find(|found| found.arn == arn);
            let is_waiting = build.is_some_and(|build| build.build().is_none() && build.is_over());
            let orphan = Orphan { kind: IMAGE, id: ami.id.clone(), tags: ami.tags.clone(), created_at: ami.created_at };
            match build {
                None => found.push(orphan),
                Some(build) if is_waiting => waiting.push((build.clone(), orphan)),
                Some(_) => {}
            }
        }
        if !of_pipelines.is_empty() || !waiting.is_empty() {
            let there = pipelines::list(api).await?;
            found.extend(pipelines::unused(of_pipelines, &there, api.clock.now()));
            found.extend(pipelines::not_waited_for(waiting, &all, &there));
        }
        Ok(found)
    }

    /// Removes one of these; false where it is of another kind.
    pub async fn remove_orphan(&self, api: &Api, view: &View, orphan: &Orphan) -> Result<bool, TargetError> {
        match orphan.kind {
            DISTRIBUTION => builds::delete_distribution(api, &orphan.id).await?,
            IMAGE => {
                // Someone may have adopted it meanwhile.
                let is_adopted = view.image_now(api, &orphan.id).await?.is_some();
                if !is_adopted && !is_named(api, &orphan.id).await? {
                    images::delete(api, view, &orphan.id).await?;
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What the service is at, told once each.
#[derive(Default)]
struct Progress {
    asked: Option<Instant>,
    told: String,
}

/// How often the service's own steps are asked for; and by how many builds at once at most, because that takes calls for
/// each build. The state of a build is in the listing that all share.
const STEPS: (Duration, u32) = (Duration::from_secs(20), 8);

impl Progress {
    /// What is new, where something is.
    async fn news(&mut self, api: &Api, build: &ImageBuild, watched: u32) -> Option<String> {
        let Stage::Underway(word) = &build.stage else { return None };
        let (often, few) = STEPS;
        let mut now = word.to_lowercase();
        if watched <= few {
            if self.asked.is_some_and(|asked| asked.elapsed() < often) {
                return None;
            }
            self.asked = Some(Instant::now());
            // Progress is a courtesy: where it can't be read, results come all the same.
            let steps = builds::steps(api, &build.arn).await.unwrap_or_default();
            if let Some(step) = steps.iter().rev().find(|step| step.status == "RUNNING") {
                now = format!("{now}, {}", step.name);
            }
        }
        if now == self.told {
            return None;
        }
        self.told.clone_from(&now);
        Some(format!("Image Builder: {now}"))
    }
}

const DISTRIBUTION: &str = "distribution configuration";
const IMAGE: &str = "image";

fn builder(found: &ImageBuild, known: &Known) -> Builder {
    let state = if *locked(&known.stopped) { BuilderState::Stopped } else { BuilderState::Running };
    Builder {
        id: found.id.clone(),
        token: known.token.clone(),
        state,
        created_at: found.created_at.clone(),
        tags: found.tags.clone(),
    }
}

/// The result of a bundle, where its lines are all here.
fn result(log: &Log, bundles: &Bundles, digest: &Digest, path: &Path) -> Option<RunResult> {
    let results = log.results();
    let (answer, phase, name): (&Option<Answer>, _, _) = match digest {
        digest if *digest == bundles.apply.digest => (&results.apply, "build", bundles.apply.name),
        digest if *digest == bundles.seal.digest => (&results.seal, "validate", bundles.seal.name),
        digest if *digest == bundles.boot_test.digest => (&results.boot_test, "test", bundles.boot_test.name),
        _ => return None,
    };
    let answer = answer.as_ref().filter(|answer| matches!(answer.state, State::Ended(_)))?;
    let place = format!("component {}, phase {phase}, step {name}", log.place().component);
    let found = answer.run_result(digest, path)?;
    // Where all went well, nobody asks.
    let failed = found.steps.iter().any(must_not_fail) || found.end != RunEnd::Completed;
    Some(RunResult { place: failed.then_some(place), ..found })
}

/// A step that failed and must not. Controls that can't be applied show in their audits.
fn must_not_fail(step: &StepResult) -> bool {
    step.rc != 0 && !step.step.starts_with("control/")
}

fn tell(request: &RunRequest<'_>, event: RunEvent, told: &mut BTreeSet<String>) {
    let is_its = |step: &str| request.bundle.steps.iter().any(|(id, _)| id == step);
    let news = match &event {
        RunEvent::Started { step } => is_its(step),
        RunEvent::Ended(result) => is_its(&result.step) && told.insert(result.step.clone()),
    };
    if news {
        (request.watch)(event);
    }
}

/// Logs of what has ended. Where lines of a log are lost, what is installed is in the test's.
fn write_logs(log: &Log, bundles: &Bundles, request: &RunRequest<'_>) -> Result<(), TargetError> {
    let results = log.results();
    let test = results.boot_test.as_ref().map(|answer| answer.log.as_slice()).unwrap_or_default();
    for (bundle, answer) in
        [(&bundles.apply, &results.apply), (&bundles.seal, &results.seal), (&bundles.boot_test, &results.boot_test)]
    {
        if let Some(answer) = answer {
            let path = request.log.with_file_name(format!("{}.log", bundle.name));
            write(&path, if answer.log.is_empty() { test } else { &answer.log })?;
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), TargetError> {
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, bytes));
    written.map_err(|source| TargetError::Io { what: format!("writing {}", path.display()), source })
}

/// AMIs and snapshots of a build that is over without an image. One that a pointer names is nobody's to remove.
async fn remove_leavings(api: &Api, view: &View, arn: &str, recipe: Option<&RecipeName>) -> Result<(), TargetError> {
    let named: Vec<ImageId> = match recipe {
        Some(recipe) => pointers::of_recipe(api, recipe).await?.into_iter().map(|pointer| pointer.image).collect(),
        None => Vec::new(),
    };
    for ami in made_by(api, Some(arn)).await? {
        if !named.iter().any(|image| image.as_str() == ami.id) {
            images::delete(api, view, &ami.id).await?;
        }
    }
    let of_it = Filter::builder().name(format!("tag:{MADE_BY}")).values(arn).build();
    let ask = || api.ec2.describe_snapshots().owner_ids("self").filters(of_it.clone()).send();
    let answer = api.caller.call(op::DESCRIBE_SNAPSHOTS, arn, ask).await?;
    for snapshot in answer.snapshots().iter().filter_map(|snapshot| snapshot.snapshot_id()) {
        images::delete_snapshot(api, snapshot).await?;
    }
    Ok(())
}

/// AMIs that the service has made: of one build, or all.
async fn made_by(api: &Api, arn: Option<&str>) -> Result<Vec<Ami>, TargetError> {
    let filter = match arn {
        Some(arn) => Filter::builder().name(format!("tag:{MADE_BY}")).values(arn).build(),
        None => Filter::builder().name("tag-key").values(MADE_BY).build(),
    };
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let ask = || {
            let request = api.ec2.describe_images().owners("self").filters(filter.clone()).include_disabled(true);
            request.max_results(500).set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::DESCRIBE_IMAGES, "images made by Image Builder", ask).await?;
        found.extend(answer.images().iter().filter_map(crate::target::aws::view::read_image));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

/// Whether any pointer names it, of whatever recipe: an image without our tags does not say of which it is.
async fn is_named(api: &Api, image: &str) -> Result<bool, TargetError> {
    let all = crate::target::aws::parameters::list(api, "/amifactory", true).await?;
    let is_pointer = |name: &str| pointers::parse(name).is_some();
    Ok(all.iter().any(|found| is_pointer(found.name().unwrap_or_default()) && found.value() == Some(image)))
}
