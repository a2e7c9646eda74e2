//! `fleet --notify` as its users meet it: the built program, topics, and webhooks that behave badly.

use super::program::{FACTORY, NEW, OLD, run, template, world};
use super::{OWN, home};
use crate::aws::loopback::Cloud;
use crate::fake_aws::ssm::parameters::{Kind, Put};
use crate::program::TestFactory;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:fleet";

fn factory(notify: &str) -> TestFactory {
    let factory = TestFactory::tiny("true");
    factory.write(
        "amifactory.yaml",
        &format!("{FACTORY}fleet:\n  warn: 0s\n  fail: 0s\n  notify: {{audiences: {notify}}}\n"),
    );
    factory
}

fn written(cloud: &Cloud) -> Vec<crate::fake_aws::sns::Message> {
    cloud.fake.world().sns.topics[TOPIC].clone()
}

#[test]
fn a_topic_hears_what_changed_and_nothing_else() {
    let cloud = world();
    let factory = factory(&format!("{{platform: {{sns: \"{TOPIC}\"}}}}"));
    cloud.fake.world().sns.topics.insert(TOPIC.into(), Vec::new());
    let (code, text) = run(&cloud, &factory, &["fleet", "--notify"]);
    assert!(
        code == 4 && text.contains("platform by sns: told: 1 new, 0 worse, 0 resolved, 0 unchanged"),
        "{code}: {text}"
    );
    let first = written(&cloud);
    assert_eq!(first[0].subject, "amifactory fleet: 1 new (platform)");
    assert!(
        first[0].body.contains("\nNEW\n- FAIL web 1.0.0 behind: launch template lt-0000000000000000a:1, "),
        "{first:?}"
    );
    assert!(first[0].body.contains("&& V=$(aws ec2 create-launch-template-version --region us-east-1"), "{first:?}");
    // Without the flag nobody is told; with it, nothing is new.
    for arguments in [&["fleet"][..], &["fleet", "--notify"], &["fleet", "--notify", "--format", "csv"]] {
        let (code, text) = run(&cloud, &factory, arguments);
        assert_eq!((code, written(&cloud).len()), (4, 1), "{text}");
        assert!(arguments.len() == 1 || text.contains("platform by sns: nothing new: 1 finding"), "{text}");
    }
    // One more, and the first mended.
    template(&mut cloud.fake.world(), "lt-0000000000000000a", home(OWN, "us-east-1"), NEW);
    template(&mut cloud.fake.world(), "lt-0000000000000000c", home(OWN, "us-east-1"), OLD);
    let (code, text) = run(&cloud, &factory, &["fleet", "--notify", "--format", "json"]);
    let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let told = json!([{"audience": "platform", "way": "sns", "outcome": "told", "new": 1, "worse": 0,
        "changed": 0, "resolved": 1, "unchanged": 0, "unknown": 0, "waiting": 0}]);
    assert_eq!((code, &result["told"], &result["outcome"]), (4, &told, &json!("stale")), "{text}");
    assert_eq!(written(&cloud)[1].subject, "amifactory fleet: 1 new, 1 resolved (platform)");
    // What can't be read resolves nothing.
    cloud.fake.world().credentials.default_mut().denied.insert("ec2:DescribeLaunchTemplateVersions".into());
    let (code, text) = run(&cloud, &factory, &["fleet", "--notify"]);
    assert!(code == 5 && text.contains("1 new, 0 worse, 0 resolved, 0 unchanged, 1 unknown"), "{code}: {text}");
    cloud.fake.world().credentials.default_mut().denied.clear();
    // No other verb trips over what is remembered.
    for arguments in
        [&["verify"][..], &["sweep"], &["retire"], &["history", "web"], &["images"], &["fleet", "--notify"]]
    {
        let (code, text) = run(&cloud, &factory, arguments);
        assert!([0, 4].contains(&code) && !text.contains("_notify"), "{arguments:?}: {code}: {text}");
    }
}

#[test]
fn who_cannot_be_told_is_told_of_by_the_exit_code() {
    let cloud = world();
    let factory = factory(&format!("{{platform: {{sns: \"{TOPIC}\"}}}}"));
    let (code, text) = run(&cloud, &factory, &["fleet", "--notify"]);
    assert!(code == 1 && text.contains("not told: platform by sns: sns:Publish on arn:aws:sns"), "{code}: {text}");
    assert!(text.contains("1 breaking the policy"), "{text}");
    let (code, text) = run(&cloud, &factory, &["fleet", "--notify", "--format", "json"]);
    let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((code, &result["outcome"], &result["told"][0]["outcome"]), (1, &json!("stale"), &json!("failed")));
    factory.write("amifactory.yaml", FACTORY);
    let (code, text) = run(&cloud, &factory, &["fleet", "--notify"]);
    assert!(code == 2 && text.contains("nobody is to be told"), "{code}: {text}");
    let (code, text) = run(&cloud, &factory, &["iam-policy", "--for", "fleet-notify"]);
    assert!(code == 2 && text.contains("tells nobody"), "{code}: {text}");
}

#[test]
fn a_log_says_what_was_read_and_who_was_told_of_how_much() {
    let cloud = world();
    let factory = factory(&format!("{{platform: {{sns: \"{TOPIC}\"}}, chat: {{webhook: {{env: FLEET_HOOK}}}}}}"));
    cloud.fake.world().sns.topics.insert(TOPIC.into(), Vec::new());
    cloud.fake.world().credentials.default_mut().denied.insert("autoscaling:DescribeAutoScalingGroups".into());
    let log = factory.path().join("run.log");
    let mut command = cloud.command(&factory, &["fleet", "--notify", "--log", log.to_str().unwrap()]);
    let output = command.env("FLEET_HOOK", "http://127.0.0.1:9/T0PS3CRET").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("T0PS3CRET"), "{log}");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |action: &str| lines.iter().filter(|line| line["event"]["action"] == action).collect::<Vec<_>>();
    let looked = of("fleet-looked")[0];
    let own = &looked["amifactory"];
    assert_eq!((&own["places_read"], &own["places_unread"], &own["levels"]["fail"]), (&json!(0), &json!(1), &json!(1)));
    assert_eq!((&looked["event"]["outcome"], &looked["log"]["level"]), (&json!("unknown"), &json!("warn")), "{looked}");
    let unread = of("place-unread")[0];
    assert_eq!(unread["cloud"], json!({"provider": "aws", "account": {"id": OWN}, "region": "us-east-1"}));
    assert!(unread["error"]["message"].as_str().unwrap().contains("autoscaling:DescribeAutoScalingGroups"), "{unread}");
    let told = of("audience-told");
    let (chat, platform) = (told[0], told[1]);
    assert_eq!(platform["labels"], json!({"audience": "platform", "way": "sns"}));
    assert!(platform["amifactory"]["new"].as_u64() > Some(0) && platform["log"]["level"] == "info", "{platform}");
    assert_eq!((&chat["labels"]["way"], &chat["log"]["level"]), (&json!("webhook"), &json!("error")), "{chat}");
    assert!(chat["error"]["message"].is_string(), "{chat}");
    let run = lines[0]["trace"]["id"].as_str().unwrap();
    assert!(run.starts_with("run-") && lines.iter().all(|line| line["trace"]["id"] == run), "{log}");
    assert_eq!(lines.last().unwrap()["event"]["action"], "run-ended");
}

#[test]
fn a_log_names_what_breaks_the_policy_and_no_more_of_it_than_anyone_reads() {
    let (cloud, factory) = (world(), TestFactory::tiny("true"));
    factory.write("amifactory.yaml", &format!("{FACTORY}fleet: {{warn: 0s, fail: 0s}}\n"));
    let broken = || -> Vec<Value> {
        let log = factory.path().join("run.log");
        let output = cloud.command(&factory, &["fleet", "--log", log.to_str().unwrap()]).output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{output:?}");
        let text = std::fs::read_to_string(&log).unwrap();
        std::fs::remove_file(&log).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["event"]["action"] == "policy-broken").collect()
    };
    let lines = broken();
    assert_eq!(lines.len(), 1);
    let labels = json!({"recipe": "web", "version": "1.0.0", "image": OLD, "resource": "lt-0000000000000000a:1"});
    assert_eq!((&lines[0]["labels"], &lines[0]["log"]["level"]), (&labels, &json!("warn")));
    assert_eq!(lines[0]["cloud"]["region"], "us-east-1");
    let message = lines[0]["message"].as_str().unwrap();
    assert!(message.contains("template lt-0000000000000000a:1") && message.contains("prod names 1.0.1"), "{message}");
    for n in 256..460 {
        template(&mut cloud.fake.world(), &format!("lt-{n:017x}"), home(OWN, "us-east-1"), OLD);
    }
    let lines = broken();
    assert_eq!(lines.len(), 201);
    assert!(lines[200]["message"].as_str().unwrap().starts_with("5 more findings break the policy"), "{}", lines[200]);
}

/// A server that answers each request as it is told to, and keeps what was asked.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

fn server(answers: &'static [&'static str]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = asked.clone();
    std::thread::spawn(move || {
        for answer in answers {
            let Ok((stream, _)) = listener.accept() else { return };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or_default() == 0 || line == "\r\n" {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            kept.lock().unwrap().push(format!("{head}\n{}", String::from_utf8(body).unwrap()));
            match *answer {
                // It says nothing, and holds the line.
                "hangs" => std::thread::sleep(Duration::from_secs(60)),
                "hangs up" => {}
                answer => {
                    let mut stream = stream;
                    let text = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                    let _ = stream.write_all(text.as_bytes());
                }
            }
        }
    });
    Server { address, asked }
}

fn notified(cloud: &Cloud, factory: &TestFactory, address: &str) -> (i32, String) {
    let mut command = cloud.command(factory, &["fleet", "--notify", "-v"]);
    let output = command.env("FLEET_WEBHOOK", address).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}

#[test]
fn a_webhook_gets_json_and_is_tried_again_where_that_helps() {
    let cloud = world();
    let factory = factory("{chat: {webhook: {env: FLEET_WEBHOOK}}}");
    let good = server(&["503 Busy", "hangs up", "200 OK"]);
    let (code, text) = notified(&cloud, &factory, &format!("{}/T0/secret-part", good.address));
    assert!(code == 4 && text.contains("chat by webhook: told: 1 new"), "{code}: {text}");
    let asked = good.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 3);
    let (head, body) = asked[2].split_once("\n\n").or_else(|| asked[2].split_once("\r\n\n")).unwrap();
    assert!(head.starts_with("POST /T0/secret-part HTTP/1.1"), "{head}");
    let sent: Value = serde_json::from_str(body).unwrap();
    assert_eq!((&sent["audience"], &sent["digest"]["new"][0]["recipe"]), (&json!("chat"), &json!("web")));
    assert!(sent["text"].as_str().unwrap().starts_with("amifactory fleet: 1 new (chat)\n"), "{sent}");
    let quiet = server(&[]);
    let (code, text) = notified(&cloud, &factory, &quiet.address);
    assert!(code == 4 && text.contains("nothing new"), "{code}: {text}");
    // What is broken is known before there is something to tell.
    for (broken, why) in [("", "there is none"), ("http://chat.example.com/T0/secret-part", "it is no https address")] {
        let (code, text) = notified(&cloud, &factory, broken);
        assert!(code == 1 && text.contains(&format!("the address in $FLEET_WEBHOOK: {why}")), "{code}: {text}");
        assert!(!text.contains("secret-part"), "{text}");
    }
}

#[test]
fn a_webhook_that_refuses_redirects_or_hangs_is_told_of_in_bounded_time_without_its_address() {
    let cloud = world();
    let factory = factory("{chat: {webhook: {env: FLEET_WEBHOOK}}}");
    let target = server(&["200 OK"]);
    let moved: &'static str = Box::leak(format!("302 Found\r\nLocation: {}/stolen", target.address).into_boxed_str());
    for (answers, said) in [
        (vec!["500 Oh"; 3], "it answers 500 (3 tries)"),
        (vec![moved], "it answers 302"),
        (vec!["404 No"], "it answers 404"),
        (vec!["hangs"; 1], "no answer within 10 s"),
    ] {
        let server = server(Box::leak(answers.into_boxed_slice()));
        let began = Instant::now();
        let (code, text) = notified(&cloud, &factory, &format!("{}/T0/secret-part", server.address));
        assert!(
            code == 1 && text.contains("not told: chat by webhook: POST on the address in $FLEET_WEBHOOK"),
            "{code}: {text}"
        );
        assert!(text.contains(said), "{said}: {text}");
        assert!(!text.contains("secret-part") && !text.contains("127.0.0.1"), "{text}");
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    }
    assert!(target.asked.lock().unwrap().is_empty(), "a redirect was followed");
    // What fails because of the encryption is told as that, at once.
    let plain = server(&["200 OK"]);
    let address = plain.address.replace("http://", "https://");
    let (code, text) = notified(&cloud, &factory, &format!("{address}/T0/secret-part"));
    assert!(code == 1 && text.contains("TLS failed: what answers there does not speak TLS"), "{code}: {text}");
    assert!(!text.contains("tries") && !text.contains("secret-part") && !text.contains("127.0.0.1"), "{text}");
    for address in ["", "http://hooks.example.org/secret-part", "not an address/secret-part"] {
        let (code, text) = notified(&cloud, &factory, address);
        assert!(
            code == 1 && text.contains("the address in $FLEET_WEBHOOK") && !text.contains("secret-part"),
            "{code}: {text}"
        );
    }
}

#[test]
fn the_address_of_a_webhook_may_stand_in_a_parameter() {
    let cloud = world();
    let factory = factory("{chat: {webhook: {parameter: /fleet/webhook}}}");
    let server = server(&["204 No Content"]);
    let (code, text) = run(&cloud, &factory, &["fleet", "--notify"]);
    assert!(code == 1 && text.contains("the address in parameter /fleet/webhook: there is none"), "{code}: {text}");
    let put = Put { kind: Some(Kind::SecureString), ..Put::by_hand("/fleet/webhook", &server.address) };
    let now = tokio::time::Instant::now();
    cloud.fake.world().ssm.place(&home(OWN, "us-east-1")).parameters.put(put, now, Duration::ZERO).unwrap();
    let (code, text) = run(&cloud, &factory, &["fleet", "--notify"]);
    assert!(code == 4 && text.contains("chat by webhook: told: 1 new"), "{code}: {text}");
    assert_eq!(server.asked.lock().unwrap().len(), 1);
    let (code, text) = run(&cloud, &factory, &["iam-policy", "--for", "fleet-notify"]);
    assert!(code == 0 && text.contains("parameter/fleet/webhook"), "{code}: {text}");
}
