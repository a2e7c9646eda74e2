//! Pages and metrics from what was seen: their text, and that no value gets out of being text.

use crate::reports::fixture::{self, HOSTILE};
use amifactory::identity::TargetKind;
use amifactory::pipeline::underway::{InFlight, Standing};
use amifactory::release::places::Place;
use amifactory::report::html::{fleet_page, image_page, images_page, overview_page};
use amifactory::report::metrics;
use amifactory::report::view::ImageRow;
use amifactory::serve::board::Seen;
use amifactory::serve::elsewhere::{ElsewhereRow, How};
use amifactory::serve::look::{ChannelRow, Channels};
use insta::assert_snapshot;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use time::macros::datetime;

pub const NOW: OffsetDateTime = datetime!(2025-06-01 12:00 UTC);
const EVERY: Duration = Duration::from_secs(300);

/// All there is, each part seen a minute ago; free texts say this.
pub fn seen(text: &str) -> Seen {
    let mut seen = Seen::nothing(TargetKind::Local, EVERY, false);
    let at = NOW - Duration::from_secs(60);
    let took = Duration::from_millis(1500);
    let record = fixture::refused_record();
    let row = |image: &str, version: &str, state: &str, channels: &[&str]| ImageRow {
        image: image.parse().unwrap(),
        recipe: "web-tier".parse().unwrap(),
        version: version.parse().unwrap(),
        digest: record.digest.clone(),
        arch: Some("x86_64".parse().unwrap()),
        state: state.into(),
        created_at: "2025-05-31T08:00:00Z".into(),
        target: TargetKind::Local,
        tags: [("Name".to_owned(), text.to_owned()), ("amifactory:revoked".to_owned(), text.to_owned())].into(),
        channels: channels.iter().map(|channel| channel.parse().unwrap()).collect(),
    };
    let other = "img-0000000000000000";
    let images =
        vec![row(fixture::image().as_str(), "1.4.12", "verified", &["dev"]), row(other, "1.4.11", "revoked", &[])];
    seen.images.looked(Ok(images), at, took);
    let evidence = [(fixture::image(), Ok(Arc::new(record.clone()))), (other.parse().unwrap(), Err(text.to_owned()))];
    seen.evidence.looked(Ok(evidence.into()), at, took);
    let channel = ChannelRow {
        recipe: "web-tier".parse().unwrap(),
        arch: "x86_64".parse().unwrap(),
        channel: "dev".parse().unwrap(),
        image: fixture::image(),
        version: Some("1.4.12".parse().unwrap()),
        since: Some("2025-05-31T09:00:00Z".into()),
        by: Some(text.into()),
        why: text.into(),
        wrong: Some(text.into()),
        pin: Some(text.into()),
        revoked: Some(text.into()),
    };
    seen.channels.looked(Ok(Channels { rows: vec![channel], damaged: vec![text.into()] }), at, took);
    let elsewhere = |account: Option<&str>, region: &str, how| ElsewhereRow {
        recipe: "web-tier".parse().unwrap(),
        arch: "x86_64".parse().unwrap(),
        channel: "dev".parse().unwrap(),
        place: Place { account: account.map(|account| account.parse().unwrap()), region: region.parse().unwrap() },
        image: Some(fixture::image()),
        how,
    };
    let places = vec![
        elsewhere(None, "us-west-2", How::Same),
        elsewhere(Some("111122223333"), "us-west-2", How::Differs(text.into())),
        elsewhere(Some("111122223333"), "eu-central-1", How::Unknown(text.into())),
    ];
    seen.places.looked(Ok(places), at, took);
    let build = InFlight {
        build: "web-tier-5d0c2f7a91be-2".parse().unwrap(),
        recipe: text.into(),
        version: text.into(),
        standing: Standing::Running,
        begun: "2025-06-01T11:50:00Z".into(),
        step: Some(text.into()),
        since: "2025-06-01T11:55:00Z".into(),
    };
    seen.builds.looked(Ok(vec![build]), at, took);
    seen
}

fn pages(seen: &Seen) -> Vec<String> {
    let of = |image| image_page(seen, image, NOW).unwrap().unwrap();
    vec![
        overview_page(seen, NOW).unwrap(),
        fleet_page(seen, NOW).unwrap(),
        images_page(seen, NOW).unwrap(),
        of(&fixture::image()),
        of(&"img-0000000000000000".parse().unwrap()),
    ]
}

/// What a reader sees, one element per line.
pub fn text(page: &str) -> String {
    let (mut out, mut rest) = (String::new(), &page[page.find("<body>").unwrap()..]);
    while let Some(start) = rest.find('<') {
        out.push_str(&rest[..start]);
        let end = start + rest[start..].find('>').unwrap();
        let name = rest[start + 1..end].split([' ', '/']).next().unwrap_or("");
        out.push(if ["span", "b", "code", "a", ""].contains(&name) { ' ' } else { '\n' });
        rest = &rest[end + 1..];
    }
    let lines = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Tags in order.
fn tags(page: &str) -> Vec<&str> {
    page.match_indices('<').map(|(at, _)| &page[at..at + page[at..].find('>').unwrap() + 1]).collect()
}

#[test]
fn what_a_reader_sees() {
    let shown: Vec<String> = pages(&seen("some text")).iter().map(|page| text(page)).collect();
    assert_snapshot!(shown.join("\n\n--------\n\n"));
}

#[test]
fn before_the_first_look_nothing_is_taken_for_fine() {
    let mut nothing = Seen::nothing(TargetKind::Aws, EVERY, true);
    let page = text(&overview_page(&nothing, NOW).unwrap());
    assert!(page.contains("the first look is under way") && !page.contains("None"), "{page}");
    nothing.images.looked(Err("no answer".into()), NOW, EVERY);
    let page = text(&images_page(&nothing, NOW).unwrap());
    assert!(page.contains("Unknown: no look has succeeded yet.") && page.contains("no answer"), "{page}");
    assert!(image_page(&nothing, &fixture::image(), NOW).unwrap().is_none());
}

#[test]
fn hostile_text_stays_text() {
    let (plain, hostile) = (pages(&seen("some text")), pages(&seen(HOSTILE)));
    for (plain, page) in plain.iter().zip(&hostile) {
        // Not one tag more, less or other than where the same values are harmless.
        assert_eq!(tags(plain), tags(page));
        let attacked =
            tags(page).into_iter().find(|tag| tag.contains("script") || tag.contains(" style=") || tag.contains(" on"));
        assert_eq!(attacked, None);
        let hidden = page.chars().find(|c| (c.is_control() && *c != '\n') || "\u{202e}\u{200b}\u{feff}".contains(*c));
        assert_eq!(hidden, None);
    }
    assert!(hostile[0].contains("&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;"), "{}", hostile[0]);
}

#[test]
fn figures_of_everything() {
    assert_snapshot!(metrics::all(&seen(HOSTILE), NOW));
}

#[test]
fn what_is_too_old_has_no_figure() {
    let later = metrics::all(&seen("x"), NOW + EVERY * 4);
    let of = |name: &str| later.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!((of("amifactory_images"), of("amifactory_channel"), of("amifactory_builds")), (0, 0, 0), "{later}");
    assert_eq!((of("amifactory_look_success_timestamp_seconds"), of("amifactory_look_failed")), (5, 5), "{later}");
}
