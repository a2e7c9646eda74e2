//! What keeps images in this account and region, and what they cost.

use super::api::op;
use super::shared::FRESH;
use super::tags;
use super::target::AwsTarget;
use super::uses::{self, Place, Whose};
use super::view::Ami;
use super::way_out::{self, borne_out};
use crate::identity::{ImageId, RecipeName};
use crate::pipeline::tags as keys;
use crate::target::{Image, Retirement, Rung, Shelf, Target, TargetError, Use, Uses, WayOut};
use async_trait::async_trait;
use aws_sdk_ec2::types::Filter;
use std::collections::BTreeMap;

/// Values per filter (EC2 API reference, "Filtering": 200).
const VALUES: usize = 200;
const PAGE: i32 = 500;

/// What refuses that an image is deregistered.
fn held(image: &Ami) -> Option<&'static str> {
    if image.protection.is_some() {
        return Some("deregistration protection");
    }
    // EC2 refuses to deregister what AWS Backup has made: its own console does (AWS Backup developer guide).
    image.tags.keys().any(|key| key.starts_with("aws:backup:")).then_some("AWS Backup")
}

#[async_trait]
impl Shelf for AwsTarget {
    async fn uses(&self, images: &[Image]) -> Result<Uses, TargetError> {
        let place = Place::of(&self.who().await?, &self.api().region);
        let mut uses = uses::find(self.api(), place, images, Whose::Own, self.known()).await?;
        let seen = self.view().images(self.api(), FRESH).await?;
        for image in images {
            let held = seen.iter().filter(|seen| seen.id == image.id.as_str()).filter_map(held);
            let held: Vec<Use> = held.map(|kind| Use { kind, id: image.id.to_string() }).collect();
            if !held.is_empty() {
                uses.held.entry(image.id.clone()).or_default().extend(held);
            }
        }
        Ok(uses)
    }

    async fn uses_of_shared(&self, images: &[Image]) -> Result<Uses, TargetError> {
        let place = Place::of(&self.who().await?, &self.api().region);
        uses::find(self.api(), place, images, Whose::Others, self.known()).await
    }

    /// All snapshots of each image's build, that of its evidence too. What a snapshot shares with others is not given
    /// back, so this is the most that can be.
    async fn sizes(&self, images: &[Image]) -> Result<BTreeMap<ImageId, u64>, TargetError> {
        let api = self.api();
        let builds: BTreeMap<&str, &ImageId> =
            images.iter().filter_map(|image| Some((image.tags.get(keys::BUILD)?.as_str(), &image.id))).collect();
        let names: Vec<String> = builds.keys().map(|build| (*build).to_owned()).collect();
        let mut sizes = BTreeMap::new();
        for some in names.chunks(VALUES) {
            let filter = Filter::builder().name(format!("tag:{}", keys::BUILD)).set_values(Some(some.to_vec())).build();
            let mut page = None;
            loop {
                let ask = || {
                    let request = api.ec2.describe_snapshots().owner_ids("self").filters(filter.clone());
                    request.max_results(PAGE).set_next_token(page.clone()).send()
                };
                let answer = api.caller.call(op::DESCRIBE_SNAPSHOTS, "snapshots of images", ask).await?;
                for snapshot in answer.snapshots() {
                    let found = tags::read(snapshot.tags());
                    let Some(image) = found.get(keys::BUILD).and_then(|build| builds.get(build.as_str())) else {
                        continue;
                    };
                    let whole = snapshot.full_snapshot_size_in_bytes().and_then(|size| u64::try_from(size).ok());
                    let volume = u64::try_from(snapshot.volume_size().unwrap_or_default()).unwrap_or_default() << 30;
                    *sizes.entry((*image).clone()).or_default() += whole.filter(|size| *size > 0).unwrap_or(volume);
                }
                page = answer.next_token;
                if page.as_deref().is_none_or(str::is_empty) {
                    break;
                }
            }
        }
        Ok(sizes)
    }

    async fn retirements(&self, recipe: &RecipeName) -> Result<Vec<Retirement>, TargetError> {
        let images = self.view().images(self.api(), FRESH).await?;
        let now = self.api().clock.now();
        let of = |retirement: &Retirement| images.iter().find(|image| image.id == retirement.image.as_str());
        let written = way_out::written(self.api(), recipe).await?.into_iter();
        Ok(written.map(|found| (of(&found), found)).map(|(image, found)| borne_out(found, image, now)).collect())
    }

    fn rungs(&self) -> &'static [Rung] {
        way_out::RUNGS
    }

    fn way_out(&self) -> Option<&dyn WayOut> {
        Some(self)
    }
}
