//! Text that shells, JSON or Systems Manager's own templates would read as something else.

use super::{CALM, log};
use crate::aws::factory::{bundle, step};
use crate::aws::weather::place::{Place, seconds};
use amifactory::pipeline::BuildOptions;
use amifactory::plan::{Plan, step_output};

/// As it stands in a recipe's command, in single quotes, where a shell takes it as it is.
const HOSTILE: &[&str] = &[
    "{{ ssm:/amifactory/secret }}",
    "{{ssm-secure:x:1}} {{ global:DATE }} {{{{",
    "$(touch /tmp/amifactory-was-here) `touch /tmp/amifactory-was-here` ${HOME} $$",
    "\"double\" \\ \\n %s %n &amp; <script>alert(1)</script> ]]> --",
    "two\nlines\n\n\tand a tab",
    "AF_END\nEOF\n.\n",
    "{\"end\":true}\n{\"step\":\"group/hello/0\",\"rc\":0}\namifactory answer 1 0000 0 0",
    "ünïcödé \u{202e}evil\u{2028} 日本語 \u{1b}[31mred\u{7}",
    "; rm -rf --no-preserve-root / # && exit 0 || true | cat > /dev/null\r\n",
];

fn say(plan: &mut Plan, body: &str) {
    plan.bundles.apply = bundle("apply", &[step("group/hello/0", body), step("group/hello/1", "echo after")]);
}

#[tokio::test(start_paused = true)]
async fn comes_back_as_it_was_and_does_nothing() {
    for text in HOSTILE {
        let place = Place::new(|_| {});
        let body = format!("printf '%s' '{text}'");
        place.build_with(|plan| say(plan, &body), &BuildOptions::default()).await.well_within(CALM);
        let log = log(&place, "apply");
        let said = step_output(&log, "group/hello/0").unwrap();
        assert_eq!(String::from_utf8_lossy(said).trim_end_matches('\n'), text.trim_end_matches('\n'));
        assert!(String::from_utf8_lossy(step_output(&log, "group/hello/1").unwrap()).contains("after"));
        assert!(!std::path::Path::new("/tmp/amifactory-was-here").exists(), "{text} was executed");
        let world = place.fake.world();
        for call in world.calls.iter().filter(|call| call.action == "SendCommand") {
            assert!(!call.params.to_string().contains("{{"), "Systems Manager would look for a parameter");
        }
        drop(world);
        assert_eq!(place.leaks().await, [] as [String; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn output_that_is_no_text_comes_back_byte_for_byte() {
    let place = Place::new(|_| {});
    let body = r"printf '\377\376\000\200abc\303\050\n'";
    place.build_with(|plan| say(plan, body), &BuildOptions::default()).await.well_within(CALM);
    let log = log(&place, "apply");
    let said = step_output(&log, "group/hello/0").unwrap();
    assert!(said.starts_with(b"\xff\xfe\0\x80abc\xc3("), "{said:?}");
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_with_hostile_output_is_told_of() {
    let place = Place::new(|_| {});
    let body = format!("printf '%s' '{}'; exit 3", HOSTILE[6]);
    let ended = place.build_with(|plan| say(plan, &body), &BuildOptions::default()).await;
    assert_eq!(ended.badly_within(CALM), "group/hello/0: exit status 3 (group/hello/0)");
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn five_megabytes_of_output_are_cut_where_it_is_said() {
    let place = Place::new(|_| {});
    // Text that hardly compresses is the worst case for the way back.
    let body = "head -c 3900000 /dev/urandom | base64 -w 100; echo the last line";
    // Each further command brings 24 kB; a log is kept to some hundred.
    let ended = place.build_with(|plan| say(plan, body), &BuildOptions::default()).await;
    ended.well_within(CALM + seconds(300));
    let log = log(&place, "apply");
    let text = String::from_utf8_lossy(&log);
    assert!(text.contains("the last line"), "the end of the output is kept");
    assert!(log.len() > 100_000 || text.contains("left out"), "{} bytes, and no word on the rest", log.len());
    let world = place.fake.world();
    let sent = world.count("SendCommand");
    assert!(sent <= 30, "{sent} commands");
    for call in world.calls.iter().filter(|call| call.action == "GetCommandInvocation") {
        assert!(!call.params.to_string().contains("truncated"));
    }
    drop(world);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}
