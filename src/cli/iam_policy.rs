//! `iam-policy`: the least that IAM must allow for builds on AWS.

use super::exit::{CliError, Exit};
use super::session::Session;
use crate::identity::TargetKind;
use crate::report::view::{Policies, PolicyPart, policies};
use crate::target::aws::policy::{self, Scope};
use clap::{Args, ValueEnum};

/// Print the IAM policies that builds on AWS need: the least that does.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct IamPolicy {
    /// Only this policy: its JSON and nothing else
    #[arg(long = "for", value_name = "WHOM", value_enum)]
    whom: Option<Whom>,
    /// Only in this account [default: any]
    #[arg(long, value_name = "ID", value_parser = account)]
    account: Option<String>,
    /// Only in this region [default: any]
    #[arg(long, value_name = "REGION", value_parser = region)]
    region: Option<String>,
    /// The builders' role, with its path, where its name is not that of the instance profile
    #[arg(long, value_name = "NAME", value_parser = role)]
    role: Option<String>,
}

const HELP: &str = "The policies fit the factory they are printed in: its instance profiles, secrets, log groups, \
    KMS keys and bases. Print them again when those change.";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Whom {
    /// Whoever runs builds
    Operator,
    /// Whoever declares pipelines of EC2 Image Builder and adopts what they have made, beside the operator's
    Pipelines,
    /// Whoever builds what goes through a bucket to EC2 Image Builder, beside the operator's
    Components,
    /// Whoever promotes, rolls back, pins and revokes
    Releaser,
    /// Whoever distributes, beside the releaser's
    Distributor,
    /// The role in other accounts that images are shared with
    Consumer,
    /// That role's trust policy; it needs --account
    ConsumerTrust,
    /// Whoever looks what could be retired
    Retirer,
    /// Whoever retires images with --apply and brings them back, beside the retirer's
    RetirerApply,
    /// Whoever looks at the fleet
    Fleet,
    /// Whoever tells people what is new in the fleet, beside the fleet's
    FleetNotify,
    /// Whoever declares the alarms over the check of the fleet, beside the fleet's
    FleetAlarms,
    /// The role in other accounts whose fleets are looked at
    FleetRole,
    /// That role's trust policy; it needs --account
    FleetRoleTrust,
    /// Whoever rolls images out, beside the releaser's
    Rollout,
    /// The role of the builders' instance profile
    Builder,
    /// That role's trust policy
    Trust,
}

impl IamPolicy {
    pub fn run(self, session: &Session) -> Result<Exit, CliError> {
        let folder = session.folder()?;
        let (factory, _) = session.read(&folder)?;
        let mut scope = Scope { account: self.account, region: self.region, ..Scope::of(&factory) };
        if let Some(role) = self.role {
            scope.roles = [role].into();
        }
        if scope.roles.is_empty() {
            return Err(CliError::Usage(
                "no recipe has an instance profile, so the builders' role is not known\n  \
                 give `aws: {instance_profile: NAME}` in amifactory.yaml, or name the role: --role NAME"
                    .into(),
            ));
        }
        let by_image_builder = session.kind(&factory) == TargetKind::ImageBuilder;
        let part = |whom, name, title, limit, policy| (whom, PolicyPart { name, title, limit, policy });
        let mut all = vec![
            part(
                Whom::Operator,
                "operator",
                "For whoever runs builds: a managed policy",
                Some(policy::MANAGED_LIMIT),
                match by_image_builder {
                    true => policy::image_builder(&scope),
                    false => policy::operator(&scope),
                },
            ),
            part(
                Whom::Releaser,
                "releaser",
                "For whoever promotes, rolls back, pins and revokes: a managed policy",
                Some(policy::MANAGED_LIMIT),
                policy::releaser(&scope),
            ),
            part(
                Whom::Retirer,
                "retirer",
                "For whoever looks what could be retired: a managed policy",
                Some(policy::MANAGED_LIMIT),
                policy::retirer(&scope),
            ),
            part(
                Whom::RetirerApply,
                "retirer-apply",
                "For whoever retires images with --apply and brings them back, beside the retirer's: a managed policy",
                Some(policy::MANAGED_LIMIT),
                policy::retirer_apply(&scope),
            ),
            part(
                Whom::Fleet,
                "fleet",
                "For whoever looks at the fleet: a managed policy",
                Some(policy::MANAGED_LIMIT),
                policy::fleet(&scope),
            ),
            part(
                Whom::Rollout,
                "rollout",
                "For whoever rolls images out to Auto Scaling groups: a managed policy",
                Some(policy::MANAGED_LIMIT),
                policy::rollout(&scope),
            ),
            part(
                Whom::Builder,
                "builder",
                "For the role of the builders' instance profile: an inline policy",
                Some(policy::INLINE_LIMIT),
                match by_image_builder {
                    true => policy::image_builder_instance(&scope),
                    false => policy::builder(&scope),
                },
            ),
            part(Whom::Trust, "trust", "That role's trust policy", None, policy::trust(&scope)),
        ];
        if by_image_builder {
            let title = "For whoever declares pipelines and adopts what they have made, beside the operator's: a managed policy";
            let pipelines = policy::image_builder_pipelines(&scope);
            all.insert(1, part(Whom::Pipelines, "pipelines", title, Some(policy::MANAGED_LIMIT), pipelines));
            if let Some(components) = policy::image_builder_components(&scope) {
                let title = "For whoever builds what goes through a bucket, beside the operator's: a managed policy";
                all.insert(2, part(Whom::Components, "components", title, Some(policy::MANAGED_LIMIT), components));
            }
        }
        if scope.home.is_some() {
            all.push(part(
                Whom::Distributor,
                "distributor",
                "For whoever distributes, beside the releaser's: a managed policy",
                Some(policy::MANAGED_LIMIT),
                policy::distributor(&scope),
            ));
        }
        if !scope.consumers.is_empty() {
            all.push(part(
                Whom::Consumer,
                "consumer",
                "For the role in other accounts that images are shared with: a managed policy",
                Some(policy::MANAGED_LIMIT),
                policy::consumer(&scope),
            ));
            let trust = policy::consumer_trust(&scope);
            let title = "That role's trust policy, in the other accounts";
            all.extend(trust.map(|trust| part(Whom::ConsumerTrust, "consumer-trust", title, None, trust)));
        }
        if let Some(notify) = policy::fleet_notify(&scope) {
            let title = "For whoever tells people what is new in the fleet, beside the fleet's: a managed policy";
            all.push(part(Whom::FleetNotify, "fleet-notify", title, Some(policy::MANAGED_LIMIT), notify));
        }
        if let Some(alarms) = policy::fleet_alarms(&scope) {
            let title =
                "For whoever declares the alarms over that (fleet --alarms), beside the fleet's: a managed policy";
            all.push(part(Whom::FleetAlarms, "fleet-alarms", title, Some(policy::MANAGED_LIMIT), alarms));
        }
        if !scope.fleet_roles.is_empty() {
            let title = "For the role in other accounts whose fleets are looked at: a managed policy";
            let role = policy::fleet_role(&scope);
            all.push(part(Whom::FleetRole, "fleet-role", title, Some(policy::MANAGED_LIMIT), role));
            let trust = policy::consumer_trust(&scope);
            let title = "That role's trust policy, in the accounts of the fleet";
            all.extend(trust.map(|trust| part(Whom::FleetRoleTrust, "fleet-role-trust", title, None, trust)));
        }
        if let Some(whom) = self.whom.filter(|whom| !all.iter().any(|(other, _)| other == whom)) {
            return Err(CliError::Usage(match whom {
                Whom::ConsumerTrust if !scope.consumers.is_empty() => no_account(),
                Whom::FleetRoleTrust if !scope.fleet_roles.is_empty() => no_account(),
                Whom::Components => {
                    "no components go through a bucket\n  give --target imagebuilder, and `aws: {component_bucket: NAME}` in amifactory.yaml"
                        .into()
                }
                Whom::Pipelines => "only EC2 Image Builder has pipelines\n  give --target imagebuilder".into(),
                Whom::FleetNotify => {
                    "this factory tells nobody what is new in the fleet\n  give `fleet: {notify: {audiences: …}}` in amifactory.yaml"
                        .into()
                }
                Whom::FleetAlarms => {
                    "this factory has no metrics of its fleet that alarms could be over\n  give `fleet: {notify: {metrics: true, audiences: …}}` in amifactory.yaml"
                        .into()
                }
                Whom::FleetRole | Whom::FleetRoleTrust => {
                    "this factory looks at no other account\n  give `fleet: {accounts: …}` in amifactory.yaml, with a role for each"
                        .into()
                }
                _ => "this factory shares nothing with other places\n  \
                      give `distribution:` in amifactory.yaml, with roles for accounts that are to be spoken to"
                    .into(),
            }));
        }
        let asked = all.into_iter().filter(|(whom, _)| self.whom.is_none_or(|only| only == *whom));
        let shown = Policies::new(asked.map(|(_, part)| part).collect(), scope.spot);
        let alone = self.whom.is_some();
        session.result(&shown, |style| policies(&shown, alone, style))?;
        if alone && !session.is_json() {
            // Beside the policy, which is to stand alone.
            shown.notes().iter().for_each(|note| session.warn(note));
        }
        Ok(Exit::Done)
    }
}

fn no_account() -> String {
    "the factory's own account is trusted, and it is not known\n  name it: --account ID".into()
}

fn account(text: &str) -> Result<String, String> {
    let valid = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    if valid { Ok(text.to_owned()) } else { Err("an account has 12 digits".into()) }
}

fn region(text: &str) -> Result<String, String> {
    let valid = text.contains('-') && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if valid { Ok(text.to_owned()) } else { Err("a region is written like eu-central-1".into()) }
}

fn role(text: &str) -> Result<String, String> {
    let valid = !text.is_empty()
        && text.len() <= 576
        && !text.starts_with('/')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&b));
    if valid {
        Ok(text.to_owned())
    } else {
        Err("write the role's name, with its path if it has one; not its ARN".into())
    }
}
