//! Verify in other places: what is there by itself, and whether it is what home says. Looks and changes nothing.

use super::histories::past_gates;
use super::{Drift, Unknown, Verified, check};
use super::{from_home, in_accounts, lost, retagged};
use crate::identity::{Arch, Channel, ImageId, RecipeName, Region, Version};
use crate::pipeline::tags::{self, ImageState};
use crate::recipe::ChannelRule;
use crate::release::Account;
use crate::release::distribute::copy_of;
use crate::release::error::ReleaseError;
use crate::release::history::History;
use crate::release::opened::rollback_target;
use crate::release::places::{Place, Places, audience};
use crate::release::seen::Seen;
use crate::target::{Evidence, Image, Pointer, PointerName, Slot, Tags, TargetError};
use futures_util::future::join_all;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What all places show, home too.
pub(super) struct Everywhere {
    pub(super) seen: BTreeMap<Place, Seen>,
    /// By place and image: whom a channel's image is to be shared with there and is not.
    unshared: BTreeMap<(Place, ImageId), Vec<String>>,
    /// What could not be looked at.
    unknown: Vec<Unknown>,
}

/// Looks at all places, each for itself and against home, all at once.
pub async fn verify_everywhere(
    places: &Places<'_>,
    rules: &[ChannelRule],
    recipes: &[RecipeName],
) -> Result<Verified, ReleaseError> {
    let home = places.home_place();
    let all = look(places, rules, recipes).await?;
    let at_home = &all.seen[&home];
    let mut verified = check(at_home, true, None, rules);
    verified.unknown.extend(all.unknown.iter().cloned());
    for region in places.known.regions.keys() {
        let place = Place { account: None, region: region.clone() };
        let Some(seen) = all.seen.get(&place) else { continue };
        let found = check(seen, true, Some(at_home), rules);
        verified.pointers += found.pointers;
        verified.unknown.extend(found.unknown);
        let here = |drift: Drift| Drift { what: format!("{} in {place}", drift.what), ..drift };
        verified.drift.extend(found.drift.into_iter().map(here));
    }
    for recipe in recipes {
        Against { places, rules, recipe, all: &all, home: &all.seen[&home], verified: &mut verified }.recipe();
    }
    Ok(verified)
}

async fn look(places: &Places<'_>, rules: &[ChannelRule], recipes: &[RecipeName]) -> Result<Everywhere, ReleaseError> {
    let home = places.home_place();
    let known = places.known.regions.keys().map(|region| Place { account: None, region: region.clone() });
    let mut reached: BTreeSet<Place> = known.chain([home.clone()]).collect();
    for rule in rules {
        let accounts = places.accounts(&rule.reach);
        for region in places.regions(&rule.reach) {
            let there = accounts.iter().map(|account| Place { account: Some(account.clone()), region: region.clone() });
            reached.extend(there);
        }
    }
    let each = reached.iter().map(|place| async {
        let look = async {
            if *place == home {
                return Seen::look(places.home, recipes, true).await;
            }
            let there = places.at(place).await?;
            match &place.account {
                None => Seen::look(&*there, recipes, false).await,
                Some(_) => Seen::pointers_of(&*there, recipes).await,
            }
        };
        (place.clone(), look.await)
    });
    let mut all = Everywhere { seen: BTreeMap::new(), unshared: BTreeMap::new(), unknown: Vec::new() };
    for (place, looked) in join_all(each).await {
        match looked {
            Ok(seen) => drop(all.seen.insert(place, seen)),
            // What home says is what all others are measured by.
            Err(error) if place == home => return Err(error),
            Err(error) => all.unknown.push(Unknown { place, why: error.to_string() }),
        }
    }
    unshared(places, rules, &mut all).await?;
    Ok(all)
}

/// Asks each region of one's own who may use the images that its channels name.
async fn unshared(places: &Places<'_>, rules: &[ChannelRule], all: &mut Everywhere) -> Result<(), ReleaseError> {
    let mut questions = Vec::new();
    for rule in rules.iter().filter(|rule| rule.reach.is_shared()) {
        for region in places.regions(&rule.reach) {
            let place = Place { account: None, region };
            let Some(here) = all.seen.get(&place) else { continue };
            let named = here.all_pointers().filter(|pointer| pointer.name.slot == Slot::Channel(rule.name.clone()));
            let named = named.filter(|pointer| here.image(&pointer.image).is_some());
            let with_its_way_back = |pointer: &Pointer| {
                let back = rollback_target(here, &pointer.name, &pointer.image).map(|image| image.id.clone());
                [Some(pointer.image.clone()), back].into_iter().flatten()
            };
            let images: BTreeSet<ImageId> = named.flat_map(with_its_way_back).collect();
            questions.push((place, images.into_iter().collect::<Vec<_>>(), audience(&rule.reach)));
        }
    }
    let home = places.home_place();
    let each = questions.iter().map(|(place, images, audience)| async {
        let missing = match *place == home {
            true => places.home.unshared(images, audience).await?,
            false => places.at(place).await?.unshared(images, audience).await?,
        };
        Ok::<_, TargetError>(missing)
    });
    for ((place, ..), asked) in questions.iter().zip(join_all(each).await) {
        match asked {
            Ok(missing) => all.unshared.extend(missing.into_iter().map(|(image, whom)| ((place.clone(), image), whom))),
            Err(error) if *place == home => return Err(error.into()),
            Err(error) => all.unknown.push(Unknown { place: place.clone(), why: error.to_string() }),
        }
    }
    Ok(())
}

/// One recipe, against what home says.
struct Against<'a, 'p> {
    places: &'a Places<'p>,
    rules: &'a [ChannelRule],
    recipe: &'a RecipeName,
    all: &'a Everywhere,
    home: &'a Seen,
    verified: &'a mut Verified,
}

impl Against<'_, '_> {
    fn wrong(&mut self, what: String, wrong: impl Into<String>, mend: String) {
        self.verified.drift.push(Drift { recipe: self.recipe.clone(), what, wrong: wrong.into(), mend });
    }

    /// What home moves is nowhere else by itself: where only other places name something, home's pointer was deleted.
    fn gone_at_home(&mut self) {
        let (all, home) = (self.all, self.home);
        let overview = home.recipes.get(self.recipe);
        let is_at_home = |name: &PointerName| {
            let is_it = |read: &Result<Pointer, TargetError>| read.as_ref().map_or(true, |found| found.name == *name);
            overview.is_some_and(|overview| overview.pointers.iter().any(is_it))
        };
        let mut left: BTreeMap<&PointerName, Vec<String>> = BTreeMap::new();
        let mut versions: BTreeMap<&PointerName, BTreeSet<Version>> = BTreeMap::new();
        for (place, there) in all.seen.iter().filter(|(place, _)| **place != self.places.home_place()) {
            let channels = there.pointers(self.recipe).filter(|found| matches!(found.name.slot, Slot::Channel(_)));
            for found in channels.filter(|found| !is_at_home(&found.name)) {
                left.entry(&found.name).or_default().push(format!("{place} names {}", found.image));
                versions.entry(&found.name).or_default().extend(there.versions_of(self.recipe, &found.image));
            }
        }
        for (name, places) in left {
            let Slot::Channel(channel) = &name.slot else { continue };
            let wrong = format!("it is not there at home, and elsewhere it is: {}", places.join(", "));
            let versions: Vec<&Version> = versions.get(name).into_iter().flatten().collect();
            let again = match versions.as_slice() {
                [version] => format!(
                    "amifactory promote {}@{version} --to {channel} --arch {} names again what these places name",
                    self.recipe, name.arch
                ),
                _ => format!("promote to {channel} again what these places name, by its version"),
            };
            let mend = format!("someone deleted it, and its history: find out who; {again}");
            // What home alone shows of it is the newest version that it has ever named, which may be another.
            let (what, recipe) = (name.to_string(), self.recipe);
            self.verified.drift.retain(|told| told.recipe != *recipe || told.what != what);
            self.wrong(name.to_string(), wrong, mend);
        }
    }

    fn recipe(&mut self) {
        self.gone_at_home();
        self.verified.drift.extend(in_accounts::versions(self.recipe, self.all, self.home));
        for drift in lost::pointers(self.recipe, self.all, self.home, self.rules) {
            // What a channel of that place has named is told with that.
            if !self.verified.drift.iter().any(|told| told.recipe == drift.recipe && told.what == drift.what) {
                self.verified.drift.push(drift);
            }
        }
        let at_home: Vec<&Pointer> = self.home.pointers(self.recipe).collect();
        for pointer in &at_home {
            match &pointer.name.slot {
                Slot::Version(_) => self.copies(pointer),
                Slot::Channel(channel) => {
                    // Whoever moves it now brings the other places along.
                    if self.verified.moving.iter().any(|underway| underway.name == pointer.name) {
                        continue;
                    }
                    let Some(rule) = self.rules.iter().find(|rule| rule.name == *channel) else { continue };
                    for region in self.places.regions(&rule.reach) {
                        self.channel(pointer, rule, &region, &at_home);
                    }
                    self.no_longer_reached(&pointer.name, rule);
                }
            }
        }
    }

    fn channel(&mut self, pointer: &Pointer, rule: &ChannelRule, region: &Region, at_home: &[&Pointer]) {
        let version = version_of(at_home, &pointer.image, pointer.name.arch);
        let own = Place { account: None, region: region.clone() };
        // What an account is to name is known only by the region's own images.
        if !self.all.seen.contains_key(&own) {
            return;
        }
        let image = self.expected(pointer, region, at_home);
        if *region != self.places.known.home {
            self.follows(&own, pointer, image.as_ref(), &rule.name);
        }
        for account in self.places.accounts(&rule.reach) {
            let place = Place { account: Some(account), region: region.clone() };
            self.follows(&place, pointer, image.as_ref(), &rule.name);
        }
        let Some(image) = image else { return };
        let key = (own.clone(), image.clone());
        if let Some(whom) = self.all.unshared.get(&key).filter(|_| rule.reach.is_shared()) {
            let what = format!("{} in {own}", pointer.name);
            let wrong = format!("{image} lacks {}", whom.join(", "));
            let mend = match from_home::past_gates(self.home, &pointer.name) {
                true => from_home::brings(self.home, self.rules, &pointer.name, &rule.name),
                false => format!("amifactory promote {}{version} --to {} --yes shares it anew", self.recipe, rule.name),
            };
            self.wrong(what, wrong, mend);
        }
        self.way_back(&own, &pointer.name, &image, rule);
    }

    /// What a channel would go back to can be used by those who use the channel.
    fn way_back(&mut self, own: &Place, name: &PointerName, current: &ImageId, rule: &ChannelRule) {
        let all = self.all;
        let there = all.seen.get(own).filter(|_| rule.reach.is_shared());
        let Some(back) = there.and_then(|there| rollback_target(there, name, current)) else { return };
        let Some(whom) = all.unshared.get(&(own.clone(), back.id.clone())) else { return };
        let wrong = format!("{}, which a rollback goes back to, lacks {}", back.id, whom.join(", "));
        let version = tags::owner(&back.tags).map(|owner| format!("@{}", owner.version)).unwrap_or_default();
        let mend = format!("amifactory distribute {}{version} --to {} shares it anew", self.recipe, rule.name);
        self.wrong(format!("{name} in {own}"), wrong, mend);
    }

    /// Where a channel does not go any more, its pointer stays behind and is moved by nobody.
    fn no_longer_reached(&mut self, name: &PointerName, rule: &ChannelRule) {
        let reached = reached_by(self.places, rule);
        let all = self.all;
        for (place, there) in &all.seen {
            let home = *place == self.places.home_place();
            if !home && !reached.contains(place) && there.pointers(self.recipe).any(|pointer| pointer.name == *name) {
                let wrong = format!("it is there, and {} does not reach that place any more", rule.name);
                let mend = format!(
                    "nobody moves it there: let the channel reach it again, or delete the pointer there, where nobody \
                     needs it: aws ssm delete-parameter --name {name} --region {}",
                    place.region
                );
                self.wrong(format!("{name} in {place}"), wrong, mend);
            }
        }
    }

    /// The image in a region that is the same as what home names; none where it is not there.
    fn expected(&self, named: &Pointer, region: &Region, at_home: &[&Pointer]) -> Option<ImageId> {
        if *region == self.places.known.home {
            return Some(named.image.clone());
        }
        let there = self.all.seen.get(&Place { account: None, region: region.clone() })?;
        let version = at_home.iter().find(|pointer| {
            matches!(pointer.name.slot, Slot::Version(_))
                && pointer.image == named.image
                && pointer.name.arch == named.name.arch
        });
        let named_there =
            version.and_then(|version| there.pointers(self.recipe).find(|pointer| pointer.name == version.name));
        // Where someone deleted the version's pointer, that is told; the copy is what it was.
        let copy = || lost::copy_in(there, self.home, self.recipe, &named.image);
        named_there.map(|pointer| pointer.image.clone()).or_else(copy)
    }

    /// A channel in a place names what it should.
    fn follows(&mut self, place: &Place, at_home: &Pointer, image: Option<&ImageId>, channel: &Channel) {
        let Some(there) = self.all.seen.get(place) else { return };
        let overview = there.recipes.get(self.recipe);
        let named = there.pointers(self.recipe).find(|pointer| pointer.name == at_home.name);
        let damaged = overview.into_iter().flat_map(|overview| &overview.pointers).find_map(|read| match read {
            Err(TargetError::Damaged { what, why, .. }) if what.ends_with(&at_home.name.to_string()) => Some(why),
            _ => None,
        });
        // In a region of one's own what is gone is told with the pointer itself.
        let is_gone =
            |named: &Pointer| place.account.is_some() && in_accounts::is_gone(self.all, self.recipe, place, named);
        let gone = named.filter(|named| is_gone(named));
        let wrong = damaged.cloned().or_else(|| behind(named.map(|pointer| &pointer.image), image));
        if let Some(named) = gone.filter(|_| wrong.is_none()) {
            let wrong = format!("it names {}, which is gone", named.image);
            let mend = from_home::brings(self.home, self.rules, &at_home.name, channel);
            let mend = format!("delete the pointers of its version first, as is told with them; {mend}");
            self.wrong(format!("{} in {place}", at_home.name), wrong, mend);
            self.verified.pointers += 1;
            return;
        }
        let entries = there.histories.get(&at_home.name).and_then(|read| read.as_ref().ok());
        let account = if place.account.is_some() { Account::Other } else { Account::Own };
        let history = entries.map(|entries| History::in_account(entries, account));
        let edited = history.as_ref().filter(|history| place.account.is_some() && !history.is_sound());
        let by_hand = history.as_ref().and_then(History::unrecorded).filter(|_| wrong.is_none());
        let is_pointer = named.is_some() && place.account.is_some();
        if let Some(edited) = edited {
            let can_accept = entries.is_some_and(|entries| !History::open(entries, account).is_empty());
            let mend = match can_accept {
                false => "find out who could write there".to_owned(),
                true => format!(
                    "find out who could write there; amifactory rollback {} --channel {channel} --accept-break --why REASON \
                     accepts it as it stands",
                    self.recipe
                ),
            };
            self.wrong(format!("{} in {place}", at_home.name), edited.verdict(), mend);
        }
        let found = wrong.into_iter().chain(by_hand.map(past_gates));
        for wrong in found.collect::<Vec<_>>() {
            let mend = from_home::brings(self.home, self.rules, &at_home.name, channel);
            self.wrong(format!("{} in {place}", at_home.name), wrong, mend);
        }
        self.verified.pointers += usize::from(is_pointer);
    }

    /// Copies of a version say of themselves what its image at home says.
    fn copies(&mut self, at_home: &Pointer) {
        let Some(source) = self.home.image(&at_home.image) else { return };
        for region in self.places.known.regions.keys() {
            let place = Place { account: None, region: region.clone() };
            let Some(there) = self.all.seen.get(&place) else { continue };
            let Some(pointer) = there.pointers(self.recipe).find(|pointer| pointer.name == at_home.name) else {
                continue;
            };
            let Some(copy) = there.image(&pointer.image) else { continue };
            let record = self.home.evidence.get(&source.id);
            for (wrong, mend) in difference(source, copy, record, &self.places.known.home, region, &at_home.name) {
                self.wrong(format!("{} in {place}", at_home.name), wrong, mend);
            }
        }
    }
}

/// How what a channel names in a place differs from what it should; none where it does not.
pub fn behind(named: Option<&ImageId>, image: Option<&ImageId>) -> Option<String> {
    match (named, image) {
        (Some(named), Some(image)) if named == image => None,
        (_, None) => Some("what home names is not there".to_owned()),
        (Some(named), Some(image)) => Some(format!("it names {named}, and home's image is {image} there")),
        (None, Some(_)) => Some("it names nothing there".to_owned()),
    }
}

/// A place in which a channel does not name what it names at home, or that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Differs {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// `false` where it could not be looked at, so that it is not known.
    pub known: bool,
    /// How it differs, or why that is not known.
    pub why: String,
}

/// Where a recipe's channels differ from what they name at home, by the name of each.
pub async fn differing(
    places: &Places<'_>,
    rules: &[ChannelRule],
    recipe: &RecipeName,
    at_home: &[Pointer],
) -> BTreeMap<PointerName, Vec<Differs>> {
    let reached: BTreeSet<Place> = rules.iter().flat_map(|rule| reached_by(places, rule)).collect();
    let each = reached.iter().map(|place| async move {
        let seen = async { places.at(place).await?.pointers_read(recipe).await };
        (place.clone(), seen.await)
    });
    let seen: BTreeMap<Place, _> = join_all(each).await.into_iter().collect();
    let mut differing: BTreeMap<PointerName, Vec<Differs>> = BTreeMap::new();
    for pointer in at_home {
        let Slot::Channel(channel) = &pointer.name.slot else { continue };
        let Some(rule) = rules.iter().find(|rule| rule.name == *channel) else { continue };
        let version = at_home.iter().find(|other| {
            matches!(other.name.slot, Slot::Version(_))
                && other.image == pointer.image
                && other.name.arch == pointer.name.arch
        });
        for place in reached_by(places, rule) {
            let read = |name: &PointerName, place: &Place| match seen.get(place) {
                Some(Ok(read)) => Ok(read.iter().flatten().find(|there| there.name == *name)),
                Some(Err(error)) => Err(error.to_string()),
                None => Ok(None),
            };
            let own = Place { account: None, region: place.region.clone() };
            let expected = match (place.region == places.known.home, version) {
                (true, _) => Ok(Some(pointer.image.clone())),
                (false, None) => Ok(None),
                (false, Some(version)) => read(&version.name, &own).map(|found| found.map(|found| found.image.clone())),
            };
            let found = read(&pointer.name, &place)
                .and_then(|named| Ok(behind(named.map(|pointer| &pointer.image), expected?.as_ref())));
            let differs = match found {
                Ok(None) => continue,
                Ok(Some(why)) => Differs { place, known: true, why },
                Err(why) => Differs { place, known: false, why },
            };
            differing.entry(pointer.name.clone()).or_default().push(differs);
        }
    }
    differing
}

/// The places that a channel reaches and that can be asked, but for home.
pub fn reached_by(places: &Places<'_>, rule: &ChannelRule) -> Vec<Place> {
    let accounts = places.accounts(&rule.reach);
    let home = places.home_place();
    let mut all = Vec::new();
    for region in places.regions(&rule.reach) {
        let of = |account| Place { account, region: region.clone() };
        all.push(of(None));
        all.extend(accounts.iter().map(|account| of(Some(account.clone()))));
    }
    all.retain(|place| *place != home);
    all
}

/// What a copy's tags say otherwise than its source's, and what to do. A source may go on in its state, and a revoke that
/// was cut off is another matter than an edit.
fn difference(
    source: &Image,
    copy: &Image,
    record: Option<&Evidence>,
    home: &Region,
    region: &Region,
    name: &PointerName,
) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let version = match &name.slot {
        Slot::Version(version) => version.to_string(),
        Slot::Channel(_) => String::new(),
    };
    let origin = copy_of(&source.id, home);
    if copy.tags.get(tags::COPY_OF) != Some(&origin) {
        let says = copy.tags.get(tags::COPY_OF).map_or("nothing", String::as_str);
        let wrong = format!("{} is to be a copy of {origin}, and its tags say {says}", copy.id);
        found.push((wrong, format!("find out who changed them: set {} to `{origin}`", tags::COPY_OF)));
    }
    let own = [tags::LAUNCHERS, tags::CHANNELS, tags::COPY_OF, tags::STATE, tags::REVOKED, tags::REVOKED_BY];
    let said = |tags: &Tags| -> BTreeMap<String, String> {
        let ours = |key: &String| key.starts_with(tags::PREFIX) && !own.contains(&key.as_str());
        tags.iter().filter(|(key, _)| ours(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let (there, here) = (said(&copy.tags), said(&source.tags));
    let keys: BTreeSet<&String> =
        there.keys().chain(here.keys()).filter(|key| there.get(*key) != here.get(*key)).collect();
    let unread = match record {
        Some(Evidence::Of(_)) => "as no record holds them: find out, and put the other one right".to_owned(),
        Some(Evidence::Missing) => "as the record can't be read: find out, and put the other one right".to_owned(),
        None | Some(Evidence::There) => format!("without the record: amifactory verify {} reads it", name.recipe),
    };
    let none = Tags::new();
    let record = if let Some(Evidence::Of(record)) = record { record } else { &none };
    // What the record says decides; of a tag that it does not know nothing does.
    let mut changed = retagged::changed(&copy.tags, record);
    changed.retain(|(key, _)| !record.is_empty() && keys.iter().any(|other| other.as_str() == *key));
    let is_known = |key: &&String| !record.is_empty() && retagged::is_known(key, record);
    let unknown: Vec<&String> = keys.into_iter().filter(|key| !is_known(key)).collect();
    if !changed.is_empty() {
        let command = retagged::command(&copy.id, &format!(" --region {region}"), &changed);
        let command = command.map(|command| format!(": {command}")).unwrap_or_default();
        let mend = format!("find out who did, and put them back to what the record of {} says{command}", source.id);
        found.push((retagged::wrong(&copy.id, &copy.tags, &changed), mend));
    }
    if !unknown.is_empty() {
        let keys: Vec<&str> = unknown.into_iter().map(String::as_str).collect();
        let wrong = format!("the tags of {} differ from those of {} at home: {}", copy.id, source.id, keys.join(", "));
        found.push((wrong, format!("which of the two someone changed is not known, {unread}")));
    }
    if ImageState::of(&copy.tags) == ImageState::Candidate && ImageState::of(&source.tags) != ImageState::Candidate {
        let wrong = format!("{} was never shown to be ready, by its tags", copy.id);
        found.push((wrong, format!("amifactory distribute {}@{version} looks and says so", name.recipe)));
    }
    if tags::revoked(&source.tags).is_some() && tags::revoked(&copy.tags).is_none() {
        let wrong = format!("{} is revoked at home, and its copy {} is not", source.id, copy.id);
        found.push((wrong, format!("amifactory revoke {}@{version} --reason … does the rest", name.recipe)));
    }
    found
}

/// `@1.0.3`; nothing where no version names the image.
fn version_of(pointers: &[&Pointer], image: &ImageId, arch: Arch) -> String {
    let version = pointers.iter().find_map(|pointer| match &pointer.name {
        PointerName { slot: Slot::Version(version), arch: of, .. } if pointer.image == *image && *of == arch => {
            Some(version)
        }
        _ => None,
    });
    version.map_or_else(String::new, |version| format!("@{version}"))
}
