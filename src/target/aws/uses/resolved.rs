//! Parameters that templates, fleets and groups name their images by, with a version or a label or without: what uses one
//! uses what it gives now. One that does not exist gives nothing; one of another account or region may give anything.

use super::super::api::{Api, CallError};
use super::super::parameters;
use super::{Found, ids_in};

/// All that were met so far, each asked for once.
pub async fn read(api: &Api, found: &mut Found) -> Result<(), CallError> {
    let wanted = std::mem::take(&mut found.by_parameter);
    let mut values = parameters::values(api, &wanted.keys().cloned().collect()).await?;
    for (parameter, uses) in wanted {
        let by = || uses.iter().map(|used| used.id.as_str()).collect::<Vec<_>>().join(", ");
        let is_arn = parameter.starts_with("arn:");
        let value = match values.remove(&parameter).unwrap_or(Ok(None)) {
            // What it gives may be any image; what the others give is known all the same.
            Err(error) => {
                found.unread(&parameter, format!("{} resolves it: {}", by(), error.message));
                continue;
            }
            Ok(value) => value,
        };
        if value.is_none() && is_arn {
            found.unread(&parameter, format!("{} resolves it, and it is not seen from here", by()));
        }
        for image in value.iter().flat_map(|value| ids_in(value)) {
            uses.iter().for_each(|used| found.uses(image, used.kind, &used.id));
        }
    }
    Ok(())
}
