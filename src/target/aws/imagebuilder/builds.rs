//! Image builds: what the service says of them, and how they end.

use super::order::{PREFIX, VERSION};
use crate::identity::BuilderId;
use crate::pipeline::tags as keys;
use crate::target::aws::api::{Api, CallError, Operation, op};
use crate::target::aws::shared::Paged;
use crate::target::{Tags, TargetError};
use aws_sdk_imagebuilder::types::{Image, ImageStatus, ImageSummary, OutputResources};
use std::collections::HashMap;
use std::time::Duration;

/// The account's part of AWS, as ARNs have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `arn:aws:imagebuilder:eu-central-1:123456789012`
    prefix: String,
}

impl Place {
    /// The place of a caller, whose ARN says account and part of AWS.
    pub fn of(caller: &str, region: &str) -> Option<Place> {
        let mut parts = caller.split(':');
        let (partition, account) = (parts.nth(1)?, parts.nth(2)?);
        Some(Place { prefix: format!("arn:{partition}:imagebuilder:{region}:{account}") })
    }

    /// Its 12 digits.
    pub fn account(&self) -> &str {
        self.prefix.rsplit(':').next().unwrap_or_default()
    }

    /// The ARN of a resource.
    pub fn arn(&self, resource: &str) -> String {
        format!("{}:{resource}", self.prefix)
    }

    /// The ARN of an image build, from its id here.
    pub fn build(&self, id: &BuilderId) -> Option<String> {
        let (recipe, number) = id.as_str().rsplit_once("-b")?;
        Some(self.arn(&format!("image/{recipe}/{VERSION}/{number}")))
    }
}

/// The id of an image build here: its recipe's name and its number. None where it is none of ours.
pub fn id(arn: &str) -> Option<BuilderId> {
    let (recipe, number) = named(arn)?;
    format!("{recipe}-b{number}").parse().ok()
}

/// Recipe and number of an image build of ours, by its ARN.
pub fn named(arn: &str) -> Option<(&str, u32)> {
    let (_, resource) = arn.split_once(":image/")?;
    let mut parts = resource.split('/');
    let (recipe, version, number) = (parts.next()?, parts.next()?, parts.next()?.parse().ok()?);
    (recipe.starts_with(PREFIX) && version == VERSION && parts.next().is_none()).then_some((recipe, number))
}

/// Where a build is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// On its way; in the service's word.
    Underway(String),
    /// Its AMI is there, tested and tagged.
    Available,
    /// It failed or was cancelled. The service's word, and why.
    Over(String, String),
}

/// An image build of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageBuild {
    /// Its ARN.
    pub arn: String,
    /// Its id here.
    pub id: BuilderId,
    /// Where it is.
    pub stage: Stage,
    /// RFC 3339; empty where the service does not say.
    pub created_at: String,
    /// Its tags.
    pub tags: Tags,
    /// The AMIs that it has made, once it is over.
    pub amis: Vec<String>,
}

impl ImageBuild {
    /// Whether nothing happens to it any more.
    pub fn is_over(&self) -> bool {
        !matches!(self.stage, Stage::Underway(_))
    }

    /// Whether anything can be in its log: its instance is there.
    pub fn has_log(&self) -> bool {
        !matches!(&self.stage, Stage::Underway(word) if ["PENDING", "CREATING"].contains(&word.as_str()))
    }

    /// Whose build it is; none where it does not say.
    pub fn build(&self) -> Option<&str> {
        self.tags.get(keys::BUILD).map(String::as_str)
    }

    /// Its log group and stream (Image Builder user guide, "Monitor with CloudWatch Logs").
    pub fn log(&self) -> Option<(String, String)> {
        let (recipe, number) = named(&self.arn)?;
        Some((format!("/aws/imagebuilder/{recipe}"), format!("{VERSION}/{number}")))
    }
}

/// All image builds of ours.
pub async fn list(api: &Api) -> Result<Paged<Vec<ImageBuild>>, CallError> {
    let (mut found, mut page, mut pages) = (Vec::new(), None, 0);
    loop {
        pages += 1;
        let ask = || {
            let request = api.imagebuilder.list_image_build_versions().max_results(25);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::IB_LIST_BUILDS, "image builds", ask).await?;
        found.extend(answer.image_summary_list().iter().filter_map(summary));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(Paged { answer: found, pages });
        }
    }
}

/// One of them; none where it is not there. One that was just begun is waited for so long.
pub async fn get(api: &Api, arn: &str, patience: Duration) -> Result<Option<ImageBuild>, CallError> {
    let eventual: &[&str] = if patience.is_zero() { &[] } else { &["ResourceNotFoundException"] };
    let ask = || api.imagebuilder.get_image().image_build_version_arn(arn).send();
    match api.caller.call_soon(patience, Operation { eventual, ..op::IB_GET_IMAGE }, arn, ask).await {
        Ok(answer) => Ok(answer.image().and_then(|image| whole(arn, image))),
        Err(error) if error.is("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Asks a build to end. One that has ended is left as it is.
pub async fn cancel(api: &Api, arn: &str) -> Result<(), CallError> {
    let token = format!("amifactory-{:016x}", fastrand::u64(..));
    let ask = || api.imagebuilder.cancel_image_creation().image_build_version_arn(arn).client_token(&token).send();
    match api.caller.call(op::IB_CANCEL, arn, ask).await {
        Ok(_) => Ok(()),
        Err(error) if error.is("InvalidRequestException") || error.is("ResourceNotFoundException") => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes what the service knows of a build that is over. Its AMIs stay.
pub async fn delete(api: &Api, arn: &str) -> Result<(), CallError> {
    let ask = || api.imagebuilder.delete_image().image_build_version_arn(arn).send();
    gone(api.caller.call(op::IB_DELETE_IMAGE, arn, ask).await.map(drop))
}

/// Removes a build's distribution configuration.
pub async fn delete_distribution(api: &Api, arn: &str) -> Result<(), CallError> {
    let ask = || api.imagebuilder.delete_distribution_configuration().distribution_configuration_arn(arn).send();
    gone(api.caller.call(op::IB_DELETE_DISTRIBUTION, arn, ask).await.map(drop))
}

/// What is gone already is no error.
pub fn gone(outcome: Result<(), CallError>) -> Result<(), CallError> {
    match outcome {
        Err(error) if error.is("ResourceNotFoundException") => Ok(()),
        other => other,
    }
}

/// The steps of a build's workflows, in the order in which they began: workflow, step, status, message.
pub async fn steps(api: &Api, arn: &str) -> Result<Vec<WorkflowStep>, CallError> {
    let ask = || api.imagebuilder.list_workflow_executions().image_build_version_arn(arn).max_results(25).send();
    let runs = api.caller.call(op::IB_LIST_WORKFLOWS, arn, ask).await?;
    let mut found = Vec::new();
    for run in runs.workflow_executions() {
        let Some(id) = run.workflow_execution_id() else { continue };
        let ask = || api.imagebuilder.list_workflow_step_executions().workflow_execution_id(id).max_results(25).send();
        let steps = api.caller.call(op::IB_LIST_STEPS, id, ask).await?;
        found.extend(steps.steps().iter().map(|step| WorkflowStep {
            name: step.name().unwrap_or_default().to_owned(),
            status: step.status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            message: step.message().unwrap_or_default().to_owned(),
            start: step.start_time().unwrap_or_default().to_owned(),
        }));
    }
    found.sort_by(|a, b| a.start.cmp(&b.start));
    Ok(found)
}

/// A step of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowStep {
    /// `ApplyBuildComponents`
    pub name: String,
    /// `RUNNING`
    pub status: String,
    /// What the service says of it.
    pub message: String,
    /// When it began.
    start: String,
}

/// From a listing; none where it is none of ours.
pub fn summary(found: &ImageSummary) -> Option<ImageBuild> {
    let arn = found.arn()?;
    let (status, reason) = found.state().map_or((None, None), |state| (state.status(), state.reason()));
    read(arn, status, reason, found.date_created(), found.tags(), found.output_resources())
}

fn whole(arn: &str, found: &Image) -> Option<ImageBuild> {
    let (status, reason) = found.state().map_or((None, None), |state| (state.status(), state.reason()));
    read(arn, status, reason, found.date_created(), found.tags(), found.output_resources())
}

fn read(
    arn: &str,
    status: Option<&ImageStatus>,
    reason: Option<&str>,
    created: Option<&str>,
    tags: Option<&HashMap<String, String>>,
    output: Option<&OutputResources>,
) -> Option<ImageBuild> {
    let word = status.map(|status| status.as_str().to_owned()).unwrap_or_default();
    let stage = match status? {
        ImageStatus::Available | ImageStatus::Deprecated | ImageStatus::Disabled => Stage::Available,
        ImageStatus::Failed | ImageStatus::Cancelled | ImageStatus::Deleted => {
            Stage::Over(word, reason.unwrap_or("Image Builder gives no reason").to_owned())
        }
        _ => Stage::Underway(word),
    };
    let amis = output.into_iter().flat_map(|output| output.amis()).filter_map(|ami| ami.image());
    Some(ImageBuild {
        arn: arn.to_owned(),
        id: id(arn)?,
        stage,
        created_at: created.unwrap_or_default().to_owned(),
        tags: tags
            .map(|tags| tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
            .unwrap_or_default(),
        amis: amis.map(str::to_owned).collect(),
    })
}

/// Says what an id means that has no ARN.
pub fn unknown(id: &BuilderId) -> TargetError {
    TargetError::NotFound { what: format!("image build {id}") }
}
