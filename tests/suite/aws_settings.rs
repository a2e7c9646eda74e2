//! What recipes say about AWS: the factory's settings with a recipe's own over them, and what of it a plan holds.

use super::corpus::factory_with;
use super::recipes::{catalogue, today};
use amifactory::hardening::Library;
use amifactory::identity::{Arch, OsFamily, TargetKind};
use amifactory::plan::{self, Plan};
use amifactory::recipe::{
    AwsBase, AwsBaseImage, AwsSettings, BaseSpec, ExtraVolume, Factory, LocalBase, MountPoint, Subnet, Volume, load,
};
use amifactory::target::ResolvedBase;
use std::time::Duration;

fn everything() -> Factory {
    load(factory_with("good/everything").path(), &catalogue(), today()).unwrap()
}

#[test]
fn a_recipe_says_otherwise_key_by_key_and_tag_by_tag() {
    let factory = everything();
    let (below, own) = (&factory.aws, &factory.recipes["everything"].aws);
    assert_eq!(below.expires, Duration::from_secs(5400));
    assert_eq!(below.volume, Volume { size_gib: Some(20), kms_key: Some("alias/images".into()) });
    assert_eq!(below.tags["cost/centre"], "42");

    assert_eq!(own.instance_profile.as_deref(), Some("another"));
    assert_eq!(own.subnet, Some(Subnet::Id("subnet-0123456789abcdef0".into())));
    assert!(own.security_groups.is_empty() && !below.security_groups.is_empty());
    assert_eq!(own.instance_types.of(Arch::X86_64), below.instance_types.of(Arch::X86_64));
    assert_eq!(own.instance_types.of(Arch::Arm64), ["t4g.small"]);
    assert!(!own.spot && below.spot);
    assert_eq!(own.volume.size_gib, Some(20));
    assert!(own.volume.kms_key.as_deref().unwrap().starts_with("arn:aws:kms:"));
    assert_eq!((own.log_group.as_ref(), own.owner.as_ref()), (below.log_group.as_ref(), below.owner.as_ref()));
    assert_eq!(own.expires, Duration::from_secs(86_400));
    let tags: Vec<(&str, &str)> = own.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(tags, [("Team", "Web"), ("cost/centre", "42")]);

    // A recipe without a section of its own has the factory's; a factory without one has the defaults.
    assert_eq!(factory.recipes["web"].aws, factory.aws);
    let plain = load(factory_with("base").path(), &catalogue(), today()).unwrap();
    assert_eq!(plain.recipes["web"].aws, AwsSettings::default());
    assert_eq!(plain.aws.instance_types.of(Arch::Arm64), ["m7g.large", "m6g.large", "t4g.large"]);
}

#[test]
fn each_kind_of_base_is_read() {
    let factory = everything();
    let base = |name: &str| factory.recipes[name].base.clone();
    let parameter = AwsBaseImage::Parameter("/aws/service/debian/release/12/latest/arm64".into());
    let aws = AwsBase { image: parameter, family: Some(OsFamily::Debian12) };
    assert_eq!(base("on-parameter"), BaseSpec::Own { local: Some(LocalBase::Host), aws: Some(aws) });
    let ami = AwsBaseImage::Ami("ami-0123456789abcdef0".parse().unwrap());
    assert_eq!(base("on-ami"), AwsBase { image: ami, family: None }.into());
    let newest =
        AwsBaseImage::Newest { name: "al2023-ami-2023.*-x86_64".into(), owner: "amazon".into(), arch: Arch::X86_64 };
    assert_eq!(base("on-newest"), AwsBase { image: newest, family: Some(OsFamily::AmazonLinux2023) }.into());
    assert_eq!(base("base"), LocalBase::Host.into());
}

/// The plan of the corpus' web server, with a volume.
fn planned(target: TargetKind, volume: Volume) -> Plan {
    planned_recipe("web", target, |aws| aws.volume = volume)
}

fn planned_recipe(name: &str, target: TargetKind, change: impl FnOnce(&mut AwsSettings)) -> Plan {
    let mut factory = load(factory_with("base").path(), &catalogue(), today()).unwrap();
    let mut recipe = factory.recipes[name].clone();
    change(&mut recipe.aws);
    factory.recipes.insert(recipe.name.clone(), recipe.clone());
    let base = ResolvedBase {
        id: "ami-0123456789abcdef0".into(),
        description: "a base".into(),
        family: OsFamily::Debian12,
        os_name: "Debian 12".into(),
        arch: Arch::X86_64,
        parts: Default::default(),
    };
    plan::make(&factory, &Library::embedded().unwrap(), &recipe, base, target).unwrap()
}

#[test]
fn on_aws_the_volume_decides_what_the_image_is_and_here_it_does_not() {
    let volume = |size: u32| Volume { size_gib: Some(size), kms_key: None };
    let keyed = Volume { size_gib: Some(20), kms_key: Some("alias/images".into()) };
    let digest = |target, volume| planned(target, volume).digest;
    assert_eq!(digest(TargetKind::Local, keyed.clone()), digest(TargetKind::Local, Volume::default()));
    assert_eq!(digest(TargetKind::Aws, Volume::default()), digest(TargetKind::Local, Volume::default()));
    assert_ne!(digest(TargetKind::Aws, volume(20)), digest(TargetKind::Aws, Volume::default()));

    let inputs = |volume| planned(TargetKind::Aws, volume).inputs;
    assert_eq!(plan::changes(&inputs(volume(20)), &inputs(volume(30))), ["the volume's size changed: 20 GiB → 30 GiB"]);
    assert_eq!(plan::changes(&inputs(volume(20)), &inputs(keyed.clone())), ["the volume's key added"]);
    assert_eq!(planned(TargetKind::Aws, keyed.clone()).aws.volume, keyed);
}

#[test]
fn volumes_of_its_own_decide_what_the_image_at_the_bottom_is() {
    let volume = |size_gib| {
        let mount: MountPoint = "/var".parse().unwrap();
        ExtraVolume { options: mount.usual_options(), mount, size_gib }
    };
    let plan_of = |name: &str, target, volumes: &[ExtraVolume]| {
        planned_recipe(name, target, |aws| aws.volumes = volumes.to_vec())
    };
    let bottom = |target, volumes: &[ExtraVolume]| plan_of("base", target, volumes);
    assert_eq!(bottom(TargetKind::Local, &[volume(5)]).digest, bottom(TargetKind::Local, &[]).digest);
    let (five, ten) = (bottom(TargetKind::Aws, &[volume(5)]), bottom(TargetKind::Aws, &[volume(10)]));
    assert_eq!(
        plan::changes(&five.inputs, &ten.inputs),
        ["the volume at /var changed: 5 GiB defaults,nodev,nosuid → 10 GiB defaults,nodev,nosuid"]
    );
    assert_eq!(five.aws.volumes, [volume(5)]);
    // Those of amifactory.yaml are in the image below already.
    let above = plan_of("web", TargetKind::Aws, &[volume(5)]);
    assert_eq!(above.aws.volumes, []);
    assert_eq!(above.digest, plan_of("web", TargetKind::Aws, &[]).digest);
}

#[test]
fn the_plan_says_what_its_builder_would_be() {
    let mount: MountPoint = "/var/log".parse().unwrap();
    let plan = planned_recipe("base", TargetKind::Aws, |aws| {
        aws.volumes = vec![ExtraVolume { options: mount.usual_options(), mount, size_gib: 4 }];
        aws.instance_types.x86_64 = vec!["m7i.large".into(), "t3.large".into()];
        aws.subnet = Some(Subnet::Id("subnet-0123456789abcdef0".into()));
        aws.spot = true;
    });
    let launch = |target| plan::describe(&plan, target).remove(0).1;
    assert_eq!(
        launch(TargetKind::Aws),
        "a builder on a base: spot if there is any, m7i.large or t3.large in subnet-0123456789abcdef0; \
         volumes for /var/log (4 GiB)"
    );
    assert_eq!(launch(TargetKind::Local), "a builder on a base");
}

#[test]
fn secrets_and_restarts_reach_the_plan() {
    let mut factory = load(factory_with("base").path(), &catalogue(), today()).unwrap();
    let everything = everything();
    let mut group = everything.groups["everything"].clone();
    for step in &mut group.steps {
        step.families.clear();
    }
    let mut recipe = factory.recipes["web"].clone();
    recipe.groups = everything.recipes["everything"].groups.clone();
    recipe.groups.remove(0);
    factory.groups.insert(group.name.clone(), group);
    let base = planned(TargetKind::Aws, Volume::default()).base;
    let plan = plan::make(&factory, &Library::embedded().unwrap(), &recipe, base.clone(), TargetKind::Aws).unwrap();
    assert_eq!(plan.secrets, ["/everything/key.pem", "/everything/token"]);
    assert!(plan.bundles.apply.script.contains(" stop 'af_reboot'\n"), "{}", plan.bundles.apply.script);

    // What is built on it checks its health, which may need them too; without a health check nothing does.
    let mut child = factory.recipes["web"].clone();
    child.name = "child".parse().unwrap();
    child.base = BaseSpec::Recipe { recipe: recipe.name.clone(), channel: None, arch: None };
    factory.recipes.insert(recipe.name.clone(), recipe);
    let secrets = |factory: &Factory| {
        plan::make(factory, &Library::embedded().unwrap(), &child, base.clone(), TargetKind::Aws).unwrap().secrets
    };
    assert_eq!(secrets(&factory), plan.secrets);
    for group in factory.groups.values_mut() {
        group.health = None;
    }
    assert!(secrets(&factory).is_empty());
}
