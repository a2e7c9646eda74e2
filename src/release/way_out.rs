//! Which commands take a channel away from an image that it must not name any more: those that work, and not those that a
//! pin or an empty past refuses.

use super::history::History;
use super::revoke::Revoked;
use super::rollback::way_back;
use super::scene::{self, Scene};
use crate::identity::{Arch, Channel, ImageId, RecipeName, Version};
use crate::pipeline::tags;
use crate::recipe::ChannelRule;
use crate::target::{Image, Pointer, PointerName, Slot, Target};
use std::collections::BTreeSet;

/// What the commands depend on.
pub struct Ground<'a> {
    /// What the channel has named so far.
    pub history: &'a History,
    /// What it names now.
    pub current: &'a str,
    /// The version of an image that can be used; none of all others.
    pub usable: &'a dyn Fn(&str) -> Option<Version>,
    /// Whether the channel is held.
    pub pinned: bool,
    /// Whether the recipe has images for several architectures, so that commands have to say which.
    pub several: bool,
    /// The rules of the factory's channels; empty where they are not known.
    pub rules: &'a [ChannelRule],
    /// Recipes that have to be built before this one, the first of them first.
    pub bases: &'a [RecipeName],
    /// A version that the channel could be promoted to, where nothing is left that it could go back to.
    pub waiting: Option<Version>,
}

/// What waits in the channel before: what that names, or else what it has named by moves of ours, the last of it first.
pub fn waiting(
    before: &History,
    named_before: &str,
    current: &str,
    usable: impl Fn(&str) -> Option<Version>,
) -> Option<Version> {
    let fit = |image: &str| usable(image).filter(|_| image != current);
    let is_sound = before.unrecorded().is_none() && before.last_contradicted().is_none();
    let names = is_sound.then(|| fit(named_before)).flatten();
    names.or_else(|| named(before, named_before, fit).first().copied())
}

/// The recipes that a recipe is built on and that have to be built anew before it, the lowest first: nothing is built on an
/// image that is revoked. By what the newest image of each was built on.
pub fn bases_to_build(
    images: &[Image],
    recipe: &RecipeName,
    arch: Arch,
    is_revoked: impl Fn(&Image) -> bool,
) -> Vec<RecipeName> {
    let newest = |recipe: &RecipeName| {
        let of = |image: &&Image| {
            tags::arch(&image.tags).is_none_or(|found| found == arch)
                && tags::owner(&image.tags).is_some_and(|owner| owner.recipe == *recipe)
        };
        images.iter().filter(of).max_by_key(|image| tags::version_of(image))
    };
    let mut found: Vec<RecipeName> = Vec::new();
    let mut above = newest(recipe);
    while let Some(image) = above {
        let base = image.tags.get(tags::BASE).and_then(|base| base.strip_prefix("image:")?.split(':').next());
        let Some(parent) = base.and_then(|parent| parent.parse::<RecipeName>().ok()) else { break };
        let below = newest(&parent).filter(|image| is_revoked(image) && !found.contains(&parent));
        found.extend(below.is_some().then_some(parent));
        above = below;
    }
    found.reverse();
    found
}

/// The commands that build a recipe anew, with what it is built on where that has to come first.
pub fn build_anew(recipe: &RecipeName, bases: &[RecipeName]) -> Vec<String> {
    bases.iter().chain([recipe]).map(|recipe| format!("amifactory build {recipe} --force")).collect()
}

/// The versions that a channel has named by moves of ours and that can be used, last named first; not what it names now.
pub fn named(history: &History, current: &str, usable: impl Fn(&str) -> Option<Version>) -> Vec<Version> {
    let ours = history.ours().rev().filter(|moved| moved.image != current);
    let mut found = Vec::new();
    for version in ours.filter_map(|moved| usable(&moved.image)) {
        if !found.contains(&version) {
            found.push(version);
        }
    }
    found
}

/// The commands, in the order in which they are to be typed.
pub fn commands(name: &PointerName, ground: &Ground<'_>) -> Vec<String> {
    let (recipe, Slot::Channel(channel)) = (&name.recipe, &name.slot) else { return Vec::new() };
    let arch = if ground.several { format!(" --arch {}", name.arch) } else { String::new() };
    let unpin = ground.pinned.then(|| format!("amifactory unpin {recipe} --channel {channel}{arch}"));
    let back = format!("amifactory rollback {recipe} --channel {channel}{arch}");
    let way = way_back(ground.history);
    let step = way.iter().rev().any(|image| *image != ground.current && (ground.usable)(image).is_some());
    let then = match named(ground.history, ground.current, ground.usable).first() {
        _ if step => vec![back],
        Some(version) => vec![format!("{back} --to {version}")],
        None => anew(recipe, channel, &arch, ground),
    };
    unpin.into_iter().chain(then).collect()
}

/// Where nothing is left to go back to.
fn anew(recipe: &RecipeName, channel: &Channel, arch: &str, ground: &Ground<'_>) -> Vec<String> {
    if let Some(version) = ground.waiting {
        return vec![format!(
            "amifactory promote {recipe}@{version} --to {channel}{arch}   (nothing is left that {channel} could go back to)"
        )];
    }
    let mut builds = build_anew(recipe, ground.bases);
    if let Some(last) = builds.last_mut() {
        last.push_str(&format!("   (nothing is left that {channel} could go back to)"));
    }
    let is_first = ground.rules.iter().any(|rule| rule.name == *channel && rule.from.is_none());
    // Builds publish to the first channel themselves.
    let promote = (!is_first).then(|| format!("amifactory promote {recipe}@VERSION --to {channel}{arch}"));
    builds.into_iter().chain(promote).collect()
}

/// What to type for each channel that names a revoked image, at home or elsewhere. What can't be read keeps nobody from
/// being told.
pub async fn after_revoke(
    target: &dyn Target,
    rules: &[ChannelRule],
    revoked: &[Revoked],
    elsewhere: &[(RecipeName, Arch, Channel)],
) -> Vec<String> {
    let gone: BTreeSet<&ImageId> = revoked.iter().map(|revoked| &revoked.image).collect();
    let mut recipes: Vec<&RecipeName> = Vec::new();
    for recipe in revoked.iter().map(|revoked| &revoked.recipe).chain(elsewhere.iter().map(|(recipe, ..)| recipe)) {
        if !recipes.contains(&recipe) {
            recipes.push(recipe);
        }
    }
    let mut all: Vec<String> = Vec::new();
    let images = if recipes.is_empty() { Vec::new() } else { target.images().await.unwrap_or_default() };
    let is_revoked = |image: &Image| gone.contains(&image.id) || tags::revoked(&image.tags).is_some();
    for recipe in recipes {
        let Ok(scene) = Scene::look(target, recipe).await else {
            let at_home =
                revoked.iter().filter(|revoked| revoked.recipe == *recipe).flat_map(|revoked| &revoked.channels);
            let there = elsewhere.iter().filter(|(other, ..)| other == recipe).map(|(.., channel)| channel);
            all.extend(at_home.chain(there).map(|channel| format!("amifactory rollback {recipe} --channel {channel}")));
            continue;
        };
        let mut names: Vec<PointerName> = scene
            .channels()
            .filter(|(_, pointer)| gone.contains(&pointer.image))
            .map(|(_, pointer)| pointer.name.clone())
            .collect();
        let there = elsewhere.iter().filter(|(other, ..)| other == recipe);
        names.extend(there.map(|(_, arch, channel)| scene.channel(*arch, channel)));
        let archs: BTreeSet<Arch> = scene.pointers.iter().map(|pointer| pointer.name.arch).collect();
        for name in names {
            // A tag that was just written is not seen by everyone at once.
            let usable = |image: &str| {
                let image: ImageId = image.parse().ok().filter(|image| !gone.contains(image))?;
                scene.fit(scene.version_of(&image)?, &image).ok().map(|candidate| candidate.version)
            };
            // Home may have moved on where another place has not: then all places have to follow it.
            let at_home = scene.pointer(&name).map(|pointer| &pointer.image);
            let behind = at_home.filter(|image| !gone.contains(image)).and_then(|image| scene.version_of(image));
            if let (Some(version), Slot::Channel(channel)) = (behind, &name.slot) {
                all.push(format!("amifactory rollback {recipe} --channel {channel} --to {version}"));
                continue;
            }
            let history = match scene::history(target, &name).await {
                Ok(history) => history,
                Err(_) => super::history::History::of(&[]),
            };
            let pinned = target.pin(&name).await.ok().flatten().is_some_and(|pin| pin.holds(target.now()));
            let current = at_home.map(ImageId::as_str).unwrap_or_default();
            let several = archs.len() > 1;
            let bases = bases_to_build(&images, recipe, name.arch, is_revoked);
            let waiting = waiting_for(target, &scene, (rules, &name), current, &usable).await;
            let ground =
                Ground { history: &history, current, usable: &usable, pinned, several, rules, bases: &bases, waiting };
            all.extend(commands(&name, &ground));
        }
    }
    once(all)
}

/// Each command once, by its words: what is said beside it makes no other command of it.
fn once(all: Vec<String>) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    let words = |command: &str| command.split("   ").next().unwrap_or_default().to_owned();
    for command in all {
        if !told.iter().any(|other| words(other) == words(&command)) {
            told.push(command);
        }
    }
    told
}

/// The version that a channel could be promoted to. What can't be read names none.
async fn waiting_for(
    target: &dyn Target,
    scene: &Scene,
    (rules, name): (&[ChannelRule], &PointerName),
    current: &str,
    usable: &(dyn Fn(&str) -> Option<Version> + Sync),
) -> Option<Version> {
    let Slot::Channel(channel) = &name.slot else { return None };
    let rule = rules.iter().find(|rule| rule.name == *channel)?;
    let Some(from) = &rule.from else {
        let of_arch = scene.pointers.iter().filter(|pointer| pointer.name.arch == name.arch);
        return newest(of_arch, current, usable);
    };
    let from = scene.channel(name.arch, from);
    let history = scene::history(target, &from).await.ok()?;
    waiting(&history, scene.pointer(&from)?.image.as_str(), current, usable)
}

/// The newest version of these pointers that can be used: the first channel takes any.
pub fn newest<'p>(
    pointers: impl Iterator<Item = &'p Pointer>,
    current: &str,
    usable: impl Fn(&str) -> Option<Version>,
) -> Option<Version> {
    let versions = pointers.filter(|pointer| matches!(pointer.name.slot, Slot::Version(_)));
    versions.filter(|pointer| pointer.image.as_str() != current).filter_map(|p| usable(p.image.as_str())).max()
}

#[cfg(test)]
mod tests {
    use super::super::history::Moved;
    use super::super::note::{Kind, Note};
    use super::*;

    #[test]
    fn a_command_is_told_once_whatever_is_said_beside_it() {
        let all =
            ["build web --force   (nothing is left)", "build web --force", "promote web", "build web --force   (x)"];
        let told = once(all.map(str::to_owned).to_vec());
        assert_eq!(told, ["build web --force   (nothing is left)", "promote web"]);
    }

    fn told(moves: &[(Kind, &str)], usable: &[&str], pinned: bool) -> Vec<String> {
        told_where(moves, usable, pinned, None)
    }

    fn told_where(moves: &[(Kind, &str)], usable: &[&str], pinned: bool, waiting: Option<&str>) -> Vec<String> {
        let moved = |(at, (kind, image)): (usize, &(Kind, &str))| Moved {
            revision: at as u64 + 1,
            at: String::new(),
            image: (*image).to_owned(),
            by: None,
            note: Some(Note::new(*kind, String::new())),
        };
        let moves: Vec<Moved> = moves.iter().enumerate().map(moved).collect();
        let current = moves.last().unwrap().image.clone();
        let history = History { moves, ..History::default() };
        let version = |image: &str| usable.contains(&image).then(|| format!("1.0.{image}").parse().unwrap());
        let channel = |name: &str| name.parse::<Channel>().unwrap();
        let rules = [ChannelRule::open(channel("dev"), None), ChannelRule::open(channel("prod"), Some(channel("dev")))];
        let slot = Slot::Channel(channel("prod"));
        let name = PointerName { recipe: "web".parse().unwrap(), arch: Arch::X86_64, slot };
        let ground = Ground {
            history: &history,
            current: &current,
            usable: &version,
            pinned,
            several: false,
            rules: &rules,
            bases: &[],
            waiting: waiting.map(|version| version.parse().unwrap()),
        };
        commands(&name, &ground)
    }

    #[test]
    fn nothing_is_told_to_be_built_on_what_is_revoked() {
        use crate::identity::Digest;
        let image = |id: u32, recipe: &str, base: &str, revoked: bool| {
            let of = format!("image:{base}:{}", Digest::of(base));
            let mut tags: crate::target::Tags = [
                (tags::RECIPE, recipe.to_owned()),
                (tags::VERSION, format!("1.0.{id}")),
                (tags::DIGEST, Digest::of(recipe).to_string()),
                (tags::BUILD, format!("{recipe}-{id}")),
                (tags::ARCH, "x86_64".to_owned()),
                (tags::BASE, if base.is_empty() { "host:0".to_owned() } else { of }),
            ]
            .map(|(key, value)| (key.to_owned(), value))
            .into();
            if revoked {
                tags.insert(tags::REVOKED.to_owned(), "leaked".to_owned());
            }
            let (id, name) = (format!("img-{id:08x}").parse().unwrap(), String::new());
            Image { id, name, tags, available: true, failed: None, created_at: String::new(), public: false }
        };
        let told = |images: &[Image]| -> Vec<String> {
            let is_revoked = |image: &Image| tags::revoked(&image.tags).is_some();
            let bases = bases_to_build(images, &"shop".parse().unwrap(), Arch::X86_64, is_revoked);
            build_anew(&"shop".parse().unwrap(), &bases)
        };
        let mut images = vec![image(1, "base", "", true), image(2, "web", "base", true), image(3, "shop", "web", true)];
        let (base, web, shop) =
            ("amifactory build base --force", "amifactory build web --force", "amifactory build shop --force");
        assert_eq!(told(&images), [base, web, shop]);
        // Someone has built the lowest one again.
        images.push(image(4, "base", "", false));
        assert_eq!(told(&images), [web, shop]);
        images.push(image(5, "web", "base", false));
        assert_eq!(told(&images), [shop]);
        assert_eq!(told(&[image(3, "shop", "", true)]), [shop]);
        // Two that say that they are built on each other end it.
        assert_eq!(told(&[image(1, "web", "shop", true), image(3, "shop", "web", true)]).len(), 3);
    }

    #[test]
    fn the_command_that_is_told_is_one_that_works() {
        use Kind::{Promote, Rollback};
        let stepped = [(Promote, "1"), (Promote, "3"), (Promote, "4")];
        assert_eq!(told(&stepped, &["1", "3"], false), ["amifactory rollback web --channel prod"]);
        // Back at the first of its way: no step is left, and what it has named can still be gone to by name.
        let back = [&stepped[..], &[(Rollback, "1")]].concat();
        assert_eq!(told(&back, &["3", "4"], false), ["amifactory rollback web --channel prod --to 1.0.4"]);
        assert_eq!(told(&back, &["3"], false), ["amifactory rollback web --channel prod --to 1.0.3"]);
        // A channel that is held goes nowhere before it is let go.
        assert_eq!(
            told(&back, &["4"], true),
            ["amifactory unpin web --channel prod", "amifactory rollback web --channel prod --to 1.0.4"]
        );
        assert_eq!(
            told(&back, &[], false),
            [
                "amifactory build web --force   (nothing is left that prod could go back to)",
                "amifactory promote web@VERSION --to prod"
            ]
        );
        // Nobody builds anew where a good one waits in the channel before.
        assert_eq!(
            told_where(&back, &[], true, Some("1.0.7")),
            [
                "amifactory unpin web --channel prod",
                "amifactory promote web@1.0.7 --to prod   (nothing is left that prod could go back to)"
            ]
        );
    }

    #[test]
    fn what_waits_in_the_channel_before_is_what_came_there_through_its_gates() {
        let moved = |image: &str, ours: bool| {
            let note = ours.then(|| Note::new(Kind::Promote, String::new()));
            Moved { revision: 1, at: String::new(), image: image.into(), by: None, note }
        };
        let told = |moves: &[(&str, bool)], current: &str, usable: &[&str]| {
            let moves: Vec<Moved> = moves.iter().map(|(image, ours)| moved(image, *ours)).collect();
            let names = moves.last().unwrap().image.clone();
            let history = History { moves, ..History::default() };
            let version = |image: &str| usable.contains(&image).then(|| format!("1.0.{image}").parse().unwrap());
            waiting(&history, &names, current, version).map(|version: Version| version.to_string())
        };
        let two = [("1", true), ("2", true)];
        assert_eq!(told(&two, "9", &["1", "2"]).as_deref(), Some("1.0.2"));
        assert_eq!(told(&two, "2", &["1", "2"]).as_deref(), Some("1.0.1"), "not what it names itself");
        assert_eq!(told(&two, "9", &["1"]).as_deref(), Some("1.0.1"));
        assert_eq!(told(&two, "9", &[]), None);
        assert_eq!(told(&[("1", true), ("2", false)], "9", &["1", "2"]).as_deref(), Some("1.0.1"));
        assert_eq!(told(&[("2", false)], "9", &["2"]), None);
    }

    #[test]
    fn what_a_channel_has_named_is_told_once_and_without_what_it_names() {
        let note = |kind| Some(Note::new(kind, String::new()));
        let moved = |image: &str, note| Moved { revision: 1, at: String::new(), image: image.into(), by: None, note };
        let moves = vec![
            moved("1", note(Kind::Promote)),
            moved("3", note(Kind::Promote)),
            moved("9", None),
            moved("4", note(Kind::Promote)),
            moved("3", note(Kind::Rollback)),
            moved("1", note(Kind::Rollback)),
        ];
        let history = History { moves, ..History::default() };
        let found = named(&history, "1", |image| format!("1.0.{image}").parse().ok());
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1.0.3", "1.0.4"]);
    }
}
