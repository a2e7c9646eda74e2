//! Groups in another region come to run the copy there, where the channel names the same version as at home.

use super::{Asked, Bench, OWN, home, image, words};
use crate::fake_aws::autoscaling::{Group, Member};
use amifactory::identity::Region;
use amifactory::recipe::ChannelRule;
use amifactory::release::{Kind, Note};
use amifactory::rollout::goal::{self, Site};
use amifactory::rollout::{Request, RolloutError, carry_out, survey};
use amifactory::target::{PointerName, Slot, Target};

const TEMPLATE: &str = "lt-00000000000000009";

fn west() -> Region {
    "us-west-2".parse().unwrap()
}

/// The channels, of which `prod` reaches the region.
fn channels(bench: &Bench) -> Vec<ChannelRule> {
    let mut channels = bench.scene.factory.channels.clone();
    channels.iter_mut().filter(|rule| rule.name.as_str() == "prod").for_each(|rule| rule.reach.regions = vec![west()]);
    channels
}

/// A pointer in the region comes to name a copy there.
async fn name(there: &dyn Target, slot: Slot, version: u32) {
    let name = PointerName { recipe: "web".parse().unwrap(), arch: "x86_64".parse().unwrap(), slot };
    let before = there.pointer(&name).await.unwrap();
    let note = Note::new(Kind::Promote, amifactory::pipeline::clock::rfc3339(there.now()));
    let image = image(version, "us-west-2").parse().unwrap();
    there.move_pointer(&name, before.as_ref(), &image, &note).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
}

/// A group in the region that launches 1.0.0, where 1.0.1 and 1.0.2 have pointers.
async fn bench() -> Bench {
    let bench = Bench::new(&[]).await;
    let at = || home(OWN, "us-west-2");
    bench.scene.template(TEMPLATE, at(), &[&image(0, "us-west-2")], 1);
    bench.scene.instance("i-00000000000000091", &image(0, "us-west-2"), at(), &[]).await;
    let template = Some((TEMPLATE.to_owned(), "1".to_owned()));
    let member = Member { id: "i-00000000000000091".into(), template: template.clone(), ..Member::default() };
    bench.scene.group("web", at(), Group { template, members: vec![member], ..Group::default() });
    let there = bench.scene.target().place(&west(), None).unwrap();
    for version in [1, 2] {
        name(&*there, Slot::Version(format!("1.0.{version}").parse().unwrap()), version).await;
    }
    bench
}

async fn asked(site: Site<'_>, channels: &[ChannelRule]) -> Result<(Request, Vec<String>), RolloutError> {
    let web = "web".parse().unwrap();
    let (goal, scene) = goal::read(site, channels, (&web, "prod", None)).await?;
    let policy = amifactory::recipe::RolloutPolicy::default();
    let Asked { back, retry, .. } = Asked::default();
    let waves = vec![vec!["web".to_owned()]];
    let request = Request { goal, waves, policy, back, why: None, despite: None, retry, take_over: None };
    let plans = survey(site, &request, &scene).await?.plans;
    let ended = carry_out(site, channels, &request, &plans, &|_| {}).await?;
    Ok((request, words(&ended)))
}

#[tokio::test(start_paused = true)]
async fn what_a_channel_names_there_and_at_home_goes_out_there() {
    let bench = bench().await;
    let at_home = bench.scene.target();
    let there = at_home.place(&west(), None).unwrap();
    let site = Site { target: &*there, home: Some(&at_home) };
    // It has to reach the region,
    let error = asked(site, &bench.scene.factory.channels).await.unwrap_err();
    assert!(error.to_string().starts_with("prod does not reach us-west-2, so no image of it is there"), "{error}");
    // and to name there what it names at home.
    let prod = || Slot::Channel("prod".parse().unwrap());
    name(&*there, prod(), 1).await;
    let error = asked(site, &channels(&bench)).await.unwrap_err();
    let told = "prod of web names 1.0.1 in us-west-2, and 1.0.2 at home: nothing goes out there";
    assert!(error.to_string().starts_with(told), "{error}");
    name(&*there, prod(), 2).await;
    let (request, rolled) = asked(site, &channels(&bench)).await.unwrap();
    assert_eq!(rolled, ["web done"]);
    let group = bench.scene.fake.world().autoscaling.groups[&(home(OWN, "us-west-2"), "web".to_owned())].clone();
    let member = &group.members[0].id;
    assert_eq!(bench.scene.fake.world().ec2.instances[member].image, image(2, "us-west-2"));
    let command = "amifactory rollout web --channel prod --arch x86_64 --region us-west-2";
    assert_eq!(request.goal.command(), command);
    // What is revoked at home goes out nowhere, whatever its copy says.
    bench.tag(&image(2, "us-east-1"), "amifactory:revoked", "CVE");
    let error = asked(site, &channels(&bench)).await.unwrap_err();
    assert!(error.to_string().starts_with("web 1.0.2 is revoked: CVE"), "{error}");
}

/// Nothing here says it: neither the copy's tags nor a mark.
#[tokio::test(start_paused = true)]
async fn nothing_goes_back_there_to_what_is_revoked_at_home() {
    let bench = bench().await;
    let at_home = bench.scene.target();
    let there = at_home.place(&west(), None).unwrap();
    let (site, channels) = (Site { target: &*there, home: Some(&at_home) }, channels(&bench));
    name(&*there, Slot::Channel("prod".parse().unwrap()), 2).await;
    let (request, rolled) = asked(site, &channels).await.unwrap();
    assert_eq!(rolled, ["web done"]);
    let origin = image(0, "us-east-1");
    bench.tag(&image(0, "us-west-2"), "amifactory:copy-of", &format!("{origin} us-east-1"));
    let back = Request { back: true, ..request };
    let web = "web".parse().unwrap();
    let plans = async || {
        let (_, scene) = goal::named(site, &channels, (&web, "prod", None)).await.unwrap();
        survey(site, &back, &scene).await.unwrap().plans
    };
    let before = plans().await;
    assert!(before[0].is_begun(), "{before:?}");
    bench.mark("web", "1.0.0", &origin).await;
    let why = plans().await[0].stage.clone().unwrap_err().to_string();
    assert!(why.contains("may not be used: web 1.0.0 is revoked: CVE-2026-0009"), "{why}");
    // What was planned before that is asked again.
    let ended = words(&carry_out(site, &channels, &back, &before, &|_| {}).await.unwrap());
    assert!(ended[0].starts_with("web not begun: ") && ended[0].contains("is revoked: CVE-2026-0009"), "{ended:?}");
}
