//! Something goes wrong in one place: the others go on, it is told, and the same again makes only what is missing.

use super::{Bench, CONSUMER, HOME, Home, OWNER, ROLE, State, key, place, recipe_name, rules, told, why};
use crate::fake_aws::ec2::ImageFate;
use amifactory::release::ReleaseError;
use amifactory::release::places::Places;
use amifactory::release::wanted::{self, Request};
use std::time::Duration;

/// How often each action was called in a region.
fn calls(bench: &Bench, action: &str, region: &str) -> usize {
    let world = bench.fake.world();
    world.calls.iter().filter(|call| call.action == action && call.region == region).count()
}

#[tokio::test(start_paused = true)]
async fn a_region_that_fails_keeps_no_other_from_going_on() {
    let bench = Bench::new().await;
    let fails = || vec![ImageFate::Fails(Duration::from_secs(2)); 5];
    bench.fake.world().ec2.pokes.copies.insert("us-west-2".into(), fails());
    let done = bench.again().await;
    assert!(!done.is_complete());
    let failed: Vec<String> =
        told(&done).into_iter().filter(|row| !row.ends_with("ready") && !row.ends_with("shared")).collect();
    assert_eq!(failed, ["us-west-2 own failed", "us-west-2 111122223333 waiting", "us-west-2 044455556666 waiting"]);
    let text = why(&done, "us-west-2", None);
    assert!(text.contains("5 copies") && text.contains("Client.InternalError") && text.contains("KMS key"), "{text}");
    assert_eq!(bench.images("us-west-2"), [] as [String; 0], "what failed is removed");
    let before = calls(&bench, "CopyImage", "eu-central-1");
    let done = bench.again().await;
    assert!(done.is_complete(), "{done:#?}");
    assert_eq!(calls(&bench, "CopyImage", "eu-central-1"), before, "only what was missing was made");
    bench.complete("again");
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_fails_is_made_again() {
    let bench = Bench::new().await;
    bench.fake.world().ec2.pokes.copies.insert("us-west-2".into(), vec![ImageFate::Fails(Duration::from_secs(2)); 2]);
    assert!(bench.again().await.is_complete());
    assert_eq!(calls(&bench, "CopyImage", "us-west-2"), 3);
    bench.complete("third");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_there_is_told_of() {
    let bench = Bench::new().await;
    bench.fake.world().ec2.dead_keys.insert(key("eu-central-1"));
    let text = why(&bench.again().await, "eu-central-1", None);
    assert!(text.contains("check the KMS key that distribution gives eu-central-1"), "{text}");
    bench.fake.world().ec2.dead_keys.clear();
    assert!(bench.again().await.is_complete());
    bench.complete("with the key");
}

/// The key's policy is one half; the role's own policy is the other.
#[tokio::test(start_paused = true)]
async fn a_role_that_may_not_decrypt_is_not_ready_until_it_may() {
    let bench = Bench::new().await;
    bench.fake.world().sts.denied.insert(ROLE.into(), ["kms:Decrypt".to_owned()].into());
    let done = bench.again().await;
    let text = why(&done, "us-west-2", Some(CONSUMER));
    assert!(text.contains("can't be read") && text.contains("kms:Decrypt"), "{text}");
    assert!(text.contains("amifactory iam-policy --for consumer"), "{text}");
    let ready: Vec<String> = told(&done).into_iter().filter(|row| row.ends_with("own ready")).collect();
    assert_eq!(ready.len(), 3, "{:?}", done.rows);
    // Nor does the channel go there.
    bench.promote(&bench.target(), "1.0.0").await.unwrap();
    assert_eq!(bench.prod(), vec!["-".to_owned(); 6]);
    // Who has the right by every key's policy has it by the account's, and by none of AWS's own.
    {
        let mut world = bench.fake.world();
        world.sts.denied.clear();
        world.ec2.key_users.clear();
        world.ec2.users_of_every_key.insert(CONSUMER.into());
        let own = crate::fake_aws::ec2::key_arn(None, &place(OWNER, HOME));
        assert!(world.ec2.may_decrypt(&key(HOME), CONSUMER) && !world.ec2.may_decrypt(&own, CONSUMER));
    }
    assert!(bench.again().await.is_complete());
    bench.complete("with both");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_may_not_use_the_key_is_not_ready() {
    let bench = Bench::new().await;
    bench.fake.world().ec2.key_users.remove(&key("us-west-2"));
    let done = bench.again().await;
    let text = why(&done, "us-west-2", Some(CONSUMER));
    assert!(text.contains("kms:Decrypt") && text.contains("key policy") && text.contains("--for consumer"), "{text}");
    let version = "/amifactory/web/x86_64/versions/1.0.0";
    assert_eq!(bench.value(&place(CONSUMER, "us-west-2"), version), None, "no pointer to what can't be used");
    assert!(bench.value(&place(OWNER, "us-west-2"), version).is_some());
    bench.fake.world().ec2.key_users.entry(key("us-west-2")).or_default().insert(CONSUMER.into());
    assert!(bench.again().await.is_complete());
    bench.complete("allowed");
}

#[tokio::test(start_paused = true)]
async fn a_role_that_can_not_be_assumed_is_named() {
    let bench = Bench::new().await;
    bench.fake.world().sts.roles.clear();
    let done = bench.again().await;
    for region in super::REGIONS {
        let text = why(&done, region, Some(CONSUMER));
        assert!(text.contains("sts:AssumeRole") && text.contains(ROLE) && text.contains("trust policy"), "{text}");
    }
    bench.fake.world().sts.roles.insert(ROLE.into(), None);
    assert!(bench.again().await.is_complete());
    bench.complete("assumed");
}

#[tokio::test(start_paused = true)]
async fn an_image_of_someone_else_that_has_the_name_is_not_taken_for_a_copy() {
    let bench = Bench::new().await;
    let foreign = {
        let mut world = bench.fake.world();
        let mut image = world.ec2.images.values().find(|image| image.home == place(OWNER, HOME)).unwrap().clone();
        image.id = "ami-00000000000000bad".into();
        image.home = Home { region: "us-west-2".into(), ..image.home };
        image.mappings.clear();
        world.ec2.images.insert(image.id.clone(), image.clone());
        image.id
    };
    let text = why(&bench.again().await, "us-west-2", None);
    assert!(text.contains(&foreign) && text.contains("is no copy of") && text.contains("remove or rename"), "{text}");
    bench.fake.world().ec2.images.remove(&foreign);
    assert!(bench.again().await.is_complete());
    bench.complete("without it");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_encrypted_with_a_key_of_ones_own_can_not_be_shared() {
    let bench = Bench::new().await;
    {
        let mut world = bench.fake.world();
        let own = crate::fake_aws::ec2::key_arn(Some("alias/aws/ebs"), &place(OWNER, HOME));
        world.ec2.snapshots.values_mut().for_each(|snapshot| snapshot.kms_key = Some(own.clone()));
    }
    let begun = |action: &str| bench.fake.world().calls.iter().filter(|call| call.action.starts_with(action)).count();
    let done = bench.again().await;
    let text = why(&done, HOME, None);
    assert!(text.contains("which is AWS's own") && text.contains("volume: {kms_key"), "{text}");
    assert!(text.contains("amifactory build web --force"), "{text}");
    assert!(done.rows[1..].iter().all(|row| row.state == State::Waiting), "{:?}", done.rows);
    assert_eq!(
        (begun("CopyImage"), begun("ModifyImage") + begun("ModifySnapshot")),
        (0, 0),
        "nothing was copied or shared"
    );
    // Nor is the channel moved.
    bench.promote(&bench.target(), "1.0.0").await.unwrap();
    assert_eq!((bench.prod(), begun("CopyImage")), (vec!["-".to_owned(); 6], 0));
    // Where nobody may look at keys, EC2 says it.
    bench.fake.world().credentials.default_mut().denied.insert("kms:DescribeKey".into());
    let text = why(&bench.again().await, HOME, None);
    assert!(text.contains("EBS default key") && text.contains("volume: {kms_key"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_key_of_awss_own_for_copies_is_refused_before_any_is_made() {
    let mut bench = Bench::new().await;
    let region = bench.known.regions.get_mut("us-west-2").unwrap();
    region.kms_key = Some("alias/aws/ebs".into());
    let done = bench.again().await;
    let text = why(&done, "us-west-2", None);
    assert!(text.contains("alias/aws/ebs, which is AWS's own") && text.contains("{us-west-2: {kms_key: …}}"), "{text}");
    assert_eq!(done.rows.iter().filter(|row| row.state == State::Failed).count(), 1, "{:?}", done.rows);
    assert!(!bench.fake.world().calls.iter().any(|call| call.action == "CopyImage"));
    let region = bench.known.regions.get_mut("us-west-2").unwrap();
    region.kms_key = Some("alias/images".into());
    assert!(bench.again().await.is_complete());
    bench.complete("with a key of its own");
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_is_missing_is_named_and_the_rest_goes_on() {
    let bench = Bench::new().await;
    bench.fake.world().credentials.default_mut().denied.insert("ec2:ModifyImageAttribute".into());
    let text = why(&bench.again().await, "us-west-2", None);
    assert!(text.contains("not allowed: ec2:ModifyImageAttribute") && text.contains("iam-policy"), "{text}");
    bench.fake.world().credentials.default_mut().denied.clear();
    assert!(bench.again().await.is_complete());
    bench.complete("allowed");
}

#[tokio::test(start_paused = true)]
async fn elsewhere_nothing_goes_out() {
    let bench = Bench::new().await;
    let other = amifactory::target::Target::place(&bench.target(), &"us-west-2".parse().unwrap(), None).unwrap();
    let error = match Places::new(&*other, &bench.known) {
        Ok(_) => panic!("us-west-2 is not home"),
        Err(error) => error,
    };
    assert!(
        matches!(error, ReleaseError::NotHome { .. }) && error.to_string().contains("AWS_REGION=us-east-1"),
        "{error}"
    );
    let target = bench.target();
    let places = Places::new(&target, &bench.known).unwrap();
    let request = |to: &str| Request { recipe: recipe_name(), version: None, to: Some(to.into()), arch: None };
    for (to, expected) in [("dev", "reaches no other region"), ("prd", "did you mean `prod`")] {
        let error = wanted::find(&places, &rules(), &request(to)).await.err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
