//! Token buckets, one per account, region and API, as the services document them.

use super::dispatch::Service;
use super::{autoscaling, cloudwatch, ebs, ec2, imagebuilder, kms, logs, quotas, s3, sns, ssm, sts};
use std::collections::BTreeMap;
use tokio::time::Instant;

/// How many calls at once, and how many more each second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// The bucket's name: calls that share a name share the bucket.
    pub bucket: &'static str,
    pub size: f64,
    pub refill: f64,
}

/// All buckets that were ever used.
#[derive(Debug, Clone, Default)]
pub struct Throttle {
    pub enforced: bool,
    /// How many calls were refused.
    pub refused: u64,
    buckets: BTreeMap<String, Bucket>,
}

#[derive(Debug, Clone)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Throttle {
    pub fn new(enforced: bool) -> Throttle {
        Throttle { enforced, ..Throttle::default() }
    }

    /// Takes a token; `false` where there is none.
    pub(super) fn admit(&mut self, place: &str, action: &str, limit: Limit, now: Instant) -> bool {
        if !self.enforced {
            return true;
        }
        let name = if limit.bucket.is_empty() { action } else { limit.bucket };
        let bucket =
            self.buckets.entry(format!("{place} {name}")).or_insert_with(|| Bucket { tokens: limit.size, filled: now });
        let passed = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * limit.refill).min(limit.size);
        bucket.filled = now;
        if bucket.tokens < 1.0 {
            self.refused += 1;
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

/// The limit of one call. `filtered`: it names ids, filters or a page size.
pub(super) fn limit(service: Service, action: &str, filtered: bool) -> Limit {
    match service {
        Service::Ec2 => ec2::limit(action, filtered),
        Service::Ssm => ssm::limit(action),
        Service::Sts => sts::limit(action),
        Service::Quotas => quotas::limit(action),
        Service::Logs => logs::limit(action),
        Service::Kms => kms::limit(action),
        Service::Ebs => ebs::limit(action),
        Service::ImageBuilder => imagebuilder::limit(action),
        Service::AutoScaling => autoscaling::limit(action),
        Service::Sns => sns::limit(action),
        Service::S3 => s3::limit(action),
        Service::CloudWatch | Service::CloudWatchJson => cloudwatch::limit(action),
    }
}
