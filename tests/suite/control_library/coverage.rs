//! `hardening/COVERAGE.md` is what the library is.

use amifactory::hardening::{Library, Standing, coverage, coverage_page};
use std::path::Path;

#[test]
fn the_coverage_table_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("hardening/COVERAGE.md");
    let page = coverage_page(&Library::embedded().unwrap());
    if std::env::var_os("AMIFACTORY_RENEW").is_some_and(|value| value == "1") {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = page.lines().zip(written.lines()).find(|(now, then)| now != then);
    assert!(
        page == written,
        "hardening/COVERAGE.md is stale: {differing:?}\n\
         renew it with: AMIFACTORY_RENEW=1 cargo test --no-default-features --test suite coverage"
    );
}

#[test]
fn the_coverage_table_has_every_recommendation() {
    let library = Library::embedded().unwrap();
    let rows = coverage(&library, "cis-al2023-1.0.0");
    assert_eq!(rows.len(), 243);
    assert_eq!(rows.iter().filter(|row| row.recommendation.unwrap().manual).count(), 21);
    assert_eq!(rows.iter().filter(|row| row.recommendation.unwrap().level == 2).count(), 64);
    let page = coverage_page(&library);
    for row in &rows {
        assert!(page.contains(&format!("| {} | L{}", row.id, row.recommendation.unwrap().level)), "{}", row.id);
        assert_eq!(row.control.is_none(), row.standing == Standing::Missing, "{}", row.id);
    }
    for control in library.controls.values() {
        assert!(page.contains(&format!("| {} |", control.slug)), "{}", control.slug);
    }
}
