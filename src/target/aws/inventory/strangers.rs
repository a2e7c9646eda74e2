//! Images that the factory's catalogue does not know: whose they are, where they still are.

use super::super::api::{Api, CallError, op};
use super::super::tags;
use crate::target::Stranger;
use aws_sdk_ec2::types::Filter;
use std::collections::BTreeMap;

/// Values per filter (EC2 API reference, "Filtering": 200).
const VALUES: usize = 200;

/// Whether it is an image's id: `ami-` and hexadecimal digits.
pub fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix("ami-").unwrap_or_default();
    (1..=17).contains(&digits.len()) && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Those that there are. Asked by a filter: an id that does not exist is no error then. Deprecated and disabled ones are
/// there as well as others.
pub async fn find(api: &Api, images: &[String]) -> Result<BTreeMap<String, Stranger>, CallError> {
    let mut found = BTreeMap::new();
    // In a filter `*` stands for anything, and anybody may write what an image is called into a template.
    let images: Vec<String> = images.iter().filter(|image| is_id(image)).cloned().collect();
    for some in images.chunks(VALUES) {
        let ids = Filter::builder().name("image-id").set_values(Some(some.to_vec())).build();
        let mut page = None;
        loop {
            let ask = || {
                let request = api.ec2.describe_images().filters(ids.clone());
                let request = request.include_deprecated(true).include_disabled(true);
                request.set_next_token(page.clone()).send()
            };
            let answer = api.caller.call(op::DESCRIBE_IMAGES, "images of others", ask).await?;
            for image in answer.images() {
                let owner = image.image_owner_alias().or(image.owner_id()).unwrap_or("someone");
                let stranger = Stranger {
                    name: image.name().unwrap_or_default().to_owned(),
                    owner: owner.to_owned(),
                    tags: tags::read(image.tags()),
                };
                found.insert(image.image_id().unwrap_or_default().to_owned(), stranger);
            }
            page = answer.next_token;
            if page.as_deref().is_none_or(str::is_empty) {
                break;
            }
        }
    }
    Ok(found)
}
