//! What is asked where EC2 Image Builder makes builders and images: it launches and ends the instances, so whoever builds
//! needs none of the actions for that.

use super::facts::{Asked, Rehearsed};
use super::gather::{self, Ours, ask};
use crate::target::aws::api::{Api, Operation, op};
use crate::target::aws::policy::Grant;
use crate::target::finding::{Finding, Wanted};

/// Names that nothing has; the policy allows asking for them.
const LOG_GROUP: &str = "/aws/imagebuilder/amifactory-doctor";
const STREAM: &str = "1.0.0/1";

/// Whether instances have a profile: the service asks for one, and says only when a build begins whether it is there.
pub fn profile(name: &str, wanted: &Wanted) -> Finding {
    let check = format!("instance profile{name}");
    match &wanted.aws.instance_profile {
        Some(profile) => Finding::unknown(
            check,
            format!("{profile} is given; whether it is there, and its role has what it needs, the first build shows"),
        ),
        None => Finding::fail(
            check,
            "no instance profile is set, so Image Builder would not take the build",
            "give `aws: {instance_profile: NAME}` in amifactory.yaml; amifactory iam-policy --target imagebuilder --for \
             builder prints what its role needs",
        ),
    }
}

/// Reads that builds make, each once.
pub async fn reads(api: &Api, ours: &Ours) -> Vec<(&'static str, Asked<()>)> {
    let builder = &api.imagebuilder;
    let send = || builder.list_image_build_versions().max_results(1).send();
    let builds = ask(api, op::IB_LIST_BUILDS, "image builds", send).await.map(drop);
    let send = || builder.list_components().max_results(1).send();
    let components = ask(api, op::IB_LIST_COMPONENTS, "components", send).await.map(drop);
    let send = || builder.list_image_recipes().max_results(1).send();
    let recipes = ask(api, op::IB_LIST_RECIPES, "image recipes", send).await.map(drop);
    let send = || builder.list_infrastructure_configurations().max_results(1).send();
    let infrastructures = ask(api, op::IB_LIST_INFRASTRUCTURES, "configurations", send).await.map(drop);
    let send = || builder.list_distribution_configurations().max_results(1).send();
    let distributions = ask(api, op::IB_LIST_DISTRIBUTIONS, "configurations", send).await.map(drop);
    let send = || builder.list_image_pipelines().max_results(1).send();
    let pipelines = ask(api, op::IB_LIST_PIPELINES, "image pipelines", send).await.map(drop);
    let send = || api.logs.get_log_events().log_group_name(LOG_GROUP).log_stream_name(STREAM).limit(1).send();
    let log = ask(api, op::GET_LOG_EVENTS, LOG_GROUP, send).await.map(drop);
    let mut all = gather::common_reads(api, ours).await;
    all.extend([
        (op::IB_LIST_BUILDS.action, builds),
        (op::IB_LIST_COMPONENTS.action, components),
        (op::IB_LIST_RECIPES.action, recipes),
        (op::IB_LIST_INFRASTRUCTURES.action, infrastructures),
        (op::IB_LIST_DISTRIBUTIONS.action, distributions),
        (op::IB_LIST_PIPELINES.action, pipelines),
        // Who may not ask is told so before anyone looks whether it is there.
        (
            op::GET_LOG_EVENTS.action,
            log.or_else(|refused| if is_not_there(&refused.code) { Ok(()) } else { Err(refused) }),
        ),
    ]);
    all
}

fn is_not_there(code: &str) -> bool {
    code == "ResourceNotFoundException"
}

/// Changes that builds make, as far as they can be asked about.
pub async fn mutations(api: &Api, ours: &Ours) -> Vec<Rehearsed> {
    gather::image_mutations(api, ours).await
}

/// What can't be asked about without doing it: the service has no `DryRun`.
pub fn unaskable() -> Vec<&'static str> {
    let is_of_builds = |operation: &&Operation| {
        matches!(operation.grant, Grant::ImageBuilderShared | Grant::ImageBuilderBuild | Grant::ImageBuilderOld)
    };
    let builder = op::ALL.iter().filter(is_of_builds).map(|operation| operation.action);
    // Other than runs of commands on builders.
    builder.chain(super::UNASKABLE.into_iter().filter(|action| !super::COMMANDS.contains(action))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_build_shows_is_what_this_target_calls() {
        let all = unaskable();
        for action in ["imagebuilder:CreateImage", "imagebuilder:CreateComponent", "ebs:StartSnapshot"] {
            assert!(all.contains(&action), "{action}");
        }
        assert!(!all.iter().any(|action| action.contains("Command")), "{all:?}");
    }
}
