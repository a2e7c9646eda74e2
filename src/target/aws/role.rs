//! Another account, spoken to by a role there that the caller may assume.

use super::api::{Caller, op, our_way};
use super::locked;
use crate::target::TargetError;
use crate::target::error::SESSION;
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// Credentials are renewed so long before they end: a call that begins with them must end with them.
const BEFORE: Duration = Duration::from_secs(300);

/// Credentials of a role, asked for once and renewed before they end.
pub struct Assumed {
    sts: aws_sdk_sts::Client,
    caller: Arc<Caller>,
    role: String,
    known: Mutex<Option<Credentials>>,
}

impl std::fmt::Debug for Assumed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.role)
    }
}

impl Assumed {
    /// The role of this ARN, assumed by whoever the configuration says, in its region; `caller` is theirs.
    pub fn new(config: &SdkConfig, caller: Arc<Caller>, role: String) -> Assumed {
        Assumed { sts: aws_sdk_sts::Client::new(&our_way(config)), caller, role, known: Mutex::default() }
    }

    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let fresh = |known: &Credentials| known.expiry().is_none_or(|end| end > SystemTime::now() + BEFORE);
        if let Some(known) = locked(&self.known).clone().filter(fresh) {
            return Ok(known);
        }
        let ask = || self.sts.assume_role().role_arn(&self.role).role_session_name(SESSION).send();
        let answer = self.caller.call(op::ASSUME_ROLE, &self.role, ask).await;
        let answer = answer.map_err(|error| CredentialsError::provider_error(TargetError::from(error)))?;
        let given = answer.credentials.ok_or_else(|| CredentialsError::provider_error("no credentials were given"))?;
        let end = SystemTime::try_from(given.expiration).map_err(CredentialsError::provider_error)?;
        let token = Some(given.session_token);
        let credentials =
            Credentials::new(given.access_key_id, given.secret_access_key, token, Some(end), "AssumeRole");
        *locked(&self.known) = Some(credentials.clone());
        Ok(credentials)
    }
}

impl ProvideCredentials for Assumed {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

/// Says which role can't be assumed. One that nobody answered for is not refused: its trust is not what is wrong.
pub fn refused(role: &str, error: &(dyn std::error::Error + 'static)) -> TargetError {
    let mut cause = error;
    loop {
        match cause.downcast_ref() {
            Some(TargetError::GaveUp { call, resource, attempts, seconds, last }) => {
                let (call, resource, last) = (call.clone(), resource.clone(), last.clone());
                return TargetError::GaveUp { call, resource, attempts: *attempts, seconds: *seconds, last };
            }
            Some(TargetError::Credentials { what }) => return TargetError::Credentials { what: what.clone() },
            Some(TargetError::Denied { message, .. }) => {
                // What AWS says names the action and the role once more; who it is that asked stands nowhere else.
                let caller = message.split_once("User: ").and_then(|(_, rest)| rest.split_once(" is not"));
                let said = caller.map_or("not allowed".to_owned(), |(caller, _)| format!("not allowed for {caller}"));
                return not_trusted(role, said);
            }
            Some(_) | None => {}
        }
        match cause.source() {
            Some(inner) => cause = inner,
            None => break,
        }
    }
    let said = cause.to_string();
    // Its first line says what happened; what follows is for another case.
    not_trusted(role, said.lines().take(2).map(str::trim).collect::<Vec<_>>().join(": "))
}

fn not_trusted(role: &str, said: String) -> TargetError {
    TargetError::Service {
        call: op::ASSUME_ROLE.action.into(),
        resource: role.to_owned(),
        said,
        help: "is the role there, does its trust policy name the factory's account, and may whoever runs this sts:AssumeRole it? \
               amifactory iam-policy prints what each needs (--for fleet-role-trust, --for consumer-trust)"
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/consumer";

    fn told(error: TargetError) -> String {
        refused(ROLE, &CredentialsError::provider_error(error)).to_string()
    }

    #[test]
    fn a_region_that_does_not_answer_is_not_told_as_a_role_that_does_not_trust() {
        let (call, last) = ("sts:AssumeRole".to_owned(), "connection reset by peer".to_owned());
        let text = told(TargetError::GaveUp { call, resource: ROLE.into(), attempts: 7, seconds: 30, last });
        assert!(text.contains("connection reset") && text.contains("once AWS answers"), "{text}");
        assert!(text.contains(ROLE) && !text.contains("trust policy"), "{text}");
        let message =
            format!("User: arn:aws:iam::123456789012:user/me is not authorized to perform it on resource: {ROLE}");
        let action = "sts:AssumeRole".to_owned();
        let text = told(TargetError::Denied { action, resource: ROLE.into(), message });
        assert!(
            text.contains("not allowed for arn:aws:iam::123456789012:user/me\n") && text.contains("trust policy"),
            "{text}"
        );
        assert_eq!(text.matches(ROLE).count(), 1, "{text}");
        let text = told(TargetError::Credentials { what: "the token is expired".into() });
        assert!(text.contains("give valid AWS credentials") && !text.contains("trust policy"), "{text}");
    }
}
