//! What narrows the policies down: the account, the region, and what a factory's recipes use.

use crate::identity::AccountId;
use crate::recipe::{AccountSettings, Audience, AwsBaseImage, AwsSettings, BaseSpec, Factory, Hook, RegionSettings};
use std::collections::BTreeSet;

/// Public parameters are AWS's own.
const PUBLIC: &str = "/aws/service/";

/// What the policies are for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// 12 digits; none: `*`.
    pub account: Option<String>,
    /// Such as `eu-central-1`; none: `*`.
    pub region: Option<String>,
    /// Names of the builders' roles, with their paths.
    pub roles: BTreeSet<String>,
    /// Parameters that bases are named by, but for public ones.
    pub base_parameters: BTreeSet<String>,
    /// Parameters that package groups fetch on builders.
    pub secrets: BTreeSet<String>,
    /// Log groups for live progress.
    pub log_groups: BTreeSet<String>,
    /// Buckets for large components of EC2 Image Builder.
    pub component_buckets: BTreeSet<String>,
    /// Keys of builders' volumes.
    pub kms_keys: BTreeSet<String>,
    /// Whether builders may be spot instances.
    pub spot: bool,
    /// Keys of copies in other regions.
    pub copy_keys: BTreeSet<String>,
    /// Other accounts and the roles there that are assumed.
    pub consumers: BTreeSet<(String, String)>,
    /// Other accounts whose fleets are looked at, and the roles there that are assumed.
    pub fleet_roles: BTreeSet<(String, String)>,
    /// Whether anybody is told what is new in the fleet.
    pub notifies: bool,
    /// Whether anybody has items in OpsCenter.
    pub tickets: bool,
    /// Whether checks of the fleet put metrics.
    pub metrics: bool,
    /// Topics that are told, by their ARNs.
    pub topics: BTreeSet<String>,
    /// Parameters that hold addresses of webhooks.
    pub hooks: BTreeSet<String>,
    /// Where images go out from, where they do.
    pub home: Option<String>,
}

impl Scope {
    /// What a factory's recipes use. A profile made in the console or by most tools has a role of its own name.
    pub fn of(factory: &Factory) -> Scope {
        let mut settings: Vec<&AwsSettings> = factory.recipes.values().map(|recipe| &recipe.aws).collect();
        if settings.is_empty() {
            settings.push(&factory.aws);
        }
        let parameter = |base: &BaseSpec| match base {
            BaseSpec::Own { aws: Some(aws), .. } => match &aws.image {
                AwsBaseImage::Parameter(name) if !name.starts_with(PUBLIC) => Some(name.clone()),
                _ => None,
            },
            _ => None,
        };
        let distribution = factory.distribution.as_ref();
        let copy_key = |settings: &RegionSettings| settings.kms_key.clone();
        let consumer = |(account, settings): (&AccountId, &AccountSettings)| {
            Some((account.to_string(), settings.role.as_ref()?.to_string()))
        };
        let audiences = &factory.fleet.notify.audiences;
        let hook = |audience: &Audience| match &audience.webhook {
            Some(Hook::Parameter(name)) => Some(name.clone()),
            _ => None,
        };
        Scope {
            account: None,
            region: None,
            roles: settings.iter().filter_map(|aws| aws.instance_profile.clone()).collect(),
            base_parameters: factory.recipes.values().filter_map(|recipe| parameter(&recipe.base)).collect(),
            secrets: factory.groups.values().flat_map(|group| group.secrets.iter().cloned()).collect(),
            log_groups: settings.iter().filter_map(|aws| aws.log_group.clone()).collect(),
            component_buckets: factory.component_buckets(),
            kms_keys: settings.iter().filter_map(|aws| aws.volume.kms_key.clone()).collect(),
            spot: settings.iter().any(|aws| aws.spot),
            copy_keys: distribution.iter().flat_map(|known| known.regions.values()).filter_map(copy_key).collect(),
            consumers: distribution.iter().flat_map(|known| &known.accounts).filter_map(consumer).collect(),
            fleet_roles: factory.fleet.accounts.iter().map(|(a, of)| (a.to_string(), of.role.to_string())).collect(),
            notifies: !audiences.is_empty(),
            metrics: factory.fleet.notify.metrics,
            tickets: audiences.values().any(|audience| audience.opscenter),
            topics: audiences.values().filter_map(|audience| Some(audience.sns.as_ref()?.to_string())).collect(),
            hooks: audiences.values().filter_map(hook).collect(),
            home: distribution.map(|known| known.home.to_string()),
        }
    }

    /// The part of AWS that the region is in (AWS general reference, "Amazon Resource Names").
    fn partition(&self) -> &'static str {
        match self.region.as_deref().or(self.home.as_deref()) {
            Some(region) if region.starts_with("cn-") => "aws-cn",
            Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// What the names of services end in.
    fn suffix(&self) -> &'static str {
        if self.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }
    }

    /// The region as ARNs and conditions have it.
    pub fn region(&self) -> &str {
        self.region.as_deref().unwrap_or("*")
    }

    fn account(&self) -> &str {
        self.account.as_deref().unwrap_or("*")
    }

    /// A resource of the account in the region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition(), self.region(), self.account())
    }

    /// A resource whose ARN has no account: images and snapshots.
    pub fn public_arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}::{resource}", self.partition(), self.region())
    }

    /// A bucket, or what is in one: neither has an account or a region.
    pub fn bucket_arn(&self, resource: &str) -> String {
        format!("arn:{}:s3:::{resource}", self.partition())
    }

    /// Builders' roles; of one name by default.
    pub fn role_arns(&self) -> Vec<String> {
        let arn = |role: &str| format!("arn:{}:iam::{}:role/{role}", self.partition(), self.account());
        self.roles.iter().map(|role| arn(role)).collect()
    }

    /// Roles in other accounts.
    pub fn consumer_arns(&self) -> Vec<String> {
        let arn = |(account, role): &(String, String)| format!("arn:{}:iam::{account}:role/{role}", self.partition());
        self.consumers.iter().map(arn).collect()
    }

    /// Roles in other accounts whose fleets are looked at.
    pub fn fleet_role_arns(&self) -> Vec<String> {
        let arn = |(account, role): &(String, String)| format!("arn:{}:iam::{account}:role/{role}", self.partition());
        self.fleet_roles.iter().map(arn).collect()
    }

    /// An account as a principal.
    pub fn root_arn(&self, account: &str) -> String {
        format!("arn:{}:iam::{account}:root", self.partition())
    }

    /// A parameter by its name; levels of names begin with a slash, and ARNs have it once.
    pub fn parameter_arn(&self, name: &str) -> String {
        self.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')))
    }

    /// What AWS itself keeps in Systems Manager. Nobody else's names may begin with `aws`, so the account says nothing;
    /// in some ARNs it is empty.
    fn of_aws(&self, resource: &str) -> String {
        format!("arn:{}:ssm:{}:*:{resource}", self.partition(), self.region())
    }

    /// Public parameters.
    pub fn public_parameters(&self) -> String {
        self.of_aws(&format!("parameter{PUBLIC}*"))
    }

    /// The document that runs shell scripts.
    pub fn shell_document(&self) -> String {
        self.of_aws("document/AWS-RunShellScript")
    }

    /// A service as `kms:ViaService` has it, in the region.
    pub fn via(&self, service: &str) -> String {
        format!("{service}.{}.{}", self.region(), self.suffix())
    }

    /// EC2 as the trust policy of a role has it.
    pub fn ec2_principal(&self) -> String {
        format!("ec2.{}", self.suffix())
    }

    /// Image Builder, as its service-linked role has it.
    pub fn image_builder_principal(&self) -> String {
        format!("imagebuilder.{}", self.suffix())
    }

    /// The service-linked role of Image Builder.
    pub fn image_builder_role(&self) -> String {
        let path = "aws-service-role/imagebuilder.amazonaws.com/AWSServiceRoleForImageBuilder";
        format!("arn:{}:iam::{}:role/{path}", self.partition(), self.account())
    }

    /// Streams of the configured log groups.
    pub fn log_streams(&self) -> Vec<String> {
        self.log_groups.iter().map(|group| self.arn("logs", &format!("log-group:{group}:*"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_as_wide_as_what_is_known() {
        let mut scope = Scope::default();
        assert_eq!(scope.arn("ec2", "instance/*"), "arn:aws:ec2:*:*:instance/*");
        assert_eq!(scope.public_parameters(), "arn:aws:ssm:*:*:parameter/aws/service/*");
        scope.region = Some("cn-north-1".into());
        scope.account = Some("123456789012".into());
        assert_eq!(scope.parameter_arn("/app/token"), "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/app/token");
        assert_eq!(scope.parameter_arn("golden"), "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/golden");
        assert_eq!(scope.via("ssm"), "ssm.cn-north-1.amazonaws.com.cn");
        scope.region = Some("us-gov-west-1".into());
        scope.roles = ["b".to_owned()].into();
        assert_eq!(scope.role_arns(), ["arn:aws-us-gov:iam::123456789012:role/b"]);
    }
}
