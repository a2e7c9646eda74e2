//! Available: the image can be started.

use super::{Build, BuildError, Observed, Step};
use crate::pipeline::wait::{self, Wait};
use async_trait::async_trait;

pub struct Available;

#[async_trait]
impl Step for Available {
    fn name(&self) -> &'static str {
        "available"
    }

    async fn observe(&self, build: &mut Build<'_>) -> Result<Observed, BuildError> {
        Ok(if build.image.as_ref().is_some_and(|image| image.available) { Observed::Done } else { Observed::Missing })
    }

    async fn act(&self, build: &mut Build<'_>) -> Result<(), BuildError> {
        let Some(id) = build.image.as_ref().map(|image| image.id.clone()) else { return Ok(()) };
        let mut wait = Wait::new(format!("waiting for image {id} to become available"), wait::AVAILABLE);
        loop {
            let target = build.target;
            let images = build.read(target.images()).await?;
            if let Some(image) = images.into_iter().find(|image| image.id == id) {
                let available = image.available;
                build.image = Some(image);
                if available {
                    return Ok(());
                }
            }
            wait.pause().await?;
        }
    }
}
