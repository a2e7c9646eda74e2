//! EC2: the query protocol, version 2016-11-15.

mod catalogue;
pub mod consumers;
mod copy_image;
mod create_image;
mod errors;
mod filters;
mod groups;
pub mod holds;
mod image_attributes;
mod images;
mod instance_attributes;
mod instance_xml;
mod instances;
mod interfaces;
mod keys;
mod kinds;
mod launch;
mod mappings;
pub mod model;
mod network;
mod page;
mod places;
mod profiles;
pub mod recorded;
mod retirement;
mod room;
mod run_instances;
mod settle;
mod snapshot_attributes;
pub mod snapshots;
mod spot;
mod state;
mod tags;
pub mod template_versions;
pub mod timeline;
mod volumes;

use super::World;
use super::params::Params;
use super::reply::{Failure, Incoming, Reply};
use super::throttle::Limit;

pub use filters::matches;
pub use launch::{is_default_key, key as key_arn};
pub use model::{Home, InstanceState, ShutdownBehavior, Tags};
pub use settle::settle;
pub use state::{ImageFate, Pokes, State};
pub use timeline::Timeline;

type Operation = fn(&mut World, &Incoming<'_>) -> Reply;

fn operation(action: &str) -> Option<Operation> {
    Some(match action {
        "RunInstances" => run_instances::run_instances,
        "DescribeInstances" => instances::describe_instances,
        "DescribeInstanceStatus" => instances::describe_instance_status,
        "StopInstances" => instances::stop_instances,
        "StartInstances" => instances::start_instances,
        "RebootInstances" => instances::reboot_instances,
        "TerminateInstances" => instances::terminate_instances,
        "ModifyInstanceAttribute" => instance_attributes::modify_instance_attribute,
        "DescribeInstanceAttribute" => instance_attributes::describe_instance_attribute,
        "CreateImage" => create_image::create_image,
        "RegisterImage" => create_image::register_image,
        "CopyImage" => copy_image::copy_image,
        "DescribeImages" => images::describe_images,
        "DeregisterImage" => images::deregister_image,
        "EnableImageDeprecation" => retirement::enable_image_deprecation,
        "DisableImageDeprecation" => retirement::disable_image_deprecation,
        "DisableImage" => retirement::disable_image,
        "EnableImage" => retirement::enable_image,
        "EnableImageDeregistrationProtection" => retirement::enable_image_deregistration_protection,
        "DisableImageDeregistrationProtection" => retirement::disable_image_deregistration_protection,
        "ModifyImageAttribute" => image_attributes::modify_image_attribute,
        "DescribeImageAttribute" => image_attributes::describe_image_attribute,
        "CreateTags" => tags::create_tags,
        "DeleteTags" => tags::delete_tags,
        "DescribeTags" => tags::describe_tags,
        "DescribeSnapshots" => snapshots::describe_snapshots,
        "CreateSnapshot" => snapshots::create_snapshot,
        "DeleteSnapshot" => snapshots::delete_snapshot,
        "ModifySnapshotAttribute" => snapshot_attributes::modify_snapshot_attribute,
        "DescribeSnapshotAttribute" => snapshot_attributes::describe_snapshot_attribute,
        "DescribeVolumes" => volumes::describe_volumes,
        "CreateVolume" => volumes::create_volume,
        "DeleteVolume" => volumes::delete_volume,
        "GetEbsEncryptionByDefault" => volumes::get_ebs_encryption_by_default,
        "DescribeNetworkInterfaces" => interfaces::describe_network_interfaces,
        "DeleteNetworkInterface" => interfaces::delete_network_interface,
        "DescribeVpcs" => network::describe_vpcs,
        "DescribeSubnets" => network::describe_subnets,
        "DescribeRouteTables" => network::describe_route_tables,
        "DescribeVpcEndpoints" => network::describe_vpc_endpoints,
        "DescribeSecurityGroups" => groups::describe_security_groups,
        "CreateSecurityGroup" => groups::create_security_group,
        "AuthorizeSecurityGroupIngress" => groups::authorize_security_group_ingress,
        "DeleteSecurityGroup" => groups::delete_security_group,
        "CreateKeyPair" => keys::create_key_pair,
        "DeleteKeyPair" => keys::delete_key_pair,
        "DescribeKeyPairs" => keys::describe_key_pairs,
        "DescribeRegions" => places::describe_regions,
        "DescribeAvailabilityZones" => places::describe_availability_zones,
        "DescribeAccountAttributes" => places::describe_account_attributes,
        "DescribeInstanceTypes" => kinds::describe_instance_types,
        "DescribeInstanceTypeOfferings" => kinds::describe_instance_type_offerings,
        "DescribeIamInstanceProfileAssociations" => profiles::describe_iam_instance_profile_associations,
        "CreateLaunchTemplate" => template_versions::create_launch_template,
        "CreateLaunchTemplateVersion" => template_versions::create_launch_template_version,
        "ModifyLaunchTemplate" => template_versions::modify_launch_template,
        "DescribeLaunchTemplates" => consumers::describe_launch_templates,
        "DescribeLaunchTemplateVersions" => consumers::describe_launch_template_versions,
        "DescribeSpotFleetRequests" => consumers::describe_spot_fleet_requests,
        "DescribeFleets" => consumers::describe_fleets,
        "DescribeImageReferences" => holds::describe_image_references,
        "DescribeFastLaunchImages" => holds::describe_fast_launch_images,
        "DescribeLockedSnapshots" => holds::describe_locked_snapshots,
        "DescribeFastSnapshotRestores" => holds::describe_fast_snapshot_restores,
        "DescribeSpotInstanceRequests" => spot::describe_spot_instance_requests,
        "CancelSpotInstanceRequests" => spot::cancel_spot_instance_requests,
        _ => return None,
    })
}

pub fn handle(world: &mut World, call: &Incoming<'_>) -> Reply {
    let operation = operation(call.action).ok_or_else(|| Failure::unknown("InvalidAction", call.action))?;
    if !dry_run(call)? {
        return operation(world, call);
    }
    // Everything is checked as if it were meant, and nothing of it stays.
    let saved = (world.ec2.clone(), world.random.clone(), world.errands.clone());
    let outcome = operation(world, call);
    (world.ec2, world.random, world.errands) = saved;
    outcome?;
    Err(Failure::new(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set."))
}

fn dry_run(call: &Incoming<'_>) -> Result<bool, Failure> {
    Ok(call.params.flag("DryRun")?.unwrap_or(false))
}

/// Whether a describe call names ids, filters or a page size.
pub fn is_filtered(params: &Params) -> bool {
    params.names().any(|name| name.starts_with("Filter.") || name == "MaxResults" || name.contains("Id."))
}

/// Request token buckets, from "Request throttling for the Amazon EC2 API".
pub fn limit(action: &str, filtered: bool) -> Limit {
    let (size, refill) = match action {
        "DescribeInstances" if !filtered => (50.0, 10.0),
        "RunInstances" | "StartInstances" => (5.0, 2.0),
        "CopyImage" => (100.0, 1.0),
        "DeregisterImage" | "ModifyImageAttribute" | "DeleteSnapshot" | "TerminateInstances" => (100.0, 5.0),
        "CreateTags" | "DeleteTags" => (100.0, 10.0),
        _ if action.starts_with("Describe") || action.starts_with("Get") => (100.0, 20.0),
        _ => (50.0, 5.0),
    };
    Limit { bucket: "", size, refill }
}
