//! The contract of every control: its audit sees what is wrong, apply mends it, a second apply changes not one byte,
//! and whatever undoes it is noticed.

mod mutation;
mod sandbox;

use crate::skip::skipped;
use amifactory::hardening::{
    AuditKind, Choice, ControlEvidence, Disposition, Library, Primitive, SelectedControl, Status, Tally, Values,
    apply_steps, audit_steps, evidence, seal_steps, select,
};
use amifactory::identity::{OsFamily, Slug};
use amifactory::plan::{Bundle, BundleStep, StepResult};
use amifactory::recipe::{HardeningSpec, ParameterValue};
use sandbox::{Sandbox, base_root, changes, has_rpm, why_not};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What only a site can say.
fn site_values() -> Values {
    Values::from([("log_host".to_owned(), ParameterValue::Text("logs.example.internal:6514".to_owned()))])
}

/// All controls of the library, for one family.
fn all_controls(library: &Library, family: OsFamily) -> Vec<SelectedControl> {
    controls_with(library, family, site_values())
}

fn controls_with(library: &Library, family: OsFamily, parameters: Values) -> Vec<SelectedControl> {
    let spec = HardeningSpec {
        profile: "cis-l1-server".into(),
        parameters,
        add: library.controls.keys().cloned().collect(),
        waivers: Vec::new(),
    };
    select(library, &spec, family, &[], &[]).unwrap()
}

/// Every package that some control wants gone.
fn unwanted(library: &Library, family: OsFamily) -> String {
    let mut names = BTreeSet::new();
    for control in library.controls.values().filter(|control| control.families.contains(&family)) {
        for ensure in control.ensure.iter().filter(|e| e.families.is_empty() || e.families.contains(&family)) {
            if let Primitive::PackageAbsent { names: absent } = &ensure.primitive {
                names.extend(absent.iter().map(|name| name.as_str().to_owned()));
            }
        }
    }
    names.into_iter().collect::<Vec<_>>().join(" ")
}

fn fixture(library: &Library, family: OsFamily) -> Sandbox {
    let sandbox = Sandbox::over(&[&base_root()]);
    let head = format!("FAMILY={family} UNWANTED='{}'\n", unwanted(library, family));
    sandbox.script(&(head + include_str!("controls/fixture.sh")));
    sandbox
}

fn persisted(selected: &SelectedControl) -> Vec<BundleStep> {
    audit_steps(std::slice::from_ref(selected), &[AuditKind::Persisted])
}

fn judged(selected: &SelectedControl, after: &[StepResult]) -> ControlEvidence {
    evidence(std::slice::from_ref(selected), &[], &[], after, false).remove(0)
}

fn seen(evidence: &ControlEvidence) -> String {
    let checks = evidence.after.iter().flat_map(|audit| &audit.checks);
    let lines: Vec<String> = checks
        .map(|check| format!("    {:?} {}: {} (expected {})", check.status, check.what, check.observed, check.expected))
        .collect();
    let output: String = evidence.after.iter().map(|audit| audit.output.as_str()).collect();
    format!("{:?}\n{}\n{output}", evidence.status, lines.join("\n"))
}

/// Controls that no apply can bring to pass here, with the reason.
const NOT_MENDED: [(&str, &str); 8] = [
    ("account-groups-exist", "which group an account should have is for people"),
    ("account-names-unique", "which of two accounts is the right one is for people"),
    ("account-numbers-unique", "a new number would orphan files"),
    ("group-names-unique", "which of two groups is the right one is for people"),
    ("group-numbers-unique", "a new number would orphan files"),
    ("dot-files-private", "what a dot file is for is for people"),
    ("unowned-files-absent", "whose file it is, is for people; audit only"),
    ("passwords-shadowed", "moving a hash is for people"),
];

fn contract(library: &Library, selected: &SelectedControl, family: OsFamily, below: &[&Path]) -> Result<(), String> {
    let slug = &selected.control.slug;
    let sandbox = Sandbox::over(below);
    let audit = persisted(selected);
    if audit.is_empty() {
        return Ok(());
    }
    let before = judged(selected, &sandbox.run(library, &audit));
    if before.status == Status::Error {
        return Err(format!("{slug}: the first audit broke: {}", seen(&before)));
    }
    if !sandbox.snapshot().is_empty() {
        return Err(format!("{slug}: the audit changed {:?}", sandbox.snapshot().keys()));
    }
    let apply = apply_steps(std::slice::from_ref(selected));
    let applied = sandbox.run(library, &apply);
    if let Some(failed) = applied.iter().find(|result| result.rc != 0) {
        return Err(format!("{slug}: apply failed with {}: {}\nbefore: {}", failed.rc, failed.out, seen(&before)));
    }
    let after = judged(selected, &sandbox.run(library, &audit));
    let mended = !NOT_MENDED.iter().any(|(known, _)| *known == slug.as_str());
    if after.status != Status::Pass && (mended || after.status != Status::Fail) {
        return Err(format!("{slug}: not mended: {}\napply said: {applied:?}", seen(&after)));
    }
    let first = sandbox.snapshot();
    sandbox.run(library, &apply);
    let second = sandbox.snapshot();
    let changed = changes(&first, &second);
    if !changed.is_empty() {
        return Err(format!("{slug}: the second apply changed {changed:?}"));
    }
    let upper = sandbox.upper();
    let chosen = |choice: &Choice| {
        selected.parameters.get(&choice.parameter).is_some_and(|value| value.to_string() == choice.word)
    };
    let ensures = selected.control.ensure.iter().filter(|e| e.families.is_empty() || e.families.contains(&family));
    for ensure in ensures.filter(|ensure| ensure.choice.as_ref().is_none_or(chosen)) {
        let layers: Vec<&Path> = std::iter::once(upper.as_path()).chain(below.iter().copied()).collect();
        let broken = Sandbox::over(&layers);
        let how = mutation::mutation(slug, &ensure.primitive, &selected.parameters, family);
        broken.script(&format!("set -e\n{how}\n"));
        let found = judged(selected, &broken.run(library, &audit));
        if found.status != Status::Fail {
            return Err(format!("{slug}: nobody noticed `{how}`: {}", seen(&found)));
        }
    }
    Ok(())
}

fn contracts(name: &str, family: OsFamily) {
    if let Some(why) = why_not() {
        return skipped(name, &why);
    }
    let library = Library::embedded().unwrap();
    let fixture = fixture(&library, family);
    let (base, upper) = (base_root(), fixture.upper());
    let below = [upper.as_path(), base.as_path()];
    let only = std::env::var("AMIFACTORY_TEST_CONTROL").ok();
    let mut other = site_values();
    other.insert("firewall".to_owned(), ParameterValue::Text("firewalld".to_owned()));
    let other = controls_with(&library, family, other)
        .into_iter()
        .filter(|selected| selected.disposition == Disposition::Apply && selected.parameters.contains_key("firewall"));
    let controls: Vec<SelectedControl> = all_controls(&library, family)
        .into_iter()
        .chain(other)
        .filter(|selected| only.as_deref().is_none_or(|only| selected.control.slug.as_str() == only))
        .collect();
    let next = AtomicUsize::new(0);
    let problems = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(selected) = controls.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // One control that panics must not hide the others.
                    let checked = std::panic::catch_unwind(|| contract(&library, selected, family, &below));
                    let slug = &selected.control.slug;
                    if let Err(problem) = checked.unwrap_or_else(|_| Err(format!("{slug}: panicked, see above"))) {
                        problems.lock().unwrap().push(problem);
                    }
                }
            });
        }
    });
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "{} controls break their contract:\n\n{}", problems.len(), problems.join("\n\n"));
}

#[test]
fn every_control_keeps_its_contract_on_debian() {
    contracts("every_control_keeps_its_contract_on_debian", OsFamily::Debian12);
}

#[test]
fn every_control_keeps_its_contract_on_an_amazon_linux_tree() {
    contracts("every_control_keeps_its_contract_on_an_amazon_linux_tree", OsFamily::AmazonLinux2023);
}

/// A root with a shell and its tools, and nothing else.
fn empty_root() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let tools = "sh awk sed grep cat tail head wc base64 stat find mktemp rm mkdir cp mv ln chmod chown readlink tr sort \
                 cut cmp date uname id ls env sleep dirname basename touch printf tee";
    let script = format!(
        r#"set -e; cd "$1"; mkdir -p bin usr dev proc run tmp etc
        for tool in {tools}; do
            path=$(command -v "$tool") && [ -x "$path" ] || continue
            cp -L "$path" "bin/$tool"
            for lib in $(ldd "$path" 2>/dev/null | grep -o '/[^ )]*'); do mkdir -p ".${{lib%/*}}"; cp -Ln "$lib" ".$lib"; done
        done"#
    );
    let status = Command::new("bash").args(["-c", &script, "sh"]).arg(dir.path()).status().unwrap();
    assert!(status.success());
    dir
}

#[test]
fn no_audit_passes_on_an_empty_root() {
    if let Some(why) = why_not() {
        return skipped("no_audit_passes_on_an_empty_root", &why);
    }
    let library = Library::embedded().unwrap();
    let empty = empty_root();
    for family in [OsFamily::Debian12, OsFamily::AmazonLinux2023] {
        let selected = all_controls(&library, family);
        let steps = audit_steps(&selected, &[AuditKind::Persisted]);
        let sandbox = Sandbox::over(&[empty.path()]);
        let found = evidence(&selected, &[], &[], &sandbox.run(&library, &steps), false);
        let wrong: Vec<String> = found
            .iter()
            .filter(|control| !control.after.is_empty())
            .filter(|control| matches!(control.status, Status::Pass | Status::Error))
            .map(|control| format!("{}: {}", control.slug, seen(control)))
            .collect();
        assert!(wrong.is_empty(), "{family}:\n{}", wrong.join("\n"));
    }
}

#[test]
fn a_whole_profile_applies_at_once_and_twice() {
    if let Some(why) = why_not() {
        return skipped("a_whole_profile_applies_at_once_and_twice", &why);
    }
    let library = Library::embedded().unwrap();
    for (family, profile) in
        [(OsFamily::Debian12, "cis-debian12-l1-server"), (OsFamily::AmazonLinux2023, "cis-al2023-l2-server")]
    {
        // A root of rpm packages can't be made into a Debian.
        if has_rpm() && family != OsFamily::AmazonLinux2023 {
            continue;
        }
        let fixture = fixture(&library, family);
        let (base, upper) = (base_root(), fixture.upper());
        let sandbox = Sandbox::over(&[&upper, &base]);
        let spec = HardeningSpec {
            profile: profile.into(),
            parameters: BTreeMap::new(),
            add: Vec::new(),
            waivers: Vec::new(),
        };
        let selected = select(&library, &spec, family, &[], &[]).unwrap();
        let audits = audit_steps(&selected, &[AuditKind::Persisted]);
        let begun = std::time::Instant::now();
        let before = sandbox.run(&library, &audits);
        let took = begun.elapsed();
        let applied = sandbox.run(&library, &apply_steps(&selected));
        let first = sandbox.snapshot();
        sandbox.run(&library, &apply_steps(&selected));
        let second = sandbox.snapshot();
        let changed = changes(&first, &second);
        assert!(changed.is_empty(), "{family}: the second apply changed {changed:?}");
        let after = sandbox.run(&library, &audits);
        let score = |results: &[StepResult]| {
            let found = evidence(&selected, &[], &applied, results, false);
            Tally::of(found.iter().map(|control| &control.status))
        };
        let (earlier, later) = (score(&before), score(&after));
        eprintln!(
            "{profile} on {family}: {} audits in {took:?}; before {:?} {earlier:?}\n  after {:?} {later:?}",
            audits.len(),
            earlier.score(),
            later.score()
        );
        let failing: Vec<String> = evidence(&selected, &before, &applied, &after, false)
            .iter()
            .filter(|control| matches!(control.status, Status::Fail | Status::Error))
            .map(|control| format!("{}: {}", control.slug, seen(control)))
            .collect();
        let allowed = NOT_MENDED.len();
        eprintln!("  left: {}", failing.join("\n"));
        assert!(failing.len() <= allowed, "{family}:\n{}", failing.join("\n"));
        assert!(later.score() > earlier.score());
    }
}

#[test]
fn sealing_takes_away_what_is_the_builders_own_and_twice_is_once() {
    if let Some(why) = why_not() {
        return skipped("sealing_takes_away_what_is_the_builders_own_and_twice_is_once", &why);
    }
    let library = Library::embedded().unwrap();
    let sandbox = fixture(&library, OsFamily::Debian12);
    sandbox.script(
        "set -e
        echo 0123456789abcdef >/etc/machine-id
        mkdir -p /var/lib/amifactory/0 /home/alice/.ssh /var/lib/cloud/instances/i-1 /var/lib/cloud/seed /var/lib/apt/lists /var/lib/amazon/ssm/Vault
        echo key >/home/alice/.ssh/authorized_keys; echo ls >/home/alice/.bash_history; echo x >/var/lib/apt/lists/x
        echo x >/var/log/app.log.1; echo x >/var/tmp/left; echo seed >/var/lib/cloud/seed/x; echo x >/var/lib/amazon/ssm/Vault/x
        printf '#!/bin/sh\\n# amifactory: x\\nexit 101\\n' >/usr/sbin/policy-rc.d",
    );
    let results = sandbox.run(&library, &seal_steps());
    for result in &results {
        assert_eq!(result.rc, 0, "{result:?}");
    }
    let said = sandbox.script(
        "for f in /etc/ssh/ssh_host_test_key /home/alice/.ssh/authorized_keys /home/alice/.bash_history /var/lib/cloud/instances \
             /var/lib/apt/lists/x /var/log/app.log.1 /var/tmp/left /usr/sbin/policy-rc.d /var/lib/amazon/ssm/Vault; do
            [ ! -e $f ] || echo \"$f is still there\"; done
        for f in /etc/machine-id /var/log/app.log; do [ -e $f ] && [ ! -s $f ] || echo \"$f should be empty\"; done
        [ -d /var/lib/amifactory/0 ] || echo 'the results of this build are gone'
        [ -e /var/lib/cloud/seed/x ] || echo 'the seed is gone'",
    );
    assert_eq!(said, "");
    let first = sandbox.snapshot();
    sandbox.run(&library, &seal_steps());
    assert_eq!(changes(&first, &sandbox.snapshot()), Vec::<String>::new());
}

#[test]
fn bundles_of_every_family_are_valid_in_every_shell() {
    let library = Library::embedded().unwrap();
    for family in OsFamily::ALL {
        let selected = all_controls(&library, *family);
        let mut steps = apply_steps(&selected);
        steps.extend(audit_steps(&selected, &[AuditKind::Persisted, AuditKind::Runtime]));
        let bodies: String = steps.iter().map(|step| step.body.as_str()).collect();
        let bundle = Bundle::render("apply", &steps, &library).unwrap();
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("bundle.sh", &bundle.script), ("bodies.sh", &bodies)] {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            for shell in ["sh", "bash"] {
                let output = Command::new(shell).arg("-n").arg(&path).output().unwrap();
                assert!(output.status.success(), "{family} {shell}: {}", String::from_utf8_lossy(&output.stderr));
            }
        }
    }
}

#[test]
fn every_script_is_clean_for_shellcheck() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("hardening");
    let script = "shellcheck -s sh lib/*.sh lib/primitives/*.sh scripts/*.sh";
    let output = Command::new("sh").args(["-c", script]).current_dir(dir).output().unwrap();
    if output.status.code() == Some(127) {
        return skipped("every_script_is_clean_for_shellcheck", "shellcheck is not installed");
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn controls_are_told_apart_and_agree_with_the_benchmark() {
    let library = Library::embedded().unwrap();
    let known = al2023_recommendations();
    let (mut titles, mut ids): (BTreeMap<&str, &Slug>, BTreeMap<&str, &Slug>) = Default::default();
    for control in library.controls.values() {
        let slug = &control.slug;
        if let Some(other) = titles.insert(&control.title, slug) {
            panic!("{slug} and {other} have the same title");
        }
        let Some(id) = control.ids.get("cis-al2023-1.0.0") else { continue };
        if let Some(other) = ids.insert(id, slug) {
            panic!("{slug} and {other} have the same id");
        }
        let Some(asked) = known.get(id.as_str()) else { panic!("{slug}: the benchmark has no {id}") };
        assert_eq!(asked.level, control.level, "{slug} {id}");
        assert!(id.starts_with(&format!("{}.", control.section)), "{slug}: {id} is not in section {}", control.section);
    }
    let sections: BTreeSet<u8> = library.controls.values().map(|control| control.section).collect();
    assert_eq!(sections, BTreeSet::from([1, 2, 3, 4, 5, 6]));
}

/// A recommendation of the benchmark for Amazon Linux 2023: facts about an id.
struct Recommendation {
    level: u8,
    manual: bool,
    class: &'static str,
}

fn al2023_recommendations() -> BTreeMap<&'static str, Recommendation> {
    include_str!("../data/cis-al2023-ids.tsv")
        .lines()
        .skip(1)
        .map(|line| {
            let [id, level, assessment, class] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let level = level.strip_prefix('L').and_then(|level| level.parse().ok()).unwrap();
            (id, Recommendation { level, manual: assessment == "manual", class })
        })
        .collect()
}

#[test]
fn every_recommendation_for_amazon_linux_has_its_control() {
    let library = Library::embedded().unwrap();
    let known = al2023_recommendations();
    assert_eq!(known.len(), 243);
    assert_eq!(known.values().filter(|asked| asked.manual).count(), 21);
    let by_id: BTreeMap<&str, &Slug> = library
        .controls
        .values()
        .filter_map(|control| Some((control.ids.get("cis-al2023-1.0.0")?.as_str(), &control.slug)))
        .collect();
    let (one, _) = library.resolve_profile("cis-al2023-l1-server").unwrap();
    let (two, _) = library.resolve_profile("cis-al2023-l2-server").unwrap();
    let selected = all_controls(&library, OsFamily::AmazonLinux2023);
    // Each has a kind of answer of its own: what no image can decide, or can't make by itself.
    let (mut manual, mut audited_only) = (Vec::new(), Vec::new());
    for (id, asked) in &known {
        let Some(slug) = by_id.get(id) else { panic!("no control is for {id}") };
        let found = selected.iter().find(|found| found.control.slug == **slug).unwrap();
        assert_eq!(asked.level, found.control.level, "{slug} {id}");
        assert!(two.contains(*slug), "{slug} {id} is in no profile");
        assert_eq!(one.contains(*slug), asked.level == 1, "{slug} {id} is in the profile of the wrong level");
        if found.control.manual.is_some() {
            if !asked.manual {
                manual.push(*id);
            }
        } else if found.disposition == Disposition::Apply {
            assert!(!found.audits.is_empty(), "{slug} {id} is not audited");
            if found.apply.is_none() && asked.class != "volume" {
                audited_only.push(*id);
            }
        } else {
            let other = "3.4.2.1";
            assert_eq!((*id, matches!(found.disposition, Disposition::NotChosen(_))), (other, true), "{slug}");
        }
    }
    // A password for root is the same on every instance: that it is missing is on record, for people.
    assert_eq!(manual, ["4.6.6"]);
    // No apply is safe for every image: running services, and accounts and files whose owner has to say what is right.
    let people = [
        "1.6.1.6", "4.6.1.5", "4.6.4", "6.1.12", "6.2.1", "6.2.11", "6.2.3", "6.2.4", "6.2.5", "6.2.6", "6.2.7",
        "6.2.8", "6.2.9",
    ];
    assert_eq!(audited_only, people);
}

#[test]
fn the_firewall_that_was_not_chosen_is_not_applicable() {
    let library = Library::embedded().unwrap();
    for (chosen, applied, other) in [
        ("nftables", "nftables-default-deny", "firewalld-default-zone"),
        ("firewalld", "firewalld-default-zone", "nftables-default-deny"),
    ] {
        let spec = HardeningSpec {
            profile: "cis-al2023-l2-server".into(),
            parameters: Values::from([("firewall".to_owned(), ParameterValue::Text(chosen.to_owned()))]),
            add: Vec::new(),
            waivers: Vec::new(),
        };
        let selected = select(&library, &spec, OsFamily::AmazonLinux2023, &[], &[]).unwrap();
        let found = |slug: &str| selected.iter().find(|found| found.control.slug.as_str() == slug).unwrap();
        assert_eq!(found(applied).disposition, Disposition::Apply);
        let judged = judged(found(other), &[]);
        assert_eq!(judged.status, Status::NotApplicable);
        assert!(judged.reason.unwrap().contains(&format!("firewall is {chosen}")));
        assert!(found(other).apply.is_none() && found(other).audits.is_empty());
        // Both have the loopback interface's addresses to guard, each in its way.
        assert!(found("firewall-loopback").is_applied());
    }
}

#[test]
fn a_plain_root_scores_higher_after_than_before() {
    if let Some(why) = why_not() {
        return skipped("a_plain_root_scores_higher_after_than_before", &why);
    }
    let library = Library::embedded().unwrap();
    let sandbox = Sandbox::over(&[&base_root()]);
    let spec = HardeningSpec {
        profile: "cis-l1-server".into(),
        parameters: BTreeMap::new(),
        add: Vec::new(),
        waivers: Vec::new(),
    };
    let selected = select(&library, &spec, OsFamily::Debian12, &[], &[]).unwrap();
    let audits = audit_steps(&selected, &[AuditKind::Persisted]);
    let begun = std::time::Instant::now();
    let before = sandbox.run(&library, &audits);
    let took = begun.elapsed();
    let applied = sandbox.run(&library, &apply_steps(&selected));
    let after = sandbox.run(&library, &audits);
    let found = evidence(&selected, &before, &applied, &after, false);
    let earlier = evidence(&selected, &[], &[], &before, false);
    let (first, then) = (
        Tally::of(earlier.iter().map(|control| &control.status)),
        Tally::of(found.iter().map(|control| &control.status)),
    );
    let mut slow: Vec<(u64, &str)> = applied.iter().map(|result| (result.ms, result.step.as_str())).collect();
    slow.sort_unstable();
    eprintln!("slowest: {:?}", slow.iter().rev().take(8).collect::<Vec<_>>());
    let applied: u64 = applied.iter().map(|result| result.ms).sum();
    eprintln!("{} audits in {took:?}, applied in {applied} ms", audits.len());
    eprintln!("before {:?} {first:?}\nafter  {:?} {then:?}", first.score(), then.score());
    for control in found.iter().filter(|control| matches!(control.status, Status::Fail | Status::Error)) {
        eprintln!("  {}: {}", control.slug, seen(control).replace('\n', " "));
    }
    assert_eq!(then.error, 0);
    assert!(then.score() > first.score());
    let said = sandbox.script(STILL_WORKS);
    eprintln!("{said}");
    assert!(said.ends_with("all of it works\n"), "{said}");
}

/// A hardened server that nobody can use is no use. What this root does not have is left out, and said.
const STILL_WORKS: &str = r#"
exec 2>&1
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "broken: $*"; exit 0; }
password='c0rrect-Horse_battery9'
useradd -m -s /bin/sh probe && echo "probe:$password" | chpasswd || fail "a new user gets a password"
[ "$(su probe -c 'id -un')" = probe ] || fail "root uses su"
if command -v sshd >/dev/null; then
    mkdir -p /run/sshd; ssh-keygen -A >/dev/null
    sshd -t || fail "the SSH server takes its settings"
    sshd -T | grep -qx 'permitrootlogin no' || fail "root still logs in over SSH"
    sshd -T | grep -qx 'maxauthtries 4' || fail "the SSH server allows other tries"
else echo "no sshd here"; fi
if command -v visudo >/dev/null; then
    visudo -cq || fail "sudo takes its settings"
    echo 'probe ALL=(ALL) ALL' >/etc/sudoers.d/probe
    as_probe() { setpriv --reuid=probe --regid=probe --init-groups "$@"; }
    [ "$(echo "$password" | as_probe sudo -S -k -p '' id -un)" = root ] || fail "the right password is taken"
    if echo wrong | as_probe sudo -S -k -p '' true 2>/dev/null; then fail "a wrong password is taken"; fi
    faillock --user probe | grep -q V || fail "failed logins are counted"
else echo "no sudo here"; fi
if command -v augenrules >/dev/null; then
    augenrules >/dev/null || fail "audit rules can be joined"
else echo "no augenrules here"; fi
pwck -qr >/dev/null || [ $? -eq 2 ] || fail "the accounts are sound"
sh -lc true || fail "a login shell starts"
echo "all of it works"
"#;
