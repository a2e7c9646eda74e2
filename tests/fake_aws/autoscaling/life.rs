//! How a refresh goes on by itself: instances are replaced one by one, it waits at checkpoints and bakes, alarms and
//! instances that are never healthy end it.

use super::super::World;
use super::super::ec2::{InstanceState, Timeline};
use super::refresh::{Source, Status, source};
use super::{Group, Home, Member, Named};
use std::time::Duration;
use tokio::time::Instant;

/// Everything is due by now.
pub fn settle(world: &mut World, now: Instant) {
    let busy = |group: &Group| group.refreshes.iter().any(|refresh| !refresh.status.is_over());
    let due: Vec<(Home, String)> =
        world.autoscaling.groups.iter().filter(|(_, group)| busy(group)).map(|(key, _)| key.clone()).collect();
    for key in due {
        let Some(mut group) = world.autoscaling.groups.remove(&key) else { continue };
        while step(world, &key.0, &key.1, &mut group, now) {}
        world.autoscaling.groups.insert(key, group);
    }
}

/// The next thing that happens, if it is due.
fn step(world: &mut World, home: &Home, name: &str, group: &mut Group, now: Instant) -> bool {
    let Some(at) = group.refreshes.iter().position(|refresh| !refresh.status.is_over()) else { return false };
    let mut refresh = group.refreshes[at].clone();
    let moment = refresh.next;
    let alarm = refresh.preferences.alarms.iter().find(|alarm| world.cloudwatch.rings(home, alarm)).cloned();
    let is_watched = matches!(refresh.status, Status::InProgress | Status::Baking);
    if moment > now && !(is_watched && alarm.is_some()) {
        return false;
    }
    let moment = moment.min(now);
    let pace = world.latencies.running + world.latencies.stop;
    let end = |status| (status, Some(moment));
    match refresh.status {
        Status::InProgress | Status::Baking if alarm.is_some() => {
            let reason = format!("CloudWatch alarm {} went into ALARM.", alarm.unwrap_or_default());
            fail(&mut refresh, &reason, moment, pace);
        }
        Status::Pending => (refresh.status, refresh.next) = (Status::InProgress, moment + pace),
        Status::InProgress if refresh.left > 0 => {
            let target = refresh.desired.clone().or_else(|| refresh.before.clone());
            let target = target.map(|source| source.template().clone());
            let image = target.as_ref().and_then(|(t, version)| world.ec2.template_image(home, t, version));
            let launches = image.as_ref().is_some_and(|image| world.ec2.image_usable(image, home, moment));
            if !launches || image.is_some_and(|image| world.autoscaling.unhealthy.contains(&image)) {
                fail(&mut refresh, "Instances failed to become healthy in time.", moment, pace);
            } else {
                let before = refresh.percent();
                replace(world, home, name, group, &target, moment);
                refresh.left -= 1;
                let crosses = |point: &&u64| before < **point && **point <= refresh.percent();
                let waits = refresh.preferences.checkpoints.iter().find(crosses).is_some();
                refresh.next = moment + pace + if waits { refresh.preferences.delay } else { Duration::ZERO };
            }
        }
        Status::InProgress if !refresh.preferences.bake.is_zero() => {
            (refresh.status, refresh.next) = (Status::Baking, moment + refresh.preferences.bake);
        }
        Status::InProgress | Status::Baking => {
            (refresh.status, refresh.ended) = end(Status::Successful);
            // What waits in the warm pool was replaced with the others.
            let target = refresh.desired.clone().or_else(|| source(group)).map(|source| source.template().clone());
            group.warm_template = target.filter(|_| group.warm.is_some());
            match refresh.desired.clone() {
                Some(Source::Template(named)) => (group.template, group.mixed) = (Some(named), None),
                Some(Source::Mixed(mixed)) => (group.template, group.mixed) = (None, Some(mixed)),
                None => {}
            }
        }
        Status::Failing => (refresh.status, refresh.ended) = end(Status::Failed),
        Status::Cancelling => (refresh.status, refresh.ended) = end(Status::Cancelled),
        Status::RollbackInProgress if world.autoscaling.rollbacks_fail => {
            (refresh.status, refresh.ended) = end(Status::RollbackFailed);
        }
        Status::RollbackInProgress if refresh.left < refresh.total => {
            let target = source(group).map(|source| source.template().clone());
            replace(world, home, name, group, &target, moment);
            (refresh.left, refresh.next) = (refresh.left + 1, moment + pace);
        }
        Status::RollbackInProgress => (refresh.status, refresh.ended) = end(Status::RollbackSuccessful),
        _ => return false,
    }
    group.refreshes[at] = refresh;
    true
}

fn fail(refresh: &mut super::Refresh, reason: &str, moment: Instant, pace: Duration) {
    if refresh.preferences.auto_rollback {
        refresh.go_back(reason, moment, moment + pace);
    } else {
        (refresh.status, refresh.next, refresh.reason) = (Status::Failing, moment + pace, Some(reason.to_owned()));
    }
}

/// One that was not launched from there makes room for one that is.
fn replace(world: &mut World, home: &Home, name: &str, group: &mut Group, target: &Option<Named>, moment: Instant) {
    let Some(at) = group.members.iter().position(|member| member.template != *target) else { return };
    let old = group.members.remove(at);
    let id = world.id("i");
    group.members.push(Member { id: id.clone(), template: target.clone(), ..Member::default() });
    let image = target.as_ref().and_then(|(template, version)| world.ec2.template_image(home, template, version));
    let (Some(image), Some(instance)) = (image, world.ec2.instances.get(&old.id).cloned()) else { return };
    let mut fresh = instance;
    (fresh.id, fresh.image) = (id.clone(), image);
    (fresh.state, fresh.launched) = (Timeline::new(moment, InstanceState::Running), moment);
    (fresh.visible, fresh.token) = (moment, None);
    (fresh.devices, fresh.interfaces) = (Vec::new(), Vec::new());
    world.ec2.instances.insert(id.clone(), fresh);
    let tags = [("aws:autoscaling:groupName".to_owned(), name.to_owned())].into();
    world.ec2.tags.insert(id, Timeline::new(moment, tags));
    let takes = world.latencies.terminate;
    world.ec2.terminate_by_colleague(&old.id, moment, takes);
}
