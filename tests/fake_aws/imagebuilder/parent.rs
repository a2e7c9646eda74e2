//! What a recipe builds on: an AMI, a parameter with an AMI, or an image of Image Builder's.

use super::super::World;
use super::super::ec2::Home;
use super::super::reply::Failure;
use super::arn::{Arn, Kind};
use super::refusal::{invalid, not_here};
use tokio::time::Instant;

/// Images of Amazon's own that this fake has, by the name in their ARN, with their architecture.
pub const MANAGED: [(&str, &str); 2] = [("amazon-linux-2023-x86", "x86_64"), ("amazon-linux-2023-arm64", "arm64")];

/// The AMI that a parent image means at that moment.
pub fn resolve(world: &mut World, home: &Home, parent: &str, now: Instant) -> Result<String, Failure> {
    let id = if let Some(parameter) = parent.strip_prefix("ssm:") {
        in_parameter(world, home, parameter)?
    } else if parent.starts_with("arn:") {
        of_image(world, home, parent, now)?
    } else {
        parent.to_owned()
    };
    if !id.starts_with("ami-") {
        return Err(not_here("parentImage", "products of AWS Marketplace"));
    }
    match world.ec2.image_usable(&id, home, now) {
        true => Ok(id),
        false => {
            Err(invalid("parentImage", format!("The AMI with the ID '{id}' does not exist, or you can't use it.")))
        }
    }
}

/// The value of `ssm:name`, or of `ssm:arn:aws:ssm:region:account:parameter/name`.
fn in_parameter(world: &mut World, home: &Home, named: &str) -> Result<String, Failure> {
    let name = match named.split_once(":parameter/") {
        Some((_, path)) => format!("/{path}"),
        None => named.to_owned(),
    };
    let value = super::super::ssm::value(world, home, &name);
    value.ok_or_else(|| invalid("parentImage", format!("The SSM parameter '{named}' does not exist.")))
}

fn of_image(world: &World, home: &Home, text: &str, now: Instant) -> Result<String, Failure> {
    let missing = || invalid("parentImage", format!("The image '{text}' does not exist, or is not available."));
    let arn =
        Arn::parse(text).filter(|arn| arn.kind == Kind::Image && arn.region == home.region).ok_or_else(missing)?;
    if !arn.version.is_some_and(|pattern| pattern.is_in_order()) {
        return Err(missing());
    }
    if arn.account == "aws" {
        let managed = MANAGED.iter().find(|(name, _)| *name == arn.name).ok_or_else(missing)?;
        // Of these there is the newest alone, so it must be asked for as such.
        let newest = arn.version.is_some_and(|pattern| pattern.0[0].is_none());
        return world.ec2.latest_al2023(&home.region, managed.1).filter(|_| newest).ok_or_else(missing);
    }
    let image = super::images::newest(world, home, text, now).map_err(|_| missing())?;
    image.amis.iter().find(|ami| ami.region == home.region).map(|ami| ami.id.clone()).ok_or_else(missing)
}
