//! Pipelines: what is declared comes to be, only what differs is changed, and what they make becomes an image as any other.

use super::shared::{self, changes, seconds};
use crate::aws::factory;
use crate::aws::weather::place::{Place, plain};
use amifactory::identity::RecipeName;
use amifactory::pipeline::adopt::{self, Adopted, Waiting};
use amifactory::pipeline::schedules::{self, Declared, Planned, Step};
use amifactory::pipeline::tags::{self, ImageState};
use amifactory::pipeline::{BuildError, BuildOptions, Built, Engine, Event, Sink, sweep};
use amifactory::plan::Plan;
use amifactory::recipe::{Cron, Rebuild, Schedule};
use amifactory::target::aws::AwsTarget;
use amifactory::target::{Draft, LaunchBase, MadeImage, Pipeline, PipelineRun, Pipelines, RunState, Tags, Target as _};
use std::collections::BTreeSet;
use std::time::Duration;

pub struct Silent;
impl Sink for Silent {
    fn event(&self, _: &Event) {}
}

/// Each night at three.
pub fn nightly() -> Schedule {
    Schedule { cron: Cron::read("0 3 * * *").unwrap(), time_zone: "Europe/Berlin".into(), rebuild: Rebuild::Changed }
}

pub fn pipelines(target: &AwsTarget) -> &dyn Pipelines {
    target.pipelines().unwrap()
}

/// The plan of the recipe `web` with this content, and its pipeline.
pub async fn declared(target: &AwsTarget, content: &str, schedule: &Schedule) -> (Plan, LaunchBase, Draft) {
    let (plan, launch) = factory::plan_of(target, "web", content, &factory::by_parameter()).await;
    let draft = pipelines(target).draft(&plan, &launch, schedule).await.unwrap();
    (plan, launch, draft)
}

/// What the verb does for all recipes, of which this one has a schedule; none: none has.
pub async fn apply(target: &AwsTarget, draft: Option<&Draft>) -> Vec<Planned> {
    let pipelines = pipelines(target);
    let recipes: BTreeSet<RecipeName> = draft.map(|draft| draft.recipe.clone()).into_iter().collect();
    // The recipe is here, whether it has a schedule or not.
    let known = BTreeSet::from(["web".parse().unwrap()]);
    let declared = Declared { recipes: &recipes, known: &known, only: None, owner: None, take_over: false };
    let seen = pipelines.there().await.unwrap();
    let planned = schedules::decide(draft.cloned().into_iter().collect(), &seen, &declared);
    for planned in &planned {
        schedules::carry_out(pipelines, planned).await.unwrap();
    }
    planned
}

/// The service begins a run, as its schedule would.
pub async fn begin_run(target: &AwsTarget, draft: &Draft) {
    let arn = format!("arn:aws:imagebuilder:{}:{}:image-pipeline/{}", target.api().region, ACCOUNT, draft.order.name);
    let token = format!("{:032x}", fastrand::u128(..));
    let start = target.api().imagebuilder.start_image_pipeline_execution();
    start.image_pipeline_arn(arn).client_token(token).send().await.unwrap();
}

const ACCOUNT: &str = "123456789012";

/// The same, and waits for its end.
pub async fn run(target: &AwsTarget, draft: &Draft) -> PipelineRun {
    begin_run(target, draft).await;
    ended(target, draft).await
}

/// Waits for the end of its last run.
async fn ended(target: &AwsTarget, draft: &Draft) -> PipelineRun {
    for _ in 0..360 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let runs = pipelines(target).runs(&draft.order.name).await.unwrap();
        if let Some(last) = runs.last().filter(|run| !matches!(run.state, RunState::Underway(_))) {
            return last.clone();
        }
    }
    panic!("the run does not end");
}

/// What the verb does with what there is.
pub async fn adopt_of(place: &Place, content: &str, schedule: &Schedule) -> Result<Adopted, Waiting> {
    let target = shared::target(place);
    let (plan, launch, draft) = declared(&target, content, schedule).await;
    let made = match adopt::waiting(pipelines(&target), &draft).await.unwrap() {
        Waiting::Image(made) => made,
        other => return Err(other),
    };
    assert_eq!(made.base.as_deref(), Some(plan.base.id.as_str()));
    let state = place.state();
    let engine = Engine { target: &target, state: &state, sink: &Silent };
    let adopted = adopt::adopt(&engine, pipelines(&target), (&plan, &launch), &made, schedule.rebuild).await;
    Ok(adopted.unwrap_or_else(|error| panic!("{error}")))
}

pub fn built(adopted: Result<Adopted, Waiting>) -> Built {
    match adopted {
        Ok(Adopted::Image(built)) => *built,
        other => panic!("{other:?}"),
    }
}

/// Resources of the service that only a pipeline has.
pub fn own(place: &crate::fake_aws::Fake) -> Vec<String> {
    let world = place.world();
    let own =
        |arn: &&String| [":image-pipeline/", ":distribution-configuration/"].iter().any(|kind| arn.contains(kind));
    world.imagebuilder.resources.keys().filter(own).cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_declared_comes_to_be_and_only_what_differs_is_changed() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (_, _, draft) = declared(&target, "first", &nightly()).await;
    assert_eq!(draft.order.recipe.parent, format!("ssm:{}", factory::AL2023));
    assert_eq!(apply(&target, Some(&draft)).await[0].step, Step::Create);
    let made = changes(&place, 0);
    insta::assert_snapshot!(made.join("\n"), @r"
    CreateComponent
    CreateComponent
    CreateComponent
    CreateComponent
    CreateComponent
    CreateImageRecipe
    CreateInfrastructureConfiguration
    CreateDistributionConfiguration
    CreateImagePipeline
    ");
    let [pipeline] = &pipelines(&target).there().await.unwrap()[..] else { panic!() };
    assert_eq!(pipeline.shape, draft.shape);

    // Another run of the program finds nothing to do.
    let before = place.fake.world().calls.len();
    let target = shared::target(&place);
    let (_, _, draft) = declared(&target, "first", &nightly()).await;
    assert_eq!(apply(&target, Some(&draft)).await[0].step, Step::Keep);
    assert_eq!(changes(&place, before), [] as [String; 0]);

    // Another time is a change of the pipeline alone.
    let before = place.fake.world().calls.len();
    let later = Schedule { cron: Cron::read("30 4 ? * SUN").unwrap(), rebuild: Rebuild::Always, ..nightly() };
    let (_, _, draft) = declared(&target, "first", &later).await;
    let Step::Change(differs) = &apply(&target, Some(&draft)).await[0].step else { panic!() };
    let differs: Vec<&str> = differs.iter().map(|change| change.what).collect();
    assert_eq!(differs, ["cron", "rebuild"]);
    let made = changes(&place, before);
    let made: Vec<&String> = made.iter().filter(|action| !action.starts_with("Create")).collect();
    assert_eq!(made, ["UpdateImagePipeline"]);

    // Another content is another recipe of its own; all that did not change is used again.
    let (_, _, other) = declared(&target, "second", &later).await;
    let Step::Change(differs) = &apply(&target, Some(&other)).await[0].step else { panic!() };
    let differs: Vec<&str> = differs.iter().map(|change| change.what).collect();
    assert_eq!(differs, ["content", "distribution"]);
    assert_eq!(pipelines(&target).there().await.unwrap()[0].shape, other.shape);
    assert_eq!(own(&place.fake).len(), 2, "{:?}", own(&place.fake));

    // Someone turns it off by hand: what is declared counts.
    place.fake.world().imagebuilder.resources.values_mut().for_each(|resource| {
        if resource.arn.contains(":image-pipeline/") {
            resource.body.insert("status".into(), "DISABLED".into());
        }
    });
    let Step::Change(differs) = &apply(&target, Some(&other)).await[0].step else { panic!() };
    assert_eq!((differs[0].what, differs[0].from.as_str()), ("runs", "off"));
    assert_eq!(pipelines(&target).there().await.unwrap()[0].shape, other.shape);

    // Nobody declares it any more.
    assert_eq!(apply(&target, None).await[0].step, Step::Withdraw);
    assert_eq!(own(&place.fake), [] as [String; 0]);
    assert_eq!(apply(&target, None).await, []);
}

#[tokio::test(start_paused = true)]
async fn strangers_and_those_of_other_owners_are_left_as_they_are() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (_, _, draft) = declared(&target, "first", &nightly()).await;
    apply(&target, Some(&draft)).await;
    let retag = |change: &dyn Fn(&mut Tags)| {
        let mut world = place.fake.world();
        let found = world.imagebuilder.resources.values_mut().find(|found| found.arn.contains(":image-pipeline/"));
        change(&mut found.unwrap().tags);
    };
    retag(&|tags| drop(tags.insert(tags::OWNER.into(), "another team".into())));
    let seen = pipelines(&target).there().await.unwrap();
    let (none, web) = (BTreeSet::new(), BTreeSet::from([draft.recipe.clone()]));
    let decide = |seen: &[Pipeline], known: &BTreeSet<RecipeName>, owner| -> Vec<Step> {
        let declared = Declared { recipes: &none, known, only: None, owner, take_over: false };
        schedules::decide(Vec::new(), seen, &declared).into_iter().map(|planned| planned.step).collect()
    };
    assert_eq!(decide(&seen, &web, None), []);
    assert_eq!(decide(&seen, &none, Some("another team")), [Step::Withdraw]);
    // Nobody has said whose it is: the recipe that is here says that it is ours, and nothing else does.
    retag(&|tags| drop(tags.remove(tags::OWNER)));
    let seen = pipelines(&target).there().await.unwrap();
    assert_eq!(decide(&seen, &web, None), [Step::Withdraw]);
    assert_eq!(decide(&seen, &none, None), [Step::Unclaimed]);
    assert_eq!(decide(&seen, &web, Some("another team")), []);

    // Nor is it taken where a recipe of its name is declared here too, unless that is asked for.
    retag(&|tags| drop(tags.insert(tags::OWNER.into(), "another team".into())));
    let seen = pipelines(&target).there().await.unwrap();
    let take = |take_over| {
        let declared = Declared { recipes: &web, known: &web, only: None, owner: None, take_over };
        schedules::decide(vec![draft.clone()], &seen, &declared).remove(0)
    };
    assert_eq!(take(false).step, Step::Others("another team".into()));
    assert!(matches!(take(true).step, Step::Keep | Step::Change(_)));
    let before = place.fake.world().calls.len();
    let error = schedules::carry_out(pipelines(&target), &take(false)).await.unwrap_err().to_string();
    assert!(error.contains("another team's") && error.contains("--take-over"), "{error}");
    assert!(!schedules::start(pipelines(&target), &take(false)).await.unwrap());
    assert_eq!(changes(&place, before), [] as [String; 0]);

    retag(&|tags| tags.clear());
    let seen = pipelines(&target).there().await.unwrap();
    let declared = Declared { recipes: &web, known: &web, only: None, owner: None, take_over: false };
    let planned = schedules::decide(vec![draft], &seen, &declared);
    assert_eq!(planned[0].step, Step::Stranger);
    let before = place.fake.world().calls.len();
    let error = schedules::carry_out(pipelines(&target), &planned[0]).await.unwrap_err().to_string();
    assert!(error.contains("don't say that amifactory made it"), "{error}");
    // Nor is it taken where it came between the look and now.
    let error = pipelines(&target).declare(planned[0].draft.as_ref().unwrap(), None).await.unwrap_err().to_string();
    assert!(error.contains("holds something else"), "{error}");
    assert!(!changes(&place, before).contains(&"UpdateImagePipeline".to_owned()));
    assert_eq!(decide(&seen, &web, None), []);
}

#[tokio::test(start_paused = true)]
async fn what_a_run_has_made_is_adopted_and_is_an_image_as_any_other() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (plan, launch, draft) = declared(&target, "first", &nightly()).await;
    apply(&target, Some(&draft)).await;
    assert!(matches!(adopt_of(&place, "first", &nightly()).await, Err(Waiting::Nothing(_))));
    let ran = run(&target, &draft).await;
    assert_eq!((&ran.state, &ran.content), (&RunState::Available, &draft.shape.content));

    // Until it is adopted it is nobody's image, and sweep leaves it.
    assert_eq!(target.images().await.unwrap(), []);
    assert_eq!(sweep::find(&shared::target(&place), &place.state()).await.unwrap(), []);
    let made = built(adopt_of(&place, "first", &nightly()).await);
    assert!(made.fresh);
    assert_eq!(Some(&made.image.id), ran.image.as_ref());
    assert_eq!(made.image.name, format!("web-{}-ib1", plan.digest.short()));
    assert_eq!(ImageState::of(&made.image.tags), ImageState::Verified);

    // Everything is as a build would have it.
    let there = Place::new(|_| {});
    let by_build = shared::built(&there, &BuildOptions::default()).await;
    let comparable = |tags: &Tags| -> Tags {
        let own = |key: &&String| !["CreatedBy", "Ec2ImageBuilderArn", tags::PIPELINE].contains(&key.as_str());
        tags.iter().filter(|(key, _)| own(key)).map(|(key, value)| (key.clone(), plain(value))).collect()
    };
    assert_eq!(comparable(&made.image.tags), comparable(&by_build.image.tags));
    assert_eq!((&made.record.packages, &made.record.controls), (&by_build.record.packages, &by_build.record.controls));
    assert_eq!((made.record.version, made.record.target), (by_build.record.version, by_build.record.target));
    let parameters = crate::aws::crash::contract::parameters(&place.fake.world());
    let named: Vec<&String> =
        parameters.iter().filter(|(_, value)| **value == made.image.id.to_string()).map(|(n, _)| n).collect();
    assert_eq!(named, ["/amifactory/web/x86_64/channels/dev", "/amifactory/web/x86_64/versions/1.0.0"]);

    // Whoever comes next has nothing to do, by whatever verb and target.
    let before = place.fake.world().calls.len();
    assert!(!built(adopt_of(&place, "first", &nightly()).await).fresh);
    for target in [shared::target(&place), place.target()] {
        let again = place.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
        let again = again.well_within(seconds(90));
        assert_eq!((again.fresh, &again.image.id, &again.image.name), (false, &made.image.id, &made.image.name));
    }
    assert_eq!(changes(&place, before), [] as [String; 0]);
    assert_eq!(place.leaks().await, [] as [String; 0]);
    assert_eq!(sweep::find(&shared::target(&place), &place.state()).await.unwrap(), []);
    // What it has made stays among its runs.
    assert_eq!(pipelines(&target).runs(&draft.order.name).await.unwrap(), [ran]);
}

#[tokio::test(start_paused = true)]
async fn what_is_there_already_is_not_made_a_version_again_unless_that_is_asked_for() {
    let place = Place::new(|_| {});
    let first = shared::built(&place, &BuildOptions::default()).await;
    let target = shared::target(&place);
    let (_, _, draft) = declared(&target, "first", &nightly()).await;
    apply(&target, Some(&draft)).await;
    let ran = run(&target, &draft).await;
    let Ok(Adopted::Superfluous(why)) = adopt_of(&place, "first", &nightly()).await else { panic!() };
    assert_eq!(why, format!("nothing has changed since {}, which is published", first.image.id));
    let always = Schedule { rebuild: Rebuild::Always, ..nightly() };
    let again = built(adopt_of(&place, "first", &always).await);
    assert_eq!((Some(&again.image.id), again.record.version.to_string()), (ran.image.as_ref(), "1.0.1".to_owned()));
    assert_eq!(again.image.tags.get(tags::FORCED).map(String::as_str), Some("true"));
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_older_image_never_becomes_the_newest_version() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (_, _, draft) = declared(&target, "first", &nightly()).await;
    apply(&target, Some(&draft)).await;
    run(&target, &draft).await;
    // Something else is built and published before anyone adopts.
    let (plan, launch) = factory::plan_of(&target, "web", "second", &factory::by_parameter()).await;
    let newer = place.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
    let newer = newer.well_within(seconds(900)).image.id.clone();
    let Ok(Adopted::Superfluous(why)) = adopt_of(&place, "first", &nightly()).await else { panic!() };
    assert_eq!(why, format!("{newer} was built after it"));
}

#[tokio::test(start_paused = true)]
async fn an_image_is_judged_by_the_base_that_it_was_really_made_from() {
    use crate::aws::crash::machine::{harmless, recipe};
    use amifactory::hardening::Library;
    use amifactory::pipeline::prepare::{Planner, Prepared};
    let place = Place::new(|_| {});
    let (factory, library) = (recipe(1), Library::embedded().unwrap());
    let prepare = async |target: &AwsTarget, base: Option<&str>| -> (Plan, LaunchBase, Draft) {
        let planner = Planner::new(&factory, &library, target);
        let mut prepared = planner.prepare(&"web".parse::<RecipeName>().unwrap()).await.unwrap();
        if let Some(base) = base {
            prepared = planner.prepare_on(&prepared, base).await.unwrap().unwrap();
        }
        let Prepared { plan, launch } = prepared;
        let (plan, launch) = (Plan { bundles: harmless(), ..(*plan).clone() }, launch.unwrap());
        let draft = pipelines(target).draft(&plan, &launch, &nightly()).await.unwrap();
        (plan, launch, draft)
    };
    let target = shared::target(&place);
    let (old, _, draft) = prepare(&target, None).await;
    apply(&target, Some(&draft)).await;
    run(&target, &draft).await;

    // A newer base comes out before anyone adopts.
    let newer = {
        let mut world = place.fake.world();
        let latest = world.ec2.latest_al2023("us-east-1", "x86_64").unwrap();
        let mut image = world.ec2.images[&latest].clone();
        image.id = "ami-0123456789abcdef0".into();
        image.name = "al2023-ami-2023.99.20991231.0-kernel-6.1-x86_64".into();
        image.created += time::Duration::days(9_000);
        world.ec2.images.insert(image.id.clone(), image.clone());
        image.id
    };
    let target = shared::target(&place);
    let (now, _, still) = prepare(&target, None).await;
    assert_eq!((now.base.id.as_str(), &still.shape), (newer.as_str(), &draft.shape));
    assert_ne!(now.digest, old.digest);
    let Waiting::Image(made) = adopt::waiting(pipelines(&target), &still).await.unwrap() else { panic!() };
    assert_eq!(made.base.as_deref(), Some(old.base.id.as_str()));
    let (plan, launch, _) = prepare(&target, made.base.as_deref()).await;
    assert_eq!(plan.digest, old.digest);
    let state = place.state();
    let engine = Engine { target: &target, state: &state, sink: &Silent };
    let adopted = adopt::adopt(&engine, pipelines(&target), (&plan, &launch), &made, Rebuild::Changed).await;
    let built = built(Ok(adopted.unwrap()));
    assert_eq!(built.image.tags.get(tags::BASE), Some(&old.base.id));
    assert_eq!(built.record.digest, old.digest);
    // The next run has the newer one, and nobody has to apply anything.
    let ran = run(&target, &draft).await;
    let made = pipelines(&target).made(&ran.image.unwrap()).await.unwrap().unwrap();
    assert_eq!(made.base, Some(newer));
}

#[tokio::test(start_paused = true)]
async fn pipelines_in_all_weathers() {
    use crate::fake_aws::{Consistency, Faults};
    for seed in 1..=3 {
        let place = Place::new(|settings| {
            settings.seed = seed;
            settings.consistency = Consistency::nasty();
            settings.faults = Faults { reset_rate: 0.05, ..Faults::bad_weather() };
        });
        let target = shared::target(&place);
        let (_, _, draft) = declared(&target, "first", &nightly()).await;
        apply(&target, Some(&draft)).await;
        pipelines(&target).start(&draft, 0).await.unwrap();
        let runs = async || pipelines(&target).runs(&draft.order.name).await.unwrap();
        let mut ran = runs().await;
        for _ in 0..360 {
            if ran.iter().any(|run| run.state == RunState::Available) {
                break;
            }
            tokio::time::sleep(seconds(5)).await;
            ran = runs().await;
        }
        let adopted = built(adopt_of(&place, "first", &nightly()).await);
        assert_eq!(Some(&adopted.image.id), ran[0].image.as_ref(), "seed {seed}");
        tokio::time::sleep(seconds(120)).await;
        place.fake.world().weather.rates = Faults::none();
        assert!(!built(adopt_of(&place, "first", &nightly()).await).fresh, "seed {seed}");
        assert_eq!(pipelines(&shared::target(&place)).there().await.unwrap()[0].shape, draft.shape, "seed {seed}");
        assert_eq!(place.leaks_after_sweep().await, [] as [String; 0], "seed {seed}");
        assert_eq!(own(&place.fake).len(), 2, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_declared_no_more_is_not_adopted_and_swept() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (_, _, draft) = declared(&target, "first", &nightly()).await;
    apply(&target, Some(&draft)).await;
    let (older, newer) = (run(&target, &draft).await, run(&target, &draft).await);
    let found = sweep::find(&shared::target(&place), &place.state()).await.unwrap();
    let told: Vec<String> = found.iter().map(|left| left.resource.to_string()).collect();
    assert_eq!(told, [format!("image {}", older.image.unwrap())]);

    let (_, _, other) = declared(&target, "second", &nightly()).await;
    apply(&target, Some(&other)).await;
    let Err(Waiting::Outdated(why)) = adopt_of(&place, "second", &nightly()).await else { panic!() };
    assert!(why.contains(&draft.shape.content) && why.contains("pipeline apply web --start"), "{why}");
    let target = shared::target(&place);
    let found = sweep::find(&target, &place.state()).await.unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    sweep::remove(&target, &place.state(), found).await.unwrap();
    assert_eq!(place.leaks().await, [] as [String; 0]);
    assert_eq!(pipelines(&target).made(&newer.image.unwrap()).await.unwrap(), None);
    assert!(matches!(adopt_of(&place, "second", &nightly()).await, Err(Waiting::Nothing(_))));
    // The pipeline has all that it needs.
    assert_eq!(pipelines(&target).there().await.unwrap()[0].shape, other.shape);
    assert_eq!(own(&place.fake).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn results_that_never_came_are_no_pass() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (plan, launch, draft) = declared(&target, "first", &nightly()).await;
    apply(&target, Some(&draft)).await;
    place.fake.world().imagebuilder.pokes.lost_logs = true;
    run(&target, &draft).await;
    let Waiting::Image(made) = adopt::waiting(pipelines(&target), &draft).await.unwrap() else { panic!() };
    let state = place.state();
    let engine = Engine { target: &target, state: &state, sink: &Silent };
    let adopted = adopt::adopt(&engine, pipelines(&target), (&plan, &launch), &made, Rebuild::Changed).await;
    let error = adopted.unwrap_err();
    assert!(matches!(error, BuildError::Step(_)), "{error}");
    assert!(error.to_string().contains("has no results in its log"), "{error}");
    assert_eq!(crate::aws::crash::contract::parameters(&place.fake.world()).len(), 0);
    assert_eq!(place.leaks().await, [] as [String; 0]);
    let Err(Waiting::Nothing(why)) = adopt_of(&place, "first", &nightly()).await else { panic!() };
    assert!(why.contains("is gone: it was refused or retired"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_says_so_and_leaves_nothing_to_adopt() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (mut plan, launch) = factory::plan(&target).await;
    plan.bundles.apply = factory::bundle("apply", &[factory::step("group/hello/0", "echo 'no such thing'; exit 7")]);
    let draft = pipelines(&target).draft(&plan, &launch, &nightly()).await.unwrap();
    apply(&target, Some(&draft)).await;
    let ran = run(&target, &draft).await;
    assert!(matches!(&ran.state, RunState::Over(word, _) if word == "FAILED"), "{ran:?}");
    let Waiting::Nothing(why) = adopt::waiting(pipelines(&target), &draft).await.unwrap() else { panic!() };
    assert!(why.starts_with("no run has made an image; the last one is FAILED: "), "{why}");
    assert_eq!(pipelines(&target).there().await.unwrap()[0].failures, 1);
    let found = sweep::find(&shared::target(&place), &place.state()).await.unwrap();
    assert_eq!(found, []);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_begun_unless_one_is_under_way() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (_, _, draft) = declared(&target, "first", &nightly()).await;
    let planned = apply(&target, Some(&draft)).await;
    let count = async || pipelines(&target).runs(&draft.order.name).await.unwrap().len();
    assert!(schedules::start(pipelines(&target), &planned[0]).await.unwrap());
    // Killed before it heard of it, or before a listing knew it.
    pipelines(&target).start(&draft, 0).await.unwrap();
    assert!(!schedules::start(pipelines(&target), &planned[0]).await.unwrap());
    assert_eq!(count().await, 1);
    ended(&target, &draft).await;
    // However the last one ended.
    assert!(schedules::start(pipelines(&target), &planned[0]).await.unwrap());
    assert_eq!(count().await, 2);
}

/// What the service has made again of a plan whose image was taken back, and nobody may have asked for.
async fn made_again(place: &Place, schedule: &Schedule) -> String {
    let target = shared::target(place);
    let (_, _, draft) = declared(&target, "first", schedule).await;
    let ran = run(&target, &draft).await;
    let named = crate::aws::crash::contract::parameters(&place.fake.world());
    let Ok(Adopted::Withheld(why)) = adopt_of(place, "first", schedule).await else { panic!() };
    assert_eq!(crate::aws::crash::contract::parameters(&place.fake.world()), named);
    assert_eq!(pipelines(&target).made(&ran.image.unwrap()).await.unwrap().unwrap().tags.get(tags::BUILD), None);
    plain(&why)
}

#[tokio::test(start_paused = true)]
async fn what_was_revoked_does_not_come_again_by_a_schedule() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    for rebuild in [Rebuild::Changed, Rebuild::Always] {
        let schedule = Schedule { rebuild, ..nightly() };
        let (_, _, draft) = declared(&target, "first", &schedule).await;
        apply(&target, Some(&draft)).await;
        if rebuild == Rebuild::Changed {
            run(&target, &draft).await;
            let made = built(adopt_of(&place, "first", &schedule).await);
            let mark = [(tags::REVOKED.to_owned(), "a key was left in it".to_owned())].into();
            target.tag_image(&made.image.id, &mark).await.unwrap();
        }
        let why = made_again(&place, &schedule).await;
        assert!(why.contains("which is revoked: a key was left in it"), "{why}");
        assert!(why.contains("amifactory build web --force"), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_channel_went_back_from_does_not_come_again_by_a_schedule() {
    use amifactory::recipe::ChannelRule;
    use amifactory::release::rollback::{self, Request};
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let always = Schedule { rebuild: Rebuild::Always, ..nightly() };
    for content in ["zeroth", "first"] {
        let (_, _, draft) = declared(&target, content, &always).await;
        apply(&target, Some(&draft)).await;
        run(&target, &draft).await;
        assert!(built(adopt_of(&place, content, &always).await).fresh);
    }
    let why = Some("it does not answer".to_owned());
    let request = Request {
        recipe: "web".parse().unwrap(),
        channel: "dev".into(),
        arch: None,
        to: None,
        why,
        take_over: false,
        accept: false,
    };
    let rules = [ChannelRule::open("dev".parse().unwrap(), None)];
    rollback::roll_back(&shared::target(&place), &rules, &request).await.unwrap();
    let why = made_again(&place, &always).await;
    assert!(why.starts_with("dev went back from 1.0.1, which is of the same plan, at "), "{why}");
    assert!(why.contains(": it does not answer\n"), "{why}");
    assert!(why.contains("amifactory promote web@1.0.1 --to dev --override REASON"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_look_as_it_was_declared_is_not_adopted() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (_, _, draft) = declared(&target, "first", &nightly()).await;
    apply(&target, Some(&draft)).await;
    let made = MadeImage {
        id: "ami-00000000000000001".parse().unwrap(),
        tags: [(tags::PIPELINE.to_owned(), draft.order.name.clone())].into(),
        public: false,
        base: None,
        created_at: String::new(),
    };
    assert_eq!(adopt::unfit(&made, &draft), None);
    insta::assert_snapshot!(adopt::unfit(&MadeImage { public: true, ..made.clone() }, &draft).unwrap());
    insta::assert_snapshot!(adopt::unfit(&MadeImage { tags: Tags::new(), ..made }, &draft).unwrap());
    let ran = run(&target, &draft).await;
    let id = ran.image.unwrap().to_string();
    place.fake.world().ec2.images.get_mut(&id).unwrap().public = true;
    let Err(Waiting::Unfit(why)) = adopt_of(&place, "first", &nightly()).await else { panic!() };
    assert!(why.contains("everybody may launch"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn who_adopts_takes_no_build_that_another_machine_has_begun() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let always = Schedule { rebuild: Rebuild::Always, ..nightly() };
    let (plan, launch, draft) = declared(&target, "first", &always).await;
    apply(&target, Some(&draft)).await;
    run(&target, &draft).await;
    let other = place.another();
    let there = shared::target(&other);
    let options = BuildOptions::default();
    let build = other.build_on(&there, &plan, &launch, &options);
    let adopt = async {
        tokio::time::sleep(seconds(20)).await;
        built(adopt_of(&place, "first", &always).await)
    };
    let (theirs, ours) = tokio::join!(build, adopt);
    // Who builds finds what was adopted meanwhile, and gives way: neither has taken the other's build away.
    assert_eq!(theirs.result.unwrap().image.id, ours.image.id);
    let told = other.told();
    assert!(
        told.contains("has made an image of the same plan a little earlier") && !told.contains("deleted"),
        "{told}"
    );
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn of_two_machines_that_build_one_plan_the_slower_one_soon_hears_of_it() {
    let place = Place::new(|_| {});
    let other = place.another();
    let (here, there) = (shared::target(&place), shared::target(&other));
    let (plan, launch) = factory::plan(&here).await;
    let options = BuildOptions::default();
    let (one, two) =
        tokio::join!(place.build_on(&here, &plan, &launch, &options), other.build_on(&there, &plan, &launch, &options));
    let (first, last) = (one.took.min(two.took), one.took.max(two.took));
    assert!(last - first <= seconds(90), "{first:?}, {last:?}\n{}\n{}", place.told(), other.told());
    assert_eq!(one.result.unwrap().image.id, two.result.unwrap().image.id);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_policy_allows_all_that_pipelines_call() {
    use amifactory::target::aws::policy::{Scope, image_builder, image_builder_pipelines};
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (_, _, draft) = declared(&target, "first", &nightly()).await;
    let planned = apply(&target, Some(&draft)).await;
    schedules::start(pipelines(&target), &planned[0]).await.unwrap();
    run(&target, &draft).await;
    built(adopt_of(&place, "first", &nightly()).await);
    sweep::find(&shared::target(&place), &place.state()).await.unwrap();
    apply(&target, None).await;
    let policies = [image_builder(&Scope::default()), image_builder_pipelines(&Scope::default())];
    for call in &place.fake.world().calls {
        let action = format!("{}:{}", call.service, call.action);
        let is_allowed = policies.iter().any(|policy| policy.allows(&action));
        assert!(action == "sts:GetCallerIdentity" || is_allowed, "{action} was called and is not allowed");
    }
}
