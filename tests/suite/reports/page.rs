//! The HTML page: its structure, its text, and that nothing in a record gets out of being text.

use super::fixture;
use amifactory::report::html::html;
use amifactory::target::ImageRecord;
use insta::assert_snapshot;

fn page() -> String {
    html(&fixture::image(), &fixture::refused_record(), fixture::today()).unwrap()
}

/// Tags in order; none of the fixture's text may be among them.
fn tags(page: &str) -> Vec<&str> {
    let body = &page[page.find("<body>").unwrap()..page.find("<script>").unwrap()];
    body.match_indices('<').map(|(at, _)| &body[at..at + body[at..].find('>').unwrap() + 1]).collect()
}

/// What a reader sees, one element per line.
fn text(page: &str) -> String {
    let body = &page[page.find("<body>").unwrap()..page.find("<script>").unwrap()];
    let mut out = String::new();
    let mut rest = body;
    while let Some(start) = rest.find('<') {
        out.push_str(&rest[..start]);
        let end = start + rest[start..].find('>').unwrap();
        let name = rest[start + 1..end].split([' ', '/']).next().unwrap_or("");
        out.push(if ["span", "b", "code", "a", "em", "strong", ""].contains(&name) { ' ' } else { '\n' });
        rest = &rest[end + 1..];
    }
    let lines = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_a_reader_sees() {
    assert_snapshot!(text(&page()));
}

#[test]
fn hostile_text_stays_text() {
    let page = page();
    assert_eq!(page.matches("<script").count(), 1, "the page's own");
    assert_eq!(page.matches("</script").count(), 1);
    assert_eq!(page.matches("<style").count(), 1);
    let hidden: Vec<char> = page
        .chars()
        .filter(|c| (c.is_control() && !"\n\t".contains(*c)) || "\u{202e}\u{200b}\u{feff}".contains(*c))
        .collect();
    assert!(hidden.is_empty(), "{hidden:?}");
    assert!(page.contains("\\u{202e}gpj.exe {{name}}"), "shown as what it is, and not rendered again");
    for tag in tags(&page) {
        assert!(!tag.contains("alert") && !tag.contains("textarea"), "{tag}");
        assert!(!tag.contains(" on"), "no handlers in attributes: {tag}");
        assert!(!tag.contains(" style="), "the policy forbids it: {tag}");
    }
}

/// The refused record with every free text replaced.
fn saying(text: &str) -> ImageRecord {
    let mut record = fixture::refused_record();
    let mut texts = vec![&mut record.description, &mut record.base.id, &mut record.base.description];
    texts.extend([&mut record.base.os_name, record.profile.as_mut().unwrap()]);
    texts.extend(&mut record.gate.unmet);
    for control in &mut record.controls {
        control.ids = [(text.to_owned(), text.to_owned())].into();
        texts.extend([&mut control.title, &mut control.rationale]);
        texts.extend(&mut control.reason);
        texts.extend(control.apply.as_mut().map(|applied| &mut applied.output));
        if let Some(waiver) = &mut control.waiver {
            texts.extend([&mut waiver.reason, &mut waiver.owner]);
            texts.extend(&mut waiver.ticket);
        }
        for audit in control.before.iter_mut().chain(&mut control.after) {
            texts.extend([&mut audit.ran, &mut audit.output]);
            texts.extend(audit.checks.iter_mut().flat_map(|c| [&mut c.what, &mut c.expected, &mut c.observed]));
        }
    }
    texts.extend(record.groups.iter_mut().flat_map(|group| &mut group.packages));
    texts.extend(record.tests.iter_mut().flat_map(|test| [&mut test.name, &mut test.output]));
    texts.extend(record.packages.iter_mut().flat_map(|p| [&mut p.name, &mut p.version, &mut p.arch]));
    record.provenance.inputs = [(text.to_owned(), text.to_owned())].into();
    let provenance = &mut record.provenance;
    texts.extend([&mut provenance.tool, &mut provenance.started_at, &mut provenance.finished_at]);
    texts.into_iter().for_each(|to| *to = text.to_owned());
    record
}

#[test]
fn a_record_whose_every_text_is_hostile_has_the_tags_of_one_whose_texts_are_plain() {
    let with = |text: &str| html(&fixture::image(), &saying(text), fixture::today()).unwrap();
    let (plain, hostile) = (with("plain"), with(fixture::HOSTILE));
    assert_eq!(tags(&plain), tags(&hostile));
    assert!(hostile.matches("&lt;script&gt;").count() > 50);
}

#[test]
fn the_page_is_self_contained() {
    let page = page();
    for outside in
        ["http:", "https:", "src=", "url(", "@import", "fetch(", "XMLHttpRequest", "<link", "<img", "<iframe"]
    {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src &#x27;none&#x27;; style-src &#x27;sha256-"), "{}", &page[..600]);
    assert!(!page.contains("unsafe-inline"));
    // Every link leads somewhere.
    for link in page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(page.contains(&format!("id=\"{link}\"")), "{link}");
    }
    let ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let unique: std::collections::BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len(), "ids are unique");
}

#[test]
fn an_expired_waiver_is_flagged_and_one_that_holds_is_not() {
    let page = text(&page());
    assert!(page.contains("2025-05-20 expired 12 days ago"), "{page}");
    assert!(page.contains("2025-12-31 213 days left"), "{page}");
    assert!(page.contains("expired Waiver: No web server"), "in what needs attention");
}

#[test]
fn what_a_package_group_implies_is_listed_among_the_waivers() {
    let mut record = fixture::record();
    let control = record.controls.iter_mut().find(|control| control.slug.as_str() == "tmp-noexec").unwrap();
    control.waiver = None;
    let text = text(&html(&fixture::image(), &record, fixture::today()).unwrap());
    assert!(text.contains("Waivers 2"), "{text}");
    assert!(
        text.contains(
            "implied by what is installed: The monitoring agent unpacks its plug-ins into /tmp\nnone\nno expiry"
        ),
        "{text}"
    );
}

#[test]
fn an_image_that_was_not_hardened_claims_nothing() {
    let mut record = fixture::record();
    record.controls.clear();
    (record.profile, record.score, record.score_before) = (None, None, None);
    record.tally = Default::default();
    record.tally_by_level.clear();
    record.packages.clear();
    record.tests.clear();
    let text = text(&html(&fixture::image(), &record, fixture::today()).unwrap());
    assert!(text.contains("No hardening profile was applied; there is no score."), "{text}");
    assert!(text.contains("None: nothing shows that this image does its work."));
    assert!(!text.contains("NaN") && !text.contains("100.0"));
}

#[test]
fn an_image_that_was_never_verified_has_passed_no_gate() {
    let mut record = fixture::record();
    let page = |record: &ImageRecord| text(&html(&fixture::image(), record, fixture::today()).unwrap());
    assert!(page(&record).contains("✓ Gate passed"));
    record.provenance.finished_at.clear();
    let open = page(&record);
    assert!(open.contains("? Not verified") && !open.contains("Gate passed"), "{open}");
}

#[test]
fn same_record_same_day_same_bytes() {
    assert_eq!(page(), page());
}
