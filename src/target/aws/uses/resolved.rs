//! Parameters that templates, fleets and groups name their images by, with a version or a label or without: what uses one
//! uses what it gives now. One that does not exist gives nothing; one of another account or region may give anything.

use super::super::api::{Api, CallError, op};
use super::{Found, ids_in};

/// All that were met so far, each asked for once.
pub async fn read(api: &Api, found: &mut Found) -> Result<(), CallError> {
    for (parameter, uses) in std::mem::take(&mut found.by_parameter) {
        let by = || uses.iter().map(|used| used.id.as_str()).collect::<Vec<_>>().join(", ");
        let ask = || api.ssm.get_parameters().names(&parameter).send();
        let answer = match api.caller.call(op::GET_PARAMETERS, &parameter, ask).await {
            Err(error) if parameter.starts_with("arn:") && !error.is_credentials() => {
                found.unread(&parameter, format!("{} resolves it: {}", by(), error.message));
                continue;
            }
            answer => answer?,
        };
        if answer.parameters().is_empty() && parameter.starts_with("arn:") {
            found.unread(&parameter, format!("{} resolves it, and it is not seen from here", by()));
        }
        for value in answer.parameters().iter().filter_map(|parameter| parameter.value()) {
            for image in ids_in(value) {
                uses.iter().for_each(|used| found.uses(image, used.kind, &used.id));
            }
        }
    }
    Ok(())
}
