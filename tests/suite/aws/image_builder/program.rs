//! The verbs for pipelines, as people and scripts meet them: the built program against the fake on loopback.

use super::pipelines_altered::{PIPELINE, alter, give_away, make_small};
use crate::aws::loopback::{Cloud, cloud, cloud_with};
use crate::fake_aws::agents::sandbox::SandboxAgent;
use crate::fake_aws::ec2::Home;
use crate::fake_aws::s3::Object;
use crate::program::{TestFactory, stderr};
use amifactory::target::local::sandbox::Lower;
use serde_json::Value;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RECIPE: &str = "recipe: web\ndescription: a web server\nversion: \"1.0\"\nbase:\n  aws: {name: \"debian-12-amd64-*\", \
                      owner: \"136693071363\"}\ngroups: [hello]\npublish: {channel: dev}\n";

/// A factory with the recipe `web`, and this in its `amifactory.yaml`.
fn factory(more: &str) -> TestFactory {
    let factory = TestFactory::tiny("true");
    std::fs::remove_file(factory.path().join("recipes/tiny.yaml")).unwrap();
    factory.write("recipes/web.yaml", RECIPE);
    factory.write(
        "recipes/groups/hello.yaml",
        "group: hello\nversion: \"1.0.0\"\ndescription: says hello\npackages: {debian-12: []}\nsteps:\n  - name: hello\n    \
         run: mkdir -p /srv && echo hello >/srv/hello\n",
    );
    write(&factory, more);
    factory
}

fn write(factory: &TestFactory, more: &str) {
    let text = "default_target: imagebuilder\nchannels: [dev]\naws: {instance_profile: amifactory-builder}\n";
    factory.write("amifactory.yaml", &format!("{text}{more}"));
}

const NIGHTLY: &str = "schedule: {cron: \"0 3 * * *\", time_zone: Europe/Berlin}\n";

fn run(cloud: &Cloud, factory: &TestFactory, arguments: &[&str]) -> Output {
    cloud.command(factory, arguments).output().unwrap()
}

/// What people read, hashes and ids left out.
fn read(cloud: &Cloud, factory: &TestFactory, arguments: &[&str]) -> String {
    let output = run(cloud, factory, arguments);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let code = output.status.code().unwrap();
    let plain = crate::aws::weather::place::plain(&text);
    format!("$ amifactory {}\n{plain}{}exit {code}\n", arguments.join(" "), stderr(&output))
}

fn json(cloud: &Cloud, factory: &TestFactory, arguments: &[&str]) -> (i32, Value) {
    let output = run(cloud, factory, &[arguments, &["--format", "json"]].concat());
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let last = text.lines().last().unwrap_or_else(|| panic!("{arguments:?}: {}", stderr(&output)));
    (output.status.code().unwrap(), serde_json::from_str(last).unwrap())
}

#[test]
fn pipelines_as_people_meet_them() {
    let cloud = cloud(|_| {});
    let factory = factory("");
    let mut told = vec![
        read(&cloud, &factory, &["pipeline", "apply", "--all"]),
        read(&cloud, &factory, &["pipeline", "status"]),
        read(&cloud, &factory, &["adopt", "web"]),
        read(&cloud, &factory, &["pipeline", "apply", "web", "--target", "aws"]),
    ];
    write(&factory, NIGHTLY);
    for arguments in [
        &["pipeline", "status"][..],
        &["pipeline", "apply", "web", "--plan"],
        &["pipeline", "apply", "web"],
        &["pipeline", "apply", "web", "--yes"],
        &["pipeline", "apply", "web", "--yes"],
        &["pipeline", "status"],
        &["adopt", "--all"],
    ] {
        told.push(read(&cloud, &factory, arguments));
    }
    factory.write("recipes/web.yaml", &format!("{RECIPE}schedule: {{cron: \"30 4 ? * SUN\", rebuild: always}}\n"));
    told.push(read(&cloud, &factory, &["pipeline", "apply", "--all", "--plan"]));
    factory.write("recipes/web.yaml", &format!("{RECIPE}schedule: none\n"));
    told.push(read(&cloud, &factory, &["pipeline", "status", "web"]));
    told.push(read(&cloud, &factory, &["pipeline", "apply", "--all", "--yes"]));
    told.push(read(&cloud, &factory, &["pipeline", "status"]));
    insta::assert_snapshot!(told.join("\n"));
    let left: Vec<String> = super::pipelines::own(&cloud.fake);
    assert_eq!(left, [] as [String; 0]);
}

const LOST: &str = "amifactory/components/amifactory-web-part-0123456789abcdef-0123456789abcdef.yaml";

#[test]
fn a_bucket_for_large_components_is_told_by_plan_doctor_sweep_and_iam_policy() {
    let cloud = cloud(|_| {});
    let factory = factory("");
    let noise = crate::builder_commands::noise(460_000);
    factory.write(
        "recipes/groups/hello.yaml",
        &format!(
            "group: hello\nversion: \"1.0.0\"\ndescription: says hello\npackages: {{debian-12: []}}\nsteps:\n  - name: \
             hello\n    run: \": {noise}\"\n"
        ),
    );
    let refused = run(&cloud, &factory, &["build", "web", "--no-progress"]);
    let text = String::from_utf8(refused.stdout.clone()).unwrap();
    assert!(refused.status.code() == Some(1) && text.contains("with `aws: {component_bucket: NAME}`"), "{text}");
    assert_eq!(cloud.fake.world().count("CreateComponent"), 0);
    let mut told = Vec::new();
    let text = "default_target: imagebuilder\nchannels: [dev]\naws: {instance_profile: amifactory-builder, ";
    factory.write("amifactory.yaml", &format!("{text}component_bucket: acme-image-components}}\n"));
    let (code, planned) = json(&cloud, &factory, &["plan", "web"]);
    let what = planned["steps"][0]["what"].as_str().unwrap();
    assert!(code == 0 && what.contains("of 64000 characters, through the bucket acme-image-components"), "{what}");
    let finding = |told: &Value| {
        let all = told["checks"].as_array().unwrap();
        let found = all.iter().find(|one| one["check"] == "component bucket acme-image-components").unwrap();
        format!("{} {} {}", found["severity"], found["detail"], found["mend"])
    };
    told.push(finding(&json(&cloud, &factory, &["doctor"]).1));
    let home = Home { account: "123456789012".into(), region: "us-east-1".into() };
    // Whoever lets everybody in would decide what is built.
    cloud.fake.world().s3.insert("acme-image-components", Home { account: "999999999999".into(), ..home.clone() });
    cloud.fake.world().s3.buckets.get_mut("acme-image-components").unwrap().open = true;
    told.push(finding(&json(&cloud, &factory, &["doctor"]).1));
    cloud.fake.world().s3.insert("acme-image-components", home);
    told.push(finding(&json(&cloud, &factory, &["doctor"]).1));
    // Someone else's files are nobody's to remove.
    let earlier = {
        let world = cloud.fake.world();
        world.clock.wall(world.clock.now()) - Duration::from_secs(7200)
    };
    for key in [LOST, "amifactory/components/x", "else"] {
        let object = Object { bytes: Vec::new(), modified: earlier };
        let mut world = cloud.fake.world();
        world.s3.buckets.get_mut("acme-image-components").unwrap().objects.insert(key.into(), object);
    }
    let found = json(&cloud, &factory, &["sweep"]).1["found"].to_string();
    assert!(found.contains(LOST) && found.matches("s3://").count() == 1, "{found}");
    // What may be at work, and what can't be looked into, is told; the second is no whole look.
    cloud.fake.world().s3.buckets.get_mut("acme-image-components").unwrap().objects.get_mut(LOST).unwrap().modified +=
        Duration::from_secs(7200);
    let (code, swept) = json(&cloud, &factory, &["sweep", "--yes"]);
    assert_eq!((code, swept["spared"].as_array().unwrap().len()), (0, 1), "{swept}");
    cloud.fake.world().credentials.default_mut().denied.insert("s3:ListBucket".into());
    let (code, swept) = json(&cloud, &factory, &["sweep", "--yes"]);
    assert!(code == 5 && swept["unread"][0]["id"] == "acme-image-components", "{code} {swept}");
    assert_eq!(run(&cloud, &factory, &["resume"]).status.code(), Some(0));
    let policy = read(&cloud, &factory, &["iam-policy", "--target", "imagebuilder", "--for", "components"]);
    assert!(policy.contains("arn:aws:s3:::acme-image-components/amifactory/components/*"), "{policy}");
    factory.write("amifactory.yaml", &format!("{text}component_bucket: \"Acme_Components\"}}\n"));
    told.push(read(&cloud, &factory, &["plan", "web"]));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn plan_and_doctor_say_how_much_of_the_limits_a_recipe_takes() {
    let cloud = cloud(|_| {});
    let factory = factory("");
    let room = |text: &str| text.contains(" of 20 components, the largest ") && text.contains(" of 16000 characters");
    let (code, planned) = json(&cloud, &factory, &["plan", "web"]);
    assert!(code == 0 && room(planned["steps"][0]["what"].as_str().unwrap()), "{planned}");
    let (_, found) = json(&cloud, &factory, &["doctor"]);
    assert!(room(&found.to_string()), "{found}");

    // Noise can't be compressed.
    let noise: String = std::iter::repeat_with(fastrand::alphanumeric).take(400_000).collect();
    let group = factory.path().join("recipes/groups/hello.yaml");
    let text = std::fs::read_to_string(&group).unwrap();
    std::fs::write(group, text.replace("echo hello >", &format!("echo {noise} >"))).unwrap();
    let (_, planned) = json(&cloud, &factory, &["plan", "web"]);
    let what = planned["steps"][0]["what"].as_str().unwrap();
    assert!(what.contains("EC2 Image Builder can't build it: the bundles take "), "{planned}");
    let (code, found) = json(&cloud, &factory, &["doctor"]);
    assert!(code == 1 && found.to_string().contains("a recipe of Image Builder has at most 20"), "{found}");
}

#[test]
fn a_run_is_begun_adopted_and_then_everything_is_up_to_date() {
    if !crate::program::can_build_on_host("a_run_is_begun_adopted_and_then_everything_is_up_to_date") {
        return;
    }
    let agent = SandboxAgent::new(Path::new(env!("CARGO_BIN_EXE_amifactory")), vec![Lower::Host]).unwrap();
    let cloud = cloud_with(Arc::new(agent), |_| {});
    let factory = factory(NIGHTLY);
    let (code, applied) = json(&cloud, &factory, &["pipeline", "apply", "--all", "--yes", "--start"]);
    assert_eq!((code, &applied["outcome"]), (0, &Value::from("applied")), "{applied}");
    let row = &applied["pipelines"][0];
    assert_eq!((row["step"].as_str(), row["started"].as_bool()), (Some("create"), Some(true)), "{row}");
    let ran = available(&cloud, &factory);
    let (code, adopted) = json(&cloud, &factory, &["adopt", "--all"]);
    let row = &adopted["adopted"][0];
    assert_eq!((code, row["outcome"].as_str(), &row["image"]), (0, Some("adopted"), &ran["image"]), "{adopted}");
    assert!(factory.state().join("evidence").join(row["image"].as_str().unwrap()).is_dir());
    let (code, again) = json(&cloud, &factory, &["adopt", "web"]);
    assert_eq!((code, again["adopted"][0]["outcome"].as_str()), (0, Some("up-to-date")), "{again}");
    let (code, built) = json(&cloud, &factory, &["build", "web"]);
    assert_eq!((code, built["outcome"].as_str(), &built["image"]), (0, Some("up-to-date"), &ran["image"]), "{built}");
    let (_, status) = json(&cloud, &factory, &["pipeline", "status", "web"]);
    assert_eq!(status["pipelines"][0]["runs"][0]["version"], "1.0.0", "{status}");
    let (_, swept) = json(&cloud, &factory, &["sweep"]);
    assert_eq!(swept["found"], Value::Array(Vec::new()), "{swept}");

    // Someone holds the channel: the next one is published by its version alone, and its row says so.
    let (code, pinned) = json(&cloud, &factory, &["pin", "web", "--channel", "dev", "--why", "a demo"]);
    assert_eq!(code, 0, "{pinned}");
    let group = factory.path().join("recipes/groups/hello.yaml");
    let text = std::fs::read_to_string(&group).unwrap();
    std::fs::write(group, text.replace("echo hello", "echo good morning")).unwrap();
    let (code, applied) = json(&cloud, &factory, &["pipeline", "apply", "web", "--yes", "--start"]);
    assert_eq!((code, applied["pipelines"][0]["started"].as_bool()), (0, Some(true)), "{applied}");
    available(&cloud, &factory);
    let (code, adopted) = json(&cloud, &factory, &["adopt", "web"]);
    let row = &adopted["adopted"][0];
    assert_eq!((code, row["outcome"].as_str()), (0, Some("adopted")), "{adopted}");
    let why = row["why"].as_str().unwrap();
    assert!(
        why.starts_with("channel dev is pinned by ") && why.ends_with("1.0.1 is published by its version alone"),
        "{why}"
    );
}

/// The newest run, once its image is there.
fn available(cloud: &Cloud, factory: &TestFactory) -> Value {
    let began = Instant::now();
    loop {
        let (code, status) = json(cloud, factory, &["pipeline", "status"]);
        assert_eq!(code, 0, "{status}");
        let run = status["pipelines"][0]["runs"][0].clone();
        if run["state"] == "available" {
            return run;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{status}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn what_someone_has_changed_is_shown_by_apply_and_status() {
    let cloud = cloud(|_| {});
    let factory = factory(NIGHTLY);
    run(&cloud, &factory, &["pipeline", "apply", "web", "--yes"]);
    give_away(&cloud.fake);
    make_small(&cloud.fake);
    let told = [
        read(&cloud, &factory, &["pipeline", "status"]),
        read(&cloud, &factory, &["pipeline", "apply", "web", "--plan"]),
        read(&cloud, &factory, &["pipeline", "apply", "web", "--yes"]),
        read(&cloud, &factory, &["pipeline", "status"]),
    ];
    insta::assert_snapshot!(told.join("\n"));
}

/// In the pipeline itself, and in what is declared.
#[test]
fn status_says_what_another_hand_has_done_and_what_was_not_applied_yet() {
    let cloud = cloud(|_| {});
    let factory = factory(NIGHTLY);
    run(&cloud, &factory, &["pipeline", "apply", "web", "--yes"]);
    let tests = |on: bool| {
        alter(&cloud.fake, PIPELINE, |body| body["imageTestsConfiguration"]["imageTestsEnabled"] = on.into())
    };
    tests(false);
    let (code, changed) = json(&cloud, &factory, &["pipeline", "status"]);
    assert_eq!((code, &changed["pipelines"][0]["state"]), (4, &"changed".into()));
    tests(true);
    let (code, same) = json(&cloud, &factory, &["pipeline", "status"]);
    assert_eq!((code, &same["pipelines"][0]["state"]), (0, &"on".into()));
    write(&factory, "schedule: {cron: \"0 4 * * *\"}\n");
    insta::assert_snapshot!(read(&cloud, &factory, &["pipeline", "status"]));
    // What can't be planned is no pass.
    factory.write("recipes/web.yaml", &RECIPE.replace("debian-12-amd64", "no-such-image"));
    let (code, unknown) = json(&cloud, &factory, &["pipeline", "status"]);
    assert_eq!((code, &unknown["pipelines"][0]["state"]), (4, &"unknown".into()), "{unknown}");
    insta::assert_snapshot!(read(&cloud, &factory, &["pipeline", "status"]));
}

#[test]
fn pipelines_of_another_factory_are_told_and_left() {
    let cloud = cloud(|_| {});
    let other = factory(NIGHTLY);
    other.write("recipes/db.yaml", &RECIPE.replace("recipe: web", "recipe: db"));
    run(&cloud, &other, &["pipeline", "apply", "db", "--yes"]);
    let factory = factory("");
    let told = [
        read(&cloud, &factory, &["pipeline", "apply", "--all", "--plan"]),
        read(&cloud, &factory, &["pipeline", "apply", "--all", "--yes"]),
    ];
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(super::pipelines::own(&cloud.fake).len(), 2);
    // It is no business of this factory's monitor.
    let (code, shown) = json(&cloud, &factory, &["pipeline", "status"]);
    assert_eq!((code, &shown["pipelines"][0]["state"]), (0, &"unclaimed".into()), "{shown}");
}

#[test]
fn what_another_owner_has_declared_is_left_and_told_until_it_is_taken_over() {
    let cloud = cloud(|_| {});
    let of = |owner: &str| {
        let text = "default_target: imagebuilder\nchannels: [dev]\naws: {instance_profile: amifactory-builder, owner: ";
        let factory = factory("");
        factory.write("amifactory.yaml", &format!("{text}{owner}}}\n{NIGHTLY}"));
        factory
    };
    let (platform, web) = (of("platform"), of("web team"));
    run(&cloud, &platform, &["pipeline", "apply", "web", "--yes"]);
    let told = [
        read(&cloud, &web, &["pipeline", "apply", "web", "--plan"]),
        read(&cloud, &web, &["pipeline", "apply", "--all", "--yes", "--start"]),
        read(&cloud, &web, &["pipeline", "status"]),
        read(&cloud, &platform, &["pipeline", "status"]),
    ];
    // Without the schedule it is none of this factory's.
    web.write("recipes/web.yaml", &format!("{RECIPE}schedule: none\n"));
    let (code, shown) = json(&cloud, &web, &["pipeline", "status"]);
    assert_eq!((code, shown["pipelines"].as_array().unwrap().len()), (0, 0), "{shown}");
    web.write("recipes/web.yaml", RECIPE);
    let taken = read(&cloud, &web, &["pipeline", "apply", "web", "--yes", "--take-over"]);
    insta::assert_snapshot!(
        [&told[..], &[taken, read(&cloud, &platform, &["pipeline", "status"])]].concat().join("\n")
    );
}

#[test]
fn a_recipe_that_can_not_be_read_is_unknown_and_not_undeclared() {
    let cloud = cloud(|_| {});
    let factory = factory(NIGHTLY);
    run(&cloud, &factory, &["pipeline", "apply", "web", "--yes"]);
    for text in [": [", &format!("{RECIPE}schedule: {{cron: \"99 3 * * *\"}}\n"), &format!("{RECIPE}extra: 1\n")] {
        factory.write("recipes/web.yaml", text);
        let (code, shown) = json(&cloud, &factory, &["pipeline", "status"]);
        assert_eq!((code, &shown["pipelines"][0]["state"]), (4, &"unknown".into()), "{text}: {shown}");
        let text = String::from_utf8(run(&cloud, &factory, &["pipeline", "status"]).stdout).unwrap();
        assert!(text.contains("amifactory validate") && !text.contains("apply --all"), "{text}");
    }
}

#[test]
fn schedules_that_nobody_can_mean_are_refused() {
    let cloud = cloud(|_| {});
    let factory = factory("");
    let wrong = [
        "cron: \"0 3 * * *\", time_zone: Mars/Phobos",
        "cron: \"0 3 * * *\", time_zone: europe/berlin",
        "cron: \"0 3 * * *\", time_zone: Local",
        "cron: \"0 3 31 2 ?\"",
        "cron: \"0 3 ? * 1-5\"",
        "cron: \"* * * * *\", rebuild: always",
    ];
    let told = wrong.map(|schedule| {
        write(&factory, &format!("schedule: {{{schedule}}}\n"));
        read(&cloud, &factory, &["validate"]).replace(&factory.path().display().to_string(), "…")
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn doctor_speaks_of_what_this_target_calls() {
    let cloud = cloud(|_| {});
    let factory = factory("");
    let (_, found) = json(&cloud, &factory, &["doctor"]);
    let lines: Vec<String> = found["checks"].as_array().unwrap().iter().map(|check| check.to_string()).collect();
    let is_said = |words: &str| lines.iter().any(|line| line.contains(words));
    for words in ["imagebuilder:CreateImage", "imagebuilder:ListComponents", "logs:GetLogEvents"] {
        assert!(is_said(words), "{words}: {lines:#?}");
    }
    for words in ["ssm:SendCommand", "ec2:StopInstances", "ec2:RunInstances", "end themselves", "agent"] {
        assert!(!is_said(words), "{words}: {lines:#?}");
    }
    let (_, policies) = factory.json(&["iam-policy", "--target", "imagebuilder", "--for", "operator"]);
    let allowed = policies["policies"]["operator"].to_string();
    for call in &cloud.fake.world().calls {
        for permission in &call.permissions {
            assert!(allowed.contains(&format!("\"{permission}\"")), "{permission} is called and not in the policy");
        }
    }
}
