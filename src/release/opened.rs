//! To whom images are open that amifactory.yaml opens them to nobody or to others: a launch permission that someone gave by
//! hand stays until someone takes it. Looks and changes nothing.

use super::history::History;
use super::rollback::way_back;
use super::seen::Seen;
use super::verify::Drift;
use crate::identity::{ImageId, RecipeName};
use crate::pipeline::tags;
use crate::recipe::ChannelRule;
use crate::report::visible::line;
use crate::target::{Image, PointerName, Readers, Slot, Target, TargetError};
use std::collections::{BTreeMap, BTreeSet};

/// Everybody, in the word that EC2 has for it.
const ALL: &str = "all";

/// Who may launch the images that matter most, beside the account itself.
#[derive(Debug, Default)]
pub struct Launchers {
    /// By image: accounts, organizations and units by their ARNs, `all`.
    pub of: BTreeMap<ImageId, Vec<String>>,
    /// By image and snapshot: who may make volumes of it. Who may not launch an image has its disk all the same.
    pub readers: BTreeMap<ImageId, Readers>,
    /// Why that is not known.
    pub unread: Option<String>,
}

/// Asks. Each image is a call of its own: over a whole factory those are asked for that channels name or would go back to,
/// of one recipe all that versions name. Whether everybody may launch an image is known of all without that.
pub async fn look(target: &dyn Target, seen: &Seen) -> Launchers {
    let images: Vec<ImageId> = of_interest(seen).into_iter().collect();
    let asked = async { Ok::<_, TargetError>((target.launchers(&images).await?, target.readers(&images).await?)) };
    match asked.await {
        Ok((of, readers)) => Launchers { of, readers, unread: None },
        Err(error) => {
            let unread = Some(format!("who may launch its images or read their snapshots is not known: {error}"));
            Launchers { unread, ..Launchers::default() }
        }
    }
}

fn of_interest(seen: &Seen) -> BTreeSet<ImageId> {
    let is_one = seen.recipes.len() == 1;
    let mut images = BTreeSet::new();
    for pointer in seen.all_pointers() {
        match pointer.name.slot {
            Slot::Channel(_) => {
                images.insert(pointer.image.clone());
                images.extend(rollback_target(seen, &pointer.name, &pointer.image).map(|image| image.id.clone()));
            }
            Slot::Version(_) if is_one => drop(images.insert(pointer.image.clone())),
            Slot::Version(_) => {}
        }
    }
    let is_ours =
        |id: &ImageId| seen.image(id).is_some_and(|image| image.available && tags::owner(&image.tags).is_some());
    images.retain(is_ours);
    images
}

/// The image that a rollback of a channel without a version would go back to; none where there is none, or it is not known.
pub fn rollback_target<'s>(seen: &'s Seen, channel: &PointerName, current: &ImageId) -> Option<&'s Image> {
    let entries = seen.histories.get(channel)?.as_ref().ok()?;
    let history = History::of(entries);
    let others = way_back(&history).into_iter().rev().filter(|image| *image != current.as_str());
    let mut usable = others.filter_map(|image| seen.image(&image.parse().ok()?));
    usable.find(|image| image.available && tags::revoked(&image.tags).is_none())
}

/// The images of a recipe that are open to whom amifactory.yaml does not open them.
pub fn drift(seen: &Seen, rules: &[ChannelRule], recipe: &RecipeName) -> Vec<Drift> {
    let given: BTreeSet<&str> = rules.iter().flat_map(words).collect();
    let mut found = Vec::new();
    for image in seen.images_of(recipe) {
        let asked = seen.launchers.of.get(&image.id).into_iter().flatten().map(String::as_str);
        found.extend(readers(seen, &given, recipe, image));
        let mut strangers: BTreeSet<&str> = asked.filter(|word| !given.contains(word)).collect();
        strangers.extend(image.public.then_some(ALL));
        if strangers.is_empty() {
            continue;
        }
        let wrong = match strangers.contains(ALL) {
            true => "it is public: everybody may launch it, in any account".to_owned(),
            false => {
                let all: Vec<_> = strangers.iter().map(|word| line(word)).collect();
                format!("{} may launch it, and amifactory.yaml gives it to no such one", all.join(", "))
            }
        };
        let region = seen.region.as_ref().map(|region| format!(" --region {region}")).unwrap_or_default();
        let mend = format!(
            "find out who opened it; this closes it: aws ec2 modify-image-attribute --image-id {}{region} \
             --launch-permission \"Remove=[{}]\"",
            image.id,
            strangers.iter().map(|word| permission(word)).collect::<Vec<_>>().join(",")
        );
        found.push(Drift { recipe: recipe.clone(), what: format!("image {}", image.id), wrong, mend });
    }
    found
}

/// Snapshots of an image that accounts may read to which amifactory.yaml does not give it.
fn readers(seen: &Seen, given: &BTreeSet<&str>, recipe: &RecipeName, image: &Image) -> Vec<Drift> {
    let region = seen.region.as_ref().map(|region| format!(" --region {region}")).unwrap_or_default();
    let of_snapshot = |(snapshot, words): (&String, &Vec<String>)| {
        let strangers: Vec<&str> = words.iter().map(String::as_str).filter(|word| !given.contains(word)).collect();
        let (all, accounts): (Vec<&str>, Vec<&str>) = strangers.iter().partition(|word| **word == ALL);
        let whom = match (all.is_empty(), accounts.is_empty()) {
            (true, true) => return None,
            (false, _) => "everybody".to_owned(),
            (true, false) => accounts.join(", "),
        };
        let wrong = format!("{} may make volumes of its snapshot {snapshot}", line(&whom));
        let lists = [("--group-names", all), ("--user-ids", accounts)];
        let lists = lists.iter().filter(|(_, words)| !words.is_empty());
        let lists: String = lists.map(|(flag, words)| format!(" {flag} {}", line(&words.join(" ")))).collect();
        let mend = format!(
            "find out who opened it; this closes it: aws ec2 modify-snapshot-attribute --snapshot-id {snapshot}{region} \
             --attribute createVolumePermission --operation-type remove{lists}"
        );
        Some(Drift { recipe: recipe.clone(), what: format!("image {}", image.id), wrong, mend })
    };
    let found = seen.launchers.readers.get(&image.id).into_iter().flatten();
    found.filter_map(of_snapshot).collect()
}

/// All whom a channel reaches.
fn words(rule: &ChannelRule) -> impl Iterator<Item = &str> {
    let reach = &rule.reach;
    let accounts = reach.accounts.iter().map(AsRef::as_ref);
    let organizations = reach.organizations.iter().map(|arn| arn.as_str());
    accounts.chain(organizations).chain(reach.organizational_units.iter().map(|arn| arn.as_str()))
}

/// As the AWS command line takes it. What EC2 answers with is none of ours, but nothing else fits there.
fn permission(word: &str) -> String {
    let key = match word {
        ALL => "Group",
        unit if unit.contains(":ou/") => "OrganizationalUnitArn",
        organization if organization.starts_with("arn:") => "OrganizationArn",
        _ => "UserId",
    };
    format!("{{{key}={}}}", line(word))
}
