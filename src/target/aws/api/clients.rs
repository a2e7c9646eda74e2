//! The clients of the services, over one configuration.

use super::{Caller, ServiceClock};
use aws_config::AppName;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::region::Region;
use std::sync::Arc;
use std::time::Duration;

/// How long one request may take before it counts as lost.
const REQUEST: Duration = Duration::from_secs(60);

/// The clients, and what all calls go through.
pub struct Api {
    /// EC2.
    pub ec2: aws_sdk_ec2::Client,
    /// Systems Manager: Run Command and Parameter Store.
    pub ssm: aws_sdk_ssm::Client,
    /// Auto Scaling.
    pub autoscaling: aws_sdk_autoscaling::Client,
    /// EBS direct: blocks of snapshots.
    pub ebs: aws_sdk_ebs::Client,
    /// Who calls.
    pub sts: aws_sdk_sts::Client,
    /// Limits of the account.
    pub quotas: aws_sdk_servicequotas::Client,
    /// Keys of images.
    pub kms: aws_sdk_kms::Client,
    /// Live output of commands.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// Metrics and alarms.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// Documents that are too large to go with a request.
    pub s3: aws_sdk_s3::Client,
    /// What is told to people.
    sns: aws_sdk_sns::Client,
    /// Where credentials come from; none where nothing is set up at all.
    pub credentials: Option<SharedCredentialsProvider>,
    /// EC2 Image Builder.
    pub imagebuilder: aws_sdk_imagebuilder::Client,
    /// All calls go through it; so do those of others who speak to the same place.
    pub caller: Arc<Caller>,
    /// What time it is by Parameter Store.
    pub clock: ServiceClock,
    /// The region that all this is in.
    pub region: String,
}

impl Api {
    /// Clients over a configuration; its retries are turned off, because there is one owner of retries.
    pub fn new(config: &SdkConfig, caller: Arc<Caller>) -> Api {
        let config = our_way(config);
        let clock = ServiceClock::default();
        let ssm = aws_sdk_ssm::config::Builder::from(&config).interceptor(clock.clone()).build();
        let imagebuilder = aws_sdk_imagebuilder::config::Builder::from(&config).interceptor(clock.clone()).build();
        Api {
            ec2: aws_sdk_ec2::Client::new(&config),
            ssm: aws_sdk_ssm::Client::from_conf(ssm),
            autoscaling: aws_sdk_autoscaling::Client::new(&config),
            ebs: aws_sdk_ebs::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
            quotas: aws_sdk_servicequotas::Client::new(&config),
            kms: aws_sdk_kms::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
            s3: aws_sdk_s3::Client::new(&config),
            sns: aws_sdk_sns::Client::new(&config),
            imagebuilder: aws_sdk_imagebuilder::Client::from_conf(imagebuilder),
            credentials: config.credentials_provider(),
            caller,
            clock,
            region: config.region().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// SNS in another region.
    pub fn sns_in(&self, region: Region) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::from_conf(self.sns.config().to_builder().region(region).build())
    }
}

/// How all of our clients call, whatever the environment says: who calls is told, nobody waits for ever, and retries have
/// one owner.
pub fn our_way(config: &SdkConfig) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(REQUEST).connect_timeout(REQUEST / 6).build();
    let mut config = config.to_builder().retry_config(RetryConfig::disabled()).timeout_config(timeouts);
    // Read in CloudTrail by whoever asks who did this.
    config.set_app_name(AppName::new(env!("CARGO_PKG_NAME")).ok());
    config.build()
}

/// Credentials, region and endpoints from the SDK's standard chain.
pub async fn standard_config() -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(aws_smithy_http_client::tls::Provider::Rustls(
            aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https();
    aws_config::defaults(aws_config::BehaviorVersion::latest()).http_client(http).load().await
}
