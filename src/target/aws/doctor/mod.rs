//! What would make builds on AWS fail, found out before any money is spent: [`gather`] asks, [`facts`] are the answers,
//! the other modules judge them and ask nothing.

mod account;
mod agent;
mod bucket;
mod capacity;
mod facts;
mod gather;
pub mod key;
mod network;
mod permissions;
mod service;

use super::api::Api;
use crate::identity::Arch;
use crate::recipe::{AwsSettings, Subnet};
use crate::target::finding::{Finding, Wanted};
use capacity::Market;
use facts::{Asked, Network};
use std::collections::BTreeSet;

/// What can't be asked about without doing it: these services have no `DryRun`.
const UNASKABLE: [&str; 8] = [
    COMMANDS[0],
    COMMANDS[1],
    "ssm:PutParameter",
    "ebs:StartSnapshot",
    "ebs:PutSnapshotBlock",
    "ebs:CompleteSnapshot",
    "ebs:ListSnapshotBlocks",
    "ebs:GetSnapshotBlock",
];
/// Of these what only builders of our own need.
const COMMANDS: [&str; 2] = ["ssm:SendCommand", "ssm:GetCommandInvocation"];

/// Looks at all that builds of these recipes need. `root_device` knows the root devices of bases; `by_service` where EC2
/// Image Builder launches and ends the instances.
pub async fn examine(
    api: &Api,
    wanted: &[Wanted],
    jobs: usize,
    by_service: bool,
    root_device: &(dyn Fn(&str) -> Option<String> + Send + Sync),
) -> Vec<Finding> {
    let account = gather::account(api).await;
    let mut findings = vec![account::credentials(&account), account::clock(&account)];
    if account.identity.is_err() {
        return findings;
    }
    let region = gather::region(api).await;
    findings.push(account::region(&api.region, &region));
    if region.as_ref().is_ok_and(Option::is_none) || region.as_ref().is_err_and(|refused| !refused.denied) {
        return findings;
    }
    if by_service {
        for (_, name, some) in grouped(wanted, |one| one.aws.instance_profile.clone()) {
            findings.extend(some.first().map(|one| service::profile(&name, one)));
        }
        if let Ok(who) = &account.identity {
            let buckets: BTreeSet<&str> = wanted.iter().filter_map(|one| one.aws.component_bucket.as_deref()).collect();
            for bucket in buckets {
                findings.push(bucket::judge(bucket, &api.region, bucket::ask(api, bucket, &who.account).await));
            }
        }
    } else {
        for (_, name, some) in grouped(wanted, |one| (one.aws.expires, one.limits.time_s)) {
            findings.extend(some.first().map(|one| capacity::time(&name, &one.aws, &one.limits)));
        }
        // Where it is missing the service installs the agent itself (Image Builder user guide, "Prerequisites").
        findings.extend(wanted.iter().filter_map(agent::agent));
    }
    let kinds = gather::kinds(api, &types(wanted)).await;
    for ((subnet, groups), name, some) in grouped(wanted, |one| place(&one.aws)) {
        let network = gather::network(api, subnet.as_ref(), &groups).await;
        findings.extend(network::judge(&name, subnet.as_ref(), &api.region, &network));
        let some: Vec<Wanted> = some.into_iter().cloned().collect();
        findings.extend(offered(&some, wanted, &network, &kinds));
        if !by_service {
            findings.extend(launches(api, &some, wanted, &network, &kinds, root_device).await);
        }
    }
    findings.extend(quotas(api, wanted, &kinds, jobs, by_service).await);
    let ours = gather::ours(api).await;
    if by_service {
        findings.extend(permissions::reads(&service::reads(api, &ours).await, true));
        findings.extend(permissions::mutations(&service::mutations(api, &ours).await, true));
        findings.push(permissions::unaskable(&service::unaskable()));
        return findings;
    }
    let logs: BTreeSet<&str> = wanted.iter().filter_map(|one| one.aws.log_group.as_deref()).collect();
    for group in logs {
        findings.push(capacity::log_group(group, &gather::log_group(api, group).await));
    }
    findings.extend(permissions::reads(&gather::reads(api, &ours).await, false));
    findings.extend(permissions::mutations(&gather::mutations(api, &ours).await, false));
    findings.push(permissions::unaskable(&UNASKABLE));
    findings
}

/// What decides where builders start.
fn place(aws: &AwsSettings) -> (Option<Subnet>, Vec<String>) {
    (aws.subnet.clone(), aws.security_groups.clone())
}

/// Whether types are offered where recipes that share a network build.
fn offered(some: &[Wanted], all: &[Wanted], network: &Network, kinds: &facts::Kinds) -> Vec<Finding> {
    let subnets = network.subnets.as_deref().ok().filter(|subnets| !subnets.is_empty());
    let mut findings = Vec::new();
    let by_type = |one: &Wanted| one.arch.map(|arch| (arch, one.aws.instance_types.of(arch).to_vec()));
    for (key, name, some) in grouped_among(some, all, by_type) {
        if let (Some((arch, _)), Some(one)) = (key, some.first()) {
            findings.push(capacity::types(&name, arch, &one.aws, kinds, subnets));
        }
    }
    findings
}

/// Launches of recipes that share a network.
async fn launches(
    api: &Api,
    some: &[Wanted],
    all: &[Wanted],
    network: &Network,
    kinds: &facts::Kinds,
    root_device: &(dyn Fn(&str) -> Option<String> + Send + Sync),
) -> Vec<Finding> {
    let subnets = network.subnets.as_deref().ok().filter(|subnets| !subnets.is_empty());
    let mut findings = Vec::new();
    let by_launch = |one: &Wanted| (one.aws.clone(), one.arch, one.base.as_ref().map(gather::image_of));
    for ((aws, arch, image), name, some) in grouped_among(some, all, by_launch) {
        let (Some(one), Some(subnets)) = (some.first(), subnets) else { continue };
        let check = format!("launch{name}");
        let Some(profile) = &aws.instance_profile else {
            findings.push(Finding::fail(
                check,
                "no instance profile is set, so Systems Manager would not reach builders",
                "give `aws: {instance_profile: NAME}` in amifactory.yaml; amifactory iam-policy prints what its role needs",
            ));
            continue;
        };
        let (Some(arch), Some(image)) = (arch, image) else {
            findings.push(Finding::unknown(check, "there is no image to launch from yet"));
            continue;
        };
        let device = root_device(&image);
        let instance_type = chosen(&aws, arch, &kinds.offered, subnets.first().map(|subnet| subnet.zone.as_str()));
        let subnet = aws.subnet.as_ref().and(subnets.first()).map(|subnet| subnet.id.clone());
        let answer = gather::launch(api, one, arch, &image, device.as_deref(), profile, instance_type, subnet).await;
        findings.push(permissions::launch(&name, profile, &answer));
    }
    findings
}

/// The first type that is offered in a zone, else the first.
fn chosen(
    aws: &AwsSettings,
    arch: Arch,
    offered: &Asked<std::collections::BTreeMap<String, BTreeSet<String>>>,
    zone: Option<&str>,
) -> String {
    let types = aws.instance_types.of(arch);
    let is_offered = |name: &&String| {
        let zones = offered.as_ref().ok().and_then(|offered| offered.get(name.as_str()));
        zones.is_some_and(|zones| zone.is_none_or(|zone| zones.contains(zone)))
    };
    types.iter().find(is_offered).or(types.first()).cloned().unwrap_or_default()
}

/// All types that may be launched.
fn types(wanted: &[Wanted]) -> Vec<String> {
    let of = |one: &Wanted| one.arch.map(|arch| one.aws.instance_types.of(arch).to_vec()).unwrap_or_default();
    wanted.iter().flat_map(of).collect::<BTreeSet<_>>().into_iter().collect()
}

async fn quotas(api: &Api, wanted: &[Wanted], kinds: &facts::Kinds, jobs: usize, by_service: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Never more at once than there are recipes.
    let jobs = jobs.clamp(1, wanted.len().max(1));
    if types(wanted).is_empty() {
        return findings;
    }
    for market in [Market::OnDemand, Market::Spot] {
        // The service has no spot instances.
        if market == Market::Spot && (by_service || !wanted.iter().any(|one| one.aws.spot)) {
            continue;
        }
        let value = gather::quota(api, market.code()).await;
        findings.push(capacity::quota(market, &value, &types(wanted), kinds, jobs));
    }
    findings
}

/// Recipes that are alike in something, with their names where not all are.
fn grouped<K: PartialEq>(all: &[Wanted], key: impl Fn(&Wanted) -> K) -> Vec<(K, String, Vec<&Wanted>)> {
    grouped_among(all, all, key)
}

fn grouped_among<'w, K: PartialEq>(
    some: &'w [Wanted],
    all: &[Wanted],
    key: impl Fn(&Wanted) -> K,
) -> Vec<(K, String, Vec<&'w Wanted>)> {
    let mut groups: Vec<(K, Vec<&Wanted>)> = Vec::new();
    for one in some {
        let its = key(one);
        match groups.iter_mut().find(|(known, _)| *known == its) {
            Some((_, group)) => group.push(one),
            None => groups.push((its, vec![one])),
        }
    }
    let named = |group: &[&Wanted]| {
        let names: Vec<&str> = group.iter().map(|one| one.recipe.as_str()).collect();
        if names.len() == all.len() { String::new() } else { format!(" ({})", names.join(", ")) }
    };
    groups.into_iter().map(|(key, group)| (key, named(&group), group)).collect()
}
