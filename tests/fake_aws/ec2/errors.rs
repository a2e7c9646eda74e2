//! EC2's errors, in its words.

use super::super::reply::Failure;

/// What an id must begin with, its code, and how EC2 says that it is not there.
struct Kind {
    prefix: &'static str,
    code: &'static str,
    what: &'static str,
}

const KINDS: &[Kind] = &[
    Kind { prefix: "i-", code: "InvalidInstanceID", what: "instance ID" },
    Kind { prefix: "ami-", code: "InvalidAMIID", what: "image id" },
    Kind { prefix: "snap-", code: "InvalidSnapshot", what: "snapshot" },
    Kind { prefix: "vol-", code: "InvalidVolume", what: "volume" },
    Kind { prefix: "eni-", code: "InvalidNetworkInterfaceID", what: "networkInterface ID" },
    Kind { prefix: "subnet-", code: "InvalidSubnetID", what: "subnet ID" },
    Kind { prefix: "vpc-", code: "InvalidVpcID", what: "vpc ID" },
    Kind { prefix: "sg-", code: "InvalidGroup", what: "security group" },
    Kind { prefix: "rtb-", code: "InvalidRouteTableID", what: "routeTable ID" },
    Kind { prefix: "vpce-", code: "InvalidVpcEndpointId", what: "Vpc Endpoint Id" },
    Kind { prefix: "key-", code: "InvalidKeyPair", what: "key pair" },
    Kind { prefix: "sir-", code: "InvalidSpotInstanceRequestID", what: "spot instance request ID" },
];

fn kind(prefix: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.prefix == prefix)
}

/// `<Code>.NotFound`. `prefix` says which kind was asked for.
pub fn not_found(prefix: &str, id: &str) -> Failure {
    let Some(kind) = kind(prefix) else {
        return Failure::bad("InvalidID", format!("The ID '{id}' is not valid"));
    };
    let shown = if kind.prefix == "ami-" { format!("[{id}]") } else { id.to_owned() };
    Failure::bad(format!("{}.NotFound", kind.code), format!("The {} '{shown}' does not exist", kind.what))
}

/// `<Code>.Malformed` for an id that can't be one.
pub fn check_id(prefix: &str, id: &str) -> Result<(), Failure> {
    let digits = id.strip_prefix(prefix).unwrap_or_default();
    if (digits.len() == 17 || digits.len() == 8) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    // The codes are as irregular as this.
    let code = match prefix {
        "snap-" => "InvalidSnapshotID.Malformed".to_owned(),
        "sg-" => "InvalidGroupId.Malformed".to_owned(),
        "vol-" => "InvalidParameterValue".to_owned(),
        _ => format!("{}.Malformed", kind(prefix).map_or("InvalidID", |kind| kind.code)),
    };
    Err(Failure::bad(code, format!("Invalid id: \"{id}\" (expecting \"{prefix}...\")")))
}

pub fn invalid(message: impl Into<String>) -> Failure {
    Failure::bad("InvalidParameterValue", message)
}

pub fn missing(name: &str) -> Failure {
    Failure::bad("MissingParameter", format!("The request must contain the parameter {name}"))
}

pub fn combination(message: impl Into<String>) -> Failure {
    Failure::bad("InvalidParameterCombination", message)
}
