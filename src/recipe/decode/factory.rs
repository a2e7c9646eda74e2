//! `amifactory.yaml`.

use super::super::{AwsSettings, ChannelRule, Retention, tables};
use crate::identity::TargetKind;
use crate::source::{Diagnostics, Node};

/// What the factory file says.
pub(in crate::recipe) struct FactoryFile {
    pub default_target: TargetKind,
    pub channels: Vec<ChannelRule>,
    pub aws: AwsSettings,
    pub retention: Option<Retention>,
}

/// Reads the factory file.
pub(in crate::recipe) fn factory(node: &Node, diagnostics: &mut Diagnostics) -> Option<FactoryFile> {
    let mut reader = tables::FACTORY.read(node, diagnostics)?;
    let target = super::maybe(&mut reader, "default_target", diagnostics, |node, diagnostics| {
        let words: Vec<&str> = TargetKind::ALL.iter().map(|kind| kind.as_str()).collect();
        node.one_of("target", &words, diagnostics)?.parse().ok()
    });
    let channels = reader.take("channels").and_then(|node| super::channels::channels(node, diagnostics));
    let aws = super::maybe(&mut reader, "aws", diagnostics, |node, diagnostics| {
        super::aws::settings(node, &AwsSettings::default(), diagnostics)
    });
    let retention =
        super::maybe(&mut reader, "retention", diagnostics, |node, d| super::retention::retention(node, None, d));
    reader.finish();
    Some(FactoryFile {
        default_target: target?.unwrap_or(TargetKind::Local),
        channels: channels?,
        aws: aws?.unwrap_or_default(),
        retention: retention?,
    })
}
