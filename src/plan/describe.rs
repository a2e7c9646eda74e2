//! What a build of a plan will do, step by step, for people.

use super::Plan;
use crate::identity::TargetKind;
use crate::recipe::Subnet;
use crate::target::aws::imagebuilder;

/// Each step of the pipeline with what it does for this plan.
pub fn describe(plan: &Plan, target: TargetKind) -> Vec<(String, String)> {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let applied = plan.bundles.apply.steps.iter().filter(|(id, _)| id.ends_with("/apply")).count();
    let audits = plan.bundles.boot_test.steps.iter().filter(|(id, _)| id.starts_with("control/")).count();
    let asks = |id: &str| id.starts_with("test/") || id.starts_with("health/");
    let tests = plan.bundles.boot_test.steps.iter().filter(|(id, _)| asks(id)).count();
    let publish = match &plan.publish {
        Some(channel) => format!(" and channel {channel}"),
        None => ", and no channel: the recipe has no `publish:`".to_owned(),
    };
    [
        ("launch", launch(plan, target)),
        ("online", "wait until it accepts commands".to_owned()),
        (
            "apply",
            format!(
                "audit the base, install {}, apply {}",
                count(plan.groups.len(), "package group"),
                count(applied, "control")
            ),
        ),
        ("seal", "audit, list packages, remove what an image must not carry".to_owned()),
        ("gate", gate(plan)),
        ("stop", "stop the builder".to_owned()),
        ("snapshot", "make the image".to_owned()),
        ("available", "wait until it can be started".to_owned()),
        ("boot test", format!("start the image; {}, {}", count(audits, "audit"), count(tests, "test"))),
        ("publish", format!("write the version pointer{publish}")),
        ("clean up", "remove the builders".to_owned()),
    ]
    .map(|(step, what)| (step.to_owned(), what))
    .into()
}

fn launch(plan: &Plan, target: TargetKind) -> String {
    let on = format!("a builder on {}", plan.base.description);
    if target == TargetKind::Local {
        return on;
    }
    let aws = &plan.aws;
    let place = match &aws.subnet {
        None => "in the default VPC".to_owned(),
        Some(Subnet::Id(id)) => format!("in {id}"),
        Some(Subnet::Tags(tags)) => {
            let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("in a subnet with {}", tags.join(", "))
        }
    };
    let spot = if aws.spot { "spot if there is any, " } else { "" };
    let by_service = target == TargetKind::ImageBuilder;
    let spot = if by_service { "" } else { spot };
    let mut text = format!("{on}: {spot}{} {place}", aws.instance_types.of(plan.base.arch).join(" or "));
    if !aws.volumes.is_empty() {
        let volumes: Vec<String> =
            aws.volumes.iter().map(|volume| format!("{} ({} GiB)", volume.mount.as_str(), volume.size_gib)).collect();
        text.push_str(&format!("; volumes for {}", volumes.join(", ")));
    }
    if by_service {
        let fits = imagebuilder::room(plan);
        text.push_str(&fits.map_or_else(
            |error| format!("; EC2 Image Builder can't build it: {}", error.to_string().replace("\n  ", "; ")),
            |room| format!("; by EC2 Image Builder: {room}"),
        ));
    }
    text
}

fn gate(plan: &Plan) -> String {
    let score = plan.gate.minimum_score.map(|score| format!("score of at least {score}"));
    let required = (!plan.gate.required.is_empty()).then(|| format!("{} required controls", plan.gate.required.len()));
    let asked: Vec<String> = score.into_iter().chain(required).collect();
    if asked.is_empty() { "nothing is asked for".to_owned() } else { format!("ask for {}", asked.join(" and ")) }
}
