//! The seam: what the AWS target does for builders and images, done by Image Builder. One image build stands for the builder
//! that an image is made of, and for the one that tests it.

use super::answers;
use super::builds::{self, ImageBuild, Place, Stage};
use super::document;
use super::leavings;
use super::log::Log;
use super::make::{self, Made};
use super::order::{self, Order, Parent, distribution_name};
use super::pipeline::PipelineOrder;
use super::pipelines;
use super::progress::Progress;
use super::stored;
use crate::identity::{BuildId, BuilderId, Digest};
use crate::pipeline::tags as keys;
use crate::pipeline::wait::pace;
use crate::plan::{Bundle, Bundles};
use crate::target::aws::api::{Api, EVENTUAL, op};
use crate::target::aws::locked;
use crate::target::aws::shared::Shared;
use crate::target::aws::view::{Ami, View};
use crate::target::{
    Builder, BuilderState, LaunchRequest, Orphan, Pipeline, PipelineRun, RunEnd, RunEvent, RunRequest, RunResult, Tags,
    TargetError, Uploads,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

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
/// How long one that a look has shown may be missing from another look: after that, someone has deleted it.
const SEEN: Duration = Duration::from_secs(20);
/// What is said of a build that was there and is not any more.
const DELETED: &str = "someone has deleted it in EC2 Image Builder";
/// How many lines of a log stand in a message.
const LAST_LINES: usize = 12;

/// Image Builder in one region.
pub struct Service {
    /// Through which documents of components may go.
    buckets: BTreeSet<String>,
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
    /// A look since then has shown it.
    seen: AtomicBool,
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
    pub fn new(buckets: BTreeSet<String>) -> Service {
        Service {
            buckets,
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

    /// Whether it can run these bundles. Which bucket a recipe has is seen when it is asked for.
    pub fn accepts(&self, build: &BuildId, together: &[&[&Bundle]]) -> Result<(), TargetError> {
        document::check(build, together, self.buckets.first().map(String::as_str))
    }

    /// Documents of components that builds have left in buckets.
    pub async fn uploads(&self, api: &Api) -> Result<Uploads, TargetError> {
        match self.buckets.is_empty() {
            true => Ok(Uploads::default()),
            false => Ok(stored::leftovers(api, self.place(api).await?, &self.buckets).await),
        }
    }

    /// Removes one of these; false where it is of another kind.
    pub async fn remove_orphan(&self, api: &Api, view: &View, orphan: &Orphan) -> Result<bool, TargetError> {
        match stored::is_one(orphan) {
            true => stored::remove_orphan(api, self.place(api).await?, orphan).await.map(|()| true),
            false => leavings::remove_orphan(api, view, orphan).await,
        }
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
    pub async fn start(&self, api: &Api, order: &PipelineOrder, runs: usize) -> Result<(), TargetError> {
        pipelines::start(api, self.place(api).await?, order, runs).await
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
        let Some(found) = builds::get(api, &arn, EVENTUAL).await? else { return Err(spent()) };
        if matches!(found.stage, Stage::Over(..)) {
            return Err(spent());
        }
        let known = self.remember(&found, request, Some(Instant::now()));
        Ok(builder(&found, &known))
    }

    /// The image build that an image was made by, for its test.
    pub async fn launch_test(&self, api: &Api, request: &LaunchRequest, image: &Ami) -> Result<Builder, TargetError> {
        let arn = image.tags.get(leavings::MADE_BY).map(String::as_str).unwrap_or_default();
        let Some(id) = builds::id(arn) else {
            return Err(TargetError::Unsupported {
                what: format!("image {} was not made by EC2 Image Builder, which tests what it makes alone", image.id),
                help: "go on with this build by --target aws".into(),
            });
        };
        // Its results are in its log group even where someone has deleted the build.
        let found = builds::get(api, arn, Duration::ZERO).await?.unwrap_or_else(|| ImageBuild {
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
                seen: AtomicBool::new(false),
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

    /// For how long one that is not there may only not be known everywhere yet.
    fn patience(&self, id: &BuilderId) -> Duration {
        let known = self.known(id);
        let new = known.filter(|known| known.since.is_some_and(|since| since.elapsed() < EVENTUAL));
        match new {
            None => Duration::ZERO,
            Some(known) if known.seen.load(Ordering::Relaxed) => SEEN,
            Some(_) => EVENTUAL,
        }
    }

    fn see(&self, id: &BuilderId, is_there: bool) {
        if let Some(known) = self.known(id).filter(|_| is_there) {
            known.seen.store(true, Ordering::Relaxed);
        }
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
            self.see(id, true);
            return Ok(Some(found.clone()));
        }
        let Some(arn) = self.place(api).await?.build(id) else { return Ok(None) };
        let found = builds::get(api, &arn, self.patience(id)).await?;
        self.see(id, found.is_some());
        Ok(found)
    }

    /// Why a build that was there is gone.
    pub async fn why_gone(&self, api: &Api, id: &BuilderId) -> Result<String, TargetError> {
        Ok(match self.status(api, id).await? {
            Some(ImageBuild { stage: Stage::Over(word, why), .. }) => format!("Image Builder says {word}: {why}"),
            Some(_) => "it is there again".to_owned(),
            None => DELETED.to_owned(),
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
                stage: Stage::Over("DELETED".into(), DELETED.into()),
                created_at: String::new(),
                tags: Tags::new(),
                amis: Vec::new(),
            });
            let mut log = known.log.lock().await;
            if build.has_log() && (build.is_over() || read.is_none_or(|read| read.elapsed() >= self.log_pause())) {
                read = Some(Instant::now());
                for event in log.read(api, &build, bundles).await? {
                    answers::tell(request, event, &mut told);
                }
            }
            if log.results().contradicted {
                return self.without_answer(api, &build, &log, request).await;
            }
            // A test's results come before the image has its tags: those are waited for too.
            let may_answer = !is_test || build.is_over();
            if may_answer && let Some(found) = answers::result(&log, bundles, digest, request.log) {
                answers::write_logs(&log, bundles, request)?;
                for step in &found.steps {
                    answers::tell(request, RunEvent::Ended(step.clone()), &mut told);
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
        answers::write(request.log, log.last(usize::MAX).join("\n").as_bytes())?;
        let (bundle, log) = (request.bundle.digest.clone(), request.log.to_owned());
        Ok(RunResult { bundle, steps: Vec::new(), end: RunEnd::Died(said), log, place: None })
    }

    async fn how_it_ended(&self, api: &Api, build: &ImageBuild, log: &Log) -> String {
        let mut said = match &build.stage {
            Stage::Over(word, why) => format!("image build {} is {word}: {why}", build.arn),
            _ if log.results().contradicted => format!("image build {} has no results that can be used", build.arn),
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
            let Some(build) = self.status(api, id).await? else {
                return Err(TargetError::BuilderGone { builder: id.clone(), why: DELETED.into() });
            };
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
            let failed = log
                .results()
                .boot_test
                .iter()
                .flat_map(|answer| &answer.results)
                .find(|step| answers::must_not_fail(step));
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
        let of = |digest: &&Digest| answers::result(&read, known.bundles.as_ref()?, digest, log);
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
        let Some(mut build) = builds::get(api, &arn, self.patience(id)).await? else { return Ok(()) };
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
            match builds::get(api, &arn, Duration::ZERO).await? {
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
            leavings::remove_leavings(api, view, &arn, recipe.as_ref()).await?;
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
}

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
