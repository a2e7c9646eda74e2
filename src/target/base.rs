//! Which of a recipe's bases a target builds on.

use super::TargetError;
use crate::identity::TargetKind;
use crate::recipe::{AwsBase, BaseSpec, LocalBase};

/// The base for the local target, or why there is none.
pub fn local_base(spec: &BaseSpec) -> Result<&LocalBase, TargetError> {
    match spec {
        BaseSpec::Own { local: Some(local), .. } => Ok(local),
        other => Err(missing(other, TargetKind::Local)),
    }
}

/// The base for AWS, or why there is none.
pub fn aws_base(spec: &BaseSpec) -> Result<&AwsBase, TargetError> {
    match spec {
        BaseSpec::Own { aws: Some(aws), .. } => Ok(aws),
        other => Err(missing(other, TargetKind::Aws)),
    }
}

fn missing(spec: &BaseSpec, target: TargetKind) -> TargetError {
    let (base, other) = match spec {
        // Images of recipes are found by their own ids, and never here.
        BaseSpec::Recipe { recipe, .. } => (format!("recipe {recipe}"), None),
        BaseSpec::Own { local: Some(_), .. } => ("local".to_owned(), Some(TargetKind::Local)),
        BaseSpec::Own { .. } => ("aws".to_owned(), Some(TargetKind::Aws)),
    };
    let key = match target {
        TargetKind::Local => "`local: host`",
        TargetKind::Aws | TargetKind::ImageBuilder => {
            "`aws:`, such as `aws: {parameter: \
             /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64}`"
        }
    };
    let instead = other.map_or_else(String::new, |other| format!(", or build with --target {other}"));
    TargetError::Base {
        base,
        what: format!("the recipe has no base for the target {target}"),
        help: format!("add {key} under its `base:`{instead}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_is_missing_is_named() {
        let local = BaseSpec::from(LocalBase::Host);
        let aws = BaseSpec::from(AwsBase {
            image: crate::recipe::AwsBaseImage::Parameter("/aws/service/x".into()),
            family: None,
        });
        assert!(local_base(&local).is_ok() && aws_base(&aws).is_ok());
        let said = aws_base(&local).unwrap_err().to_string();
        assert!(said.contains("no base for the target aws\n  add `aws:`"), "{said}");
        assert!(said.ends_with("under its `base:`, or build with --target local"), "{said}");
        let said = local_base(&aws).unwrap_err().to_string();
        assert!(said.contains("no base for the target local\n  add `local: host` under its `base:`"), "{said}");
        assert!(said.ends_with("or build with --target aws"), "{said}");
    }
}
