//! The fleet on the page of `serve`, and in its metrics.

use super::program::{FACTORY, OLD, world};
use super::{POLICY, Scene, home, image};
use crate::aws::fleet::OWN;
use crate::aws::loopback::Cloud;
use crate::aws::wire::Wire;
use crate::program::TestFactory;
use crate::reports::fixture::HOSTILE;
use crate::served::{Served, pages::text};
use amifactory::fleet::trend::Point;
use amifactory::identity::TargetKind;
use amifactory::report::html::{fleet_page, overview_page};
use amifactory::report::metrics;
use amifactory::report::view::Fleet;
use amifactory::serve::board::Seen;
use amifactory::serve::history::History;
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use insta::assert_snapshot;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2040-03-31 0:01 UTC);

async fn fleet(name: &str) -> Fleet {
    let scene = Scene::new(POLICY).await;
    let east = || home(OWN, "us-east-1");
    scene.instance("i-00000000000000001", &image(0, "us-east-1"), east(), &[("Name", name)]).await;
    scene.instance("i-00000000000000002", &image(2, "us-east-1"), east(), &[("Name", name)]).await;
    scene.instance("i-00000000000000003", "ami-0000000000000dead", east(), &[("Name", name)]).await;
    scene.report().await
}

fn seen(fleet: Fleet) -> Seen {
    let mut seen = Seen::nothing(TargetKind::Aws, Duration::from_secs(300), true);
    seen.fleet.looked(Ok(fleet), NOW - Duration::from_secs(60), Duration::from_secs(2));
    let point = |hours: i64, fail: u64| Point {
        at: NOW.unix_timestamp() - hours * 3600,
        holds: 7200,
        fail,
        unknown: 0,
        warn: 0,
        exempt: 0,
        fine: 3,
        unread: 0,
    };
    let points = vec![point(20, 2), point(19, 1), point(1, 0), point(0, 2)];
    seen.freshness = History { points, note: None }.into();
    seen
}

#[tokio::test(start_paused = true)]
async fn what_a_reader_sees_of_the_fleet() {
    let mut seen = seen(fleet("web").await);
    let fresh = text(&fleet_page(&seen, NOW).unwrap());
    assert!(text(&overview_page(&seen, NOW).unwrap()).contains("✗ breaks the policy"));
    // Once it is too old nobody knows.
    let later = NOW + Duration::from_secs(1000);
    let old = text(&overview_page(&seen, later).unwrap());
    assert!(old.contains("? unknown") && old.contains("Too old") && !old.contains("breaks the policy"), "{old}");
    assert!(!metrics::all(&seen, later).contains("amifactory_fleet_resources"));
    seen.fleet.looked(Err("throttled".into()), NOW, Duration::ZERO);
    assert!(text(&fleet_page(&seen, NOW).unwrap()).contains("Stale: the last look failed."));
    assert_snapshot!(fresh);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_read_stands_on_the_first_page_whatever_the_policy_says() {
    let mut one = fleet("web").await;
    let why = "AccessDenied: not allowed\n  allow it <b>now</b>".to_owned();
    one.places[0].unread = vec![amifactory::target::Unread { what: "instances".into(), why, service: None }];
    let page = overview_page(&seen(one), NOW).unwrap();
    let shown = text(&page);
    assert!(shown.contains("✗ breaks the policy") && shown.contains("1 place not read"), "{shown}");
    assert!(shown.contains("instances: AccessDenied: not allowed: allow it"), "{shown}");
    assert!(!page.contains("<b>now</b>"), "{page}");
    assert!(!text(&overview_page(&seen(fleet("web").await), NOW).unwrap()).contains("not read"));
}

#[tokio::test(start_paused = true)]
async fn names_are_text_on_the_page() {
    let (plain, hostile) = (seen(fleet("web").await), seen(fleet(HOSTILE).await));
    let (plain, page) = (fleet_page(&plain, NOW).unwrap(), fleet_page(&hostile, NOW).unwrap());
    assert_eq!(plain.matches('<').count(), page.matches('<').count());
    assert!(page.contains("&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;"), "{page}");
    let hidden = page.chars().find(|c| (c.is_control() && *c != '\n') || "\u{202e}\u{200b}\u{feff}".contains(*c));
    assert_eq!(hidden, None);
}

/// An instance of the old image, by this name.
fn launch(cloud: &Cloud, name: &str) {
    let ec2 = aws_sdk_ec2::Client::new(&Wire::new(&cloud.fake).config());
    let tag = Tag::builder().key("Name").value(name).build();
    let tags = TagSpecification::builder().resource_type(ResourceType::Instance).tags(tag).build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let launched = ec2.run_instances().image_id(OLD).instance_type("m7i.large".into()).min_count(1).max_count(1);
    runtime.block_on(launched.tag_specifications(tags).send()).unwrap();
}

#[test]
fn the_fleet_is_served_and_requests_ask_aws_nothing() {
    let (cloud, factory) = (world(), TestFactory::tiny("true"));
    factory.write("amifactory.yaml", &format!("{FACTORY}fleet: {{warn: 0s, fail: 0s}}\n"));
    launch(&cloud, "<script>alert('x')</script>");
    let start =
        |every: &str| Served::of(cloud.command(&factory, &["serve", "--listen", "127.0.0.1:0", "--every", every]));
    // What lies where the figures are kept holds nobody up.
    let kept = factory.state().join("freshness");
    std::fs::create_dir_all(&kept).unwrap();
    let fifo = kept.join("123456789012-us-east-1.jsonl");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let log = factory.path().join("serve.log");
    let served = Served::of(
        cloud.command(&factory, &["serve", "--listen", "127.0.0.1:0", "--every", "1h", "--log", log.to_str().unwrap()]),
    );
    served.wait_for("/fleet", "it is no file");
    drop(served);
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let looked = |part: &str| lines.iter().any(|line| line["labels"]["part"] == part);
    assert!(looked("fleet") && lines.iter().any(|line| line["event"]["action"] == "fleet-looked"), "{log}");
    std::fs::remove_file(&fifo).unwrap();
    let served = start("1h");
    let page = served.wait_for("/fleet", "✗ breaks the policy");
    assert!(!page.contains("These are the figures of"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;") && !page.contains("<script"), "{page}");
    assert!(page.contains("<rect class=\"fail\""), "{page}");
    for part in ["images", "evidence", "channels", "builds", "fleet"] {
        served.wait_for("/metrics", &format!("amifactory_look_failed{{part=\"{part}\"}} "));
    }
    let metrics = served.get("/metrics");
    let expected = "amifactory_fleet_resources{account=\"123456789012\",region=\"us-east-1\",kind=\"instance\",recipe=\"web\",\
                    channel=\"prod\",version=\"1.0.0\",status=\"behind\",level=\"fail\"} 1";
    assert!(metrics.lines().any(|line| line == expected), "{metrics}");
    // One place for the names: `fleet` prints the same.
    let printed = cloud.command(&factory, &["fleet", "--format", "prometheus"]).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let same = |line: &&str| !line.starts_with("amifactory_fleet_checked");
    assert!(printed.lines().filter(same).all(|line| metrics.lines().any(|other| other == line)), "{printed}");

    let calls = cloud.fake.world().calls.len();
    for path in ["/", "/fleet", "/images", &format!("/images/{OLD}"), "/metrics"] {
        served.get(path);
    }
    assert_eq!(cloud.fake.world().calls.len(), calls, "pages are made from what was seen last");
    assert!(served.get("/").contains("<span class=\"tag\">prod</span>"));
    for path in ["/", "/fleet", "/metrics"] {
        let body = served.get(path);
        assert!(!body.contains("AKIA") && !body.contains("secret") && !body.contains(&cloud.endpoint), "{path}");
    }
    // A page shows what was seen a moment before it is kept.
    let file = factory.state().join("freshness/123456789012-us-east-1.jsonl");
    let keeps = |lines: usize| {
        let began = std::time::Instant::now();
        let kept = || std::fs::read_to_string(&file).unwrap_or_default().lines().count();
        while kept() < lines && began.elapsed() < std::time::Duration::from_secs(60) {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert_eq!(kept(), lines);
    };
    keeps(1);
    served.signal(Signal::SIGTERM);
    assert_eq!(served.end().0, 0);

    // Two looks within one second are one point.
    std::thread::sleep(Duration::from_secs(2));

    // The README's own command.
    let part =
        crate::readme::readme().split("## On a web page").nth(1).unwrap().split("\n## ").next().unwrap().to_owned();
    let commands = crate::readme::commands(&part);
    let command = commands.iter().find(|arguments| arguments.contains(&"aws".to_owned())).unwrap();
    let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--listen", "127.0.0.1:0"]).collect();
    let told = Served::of(cloud.command(&factory, &arguments));
    told.wait_for("/fleet", "✗ breaks the policy");

    // What was seen is still known to the next one, which can see nothing.
    keeps(2);
    drop(told);
    // What is stale is so for twice this long: time enough to be met on a busy machine.
    let served = start("5s");
    served.wait_for("/fleet", "✗ breaks the policy");
    cloud.fake.world().credentials.default_mut().denied.insert("ssm:GetParametersByPath".into());
    let page = served.wait_for("/fleet", "Stale: the last look failed.");
    assert!(page.contains("ssm:GetParametersByPath") && page.contains("alert("), "{page}");
    let metrics = served.wait_for("/metrics", "amifactory_look_failed{part=\"fleet\"} 1");
    assert!(metrics.contains("amifactory_look_failed{part=\"builds\"} 0"), "one part hides no other: {metrics}");
    let page = served.wait_for("/fleet", "Too old: how it is now is unknown.");
    assert!(page.contains("? unknown") && !page.contains("✗ breaks the policy"), "{page}");
    assert!(page.contains("These are the figures of 2") && page.contains("what they are now is unknown"), "{page}");
    assert!(!served.get("/metrics").contains("amifactory_fleet_resources"));
    assert!(std::fs::read_to_string(&file).unwrap().lines().count() >= 2);
}

/// Metrics by name, each with the labels that its series have.
fn printed(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut metrics: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap().to_owned();
        let labels = line.split_once('{').map_or("", |(_, rest)| rest.rsplit_once('}').unwrap().0);
        let keys = labels.split("=\"").map(|part| part.rsplit(['"', ',']).next().unwrap().to_owned());
        metrics.entry(name).or_default().extend(keys.filter(|key| !key.is_empty()));
    }
    metrics
}

/// Names of metrics, and names of labels, that stand in PromQL.
fn named(query: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut metrics, mut labels) = (BTreeSet::new(), BTreeSet::new());
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for word in query.split(|c: char| !is_word(c)).filter(|word| word.starts_with("amifactory_")) {
        metrics.insert(word.to_owned());
    }
    for part in query.split('{').skip(1) {
        let matchers = part.split('}').next().unwrap();
        labels.extend(matchers.split(',').map(|one| one.split(['=', '!']).next().unwrap().trim().to_owned()));
    }
    for word in ["by (", "on (", "group_left ("] {
        for part in query.split(word).skip(1) {
            labels.extend(part.split(')').next().unwrap().split(',').map(|label| label.trim().to_owned()));
        }
    }
    labels.remove("");
    (metrics, labels)
}

#[tokio::test(start_paused = true)]
async fn dashboard_and_rules_name_only_what_is_printed() {
    let mut all = crate::served::pages::seen("x");
    let with_fleet = seen(fleet("web").await);
    (all.fleet, all.has_fleet) = (with_fleet.fleet, true);
    all.fleet.good.as_mut().unwrap().at = crate::served::pages::NOW;
    let metrics = printed(&metrics::all(&all, crate::served::pages::NOW));
    assert!(metrics["amifactory_fleet_resources"].contains("level") && metrics.len() > 15, "{metrics:?}");
    let check = |query: &str| {
        let (names, labels) = named(query);
        assert!(!names.is_empty() || query.contains("up{"), "{query}");
        let mut known: BTreeSet<String> = ["job", "instance"].map(str::to_owned).into();
        for name in &names {
            known.extend(metrics.get(name).unwrap_or_else(|| panic!("{name} is not printed: {query}")).iter().cloned());
        }
        assert!(labels.is_subset(&known), "{labels:?} are not all labels of {names:?}: {query}");
        names
    };
    let dashboard = std::fs::read_to_string("examples/grafana/amifactory.json").unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    assert!(dashboard["uid"].is_string() && dashboard["schemaVersion"].is_u64() && dashboard["id"].is_null());
    let (mut ids, mut used) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel:#}");
        let place = &panel["gridPos"];
        assert!(place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap() <= 24, "{panel:#}");
        assert!(
            panel["type"].is_string() && panel["title"].is_string() && panel["fieldConfig"].is_object(),
            "{panel:#}"
        );
        for target in panel["targets"].as_array().unwrap() {
            used.extend(check(&target["expr"].as_str().unwrap().replace("$job", "job")));
            for label in target["legendFormat"].as_str().unwrap().split("{{").skip(1) {
                let label = label.split("}}").next().unwrap();
                assert!(metrics.values().any(|labels| labels.contains(label)), "{label}");
            }
        }
    }
    assert!(used.len() >= 8, "{used:?}");
    let rules = std::fs::read_to_string("examples/prometheus/rules.yml").unwrap();
    let queries: Vec<String> = rules
        .split("expr:")
        .skip(1)
        .map(|part| {
            let query = part.split("\n        for:").next().unwrap().split("\n        labels:").next().unwrap();
            query.trim().trim_start_matches(">-").replace('\n', " ")
        })
        .collect();
    assert_eq!(queries.len(), rules.matches("- alert:").count());
    queries.iter().for_each(|query| drop(check(query)));
    for label in rules.split("$labels.").skip(1) {
        let label = label.split(' ').next().unwrap();
        assert!(metrics.values().any(|labels| labels.contains(label)), "{label}");
    }
    for file in
        ["examples/prometheus/prometheus.yml", "examples/prometheus/rules.yml", "examples/grafana/amifactory.json"]
    {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(!text.contains("http://") && !text.contains("https://"), "{file} names a host");
    }
}
