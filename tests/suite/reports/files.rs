//! Evidence as files: JUnit and CycloneDX.

use super::fixture;
use amifactory::report::cyclonedx::cyclonedx;
use amifactory::report::junit::junit;
use insta::assert_snapshot;

#[test]
fn junit_xml() {
    let xml = junit(&fixture::image(), &fixture::refused_record());
    assert!(!xml.contains("<script>") && !xml.contains('\u{1b}') && !xml.contains("]]>"));
    assert_snapshot!(xml);
}

#[test]
fn junit_counts_are_those_of_the_cases() {
    let record = fixture::refused_record();
    let xml = junit(&fixture::image(), &record);
    let count = |text: &str| xml.matches(text).count();
    assert_eq!(count("<testcase "), record.controls.len() + record.tests.len());
    let totals = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        count("<testcase "),
        count("<failure "),
        count("<error "),
        count("<skipped ")
    );
    assert!(xml.lines().nth(1).unwrap().contains(&totals), "{totals}\n{xml}");
}

#[test]
fn cyclonedx_document() {
    let text = cyclonedx(&fixture::image(), &fixture::record());
    assert_snapshot!(text);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["components"].as_array().unwrap().len(), fixture::record().packages.len());
    assert_eq!(text, cyclonedx(&fixture::image(), &fixture::record()), "same image, same bytes");
}

#[test]
fn cyclonedx_lists_a_repeated_package_once() {
    let mut record = fixture::record();
    record.packages.push(record.packages[0].clone());
    let value: serde_json::Value = serde_json::from_str(&cyclonedx(&fixture::image(), &record)).unwrap();
    assert_eq!(value["components"].as_array().unwrap().len(), record.packages.len() - 1);
}
