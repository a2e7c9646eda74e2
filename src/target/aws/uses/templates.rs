//! Launch templates. Every version counts: a group, a fleet or a script may name any of them.

use super::super::api::{Api, CallError, op};
use super::super::inventory::templates::Templates;
use super::Found;

/// Results per page (EC2 API reference, `DescribeLaunchTemplates` and `DescribeLaunchTemplateVersions`: 1 to 200).
const PAGE: i32 = 200;

/// All of them.
pub async fn read(api: &Api, found: &mut Found) -> Result<Templates, CallError> {
    let mut templates = Templates::default();
    for template in ids(api).await? {
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
                found.launches(image, "launch template", arn);
                templates.add(version);
            }
            page = answer.next_token;
            if page.as_deref().is_none_or(str::is_empty) {
                break;
            }
        }
    }
    Ok(templates)
}

async fn ids(api: &Api) -> Result<Vec<String>, CallError> {
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
