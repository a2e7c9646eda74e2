//! Who calls. The access key id decides; signatures are not verified.

use super::Request;
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;

/// The key that every fake knows from the start.
pub const DEFAULT_KEY: &str = "AKIAFAKEFAKEFAKE0001";

/// What one access key may do.
#[derive(Debug, Clone)]
pub struct Credential {
    pub account: String,
    pub arn: String,
    /// The unique id behind the ARN (`AIDA…`, `AROA…:session`).
    pub user_id: String,
    pub expires: Option<Instant>,
    /// IAM actions that are refused: `ec2:RunInstances`, `ssm:*`.
    pub denied: BTreeSet<String>,
}

impl Credential {
    pub fn user(account: &str, name: &str) -> Credential {
        Credential {
            account: account.to_owned(),
            arn: format!("arn:aws:iam::{account}:user/{name}"),
            user_id: "AIDAFAKEFAKEFAKE00001".to_owned(),
            expires: None,
            denied: BTreeSet::new(),
        }
    }

    /// Whether the action is refused.
    pub fn denies(&self, action: &str) -> bool {
        self.denied.iter().any(|rule| match rule.strip_suffix('*') {
            Some(start) => action.starts_with(start),
            None => rule == action,
        })
    }
}

/// Key id → credential.
#[derive(Debug, Clone, Default)]
pub struct Credentials(pub BTreeMap<String, Credential>);

impl Credentials {
    /// The default key's credential, for tests to change.
    pub fn default_mut(&mut self) -> &mut Credential {
        self.0.entry(DEFAULT_KEY.to_owned()).or_insert_with(|| Credential::user("123456789012", "operator"))
    }
}

/// Who signs a call, and for which region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    pub key: String,
    pub region: String,
    pub service: String,
}

/// `AWS4-HMAC-SHA256 Credential=KEY/20261120/us-east-1/ec2/aws4_request, SignedHeaders=…, Signature=…`,
/// or the same in `X-Amz-Credential` of a presigned URL.
pub fn scope(request: &Request) -> Option<Scope> {
    let header = request.header("authorization").unwrap_or_default();
    let from_header = header.split([' ', ',']).find_map(|part| part.strip_prefix("Credential=")).map(str::to_owned);
    let from_query = || {
        form_urlencoded::parse(request.query.as_bytes())
            .find(|(key, _)| key == "X-Amz-Credential")
            .map(|(_, value)| value.into_owned())
    };
    let credential = from_header.or_else(from_query)?;
    let mut parts = credential.split('/');
    let (key, _date) = (parts.next()?.to_owned(), parts.next()?);
    Some(Scope { key, region: parts.next()?.to_owned(), service: parts.next()?.to_owned() })
}

/// A caller that is known and not expired.
#[derive(Debug, Clone)]
pub struct Caller {
    pub key: String,
    pub region: String,
    pub credential: Credential,
}

impl Caller {
    pub fn account(&self) -> &str {
        &self.credential.account
    }
}
