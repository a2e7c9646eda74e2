//! Telling people: by SNS, by webhooks, by items in OpsCenter; what was told is kept in Parameter Store.

use super::api::op;
use super::target::AwsTarget;
use super::{memory, metrics, tickets, webhook};
use crate::identity::TopicArn;
use crate::recipe::Hook;
use crate::target::{Alarm, Herald, Kept, OpenTicket, Point, TargetError, Ticket};
use async_trait::async_trait;
use aws_types::region::Region;

#[async_trait]
impl Herald for AwsTarget {
    async fn recall(&self, name: &str) -> Result<Kept, TargetError> {
        memory::recall(self.api(), name).await
    }

    async fn remember(&self, name: &str, text: &str) -> Result<(), TargetError> {
        memory::remember(self.api(), name, text).await
    }

    async fn publish(&self, topic: &TopicArn, subject: &str, body: &str) -> Result<(), TargetError> {
        // A topic is written to in its own region alone.
        let sns = self.api().sns_in(Region::new(topic.region().to_owned()));
        let send = || sns.publish().topic_arn(topic.as_str()).subject(subject).message(body).send();
        self.api().caller.call_within(memory::PATIENCE, op::PUBLISH, topic.as_str(), send).await?;
        Ok(())
    }

    async fn post(&self, hook: &Hook, json: &str) -> Result<(), TargetError> {
        let address = match hook {
            Hook::Env(name) => webhook::from_env(name),
            Hook::Parameter(name) => {
                let ask = || self.api().ssm.get_parameters().names(name).with_decryption(true).send();
                let answer = self.api().caller.call(op::GET_PARAMETERS, name, ask).await?;
                answer.parameters().first().and_then(|parameter| parameter.value()).map(str::to_owned)
            }
        };
        let address = address.map(|address| address.trim().to_owned()).filter(|address| !address.is_empty());
        webhook::post(hook, address.as_deref(), json).await
    }

    fn check(&self, hook: &Hook) -> Result<(), TargetError> {
        match hook {
            Hook::Env(name) => webhook::checked(hook, webhook::from_env(name).as_deref()).map(|_| ()),
            Hook::Parameter(_) => Ok(()),
        }
    }

    async fn open_tickets(&self, prefix: &str) -> Result<Vec<OpenTicket>, TargetError> {
        tickets::open(self.api(), prefix).await
    }

    async fn open_ticket(&self, ticket: &Ticket) -> Result<(), TargetError> {
        tickets::put(self.api(), ticket).await
    }

    async fn update_ticket(&self, id: &str, ticket: &Ticket) -> Result<(), TargetError> {
        match tickets::update(self.api(), id, ticket).await {
            Err(error) if error.is("OpsItemNotFoundException") => Ok(()),
            updated => Ok(updated?),
        }
    }

    async fn resolve_ticket(&self, id: &str) -> Result<(), TargetError> {
        tickets::resolve(self.api(), id).await
    }

    async fn measure(&self, points: &[Point]) -> Result<(), TargetError> {
        metrics::put(self.api(), points).await
    }

    async fn alarms(&self, prefix: &str) -> Result<Vec<Alarm>, TargetError> {
        metrics::alarms(self.api(), prefix).await
    }

    async fn put_alarm(&self, alarm: &Alarm) -> Result<(), TargetError> {
        metrics::put_alarm(self.api(), alarm).await
    }
}
