//! Whether an image stays. Pure: retention, facts and time in, the verdict and every reason for it out.

use super::facts::Facts;
use crate::pipeline::clock::rfc3339;
use crate::recipe::Retention;
use crate::release::gate::span;
use crate::target::{PointerName, Unread, Use};
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;
use time::OffsetDateTime;

/// Why an image stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// What kind of reason: `no-retention`, `unpublished`, `newest`, `young`, `channel`, `rollback-target`, `moving`,
    /// `base`, `in-use`, `protected`, `restored`, `busy`, `unknown`.
    pub kind: &'static str,
    /// What holds it: the name or ARN of a thing, where a thing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// In words.
    pub why: String,
}

/// What becomes of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep(Vec<Reason>),
    /// Nothing uses it, and retention does not keep it.
    Remove,
    /// An earlier run began to remove it, and did not come to the end.
    Finish,
}

/// Decides. Every reason to keep an image is told, not only the first. What was half removed can't be used by anybody,
/// so nothing but someone who is at it now keeps it from being finished.
pub fn decide(facts: &Facts, retention: Option<&Retention>, now: OffsetDateTime) -> Verdict {
    if facts.half_removed {
        return match &facts.busy {
            Some(holder) => Verdict::Keep(vec![busy(holder)]),
            None => Verdict::Finish,
        };
    }
    let mut reasons = Vec::new();
    match retention {
        Some(retention) => reasons.extend(by_retention(facts, retention, now)),
        None => reasons.push(reason("no-retention", None, "no retention is set".into())),
    }
    reasons.extend(by_release(facts, retention));
    let unused = |used: &&Use| {
        used.kind == Use::LAUNCH_PERMISSION && retention.is_some_and(|said| said.not_used_by.contains(&used.id))
    };
    for used in facts.uses.iter().filter(|used| !unused(used)) {
        reasons.push(reason("in-use", Some(used.id.clone()), in_use(used)));
    }
    for held in &facts.held {
        reasons.push(reason("protected", Some(held.id.clone()), format!("it is held by {}", held.kind)));
    }
    if let Some((at, retention)) = facts.restored_at.zip(retention).filter(|(at, said)| now < *at + said.soak) {
        let why = format!("it was brought back at {}, and stays for {}", rfc3339(at), span(retention.soak));
        reasons.push(reason("restored", None, why));
    }
    let declared = |unread: &&Unread| match (unread.service, retention) {
        (Some(service), Some(retention)) => retention.not_used_here.contains(&service),
        _ => false,
    };
    for unread in facts.unread.iter().filter(|unread| !declared(unread)) {
        let why = format!("{} could not be read: {}", unread.what, unread.why);
        reasons.push(reason("unknown", Some(unread.what.clone()), why));
    }
    reasons.extend(facts.busy.as_deref().map(busy));
    if reasons.is_empty() { Verdict::Remove } else { Verdict::Keep(reasons) }
}

fn by_retention(facts: &Facts, retention: &Retention, now: OffsetDateTime) -> Vec<Reason> {
    let mut reasons = Vec::new();
    // Whatever is said, the newest stays: the next build has to know what there was.
    let keep = retention.keep.unwrap_or(0).max(1);
    if let Some(place) = facts.place.filter(|place| *place < keep) {
        let why = match place {
            0 => "it is the newest version".to_owned(),
            place => format!("only {place} newer than it, and the newest {keep} are kept"),
        };
        reasons.push(reason("newest", None, why));
    }
    if let Some(most) = retention.maximum_age {
        let age = facts.created_at.map(|at| Duration::try_from(now - at).unwrap_or_default());
        match age {
            Some(age) if age < most => {
                let why = format!("it is {} old, and {} are kept", span(age), span(most));
                reasons.push(reason("young", None, why));
            }
            Some(_) => {}
            None => reasons.push(reason("unknown", None, "it is not known when it was made".into())),
        }
    }
    reasons
}

fn by_release(facts: &Facts, retention: Option<&Retention>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if !facts.published {
        let why = match facts.is_left_over {
            true => "no version names it: that is for amifactory sweep, where no build is at work on it",
            // Who runs it may go on running it.
            false => {
                "no version names it any more, and it was published: someone deleted its version's pointer; amifactory \
                 verify tells how to put that back"
            }
        };
        reasons.push(reason("unpublished", None, why.into()));
    }
    let most = retention.map_or(Retention::LEAST_PER_CHANNEL, |retention| retention.keep_per_channel);
    let here = |name: &PointerName| facts.channels.iter().find(|(other, _)| other == name).map(|(_, back)| *back);
    let behind = |name: &PointerName| facts.behind.contains(name);
    let at_home = |name: &PointerName| facts.behind_at_home.contains(name);
    for (name, back) in &facts.channels {
        // What is the same here and at home is one reason.
        let is_same = behind(name) == at_home(name);
        let same = facts.at_home.iter().find(|(other, there, _)| other == name && there == back && is_same);
        let by = match same {
            Some((.., home)) => format!("{name}, here and at home ({home})"),
            None => name.to_string(),
        };
        reasons.extend(by_channel(by, (*back, behind(name)), most));
    }
    let is_told = |name: &PointerName, back| here(name) == Some(back) && behind(name) == at_home(name);
    for (name, back, home) in facts.at_home.iter().filter(|(name, back, _)| !is_told(name, *back)) {
        reasons.extend(by_channel(format!("{name} at home ({home})"), (*back, at_home(name)), most));
    }
    for name in &facts.moving {
        reasons.push(reason("moving", Some(name.to_string()), "the channel is being moved to it".into()));
    }
    for built in &facts.built_on_it {
        reasons.push(reason("base", Some(built.clone()), "it was built on it".into()));
    }
    reasons
}

/// Why a channel keeps an image that it has named so many images ago; none where it does not. Where it names something else
/// that does not count, all that it has named before is one image further back.
fn by_channel(by: String, (back, behind): (usize, bool), most: usize) -> Option<Reason> {
    match back {
        0 if !behind => Some(reason("channel", Some(by), "it is what the channel names".into())),
        back if back < most => {
            let why = match back + usize::from(behind) {
                1 => "rollback goes back to it".to_owned(),
                back => format!("the channel named it {back} images ago, and the last {most} are kept"),
            };
            Some(reason("rollback-target", Some(by), why))
        }
        _ => None,
    }
}

/// Why retention does not keep an image that goes: its numbers, beside those of the image.
pub fn goes(facts: &Facts, retention: &Retention) -> String {
    let keep = retention.keep.unwrap_or(0).max(1);
    let mut parts = vec![match facts.place {
        Some(newer) => format!("{newer} newer than it, and the newest {keep} {} kept", is_or_are(keep)),
        None => "it can't be used any more, so it takes no place among the newest".to_owned(),
    }];
    if let (Some(most), Some(at)) = (retention.maximum_age, facts.created_at) {
        parts.push(format!("made on {}, and {} are kept", at.date(), span(most)));
    }
    let most = retention.keep_per_channel;
    let of_channels = facts.channels.iter().map(|(_, back)| *back);
    let nearest = of_channels.chain(facts.at_home.iter().map(|(_, back, _)| *back)).min();
    parts.push(match nearest {
        None if facts.passed_over.is_empty() => "no channel has named it".to_owned(),
        None => {
            let names: BTreeSet<String> = facts.passed_over.iter().map(ToString::to_string).collect();
            let names: Vec<String> = names.into_iter().collect();
            format!("no rollback goes back to it any more, though {} named it", names.join(" and "))
        }
        Some(back) => {
            format!("no channel has named it for the last {back} images, and {most} of each {} kept", is_or_are(most))
        }
    });
    parts.join("; ")
}

fn is_or_are(number: usize) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

fn busy(holder: &str) -> Reason {
    reason("busy", Some(holder.to_owned()), "someone is at work on its recipe".into())
}

fn reason(kind: &'static str, by: Option<String>, why: String) -> Reason {
    Reason { kind, by, why }
}

/// What uses it. What those do who may launch it can't be seen from here: how it becomes known is told.
fn in_use(used: &Use) -> String {
    if used.kind != Use::LAUNCH_PERMISSION {
        return format!("{} uses it", article(used.kind));
    }
    let id = &used.id;
    // `all`, and other groups that nobody can speak for.
    if id.len() != 12 && !id.starts_with("arn:") {
        return format!("a launch permission uses it; where it is not meant for {id}, take it away");
    }
    let look = if id.starts_with("arn:") { "" } else { ", or give it a role (distribution: accounts:), to look there" };
    format!("a launch permission uses it; where nobody there does, say retention: {{not_used_by: [\"{id}\"]}}{look}")
}

/// `an instance`, `a launch template`.
fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Arch;
    use crate::recipe::OtherService;
    use crate::target::Slot;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);
    const DAY: Duration = Duration::from_secs(86_400);

    fn retention() -> Retention {
        Retention {
            keep: Some(3),
            maximum_age: Some(90 * DAY),
            keep_per_channel: 3,
            not_used_here: Default::default(),
            not_used_by: Default::default(),
            soak: 7 * DAY,
            snapshot_price: 0.05,
        }
    }

    /// An image at the very bound at which it goes.
    fn free() -> Facts {
        Facts {
            published: true,
            place: Some(3),
            created_at: Some(datetime!(2026-08-23 12:00 UTC)),
            channels: vec![(prod(), 3)],
            ..Facts::default()
        }
    }

    fn prod() -> PointerName {
        PointerName { recipe: "web".parse().unwrap(), arch: Arch::X86_64, slot: Slot::Channel("prod".parse().unwrap()) }
    }

    fn kinds(facts: &Facts, retention: Option<&Retention>) -> Vec<&'static str> {
        match decide(facts, retention, NOW) {
            Verdict::Keep(reasons) => reasons.iter().map(|reason| reason.kind).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_home_and_its_own_region_say_of_a_copy_is_told_per_place_and_once_where_they_agree() {
        let home: crate::identity::Region = "us-east-1".parse().unwrap();
        let told = |here: usize, at_home: usize| -> Vec<String> {
            let facts =
                Facts { channels: vec![(prod(), here)], at_home: vec![(prod(), at_home, home.clone())], ..free() };
            match decide(&facts, Some(&retention()), NOW) {
                Verdict::Keep(reasons) => {
                    reasons.iter().map(|r| format!("{}: {}", r.by.as_ref().unwrap(), r.why)).collect()
                }
                _ => Vec::new(),
            }
        };
        let name = prod().to_string();
        assert_eq!(told(0, 0), [format!("{name}, here and at home (us-east-1): it is what the channel names")]);
        assert_eq!(
            told(1, 0),
            [
                format!("{name}: rollback goes back to it"),
                format!("{name} at home (us-east-1): it is what the channel names")
            ]
        );
        assert_eq!(told(9, 1), [format!("{name} at home (us-east-1): rollback goes back to it")]);
        assert_eq!(told(9, 9), [] as [String; 0]);
    }

    #[test]
    fn what_a_channel_names_no_more_is_not_said_to_be_what_it_names() {
        let told = |back: usize| {
            let facts = Facts { channels: vec![(prod(), back)], behind: vec![prod()], ..free() };
            match decide(&facts, Some(&retention()), NOW) {
                Verdict::Keep(reasons) => reasons.iter().map(|r| format!("{}: {}", r.kind, r.why)).collect(),
                _ => Vec::new(),
            }
        };
        assert_eq!(told(0), ["rollback-target: rollback goes back to it"]);
        assert_eq!(told(1), ["rollback-target: the channel named it 2 images ago, and the last 3 are kept"]);
        assert_eq!(told(3), [] as [String; 0]);
    }

    #[test]
    fn what_sweep_does_not_list_is_not_said_to_be_for_sweep() {
        let told = |is_left_over| match decide(&Facts { published: false, is_left_over, ..free() }, None, NOW) {
            Verdict::Keep(reasons) => reasons[1].why.clone(),
            other => panic!("{other:?}"),
        };
        assert!(told(true).contains("amifactory sweep") && !told(false).contains("sweep"), "{}", told(false));
        assert!(told(false).contains("amifactory verify"), "{}", told(false));
    }

    #[test]
    fn what_goes_is_told_with_the_numbers_of_retention() {
        let facts = Facts { channels: vec![(prod(), 4)], ..free() };
        let told = [
            goes(&facts, &retention()),
            goes(
                &Facts { place: None, channels: Vec::new(), passed_over: vec![prod()], ..free() },
                &Retention { maximum_age: None, keep: Some(1), ..retention() },
            ),
            goes(
                &Facts { place: None, channels: Vec::new(), ..free() },
                &Retention { maximum_age: None, keep: Some(1), ..retention() },
            ),
        ];
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn an_image_goes_only_where_nothing_at_all_keeps_it() {
        assert_eq!(decide(&free(), Some(&retention()), NOW), Verdict::Remove);
        type Hold = fn(&mut Facts);
        let holds: [(&str, Hold); 15] = [
            ("newest", |f| f.place = Some(2)),
            ("young", |f| f.created_at = Some(datetime!(2026-08-23 12:00:01 UTC))),
            ("unknown", |f| f.created_at = None),
            ("unpublished", |f| f.published = false),
            ("channel", |f| f.channels = vec![(prod(), 0)]),
            ("rollback-target", |f| f.channels = vec![(prod(), 1)]),
            ("rollback-target", |f| f.channels = vec![(prod(), 2)]),
            ("moving", |f| f.moving = vec![prod()]),
            ("base", |f| f.built_on_it = vec!["img-2".into()]),
            ("in-use", |f| f.uses = vec![Use { kind: "instance", id: "i-1".into() }]),
            ("in-use", |f| f.uses = vec![Use { kind: Use::LAUNCH_PERMISSION, id: "210987654321".into() }]),
            ("protected", |f| f.held = vec![Use { kind: "AWS Backup", id: "img-1".into() }]),
            ("restored", |f| f.restored_at = Some(datetime!(2026-11-14 12:00:01 UTC))),
            ("unknown", |f| f.unread = vec![Unread { what: "EMR".into(), why: "denied".into(), service: None }]),
            ("busy", |f| f.busy = Some("process 7".into())),
        ];
        for (kind, hold) in holds {
            let mut facts = free();
            hold(&mut facts);
            assert_eq!(kinds(&facts, Some(&retention())), [kind]);
        }
    }

    #[test]
    fn without_a_retention_nothing_goes() {
        assert_eq!(kinds(&free(), None), ["no-retention"]);
    }

    #[test]
    fn the_newest_version_and_the_rollback_target_stay_whatever_is_said() {
        let least = Retention { keep: None, maximum_age: Some(Duration::ZERO), keep_per_channel: 2, ..retention() };
        let facts = Facts { place: Some(0), channels: Vec::new(), ..free() };
        assert_eq!(kinds(&facts, Some(&least)), ["newest"]);
        let facts = Facts { channels: vec![(prod(), 1)], ..free() };
        assert_eq!(kinds(&facts, Some(&least)), ["rollback-target"]);
        let facts = Facts { channels: vec![(prod(), 2)], ..free() };
        assert_eq!(decide(&facts, Some(&least), NOW), Verdict::Remove);
    }

    #[test]
    fn an_image_that_is_not_among_the_versions_has_no_place_and_no_place_keeps_nothing() {
        assert_eq!(decide(&Facts { place: None, ..free() }, Some(&retention()), NOW), Verdict::Remove);
    }

    #[test]
    fn a_service_that_is_not_read_keeps_everything_unless_it_is_declared_unused() {
        let emr = Unread { what: "Amazon EMR".into(), why: "not read".into(), service: Some(OtherService::Emr) };
        let facts = Facts { unread: vec![emr], ..free() };
        assert_eq!(kinds(&facts, Some(&retention())), ["unknown"]);
        let declared = |service| Retention { not_used_here: [service].into(), ..retention() };
        assert_eq!(kinds(&facts, Some(&declared(OtherService::Eks))), ["unknown"]);
        assert_eq!(decide(&facts, Some(&declared(OtherService::Emr)), NOW), Verdict::Remove);
    }

    #[test]
    fn an_account_that_may_launch_it_keeps_it_unless_nobody_there_uses_it_and_what_was_brought_back_stays_a_while() {
        let shared = |id: &str| Use { kind: Use::LAUNCH_PERMISSION, id: id.into() };
        let facts = Facts { uses: vec![shared("210987654321"), shared("all")], ..free() };
        let said = Retention { not_used_by: ["210987654321".to_owned()].into(), ..retention() };
        let Verdict::Keep(reasons) = decide(&facts, Some(&said), NOW) else { panic!() };
        assert_eq!(reasons.iter().map(|reason| reason.by.as_deref()).collect::<Vec<_>>(), [Some("all")]);
        assert!(!reasons[0].why.contains("not_used_by"), "{reasons:?}");
        let way_out = |id: &str| match decide(&Facts { uses: vec![shared(id)], ..free() }, Some(&retention()), NOW) {
            Verdict::Keep(reasons) => reasons[0].why.clone(),
            other => panic!("{other:?}"),
        };
        let account = way_out("210987654321");
        assert!(account.contains("retention: {not_used_by: [\"210987654321\"]}, or give it a role"), "{account}");
        let organization = way_out("arn:aws:organizations::123456789012:organization/o-abcdefghij");
        assert!(organization.contains("not_used_by: [\"arn:aws:") && !organization.contains("role"), "{organization}");
        let facts = Facts { restored_at: Some(datetime!(2026-11-14 12:00 UTC)), ..free() };
        assert_eq!(decide(&facts, Some(&retention()), NOW), Verdict::Remove);
    }

    #[test]
    fn what_was_begun_is_finished_unless_someone_is_at_it() {
        let half = Facts { half_removed: true, channels: vec![(prod(), 1)], ..free() };
        assert_eq!(decide(&half, Some(&retention()), NOW), Verdict::Finish);
        assert_eq!(decide(&half, None, NOW), Verdict::Finish);
        assert_eq!(kinds(&Facts { busy: Some("process 7".into()), ..half }, None), ["busy"]);
    }

    #[test]
    fn every_reason_is_told_with_what_holds_the_image() {
        let facts = Facts {
            place: Some(1),
            channels: vec![(prod(), 0)],
            uses: vec![Use { kind: "instance", id: "arn:aws:ec2:eu-central-1:1:instance/i-1".into() }],
            unread: vec![Unread { what: "Auto Scaling".into(), why: "not allowed".into(), service: None }],
            ..free()
        };
        let Verdict::Keep(reasons) = decide(&facts, Some(&retention()), NOW) else { panic!() };
        let told: Vec<String> =
            reasons.iter().map(|r| format!("{}: {} ({})", r.kind, r.why, r.by.as_deref().unwrap_or("-"))).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        newest: only 1 newer than it, and the newest 3 are kept (-)
        channel: it is what the channel names (/amifactory/web/x86_64/channels/prod)
        in-use: an instance uses it (arn:aws:ec2:eu-central-1:1:instance/i-1)
        unknown: Auto Scaling could not be read: not allowed (Auto Scaling)
        ");
    }
}
