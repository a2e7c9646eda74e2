//! `amifactory.yaml`.

use super::super::{AwsSettings, ChannelRule, Distribution, FleetPolicy, Retention, RolloutPolicy, Schedule, tables};
use super::fleet;
use crate::identity::TargetKind;
use crate::source::{Diagnostics, Node};
use std::collections::BTreeSet;

/// What the factory file says.
pub(in crate::recipe) struct FactoryFile {
    pub default_target: TargetKind,
    pub channels: Vec<ChannelRule>,
    pub aws: AwsSettings,
    pub distribution: Option<Distribution>,
    pub retention: Option<Retention>,
    pub schedule: Option<Schedule>,
    pub fleet: FleetPolicy,
    pub rollout: RolloutPolicy,
}

/// Reads the factory file. `recipes`: those that have a file.
pub(in crate::recipe) fn factory(
    node: &Node,
    recipes: &BTreeSet<String>,
    diagnostics: &mut Diagnostics,
) -> Option<FactoryFile> {
    let mut reader = tables::FACTORY.read(node, diagnostics)?;
    let target = super::maybe(&mut reader, "default_target", diagnostics, |node, diagnostics| {
        let words: Vec<&str> = TargetKind::ALL.iter().map(|kind| kind.as_str()).collect();
        node.one_of("target", &words, diagnostics)?.parse().ok()
    });
    let distribution = super::maybe(&mut reader, "distribution", diagnostics, super::distribution::distribution);
    let channels = reader.take("channels").and_then(|node| {
        // Where it can't be read, what channels reach of it can't be checked.
        super::channels::channels(node, distribution.as_ref().map(Option::as_ref), diagnostics)
    });
    let aws = super::maybe(&mut reader, "aws", diagnostics, |node, diagnostics| {
        super::aws::settings(node, &AwsSettings::default(), diagnostics)
    });
    let retention =
        super::maybe(&mut reader, "retention", diagnostics, |node, d| super::retention::retention(node, None, d));
    let schedule =
        super::maybe(&mut reader, "schedule", diagnostics, |node, d| super::schedule::schedule(node, None, d));
    let names = fleet::Known { channels: channels.as_deref(), recipes };
    let fleet = super::maybe(&mut reader, "fleet", diagnostics, |node, d| fleet::fleet(node, &names, d));
    let rollout =
        super::maybe(&mut reader, "rollout", diagnostics, |node, d| super::rollout::rollout(node, recipes, d));
    reader.finish();
    Some(FactoryFile {
        default_target: target?.unwrap_or(TargetKind::Local),
        channels: channels?,
        aws: aws?.unwrap_or_default(),
        distribution: distribution?,
        retention: retention?,
        schedule: schedule?,
        fleet: fleet?.unwrap_or_default(),
        rollout: rollout?.unwrap_or_default(),
    })
}
