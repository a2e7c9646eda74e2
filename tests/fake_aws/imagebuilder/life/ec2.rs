//! Calls that the service makes to EC2 in the account, with its own role. They are not recorded among the world's calls.

use super::super::super::credentials::{Caller, Credential};
use super::super::super::ec2 as service;
use super::super::super::params::Params;
use super::super::super::pipeline::run_errands;
use super::super::super::reply::{Failure, Incoming};
use super::super::super::{Request, World};
use super::Life;
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long the service believes that what it has just made is there, though EC2 does not find it.
const PATIENCE: Duration = Duration::from_secs(60);

impl Life {
    /// Calls EC2; the ids of what was made or changed.
    pub async fn ec2(&self, region: &str, action: &str, pairs: &[(&str, &str)]) -> Result<Vec<String>, Failure> {
        let began = Instant::now();
        loop {
            let answer = {
                let mut world = self.fake.world();
                call(&mut world, &self.home.account, region, action, pairs)
            };
            run_errands(&self.fake).await;
            match answer {
                Err(failure) if failure.code.ends_with(".NotFound") && began.elapsed() < PATIENCE => {
                    sleep(Duration::from_secs(1)).await;
                }
                answer => return answer,
            }
        }
    }
}

fn call(
    world: &mut World,
    account: &str,
    region: &str,
    action: &str,
    pairs: &[(&str, &str)],
) -> Result<Vec<String>, Failure> {
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let role = "AWSServiceRoleForImageBuilder/Ec2ImageBuilderIntegrationService";
    let credential = Credential {
        arn: format!("arn:aws:sts::{account}:assumed-role/{role}"),
        ..Credential::user(account, "service")
    };
    let caller = Caller { key: String::new(), region: region.to_owned(), credential };
    let (request, request_id) = (Request::default(), world.uuid());
    let incoming = Incoming {
        request: &request,
        action,
        caller: &caller,
        now: world.clock.now(),
        request_id: &request_id,
        params: &Params::parse(form.as_bytes()),
        json: &Value::Null,
    };
    Ok(service::handle(world, &incoming)?.resources)
}
