//! Retention: how long images are kept that nothing uses.

use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// `retention:` An image goes only where nothing uses it and none of these keeps it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Retention {
    /// `keep:` so many of the newest versions of a recipe stay.
    pub keep: Option<usize>,
    /// `maximum_age:` what is younger stays.
    pub maximum_age: Option<Duration>,
    /// `keep_per_channel:` the last so many images that each channel has named stay. Two are what it names and what
    /// rollback goes back to, so that fewer can't be said.
    pub keep_per_channel: usize,
    /// `not_used_here:` services that nobody uses in this account, by the word of whoever wrote it: they can't be read.
    pub not_used_here: BTreeSet<OtherService>,
    /// `not_used_by:` accounts, and ARNs of organizations and their units, in which nobody uses the images that they are
    /// shared with, by the same word.
    pub not_used_by: BTreeSet<String>,
    /// `soak:` how long an image stays deprecated before it is disabled, and disabled before it is removed.
    pub soak: Duration,
    /// `snapshot_price:` US dollars for a GiB of a snapshot and a month.
    pub snapshot_price: f64,
}

/// Services that can launch from an image, and that are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OtherService {
    /// AWS Batch.
    Batch,
    /// AWS CodeBuild.
    Codebuild,
    /// Amazon EKS.
    Eks,
    /// AWS Elastic Beanstalk.
    ElasticBeanstalk,
    /// Amazon EMR.
    Emr,
}

impl OtherService {
    /// All of them.
    pub const ALL: [OtherService; 5] = [
        OtherService::Batch,
        OtherService::Codebuild,
        OtherService::Eks,
        OtherService::ElasticBeanstalk,
        OtherService::Emr,
    ];
    /// As they are written.
    pub const WORDS: [&'static str; 5] = ["batch", "codebuild", "eks", "elastic-beanstalk", "emr"];

    /// Those that were not read once, and are now: nobody has to say that they are not used.
    pub const READ: [&'static str; 2] = ["autoscaling", "image-builder"];

    /// Its name, for people.
    pub const fn title(self) -> &'static str {
        match self {
            OtherService::Batch => "AWS Batch",
            OtherService::Codebuild => "AWS CodeBuild",
            OtherService::Eks => "Amazon EKS",
            OtherService::ElasticBeanstalk => "Elastic Beanstalk",
            OtherService::Emr => "Amazon EMR",
        }
    }
}

impl std::fmt::Display for OtherService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = OtherService::ALL.iter().zip(OtherService::WORDS).find(|(service, _)| *service == self);
        f.write_str(word.map_or("", |(_, word)| word))
    }
}

impl Retention {
    /// What is kept per channel where nothing is said, and the least that can be.
    pub const LEAST_PER_CHANNEL: usize = 2;
    /// How long each step on the way out lasts where nothing is said.
    pub const SOAK: Duration = Duration::from_secs(7 * 86_400);
    /// US dollars for a GiB of a standard snapshot and a month, in us-east-1 (Amazon EBS pricing, "EBS Snapshots").
    pub const SNAPSHOT_PRICE: f64 = 0.05;
}
