//! What changed between two images, computed from their records alone.

use crate::hardening::Status;
use crate::identity::{Digest, ImageId, RecipeName, Slug, Version};
use crate::target::{ImageRecord, Package};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// From one image to another. Empty lists where nothing changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImageDiff {
    /// From which.
    pub a: Side,
    /// To which.
    pub b: Side,
    /// What the image was made from, where that changed.
    pub base: Option<Change<String>>,
    /// The hardening profile, where that changed.
    pub profile: Option<Change<Option<String>>>,
    /// Package groups that came, went or changed version.
    pub groups: Vec<NamedChange>,
    /// Packages that came, went or changed version.
    pub packages: Vec<NamedChange>,
    /// Controls that came, went or changed status.
    pub controls: Vec<ControlChange>,
    /// Parts of the plan whose digests differ.
    pub inputs: Vec<NamedChange>,
}

/// One of the two images.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// The image.
    pub image: ImageId,
    /// Its recipe.
    pub recipe: RecipeName,
    /// Its version.
    pub version: Version,
    /// Its plan's digest.
    pub digest: Digest,
    /// Its score.
    pub score: Option<f64>,
}

/// One value for another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change<T> {
    /// Before.
    pub from: T,
    /// After.
    pub to: T,
}

/// Something with a name that came (`from` is null), went (`to` is null) or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedChange {
    /// Its name.
    pub name: String,
    /// Before.
    pub from: Option<String>,
    /// After.
    pub to: Option<String>,
}

/// A control that came, went or changed status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ControlChange {
    /// Which.
    pub slug: Slug,
    /// Its title.
    pub title: String,
    /// Before.
    pub from: Option<Status>,
    /// After.
    pub to: Option<Status>,
}

impl ImageDiff {
    /// What changed from `a` to `b`.
    pub fn between(a: (&ImageId, &ImageRecord), b: (&ImageId, &ImageRecord)) -> ImageDiff {
        let (old, new) = (a.1, b.1);
        let [old_packages, new_packages] = packages(&old.packages, &new.packages);
        let base = |record: &ImageRecord| format!("{} ({})", record.base.description, record.base.id);
        ImageDiff {
            a: Side::of(a),
            b: Side::of(b),
            base: (old.base.id != new.base.id).then(|| Change { from: base(old), to: base(new) }),
            profile: (old.profile != new.profile)
                .then(|| Change { from: old.profile.clone(), to: new.profile.clone() }),
            groups: named(groups(old), groups(new)),
            packages: named(old_packages, new_packages),
            controls: controls(old, new),
            inputs: named(old.provenance.inputs.clone(), new.provenance.inputs.clone()),
        }
    }

    /// True where nothing that is compared differs.
    pub fn is_empty(&self) -> bool {
        self.base.is_none()
            && self.profile.is_none()
            && self.groups.is_empty()
            && self.packages.is_empty()
            && self.controls.is_empty()
            && self.inputs.is_empty()
    }
}

impl Side {
    fn of((image, record): (&ImageId, &ImageRecord)) -> Side {
        Side {
            image: image.clone(),
            recipe: record.recipe.clone(),
            version: record.version,
            digest: record.digest.clone(),
            score: record.score,
        }
    }
}

/// What differs between two maps, by name.
fn named(old: BTreeMap<String, String>, new: BTreeMap<String, String>) -> Vec<NamedChange> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .map(|name| NamedChange { name: name.clone(), from: old.get(name).cloned(), to: new.get(name).cloned() })
        .filter(|change| change.from != change.to)
        .collect()
}

fn groups(record: &ImageRecord) -> BTreeMap<String, String> {
    record.groups.iter().map(|group| (group.name.to_string(), group.version.to_string())).collect()
}

/// Packages by name, of both images. The architecture belongs to the name where either image has the name for several,
/// and several versions side by side (kernels) are one value.
fn packages(old: &[Package], new: &[Package]) -> [BTreeMap<String, String>; 2] {
    let mut architectures: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in old.iter().chain(new) {
        architectures.entry(&package.name).or_default().insert(&package.arch);
    }
    [old, new].map(|packages| {
        let mut versions: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for package in packages {
            let several = architectures.get(package.name.as_str()).is_some_and(|all| all.len() > 1);
            let name = if several { format!("{}:{}", package.name, package.arch) } else { package.name.clone() };
            versions.entry(name).or_default().insert(&package.version);
        }
        versions.into_iter().map(|(name, all)| (name, all.into_iter().collect::<Vec<_>>().join(", "))).collect()
    })
}

fn controls(old: &ImageRecord, new: &ImageRecord) -> Vec<ControlChange> {
    let status = |record: &ImageRecord| -> BTreeMap<Slug, Status> {
        record.controls.iter().map(|control| (control.slug.clone(), control.status)).collect()
    };
    let (before, after) = (status(old), status(new));
    // In the order of the newer image's evidence, which is by section; those that went come last.
    let gone = old.controls.iter().filter(|control| !after.contains_key(&control.slug));
    new.controls
        .iter()
        .chain(gone)
        .map(|control| ControlChange {
            slug: control.slug.clone(),
            title: control.title.clone(),
            from: before.get(&control.slug).copied(),
            to: after.get(&control.slug).copied(),
        })
        .filter(|change| change.from != change.to)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, arch: &str) -> Package {
        Package { name: name.into(), version: version.into(), arch: arch.into(), kind: "deb".into() }
    }

    #[test]
    fn architectures_and_side_by_side_versions_are_told_apart() {
        let old = [package("libc6", "2.36", "amd64"), package("kernel", "1", "amd64"), package("vim", "9", "amd64")];
        let new = [
            package("libc6", "2.36", "amd64"),
            package("libc6", "2.36", "i386"),
            package("kernel", "2", "amd64"),
            package("kernel", "1", "amd64"),
        ];
        let [old, new] = packages(&old, &new);
        let changes = named(old, new);
        let text: Vec<String> = changes.iter().map(|c| format!("{} {:?} {:?}", c.name, c.from, c.to)).collect();
        assert_eq!(
            text,
            [r#"kernel Some("1") Some("1, 2")"#, r#"libc6:i386 None Some("2.36")"#, r#"vim Some("9") None"#,]
        );
    }
}
