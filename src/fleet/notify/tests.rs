//! Days that pass, things that go, places that can't be read.

use super::digest::{self, Digest, Ear, News};
use super::item::Seen;
use super::memory::{MOST, Memory, Recall};
use crate::fleet::findings::{Finding, Shown, Spot};
use crate::fleet::freshness::{Judgement, Level, Status};
use crate::fleet::look::{Looked, Place};
use crate::fleet::tally::{Count, Example};
use crate::target::{Kind, Unread};
use time::{Duration, OffsetDateTime};

pub(crate) const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 06:00 UTC);

pub(crate) fn all() -> Ear {
    Ear { levels: [Level::Fail, Level::Unknown, Level::Warn].into(), ..Ear::default() }
}

pub(crate) fn spot(account: &str, region: &str) -> Spot {
    Spot { account: Some(account.parse().unwrap()), region: region.parse().unwrap() }
}

pub(crate) fn finding(n: usize, level: Level, count: u64, days: u64) -> Finding {
    Finding {
        at: spot(if n.is_multiple_of(3) { "111122223333" } else { "123456789012" }, "us-east-1"),
        kind: Kind::Instance,
        resource: None,
        group: Some(format!("web-{n}")),
        image: Some(format!("ami-{n:017x}")),
        via: None,
        count: Count { count, stopped: 0, examples: vec![Example { id: format!("i-{n:017x}"), name: "web".into() }] },
        judgement: Judgement {
            level,
            status: Status::Behind,
            recipe: Some("web".parse().unwrap()),
            arch: None,
            version: Some("1.0.0".parse().unwrap()),
            channel: None,
            channel_version: None,
            measured_by: None,
            channel_revoked: None,
            behind: Some(1),
            since: None,
            days: Some(days),
            why: format!("prod names 1.0.2, and went on from it {days} days ago"),
        },
        exemption: None,
        fix: Some(format!("aws autoscaling start-instance-refresh --auto-scaling-group-name web-{n}")),
    }
}

pub(crate) fn looked(findings: Vec<Finding>) -> Looked {
    let place = |account| Place { at: spot(account, "us-east-1"), shown: Shown::default() };
    Looked { places: vec![place("123456789012"), place("111122223333")], findings, notes: Vec::new() }
}

pub(crate) fn unread(what: &str) -> Unread {
    Unread { what: what.into(), why: "not allowed:\n  ask someone".into(), service: None }
}

fn next(looked: &Looked, before: &Recall, now: OffsetDateTime) -> (Digest, Recall) {
    let (digest, memory) = next_of(looked, before, now);
    // As the next run has it.
    let text = memory.write();
    assert_eq!(Memory::read(&text).as_ref(), Ok(&memory));
    (digest, Recall::Known(memory))
}

fn next_of(looked: &Looked, before: &Recall, now: OffsetDateTime) -> (Digest, Memory) {
    digest::of(&Seen::of(looked), &all(), before, now)
}

fn titles(digest: &Digest) -> [Vec<&str>; 3] {
    [
        digest.new.iter().map(|item| item.title.as_str()).collect(),
        digest.worse.iter().map(|worse| worse.item.title.as_str()).collect(),
        digest.resolved.iter().map(|over| over.title.as_str()).collect(),
    ]
}

/// Any fleet, told to a memory of any other: what is told is exactly what differs, and telling it twice tells nothing.
#[test]
fn what_is_told_is_what_differs() {
    let mut random = fastrand::Rng::with_seed(6);
    for _ in 0..200 {
        let fleet = |random: &mut fastrand::Rng| {
            let some = (0..random.usize(0..40)).map(|_| random.usize(0..60)).collect::<std::collections::BTreeSet<_>>();
            some.into_iter().map(|n| finding(n, Level::Warn, 3, random.u64(0..90))).collect::<Vec<_>>()
        };
        let (first, second) = (fleet(&mut random), fleet(&mut random));
        let (_, memory) = next(&looked(first.clone()), &Recall::First, NOW);
        let blind = random.bool();
        let mut now = looked(second.clone());
        if blind {
            now.places[0].shown.unread.push(unread("instances"));
        }
        let (digest, memory) = next(&now, &memory, NOW);
        let groups = |findings: &[Finding]| -> std::collections::BTreeSet<Option<String>> {
            findings.iter().map(|finding| finding.group.clone()).collect()
        };
        let (before, after) = (groups(&first), groups(&second));
        assert_eq!(digest.new.len(), after.difference(&before).count() + usize::from(blind));
        assert_eq!(digest.unchanged, after.intersection(&before).count());
        let gone = first.iter().filter(|finding| !after.contains(&finding.group));
        let (kept, resolved): (Vec<_>, Vec<_>) = gone.partition(|finding| blind && finding.at == now.places[0].at);
        assert_eq!((digest.resolved.len(), digest.unknown), (resolved.len(), kept.len()));
        // A day later all is older, and there are a few more or less of it: no news.
        let mut later = now.clone();
        for finding in &mut later.findings {
            finding.judgement.days = finding.judgement.days.map(|days| days + 1);
            finding.judgement.why.push_str(", really");
            finding.count.count += 1;
            finding.count.examples.clear();
        }
        let (digest, same) = next(&later, &memory, NOW + Duration::DAY);
        assert_eq!((digest.news, &same), (News::Nothing, &memory), "{:?}", titles(&digest));
        // Once it can be read, what was kept is over.
        if blind {
            later.places[0].shown.unread.clear();
            let (digest, _) = next(&later, &memory, NOW + Duration::DAY);
            assert_eq!(digest.resolved.len(), kept.len() + 1);
        }
    }
}

/// Two runs that begin with the same memory, and write theirs in whatever order: the next tells what neither has told.
#[test]
fn two_runs_at_once_lose_no_news() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..200 {
        let fleet = |random: &mut fastrand::Rng| {
            let some: Vec<usize> = (0..12).filter(|_| random.bool()).collect();
            looked(some.into_iter().map(|n| finding(n, Level::Warn, 3, 20)).collect())
        };
        let (_, start) = next(&fleet(&mut random), &Recall::First, NOW);
        let (one, after_one) = next(&fleet(&mut random), &start, NOW);
        let (other, after_other) = next(&fleet(&mut random), &start, NOW);
        let end = fleet(&mut random);
        // A run without news writes nothing.
        let wrote = |digest: &Digest, after: Recall| if digest.news == News::Nothing { start.clone() } else { after };
        for last in [wrote(&one, after_one), wrote(&other, after_other)] {
            let (digest, Recall::Known(memory)) = next(&end, &last, NOW) else { panic!() };
            let Recall::Known(start) = &start else { panic!() };
            let told = [&one, &other, &digest];
            for key in memory.told.keys().filter(|key| !start.told.contains_key(key)) {
                assert!(told.iter().any(|digest| digest.new.iter().any(|item| item.fingerprint == *key)));
            }
            for key in start.told.keys().filter(|key| !memory.told.contains_key(key)) {
                assert!(told.iter().any(|digest| digest.resolved.iter().any(|over| over.fingerprint == key.as_str())));
            }
        }
    }
}

#[test]
fn worse_is_a_higher_level_or_many_more_and_never_a_day() {
    let (_, memory) = next(&looked(vec![finding(1, Level::Warn, 10, 20)]), &Recall::First, NOW);
    let told = |level, count| {
        let (digest, _) = next(&looked(vec![finding(1, level, count, 21)]), &memory, NOW);
        digest.worse.len()
    };
    assert_eq!((told(Level::Warn, 19), told(Level::Warn, 20), told(Level::Fail, 10)), (0, 1, 1));
    // Slow growth is measured from what was told, and what has come and gone is not told again.
    let (_, memory) = next(&looked(vec![finding(1, Level::Warn, 19, 21)]), &memory, NOW);
    let (digest, memory) = next(&looked(vec![finding(1, Level::Warn, 21, 22)]), &memory, NOW);
    assert_eq!((digest.worse.len(), digest.worse[0].was_count), (1, 10));
    let (_, memory) = next(&looked(vec![finding(1, Level::Warn, 5, 22)]), &memory, NOW);
    assert_eq!(next(&looked(vec![finding(1, Level::Warn, 21, 22)]), &memory, NOW).0.news, News::Nothing);
    // Handfuls are no news: one more of one is twice as many.
    let (_, memory) = next(&looked(vec![finding(1, Level::Warn, 1, 20)]), &Recall::First, NOW);
    assert_eq!(next(&looked(vec![finding(1, Level::Warn, 5, 20)]), &memory, NOW).0.news, News::Nothing);
}

#[test]
fn what_is_over_is_told_in_an_order_that_people_can_read() {
    let level = |n: usize| if n.is_multiple_of(4) { Level::Fail } else { Level::Warn };
    let all = (0..9).map(|n| finding(n, level(n), 1, 20)).collect();
    let (_, memory) = next(&looked(all), &Recall::First, NOW);
    let (digest, _) = next(&looked(vec![]), &memory, NOW);
    let [_, _, over] = titles(&digest);
    let groups = over.iter().map(|title| title.split("web-").nth(1).unwrap().split(',').next().unwrap());
    assert_eq!(groups.collect::<Vec<_>>().join(" "), "0 4 8 1 2 3 5 6 7");
}

#[test]
fn whoever_hears_for_the_first_time_is_told_so() {
    let first = |findings| {
        let (digest, memory) = next(&looked(findings), &Recall::First, NOW);
        (crate::report::notify::body("platform", &digest), memory)
    };
    let told =
        "This is the first digest for platform: it tells all that holds now, and each later one what has changed.\n";
    let (body, memory) = first(vec![finding(1, Level::Warn, 1, 20)]);
    assert!(body.starts_with(&format!("{told}\n1 new; 0 unchanged.\n")), "{body}");
    assert!(first(vec![]).0.starts_with(&format!("{told}\nnothing to tell; 0 unchanged.\n")));
    let (digest, _) = next(&looked(vec![]), &memory, NOW);
    assert!(!crate::report::notify::body("platform", &digest).contains("first digest"));
}

#[test]
fn what_cannot_be_told_resolves_nothing() {
    let mut template = finding(1, Level::Warn, 1, 20);
    (template.kind, template.resource, template.group) = (Kind::LaunchTemplate, Some("lt-1:2".into()), None);
    let (_, memory) = next(&looked(vec![template.clone()]), &Recall::First, NOW);
    // The same template, whose image can't be told now.
    let mut unclear = template.clone();
    (unclear.image, unclear.judgement.status, unclear.judgement.level) = (None, Status::Unknown, Level::Unknown);
    let (digest, memory) = next(&looked(vec![unclear]), &memory, NOW);
    assert_eq!((digest.new.len(), digest.resolved.len(), digest.unknown), (1, 0, 1));
    // A place where nothing can be read says nothing of what else could not be read there.
    let mut part = looked(vec![template.clone()]);
    part.places[0].shown.unread.push(unread("warm pools"));
    let (_, memory) = next(&part, &memory, NOW);
    let mut dark = looked(Vec::new());
    dark.places[0].shown = Shown { unread: vec![unread("everything here")], dark: true, ..Shown::default() };
    let (digest, _) = next(&dark, &memory, NOW);
    let expected = ["not read in 123456789012/us-east-1: everything here"];
    assert_eq!((titles(&digest)[0].as_slice(), digest.unknown), (expected.as_slice(), 3), "{:?}", titles(&digest));
    // A place that nobody looks at any more is neither resolved nor unknown.
    let mut fewer = looked(vec![]);
    fewer.places.remove(0);
    let (digest, _) = next(&fewer, &memory, NOW);
    assert_eq!((digest.forgotten.len(), digest.resolved.len(), digest.news), (3, 0, News::Changed));
}

#[test]
fn what_is_exempt_or_fine_is_over_and_what_is_not_asked_for_is_neither() {
    let (_, memory) = next(&looked(vec![finding(1, Level::Fail, 1, 20)]), &Recall::First, NOW);
    let (digest, _) = next(&looked(vec![finding(1, Level::Exempt, 1, 20)]), &memory, NOW);
    assert_eq!((digest.resolved.len(), digest.resolved[0].now), (1, Some("exempt")));
    for ear in [
        Ear { levels: [Level::Fail].into(), recipes: ["db".parse().unwrap()].into(), ..Ear::default() },
        Ear { levels: [Level::Fail].into(), accounts: ["111122223333".parse().unwrap()].into(), ..Ear::default() },
        Ear { levels: [Level::Unknown].into(), ..Ear::default() },
    ] {
        let seen = Seen::of(&looked(vec![finding(1, Level::Fail, 1, 20)]));
        let (digest, _) = digest::of(&seen, &ear, &memory, NOW);
        assert_eq!((digest.news, digest.unchanged, digest.resolved.len()), (News::Nothing, 0, 0));
    }
}

/// What two overrides of a group launch is told in two ways, so that nobody takes the one for the other.
#[test]
fn no_two_findings_have_the_same_title() {
    let of = |image: usize, via: &str| {
        let mut finding = finding(image, Level::Fail, 1, 20);
        (finding.kind, finding.resource, finding.group) = (Kind::AutoScalingGroup, Some("mixed".into()), None);
        (finding.at, finding.via) = (spot("123456789012", "us-east-1"), Some(via.into()));
        finding
    };
    let template = |version: &str| format!("launch template lt-0123456789abcdef0 version {version}");
    let all = [
        of(1, &template("3")),
        of(1, &template("$Latest")),
        of(1, "an override"),
        of(2, "an override"),
        of(2, "an override"),
    ];
    let (digest, memory) = next(&looked(all.to_vec()), &Recall::First, NOW);
    insta::assert_snapshot!(titles(&digest)[0].join("\n"), @r"
    web 1.0.0 behind: group mixed, 123456789012/us-east-1, by launch template lt-0123456789abcdef0 version 3
    web 1.0.0 behind: group mixed, 123456789012/us-east-1, by launch template lt-0123456789abcdef0 version $Latest
    web 1.0.0 behind: group mixed, 123456789012/us-east-1, by an override, ami-00000000000000001
    web 1.0.0 behind: group mixed, 123456789012/us-east-1, by an override, ami-00000000000000002
    ");
    let (digest, _) = next(&looked(all[..1].to_vec()), &memory, NOW);
    let over: std::collections::BTreeSet<&str> = titles(&digest)[2].iter().copied().collect();
    assert_eq!((digest.resolved.len(), over.len()), (3, 3));
    assert!(!over.contains(Seen::of(&looked(all[..1].to_vec())).items[0].title.as_str()), "{over:?}");
}

/// Nobody has touched it: it is neither new nor resolved.
#[test]
fn what_has_another_status_has_changed() {
    let with = |status, level| {
        let mut finding = finding(1, level, 2, 20);
        finding.judgement.status = status;
        looked(vec![finding])
    };
    let parts = |digest: &Digest| {
        let Digest { new, worse, changed, resolved, unchanged, .. } = digest;
        [new.len(), worse.len(), changed.len(), resolved.len(), *unchanged]
    };
    let (_, revoked) = next(&with(Status::Revoked, Level::Fail), &Recall::First, NOW);
    let (digest, gone) = next(&with(Status::Deregistered, Level::Warn), &revoked, NOW);
    assert_eq!((parts(&digest), digest.news), ([0, 0, 1, 0, 0], News::Changed));
    let changed = &digest.changed[0];
    assert_eq!((changed.was_status.as_deref(), changed.was_level), (Some("revoked"), Level::Fail));
    let body = crate::report::notify::body("platform", &digest);
    let line = "CHANGED\n- WARN (was fail; it was revoked) web 1.0.0 deregistered: instances of group web-1,";
    assert!(body.contains(line), "{body}");
    // It is remembered as what it was first: a ticket stays the same one.
    let (Recall::Known(before), Recall::Known(after)) = (&revoked, &gone) else { panic!() };
    assert!(before.told.keys().eq(after.told.keys()));
    let (digest, same) = next(&with(Status::Deregistered, Level::Warn), &gone, NOW);
    assert_eq!((parts(&digest), digest.news, &same), ([0, 0, 0, 0, 1], News::Nothing, &gone));
    // Back again, and worse.
    let (digest, back) = next(&with(Status::Revoked, Level::Fail), &gone, NOW);
    assert_eq!(parts(&digest), [0, 1, 0, 0, 0]);
    assert_eq!(digest.worse[0].was_status.as_deref(), Some("deregistered"));
    // What is fine now is over, and what is gone too.
    let (digest, _) = next(&with(Status::Fresh, Level::Fine), &back, NOW);
    assert_eq!((parts(&digest), digest.resolved[0].now), ([0, 0, 0, 1, 0], Some("fine")));
    assert_eq!(parts(&next(&looked(vec![]), &gone, NOW).0), [0, 0, 0, 1, 0]);
    // Who hears of what fails alone hears nothing that would be taken for the end of it.
    let fails = Ear { levels: [Level::Fail].into(), ..Ear::default() };
    let (digest, _) = digest::of(&Seen::of(&with(Status::Deregistered, Level::Warn)), &fails, &revoked, NOW);
    assert_eq!((parts(&digest), digest.news), ([0; 5], News::Nothing));
    // A memory of before says what it was by what it is known by.
    let mut old = before.clone();
    old.told.values_mut().for_each(|told| told.status = None);
    let (digest, _) = next(&with(Status::Deregistered, Level::Fail), &Recall::Known(old), NOW);
    assert_eq!((parts(&digest), digest.changed[0].was_status.as_deref()), ([0, 0, 1, 0, 0], Some("revoked")));
}

#[test]
fn after_a_week_it_says_that_it_runs() {
    let fleet = looked(vec![finding(1, Level::Warn, 1, 20)]);
    let (digest, memory) = next(&looked(vec![]), &Recall::First, NOW);
    assert_eq!((digest.news, &digest.since), (News::Changed, &None), "the first is told whatever it holds");
    let (_, memory) = next(&fleet, &memory, NOW);
    for day in 1..7 {
        assert_eq!(next(&fleet, &memory, NOW + Duration::days(day)).0.news, News::Nothing);
    }
    let (digest, memory) = next(&fleet, &memory, NOW + Duration::days(7));
    assert_eq!((digest.news, digest.since.as_deref()), (News::Heartbeat, Some("2026-11-21T06:00:00Z")));
    let (digest, memory) = next(&fleet, &memory, NOW + Duration::days(8));
    assert_eq!(digest.news, News::Nothing);
    let (digest, _) = next(&fleet, &memory, NOW + Duration::days(14));
    assert_eq!((digest.news, digest.since.as_deref()), (News::Heartbeat, Some("2026-11-21T06:00:00Z")));
    // A clock that was wrong, or a hand that wants it quiet: what is to come was never told.
    let Recall::Known(known) = memory else { panic!() };
    for time in ["2999-01-01T00:00:00Z", "some day"] {
        let ahead = Memory { told_at: time.into(), ..known.clone() };
        let (digest, memory) = next_of(&fleet, &Recall::Known(ahead), NOW + Duration::days(8));
        assert_eq!((digest.news, memory.told_at.as_str()), (News::Heartbeat, "2026-11-29T06:00:00Z"));
    }
}

#[test]
fn a_forged_memory_writes_nothing_into_anyones_mail() {
    let (_, Recall::Known(mut memory)) = next(&looked(vec![finding(1, Level::Warn, 1, 20)]), &Recall::First, NOW)
    else {
        panic!()
    };
    let forged = "x\n\nNEW\n- FAIL log in at https://example.com \u{1b}[2J\u{202e}";
    for told in memory.told.values_mut() {
        told.title = format!("{forged}{}", "y".repeat(5000));
    }
    memory.changed_at = forged.into();
    let read = Memory::read(&memory.write()).unwrap();
    let (digest, _) = digest::of(&Seen::of(&looked(vec![])), &all(), &Recall::Known(read), NOW);
    let texts = [
        crate::report::notify::body("platform", &digest),
        crate::report::notify::json("platform", &digest)["text"].as_str().unwrap().to_owned(),
        digest.resolved[0].title.clone(),
    ];
    assert_eq!(digest.resolved.len(), 1);
    for text in texts {
        assert!(!text.contains("\nNEW") && text.len() < 2000, "{text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
}

#[test]
fn who_hears_of_one_recipe_hears_of_what_can_not_be_told_apart() {
    let mut unclear = finding(1, Level::Unknown, 1, 20);
    (unclear.judgement.recipe, unclear.judgement.status) = (None, Status::Unknown);
    let web = Ear { recipes: ["web".parse().unwrap()].into(), ..all() };
    let mut foreign = finding(2, Level::Warn, 1, 20);
    foreign.judgement.recipe = None;
    let (digest, _) = digest::of(&Seen::of(&looked(vec![unclear, foreign])), &web, &Recall::First, NOW);
    assert_eq!(digest.new.len(), 1);
}

#[test]
fn a_memory_that_is_damaged_says_so_and_all_is_told_anew() {
    let fleet = looked((0..50).map(|n| finding(n, Level::Warn, 1, 20)).collect());
    let (_, memory) = digest::of(&Seen::of(&fleet), &all(), &Recall::First, NOW);
    let text = memory.write();
    assert!(text.len() < 50 * 80, "{} bytes", text.len());
    let mut random = fastrand::Rng::with_seed(6);
    for _ in 0..500 {
        let mut bytes = text.clone().into_bytes();
        let at = random.usize(0..bytes.len());
        match random.u8(0..3) {
            0 => bytes.truncate(at),
            1 => bytes[at] = random.u8(b'!'..b'~'),
            _ => drop(bytes.splice(at.min(2)..at, [])),
        }
        let changed = String::from_utf8(bytes).unwrap();
        if changed != text {
            assert!(Memory::read(&changed).is_err(), "{changed}");
        }
    }
    // What unpacks to more than anyone writes is no memory.
    assert!(Memory::read("").is_err() && Memory::read("2.x.y").is_err());
    let (digest, _) = next(&fleet, &Recall::Damaged("its checksum does not fit".into()), NOW);
    assert_eq!((digest.news, digest.new.len()), (News::Changed, 50));
    assert!(digest.damaged.is_some());
}

#[test]
fn of_too_many_the_riskiest_are_told_and_the_same_each_day() {
    let fleet = |fails: usize| {
        let level = |n| if n < fails { Level::Fail } else { Level::Warn };
        let mut all: Vec<Finding> = (0..MOST + 100).map(|n| finding(n, level(n), 1, n as u64)).collect();
        crate::fleet::findings::sort(&mut all);
        looked(all)
    };
    let (digest, memory) = next(&fleet(0), &Recall::First, NOW);
    assert_eq!((digest.new.len(), digest.beyond), (MOST, 100));
    let mut later = fleet(0);
    later.findings.reverse();
    let (digest, memory) = next(&later, &memory, NOW);
    assert_eq!((digest.news, digest.beyond), (News::Nothing, 100));
    // What breaks the policy is told, whatever has to give way.
    let (digest, _) = next(&fleet(50), &memory, NOW);
    assert_eq!((digest.new.len() + digest.worse.len(), digest.resolved.len()), (50, 0));
}

/// Places that go dark one after the other, each with other things in it: what is remembered of them does not add up.
#[test]
fn what_is_remembered_of_what_can_not_be_told_is_bounded_too() {
    let fleet = |day: usize| looked((0..MOST).map(|n| finding(day * MOST + n, Level::Warn, 1, 1)).collect());
    let (_, mut memory) = next(&fleet(0), &Recall::First, NOW);
    for day in 1..4 {
        let mut today = fleet(day);
        // Half of what there was can't be read today, and there is as much as ever beside it.
        today.places[0].shown.unread.push(unread("instances"));
        today.findings.truncate(MOST / 2);
        today.findings.push(finding(9 * MOST + day, Level::Fail, 1, 1));
        let (digest, of_today) = next_of(&today, &memory_of(&memory), NOW);
        assert!(of_today.told.len() <= MOST, "{}", of_today.told.len());
        assert!(digest.unknown > 0 && digest.beyond > 0, "day {day}: {} {}", digest.unknown, digest.beyond);
        // What is worst is not what gives way.
        let worst = of_today.told.values().filter(|told| told.level == Level::Fail).count();
        assert!(worst >= day.min(2), "day {day}: {worst}");
        memory = Recall::Known(of_today);
    }
}

fn memory_of(recall: &Recall) -> Recall {
    match recall {
        Recall::Known(memory) => Recall::Known(Memory::read(&memory.write()).unwrap()),
        other => other.clone(),
    }
}

/// Nobody may run it: that is worse than any age, where policy makes the same of both.
#[test]
fn what_was_revoked_since_it_was_told_is_worse() {
    let of = |status| {
        let mut finding = finding(1, Level::Fail, 1, 20);
        finding.judgement.status = status;
        looked(vec![finding])
    };
    let (_, memory) = next(&of(Status::Behind), &Recall::First, NOW);
    let (digest, memory) = next(&of(Status::Revoked), &memory, NOW);
    assert_eq!((digest.worse.len(), digest.changed.len()), (1, 0), "{:?}", titles(&digest));
    assert_eq!(digest.worse[0].was_status.as_deref(), Some("behind"));
    // It is told once, and what it becomes after that is no worse.
    assert_eq!(next(&of(Status::Revoked), &memory, NOW).0.news, News::Nothing);
    let (digest, _) = next(&of(Status::Behind), &memory, NOW);
    assert_eq!((digest.worse.len(), digest.changed.len()), (0, 1), "{:?}", titles(&digest));
}
