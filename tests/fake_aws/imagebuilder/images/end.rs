//! CancelImageCreation, DeleteImage. Neither takes AMIs away.

use super::super::super::World;
use super::super::super::reply::{Done, Incoming, Reply};
use super::super::args::Args;
use super::super::arn::Kind;
use super::super::once::once;
use super::super::refusal::{depended_on, request};
use super::super::rules::IMAGE_BUILD;
use super::super::store;
use super::create::{is_parent, own};
use serde_json::json;

/// "Cancellation is asynchronous": the build goes on until it looks.
pub fn cancel(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    once(world, call, &args, |world| {
        let arn = args.required("imageBuildVersionArn", &IMAGE_BUILD)?.to_owned();
        let status = own(world, call, &arn)?.state.at(call.now).status;
        if let Some(image) = world.imagebuilder.images.get_mut(&arn) {
            if image.is_over(call.now) {
                return Err(request(format!(
                    "The image '{arn}' is {status}: its creation can't be cancelled any more."
                )));
            }
            image.cancelled = true;
            image.stop.ask();
        }
        Ok((json!({ "imageBuildVersionArn": arn }), arn))
    })
}

pub fn delete(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let arn = args.required("imageBuildVersionArn", &IMAGE_BUILD)?.to_owned();
    let image = own(world, call, &arn)?;
    if !image.is_over(call.now) {
        let status = image.state.at(call.now).status;
        return Err(request(format!("The image '{arn}' is {status}: cancel its creation before you delete it.")));
    }
    if store::all(world, call, Kind::Recipe).into_iter().any(|recipe| is_parent(image, recipe)) {
        return Err(depended_on(&arn));
    }
    world.imagebuilder.images.remove(&arn);
    Ok(Done::json(json!({ "requestId": call.request_id, "imageBuildVersionArn": arn })).made([arn]))
}
