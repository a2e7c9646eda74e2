//! What happens by itself as time passes.

use super::super::agents::Disk;
use super::super::world::{Errand, World};
use super::model::{Instance, InstanceState, ShutdownBehavior};
use std::time::Duration;
use tokio::time::Instant;

/// How long a terminated instance can still be described ("for about an hour").
const REMEMBERED: Duration = Duration::from_secs(3600);

/// Everything that is due by now.
pub fn settle(world: &mut World, now: Instant) {
    let ids: Vec<String> = world.ec2.instances.keys().cloned().collect();
    for id in ids {
        let (terminate, stop) = (world.latencies.terminate, world.latencies.stop);
        let Some(instance) = world.ec2.instances.get_mut(&id) else { continue };
        reclaim(instance, now, terminate);
        dead_man(instance, now, terminate, stop);
        if instance.is(now, InstanceState::Terminated) {
            let since = instance.state.since(now);
            if !instance.buried {
                instance.buried = true;
                bury(world, &id, since);
            }
            if since + REMEMBERED <= now {
                world.ec2.instances.remove(&id);
                world.ec2.tags.remove(&id);
            }
        }
    }
    if std::mem::take(&mut world.ec2.released) {
        forget_disks(world, now);
    }
}

fn reclaim(instance: &mut Instance, now: Instant, takes: Duration) {
    if let Some(at) = instance.reclaim
        && at <= now
    {
        instance.reclaim = None;
        let code = "Server.SpotInstanceTermination";
        instance.shut_down(at, takes, (code, "Server.SpotInstanceTermination: Spot instance termination"));
    }
}

/// The instance shuts itself down; its shutdown behaviour says what that means.
fn dead_man(instance: &mut Instance, now: Instant, terminate: Duration, stop: Duration) {
    let Some(at) = instance.dead_man.filter(|at| *at <= now) else { return };
    instance.dead_man = None;
    if !instance.is(at, InstanceState::Running) {
        return;
    }
    let reason = ("Client.InstanceInitiatedShutdown", "Client.InstanceInitiatedShutdown: Instance initiated shutdown");
    match instance.shutdown {
        ShutdownBehavior::Terminate => instance.shut_down(at, terminate, reason),
        ShutdownBehavior::Stop => instance.stop(at, stop, reason),
    }
}

/// What goes with a terminated instance.
fn bury(world: &mut World, id: &str, at: Instant) {
    let Some(instance) = world.ec2.instances.get(id).cloned() else { return };
    for device in &instance.devices {
        if device.delete_on_termination {
            world.ec2.volumes.remove(&device.volume);
            world.ec2.tags.remove(&device.volume);
        } else if let Some(volume) = world.ec2.volumes.get_mut(&device.volume) {
            volume.attached = None;
            volume.state.set(at, "available");
        }
    }
    for interface in &instance.interfaces {
        let Some(found) = world.ec2.interfaces.get_mut(interface) else { continue };
        if found.delete_on_termination {
            world.ec2.interfaces.remove(interface);
            world.ec2.tags.remove(interface);
        } else {
            found.instance = None;
        }
    }
    if let Some(request) = instance.spot.as_ref().and_then(|spot| world.ec2.spot_requests.get_mut(spot)) {
        let reclaimed = instance.reason.as_ref().is_some_and(|(code, _)| code == "Server.SpotInstanceTermination");
        // A persistent request wants another instance until it is cancelled.
        (request.state, request.status) = match (request.state, request.persistent, reclaimed) {
            ("active", true, _) => ("open", "pending-evaluation".to_owned()),
            ("active", false, true) => ("closed", "instance-terminated-no-capacity".to_owned()),
            ("active", false, false) => ("closed", "instance-terminated-by-user".to_owned()),
            (state, _, _) => (state, "request-canceled-and-instance-terminated".to_owned()),
        };
    }
    world.ec2.released = true;
    world.errands.push(Errand::ForgetInstance(id.to_owned()));
}

/// Frozen disks that nothing can start from any more.
fn forget_disks(world: &mut World, now: Instant) {
    let ec2 = &mut world.ec2;
    let held = |name: &String| {
        let same = |disk: &Disk| matches!(disk, Disk::Image(held) if held == name);
        ec2.images.values().any(|image| same(&image.disk))
            || ec2.snapshots.values().any(|snapshot| snapshot.disk.as_ref().is_some_and(same))
            || ec2.volumes.values().any(|volume| volume.disk.as_ref().is_some_and(same))
            || ec2
                .instances
                .values()
                .any(|instance| !instance.is(now, InstanceState::Terminated) && same(&instance.disk))
    };
    let gone: Vec<String> = ec2.disks.iter().filter(|name| !held(name)).cloned().collect();
    for name in gone {
        ec2.disks.remove(&name);
        world.errands.push(Errand::ForgetImage(name));
    }
}
