//! Disks: those of bases with several, sizes that recipes ask for, and what is left of them.

use super::CALM;
use super::place::Place;
use crate::aws::factory;
use crate::fake_aws::ec2::model::{Home, Mapping, Volume};
use crate::fake_aws::ec2::timeline::Timeline;
use amifactory::pipeline::BuildOptions;
use amifactory::recipe::{ExtraVolume, MountPoint, Volume as Asked};
use amifactory::target::{LaunchBase, Target as _};

#[tokio::test(start_paused = true)]
async fn a_base_with_a_disk_for_data_leaves_none_and_all_are_encrypted() {
    let place = Place::new(|_| {});
    {
        let mut world = place.fake.world();
        let base = world.ec2.latest_al2023("us-east-1", "x86_64").unwrap();
        let image = world.ec2.images.get_mut(&base).unwrap();
        let data = Mapping { device: "/dev/sdf".into(), delete_on_termination: false, ..image.mappings[0].clone() };
        image.mappings.push(data);
    }
    place.build().await.well_within(CALM);
    assert_eq!(place.leaks().await, [] as [String; 0]);
    let world = place.fake.world();
    let image = world.ec2.own_images(&world.account)[0];
    assert_eq!(image.mappings.len(), 2);
    assert!(image.mappings.iter().all(|mapping| mapping.encrypted), "{:?}", image.mappings);
}

#[tokio::test(start_paused = true)]
async fn a_recipe_on_the_image_of_another_has_the_disk_that_it_asks_for() {
    let place = Place::new(|_| {});
    let parent = place.build().await.well_within(CALM).image.id.clone();
    let target = place.target();
    let (mut plan, _) = factory::plan_of(&target, "child", "on web", &factory::by_parameter()).await;
    plan.aws.volume = Asked { size_gib: Some(40), kms_key: None };
    place.build_on(&target, &plan, &LaunchBase::Image(parent), &BuildOptions::default()).await.well_within(CALM);
    {
        let world = place.fake.world();
        let sizes = world.ec2.own_images(&world.account).iter().map(|image| image.mappings[0].size).collect::<Vec<_>>();
        assert!(sizes.contains(&40), "{sizes:?}");
    }
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn volumes_that_the_recipe_lays_out_are_in_the_image_and_nothing_is_left_of_them() {
    let place = Place::new(|_| {});
    {
        // The base has a disk for data under the first name that is free otherwise.
        let mut world = place.fake.world();
        let base = world.ec2.latest_al2023("us-east-1", "x86_64").unwrap();
        let image = world.ec2.images.get_mut(&base).unwrap();
        let data = Mapping { device: "/dev/xvdf".into(), ..image.mappings[0].clone() };
        image.mappings.push(data);
    }
    let volumes = [("/var", 10), ("/var/log/audit", 4)].map(|(mount, size_gib)| {
        let mount: MountPoint = mount.parse().unwrap();
        ExtraVolume { options: mount.usual_options(), mount, size_gib }
    });
    place.build_with(|plan| plan.aws.volumes = volumes.to_vec(), &BuildOptions::default()).await.well_within(CALM);
    assert_eq!(place.leaks().await, [] as [String; 0]);
    let world = place.fake.world();
    let image = world.ec2.own_images(&world.account)[0];
    let devices: Vec<(&str, u64)> =
        image.mappings.iter().map(|mapping| (mapping.device.as_str(), mapping.size)).skip(1).collect();
    assert_eq!(devices, [("/dev/xvdf", 8), ("/dev/sdg", 10), ("/dev/sdh", 4)]);
    assert!(image.mappings.iter().all(|mapping| mapping.encrypted && mapping.delete_on_termination));
    // The boot test starts from the image, which brings them.
    let launches = world.calls.iter().filter(|call| call.action == "RunInstances");
    let data: Vec<bool> = launches.map(|call| call.params.to_string().contains("/dev/sdg")).collect();
    assert_eq!(data, [true, false]);
    let orders = world.calls.iter().filter(|call| call.action == "SendCommand");
    for order in orders {
        assert!(order.params.to_string().contains("AF_MOUNTS='/var /var/log/audit'"), "{}", order.params);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_sees_all_pages_of_volumes() {
    let place = Place::new(|_| {});
    {
        let mut world = place.fake.world();
        let (now, account) = (world.clock.now(), world.account.clone());
        for number in 0..1203 {
            let id = format!("vol-{number:017x}");
            let volume = Volume {
                id: id.clone(),
                home: Home { account: account.clone(), region: "us-east-1".into() },
                zone: "us-east-1a".into(),
                size: 8,
                kind: "gp3".into(),
                iops: None,
                throughput: None,
                encrypted: true,
                kms_key: None,
                snapshot: None,
                created: now,
                visible: now,
                state: Timeline::new(now, "available"),
                attached: None,
                disk: None,
            };
            world.ec2.volumes.insert(id.clone(), volume);
            let tags = [("amifactory:build".to_owned(), "web-0123456789ab-1".to_owned())].into();
            world.ec2.tags.insert(id, Timeline::new(now, tags));
        }
    }
    assert_eq!(place.target().orphans().await.unwrap().len(), 1203);
}
