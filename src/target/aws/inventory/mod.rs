//! What runs and what would be launched in an account and region. It is read a page at a time, and nothing of a page is
//! kept here.
//!
//! | module | reads |
//! |---|---|
//! | this | instances, stopped ones too |
//! | [`templates`] | launch templates: the default and the latest version of each, and those that groups name |
//! | [`groups`] | Auto Scaling groups: launch configurations, mixed instances with their overrides, warm pools |
//! | [`resolve`] | parameters that templates name their images by |
//! | [`strangers`] | images that are not ours |

pub(super) mod groups;
mod resolve;
mod strangers;
pub(super) mod templates;

use super::api::{Api, CallError, op};
use super::target::AwsTarget;
use crate::pipeline::tags as keys;
use crate::target::{GROUPS, Inventory, Kind, Sighting, Stranger, TargetError, Unread};
use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, Instance, InstanceStateName};
use groups::Groups;
use std::collections::BTreeMap;
use templates::Templates;
use time::OffsetDateTime;

/// Instances per page (EC2 API reference, `DescribeInstances`: 5 to 1000).
const PAGES: std::ops::RangeInclusive<usize> = 5..=1000;
/// What is neither terminated nor on its way there.
const ALIVE: [&str; 4] = ["pending", "running", "stopping", "stopped"];
/// The tag that Auto Scaling gives to its instances; nobody else can give tags that begin with `aws:`.
const GROUP: &str = "aws:autoscaling:groupName";

/// In seconds: a builder ends itself within a day (`aws: {expires}` is 24 hours at most), and an hour more. What lives longer
/// is none, whatever its tags say, or was forgotten.
const LONGEST_BUILDER: i64 = 25 * 3600;

/// Told of each thing as it is seen.
type See<'a> = &'a mut (dyn FnMut(Sighting) + Send);

#[async_trait]
impl Inventory for AwsTarget {
    async fn sightings(&self, page: usize, see: &mut (dyn FnMut(Sighting) + Send)) -> Result<Vec<Unread>, TargetError> {
        let api = self.api();
        let mut unread = Vec::new();
        let (templates, groups) = tokio::join!(templates::read(api), groups::read(api));
        let mut templates =
            or_unread(&mut unread, "launch templates", templates)?.unwrap_or_else(Templates::unreadable);
        let groups = or_unread(&mut unread, GROUPS, groups)?;
        if let Some(groups) = &groups {
            let pinned = templates.add_pinned(api, groups.pinned(&templates)).await;
            or_unread(&mut unread, "versions of launch templates that groups name", pinned)?;
        }
        let resolved = resolve::all(api, templates.parameters()).await?;
        templates.sightings(&resolved, see);
        let groups = groups.unwrap_or_default();
        groups.sightings(&templates, &resolved, see);
        let read = instances(api, page, (&groups, self.is_home_account(), api.clock.now()), see).await;
        or_unread(&mut unread, "instances", read)?;
        unread.extend(groups.unread.iter().cloned());
        Ok(unread)
    }

    async fn strangers(&self, images: &[String]) -> Result<BTreeMap<String, Stranger>, TargetError> {
        Ok(strangers::find(self.api(), images).await?)
    }
}

/// What could not be read is told. Only credentials that are not accepted end the whole: then nothing can be read.
fn or_unread<T>(unread: &mut Vec<Unread>, what: &str, read: Result<T, CallError>) -> Result<Option<T>, TargetError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.is_credentials() => Err(error.into()),
        Err(error) => {
            let why = TargetError::from(error).to_string();
            unread.push(Unread { what: what.to_owned(), why, service: None });
            Ok(None)
        }
    }
}

async fn instances(
    api: &Api,
    size: usize,
    (groups, home, now): (&Groups, bool, OffsetDateTime),
    see: See<'_>,
) -> Result<(), CallError> {
    let size = i32::try_from(size.clamp(*PAGES.start(), *PAGES.end())).unwrap_or(i32::MAX);
    let alive = ALIVE.map(str::to_owned).to_vec();
    let alive = Filter::builder().name("instance-state-name").set_values(Some(alive)).build();
    let mut page = None;
    loop {
        let ask = || {
            let request = api.ec2.describe_instances().filters(alive.clone()).max_results(size);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::DESCRIBE_INSTANCES, "instances", ask).await?;
        for instance in answer.reservations().iter().flat_map(|reservation| reservation.instances()) {
            see(sighting(instance, groups, (home, now)));
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(());
        }
    }
}

fn sighting(instance: &Instance, groups: &Groups, (home, now): (bool, OffsetDateTime)) -> Sighting {
    let tag = |key: &str| instance.tags().iter().find(|tag| tag.key() == Some(key)).and_then(|tag| tag.value());
    let id = instance.instance_id().unwrap_or_default();
    let warm = groups.warm.get(id);
    let state = instance.state().and_then(|state| state.name());
    Sighting {
        kind: if warm.is_some() { Kind::WarmInstance } else { Kind::Instance },
        id: id.to_owned(),
        name: tag("Name").unwrap_or_default().to_owned(),
        group: tag(GROUP).or(warm.map(String::as_str)).map(str::to_owned),
        image: match instance.image_id() {
            Some(image) if !image.is_empty() => Ok(image.to_owned()),
            _ => Err("EC2 does not say which image it has".to_owned()),
        },
        via: None,
        stopped: matches!(state, Some(InstanceStateName::Stopped | InstanceStateName::Stopping)),
        // Elsewhere there are none, whatever tags say.
        builder: home
            && (tag(keys::BUILD).is_some() && tag(keys::PURPOSE).is_some()
                || tag(keys::BY_SERVICE).is_some_and(|arn| arn.contains(OF_OURS)))
            && may_be_builder(tag(GROUP), instance.launch_time().map(|at| at.secs()), now.unix_timestamp()),
    }
}

/// Image Builder builds and tests on instances of its own, and says on them of which of its images they are: these are ours.
const OF_OURS: &str = ":image/amifactory-";

/// Tags alone make no builder: whoever may tag could hide behind them. None belongs to a group, and none lives for long.
fn may_be_builder(group: Option<&str>, launched: Option<i64>, now: i64) -> bool {
    group.is_none() && launched.is_some_and(|at| now - at < LONGEST_BUILDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_on_which_image_builder_builds_ours_are_builders() {
        use aws_sdk_ec2::types::Tag;
        let launched = aws_smithy_types::DateTime::from_secs(1_795_000_000);
        let now = OffsetDateTime::from_unix_timestamp(1_795_000_600).unwrap();
        let of = |arn: &str, home| {
            let tag = Tag::builder().key("Ec2ImageBuilderArn").value(arn).build();
            let instance = Instance::builder().instance_id("i-1").launch_time(launched).tags(tag).build();
            sighting(&instance, &Groups::default(), (home, now)).builder
        };
        let ours = "arn:aws:imagebuilder:eu-west-1:123456789012:image/amifactory-web-0123456789abcdef/1.0.0/1";
        assert!(of(ours, true) && !of(ours, false));
        assert!(!of("arn:aws:imagebuilder:eu-west-1:123456789012:image/another/1.0.0/1", true));
    }

    #[test]
    fn what_lives_too_long_or_belongs_to_a_group_is_no_builder() {
        let now = 1_795_000_000;
        assert!(may_be_builder(None, Some(now - 24 * 3600), now));
        assert!(!may_be_builder(None, Some(now - LONGEST_BUILDER), now), "it ends itself within a day");
        assert!(!may_be_builder(Some("web"), Some(now - 60), now));
        assert!(!may_be_builder(None, None, now));
    }
}
