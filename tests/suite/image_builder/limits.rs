//! What a component and a recipe can hold.

use super::instance::{bundles, made, read, small};
use crate::builder_commands::{noise, step};
use amifactory::hardening::Library;
use amifactory::identity::{Arch, Digest, OsFamily, RecipeName, TargetKind};
use amifactory::plan::{self, Bundles};
use amifactory::recipe::{ExtraVolume, MountPoint, load};
use amifactory::target::ResolvedBase;
use amifactory::target::aws::imagebuilder::{
    Component, DocumentError, MAX_COMPONENTS, MAX_DATA, MAX_STORED, Wanted, documents,
};
use std::time::Duration;

fn of(bundles: &Bundles, plan: &str, volumes: &[ExtraVolume]) -> Result<Vec<Component>, DocumentError> {
    through(bundles, plan, volumes, None)
}

fn through(
    bundles: &Bundles,
    plan: &str,
    volumes: &[ExtraVolume],
    bucket: Option<&str>,
) -> Result<Vec<Component>, DocumentError> {
    let recipe: RecipeName = "web-tier".parse().unwrap();
    let plan = Digest::of(plan);
    documents(bundles, &Wanted { recipe: &recipe, plan: &plan, limit: Duration::from_secs(3600), volumes, bucket })
}

fn noisy(bytes: usize) -> Bundles {
    // base64 of noise: what a kilobyte of it takes is found out, not guessed.
    bundles(&[step("a", &format!(": {}", noise(bytes)))], &[], &[])
}

/// The most noise that fits, and the least that does not.
fn bounds(of: impl Fn(usize) -> bool) -> (usize, usize) {
    let (mut fits, mut not) = (0, 4 << 20);
    assert!(of(fits) && !of(not));
    while not - fits > 16 {
        let middle = (fits + not) / 2;
        if of(middle) { fits = middle } else { not = middle }
    }
    (fits, not)
}

fn check(components: &[Component]) {
    let mut names: Vec<&str> = components.iter().map(|component| component.name.as_str()).collect();
    assert!(components.len() <= MAX_COMPONENTS);
    for component in components {
        let most = if component.bucket.is_some() { MAX_STORED } else { MAX_DATA };
        assert!(component.data.len() <= most, "{} has {}", component.name, component.data.len());
        // `{{ name }}` would be replaced; and what is not ASCII is counted in another way by everyone.
        assert!(component.data.is_ascii() && !component.data.contains("{{"), "{}", component.name);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(component.name.chars().all(plain) && component.name.len() <= 126, "{}", component.name);
        read(component);
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), components.len());
}

#[test]
fn shipped_recipes_fit() {
    let library = Library::embedded().unwrap();
    let factory = load(&crate::recipes::root(), &library.catalogue(), crate::recipes::today()).unwrap();
    for recipe in factory.recipes.values() {
        for family in OsFamily::ALL {
            let base = ResolvedBase {
                id: "ami-0123456789abcdef0".into(),
                description: "a base".into(),
                family: *family,
                os_name: "an OS".into(),
                arch: Arch::X86_64,
                parts: [].into(),
            };
            let plan = plan::make(&factory, &library, recipe, base, TargetKind::Aws).unwrap();
            let components = of(&plan.bundles, "a plan", &plan.aws.volumes).unwrap();
            let most = components.iter().map(|component| component.data.len()).max();
            eprintln!("{} on {family}: {} components, the largest of {most:?}", recipe.name, components.len());
            check(&components);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_and_what_just_fits_is_not() {
    let with = |bytes: usize| of(&noisy(bytes), "a plan", &[]);
    let (fits, not) = bounds(|bytes| with(bytes).is_ok());
    let components = with(fits).unwrap();
    assert_eq!(components.len(), MAX_COMPONENTS);
    check(&components);
    let error = with(not).unwrap_err();
    assert_eq!(error, DocumentError::TooMany { components: MAX_COMPONENTS + 1, most: MAX_DATA });
    assert!(error.to_string().contains("component_bucket") && error.to_string().contains("--target aws"), "{error}");
    // A full part fills a component nearly: there is no room that is given away.
    let fullest = components.iter().map(|component| component.data.len()).max().unwrap();
    assert!(fullest > MAX_DATA - 300, "{fullest}");

    let many: Vec<ExtraVolume> = (0..2000)
        .map(|number| {
            let mount: MountPoint = format!("/srv/data-{number}").parse().unwrap();
            ExtraVolume { options: mount.usual_options(), mount, size_gib: 1 }
        })
        .collect();
    let error = of(&small(), "a plan", &many).unwrap_err();
    assert!(matches!(error, DocumentError::TooLarge { what: "apply", characters, .. } if characters > MAX_DATA));
}

#[test]
fn a_bucket_makes_room_for_what_does_not_fit_otherwise_and_changes_nothing_else() {
    let bucket = Some("acme-image-components");
    // What fits is made of the same components as without one: a plan that was built before finds them.
    let (fits, not) = bounds(|bytes| of(&noisy(bytes), "a plan", &[]).is_ok());
    assert_eq!(through(&noisy(fits), "a plan", &[], bucket), of(&noisy(fits), "a plan", &[]));

    let components = through(&noisy(not), "a plan", &[], bucket).unwrap();
    check(&components);
    let large: Vec<&Component> = components.iter().filter(|component| component.bucket.is_some()).collect();
    assert!(large.len() >= 2 && large.len() < components.len(), "{}", large.len());
    assert!(large.iter().all(|component| component.data.len() > MAX_DATA));

    let with = |bytes: usize| through(&noisy(bytes), "a plan", &[], bucket);
    let (most, too_many) = bounds(|bytes| with(bytes).is_ok());
    let components = with(most).unwrap();
    assert_eq!(components.len(), MAX_COMPONENTS);
    check(&components);
    let fullest = components.iter().map(|component| component.data.len()).max().unwrap();
    assert!(fullest > MAX_STORED - 300, "{fullest}");
    assert!(most > 3 * fits, "{most} instead of {fits}");
    let error = with(too_many).unwrap_err();
    assert_eq!(error, DocumentError::TooMany { components: MAX_COMPONENTS + 1, most: MAX_STORED });
    assert!(!error.to_string().contains("component_bucket"), "{error}");
}

#[test]
fn names_are_what_components_hold() {
    let one = of(&small(), "a plan", &[]).unwrap();
    assert_eq!(of(&small(), "a plan", &[]).unwrap(), one);
    let other = of(&small(), "another plan", &[]).unwrap();
    // A part is the same whatever plan it is of: only what runs it says whose results those are.
    let same: Vec<bool> = one.iter().zip(&other).map(|(one, other)| one.name == other.name).collect();
    assert_eq!(same, [true, false, false, true, false]);
    let changed = bundles(&[step("a", "echo other")], &[step("s", "echo sealed >&2")], &[step("t", "echo tested")]);
    let changed = of(&changed, "a plan", &[]).unwrap();
    let same: Vec<bool> = one.iter().zip(&changed).map(|(one, other)| one.name == other.name).collect();
    assert_eq!(same, [false, false, false, true, false]);
    assert_eq!(read(&made(&small())[1]).time_s, 60 + 300);
    assert_eq!(read(&made(&small())[2]).time_s, 2 * 60 + 300);
}
