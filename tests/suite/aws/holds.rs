//! What EC2 itself tells of an image keeps it: recipes of EC2 Image Builder, fast launch, locks and fast restores of its
//! snapshots. So do those who protect it.

use super::retire::Bench;
use crate::fake_aws::ec2::model::Protection;

impl Bench {
    /// Snapshots of an image's build: the root's, and that of its evidence.
    fn snapshots_of(&self, image: &str) -> Vec<String> {
        self.snapshots(&self.build(image))
    }

    async fn protected(&self, why: &str, by: &str) {
        let reasons = self.reasons().await;
        assert_eq!(reasons.len(), 1, "{by}: {reasons:?}");
        assert_eq!((reasons[0].kind, reasons[0].why.as_str()), ("protected", why));
        assert_eq!(reasons[0].by.as_deref(), Some(by));
    }
}

#[tokio::test(start_paused = true)]
async fn a_recipe_of_image_builder_that_builds_on_an_image_keeps_it() {
    let bench = Bench::new().await;
    let account = bench.home().account;
    for (kind, resource) in
        [("imagebuilder:ImageRecipe", "image-recipe"), ("imagebuilder:ContainerRecipe", "container-recipe")]
    {
        let arn = format!("arn:aws:imagebuilder:us-east-1:{account}:{resource}/web/1.0.0");
        let image = bench.image();
        bench.fake.world().ec2.holds.references.insert(image.clone(), vec![(kind, arn.clone())]);
        bench.held("a recipe of EC2 Image Builder uses it", &arn).await;
        bench.fake.world().ec2.holds.references.clear();
        bench.free().await;
    }
}

#[tokio::test(start_paused = true)]
async fn fast_launch_keeps_its_image() {
    let bench = Bench::new().await;
    let image = bench.image();
    bench.fake.world().ec2.holds.fast_launch.insert(image.clone(), "enabled");
    bench.held("a fast launch configuration uses it", &format!("arn:aws:ec2:us-east-1::image/{image}")).await;
}

#[tokio::test(start_paused = true)]
async fn a_locked_snapshot_keeps_its_image_before_its_first_step_until_the_lock_is_over() {
    let bench = Bench::new().await;
    let snapshots = bench.snapshots_of(&bench.image());
    assert!(snapshots.len() >= 2, "the root's, and that of the evidence: {snapshots:?}");
    for snapshot in snapshots {
        let arn = format!("arn:aws:ec2:us-east-1::snapshot/{snapshot}");
        for state in ["governance", "compliance", "compliance-cooloff", "something-new"] {
            bench.fake.world().ec2.holds.locks.insert(snapshot.clone(), state);
            bench.protected("it is held by a snapshot lock", &arn).await;
        }
        bench.fake.world().ec2.holds.locks.insert(snapshot.clone(), "expired");
        bench.free().await;
    }
}

#[tokio::test(start_paused = true)]
async fn fast_snapshot_restores_keep_the_image() {
    let bench = Bench::new().await;
    let snapshot = bench.snapshots_of(&bench.image()).remove(0);
    for state in ["enabling", "optimizing", "enabled", "disabling"] {
        bench.fake.world().ec2.holds.fast_restores.insert(snapshot.clone(), state);
        let arn = format!("arn:aws:ec2:us-east-1::snapshot/{snapshot}");
        bench.protected("it is held by fast snapshot restores", &arn).await;
    }
    bench.fake.world().ec2.holds.fast_restores.insert(snapshot, "disabled");
    bench.free().await;
}

#[tokio::test(start_paused = true)]
async fn deregistration_protection_and_aws_backup_keep_the_image() {
    let bench = Bench::new().await;
    let image = bench.image();
    let protect = |protection| bench.fake.world().ec2.images.get_mut(&image).unwrap().protection = protection;
    protect(Protection::On { cooldown: false });
    bench.protected("it is held by deregistration protection", &image).await;
    protect(Protection::Off);
    bench.free().await;
    {
        let mut world = bench.fake.world();
        let now = world.clock.now();
        let mut own = world.ec2.tags_at(&image, now);
        own.insert("aws:backup:source-resource".into(), "i-1".into());
        world.ec2.tags.insert(image.clone(), crate::fake_aws::ec2::Timeline::new(now, own));
    }
    bench.protected("it is held by AWS Backup", &image).await;
}
