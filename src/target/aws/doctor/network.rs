//! Judging the network: subnets, the way to Systems Manager, security groups.

use super::account::unseen;
use super::facts::{EndpointFact, Network, Routes, SubnetFact};
use crate::recipe::Subnet;
use crate::target::finding::{Finding, Severity};
use std::collections::BTreeSet;

/// What the agent talks to (Systems Manager user guide, "Create VPC endpoints"); `ec2messages` is for agents before
/// 3.3.40 and where `ssmmessages` can't be reached.
const NEEDED: [&str; 2] = ["ssm", "ssmmessages"];
const OLDER: &str = "ec2messages";

/// Everything about one network.
pub fn judge(name: &str, wanted: Option<&Subnet>, region: &str, network: &Network) -> Vec<Finding> {
    let check = format!("subnets{name}");
    let subnets = match &network.subnets {
        Ok(subnets) if !subnets.is_empty() => subnets,
        Ok(_) => return vec![missing(check, wanted, region)],
        Err(refused) if refused.code.starts_with("InvalidSubnet") => {
            return vec![missing(check, wanted, region)];
        }
        Err(refused) => return vec![unseen(check, refused)],
    };
    vec![room(check, wanted, subnets), way_out(name, region, subnets, network), groups(name, subnets, network)]
}

fn missing(check: String, wanted: Option<&Subnet>, region: &str) -> Finding {
    let mend = "correct subnet in the aws: section of amifactory.yaml";
    match wanted {
        None => Finding::fail(
            check,
            format!("{region} has no default VPC with subnets"),
            "give a subnet in the aws: section of amifactory.yaml, or: aws ec2 create-default-vpc",
        ),
        Some(Subnet::Id(id)) => Finding::fail(check, format!("there is no {id} in {region}"), mend),
        Some(Subnet::Tags(tags)) => {
            let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
            Finding::fail(check, format!("no subnet in {region} has the tags {}", tags.join(", ")), mend)
        }
    }
}

fn room(check: String, wanted: Option<&Subnet>, subnets: &[SubnetFact]) -> Finding {
    let zones: BTreeSet<&str> = subnets.iter().map(|subnet| subnet.zone.as_str()).collect();
    let zones = zones.into_iter().collect::<Vec<_>>().join(", ");
    let of = if wanted.is_none() { " of the default VPC" } else { "" };
    let free: i64 = subnets.iter().map(|subnet| i64::from(subnet.free)).sum();
    if free == 0 {
        let mend = "free some: old network interfaces hold them; or choose other subnets";
        return Finding::fail(check, format!("no address is free in {} ({zones})", ids(subnets)), mend);
    }
    Finding::pass(check, format!("{} {}{of} in {zones}, {free} free addresses", subnets.len(), plural(subnets.len())))
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "subnet" } else { "subnets" }
}

fn ids(subnets: &[SubnetFact]) -> String {
    subnets.iter().map(|subnet| subnet.id.as_str()).collect::<Vec<_>>().join(", ")
}

/// How builders in one subnet reach Systems Manager.
enum Way {
    Nat(String),
    Internet,
    Endpoints { older: bool },
    None(String),
}

fn way_out(name: &str, region: &str, subnets: &[SubnetFact], network: &Network) -> Finding {
    let check = format!("way to Systems Manager{name}");
    let (routes, endpoints) = match (&network.routes, &network.endpoints) {
        (Ok(routes), Ok(endpoints)) => (routes, endpoints),
        (Err(refused), _) | (_, Err(refused)) => return unseen(check, refused),
    };
    let ways: Vec<(&SubnetFact, Way)> =
        subnets.iter().map(|subnet| (subnet, way_of(subnet, region, routes, endpoints))).collect();
    let lost: Vec<String> = ways
        .iter()
        .filter_map(|(subnet, way)| match way {
            Way::None(why) => Some(format!("{}: {why}", subnet.id)),
            _ => None,
        })
        .collect();
    if !lost.is_empty() {
        let mend = format!(
            "route 0.0.0.0/0 to a NAT gateway, or make interface endpoints with private DNS for com.amazonaws.{region}.\
             ssm, .ssmmessages and .ec2messages in the VPC"
        );
        // Any of the subnets may be taken.
        return Finding::fail(check, lost.join("; "), mend);
    }
    let mut found = BTreeSet::new();
    let mut severity = Severity::Pass;
    let mut mend = None;
    for (_, way) in &ways {
        match way {
            Way::Nat(through) => found.insert(format!("by {through}")),
            Way::Internet => found.insert("by an internet gateway, with public addresses".to_owned()),
            Way::Endpoints { older: true } => found.insert("by endpoints alone".to_owned()),
            Way::Endpoints { older: false } => {
                severity = Severity::Warn;
                mend = Some(format!("make one for com.amazonaws.{region}.{OLDER}, where the base's agent is older"));
                found.insert(format!("by endpoints alone, and {OLDER} is not among them: agents before 3.3.40 need it"))
            }
            Way::None(_) => false,
        };
    }
    let mut finding = Finding::new(severity, check, found.into_iter().collect::<Vec<_>>().join("; "));
    finding.mend = mend;
    finding
}

fn way_of(subnet: &SubnetFact, region: &str, routes: &[Routes], endpoints: &[EndpointFact]) -> Way {
    // A subnet without a table of its own has the main one.
    let own = routes.iter().find(|table| table.subnets.contains(&subnet.id));
    let table = own.or_else(|| routes.iter().find(|table| table.main && table.vpc == subnet.vpc));
    let no_way = match table.and_then(|table| table.out.as_ref()) {
        Some((through, false)) => format!("its default route goes to {through}, which is gone"),
        Some((through, true)) if through.starts_with("igw-") && subnet.public => return Way::Internet,
        Some((through, true)) if through.starts_with("igw-") => {
            format!("its default route goes to {through}, and instances get no public address")
        }
        Some((through, true)) => return Way::Nat(through.clone()),
        None => "it has no default route".to_owned(),
    };
    let has = |short: &str| {
        let service = format!("com.amazonaws.{region}.{short}");
        let of_vpc = |endpoint: &&EndpointFact| endpoint.vpc == subnet.vpc && endpoint.service.ends_with(&service);
        endpoints.iter().filter(of_vpc).any(|endpoint| endpoint.available && endpoint.private_dns)
    };
    let lacking: Vec<&str> = NEEDED.into_iter().filter(|short| !has(short)).collect();
    if lacking.is_empty() {
        return Way::Endpoints { older: has(OLDER) };
    }
    Way::None(format!("{no_way}, and its VPC has no usable endpoint for {}", lacking.join(" and ")))
}

fn groups(name: &str, subnets: &[SubnetFact], network: &Network) -> Finding {
    let check = format!("security groups{name}");
    let mend = "correct security_groups in the aws: section of amifactory.yaml";
    let groups = match &network.groups {
        Ok(groups) if !groups.is_empty() => groups,
        Ok(_) => return Finding::fail(check, "none of them is there", mend),
        Err(refused) if refused.code.starts_with("InvalidGroup") => {
            return Finding::fail(check, refused.message.clone(), mend);
        }
        Err(refused) => return unseen(check, refused),
    };
    if let Some(group) = groups.iter().find(|group| !subnets.iter().any(|subnet| subnet.vpc == group.vpc)) {
        return Finding::fail(check, format!("{} is in {}, and the subnets are not", group.id, group.vpc), mend);
    }
    let https: BTreeSet<&str> = groups.iter().flat_map(|group| group.https_to.iter().map(String::as_str)).collect();
    let all: Vec<&str> = groups.iter().map(|group| group.id.as_str()).collect();
    let all = all.join(", ");
    if https.is_empty() {
        let mend = format!("allow egress on TCP 443 in {all}: the agent needs it");
        return Finding::fail(check, format!("{all} let no HTTPS out"), mend);
    }
    let open: Vec<String> = groups
        .iter()
        .filter(|group| !group.ingress.is_empty())
        .map(|group| format!("{} from {}", group.id, group.ingress.join(", ")))
        .collect();
    if !open.is_empty() {
        let mend = "builders need no ingress: give a group without, in the aws: section of amifactory.yaml";
        return Finding::warn(check, format!("connections can come in: {}", open.join("; ")), mend);
    }
    if https.contains("0.0.0.0/0") {
        return Finding::pass(check, format!("{all}: nothing comes in, HTTPS goes out"));
    }
    let only = https.into_iter().collect::<Vec<_>>().join(", ");
    Finding::unknown(
        check,
        format!("{all}: HTTPS goes out to {only} alone; whether Systems Manager is there is not known"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::facts::{GroupFact, Refused};
    use super::*;
    use Severity::{Fail, Pass, Unknown, Warn};

    fn subnet(public: bool) -> SubnetFact {
        SubnetFact { id: "subnet-1".into(), vpc: "vpc-1".into(), zone: "eu-central-1a".into(), free: 9, public }
    }

    fn table(own: bool, out: Option<(&str, bool)>) -> Routes {
        Routes {
            vpc: "vpc-1".into(),
            main: !own,
            subnets: if own { vec!["subnet-1".into()] } else { Vec::new() },
            out: out.map(|(to, there)| (to.to_owned(), there)),
        }
    }

    fn endpoint(short: &str, private_dns: bool) -> EndpointFact {
        let service = format!("com.amazonaws.eu-central-1.{short}");
        EndpointFact { vpc: "vpc-1".into(), service, private_dns, available: true }
    }

    fn group(ingress: &[&str], https_to: &[&str]) -> GroupFact {
        let list = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        GroupFact { id: "sg-1".into(), vpc: "vpc-1".into(), ingress: list(ingress), https_to: list(https_to) }
    }

    fn network() -> Network {
        Network {
            subnets: Ok(vec![subnet(false)]),
            routes: Ok(vec![table(false, Some(("nat-1", true)))]),
            endpoints: Ok(Vec::new()),
            groups: Ok(vec![group(&[], &["0.0.0.0/0"])]),
        }
    }

    fn found(network: &Network) -> Vec<(Severity, String)> {
        let found = judge("", None, "eu-central-1", network);
        found.into_iter().map(|finding| (finding.severity, finding.detail)).collect()
    }

    #[test]
    fn a_private_subnet_behind_nat_is_right() {
        let found = judge(" (web)", None, "eu-central-1", &network());
        assert_eq!(found.iter().map(|finding| finding.severity).collect::<Vec<_>>(), [Pass, Pass, Pass]);
        assert_eq!(found[1].check, "way to Systems Manager (web)");
    }

    /// Public addresses, the default route and whether it leads anywhere, endpoints; what comes of it.
    type Case<'c> = (bool, Option<(&'c str, bool)>, &'c [EndpointFact], Severity, &'c str);

    #[test]
    fn every_way_out_is_known() {
        let all = [endpoint("ssm", true), endpoint("ssmmessages", true), endpoint("ec2messages", true)];
        let cases: [Case<'_>; 9] = [
            (false, Some(("tgw-1", true)), &[], Pass, "by tgw-1"),
            (true, Some(("igw-1", true)), &[], Pass, "public addresses"),
            (false, Some(("igw-1", true)), &[], Fail, "no public address"),
            (false, Some(("nat-1", false)), &[], Fail, "which is gone"),
            (false, None, &[], Fail, "no usable endpoint for ssm and ssmmessages"),
            (false, None, &all, Pass, "by endpoints alone"),
            (false, Some(("igw-1", true)), &all, Pass, "by endpoints alone"),
            (false, None, &all[..2], Warn, "agents before 3.3.40"),
            (false, None, &[endpoint("ssm", false), endpoint("ssmmessages", true)], Fail, "no usable endpoint for ssm"),
        ];
        for (public, out, endpoints, severity, words) in cases {
            for own in [true, false] {
                let network = Network {
                    subnets: Ok(vec![subnet(public)]),
                    routes: Ok(vec![table(own, out)]),
                    endpoints: Ok(endpoints.to_vec()),
                    ..network()
                };
                let (is, detail) = found(&network).remove(1);
                assert!(is == severity && detail.contains(words), "{out:?} {own}: {detail}");
            }
        }
        // A subnet's own table counts, and not the main one.
        let mut network = network();
        network.routes = Ok(vec![table(false, Some(("nat-1", true))), table(true, None)]);
        assert_eq!(found(&network)[1].0, Fail);
    }

    #[test]
    fn groups_let_https_out_and_nothing_in() {
        let cases: [(&[&str], &[&str], Severity); 4] = [
            (&[], &["0.0.0.0/0"], Pass),
            (&["0.0.0.0/0"], &["0.0.0.0/0"], Warn),
            (&[], &[], Fail),
            (&[], &["10.0.0.0/8"], Unknown),
        ];
        for (ingress, https, severity) in cases {
            let network = Network { groups: Ok(vec![group(ingress, https)]), ..network() };
            assert_eq!(found(&network)[2].0, severity, "{ingress:?} {https:?}");
        }
        let mut elsewhere = group(&[], &["0.0.0.0/0"]);
        elsewhere.vpc = "vpc-2".into();
        assert_eq!(found(&Network { groups: Ok(vec![elsewhere]), ..network() })[2].0, Fail);
        assert_eq!(found(&Network { groups: Ok(Vec::new()), ..network() })[2].0, Fail);
    }

    #[test]
    fn subnets_must_be_there_and_have_room() {
        let none = Network { subnets: Ok(Vec::new()), ..network() };
        assert!(found(&none)[0].1.contains("no default VPC"));
        let tags = Subnet::Tags([("Tier".to_owned(), "private".to_owned())].into());
        let finding = judge("", Some(&tags), "eu-central-1", &none).remove(0);
        assert!(finding.severity == Fail && finding.detail.ends_with("Tier=private"), "{finding:?}");
        let mut full = subnet(false);
        full.free = 0;
        assert_eq!(found(&Network { subnets: Ok(vec![full]), ..network() })[0].0, Fail);
        let denied = |code: &str, denied| {
            Err(Refused { action: "ec2:DescribeSubnets", code: code.into(), message: "no".into(), denied })
        };
        let refused = |code, is| found(&Network { subnets: denied(code, is), ..network() }).remove(0);
        assert_eq!(refused("UnauthorizedOperation", true).0, Unknown);
        assert_eq!(refused("InvalidSubnetID.NotFound", false).0, Fail);
    }
}
