//! What becomes of an instance with time.

use super::{Client, client, pass, seconds, settings, slow};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

async fn stop(ec2: &Client, id: &str) {
    ec2.ok("StopInstances", &[("InstanceId.1", id)]).await;
}

#[tokio::test(start_paused = true)]
async fn states_take_their_time() {
    let ec2 = client(slow());
    let id = ec2.run(&[]).await;
    assert_eq!(ec2.state(&id).await, "pending");
    assert_eq!(ec2.code("StopInstances", &[("InstanceId.1", &id)]).await, "IncorrectInstanceState");
    pass(12).await;
    assert_eq!(ec2.state(&id).await, "running");
    stop(&ec2, &id).await;
    assert_eq!(ec2.state(&id).await, "stopping");
    assert_eq!(ec2.code("StartInstances", &[("InstanceId.1", &id)]).await, "IncorrectInstanceState");
    pass(20).await;
    assert_eq!(ec2.state(&id).await, "stopped");
    ec2.ok("StartInstances", &[("InstanceId.1", &id)]).await;
    assert_eq!(ec2.state(&id).await, "pending");
    pass(12).await;
    ec2.ok("TerminateInstances", &[("InstanceId.1", &id)]).await;
    assert_eq!(ec2.state(&id).await, "shutting-down");
    pass(15).await;
    assert_eq!(ec2.state(&id).await, "terminated");
    ec2.ok("TerminateInstances", &[("InstanceId.1", &id)]).await;
    pass(3600).await;
    assert_eq!(ec2.code("DescribeInstances", &[("InstanceId.1", &id)]).await, "InvalidInstanceID.NotFound");
}

#[tokio::test(start_paused = true)]
async fn volumes_and_interfaces_go_with_their_instance() {
    let ec2 = client(slow());
    let id = ec2.run(&[]).await;
    pass(12).await;
    ec2.ok("TerminateInstances", &[("InstanceId.1", &id)]).await;
    assert_eq!(ec2.ok("DescribeVolumes", &[]).await.all("volumeId").len(), 2, "the volume and its attachment");
    pass(15).await;
    assert!(ec2.ok("DescribeVolumes", &[]).await.all("volumeId").is_empty());
    assert!(ec2.ok("DescribeNetworkInterfaces", &[]).await.all("networkInterfaceId").is_empty());
}

#[tokio::test(start_paused = true)]
async fn stopping_an_instance_that_terminates_on_shutdown_is_its_end() {
    let ec2 = client(slow());
    let id = ec2.run(&[("InstanceInitiatedShutdownBehavior", "terminate")]).await;
    pass(12).await;
    stop(&ec2, &id).await;
    pass(20).await;
    assert_eq!(ec2.state(&id).await, "terminated");
}

#[tokio::test(start_paused = true)]
async fn disarmed_it_stops() {
    let ec2 = client(slow());
    let id = ec2.run(&[("InstanceInitiatedShutdownBehavior", "terminate")]).await;
    let name = "instanceInitiatedShutdownBehavior";
    let ask = [("InstanceId", id.as_str()), ("Attribute", name)];
    assert!(ec2.ok("DescribeInstanceAttribute", &ask).await.has("<value>terminate</value>"));
    let set = [("InstanceId", id.as_str()), ("InstanceInitiatedShutdownBehavior.Value", "stop")];
    ec2.ok("ModifyInstanceAttribute", &set).await;
    assert!(ec2.ok("DescribeInstanceAttribute", &ask).await.has("<value>stop</value>"));
    pass(12).await;
    stop(&ec2, &id).await;
    pass(20).await;
    assert_eq!(ec2.state(&id).await, "stopped");
}

#[tokio::test(start_paused = true)]
async fn the_dead_mans_switch_ends_what_nobody_watches() {
    for (behavior, end) in [("terminate", "terminated"), ("stop", "stopped")] {
        let ec2 = client(slow());
        let data = BASE64_STANDARD.encode("#!/bin/sh\n# amifactory-dead-man: 600\nshutdown -P +10\n");
        let id = ec2.run(&[("UserData", &data), ("InstanceInitiatedShutdownBehavior", behavior)]).await;
        pass(12 + 599).await;
        assert_eq!(ec2.state(&id).await, "running");
        pass(1 + 20).await;
        let answer = ec2.ok("DescribeInstances", &[("InstanceId.1", &id)]).await;
        assert_eq!(answer.one("name"), end);
        assert!(answer.has("Client.InstanceInitiatedShutdown"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_instance_has_no_dead_mans_switch() {
    let ec2 = client(slow());
    let data = BASE64_STANDARD.encode("# amifactory-dead-man: 60");
    let id = ec2.run(&[("UserData", &data)]).await;
    pass(12).await;
    stop(&ec2, &id).await;
    pass(200).await;
    assert_eq!(ec2.state(&id).await, "stopped");
}

#[tokio::test(start_paused = true)]
async fn protection_keeps_an_instance() {
    let ec2 = client(settings());
    let id = ec2.run(&[("DisableApiTermination", "true")]).await;
    assert_eq!(ec2.code("TerminateInstances", &[("InstanceId.1", &id)]).await, "OperationNotPermitted");
    ec2.ok("ModifyInstanceAttribute", &[("InstanceId", &id), ("DisableApiTermination.Value", "false")]).await;
    ec2.ok("TerminateInstances", &[("InstanceId.1", &id)]).await;
}

#[tokio::test(start_paused = true)]
async fn spot_is_taken_back_and_its_request_closed() {
    let ec2 = client(slow());
    let id = ec2.run(&[("InstanceMarketOptions.MarketType", "spot")]).await;
    pass(12).await;
    assert_eq!(ec2.code("StopInstances", &[("InstanceId.1", &id)]).await, "UnsupportedOperation");
    let now = ec2.fake.world().clock.now();
    ec2.fake.world().ec2.reclaim(&id, now + seconds(120));
    pass(119).await;
    assert_eq!(ec2.state(&id).await, "running");
    pass(1 + 15).await;
    let answer = ec2.ok("DescribeInstances", &[("InstanceId.1", &id)]).await;
    assert!(answer.has("terminated") && answer.has("Server.SpotInstanceTermination"));
    assert_eq!(ec2.ok("DescribeSpotInstanceRequests", &[]).await.one("state"), "closed");
}

#[tokio::test(start_paused = true)]
async fn a_persistent_request_wants_another_instance_until_it_is_cancelled() {
    let ec2 = client(settings());
    let persistent = [
        ("InstanceMarketOptions.MarketType", "spot"),
        ("InstanceMarketOptions.SpotOptions.SpotInstanceType", "persistent"),
        ("InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior", "stop"),
    ];
    let id = ec2.run(&persistent).await;
    stop(&ec2, &id).await;
    ec2.ok("TerminateInstances", &[("InstanceId.1", &id)]).await;
    let answer = ec2.ok("DescribeSpotInstanceRequests", &[]).await;
    assert_eq!(answer.one("state"), "open");
    let request = answer.one("spotInstanceRequestId");
    ec2.ok("CancelSpotInstanceRequests", &[("SpotInstanceRequestId.1", &request)]).await;
    assert_eq!(ec2.ok("DescribeSpotInstanceRequests", &[]).await.one("state"), "cancelled");
}

#[tokio::test(start_paused = true)]
async fn no_spot_capacity_leaves_on_demand() {
    let ec2 = client(settings());
    for zone in ["a", "b", "c"] {
        let here = ("m5.large".to_owned(), format!("us-east-1{zone}"));
        ec2.fake.world().ec2.pokes.no_spot_capacity.insert(here);
    }
    assert_eq!(ec2.run_code(&[("InstanceMarketOptions.MarketType", "spot")]).await, "InsufficientInstanceCapacity");
    ec2.run(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_colleague_ends_it() {
    let ec2 = client(slow());
    let id = ec2.run(&[]).await;
    pass(30).await;
    let now = ec2.fake.world().clock.now();
    ec2.fake.world().ec2.terminate_by_colleague(&id, now, seconds(15));
    pass(15).await;
    assert_eq!(ec2.state(&id).await, "terminated");
}

#[tokio::test(start_paused = true)]
async fn a_reboot_takes_the_system_down_for_a_while() {
    let ec2 = client(slow());
    let id = ec2.run(&[]).await;
    pass(12).await;
    let up = || {
        let world = ec2.fake.world();
        world.ec2.instances[&id].up_since(world.clock.now())
    };
    let first = up().unwrap();
    ec2.ok("RebootInstances", &[("InstanceId.1", &id)]).await;
    assert_eq!((up(), ec2.state(&id).await), (None, "running".to_owned()));
    pass(25).await;
    assert!(up().unwrap() > first);
}
