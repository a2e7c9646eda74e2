//! The same fleet in every form, with names that others gave.

use super::{OTHER, OWN, POLICY, Scene, home, image};
use crate::fake_aws::autoscaling::Group;
use amifactory::report::view::{Fleet, fleet};
use amifactory::report::{Style, fleet as formats, html};

const HOSTILE: &str = "<script>alert(1)</script>\u{1b}[2J\"},=1+1\u{202e}";

async fn report() -> Fleet {
    let exemption = "  exemptions: [{resource: frozen, reason: audit of <March>, owner: ops, expires: 2040-04-30}]\n";
    let scene = Scene::new(&format!("{POLICY}{exemption}")).await;
    let (east, old) = (home(OWN, "us-east-1"), image(0, "us-east-1"));
    for n in 0..5 {
        let id = format!("i-0000000000000000{n}");
        scene.instance(&id, &old, east.clone(), &[("Name", HOSTILE), ("aws:autoscaling:groupName", "=web")]).await;
    }
    scene.instance("i-00000000000000005", &image(1, "us-east-1"), east.clone(), &[("stopped", "")]).await;
    scene.instance("i-00000000000000006", &image(2, "us-west-2"), home(OTHER, "us-west-2"), &[]).await;
    scene
        .instance("i-00000000000000007", "ami-0000000000000dead", home(OTHER, "us-west-2"), &[("Name", "@gone")])
        .await;
    scene.template("lt-00000000000000001", east.clone(), &[&old], 1);
    let named = |version: &str| Some(("lt-00000000000000001".to_owned(), version.to_owned()));
    scene.group("it's <b>web</b>", east.clone(), Group { template: named("$Default"), ..Group::default() });
    scene.group("frozen", east, Group { template: named("1"), warm: Some(Vec::new()), ..Group::default() });
    scene.fake.world().credentials.default_mut().denied.insert("autoscaling:DescribeWarmPool".into());
    scene.report().await
}

#[tokio::test(start_paused = true)]
async fn every_form_shows_the_same_fleet_and_hostile_names_are_text() {
    let report = report().await;
    let table = fleet(&report, false, Style::PLAIN);
    insta::assert_snapshot!("table", table);
    insta::assert_snapshot!("table_of_all", fleet(&report, true, Style { color: false, width: 70 }));
    let csv = formats::csv(&report);
    insta::assert_snapshot!("csv", csv.replace("\r\n", "\n"));
    let metrics = formats::prometheus(&report);
    insta::assert_snapshot!("prometheus", metrics);
    let page = html::fleet(&report).unwrap();
    insta::assert_snapshot!("html", page);
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&report).unwrap());
    for text in [&table, &csv, &metrics, &page] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    }
    assert!(!page.contains("<script") && !page.contains("<b>web") && !page.contains("<March>"));
    // Every row has as many cells as the header, and none of them is a formula.
    let rows: Vec<Vec<String>> = csv.lines().map(cells).collect();
    assert!(rows.len() > 5 && rows.iter().all(|row| row.len() == rows[0].len()), "{csv}");
    assert!(rows.iter().flatten().all(|cell| !cell.starts_with(['=', '@', '+', '-'])), "{csv}");
}

/// The cells of a line, as RFC 4180 has them.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}
