//! What is seen, and what is made of it.

use super::{OTHER, OWN, POLICY, Scene, add_image, home, image, told};
use crate::aws::wire::Wire;
use crate::fake_aws::Faults;
use crate::fake_aws::autoscaling::{Group, Mixed, Override};
use crate::fake_aws::ec2::Timeline;
use crate::served::pages::text;
use amifactory::identity::TargetKind;
use amifactory::release::{ReleaseError, revoke};
use amifactory::report::html::fleet_page;
use amifactory::report::{Style, view};
use amifactory::serve::board::Seen;
use amifactory::target::{Kind, Slot, Target};
use serde_json::json;

fn group(template: &str, version: &str) -> Group {
    Group { template: Some((template.to_owned(), version.to_owned())), ..Group::default() }
}

#[tokio::test(start_paused = true)]
async fn instances_of_all_accounts_and_regions_are_measured_against_the_channel() {
    let scene = Scene::new(POLICY).await;
    let (east, west) = (home(OWN, "us-east-1"), home(OTHER, "us-west-2"));
    scene.instance("i-00000000000000001", &image(2, "us-east-1"), east.clone(), &[]).await;
    scene.instance("i-00000000000000002", &image(1, "us-east-1"), east.clone(), &[("Name", "old")]).await;
    scene.instance("i-00000000000000003", &image(0, "us-east-1"), east.clone(), &[("stopped", "")]).await;
    scene.instance("i-00000000000000004", &image(3, "us-east-1"), east.clone(), &[]).await;
    scene.instance("i-00000000000000005", &image(4, "us-east-1"), east.clone(), &[]).await;
    let foreign = scene.fake.world().ec2.latest_al2023("us-east-1", "x86_64").unwrap();
    scene.instance("i-00000000000000006", &foreign, east.clone(), &[]).await;
    scene.instance("i-00000000000000007", "ami-0000000000000dead", east.clone(), &[]).await;
    // A copy in another account is the version that it was copied from.
    scene.instance("i-00000000000000008", &image(0, "us-west-2"), west.clone(), &[]).await;
    let builder = [("amifactory:build", "web-0123456789ab-1"), ("amifactory:purpose", "build")];
    scene.instance("i-00000000000000009", &foreign, east.clone(), &builder).await;
    // Elsewhere nobody hides behind the tags of builders.
    scene.instance("i-0000000000000000a", &image(1, "us-west-2"), west.clone(), &builder).await;
    let looked = scene.look().await;
    insta::assert_snapshot!(
        told(&looked.findings).iter().map(|(what, told)| format!("{what} {told}\n")).collect::<String>(),
        @r"
    i-00000000000000001 fine fresh 1.0.2 -
    i-00000000000000002 warn behind 1.0.1 10
    i-00000000000000003 fail behind 1.0.0 20
    i-00000000000000004 fine ahead 1.0.3 -
    i-00000000000000005 fail unpublished 1.0.4 -
    i-00000000000000006 warn foreign - -
    i-00000000000000007 fail deregistered - -
    i-00000000000000008 fail behind 1.0.0 20
    i-0000000000000000a warn behind 1.0.1 10
    "
    );
    assert_eq!(looked.places.iter().map(|place| place.shown.tally.builders).collect::<Vec<_>>(), [1, 0, 0, 0]);
    let stopped: u64 = looked.findings.iter().map(|finding| finding.count.stopped).sum();
    assert_eq!(stopped, 1);
    assert!(looked.places.iter().all(|place| place.shown.unread.is_empty()));

    // Revoked at home is revoked everywhere, and what is deregistered is what it was.
    {
        let mut world = scene.fake.world();
        let now = world.clock.now();
        let mut own = world.ec2.tags_at(&image(2, "us-east-1"), now);
        own.insert("amifactory:revoked".into(), "leaked".into());
        world.ec2.tags.insert(image(2, "us-east-1"), Timeline::new(now, own));
        world.ec2.images.remove(&image(1, "us-east-1"));
    }
    scene.instance("i-0000000000000000b", &image(2, "us-west-2"), west, &[]).await;
    let told = told(&scene.look().await.findings);
    assert_eq!(told["i-00000000000000001"], "fail revoked 1.0.2 -");
    assert_eq!(told["i-0000000000000000b"], "fail revoked 1.0.2 -");
    assert_eq!(told["i-00000000000000002"], "warn deregistered 1.0.1 10");
}

async fn revoke_2(scene: &Scene, reason: &str) -> Result<Vec<revoke::Revoked>, ReleaseError> {
    revoke::revoke(&scene.target(), &"web".parse().unwrap(), "1.0.2".parse().unwrap(), None, reason).await
}

const MARK: &str = "/amifactory/web/x86_64/revoked/1.0.2";

/// Who runs the good image before it is neither behind nor told to come to it; whoever keeps the channel is told.
#[tokio::test(start_paused = true)]
async fn where_a_channel_names_what_is_revoked_what_it_named_before_counts() {
    let scene = Scene::new(POLICY).await;
    let east = home(OWN, "us-east-1");
    for version in 0..4 {
        let id = format!("i-0000000000000000{version}");
        scene.instance(&id, &image(version, "us-east-1"), east.clone(), &[("Name", "web")]).await;
    }
    scene.template("lt-00000000000000001", east.clone(), &[&image(0, "us-east-1")], 1);
    scene.group("web", east.clone(), group("lt-00000000000000001", "1"));
    revoke_2(&scene, "leaked key").await.unwrap();
    let report = scene.report().await;
    insta::assert_snapshot!("revoked_channel", view::fleet(&report, true, Style { color: false, width: 120 }));
    let json: Vec<serde_json::Value> = report.findings.iter().map(|f| serde_json::to_value(f).unwrap()).collect();
    let of = |version: &str| json.iter().find(|f| f["version"] == version && f["kind"] == "instance").unwrap();
    let keys = ["status", "channel_version", "measured_by", "channel_revoked", "behind"];
    let told = |version: &str| keys.map(|key| of(version)[key].clone());
    let revoked = "leaked key";
    assert_eq!(json!(told("1.0.0")), json!(["behind", "1.0.2", "1.0.1", revoked, 1]));
    assert_eq!(json!(told("1.0.1")), json!(["fresh", "1.0.2", "1.0.1", revoked, 0]));
    assert_eq!(json!(told("1.0.3")), json!(["ahead", "1.0.2", "1.0.1", revoked, 0]));
    let mut seen = Seen::nothing(TargetKind::Aws, std::time::Duration::from_secs(300), true);
    let note = report.notes.join("\n");
    assert!(note.ends_with("amifactory rollback web --channel prod --arch x86_64"), "{note}");
    let now = time::macros::datetime!(2040-03-31 0:01 UTC);
    seen.fleet.looked(Ok(report), now, std::time::Duration::ZERO);
    let page = text(&fleet_page(&seen, now).unwrap());
    assert!(page.contains("prod of web (x86_64) names 1.0.2, which is revoked (leaked"), "{page}");
}

async fn write_mark(scene: &Scene, value: &str) {
    let ssm = aws_sdk_ssm::Client::new(&crate::aws::wire::Wire::new(&scene.fake).config());
    let put = ssm.put_parameter().name(MARK).value(value).overwrite(true);
    put.r#type(aws_sdk_ssm::types::ParameterType::String).send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_revocation_outlives_its_image() {
    let scene = Scene::new(POLICY).await;
    let (east, west) = (home(OWN, "us-east-1"), home(OTHER, "us-west-2"));
    scene.instance("i-00000000000000001", &image(2, "us-east-1"), east.clone(), &[]).await;
    scene.instance("i-00000000000000002", &image(2, "us-west-2"), west, &[]).await;
    let revoked = revoke_2(&scene, "leaked key").await.unwrap();
    assert_eq!(revoked[0].forgettable, None);
    // The same again writes nothing, and the reason that was there first stays.
    revoke_2(&scene, "another").await.unwrap();
    let why = async || {
        let findings = scene.look().await.findings;
        findings
            .iter()
            .map(|finding| format!("{} {}", finding.judgement.level.as_str(), finding.judgement.why))
            .collect()
    };
    let there: Vec<String> = why().await;
    assert_eq!(there, ["fail revoked: leaked key", "fail revoked: leaked key"]);
    // It names the image, and keeps it from nothing.
    let target = scene.target();
    let images = target.images().await.unwrap();
    let its: Vec<_> = images.into_iter().filter(|found| found.id.as_str() == image(2, "us-east-1")).collect();
    let uses = target.shelf().unwrap().uses(&its).await.unwrap();
    assert!(!format!("{uses:?}").contains("revoked/1.0.2"), "{uses:?}");

    // Its copy, which is there, is what it was.
    scene.fake.world().ec2.images.remove(&image(2, "us-east-1"));
    let gone: Vec<String> = why().await;
    assert_eq!(gone, ["fail revoked: leaked key", "fail revoked: leaked key (deregistered since)"]);
    let note = "prod of web (x86_64) names 1.0.2, which is revoked (leaked key): its users are measured by 1.0.1, which it \
                named before; back to it: amifactory rollback web --channel prod --arch x86_64";
    assert_eq!(scene.look().await.notes, [note]);

    // What someone wrote over it vouches for nothing, keeps nothing from being judged, and is told.
    for junk in ["junk", r#"{"image":"ami-00000000000000020","reason":" ","by":"x","at":"2040-03-31T00:00:00Z"}"#] {
        write_mark(&scene, junk).await;
        let looked = scene.look().await;
        let judged = told(&looked.findings)["i-00000000000000001"].clone();
        assert!(judged.contains("deregistered 1.0.2"), "{judged}");
        assert!(looked.notes.len() == 1 && looked.notes[0].contains(MARK), "{:?}", looked.notes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_can_not_be_written_keeps_no_image_from_being_revoked() {
    let scene = Scene::new(POLICY).await;
    scene.instance("i-00000000000000001", &image(2, "us-east-1"), home(OWN, "us-east-1"), &[]).await;
    scene.fake.world().credentials.default_mut().denied.insert("ssm:PutParameter".to_owned());
    let revoked = revoke_2(&scene, "leaked key").await.unwrap();
    assert!(revoked[0].forgettable.as_ref().unwrap().contains("ssm:PutParameter"), "{revoked:?}");
    assert_eq!(told(&scene.look().await.findings)["i-00000000000000001"], "fail revoked 1.0.2 -");
    // Once it can be, and what nobody can read is out of its way: with the reason that is on the image.
    scene.fake.world().credentials.default_mut().denied.clear();
    write_mark(&scene, "junk").await;
    let revoked = revoke_2(&scene, "another").await.unwrap();
    assert!(revoked[0].forgettable.as_ref().unwrap().contains("aws ssm delete-parameter"), "{revoked:?}");
    let ssm = aws_sdk_ssm::Client::new(&crate::aws::wire::Wire::new(&scene.fake).config());
    ssm.delete_parameter().name(MARK).send().await.unwrap();
    assert_eq!(revoke_2(&scene, "another").await.unwrap()[0].forgettable, None);
    let all = scene.target().pointers_told_apart(&"web".parse().unwrap()).await.unwrap().revocations;
    let (name, mark) = all.iter().next().unwrap();
    assert_eq!(name.slot, Slot::Version("1.0.2".parse().unwrap()));
    assert_eq!(mark.as_ref().unwrap().reason, "leaked key");
}

#[tokio::test(start_paused = true)]
async fn exemptions_that_stand_for_nothing_are_told_once_all_was_seen() {
    let exemptions = "  exemptions:\n    - {resource: i-00000000000000001, reason: a, owner: ops, expires: 2040-12-31}\n    \
                      - {resource: i-0000000000000dead, reason: b, owner: ops, expires: 2040-12-31}\n    \
                      - {recipe: web, region: us-west-2, reason: c, owner: ops, expires: 2040-03-01}\n";
    let scene = Scene::new(&format!("{POLICY}{exemptions}")).await;
    scene.instance("i-00000000000000001", &image(0, "us-east-1"), home(OWN, "us-east-1"), &[]).await;
    let over = "the exemption of recipe web, region us-west-2 (c; ops) was over on 2040-03-01";
    let notes = scene.look().await.notes;
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].starts_with("the exemption of resource i-0000000000000dead (b; ops) is of nothing"), "{notes:?}");
    assert!(notes[1].starts_with(over), "{notes:?}");
    // What was not read may be what it is of.
    scene.fake.world().sts.roles.clear();
    let notes = scene.look().await.notes;
    assert!(notes.len() == 1 && notes[0].starts_with(over), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn what_would_be_launched_is_told_apart_from_what_runs() {
    let scene = Scene::new(POLICY).await;
    let (east, fresh, old) = (home(OWN, "us-east-1"), image(2, "us-east-1"), image(0, "us-east-1"));
    let pointer = "resolve:ssm:/amifactory/web/x86_64/channels/prod";
    scene.template("lt-00000000000000001", east.clone(), &[&old, &fresh], 2);
    scene.template("lt-00000000000000002", east.clone(), &[&old, &image(1, "us-east-1"), &fresh], 1);
    scene.template("lt-00000000000000003", east.clone(), &[pointer], 1);
    scene.template("lt-00000000000000004", east.clone(), &["resolve:ssm:/amifactory/web/x86_64/versions/1.0.0"], 1);
    scene.template("lt-00000000000000005", east.clone(), &["resolve:ssm:/nowhere"], 1);
    // It names no image: whatever uses it brings one.
    scene.template("lt-00000000000000006", east.clone(), &[""], 1);
    scene.group("a-default", east.clone(), group("lt-00000000000000002", "$Default"));
    scene.group("b-latest", east.clone(), group("lt-00000000000000002", "$Latest"));
    scene.group("c-pinned", east.clone(), group("lt-00000000000000002", "2"));
    scene.group("d-unsaid", east.clone(), group("lt-00000000000000002", ""));
    scene.group("e-pointer", east.clone(), group("lt-00000000000000003", "$Latest"));
    scene.group("f-none", east.clone(), group("lt-00000000000000006", "1"));
    scene.group("g-gone", east.clone(), group("lt-0000000000000dead", "1"));
    scene.group("h-gone", east.clone(), group("lt-00000000000000001", "17"));
    let by_configuration = Group { configuration: Some("web-lc".into()), ..Group::default() };
    scene.group("i-configuration", east.clone(), by_configuration);
    scene.fake.world().autoscaling.configurations.insert((east.clone(), "web-lc".into()), old.clone());
    let overrides = vec![
        Override::default(),
        Override { template: Some(("lt-00000000000000002".into(), "1".into())), ..Override::default() },
        Override { template: None, image: Some(image(1, "us-east-1")), ..Override::default() },
    ];
    let mixed = Mixed { template: ("lt-00000000000000003".into(), "1".into()), overrides, ..Mixed::default() };
    scene.group("j-mixed", east.clone(), Group { mixed: Some(mixed), ..Group::default() });
    // The policy's own template is used by no override.
    let overrides =
        vec![Override { template: Some(("lt-00000000000000003".into(), "1".into())), ..Override::default() }];
    let mixed = Mixed { template: ("lt-00000000000000002".into(), "1".into()), overrides, ..Mixed::default() };
    scene.group("k-mixed", east.clone(), Group { mixed: Some(mixed), ..Group::default() });
    scene.instance("i-00000000000000001", &old, east.clone(), &[("stopped", "")]).await;
    let warm = Group { warm: Some(vec!["i-00000000000000001".into()]), ..group("lt-00000000000000003", "") };
    scene.group("l-warm", east.clone(), warm);
    let looked = scene.look().await;
    let told: Vec<String> = looked
        .findings
        .iter()
        .map(|finding| {
            let what = finding.resource.as_deref().unwrap_or(&finding.count.examples[0].id);
            let judgement = &finding.judgement;
            let (level, version) = (judgement.level.as_str(), judgement.version);
            let version = version.map_or_else(|| judgement.why.clone(), |version| version.to_string());
            format!("{what}: {level} {version}")
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    i-00000000000000001: fail 1.0.0
    lt-00000000000000002:1: fail 1.0.0
    lt-00000000000000004:1: fail 1.0.0
    a-default: fail 1.0.0
    d-unsaid: fail 1.0.0
    i-configuration: fail 1.0.0
    j-mixed: fail 1.0.0
    g-gone: fail launch template lt-0000000000000dead version 1 does not exist: the next launch fails
    h-gone: fail launch template lt-00000000000000001 version 17 does not exist: the next launch fails
    lt-00000000000000005:1: unknown the parameter /nowhere does not exist, or is not seen from here
    f-none: unknown launch template lt-00000000000000006 version 1 names no image
    c-pinned: warn 1.0.1
    j-mixed: warn 1.0.1
    lt-00000000000000001:2: fine 1.0.2
    lt-00000000000000002:3: fine 1.0.2
    lt-00000000000000003:1: fine 1.0.2
    b-latest: fine 1.0.2
    e-pointer: fine 1.0.2
    j-mixed: fine 1.0.2
    k-mixed: fine 1.0.2
    l-warm: fine 1.0.2
    ");
    let warm = looked.findings.iter().find(|finding| finding.kind == Kind::WarmInstance).unwrap();
    assert_eq!((warm.group.as_deref(), warm.count.stopped), (Some("l-warm"), 1));
    let fixes: Vec<&str> = looked.findings.iter().filter_map(|finding| finding.fix.as_deref()).collect();
    // Of a template that no group launches from a version is made, and becomes the default.
    let template = |n: u32| format!("--region us-east-1 --launch-template-id lt-0000000000000000{n}");
    let expected = [
        // A group launches whatever is the default: it is pinned to it, and rolled out, before that changes.
        "aws autoscaling update-auto-scaling-group --auto-scaling-group-name a-default --region us-east-1 \
         --launch-template LaunchTemplateId=lt-00000000000000002,Version=1 && aws autoscaling update-auto-scaling-group \
         --auto-scaling-group-name b-latest --region us-east-1 --launch-template \
         LaunchTemplateId=lt-00000000000000002,Version=3 && amifactory rollout web --channel prod --arch x86_64 --group \
         a-default"
            .to_owned(),
        format!("create-launch-template-version {} --source-version 1 --launch-template-data ImageId=$I", template(4)),
        format!("&& aws ec2 modify-launch-template {} --default-version $V", template(4)),
        "amifactory rollout web --channel prod --arch x86_64 --group c-pinned".to_owned(),
    ];
    for expected in expected {
        assert!(fixes.iter().any(|fix| fix.contains(&expected)), "{expected}: {fixes:?}");
    }
}

/// Where a channel has no parameter none can be looked up.
#[tokio::test(start_paused = true)]
async fn where_a_channel_does_not_reach_a_place_the_command_says_how_it_does() {
    let scene = Scene::new(POLICY).await;
    for (at, template) in
        [(home(OWN, "us-east-1"), "lt-00000000000000001"), (home(OTHER, "us-west-2"), "lt-00000000000000002")]
    {
        scene.template(template, at.clone(), &[&image(0, &at.region)], 1);
    }
    let fixes: Vec<String> = scene.look().await.findings.into_iter().filter_map(|finding| finding.fix).collect();
    assert!(
        fixes.len() == 2 && fixes.iter().any(|fix| fix.starts_with("I=$(aws ssm get-parameter --region us-east-1"))
    );
    let told = "amifactory promote web@1.0.2 --to prod --arch x86_64   # prod does not reach \
                111122223333/us-west-2; first in amifactory.yaml: {name: prod, regions: [us-west-2], accounts: \
                [\"111122223333\"]} and distribution: {accounts: {\"111122223333\": {role: ROLE}}}";
    assert!(fixes.iter().any(|fix| fix == told), "{fixes:?}");
}

/// All but how long ago it was: bad weather takes its time.
fn words(looked: &amifactory::fleet::look::Looked) -> Vec<String> {
    let of = |finding: &amifactory::fleet::findings::Finding| {
        let judgement = &finding.judgement;
        format!("{} {:?} {:?} {:?}", finding.at, finding.resource, finding.count, (judgement.level, judgement.status))
    };
    let mut words: Vec<String> = looked.findings.iter().map(of).collect();
    words.sort();
    words
}

#[tokio::test(start_paused = true)]
async fn every_page_is_read_through_bad_weather_and_nothing_is_changed() {
    let scene = Scene::new(POLICY).await;
    let east = home(OWN, "us-east-1");
    scene.instance("i-00000000000000000", &image(0, "us-east-1"), east.clone(), &[]).await;
    {
        let mut world = scene.fake.world();
        let now = world.clock.now();
        let one = world.ec2.instances["i-00000000000000000"].clone();
        for n in 1..1200 {
            let (id, mut another) = (format!("i-{n:017x}"), one.clone());
            (another.id, another.image) = (id.clone(), image(n % 3, "us-east-1"));
            another.reservation = format!("r-{n:017x}");
            if n % 2 == 0 {
                another.home = home(OTHER, "us-west-2");
                another.image = image(n % 3, "us-west-2");
            }
            world.ec2.tags.insert(id.clone(), Timeline::new(now, Default::default()));
            world.ec2.instances.insert(id, another);
        }
    }
    for n in 0..450 {
        scene.template(&format!("lt-{n:017x}"), east.clone(), &[&image(2, "us-east-1")], 1);
    }
    for n in 0..230 {
        scene.group(&format!("group-{n:03}"), east.clone(), group("lt-00000000000000001", "$Default"));
    }
    let warm = (0..120).map(|n| format!("i-{:017x}", n * 2 + 1)).collect();
    scene.group("warm", east.clone(), Group { warm: Some(warm), ..group("lt-00000000000000001", "") });
    let calm = scene.look().await;
    let of = |kind: Kind| calm.places.iter().map(|place| place.shown.tally.of(kind)).sum::<u64>();
    assert_eq!(Kind::ALL.map(of), [1080, 120, 450, 231]);
    let from = scene.fake.world().calls.len();
    scene.fake.world().weather.rates = Faults { reset_rate: 0.1, throttle_rate: 0.3, ..Faults::bad_weather() };
    for _ in 0..3 {
        assert_eq!(words(&scene.look().await), words(&calm));
    }
    let world = scene.fake.world();
    let reads = |action: &str| action.starts_with("Describe") || action.starts_with("Get") || action == "AssumeRole";
    assert!(world.calls[from..].iter().all(|call| reads(&call.action)), "only looks");
}

#[tokio::test(start_paused = true)]
async fn exemptions_hold_until_their_day_and_no_longer() {
    let exemption = "  exemptions:\n    - {resource: i-00000000000000001, reason: frozen, owner: ops, expires: 2040-03-31}\n    \
                     - {recipe: web, account: \"111122223333\", reason: lab, owner: ops, expires: 2040-03-30}\n";
    let scene = Scene::new(&format!("{POLICY}{exemption}")).await;
    let old = image(0, "us-east-1");
    scene.instance("i-00000000000000001", &old, home(OWN, "us-east-1"), &[]).await;
    scene.instance("i-00000000000000002", &old, home(OWN, "us-east-1"), &[]).await;
    scene.instance("i-00000000000000003", &image(0, "us-west-2"), home(OTHER, "us-west-2"), &[]).await;
    let looked = scene.look().await;
    let told = told(&looked.findings);
    assert_eq!(told["i-00000000000000001"], "exempt behind 1.0.0 20");
    assert_eq!(told["i-00000000000000002"], "fail behind 1.0.0 20");
    assert_eq!(told["i-00000000000000003"], "fail behind 1.0.0 20");
    let over = looked.findings.iter().find(|finding| finding.at.region.as_str() == "us-west-2").unwrap();
    assert!(over.judgement.why.ends_with("its exemption was over on 2040-03-30"), "{}", over.judgement.why);
}

/// Whoever wrote that an old image may stay did not know that it would be revoked.
#[tokio::test(start_paused = true)]
async fn an_exemption_is_not_of_what_is_revoked_unless_it_names_the_image() {
    let old = image(0, "us-east-1");
    for (narrow, expected) in [("recipe: web".to_owned(), "fail"), (format!("image: {old}"), "exempt")] {
        let exemption = format!("  exemptions:\n    - {{{narrow}, reason: frozen, owner: ops, expires: 2040-03-31}}\n");
        let scene = Scene::new(&format!("{POLICY}{exemption}")).await;
        scene.instance("i-00000000000000001", &old, home(OWN, "us-east-1"), &[]).await;
        {
            let mut world = scene.fake.world();
            let now = world.clock.now();
            let mut tags = world.ec2.tags_at(&old, now);
            tags.insert("amifactory:revoked".into(), "2040-03-30T00:00:00Z ops: leaked key".into());
            world.ec2.tags.insert(old.clone(), Timeline::new(now, tags));
        }
        let told = told(&scene.look().await.findings);
        assert!(told.values().any(|told| told.starts_with(&format!("{expected} revoked"))), "{narrow}: {told:?}");
    }
}

/// Tags say that an instance is a builder; anybody who may tag could hide behind that.
#[tokio::test(start_paused = true)]
async fn what_belongs_to_a_group_is_no_builder() {
    let scene = Scene::new(POLICY).await;
    let (old, east) = (image(0, "us-east-1"), home(OWN, "us-east-1"));
    let builder = [("amifactory:build", "web-0123456789ab-1"), ("amifactory:purpose", "build")];
    let in_group = [&builder[..], &[("aws:autoscaling:groupName", "web")]].concat();
    scene.instance("i-00000000000000001", &old, east.clone(), &builder).await;
    scene.instance("i-00000000000000002", &old, east, &in_group).await;
    let count = |looked: &amifactory::fleet::look::Looked| {
        looked.findings.iter().filter(|found| found.kind == Kind::Instance).map(|found| found.count.count).sum::<u64>()
    };
    assert_eq!(count(&scene.look().await), 1, "the one in a group");
}

/// What stands for an image in a template goes into a filter, where `*` stands for all images there are.
#[tokio::test(start_paused = true)]
async fn what_is_no_id_is_not_asked_for() {
    let scene = Scene::new(POLICY).await;
    scene.template("lt-00000000000000001", home(OWN, "us-east-1"), &["ami-*"], 1);
    let from = scene.fake.world().calls.len();
    let told = told(&scene.look().await.findings);
    assert_eq!(told["lt-00000000000000001:1"], "fail deregistered - -");
    let world = scene.fake.world();
    assert!(world.calls[from..].iter().all(|call| !call.params.to_string().contains("ami-*")));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_went_back_leaves_newer_instances_behind() {
    let scene = Scene::new(POLICY).await;
    let target = scene.target();
    scene.publish(&target, amifactory::target::Slot::Channel("prod".parse().unwrap()), 1).await;
    tokio::time::sleep(super::DAY * 8).await;
    scene.instance("i-00000000000000001", &image(2, "us-east-1"), home(OWN, "us-east-1"), &[]).await;
    scene.instance("i-00000000000000002", &image(1, "us-east-1"), home(OWN, "us-east-1"), &[]).await;
    add_image(&mut scene.fake.world(), "ami-00000000000000099", home(OWN, "us-east-1"), "1.0.9", "verified");
    scene.instance("i-00000000000000003", "ami-00000000000000099", home(OWN, "us-east-1"), &[]).await;
    let told = told(&scene.look().await.findings);
    assert_eq!(told["i-00000000000000001"], "warn rolled-back 1.0.2 8");
    assert_eq!(told["i-00000000000000002"], "fine fresh 1.0.1 -");
    // No version names it.
    assert_eq!(told["i-00000000000000003"], "fail unpublished 1.0.9 -");
}

#[tokio::test(start_paused = true)]
async fn parameters_of_templates_are_read_ten_at_a_time_and_each_once() {
    let scene = Scene::new("").await;
    let before = scene.look().await;
    let reads = || scene.fake.world().count("GetParameters");
    let without = reads();
    scene.look().await;
    let without = reads() - without;
    let (east, old) = (home(OWN, "us-east-1"), image(0, "us-east-1"));
    let ssm = aws_sdk_ssm::Client::new(&Wire::new(&scene.fake).config());
    for n in 0..25 {
        ssm.put_parameter().name(format!("/golden/{n}")).value(&old).r#type("String".into()).send().await.unwrap();
        for (of, image) in [("a", format!("/golden/{n}")), ("b", format!("/golden/{n}"))] {
            let id = format!("lt-000000000000000{of}{n}");
            scene.template(&id, east.clone(), &[&format!("resolve:ssm:{image}")], 1);
        }
    }
    scene.template("lt-00000000000000c00", east.clone(), &["resolve:ssm:/golden/7:1"], 1);
    scene.template("lt-00000000000000c01", east.clone(), &["resolve:ssm:/golden/7:9"], 1);
    let read = reads();
    let looked = scene.look().await;
    // 25 names in three calls, and each other version of one in a call of its own.
    assert_eq!(reads() - read, without + 5);
    let templates = looked.findings.iter().filter(|finding| finding.kind == Kind::LaunchTemplate);
    let (unknown, known): (Vec<_>, Vec<_>) = templates.partition(|finding| finding.image.is_none());
    assert_eq!((unknown.len(), known.len()), (1, before.findings.len() + 51));
    assert!(known.iter().all(|finding| finding.image.as_deref() == Some(old.as_str())));
    // One that does not exist makes no other unreadable.
    let why = &unknown[0].judgement.why;
    assert!(why.contains("/golden/7:9 does not exist"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_says_that_it_is_revoked_is() {
    let scene = Scene::new(POLICY).await;
    let (east, west) = (home(OWN, "us-east-1"), home(OTHER, "us-west-2"));
    scene.instance("i-00000000000000001", &image(2, "us-east-1"), east, &[]).await;
    scene.instance("i-00000000000000002", &image(2, "us-west-2"), west, &[]).await;
    {
        let mut world = scene.fake.world();
        let now = world.clock.now();
        let mut own = world.ec2.tags_at(&image(2, "us-west-2"), now);
        own.insert("amifactory:revoked".into(), "leaked there".into());
        world.ec2.tags.insert(image(2, "us-west-2"), Timeline::new(now, own));
    }
    let findings = scene.look().await.findings;
    let told = told(&findings);
    assert_eq!(told["i-00000000000000002"], "fail revoked 1.0.2 -");
    assert!(findings[0].judgement.why.contains("leaked there"), "{}", findings[0].judgement.why);
    // Its original does not say so.
    assert_eq!(told["i-00000000000000001"], "fine fresh 1.0.2 -");
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_already_can_be_revoked_and_stays_so() {
    let scene = Scene::new(POLICY).await;
    scene.instance("i-00000000000000001", &image(2, "us-east-1"), home(OWN, "us-east-1"), &[]).await;
    scene.fake.world().ec2.images.remove(&image(2, "us-east-1"));
    let revoked = revoke_2(&scene, "leaked key").await.unwrap();
    let row = &revoked[0];
    assert_eq!((revoked.len(), row.gone, row.image.as_str()), (1, true, image(2, "us-east-1").as_str()));
    assert_eq!(row.channels, ["prod".parse().unwrap()]);
    let why = scene.look().await.findings[0].judgement.why.clone();
    assert_eq!(why, "revoked: leaked key (deregistered since)");
    // Again is no mistake, and the reason that was there first stays.
    assert_eq!(revoke_2(&scene, "another").await.unwrap()[0].reason, "leaked key");
    // A version that never was is one.
    let web = "web".parse().unwrap();
    let error = revoke::revoke(&scene.target(), &web, "1.0.9".parse().unwrap(), None, "x").await.unwrap_err();
    assert!(matches!(error, ReleaseError::NoVersion { .. }), "{error}");
}
