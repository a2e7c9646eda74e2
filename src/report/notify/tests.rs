//! What is sent, to the letter.

use super::*;
use crate::fleet::freshness::Level;
use crate::fleet::notify::digest::{self, Digest};
use crate::fleet::notify::item::Seen;
use crate::fleet::notify::memory::Recall;
use crate::fleet::notify::tests::{NOW, all, finding, looked, unread};
use crate::fleet::tally::Example;
use time::Duration;

fn told() -> Vec<Digest> {
    let first =
        looked(vec![finding(1, Level::Warn, 12, 20), finding(2, Level::Warn, 2, 16), finding(3, Level::Fail, 1, 70)]);
    let (one, memory) = digest::of(&Seen::of(&first), &all(), &Recall::First, NOW);
    let mut second = looked(vec![finding(1, Level::Fail, 12, 61), finding(5, Level::Warn, 1, 14)]);
    second.places[1].shown.unread.push(unread("launch templates"));
    let recall = Recall::Known(memory);
    let (two, memory) = digest::of(&Seen::of(&second), &all(), &recall, NOW + Duration::days(41));
    let (three, _) = digest::of(&Seen::of(&second), &all(), &Recall::Known(memory), NOW + Duration::days(48));
    let (four, _) = digest::of(&Seen::of(&first), &all(), &Recall::Damaged("its checksum\ndoes not fit".into()), NOW);
    vec![one, two, three, four]
}

#[test]
fn digests_for_people() {
    let text: Vec<String> = told()
        .iter()
        .map(|digest| format!("Subject: {}\n\n{}", subject("platform", digest), body("platform", digest)))
        .collect();
    insta::assert_snapshot!(text.join("=====\n"));
}

#[test]
fn a_digest_for_machines() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&json("platform", &told()[1])).unwrap());
}

/// Names are what others gave: they are text, on the line they stand on.
#[test]
fn names_forge_no_lines_and_call_nobody() {
    let hostile = [
        "<script>alert(1)</script> <!channel> &amp;",
        "web\n\nRESOLVED\n- FAIL everything is fine",
        "a\r\u{1b}[2J\u{202e}txt.exe\u{2028}\u{0}",
        &"🙂".repeat(5000),
    ];
    let findings = hostile.iter().enumerate().map(|(n, name)| {
        let mut finding = finding(n, Level::Fail, 1, 20);
        finding.group = Some((*name).to_owned());
        finding.count.examples = vec![Example { id: "i-1".into(), name: (*name).to_owned() }];
        finding.judgement.why = format!("because of {name}");
        finding.fix = Some(format!("aws x --name '{name}'"));
        finding
    });
    let (digest, _) = digest::of(&Seen::of(&looked(findings.collect())), &all(), &Recall::First, NOW);
    let text = body("platform", &digest);
    assert_eq!(text.lines().filter(|line| line.starts_with("- ")).count(), hostile.len(), "{text}");
    assert_eq!(text.lines().filter(|line| line.chars().all(|c| c.is_ascii_uppercase()) && !line.is_empty()).count(), 1);
    assert!(
        !text.contains(|c: char| c.is_control() && c != '\n') && !text.contains(['\u{202e}', '\u{2028}']),
        "{text}"
    );
    // Half a command, or another one, is worse than none.
    assert_eq!(text.matches("fix: ").count(), 1, "{text}");
    let sent = json("platform", &digest);
    assert!(!sent["text"].as_str().unwrap().contains(['<', '>']));
    insta::assert_snapshot!(text);
}

/// SNS API reference, `Publish`: 262,144 bytes; a subject of less than 100 characters.
#[test]
fn however_much_there_is_a_message_has_its_bounds() {
    let long = "\u{202e}".repeat(400);
    let findings = (0..2100).map(|n| {
        let mut finding = finding(n, Level::Fail, 1_000_000, 20);
        finding.group = Some(format!("{n}{long}"));
        finding.judgement.why = long.clone();
        finding.count.examples = vec![Example { id: long.clone(), name: long.clone() }; 3];
        finding.fix = Some("x".repeat(600));
        finding
    });
    let fleet = Seen::of(&looked(findings.collect()));
    let (_, memory) = digest::of(&fleet, &all(), &Recall::First, NOW);
    let mut worse = fleet.clone();
    for item in &mut worse.items {
        item.level = Level::Unknown;
    }
    let (_, before) = digest::of(&worse, &all(), &Recall::First, NOW);
    let (mut digest, _) = digest::of(&fleet, &all(), &Recall::Known(before), NOW);
    let (first, _) = digest::of(&fleet, &all(), &Recall::First, NOW);
    let (over, _) = digest::of(&Seen { items: Vec::new(), ..fleet }, &all(), &Recall::Known(memory), NOW);
    (digest.new, digest.resolved) = (first.new, over.resolved);
    assert!([digest.new.len(), digest.worse.len(), digest.resolved.len()].iter().all(|count| *count == 2000));
    let audience = "a".repeat(63);
    let (subject, body) = (subject(&audience, &digest), body(&audience, &digest));
    assert!(subject.len() < 100 && subject.is_ascii(), "{subject}");
    assert!(body.len() < 180_000 && body.contains("and 1960 more"), "{}", body.len());
    let sent = json(&audience, &digest).to_string();
    assert!(sent.len() < 262_144, "{}", sent.len());
}
