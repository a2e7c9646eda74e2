//! Launch templates. Every version counts: a group, a fleet or a script may name any of them.

use super::super::api::{Api, CallError, op};
use super::{Found, ids_in};
use std::collections::BTreeMap;

/// Results per page (EC2 API reference, `DescribeLaunchTemplates` and `DescribeLaunchTemplateVersions`: 1 to 200).
const PAGE: i32 = 200;
/// How a template has an image looked up at each launch.
const RESOLVE: &str = "resolve:ssm:";

/// All of them.
pub async fn read(api: &Api, found: &mut Found) -> Result<(), CallError> {
    let mut resolved: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for template in templates(api).await? {
        let mut page = None;
        loop {
            let ask = || {
                let request = api.ec2.describe_launch_template_versions().launch_template_id(&template);
                request.max_results(PAGE).set_next_token(page.clone()).send()
            };
            let answer = match api.caller.call(op::DESCRIBE_TEMPLATE_VERSIONS, &template, ask).await {
                // Removed since it was listed.
                Err(error) if error.is("InvalidLaunchTemplateId.NotFound") => break,
                answer => answer?,
            };
            for version in answer.launch_template_versions() {
                let number = version.version_number().unwrap_or_default();
                let arn = found.place.ec2(&format!("launch-template/{template}:{number}"));
                let image = version.launch_template_data().and_then(|data| data.image_id()).unwrap_or_default();
                match image.strip_prefix(RESOLVE) {
                    Some(parameter) => resolved.entry(parameter.to_owned()).or_default().push(arn),
                    None => found.uses(image, "launch template", arn),
                }
            }
            page = answer.next_token;
            if page.as_deref().is_none_or(str::is_empty) {
                break;
            }
        }
    }
    resolve(api, found, "launch template", resolved).await
}

/// What names an image by a parameter, with a version or a label of it or without, uses what that gives now. One that
/// does not exist gives nothing; one of another account or region may give anything.
pub async fn resolve(
    api: &Api,
    found: &mut Found,
    kind: &'static str,
    parameters: BTreeMap<String, Vec<String>>,
) -> Result<(), CallError> {
    for (parameter, by) in parameters {
        let ask = || api.ssm.get_parameters().names(&parameter).send();
        let answer = match api.caller.call(op::GET_PARAMETERS, &parameter, ask).await {
            Err(error) if parameter.starts_with("arn:") && !error.is_credentials() => {
                found.unread(&parameter, format!("{} resolves it: {}", by.join(", "), error.message));
                continue;
            }
            answer => answer?,
        };
        if answer.parameters().is_empty() && parameter.starts_with("arn:") {
            found.unread(&parameter, format!("{} resolves it, and it is not seen from here", by.join(", ")));
        }
        for value in answer.parameters().iter().filter_map(|parameter| parameter.value()) {
            for image in ids_in(value) {
                by.iter().for_each(|by| found.uses(image, kind, by));
            }
        }
    }
    Ok(())
}

async fn templates(api: &Api) -> Result<Vec<String>, CallError> {
    let (mut ids, mut page) = (Vec::new(), None);
    loop {
        let ask = || {
            let request = api.ec2.describe_launch_templates().max_results(PAGE);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::DESCRIBE_TEMPLATES, "launch templates", ask).await?;
        ids.extend(answer.launch_templates().iter().filter_map(|t| t.launch_template_id().map(str::to_owned)));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(ids);
        }
    }
}
