//! Instance types: the few that the fake offers.

use super::super::World;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{Xml, items, node, text, text_items};
use super::filters::Filters;
use super::model::Tags;
use super::page::page;
use super::places;

/// One instance type.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    pub vcpus: u32,
    pub mebibytes: u32,
    pub architecture: &'static str,
    /// Built on Nitro; the older ones are Xen.
    pub nitro: bool,
}

const fn kind(name: &'static str, vcpus: u32, gibibytes: u32, architecture: &'static str) -> Kind {
    Kind { name, vcpus, mebibytes: gibibytes * 1024, architecture, nitro: true }
}

/// vCPUs and memory as in the EC2 instance types guide.
pub const KINDS: &[Kind] = &[
    kind("c5.large", 2, 4, "x86_64"),
    kind("c6g.large", 2, 4, "arm64"),
    kind("c6i.large", 2, 4, "x86_64"),
    kind("c7g.large", 2, 4, "arm64"),
    kind("c7i.large", 2, 4, "x86_64"),
    kind("c7i.xlarge", 4, 8, "x86_64"),
    kind("m5.large", 2, 8, "x86_64"),
    kind("m5.xlarge", 4, 16, "x86_64"),
    kind("m6a.large", 2, 8, "x86_64"),
    kind("m6g.large", 2, 8, "arm64"),
    kind("m6i.large", 2, 8, "x86_64"),
    kind("m7a.large", 2, 8, "x86_64"),
    kind("m7g.large", 2, 8, "arm64"),
    kind("m7i.large", 2, 8, "x86_64"),
    Kind { name: "t2.micro", vcpus: 1, mebibytes: 1024, architecture: "x86_64", nitro: false },
    kind("t3.large", 2, 8, "x86_64"),
    kind("t3.medium", 2, 4, "x86_64"),
    kind("t3.micro", 2, 1, "x86_64"),
    kind("t3.small", 2, 2, "x86_64"),
    kind("t3a.large", 2, 8, "x86_64"),
    kind("t3a.medium", 2, 4, "x86_64"),
    kind("t3a.small", 2, 2, "x86_64"),
    kind("t4g.large", 2, 8, "arm64"),
    kind("t4g.medium", 2, 4, "arm64"),
    kind("t4g.micro", 2, 1, "arm64"),
    kind("t4g.small", 2, 2, "arm64"),
];

pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

impl Kind {
    fn attribute(&self, name: &str) -> Vec<String> {
        let flag = |on: bool| vec![on.to_string()];
        match name {
            "instance-type" => vec![self.name.to_owned()],
            "processor-info.supported-architecture" => vec![self.architecture.to_owned()],
            "vcpu-info.default-vcpus" => vec![self.vcpus.to_string()],
            "memory-info.size-in-mib" => vec![self.mebibytes.to_string()],
            "current-generation" => flag(self.name != "t2.micro"),
            "bare-metal" => flag(false),
            "burstable-performance-supported" => flag(self.name.starts_with('t')),
            "hypervisor" => vec![if self.nitro { "nitro" } else { "xen" }.to_owned()],
            "supported-usage-class" => vec!["on-demand".to_owned(), "spot".to_owned()],
            "supported-root-device-type" => vec!["ebs".to_owned()],
            "supported-virtualization-type" => vec!["hvm".to_owned()],
            _ => Vec::new(),
        }
    }

    fn xml(&self) -> Vec<Xml> {
        vec![
            text("instanceType", self.name),
            text("currentGeneration", self.name != "t2.micro"),
            text("freeTierEligible", self.name == "t3.micro"),
            text_items("supportedUsageClasses", ["on-demand", "spot"]),
            text_items("supportedRootDeviceTypes", ["ebs"]),
            text_items("supportedVirtualizationTypes", ["hvm"]),
            text("bareMetal", false),
            text("hypervisor", if self.nitro { "nitro" } else { "xen" }),
            node("processorInfo", vec![text_items("supportedArchitectures", [self.architecture])]),
            node(
                "vCpuInfo",
                vec![
                    text("defaultVCpus", self.vcpus),
                    text("defaultCores", self.vcpus.div_ceil(2)),
                    text("defaultThreadsPerCore", if self.vcpus > 1 { 2 } else { 1 }),
                ],
            ),
            node("memoryInfo", vec![text("sizeInMiB", self.mebibytes)]),
            text("instanceStorageSupported", false),
            node(
                "ebsInfo",
                vec![
                    text("ebsOptimizedSupport", if self.nitro { "default" } else { "unsupported" }),
                    text("encryptionSupport", "supported"),
                    text("nvmeSupport", if self.nitro { "required" } else { "unsupported" }),
                ],
            ),
            node("networkInfo", vec![text("enaSupport", if self.nitro { "required" } else { "unsupported" })]),
            text("burstablePerformanceSupported", self.name.starts_with('t')),
            text("hibernationSupported", false),
            text("autoRecoverySupported", true),
            text_items(
                "supportedBootModes",
                if self.architecture == "arm64" { vec!["uefi"] } else { vec!["legacy-bios", "uefi"] },
            ),
        ]
    }
}

const FILTERS: &[&str] = &[
    "instance-type",
    "processor-info.supported-architecture",
    "vcpu-info.default-vcpus",
    "memory-info.size-in-mib",
    "current-generation",
    "bare-metal",
    "burstable-performance-supported",
    "hypervisor",
    "supported-usage-class",
    "supported-root-device-type",
    "supported-virtualization-type",
];

pub fn describe_instance_types(_world: &mut World, call: &Incoming<'_>) -> Reply {
    let filters = Filters::parse(call.params, FILTERS)?;
    let named = call.params.list("InstanceType");
    let unknown: Vec<&str> = named.iter().map(String::as_str).filter(|name| find(name).is_none()).collect();
    if !unknown.is_empty() {
        let message = format!("The following supplied instance types do not exist: [{}]", unknown.join(", "));
        return Err(Failure::bad("InvalidInstanceType", message));
    }
    let found: Vec<&Kind> = KINDS
        .iter()
        .filter(|kind| named.is_empty() || named.iter().any(|name| name == kind.name))
        .filter(|kind| filters.pass(&Tags::new(), |name| kind.attribute(name)))
        .collect();
    let page = page(found, call.params, "InstanceType", |kind| kind.name.to_owned())?;
    let mut out = vec![items("instanceTypeSet", page.items.iter().map(|kind| kind.xml()))];
    out.extend(page.next());
    Ok(Done::xml(out))
}

pub fn describe_instance_type_offerings(world: &mut World, call: &Incoming<'_>) -> Reply {
    let filters = Filters::parse(call.params, &["instance-type", "location"])?;
    let by = call.params.get("LocationType").unwrap_or("region");
    let region = &call.caller.region;
    let places: Vec<String> = match by {
        "availability-zone" => places::zones(region),
        "availability-zone-id" => places::zones(region).iter().map(|zone| places::zone_id(zone)).collect(),
        _ => vec![region.clone()],
    };
    let mut rows = Vec::new();
    for kind in KINDS {
        for place in &places {
            let missing = world
                .ec2
                .pokes
                .unsupported
                .iter()
                .any(|(name, zone)| name == kind.name && (zone == place || places::zone_id(zone) == *place));
            let pass = filters.pass(&Tags::new(), |name| match name {
                "instance-type" => vec![kind.name.to_owned()],
                _ => vec![place.clone()],
            });
            if pass && !missing {
                rows.push((kind.name, place.clone()));
            }
        }
    }
    let page = page(rows, call.params, "", |(name, place)| format!("{name} {place}"))?;
    let rows = page
        .items
        .iter()
        .map(|(name, place)| vec![text("instanceType", name), text("locationType", by), text("location", place)]);
    let mut out = vec![items("instanceTypeOfferingSet", rows)];
    out.extend(page.next());
    Ok(Done::xml(out))
}
