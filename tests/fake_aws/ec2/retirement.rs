//! Images out of use: deprecated, disabled, protected.

use super::super::World;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::text;
use super::errors::{invalid, missing};
use super::images::own;
use super::model::{Image, Protection};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// "Deregistration protection … with a 24-hour cooldown".
const COOLDOWN: Duration = Duration::from_secs(24 * 3600);

fn change(world: &mut World, call: &Incoming<'_>, change: impl FnOnce(&mut Image)) -> Reply {
    let id = own(world, call)?.id.clone();
    if let Some(image) = world.ec2.images.get_mut(&id) {
        change(image);
    }
    Ok(Done::xml(vec![text("return", true)]).made([id]))
}

/// "You can't specify a date in the past. The upper limit for DeprecateAt is 10 years from now." Seconds are rounded to the
/// nearest minute.
pub fn enable_image_deprecation(world: &mut World, call: &Incoming<'_>) -> Reply {
    let at = call.params.get("DeprecateAt").ok_or_else(|| missing("DeprecateAt"))?;
    let wrong = || invalid(format!("Value ({at}) for parameter DeprecateAt is invalid."));
    let wanted = OffsetDateTime::parse(at, &Rfc3339).map_err(|_| wrong())?;
    let minute = time::Duration::minutes(1);
    let rounded = OffsetDateTime::from_unix_timestamp((wanted.unix_timestamp() + 30) / 60 * 60).map_err(|_| wrong())?;
    let wall = world.clock.wall(call.now);
    if rounded + minute < wall || wanted < wall || wanted > wall + time::Duration::days(3653) {
        return Err(wrong());
    }
    let rounded = rounded.format(&Rfc3339).map_err(|_| wrong())?;
    change(world, call, |image| image.deprecated.set(call.now, Some(rounded)))
}

pub fn disable_image_deprecation(world: &mut World, call: &Incoming<'_>) -> Reply {
    change(world, call, |image| image.deprecated.set(call.now, None))
}

/// "Sets the AMI state to disabled and removes all launch permissions from the AMI."
pub fn disable_image(world: &mut World, call: &Incoming<'_>) -> Reply {
    let image = own(world, call)?;
    if !matches!(*image.state.at(call.now), "available" | "disabled") {
        let message = format!("The image ID '{}' is not available", image.id);
        return Err(Failure::bad("InvalidAMIID.Unavailable", message));
    }
    change(world, call, |image| {
        image.state.set(call.now, "disabled");
        image.public = false;
        image.shared_with.clear();
        image.shared_with_arns.clear();
    })
}

/// Nobody regains access by it.
pub fn enable_image(world: &mut World, call: &Incoming<'_>) -> Reply {
    let image = own(world, call)?;
    if !matches!(*image.state.at(call.now), "available" | "disabled") {
        let message = format!("The image ID '{}' is not available", image.id);
        return Err(Failure::bad("InvalidAMIID.Unavailable", message));
    }
    change(world, call, |image| image.state.set(call.now, "available"))
}

pub fn enable_image_deregistration_protection(world: &mut World, call: &Incoming<'_>) -> Reply {
    let cooldown = call.params.flag("WithCooldown")?.unwrap_or(false);
    change(world, call, |image| image.protection = Protection::On { cooldown })
}

pub fn disable_image_deregistration_protection(world: &mut World, call: &Incoming<'_>) -> Reply {
    change(world, call, |image| {
        image.protection = match image.protection {
            Protection::On { cooldown: true } => Protection::Ending(call.now + COOLDOWN),
            Protection::Ending(until) => Protection::Ending(until),
            _ => Protection::Off,
        }
    })
}
