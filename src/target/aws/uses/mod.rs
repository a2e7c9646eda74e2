//! What uses images in this account and region. What can't be read is told, and then no image counts as free.
//!
//! | module | reads |
//! |---|---|
//! | this | instances, stopped ones too; copies; accounts that an image is shared with |
//! | [`templates`] | every version of every launch template |
//! | [`scaling`] | Auto Scaling groups, launch configurations, instance refreshes |
//! | [`spot`] | spot requests, spot fleets, EC2 fleets with their overrides |
//! | [`references`] | what EC2 itself says: recipes of EC2 Image Builder, fast launch |
//! | [`held`] | locks and fast restores of snapshots |
//! | [`resolved`] | the parameters that all these name images by |
//! | [`named`] | parameters: their values, and versions that have a label |

mod held;
mod named;
mod references;
mod resolved;
mod scaling;
mod spot;
mod templates;

pub use named::Known;

use super::api::{Api, CallError, op};
use super::inventory::templates::{RESOLVE, Templates};
use crate::identity::ImageId;
use crate::recipe::OtherService;
use crate::target::{Image, TargetError, Unread, Use, Uses};
use aws_sdk_ec2::types::{Filter, ImageAttributeName, InstanceStateName};
use std::collections::{BTreeMap, BTreeSet};

/// Values per filter (EC2 API reference, "Filtering": 200).
const VALUES: usize = 200;
/// Results per page of a describe.
const PAGE: i32 = 500;

/// What was found so far.
struct Found {
    wanted: BTreeMap<String, ImageId>,
    uses: BTreeMap<ImageId, BTreeSet<Use>>,
    held: BTreeMap<ImageId, BTreeSet<Use>>,
    unread: BTreeSet<Unread>,
    /// What names its image by a parameter that is still to be asked for.
    by_parameter: BTreeMap<String, BTreeSet<Use>>,
    /// `arn:aws`, the region and the account, for ARNs of what EC2 names by ids.
    place: Place,
}

/// Whose the images are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// This account's: who else may launch them is asked, and what our own channels here name is known already.
    Own,
    /// Another account's, which shares them with this one: only that one can say with whom else, and our own channels here
    /// are read like all other parameters.
    Others,
}

/// Where all this is.
pub struct Place {
    /// `aws`, `aws-cn` …
    pub partition: String,
    /// The region.
    pub region: String,
    /// The account.
    pub account: String,
}

impl Place {
    /// From the caller's ARN.
    pub fn of(caller: &str, region: &str) -> Place {
        let mut parts = caller.split(':').skip(1);
        let partition = parts.next().unwrap_or("aws").to_owned();
        let account = parts.nth(2).unwrap_or_default().to_owned();
        Place { partition, region: region.to_owned(), account }
    }

    fn ec2(&self, resource: &str) -> String {
        format!("arn:{}:ec2:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    /// Of a parameter, whose name may stand in no folder.
    fn parameter(&self, name: &str) -> String {
        let name = name.trim_start_matches('/');
        format!("arn:{}:ssm:{}:{}:parameter/{name}", self.partition, self.region, self.account)
    }

    /// Of images and snapshots, whose ARNs have no account.
    fn ec2_public(&self, resource: &str) -> String {
        format!("arn:{}:ec2:{}::{resource}", self.partition, self.region)
    }
}

impl Found {
    /// Something uses the image of this id, where it is one of those that are asked for.
    fn uses(&mut self, image: &str, kind: &'static str, id: impl Into<String>) {
        if let Some(image) = self.wanted.get(image) {
            self.uses.entry(image.clone()).or_default().insert(Use { kind, id: id.into() });
        }
    }

    /// Something launches from an image, which it names by its id or as `resolve:ssm:` and a parameter.
    fn launches(&mut self, image: &str, kind: &'static str, id: String) {
        match image.strip_prefix(RESOLVE) {
            Some(parameter) => {
                self.by_parameter.entry(parameter.to_owned()).or_default().insert(Use { kind, id });
            }
            None => self.uses(image, kind, id),
        }
    }

    fn unread(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.unread.insert(Unread { what: what.into(), why: why.into(), service: None });
    }

    /// What could not be read keeps all images. Only credentials that are not accepted end the whole: then nothing can
    /// be read.
    fn or_unread(&mut self, what: &str, read: Result<(), CallError>) -> Result<(), TargetError> {
        match read {
            Err(error) if error.is_credentials() => Err(error.into()),
            Err(error) => {
                self.unread(what, TargetError::from(error).to_string());
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// The ids that are asked for, in the portions that a filter takes.
    fn portions(&self) -> Vec<Vec<String>> {
        let ids: Vec<String> = self.wanted.keys().cloned().collect();
        ids.chunks(VALUES).map(<[String]>::to_vec).collect()
    }
}

/// Looks at everything.
pub async fn find(api: &Api, place: Place, images: &[Image], whose: Whose, known: &Known) -> Result<Uses, TargetError> {
    let wanted = images.iter().map(|image| (image.id.to_string(), image.id.clone())).collect();
    let mut found = Found {
        wanted,
        uses: BTreeMap::new(),
        held: BTreeMap::new(),
        unread: BTreeSet::new(),
        by_parameter: BTreeMap::new(),
        place,
    };
    if images.is_empty() {
        return Ok(Uses::default());
    }
    for service in OtherService::ALL {
        let why = format!(
            "amifactory does not read it yet; where this account does not use it, say so: retention: {{not_used_here: \
             [{service}]}}"
        );
        found.unread.insert(Unread { what: service.title().into(), why, service: Some(service) });
    }
    let read = instances(api, &mut found).await;
    found.or_unread("the account's instances", read)?;
    let read = copies(api, &mut found).await;
    found.or_unread("copies of images", read)?;
    let read = templates::read(api, &mut found).await;
    let (templates, read) = match read {
        Ok(templates) => (templates, Ok(())),
        Err(error) => (Templates::unreadable(), Err(error)),
    };
    found.or_unread("launch templates", read)?;
    let read = scaling::read(api, &mut found, &templates).await;
    found.or_unread("Auto Scaling", read)?;
    let read = spot::read(api, &mut found).await;
    found.or_unread("spot requests and fleets", read)?;
    let read = references::read(api, &mut found).await;
    found.or_unread("recipes of EC2 Image Builder and fast launch", read)?;
    if whose == Whose::Own {
        let read = held::read(api, &mut found, images).await;
        found.or_unread("locks and fast restores of snapshots", read)?;
    }
    let read = resolved::read(api, &mut found).await;
    found.or_unread("parameters that name images for launches", read)?;
    let read = named::read(api, &mut found, whose, known).await;
    found.or_unread("parameters", read)?;
    // A call for each image: only of those that nothing holds so far.
    // Disabling takes it from everybody.
    let asked = |image: &&Image| whose == Whose::Own && image.available && !found.uses.contains_key(&image.id);
    for image in images.iter().filter(asked).collect::<Vec<_>>() {
        let read = shared_with(api, &mut found, image.id.as_str()).await;
        found.or_unread(&format!("the launch permissions of {}", image.id), read)?;
    }
    Ok(Uses {
        uses: found.uses.into_iter().map(|(image, uses)| (image, uses.into_iter().collect())).collect(),
        held: found.held.into_iter().map(|(image, held)| (image, held.into_iter().collect())).collect(),
        unread: found.unread.into_iter().collect(),
    })
}

async fn instances(api: &Api, found: &mut Found) -> Result<(), CallError> {
    for ids in found.portions() {
        let filter = Filter::builder().name("image-id").set_values(Some(ids)).build();
        let mut page = None;
        loop {
            let ask = || {
                let request = api.ec2.describe_instances().filters(filter.clone()).max_results(PAGE);
                request.set_next_token(page.clone()).send()
            };
            let answer = api.caller.call(op::DESCRIBE_INSTANCES, "instances of images", ask).await?;
            for instance in answer.reservations().iter().flat_map(|reservation| reservation.instances()) {
                let state = instance.state().and_then(|state| state.name());
                if state != Some(&InstanceStateName::Terminated) {
                    let id = instance.instance_id().unwrap_or_default();
                    let arn = found.place.ec2(&format!("instance/{id}"));
                    found.uses(instance.image_id().unwrap_or_default(), "instance", arn);
                }
            }
            page = answer.next_token;
            if page.as_deref().is_none_or(str::is_empty) {
                break;
            }
        }
    }
    Ok(())
}

async fn copies(api: &Api, found: &mut Found) -> Result<(), CallError> {
    for ids in found.portions() {
        let filter = Filter::builder().name("source-image-id").set_values(Some(ids)).build();
        let mut page = None;
        loop {
            let ask = || {
                let request = api.ec2.describe_images().owners("self").filters(filter.clone()).max_results(PAGE);
                request.include_disabled(true).set_next_token(page.clone()).send()
            };
            let answer = api.caller.call(op::DESCRIBE_IMAGES, "copies of images", ask).await?;
            for image in answer.images() {
                let arn = found.place.ec2(&format!("image/{}", image.image_id().unwrap_or_default()));
                // CreateImage gives the image of its instance as the source too.
                let kind = if image.source_instance_id().is_some() { Use::CHILD } else { "copy" };
                found.uses(image.source_image_id().unwrap_or_default(), kind, arn);
            }
            page = answer.next_token;
            if page.as_deref().is_none_or(str::is_empty) {
                break;
            }
        }
    }
    Ok(())
}

/// What others do with an image can't be seen from here: whoever may launch it counts as using it.
async fn shared_with(api: &Api, found: &mut Found, image: &str) -> Result<(), CallError> {
    let ask =
        || api.ec2.describe_image_attribute().image_id(image).attribute(ImageAttributeName::LaunchPermission).send();
    let answer = api.caller.call(op::IMAGE_SHARES, image, ask).await?;
    for permission in answer.launch_permissions() {
        let group = permission.group().map(|group| group.as_str());
        let whom = [permission.user_id(), permission.organization_arn(), permission.organizational_unit_arn(), group];
        let whom = whom.into_iter().flatten().next().unwrap_or("someone");
        found.uses(image, Use::LAUNCH_PERMISSION, whom);
    }
    Ok(())
}

/// All ids of images in a text: a value, a list of them, a document that holds some.
fn ids_in(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("ami-").map(|(at, _)| {
        let rest = &text[at + 4..];
        let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        &text[at..at + 4 + end]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_wherever_they_stand() {
        let ids: Vec<&str> = ids_in("ami-0a,ami-0b {\"x\":\"ami-0c1\"} ami-").collect();
        assert_eq!(ids, ["ami-0a", "ami-0b", "ami-0c1", "ami-"]);
    }

    #[test]
    fn a_place_is_what_the_callers_arn_says() {
        let place = Place::of("arn:aws-cn:sts::123456789012:assumed-role/x/y", "cn-north-1");
        assert_eq!(place.ec2("instance/i-1"), "arn:aws-cn:ec2:cn-north-1:123456789012:instance/i-1");
        let parameter = "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/team/old/ami";
        assert_eq!(place.parameter("/team/old/ami"), parameter);
        assert_eq!(place.parameter("team"), "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/team");
    }
}
