//! Ids of builds: `<recipe>-<12 digits of the digest>-<attempt>`. Attempts by EC2 Image Builder are counted by themselves,
//! `…-ib1`: no one look shows what was begun in both ways, and what one of them makes must never pass for the other's.

use super::folder::StateFolder;
use crate::identity::{BuildId, TargetKind};
use crate::plan::Plan;
use crate::target::Image;

/// What stands before the number of an attempt by EC2 Image Builder.
const BY_SERVICE: &str = "ib";

/// How ids of this plan's builds begin, on this target.
pub fn stem(plan: &Plan, target: TargetKind) -> String {
    format!("{}-{}-{}", plan.recipe, plan.digest.short(), mark(target))
}

fn mark(target: TargetKind) -> &'static str {
    match target {
        TargetKind::ImageBuilder => BY_SERVICE,
        TargetKind::Local | TargetKind::Aws => "",
    }
}

/// The highest attempt among these names; 0 where there is none.
pub fn last<'n>(stem: &str, names: impl Iterator<Item = &'n str>) -> u32 {
    names.filter_map(|name| name.strip_prefix(stem)?.parse().ok()).max().unwrap_or(0)
}

/// Attempts that are known here, by journals and by images.
pub fn known<'n>(builds: &'n [BuildId], images: &'n [Image]) -> impl Iterator<Item = &'n str> {
    builds.iter().map(BuildId::as_str).chain(images.iter().map(|image| image.name.as_str()))
}

/// The id of an attempt.
pub fn id(state: &StateFolder, stem: &str, attempt: u32) -> Result<BuildId, super::BuildError> {
    format!("{stem}{attempt}").parse().map_err(|error| super::BuildError::State {
        path: state.root().to_owned(),
        source: std::io::Error::other(format!("{error}")),
    })
}

/// Counts from 1: how often the plan was begun.
pub fn attempt(build: &BuildId) -> u32 {
    let number = build.as_str().rsplit('-').next().unwrap_or_default();
    number.strip_prefix(BY_SERVICE).unwrap_or(number).parse().unwrap_or(1)
}

/// Whether such a build is begun on this target. An image can be gone on with on another one, which has not made it.
pub fn is_begun_on(build: &BuildId, target: TargetKind) -> bool {
    let number = build.as_str().rsplit('-').next().unwrap_or_default();
    number.starts_with(BY_SERVICE) == (target == TargetKind::ImageBuilder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_of_the_two_ways_are_counted_apart() {
        let names = ["web-0123456789ab-2", "web-0123456789ab-ib7", "web-0123456789ab-x", "web-other-9"];
        assert_eq!(last("web-0123456789ab-", names.into_iter()), 2);
        assert_eq!(last("web-0123456789ab-ib", names.into_iter()), 7);
        assert_eq!(last("db-0123456789ab-", names.into_iter()), 0);
    }

    #[test]
    fn an_id_says_its_attempt_and_where_it_is_begun() {
        let case = |id: &str| {
            let id: BuildId = id.parse().unwrap();
            let kinds = [TargetKind::Local, TargetKind::Aws, TargetKind::ImageBuilder];
            (attempt(&id), kinds.map(|kind| is_begun_on(&id, kind)))
        };
        assert_eq!(case("web-0123456789ab-3"), (3, [true, true, false]));
        assert_eq!(case("web-0123456789ab-ib12"), (12, [false, false, true]));
        // A recipe's name may hold the same letters.
        assert_eq!(case("my-ib2-0123456789ab-4"), (4, [true, true, false]));
    }
}
