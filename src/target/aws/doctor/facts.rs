//! What was found out about an account, before it is judged. Plain data: judgements are tested with tables of it.

use crate::target::aws::api::{CallError, Class};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;

/// An answer, or why there is none.
pub type Asked<T> = Result<T, Refused>;

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// As IAM writes it.
    pub action: &'static str,
    /// The service's error code; empty where it did not answer.
    pub code: String,
    /// The service's words, or the network's.
    pub message: String,
    /// The caller may not ask.
    pub denied: bool,
}

impl From<CallError> for Refused {
    fn from(error: CallError) -> Refused {
        Refused { action: error.action, denied: error.class == Class::Denied, code: error.code, message: error.message }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code.as_str() {
            "" => write!(f, "{}: {}", self.action, self.message),
            code => write!(f, "{}: {} ({code})", self.action, self.message),
        }
    }
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// 12 digits.
    pub account: String,
    /// The user or role.
    pub arn: String,
}

/// What the first call tells.
#[derive(Debug, Clone)]
pub struct Account {
    /// Who calls.
    pub identity: Asked<Identity>,
    /// When the credentials end, where they do.
    pub expires: Option<OffsetDateTime>,
    /// What the service's clock showed in its answer.
    pub their_time: Option<OffsetDateTime>,
    /// What ours showed then.
    pub our_time: OffsetDateTime,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetFact {
    /// `subnet-…`
    pub id: String,
    /// `vpc-…`
    pub vpc: String,
    /// `eu-central-1a`
    pub zone: String,
    /// Addresses that are free.
    pub free: i32,
    /// Instances get a public address.
    pub public: bool,
}

/// A route table of a VPC.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routes {
    /// `vpc-…`
    pub vpc: String,
    /// It is for all subnets that have none of their own.
    pub main: bool,
    /// Subnets that it is for.
    pub subnets: Vec<String>,
    /// Where `0.0.0.0/0` goes: `igw-…`, `nat-…`, `tgw-…`, and whether that is there.
    pub out: Option<(String, bool)>,
}

/// A VPC endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointFact {
    /// `vpc-…`
    pub vpc: String,
    /// `com.amazonaws.eu-central-1.ssm`
    pub service: String,
    /// The service's usual name leads to it.
    pub private_dns: bool,
    /// It can be used.
    pub available: bool,
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFact {
    /// `sg-…`
    pub id: String,
    /// `vpc-…`
    pub vpc: String,
    /// Where connections may come from, but for members of the group itself.
    pub ingress: Vec<String>,
    /// Where HTTPS may go.
    pub https_to: Vec<String>,
}

/// The network that a group of recipes builds in.
#[derive(Debug, Clone)]
pub struct Network {
    /// Subnets that fit what is configured.
    pub subnets: Asked<Vec<SubnetFact>>,
    /// Route tables of their VPCs.
    pub routes: Asked<Vec<Routes>>,
    /// Endpoints in their VPCs.
    pub endpoints: Asked<Vec<EndpointFact>>,
    /// Security groups: those configured, else the VPCs' default ones.
    pub groups: Asked<Vec<GroupFact>>,
}

/// What instance types there are.
#[derive(Debug, Clone)]
pub struct Kinds {
    /// Zones by type.
    pub offered: Asked<BTreeMap<String, BTreeSet<String>>>,
    /// vCPUs by type.
    pub vcpus: Asked<BTreeMap<String, i32>>,
}

/// What a call that was only asked about has answered: nothing is ever done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
    /// As IAM writes it.
    pub action: &'static str,
    /// On something that is there, and ours.
    pub on_ours: bool,
    /// The service's error code: `DryRunOperation` where it would have been done.
    pub code: String,
    /// The service's words.
    pub message: String,
    /// The caller may not do it, or not on this.
    pub denied: bool,
}

impl Rehearsed {
    /// Whether it would have been done.
    pub fn allowed(&self) -> bool {
        self.code == "DryRunOperation"
    }

    /// The action that is missing, as the message names it: a launch needs several.
    pub fn missing_action(&self) -> &str {
        let named = self.message.split_once("to perform: ").and_then(|(_, rest)| rest.split([' ', ',']).next());
        named.filter(|action| action.contains(':')).unwrap_or(self.action)
    }
}
