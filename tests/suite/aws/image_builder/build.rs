//! A whole build: the image that comes out is like those of the other target.

use super::shared::{self, built, seconds};
use crate::aws::factory::{self, bundle, step};
use crate::aws::weather::place::{Place, plain};
use crate::fake_aws::ec2::Home;
use amifactory::identity::TargetKind;
use amifactory::pipeline::BuildOptions;
use amifactory::pipeline::tags::{self, ImageState};
use amifactory::plan::{BundleStep, OnFailure};
use amifactory::target::aws::AwsTarget;
use amifactory::target::{Tags, Target as _};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_build_is_up_to_date_afterwards_for_either_target() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    assert_eq!(target.kind(), TargetKind::ImageBuilder);
    let (plan, launch) = factory::plan(&target).await;
    let ended = place.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
    let image = ended.well_within(seconds(900)).image.clone();
    assert_eq!(image.name, format!("web-{}-ib1", plan.digest.short()));
    assert_eq!(ImageState::of(&image.tags), ImageState::Verified);
    let record = &ended.result.as_ref().unwrap().record;
    assert_eq!(record.packages.len(), 1);
    assert_eq!(record.target, TargetKind::ImageBuilder);
    insta::assert_snapshot!(shared::changes(&place, 0).join("\n"));
    assert_eq!(place.leaks().await, [] as [String; 0]);
    assert_eq!(shared::left(&place), [] as [String; 0]);

    // A second run changes nothing, whichever target it is for.
    let before = place.fake.world().calls.len();
    for target in [shared::target(&place), place.target()] {
        let again = place.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
        assert!(!again.well_within(seconds(90)).fresh);
    }
    assert_eq!(shared::changes(&place, before), [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_was_built_before_is_adopted_and_not_created_again() {
    let place = Place::new(|_| {});
    built(&place, &BuildOptions::default()).await;
    let before = place.fake.world().calls.len();
    built(&place, &BuildOptions { force: true, ..BuildOptions::default() }).await;
    let made: Vec<String> = shared::changes(&place, before);
    let made: Vec<&str> = made.iter().map(String::as_str).filter(|action| action.starts_with("Create")).collect();
    // One configuration is there, and asked for in the same call; components and recipe are looked at alone.
    assert_eq!(
        made,
        ["CreateInfrastructureConfiguration", "CreateDistributionConfiguration", "CreateImage", "CreateTags"],
        "{made:?}"
    );
}

/// With which words the service refuses a component that is there is not documented: any refusal is followed by a look.
#[tokio::test(start_paused = true)]
async fn a_component_that_is_there_is_adopted_whatever_the_refusal_is_called() {
    let place = Place::new(|_| {});
    built(&place, &BuildOptions::default()).await;
    // An image recipe that someone has deleted is made anew of the components that are there.
    place.fake.world().imagebuilder.resources.retain(|arn, _| !arn.contains(":image-recipe/"));
    place.fake.world().imagebuilder.pokes.exists_code = Some("InvalidRequestException");
    let (all, failed) = place.calls("CreateComponent");
    built(&place, &BuildOptions { force: true, ..BuildOptions::default() }).await;
    let (all_then, failed_then) = place.calls("CreateComponent");
    assert_eq!((all_then - all, failed_then - failed), (all - failed, all - failed));
}

/// Its name holds the hash of what it is made of; who can make one of this name could build something else.
#[tokio::test(start_paused = true)]
async fn an_image_recipe_of_this_name_that_does_something_else_is_not_built() {
    for (key, other) in [
        ("parentImage", json!("ami-00000000000000bad")),
        ("additionalInstanceConfiguration", json!({"userDataOverride": "IyEvYmluL3NoCg=="})),
        ("additionalInstanceConfiguration", json!({"systemsManagerAgent": {"uninstallAfterBuild": true}})),
        ("blockDeviceMappings", json!([])),
    ] {
        let place = Place::new(|_| {});
        built(&place, &BuildOptions::default()).await;
        {
            let mut world = place.fake.world();
            let mut all = world.imagebuilder.resources.iter_mut();
            let (_, recipe) = all.find(|(arn, _)| arn.contains(":image-recipe/")).unwrap();
            recipe.body.insert(key.to_owned(), other);
        }
        let images = place.calls("CreateImage");
        let target = shared::target(&place);
        let (plan, launch) = factory::plan(&target).await;
        let forced = BuildOptions { force: true, ..BuildOptions::default() };
        let ended = place.build_on(&target, &plan, &launch, &forced).await;
        let told = ended.badly_within(seconds(60));
        assert!(told.contains("holds something else than its name says"), "{key}: {told}");
        assert_eq!(place.calls("CreateImage"), images, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_image_is_the_same_as_the_other_targets_but_for_ids_and_times() {
    let (here, there) = (Place::new(|_| {}), Place::new(|_| {}));
    let by_service = built(&here, &BuildOptions::default()).await;
    let by_us = there.build().await;
    let by_us = by_us.well_within(seconds(300));
    let comparable = |tags: &Tags| -> Tags {
        let own = |key: &&String| !["CreatedBy", "Ec2ImageBuilderArn", tags::BUILD, "Name"].contains(&key.as_str());
        tags.iter().filter(|(key, _)| own(key)).map(|(key, value)| (key.clone(), plain(value))).collect()
    };
    assert_eq!(comparable(&by_service.image.tags), comparable(&by_us.image.tags));
    assert_eq!(by_service.image.name, by_us.image.name.replace("-1", "-ib1"));
    let (service, us) = (&by_service.record, &by_us.record);
    assert_eq!((&service.packages, &service.controls), (&us.packages, &us.controls));
    let tests = |record: &amifactory::target::ImageRecord| -> Vec<String> {
        record.tests.iter().map(|test| format!("{} {}", test.name, test.exit)).collect()
    };
    assert_eq!(tests(service), tests(us));
}

fn go_on(id: &str, body: &str) -> BundleStep {
    BundleStep { on_failure: OnFailure::Continue, ..step(id, body) }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_says_component_phase_and_last_lines_and_leaves_nothing() {
    let mut told = Vec::new();
    for case in ["apply", "seal", "test"] {
        let place = Place::new(|_| {});
        let target = shared::target(&place);
        let (mut plan, launch) = factory::plan(&target).await;
        let failing = "echo 'no such thing'; exit 7";
        let list = step("packages/all", "printf 'bash\\t5.2\\tx86_64\\trpm\\n'");
        match case {
            "apply" => plan.bundles.apply = bundle("apply", &[step("group/hello/0", failing)]),
            "seal" => plan.bundles.seal = bundle("seal", &[list, step("seal/logs", failing)]),
            _ => {
                plan.bundles.boot_test = bundle("boot-test", &[list, go_on("test/0", failing), step("test/1", "true")])
            }
        }
        let ended = place.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
        let error = ended.result.as_ref().unwrap_err().to_string();
        assert!(ended.took < seconds(900), "{case}: {:?}", ended.took);
        told.push(format!("{case}: {}", plain(&error)));
        assert_eq!(place.leaks().await, [] as [String; 0], "{case}");
        assert_eq!(shared::left(&place), [] as [String; 0], "{case}");
    }
    insta::assert_snapshot!(told.join("\n\n"));
}

#[tokio::test(start_paused = true)]
async fn what_the_service_is_at_is_told_until_the_image_is_there() {
    use amifactory::pipeline::{Engine, Event, Sink};
    #[derive(Default)]
    struct Heard(std::sync::Mutex<Vec<String>>);
    impl Sink for Heard {
        fn event(&self, event: &Event) {
            if let Event::StepProgress { step, detail, .. } = event
                && detail.starts_with("Image Builder")
            {
                self.0.lock().unwrap().push(format!("{step}: {detail}"));
            }
        }
    }
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (plan, launch) = factory::plan(&target).await;
    let (state, heard) = (place.state(), Heard::default());
    let engine = Engine { target: &target, state: &state, sink: &heard };
    engine.build(&plan, &launch, &BuildOptions::default()).await.unwrap();
    let heard = heard.0.into_inner().unwrap();
    let of = |step: &str| heard.iter().filter(|line| line.starts_with(step)).count();
    assert!(of("apply: Image Builder: ") >= 2 && of("snapshot: Image Builder: ") >= 3, "{heard:?}");
    assert!(heard.iter().any(|line| line.contains("snapshot: Image Builder: testing")), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn results_that_never_came_are_no_success() {
    let place = Place::new(|_| {});
    place.fake.world().imagebuilder.pokes.lost_logs = true;
    let target = shared::target(&place);
    let (plan, launch) = factory::plan(&target).await;
    let ended = place.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
    let error = ended.badly_within(seconds(1200));
    assert!(error.contains("has no results in its log"), "{error}");
    assert_eq!(place.leaks().await, [] as [String; 0]);
    assert_eq!(shared::left(&place), [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn its_policy_allows_all_that_is_called_and_little_else() {
    use amifactory::target::aws::policy::{Scope, image_builder};
    let place = Place::new(|_| {});
    built(&place, &BuildOptions::default()).await;
    let policy = image_builder(&Scope::default());
    let world = place.fake.world();
    for call in &world.calls {
        let action = format!("{}:{}", call.service, call.action);
        // Anyone may ask who he is.
        let is_free = action == "sts:GetCallerIdentity";
        assert!(is_free || policy.allows(&action), "{action} was called and is not allowed");
    }
    for action in ["ec2:RunInstances", "ec2:TerminateInstances", "ssm:SendCommand"] {
        assert!(!policy.allows(action), "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_it_made_is_promoted_like_any_other() {
    use amifactory::recipe::ChannelRule;
    use amifactory::release::promote::{self, Request};
    use amifactory::target::{PointerName, Slot};
    let place = Place::new(|_| {});
    let made = built(&place, &BuildOptions::default()).await;
    let open = |name: &str, from: Option<&str>| {
        ChannelRule::open(name.parse().unwrap(), from.map(|from| from.parse().unwrap()))
    };
    let rules = [open("dev", None), open("staging", Some("dev"))];
    let request = Request {
        recipe: "web".parse().unwrap(),
        version: Some(made.record.version),
        to: "staging".into(),
        arch: None,
        why: Some("it is time".into()),
        overridden: None,
        approval: None,
        take_over: false,
    };
    // Whoever promotes need not build with Image Builder.
    let target = place.target();
    let promotion = promote::plan(&target, &rules, &request).await.unwrap();
    promote::carry_out(&target, &promotion).await.unwrap();
    let name = PointerName {
        recipe: "web".parse().unwrap(),
        arch: made.record.base.arch,
        slot: Slot::Channel("staging".parse().unwrap()),
    };
    assert_eq!(target.pointer(&name).await.unwrap().unwrap().image, made.image.id);
}

/// The log group of the only image recipe, and the lines of its first build.
async fn first_log(place: &Place, target: &AwsTarget) -> (String, Vec<String>) {
    let group = {
        let world = place.fake.world();
        let recipe = world.imagebuilder.resources.keys().find_map(|arn| arn.split_once(":image-recipe/")).unwrap().1;
        format!("/aws/imagebuilder/{}", recipe.split('/').next().unwrap())
    };
    let ask =
        target.api().logs.get_log_events().log_group_name(&group).log_stream_name("1.0.0/1").start_from_head(true);
    let answer = ask.send().await.unwrap();
    (group, answer.events().iter().filter_map(|event| event.message().map(str::to_owned)).collect())
}

#[tokio::test(start_paused = true)]
async fn what_stood_in_the_log_before_a_build_began_is_none_of_its_results() {
    let place = Place::new(|_| {});
    built(&place, &BuildOptions::default()).await;
    let target = shared::target(&place);
    let (group, lines) = first_log(&place, &target).await;
    assert!(lines.iter().any(|line| line.contains("amifactory-result")));
    {
        // The next build of this recipe will have this stream.
        let mut world = place.fake.world();
        let (home, now) = (Home { account: world.account.clone(), region: "us-east-1".into() }, world.clock.now());
        for line in &lines {
            world.logs.line(&home, (&group, "1.0.0/2"), line, now, now);
        }
        world.imagebuilder.pokes.lost_logs = true;
    }
    tokio::time::sleep(seconds(3600)).await;
    let (plan, launch) = factory::plan(&target).await;
    let forced = BuildOptions { force: true, ..BuildOptions::default() };
    let ended = place.build_on(&target, &plan, &launch, &forced).await;
    assert!(ended.result.unwrap_err().to_string().contains("has no results in its log"));
}

#[tokio::test(start_paused = true)]
async fn answers_that_contradict_each_other_are_no_pass_and_nothing_is_published() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (mut plan, launch) = factory::plan(&target).await;
    plan.bundles.apply = bundle("apply", &[step("group/hello/0", "head -c 20 /dev/urandom | base64")]);
    let first = place.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
    let first = first.well_within(seconds(900)).clone();
    let (group, lines) = first_log(&place, &target).await;
    {
        // Whole answers that are not those of the next build, whose stream this will be.
        let mut world = place.fake.world();
        let (home, now) = (Home { account: world.account.clone(), region: "us-east-1".into() }, world.clock.now());
        for line in lines.iter().filter(|line| line.contains("amifactory-result")) {
            world.logs.line(&home, (&group, "1.0.0/2"), line, now, now);
        }
    }
    let forced = BuildOptions { force: true, ..BuildOptions::default() };
    let ended = place.build_on(&shared::target(&place), &plan, &launch, &forced).await;
    let error = ended.result.unwrap_err().to_string();
    assert!(error.contains("results contradict each other: of apply the phases build and "), "{error}");
    assert_eq!(place.leaks().await, [] as [String; 0]);
    assert_eq!(shared::left(&place), [] as [String; 0]);
    let named = crate::aws::crash::contract::parameters(&place.fake.world());
    assert!(named.values().all(|image| *image == first.image.id.to_string()), "{named:?}");
}
