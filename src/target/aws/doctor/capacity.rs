//! Judging what builders take: instance types, quotas, time.

use super::account::unseen;
use super::facts::{Asked, Kinds, SubnetFact};
use crate::identity::Arch;
use crate::recipe::{AwsSettings, Limits};
use crate::target::finding::Finding;
use std::collections::BTreeSet;

/// Whether types for an architecture are offered where builders start.
pub fn types(name: &str, arch: Arch, settings: &AwsSettings, kinds: &Kinds, subnets: Option<&[SubnetFact]>) -> Finding {
    let check = format!("instance types for {arch}{name}");
    let offered = match &kinds.offered {
        Ok(offered) => offered,
        Err(refused) => return unseen(check, refused),
    };
    let mend = "correct instance_types in the aws: section of amifactory.yaml, or the subnets";
    let here: Option<BTreeSet<&str>> = subnets.map(|subnets| subnets.iter().map(|s| s.zone.as_str()).collect());
    let usable = |name: &str| -> usize {
        let zones = offered.get(name).into_iter().flatten();
        zones.filter(|zone| here.as_ref().is_none_or(|here| here.contains(zone.as_str()))).count()
    };
    let types = settings.instance_types.of(arch);
    let (there, missing): (Vec<&String>, Vec<&String>) = types.iter().partition(|name| usable(name) > 0);
    let join = |names: &[&String]| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    if there.is_empty() {
        let only_elsewhere = types.iter().any(|name| offered.get(name).is_some_and(|zones| !zones.is_empty()));
        let place = if only_elsewhere { "in the zones of the subnets" } else { "in this region" };
        return Finding::fail(check, format!("none of {} is offered {place}", join(&missing)), mend);
    }
    let words: Vec<String> =
        there.iter().map(|name| format!("{name} in {} {}", usable(name), zones(usable(name)))).collect();
    let detail = match missing.is_empty() {
        true => words.join(", "),
        false => format!("{}; not offered here: {}", words.join(", "), join(&missing)),
    };
    Finding::pass(check, detail)
}

fn zones(count: usize) -> &'static str {
    if count == 1 { "zone" } else { "zones" }
}

/// A market and its quota for standard instances (EC2 user guide, "On-Demand Instance quotas" and "Spot Instance quotas").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Market {
    /// L-1216C47A
    OnDemand,
    /// L-34B43A08
    Spot,
}

impl Market {
    /// Its code in Service Quotas.
    pub const fn code(self) -> &'static str {
        match self {
            Market::OnDemand => "L-1216C47A",
            Market::Spot => "L-34B43A08",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Market::OnDemand => "on-demand",
            Market::Spot => "spot",
        }
    }
}

/// Whether a type counts against the quota for standard instances: A, C, D, H, I, M, R, T, Z.
fn is_standard(instance_type: &str) -> bool {
    let family = instance_type.split('.').next().unwrap_or_default();
    let letters: String = family.chars().take_while(char::is_ascii_lowercase).collect();
    // hpc, inf, dl and trn have quotas of their own, and begin with the same letters.
    matches!(letters.as_str(), "a" | "c" | "d" | "h" | "i" | "im" | "is" | "m" | "r" | "t" | "z")
}

/// Whether so many builds at once fit into a quota. At any time a build has one instance that runs: the boot test starts
/// after its builder was stopped.
pub fn quota(market: Market, value: &Asked<f64>, types: &[String], kinds: &Kinds, jobs: usize) -> Finding {
    let check = format!("{} vCPUs", market.name());
    let value = match value {
        Ok(value) => *value,
        Err(refused) => return unseen(check, refused),
    };
    let vcpus = match &kinds.vcpus {
        Ok(vcpus) => vcpus,
        Err(refused) => return unseen(check, refused),
    };
    let sizes = types.iter().filter(|name| is_standard(name)).filter_map(|name| vcpus.get(name.as_str()));
    let Some(largest) = sizes.max() else {
        return Finding::unknown(check, "the quota of these instance types is another one than that of standard ones");
    };
    let builds = if jobs == 1 { "one build".to_owned() } else { format!("{jobs} builds at once") };
    let needed = f64::from(*largest) * f64::from(u32::try_from(jobs).unwrap_or(u32::MAX));
    if value < needed {
        let mend = format!(
            "run fewer at once (--jobs), give smaller instance_types, or ask for more: aws service-quotas \
             request-service-quota-increase --service-code ec2 --quota-code {} --desired-value {needed}",
            market.code()
        );
        return Finding::fail(check, format!("{builds} may take {needed}, and the quota is {value}"), mend);
    }
    Finding::pass(check, format!("{builds} may take {needed} of {value}; what else runs in the account takes its part"))
}

/// Whether a builder ends itself before its build can be done.
pub fn time(name: &str, settings: &AwsSettings, limits: &Limits) -> Finding {
    let check = format!("time{name}");
    let (expires, limit) = (settings.expires.as_secs(), limits.time_s);
    let minutes = |seconds: u64| format!("{} min", seconds / 60);
    let mend = "make `aws: {expires: …}` longer, or `limits: {time: …}` shorter";
    if expires <= limit {
        let detail = format!(
            "a bundle may take {} and the builder ends itself after {}: in the middle of it",
            minutes(limit),
            minutes(expires)
        );
        return Finding::fail(check, detail, mend);
    }
    // Applying and sealing are two bundles, and before them the agent comes online.
    let longest = 2 * limit + crate::pipeline::wait::ONLINE.as_secs();
    if expires < longest {
        let detail =
            format!("a builder may work for {} at most and ends itself after {}", minutes(longest), minutes(expires));
        return Finding::warn(check, detail, mend);
    }
    Finding::pass(
        check,
        format!("builders end themselves after {}, and work for {} at most", minutes(expires), minutes(longest)),
    )
}

/// Whether the log group is there. Without it the build goes on, and nobody sees how.
pub fn log_group(group: &str, found: &Asked<bool>) -> Finding {
    let check = format!("log group {group}");
    match found {
        Ok(true) => Finding::pass(check, "it is there"),
        Ok(false) => Finding::warn(
            check,
            "it is not there: builds run without live progress",
            format!("aws logs create-log-group --log-group-name {group}; or leave log_group out"),
        ),
        Err(refused) => unseen(check, refused),
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::Refused;
    use super::*;
    use crate::target::finding::Severity::{self, Fail, Pass, Unknown, Warn};
    use std::time::Duration;

    fn kinds(offered: &[(&str, &[&str])]) -> Kinds {
        let zones = |zones: &[&str]| zones.iter().map(|zone| (*zone).to_owned()).collect();
        Kinds {
            offered: Ok(offered.iter().map(|(name, at)| ((*name).to_owned(), zones(at))).collect()),
            vcpus: Ok([("m7i.large", 2), ("m7i.xlarge", 4), ("g5.xlarge", 4)].map(|(n, v)| (n.to_owned(), v)).into()),
        }
    }

    fn at(zone: &str) -> Vec<SubnetFact> {
        vec![SubnetFact { id: "subnet-1".into(), vpc: "vpc-1".into(), zone: zone.into(), free: 1, public: false }]
    }

    #[test]
    fn some_type_must_be_offered_where_the_subnets_are() {
        let settings = AwsSettings::default();
        let some = kinds(&[("m6i.large", &["a", "b"]), ("t3.large", &["a"])]);
        let found = types("", Arch::X86_64, &settings, &some, Some(&at("a")));
        assert_eq!(found.severity, Pass);
        assert_eq!(found.detail, "m6i.large in 1 zone, t3.large in 1 zone; not offered here: m7i.large, m5.large");
        let found = types("", Arch::X86_64, &settings, &some, Some(&at("c")));
        assert!(found.severity == Fail && found.detail.ends_with("in the zones of the subnets"), "{found:?}");
        let found = types("", Arch::Arm64, &settings, &some, None);
        assert!(found.severity == Fail && found.detail.ends_with("in this region"), "{found:?}");
    }

    #[test]
    fn quotas_hold_what_runs_at_once() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let denied = Refused {
            action: "servicequotas:GetServiceQuota",
            code: "AccessDeniedException".into(),
            message: String::new(),
            denied: true,
        };
        let cases: [(Asked<f64>, &[&str], usize, Severity); 6] = [
            (Ok(64.0), &["m7i.large"], 8, Pass),
            (Ok(1.0), &["m7i.large"], 1, Fail),
            (Ok(16.0), &["m7i.large", "m7i.xlarge"], 4, Pass),
            (Ok(16.0), &["m7i.large", "m7i.xlarge"], 5, Fail),
            (Ok(64.0), &["g5.xlarge"], 1, Unknown),
            (Err(denied), &["m7i.large"], 1, Unknown),
        ];
        for (value, types, jobs, severity) in cases {
            let found = quota(Market::OnDemand, &value, &names(types), &kinds(&[]), jobs);
            assert_eq!(found.severity, severity, "{value:?} {types:?} {jobs}: {found:?}");
        }
        for (name, standard) in
            [("m7i-flex.large", true), ("c7gn.large", true), ("hpc7g.4xlarge", false), ("inf2.xlarge", false)]
        {
            assert_eq!(is_standard(name), standard, "{name}");
        }
    }

    #[test]
    fn builders_live_as_long_as_they_work() {
        for (expires_min, time_min, severity) in
            [(360, 30, Pass), (30, 30, Fail), (20, 30, Fail), (60, 30, Warn), (75, 30, Pass)]
        {
            let settings = AwsSettings { expires: Duration::from_secs(expires_min * 60), ..AwsSettings::default() };
            let limits = Limits { time_s: time_min * 60, ..Limits::default() };
            assert_eq!(time("", &settings, &limits).severity, severity, "{expires_min} {time_min}");
        }
    }

    #[test]
    fn a_log_group_that_is_not_there_stops_nothing() {
        assert_eq!(log_group("/af", &Ok(true)).severity, Pass);
        assert_eq!(log_group("/af", &Ok(false)).severity, Warn);
    }
}
