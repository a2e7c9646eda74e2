//! How a build ended, in the form that people and machines read.

use super::error::BuildError;
use super::event::{BuildResult, Failure, Outcome};
use super::prepare::PrepareError;
use super::schedule::{Finished, RunError};
use super::tags;
use crate::identity::{RecipeName, TargetKind};
use crate::target::{ImageRecord, TargetError};

impl Finished {
    /// True where nothing was started because of what the files, the command line or this machine say.
    pub fn is_wrong_input(&self) -> bool {
        match &self.outcome {
            Err(RunError::Prepare(PrepareError::Target(error))) => {
                matches!(error, TargetError::Unsupported { .. } | TargetError::Base { .. })
            }
            Err(RunError::Prepare(PrepareError::RevokedBase { .. })) => false,
            Err(RunError::Prepare(_)) => true,
            Err(RunError::Build(BuildError::VersionTaken { .. } | BuildError::OtherVersion { .. })) => true,
            _ => false,
        }
    }

    /// True where nothing was started because what it is built on is revoked.
    pub fn is_on_revoked(&self) -> bool {
        matches!(self.outcome, Err(RunError::Prepare(PrepareError::RevokedBase { .. })))
    }

    /// The same in the form that people and machines read.
    pub fn result(&self, target: TargetKind) -> BuildResult {
        let mut result = BuildResult {
            recipe: self.recipe.clone(),
            version: None,
            digest: self.digest.clone(),
            outcome: Outcome::Failed,
            image: None,
            target,
            build: None,
            controls: Default::default(),
            score: None,
            duration_s: self.took.as_secs_f64(),
            calls: 0,
            reasons: self.reasons.clone(),
            warnings: self.warnings.clone(),
            unmet: Vec::new(),
            revoked: None,
            revoked_by: None,
            failure: None,
        };
        let mut fill = |record: &ImageRecord| {
            result.version = Some(record.version);
            result.build = Some(record.build.clone());
            result.controls = record.tally;
            result.score = record.score;
        };
        match &self.outcome {
            Ok(built) => {
                fill(&built.record);
                // The same plan would make the same image: that is no success, and only --force or a change is a way on.
                result.revoked = tags::revoked(&built.image.tags).filter(|_| !built.fresh).map(str::to_owned);
                result.revoked_by = result.revoked.as_ref().and(built.image.tags.get(tags::REVOKED_BY)).cloned();
                result.outcome = match (built.fresh, &result.revoked) {
                    (true, _) => Outcome::Built,
                    (false, None) => Outcome::UpToDate,
                    (false, Some(_)) => Outcome::Refused,
                };
                result.image = Some(built.image.id.clone());
                result.calls = built.calls;
            }
            Err(RunError::Build(BuildError::Refused { unmet, image, record })) => {
                fill(record);
                result.outcome = Outcome::Refused;
                result.unmet = unmet.clone();
                result.image = image.clone();
            }
            Err(RunError::Build(BuildError::Step(failure))) => result.failure = Some((**failure).clone()),
            Err(other) => {
                result.failure = Some(Failure {
                    what: other.to_string(),
                    resource: self.recipe.to_string(),
                    last_lines: Vec::new(),
                    log: None,
                    next: next_command(other, &self.recipe),
                });
            }
        }
        result
    }
}

fn next_command(error: &RunError, recipe: &RecipeName) -> String {
    match error {
        RunError::BaseNotBuilt(base) => format!("amifactory build {base}"),
        RunError::Prepare(PrepareError::Target(TargetError::RecordLost { recipe, .. })) => {
            format!("amifactory build {recipe} --force")
        }
        RunError::Prepare(PrepareError::RevokedBase { parent, .. }) => format!("amifactory build {parent} --force"),
        RunError::Prepare(_) => "amifactory doctor".into(),
        RunError::Build(BuildError::VersionTaken { .. } | BuildError::OtherVersion { .. }) => {
            format!("amifactory images {recipe}")
        }
        RunError::Build(BuildError::BaseRevoked { .. }) => format!("amifactory plan {recipe}"),
        // Nothing was begun that could be gone on with.
        RunError::Build(BuildError::Target(TargetError::Unsupported { .. })) => format!("amifactory plan {recipe}"),
        RunError::Build(BuildError::Target(TargetError::RecordLost { recipe, .. })) => {
            format!("amifactory build {recipe} --force")
        }
        RunError::Build(_) => "amifactory resume".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_begun_is_no_build_to_be_resumed() {
        let refused = TargetError::Unsupported { what: "it is too large".into(), help: "make it smaller".into() };
        let recipe: RecipeName = "web".parse().unwrap();
        assert_eq!(next_command(&RunError::Build(refused.into()), &recipe), "amifactory plan web");
    }

    #[test]
    fn a_lost_record_is_no_build_to_be_resumed() {
        let recipe: RecipeName = "web".parse().unwrap();
        let lost = |recipe: &str| TargetError::RecordLost {
            image: "ami-0123456789abcdef0".parse().unwrap(),
            recipe: recipe.parse().unwrap(),
        };
        let of_image = RunError::Build(lost("web").into());
        assert_eq!(next_command(&of_image, &recipe), "amifactory build web --force");
        // That of the image that it is built on.
        let of_base = RunError::Prepare(PrepareError::Target(lost("base")));
        assert_eq!(next_command(&of_base, &recipe), "amifactory build base --force");
    }
}
