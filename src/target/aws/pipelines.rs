//! Pipelines, where EC2 Image Builder makes builders and images.

use super::api::op;
use super::imagebuilder::{self, Parent, Service};
use super::{AwsTarget, images, launch};
use crate::identity::ImageId;
use crate::pipeline::tags as keys;
use crate::plan::Plan;
use crate::recipe::Schedule;
use crate::target::{Draft, LaunchBase, MadeImage, Pipeline, PipelineRun, Pipelines, Tags, TargetError};
use async_trait::async_trait;
use aws_sdk_ec2::types::Filter;

impl AwsTarget {
    fn builder_service(&self) -> Result<&Service, TargetError> {
        self.service().ok_or_else(|| TargetError::Unsupported {
            what: "only EC2 Image Builder builds by itself".into(),
            help: "give --target imagebuilder".into(),
        })
    }
}

#[async_trait]
impl Pipelines for AwsTarget {
    async fn draft(&self, plan: &Plan, launch: &LaunchBase, schedule: &Schedule) -> Result<Draft, TargetError> {
        let from = self.start_of(launch).await?;
        let subnet = launch::steady_subnet(self.api(), &plan.aws).await?;
        let parent = Parent {
            image: &from.image,
            root_device: from.root_device.as_deref().unwrap_or_default(),
            other_devices: &from.other_devices,
            subnet: subnet.as_deref(),
            region: &self.api().region,
        };
        let order = imagebuilder::pipeline(plan, launch, schedule, &parent);
        let order = order.map_err(|error| TargetError::Unsupported {
            what: format!("{} can't be built by EC2 Image Builder", plan.recipe),
            help: error.to_string(),
        })?;
        Ok(Draft { recipe: plan.recipe.clone(), shape: order.shape(), order })
    }

    async fn there(&self) -> Result<Vec<Pipeline>, TargetError> {
        self.builder_service()?.pipelines(self.api()).await
    }

    async fn declare(&self, draft: &Draft, seen: Option<&Pipeline>) -> Result<(), TargetError> {
        self.builder_service()?.declare(self.api(), &draft.order, seen).await
    }

    async fn withdraw(&self, pipeline: &Pipeline) -> Result<(), TargetError> {
        self.builder_service()?.withdraw(self.api(), pipeline).await
    }

    async fn start(&self, draft: &Draft, runs: usize) -> Result<(), TargetError> {
        self.builder_service()?.start(self.api(), &draft.order, runs).await
    }

    async fn runs(&self, pipeline: &str) -> Result<Vec<PipelineRun>, TargetError> {
        self.builder_service()?.runs(self.api(), pipeline).await
    }

    async fn made(&self, image: &ImageId) -> Result<Option<MadeImage>, TargetError> {
        let filter = Filter::builder().name("image-id").values(image.as_str()).build();
        let api = self.api();
        let ask = || api.ec2.describe_images().owners("self").filters(filter.clone()).include_disabled(true).send();
        let answer = api.caller.call(op::DESCRIBE_IMAGES, image.as_str(), ask).await?;
        Ok(answer.images().first().map(|found| MadeImage {
            id: image.clone(),
            tags: super::tags::read(found.tags()),
            public: found.public() == Some(true),
            base: found.source_image_id().map(str::to_owned),
            created_at: found.creation_date().unwrap_or_default().to_owned(),
        }))
    }

    async fn take(&self, image: &ImageId, tags: &Tags) -> Result<(), TargetError> {
        images::tag_image(self.api(), self.view(), image.as_str(), tags).await?;
        // A listing by tags may not know it yet.
        let found = self.view().by_id(self.api(), image.as_str()).await?;
        let mut found = found.ok_or_else(|| TargetError::NotFound { what: format!("image {image}") })?;
        let (ours, shown) = (tags.get(keys::BUILD), found.tags.get(keys::BUILD));
        if let (Some(ours), Some(shown)) = (ours, shown)
            && ours != shown
        {
            return Err(TargetError::Conflict { what: format!("image {image} for {ours}"), found: shown.clone() });
        }
        found.tags.extend(tags.clone());
        if let Some(build) = ours {
            found.name.clone_from(build);
        }
        self.view().imaged(&found);
        Ok(())
    }
}
