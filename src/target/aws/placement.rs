//! Placements: in which order markets, types and subnets are tried.

/// Where one launch is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The instance type.
    pub instance_type: String,
    /// The subnet; none: EC2 chooses one of the default VPC's.
    pub subnet: Option<String>,
    /// On the spot market.
    pub spot: bool,
}

/// All placements in order: the preferred type everywhere first, then the next type; spot before on-demand.
pub fn all(types: &[String], subnets: &[String], spot: bool) -> Vec<Placement> {
    let markets: &[bool] = if spot { &[true, false] } else { &[false] };
    let anywhere = [None];
    let subnets: Vec<Option<String>> =
        if subnets.is_empty() { anywhere.to_vec() } else { subnets.iter().cloned().map(Some).collect() };
    let mut placements = Vec::new();
    for spot in markets {
        for instance_type in types {
            for subnet in &subnets {
                placements.push(Placement {
                    instance_type: instance_type.clone(),
                    subnet: subnet.clone(),
                    spot: *spot,
                });
            }
        }
    }
    placements
}

/// Error codes that mean that another placement may do.
pub fn try_elsewhere(code: &str) -> bool {
    matches!(
        code,
        "InsufficientInstanceCapacity"
            | "InsufficientHostCapacity"
            | "InsufficientCapacityOnHost"
            | "InsufficientFreeAddressesInSubnet"
            | "SpotMaxPriceTooLow"
            | "MaxSpotInstanceCountExceeded"
            // The account has never used spot, and the caller may not make the role for it (EC2 API reference, "Error
            // codes"): on-demand needs none.
            | "AuthFailure.ServiceLinkedRoleCreationNotPermitted"
            | "Unsupported"
            | "UnsupportedOperation"
            | "InstanceLimitExceeded"
            | "VcpuLimitExceeded"
    )
}

/// Error codes that mean that the account may not have more.
pub fn is_quota(code: &str) -> bool {
    matches!(code, "InstanceLimitExceeded" | "VcpuLimitExceeded" | "MaxSpotInstanceCountExceeded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_zones_before_the_next_type_and_spot_before_on_demand() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let order = all(&names(&["m7i.large", "t3.large"]), &names(&["subnet-a", "subnet-b"]), true);
        let short: Vec<String> = order
            .iter()
            .map(|p| {
                format!("{} {} {}", if p.spot { "spot" } else { "od" }, p.instance_type, p.subnet.as_deref().unwrap())
            })
            .collect();
        insta::assert_snapshot!(short.join("\n"), @r"
        spot m7i.large subnet-a
        spot m7i.large subnet-b
        spot t3.large subnet-a
        spot t3.large subnet-b
        od m7i.large subnet-a
        od m7i.large subnet-b
        od t3.large subnet-a
        od t3.large subnet-b
        ");
        assert_eq!(all(&names(&["t3.large"]), &[], false).len(), 1);
    }
}
