//! Requests that launch instances by themselves: on the spot market, in fleets.

use super::super::api::{Api, CallError, op};
use super::{Found, PAGE};
use aws_sdk_ec2::types::{BatchState, Filter, FleetStateCode};

/// All of them. What they launch by a template is read with the templates.
pub async fn read(api: &Api, found: &mut Found) -> Result<(), CallError> {
    requests(api, found).await?;
    spot_fleets(api, found).await?;
    fleets(api, found).await
}

async fn requests(api: &Api, found: &mut Found) -> Result<(), CallError> {
    // A persistent request is open again when its instance ends.
    let live = Filter::builder().name("state").values("open").values("active").values("disabled").build();
    let mut page = None;
    loop {
        let ask = || {
            let request = api.ec2.describe_spot_instance_requests().filters(live.clone()).max_results(PAGE);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::DESCRIBE_SPOT_REQUESTS, "spot requests", ask).await?;
        for request in answer.spot_instance_requests() {
            let image = request.launch_specification().and_then(|launch| launch.image_id()).unwrap_or_default();
            let id = request.spot_instance_request_id().unwrap_or_default();
            let arn = found.place.ec2(&format!("spot-instances-request/{id}"));
            found.uses(image, "spot request", arn);
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(());
        }
    }
}

async fn spot_fleets(api: &Api, found: &mut Found) -> Result<(), CallError> {
    let mut page = None;
    loop {
        let ask = || api.ec2.describe_spot_fleet_requests().set_next_token(page.clone()).send();
        let answer = api.caller.call(op::DESCRIBE_SPOT_FLEETS, "spot fleets", ask).await?;
        for fleet in answer.spot_fleet_request_configs() {
            let over = [
                BatchState::Cancelled,
                BatchState::CancelledRunning,
                BatchState::CancelledTerminatingInstances,
                BatchState::Failed,
            ];
            if fleet.spot_fleet_request_state().is_some_and(|state| over.contains(state)) {
                continue;
            }
            let arn =
                found.place.ec2(&format!("spot-fleet-request/{}", fleet.spot_fleet_request_id().unwrap_or_default()));
            let launches = fleet.spot_fleet_request_config().map(|config| config.launch_specifications());
            for launch in launches.unwrap_or_default() {
                found.uses(launch.image_id().unwrap_or_default(), "spot fleet", arn.clone());
            }
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(());
        }
    }
}

async fn fleets(api: &Api, found: &mut Found) -> Result<(), CallError> {
    let mut page = None;
    loop {
        let ask = || api.ec2.describe_fleets().set_next_token(page.clone()).send();
        let answer = api.caller.call(op::DESCRIBE_FLEETS, "EC2 fleets", ask).await?;
        for fleet in answer.fleets() {
            let over = [
                FleetStateCode::Deleted,
                FleetStateCode::DeletedRunning,
                FleetStateCode::DeletedTerminatingInstances,
                FleetStateCode::Failed,
            ];
            if fleet.fleet_state().is_some_and(|state| over.contains(state)) {
                continue;
            }
            let arn = found.place.ec2(&format!("fleet/{}", fleet.fleet_id().unwrap_or_default()));
            for over in fleet.launch_template_configs().iter().flat_map(|config| config.overrides()) {
                found.launches(over.image_id().unwrap_or_default(), "fleet", arn.clone());
            }
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(());
        }
    }
}
