//! What EC2 itself says of images: recipes of EC2 Image Builder that build on them, and fast launch.

use super::super::api::{Api, CallError, op};
use super::Found;
use aws_sdk_ec2::types::{ImageReferenceResourceType, ResourceTypeRequest};

/// Images per call (EC2 API reference, `DescribeImageReferences`: at most 10).
const IMAGES: usize = 10;

/// All of them.
pub async fn read(api: &Api, found: &mut Found) -> Result<(), CallError> {
    recipes(api, found).await?;
    fast_launch(api, found).await
}

/// Instances, templates and parameters are read elsewhere, with what this call leaves out of them.
async fn recipes(api: &Api, found: &mut Found) -> Result<(), CallError> {
    let kinds =
        [ImageReferenceResourceType::ImageBuilderImageRecipe, ImageReferenceResourceType::ImageBuilderContainerRecipe];
    let kinds = kinds.map(|kind| ResourceTypeRequest::builder().resource_type(kind).build());
    let ids: Vec<String> = found.wanted.keys().cloned().collect();
    for some in ids.chunks(IMAGES) {
        let mut page = None;
        loop {
            let ask = || {
                let request = api.ec2.describe_image_references().set_image_ids(Some(some.to_vec()));
                request.set_resource_types(Some(kinds.to_vec())).set_next_token(page.clone()).send()
            };
            let answer = api.caller.call(op::DESCRIBE_REFERENCES, "recipes of EC2 Image Builder", ask).await?;
            for reference in answer.image_references() {
                let (image, arn) = (reference.image_id().unwrap_or_default(), reference.arn().unwrap_or_default());
                found.uses(image, "recipe of EC2 Image Builder", arn);
            }
            page = answer.next_token;
            if page.as_deref().is_none_or(str::is_empty) {
                break;
            }
        }
    }
    Ok(())
}

async fn fast_launch(api: &Api, found: &mut Found) -> Result<(), CallError> {
    let mut page = None;
    loop {
        let ask = || api.ec2.describe_fast_launch_images().set_next_token(page.clone()).send();
        let answer = api.caller.call(op::DESCRIBE_FAST_LAUNCH, "fast launch", ask).await?;
        for launch in answer.fast_launch_images() {
            let image = launch.image_id().unwrap_or_default();
            let arn = found.place.ec2_public(&format!("image/{image}"));
            found.uses(image, "fast launch configuration", arn);
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(());
        }
    }
}
