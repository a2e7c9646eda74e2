//! Stopping and terminating builders.

use super::api::{Api, CallError, Operation, op};
use super::view::View;
use crate::identity::BuilderId;
use crate::target::TargetError;
use aws_sdk_ec2::types::AttributeValue;

/// Disarms the dead-man's switch, then stops: an instance that ends itself on shutdown would be gone with its disk.
pub async fn stop(api: &Api, view: &View, id: &str) -> Result<(), TargetError> {
    if view.is_spot(id) {
        // A one-time spot instance can't be stopped, and has no other shutdown behaviour than to end (EC2 user guide,
        // "Stop a Spot Instance"). It is sealed and nothing runs on it: making its image shuts it down for the moment
        // that counts. Its switch stays armed.
        view.settled(id);
        return Ok(());
    }
    let keep = AttributeValue::builder().value("stop").build();
    let disarm = || {
        let request = api.ec2.modify_instance_attribute().instance_id(id);
        request.instance_initiated_shutdown_behavior(keep.clone()).send()
    };
    match api.caller.call(op::MODIFY_INSTANCE, id, disarm).await {
        Ok(_) => {}
        Err(error) => return Err(gone(id, error)),
    }
    match api.caller.call(op::STOP_INSTANCES, id, || api.ec2.stop_instances().instance_ids(id).send()).await {
        Ok(_) => view.stopping(id),
        Err(error) => return Err(gone(id, error)),
    }
    Ok(())
}

/// A builder that has just answered and can't be stopped now was terminated meanwhile, by someone else.
fn gone(id: &str, error: CallError) -> TargetError {
    let is_gone = error.is("IncorrectInstanceState") || error.is("InvalidInstanceID.NotFound");
    match id.parse() {
        Ok(builder) if is_gone => TargetError::BuilderGone { builder, why: error.message },
        _ => error.into(),
    }
}

/// Terminates several in one call. Those that are gone already are left out, because one unknown id fails the call for
/// all.
pub async fn terminate(api: &Api, view: &View, builders: &[BuilderId]) -> Result<(), TargetError> {
    let ids: Vec<&str> = builders.iter().map(BuilderId::as_str).collect();
    let all = ids.join(" ");
    // One that was just launched, or that the last look has shown, may not be known everywhere: it is not gone for that.
    let seen = view.last_seen().await;
    let operation = |ids: &[&str]| {
        let is_there = ids.iter().any(|id| view.is_new(id) || seen.contains(*id));
        let eventual: &[&str] = if is_there { &["InvalidInstanceID.NotFound"] } else { &[] };
        Operation { eventual, ..op::TERMINATE_INSTANCES }
    };
    let request = || {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        api.ec2.terminate_instances().set_instance_ids(Some(ids)).send()
    };
    match api.caller.call(operation(&ids), &all, request).await {
        Ok(_) => {}
        Err(error) if error.is("InvalidInstanceID.NotFound") => {
            for id in ids.iter().filter(|_| ids.len() > 1) {
                let one = || api.ec2.terminate_instances().instance_ids(*id).send();
                match api.caller.call(operation(&[*id]), id, one).await {
                    Err(error) if !error.is("InvalidInstanceID.NotFound") => return Err(error.into()),
                    _ => {}
                }
            }
        }
        Err(error) => return Err(error.into()),
    }
    for id in ids {
        view.terminated(id);
    }
    Ok(())
}
