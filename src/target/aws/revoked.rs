//! Marks of versions that must not be used, `/amifactory/<recipe>/<arch>/revoked/<version>`: tags go with their image, and
//! these stay.

use super::api::Api;
use super::parameters;
use crate::identity::{ImageId, Version};
use crate::target::{PointerName, Revocation, Slot, TargetError};
use aws_sdk_ssm::types::Parameter;

/// Where the mark of a version is kept.
pub fn parameter(name: &PointerName) -> Option<String> {
    let Slot::Version(version) = name.slot else { return None };
    Some(format!("/amifactory/{}/{}/revoked/{version}", name.recipe, name.arch))
}

/// Which version's mark a parameter is.
pub fn parse(text: &str) -> Option<PointerName> {
    let mut parts = text.strip_prefix("/amifactory/")?.split('/');
    let (recipe, arch) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (kind, version) = (parts.next()?, parts.next()?.parse::<Version>().ok()?);
    let name = PointerName { recipe, arch, slot: Slot::Version(version) };
    (kind == "revoked" && parts.next().is_none()).then_some(name)
}

/// Reads one.
pub fn read(text: &str, found: &Parameter) -> Result<Revocation, TargetError> {
    checked(text, parameters::read::<Revocation>(text, found)?.value)
}

fn checked(text: &str, revocation: Revocation) -> Result<Revocation, TargetError> {
    match revocation.flaw() {
        None => Ok(revocation),
        Some(flaw) => Err(parameters::damaged(text, flaw.to_owned())),
    }
}

/// Why an image is revoked, as the mark of its version says; one that nobody can read, or that names another image, says
/// nothing of it.
pub async fn reason(api: &Api, version: &PointerName, image: &ImageId) -> Result<Option<String>, TargetError> {
    let Some(text) = parameter(version) else { return Ok(None) };
    match parameters::get::<Revocation>(api, &text).await {
        Ok(found) => Ok(found.and_then(|found| of_image(&text, found.value, image))),
        Err(TargetError::Damaged { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn of_image(text: &str, found: Revocation, image: &ImageId) -> Option<String> {
    checked(text, found).ok().filter(|found| found.image == *image).map(|found| found.reason)
}

/// Writes one, once: what was there first stays. One that nobody can read is an error, and so is one of another image; both
/// stay too.
pub async fn mark(api: &Api, name: &PointerName, revocation: &Revocation) -> Result<(), TargetError> {
    let Some(text) = parameter(name) else { return Ok(()) };
    match parameters::create(api, &text, revocation).await {
        Err(error) if error.is("ParameterAlreadyExists") => {}
        created => return Ok(created?),
    }
    match parameters::get::<Revocation>(api, &text).await? {
        Some(found) => {
            let there = checked(&text, found.value)?;
            let delete = format!("aws ssm delete-parameter --name {text}");
            there.is_of(&revocation.image, name, format!("parameter {text}"), &delete)
        }
        None => Err(parameters::damaged(&text, "someone has removed it meanwhile".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_versions_mark_is_one() {
        let text = "/amifactory/web/x86_64/revoked/1.0.2";
        let name = parse(text).unwrap();
        assert_eq!(parameter(&name).as_deref(), Some(text));
        for other in [
            "/amifactory/web/x86_64/retired/1.0.2",
            "/amifactory/web/x86_64/revoked/dev",
            "/amifactory/web/x86_64/revoked/1.0.2/x",
            "/amifactory/web/x86_64/revoked",
            "/amifactory/web/vax/revoked/1.0.2",
            "/other/web/x86_64/revoked/1.0.2",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
