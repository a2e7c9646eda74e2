//! Many recipes in one listing: their pointers, the locks of their moves, and what is written down of images that are
//! revoked or on their way out.

use super::api::Api;
use super::{moves, parameters, pointers, revoked, way_out};
use crate::identity::RecipeName;
use crate::target::{Overview, TargetError};
use std::collections::BTreeMap;

/// Where all pointers are.
const ALL: &str = "/amifactory";

/// Lists what is below one recipe, or below all where several are asked for: pages grow with what there is, and not with
/// the number of questions.
pub async fn of(api: &Api, recipes: &[RecipeName]) -> Result<BTreeMap<RecipeName, Overview>, TargetError> {
    let mut found: BTreeMap<RecipeName, Overview> =
        recipes.iter().map(|recipe| (recipe.clone(), Overview::default())).collect();
    let path = match recipes {
        [] => return Ok(found),
        [recipe] => format!("{ALL}/{recipe}"),
        _ => ALL.to_owned(),
    };
    for parameter in &parameters::list(api, &path, true).await? {
        // What else someone keeps under the same path is not ours.
        let text = parameter.name().unwrap_or_default();
        if let Some(name) = pointers::parse(text) {
            if let Some(overview) = found.get_mut(&name.recipe) {
                overview.pointers.push(pointers::checked(parameter, name));
            }
        } else if let Some(name) = moves::parse_lock(text)
            && let Some(overview) = found.get_mut(&name.recipe)
        {
            let read = moves::in_parameter(api, name.clone(), parameter);
            overview.unreadable.extend(read.is_err().then_some(name));
            overview.underway.push(read);
        } else if let Some(recipe) = way_out::recipe_of(text) {
            if let Some(overview) = found.get_mut(&recipe) {
                overview.retirements.push(way_out::read(text, parameter));
            }
        } else if let Some(name) = revoked::parse(text) {
            if let Some(overview) = found.get_mut(&name.recipe) {
                overview.revocations.insert(name, revoked::read(text, parameter));
            }
        } else if let Some((recipe, error)) = parameters::damaged_pin(text, parameter)
            && let Some(overview) = found.get_mut(&recipe)
        {
            overview.pointers.push(Err(error));
        }
    }
    Ok(found)
}
