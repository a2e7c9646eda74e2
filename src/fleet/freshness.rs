//! How fresh an image is that something uses: against the catalogue, by the policy, at a moment. Pure.

use super::catalogue::{Catalogue, Gone, Known};
use crate::identity::{AccountId, Arch, Channel, RecipeName, Version};
use crate::pipeline::clock;
use crate::recipe::{FleetPolicy, Foreign};
use crate::release::gate::span;
use crate::target::{Kind, Stranger};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use time::OffsetDateTime;

/// What an image is, for whoever uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It must not be used.
    Revoked,
    /// It is gone, and nobody can say what it was.
    Deregistered,
    /// It was retired.
    Retired,
    /// It was never tested and published.
    Unpublished,
    /// The channel went back from it.
    RolledBack,
    /// The channel went on.
    Behind,
    /// Nothing can be said of it.
    Unknown,
    /// The channel names nothing.
    Unmeasured,
    /// It is not one of ours.
    Foreign,
    /// It is newer than what the channel names, which has never named it.
    Ahead,
    /// It is what the channel names.
    Fresh,
}

impl Status {
    /// All of them.
    pub const ALL: [Status; 11] = [
        Status::Revoked,
        Status::Deregistered,
        Status::Retired,
        Status::Unpublished,
        Status::RolledBack,
        Status::Behind,
        Status::Unknown,
        Status::Unmeasured,
        Status::Foreign,
        Status::Ahead,
        Status::Fresh,
    ];

    /// As JSON has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Revoked => "revoked",
            Status::Deregistered => "deregistered",
            Status::Retired => "retired",
            Status::Unpublished => "unpublished",
            Status::RolledBack => "rolled-back",
            Status::Behind => "behind",
            Status::Unknown => "unknown",
            Status::Unmeasured => "unmeasured",
            Status::Foreign => "foreign",
            Status::Ahead => "ahead",
            Status::Fresh => "fresh",
        }
    }
}

/// What policy makes of it, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The policy is broken.
    Fail,
    /// It can't be told, so it is not fine.
    Unknown,
    /// It is told, and breaks nothing yet.
    Warn,
    /// It would be told, and is exempt.
    Exempt,
    /// It is fine.
    Fine,
}

impl Level {
    /// All of them.
    pub const ALL: [Level; 5] = [Level::Fail, Level::Unknown, Level::Warn, Level::Exempt, Level::Fine];

    /// As JSON has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Fail => "fail",
            Level::Unknown => "unknown",
            Level::Warn => "warn",
            Level::Exempt => "exempt",
            Level::Fine => "fine",
        }
    }
}

/// What was found out about a use of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// What policy makes of it.
    pub level: Level,
    /// What the image is.
    pub status: Status,
    /// Its recipe, where it is one of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<RecipeName>,
    /// Its architecture, where it is one of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arch: Option<Arch>,
    /// Its version, where it is one of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The channel that it is measured against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// What that channel names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_version: Option<Version>,
    /// What it is measured by instead, where what the channel names is revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured_by: Option<Version>,
    /// Why what the channel names must not be used, where it must not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_revoked: Option<String>,
    /// How many published versions it is behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<usize>,
    /// When the channel went on from it, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Whole days since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u64>,
    /// In words.
    pub why: String,
}

/// By what is judged.
pub struct Measure<'a> {
    /// Our own images.
    pub catalogue: &'a Catalogue,
    /// The policy.
    pub policy: &'a FleetPolicy,
    /// All channels, in the order in which images pass through them.
    pub channels: &'a [Channel],
    /// The moment.
    pub now: OffsetDateTime,
}

/// What is known of an image's id.
pub enum Identity<'a> {
    /// It can't be told which image it is, or what it is; why.
    Unknown(&'a str),
    /// There is nothing that names one, so that nothing can be launched; why.
    Missing(&'a str),
    /// It is in the catalogue, or it is nowhere.
    Image(&'a str),
    /// EC2 knows it, and the catalogue does not.
    Stranger(&'a Stranger),
}

impl Measure<'_> {
    /// Judges one use. What can't be told is never fine.
    pub fn judge(&self, kind: Kind, image: &Identity<'_>, account: Option<&AccountId>) -> Judgement {
        let id = match image {
            Identity::Unknown(why) => return plain(Level::Unknown, Status::Unknown, (*why).to_owned()),
            Identity::Missing(why) => {
                return plain(Level::Fail, Status::Unknown, format!("{why}: the next launch fails"));
            }
            Identity::Stranger(stranger) => return self.foreign(stranger),
            Identity::Image(id) => *id,
        };
        match self.catalogue.image(id) {
            Some(known) => self.ours(kind, known, account),
            None => {
                let why = "the image is deregistered, or no longer shared, and it is not known what it was";
                plain(Level::Fail, Status::Deregistered, why.into())
            }
        }
    }

    fn foreign(&self, stranger: &Stranger) -> Judgement {
        let level = match self.policy.foreign {
            Foreign::Ignore => Level::Fine,
            Foreign::Warn => Level::Warn,
            Foreign::Fail => Level::Fail,
        };
        let why = format!("not an image of this factory: {} of {}", stranger.name, stranger.owner);
        plain(level, Status::Foreign, why)
    }

    fn ours(&self, kind: Kind, known: &Known, account: Option<&AccountId>) -> Judgement {
        let mut judgement = Judgement {
            recipe: Some(known.recipe.clone()),
            arch: Some(known.arch),
            version: Some(known.version),
            channel: self.policy.follows(&known.recipe, account, self.channels),
            ..self.against_channel(known, account)
        };
        // Worse than any age.
        let worse = if let Some(why) = self.catalogue.revoked(known) {
            let since = match known.gone {
                Some(Gone::Removed) => " (deregistered since)",
                Some(Gone::Retired) => " (retired since)",
                None => "",
            };
            Some((Level::Fail, Status::Revoked, format!("revoked: {why}{since}")))
        } else if let Some(gone) = known.gone {
            let (status, word) = match gone {
                Gone::Retired => (Status::Retired, "retired"),
                Gone::Removed => (Status::Deregistered, "deregistered"),
            };
            // What runs goes on; what would be launched can't be.
            match kind.is_instance() {
                true => {
                    Some((judgement.level.min(Level::Warn), status, format!("its image is {word}; {}", judgement.why)))
                }
                false => Some((Level::Fail, status, format!("its image is {word}: the next launch fails"))),
            }
        } else if !known.published {
            Some((Level::Fail, Status::Unpublished, "its image was never tested and published".into()))
        } else {
            None
        };
        if let Some((level, status, why)) = worse {
            (judgement.level, judgement.status, judgement.why) = (level, status, why);
        }
        judgement
    }

    /// Only by age; the rest is filled in by the caller.
    fn against_channel(&self, known: &Known, account: Option<&AccountId>) -> Judgement {
        if let Some(what) = self.catalogue.damaged(&known.recipe) {
            return plain(Level::Unknown, Status::Unknown, format!("its pointers could not be read: {what}"));
        }
        let Some(channel) = self.policy.follows(&known.recipe, account, self.channels) else {
            return plain(Level::Warn, Status::Unmeasured, "the factory has no channels".into());
        };
        let line = self.catalogue.line(&known.recipe, known.arch, &channel);
        let Some((line, yardstick)) =
            line.and_then(|line| Some((line, self.catalogue.yardstick((&known.recipe, known.arch), line)?)))
        else {
            let why = match line {
                Some(_) => format!("what {channel} names is not one of its versions"),
                None => format!("{channel} names no image of it"),
            };
            return plain(Level::Warn, Status::Unmeasured, why);
        };
        let (named, revoked) = (yardstick.named, yardstick.revoked);
        let with_channel = |judgement| Judgement {
            channel_version: Some(named),
            measured_by: yardstick.by.filter(|_| revoked.is_some()),
            channel_revoked: revoked.map(str::to_owned),
            ..judgement
        };
        let Some(by) = yardstick.by else {
            let why = format!("{channel} names {named}, which is revoked, and nothing before it may be used");
            return with_channel(plain(Level::Warn, Status::Unmeasured, why));
        };
        let names = match revoked {
            None => format!("{channel} names {named}"),
            Some(_) => format!("{channel} names {named}, which is revoked"),
        };
        let since = match revoked {
            None => format!("{names}, and"),
            Some(_) => format!("{names}, so {by} before it counts; {channel}"),
        };
        let measured = |level, status, why| Judgement {
            behind: Some(self.catalogue.between(known, by)),
            ..with_channel(plain(level, status, why))
        };
        if by == known.version || named == known.version {
            let why = match revoked {
                None => format!("what {channel} names"),
                Some(_) => format!("{names}; this is the newest before it that may be used"),
            };
            return measured(Level::Fine, Status::Fresh, why);
        }
        let ahead = known.version > by;
        if ahead && !line.has_named(known.version) {
            return measured(Level::Fine, Status::Ahead, format!("{names}, and has never named this"));
        }
        let left = line.left(known.version);
        // Where another image counts than the one that the channel names, being newer does not say which way it went.
        let went_back = match revoked {
            None => ahead,
            Some(_) => left.and_then(|step| step.version).is_some_and(|to| to < known.version),
        };
        let (status, did) = match went_back {
            true => (Status::RolledBack, "went back from it"),
            false => (Status::Behind, "went on from it"),
        };
        let Some(at) = left.and_then(|step| step.at) else {
            let why = match revoked {
                None => format!("{since} it is not known since when"),
                Some(_) => format!("{since} {did}, and it is not known since when"),
            };
            return measured(Level::Fail, status, why);
        };
        let age = Duration::try_from(self.now - at).unwrap_or_default();
        let (warn, fail) = self.policy.ages(&known.recipe, &channel);
        let level = match age {
            age if age >= fail => Level::Fail,
            age if age >= warn => Level::Warn,
            _ => Level::Fine,
        };
        let most = if level == Level::Fine { format!("; told from {} on", span(warn)) } else { String::new() };
        let why = format!("{since} {did} {} ago{most}", days(age));
        Judgement {
            since: Some(clock::rfc3339(at)),
            days: Some(age.as_secs() / 86_400),
            ..measured(level, status, why)
        }
    }
}

/// An age in days, as policies count; below one as it is.
fn days(age: Duration) -> String {
    match age.as_secs() / 86_400 {
        0 => span(age),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

fn plain(level: Level, status: Status, why: String) -> Judgement {
    Judgement {
        level,
        status,
        recipe: None,
        arch: None,
        version: None,
        channel: None,
        channel_version: None,
        measured_by: None,
        channel_revoked: None,
        behind: None,
        since: None,
        days: None,
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::catalogue::Pointers;
    use crate::pipeline::tags;
    use crate::release::{History, Moved};
    use crate::target::{Image, Pointer, PointerName, Revocation, Slot};
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

    fn image(n: u32) -> Image {
        let digest = crate::identity::Digest::of("web").to_string();
        let tags = [
            (tags::RECIPE, "web"),
            (tags::VERSION, &format!("1.0.{n}")),
            (tags::DIGEST, &digest),
            (tags::BUILD, "web-1"),
            (tags::ARCH, "x86_64"),
            (tags::STATE, "verified"),
        ];
        Image {
            id: format!("ami-0000000{n}").parse().unwrap(),
            name: format!("web-{n}"),
            tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            available: true,
            failed: None,
            created_at: String::new(),
            public: false,
        }
    }

    fn name(slot: Slot) -> PointerName {
        PointerName { recipe: "web".parse().unwrap(), arch: Arch::X86_64, slot }
    }

    /// Versions 0 to 4; prod has named 0, then 2 ten days ago, 3 five days ago, and 2 again a day ago.
    fn catalogue(damaged: Option<&str>, moves: &[(u32, &str)]) -> Catalogue {
        catalogue_with(damaged, moves, &[])
    }

    fn catalogue_with(
        damaged: Option<&str>,
        moves: &[(u32, &str)],
        revocations: &[(PointerName, Revocation)],
    ) -> Catalogue {
        let mut newest = 0;
        let moved = |(n, at): &(u32, &str)| {
            let kind = if *n < newest { crate::release::Kind::Rollback } else { crate::release::Kind::Promote };
            newest = newest.max(*n);
            Moved {
                revision: 1,
                at: (*at).to_owned(),
                image: image(*n).id.to_string(),
                by: None,
                note: Some(crate::release::Note::new(kind, (*at).to_owned())),
            }
        };
        let history = History { moves: moves.iter().map(moved).collect(), ..History::default() };
        let pointer = |n: u32| Pointer {
            name: name(Slot::Version(format!("1.0.{n}").parse().unwrap())),
            image: image(n).id,
            revision: 1,
            written_at: String::new(),
        };
        let pointers = Pointers {
            recipe: "web".parse().unwrap(),
            // The first image is gone.
            pointers: (0..5).map(pointer).collect(),
            histories: [(name(Slot::Channel("prod".parse().unwrap())), history)].into(),
            retirements: Vec::new(),
            revocations: revocations.to_vec(),
            damaged: damaged.map(str::to_owned),
        };
        Catalogue::of(&(1..6).map(image).collect::<Vec<_>>(), &[pointers])
    }

    const MOVES: [(u32, &str); 4] = [
        (0, "2026-10-01T00:00:00Z"),
        (2, "2026-11-11T12:00:00Z"),
        (3, "2026-11-16T12:00:00Z"),
        (2, "2026-11-20T12:00:00Z"),
    ];

    fn judged(catalogue: &Catalogue, kind: Kind, n: u32) -> String {
        let days = |n: u64| Some(Duration::from_secs(n * 86_400));
        let ages = crate::recipe::Ages { warn: days(1), fail: days(10) };
        let policy = FleetPolicy { ages, ..FleetPolicy::default() };
        let channels = ["dev".parse().unwrap(), "prod".parse().unwrap()];
        let measure = Measure { catalogue, policy: &policy, channels: &channels, now: NOW };
        let of = measure.judge(kind, &Identity::Image(&format!("ami-0000000{n}")), None);
        format!("{} {} {:?} {:?}: {}", of.level.as_str(), of.status.as_str(), of.behind, of.days, of.why)
    }

    #[test]
    fn every_image_is_measured_at_its_very_bounds() {
        let catalogue = catalogue(None, &MOVES);
        let all: Vec<String> = (0..7).map(|n| judged(&catalogue, Kind::Instance, n)).collect();
        insta::assert_snapshot!(all.join("\n"), @r"
        fail deregistered Some(2) Some(10): its image is deregistered; prod names 1.0.2, and went on from it 10 days ago
        fail behind Some(1) Some(10): prod names 1.0.2, and went on from it 10 days ago
        fine fresh Some(0) None: what prod names
        warn rolled-back Some(0) Some(1): prod names 1.0.2, and went back from it 1 day ago
        fine ahead Some(0) None: prod names 1.0.2, and has never named this
        fail unpublished Some(0) None: its image was never tested and published
        fail deregistered None None: the image is deregistered, or no longer shared, and it is not known what it was
        ");
        let template = judged(&catalogue, Kind::LaunchTemplate, 0);
        assert!(template.ends_with("its image is deregistered: the next launch fails"), "{template}");
    }

    #[test]
    fn what_was_revoked_stays_so_when_its_image_is_gone() {
        let mark = |version: u32, of: u32| {
            let (reason, by, at) = ("leaked key".into(), "someone".into(), "2026-11-20T12:00:00Z".into());
            let version = Slot::Version(format!("1.0.{version}").parse().unwrap());
            (name(version), Revocation { image: image(of).id, reason, by, at })
        };
        // That of version 3 is of an image that never got the number: another one has it.
        let marks = [mark(0, 0), mark(2, 2), mark(3, 9)];
        let catalogue = catalogue_with(None, &MOVES, &marks);
        let all: Vec<String> = (0..4).map(|n| judged(&catalogue, Kind::Instance, n)).collect();
        insta::assert_snapshot!(all.join("\n"), @r"
        fail revoked Some(1) Some(10): revoked: leaked key (deregistered since)
        fine fresh Some(0) None: prod names 1.0.2, which is revoked; this is the newest before it that may be used
        fail revoked Some(0) None: revoked: leaked key
        warn rolled-back Some(0) Some(1): prod names 1.0.2, which is revoked, so 1.0.1 before it counts; prod went back from it 1 day ago
        ");
    }

    /// Whoever runs what was good before is not behind by what nobody may run.
    #[test]
    fn where_a_channel_names_what_is_revoked_what_is_good_before_it_counts() {
        let mark = |of: u32| {
            let (reason, by, at) = ("leaked key".into(), "someone".into(), "2026-11-20T12:00:00Z".into());
            let version = Slot::Version(format!("1.0.{of}").parse().unwrap());
            (name(version), Revocation { image: image(of).id, reason, by, at })
        };
        let moves = [
            (1, "2026-10-01T00:00:00Z"),
            (2, "2026-11-11T12:00:00Z"),
            (3, "2026-11-16T12:00:00Z"),
            (2, "2026-11-17T12:00:00Z"),
            (4, "2026-11-20T12:00:00Z"),
        ];
        let of = |moves: &[(u32, &str)], marks: &[u32]| {
            let marks: Vec<_> = marks.iter().map(|of| mark(*of)).collect();
            let catalogue = catalogue_with(None, moves, &marks);
            (1..5).map(|n| judged(&catalogue, Kind::Instance, n)).collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(of(&moves, &[4]));
        insta::assert_snapshot!(of(&moves, &[4, 2]));
        insta::assert_snapshot!(of(&moves, &[4, 2, 1]));
        insta::assert_snapshot!(of(&[(1, ""), (2, "2026-11-11T12:00:00Z"), (3, "")], &[3]));
    }

    /// A mark is of an image: another one that has the same number in its tags is not revoked by it, and a copy of the one
    /// that is, is.
    #[test]
    fn what_is_revoked_is_an_image_and_its_copies() {
        let (reason, by, at) = ("leaked key".into(), "someone".into(), "2026-11-20T12:00:00Z".into());
        let version = name(Slot::Version("1.0.2".parse().unwrap()));
        let mark = (version.clone(), Revocation { image: image(2).id, reason, by, at });
        let of = |id: &str, copy_of: Option<&str>| {
            let mut image = Image { id: id.parse().unwrap(), ..image(2) };
            image.tags.extend(copy_of.map(|origin| (tags::COPY_OF.to_owned(), format!("{origin} us-east-1"))));
            image
        };
        let twin = of("ami-000000a2", None);
        // Which of the two the version's pointer names.
        let all = |named: &Image| {
            let (image_named, written_at) = (named.id.clone(), String::new());
            let pointer = Pointer { name: version.clone(), image: image_named, revision: 1, written_at };
            let pointers = Pointers {
                recipe: "web".parse().unwrap(),
                pointers: vec![pointer],
                histories: Default::default(),
                retirements: Vec::new(),
                revocations: vec![mark.clone()],
                damaged: None,
            };
            let mut catalogue = Catalogue::of(&[image(2), twin.clone()], &[pointers]);
            let copies = [
                of("ami-000000b1", Some(image(2).id.as_str())),
                of("ami-000000b2", Some(twin.id.as_str())),
                of("ami-000000b3", None),
            ];
            catalogue.add_region(&copies, &[]);
            let ids = [image(2).id.to_string(), twin.id.to_string()];
            let ids = ids.iter().map(String::as_str).chain(["ami-000000b1", "ami-000000b2", "ami-000000b3"]);
            ids.map(|id| catalogue.revoked(catalogue.image(id).unwrap()).is_some()).collect::<Vec<_>>()
        };
        // A copy may say what it likes: where the number is the revoked image's, it is revoked.
        assert_eq!(all(&image(2)), [true, false, true, true, true]);
        assert_eq!(all(&twin), [true, false, true, false, false]);
    }

    #[test]
    fn what_can_not_be_measured_is_never_fine() {
        let nothing = judged(&catalogue(None, &[]), Kind::Instance, 1);
        assert!(nothing.starts_with("warn unmeasured"), "{nothing}");
        let undated = judged(&catalogue(None, &[(1, ""), (2, "")]), Kind::Instance, 1);
        assert!(undated.starts_with("fail behind"), "{undated}");
        let damaged = judged(&catalogue(Some("a pointer"), &MOVES), Kind::Instance, 2);
        assert!(damaged.starts_with("unknown unknown"), "{damaged}");
        let none = judged(&Catalogue::default(), Kind::Instance, 1);
        assert!(none.starts_with("fail deregistered"), "{none}");
    }
}
