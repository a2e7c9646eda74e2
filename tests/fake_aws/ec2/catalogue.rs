//! The public images that every account sees.

use super::super::agents::Disk;
use super::super::world::id;
use super::model::{Home, Image, Mapping};
use super::state::State;
use super::timeline::Timeline;
use time::{Duration, OffsetDateTime};
use tokio::time::Instant;

/// Amazon's, Debian's and Canonical's accounts.
const AMAZON: &str = "137112412989";
const DEBIAN: &str = "136693071363";
const CANONICAL: &str = "099720109477";

/// One public image.
struct Public {
    owner: &'static str,
    alias: Option<&'static str>,
    name: String,
    description: String,
    architecture: &'static str,
    root: &'static str,
    gibibytes: u64,
    age_days: i64,
    imds_v2: bool,
}

fn al2023(architecture: &'static str, release: &str, age_days: i64, kernel: &str, minimal: bool) -> Public {
    let flavour = if minimal { "minimal-" } else { "" };
    Public {
        owner: AMAZON,
        alias: Some("amazon"),
        name: format!("al2023-ami-{flavour}{release}-kernel-{kernel}-{architecture}"),
        description: format!("Amazon Linux 2023 AMI {release} {architecture} HVM kernel-{kernel}"),
        architecture,
        root: "/dev/xvda",
        gibibytes: if minimal { 2 } else { 8 },
        age_days,
        imds_v2: true,
    }
}

fn all() -> Vec<Public> {
    let mut all = Vec::new();
    for architecture in ["x86_64", "arm64"] {
        for (release, age) in [("2023.11.20260914.0", 66), ("2023.11.20261012.1", 38), ("2023.12.20261109.0", 10)] {
            all.push(al2023(architecture, release, age, "6.1", false));
            all.push(al2023(architecture, release, age, "6.1", true));
        }
        let deb = if architecture == "x86_64" { "amd64" } else { "arm64" };
        for (stamp, age) in [("20261002-2354", 48), ("20261106-2389", 13)] {
            all.push(Public {
                owner: DEBIAN,
                alias: None,
                name: format!("debian-12-{deb}-{stamp}"),
                description: format!("Debian 12 ({stamp})"),
                architecture,
                root: "/dev/xvda",
                gibibytes: 8,
                age_days: age,
                imds_v2: false,
            });
        }
        for (stamp, age) in [("20260918", 62), ("20261104", 15)] {
            all.push(Public {
                owner: CANONICAL,
                alias: None,
                name: format!("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{deb}-server-{stamp}"),
                description: format!("Canonical, Ubuntu, 24.04, {deb} noble image"),
                architecture,
                root: "/dev/sda1",
                gibibytes: 8,
                age_days: age,
                imds_v2: true,
            });
        }
    }
    all
}

/// The catalogue of one region. Its snapshots belong to its owners and are seen by nobody else.
pub fn publish(state: &mut State, region: &str, start: OffsetDateTime, now: Instant, random: &mut fastrand::Rng) {
    for public in all() {
        let image = Image {
            id: id(random, "ami"),
            home: Home { account: public.owner.to_owned(), region: region.to_owned() },
            owner_alias: public.alias.map(str::to_owned),
            name: public.name,
            description: public.description,
            architecture: public.architecture.to_owned(),
            created: start - Duration::days(public.age_days),
            visible: now,
            state: Timeline::new(now, "available"),
            reason: None,
            root_device: public.root.to_owned(),
            mappings: vec![Mapping {
                device: public.root.to_owned(),
                snapshot: Some(id(random, "snap")),
                size: public.gibibytes,
                kind: "gp3".to_owned(),
                iops: Some(3000),
                throughput: Some(125),
                encrypted: false,
                kms_key: None,
                delete_on_termination: true,
            }],
            public: true,
            shared_with: Default::default(),
            shared_with_arns: Default::default(),
            source_instance: None,
            source_image: None,
            imds_v2: public.imds_v2,
            boot_mode: Some(if public.architecture == "arm64" { "uefi" } else { "uefi-preferred" }.to_owned()),
            deprecated: Timeline::new(now, None),
            protection: Default::default(),
            disk: Disk::Base,
        };
        state.images.insert(image.id.clone(), image);
    }
}
