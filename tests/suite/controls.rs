//! The contract of every control: its audit sees what is wrong, apply mends it, a second apply changes not one byte,
//! and whatever undoes it is noticed.

mod attacked;
mod audit_rules;
mod harness;
mod sandbox;
mod settings;
mod shells;
mod site_files;

use crate::sandbox_support::{EXE, runtime};
use crate::skip::skipped;
use amifactory::hardening::{
    AuditKind, Contract, Disposition, Ensure, Library, Outcome, Part, Primitive, Recommendation, SelectedControl,
    Status, Tally, Values, apply_steps, audit_steps, evidence, mutation, seal_steps, seen, select,
};
use amifactory::identity::{OsFamily, Slug};
use amifactory::plan::{Bundle, StepResult};
use amifactory::recipe::{HardeningSpec, ParameterValue};
use amifactory::target::local::base::os_of;
use amifactory::target::local::sandbox::{Lower, Network};
use amifactory::target::local::trial::{self, Bench, Trial};
use sandbox::{Sandbox, base_root, changes, has_rpm, why_not};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
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
        network: None,
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

/// How the fixture's package manager is undone: it only keeps a list.
fn mutations(family: OsFamily) -> impl Fn(&SelectedControl, &Ensure) -> Option<String> + Sync {
    move |selected: &SelectedControl, ensure: &Ensure| match (&ensure.primitive, family) {
        (Primitive::PackageAbsent { names }, OsFamily::AmazonLinux2023) if !has_rpm() => {
            Some(format!("echo {} >>/var/lib/fake-rpm/names", names[0].as_str()))
        }
        (Primitive::PackagePresent { names }, OsFamily::AmazonLinux2023) if !has_rpm() => {
            let gone = names.iter().map(|name| format!("sed -i '/^{}$/d' /var/lib/fake-rpm/names\n", name.as_str()));
            Some(gone.collect())
        }
        (primitive, _) => mutation(&selected.control.slug, primitive, &selected.parameters, family),
    }
}

/// Tries the contracts of all controls, two at a time; fails with what is broken, and with what could not be shown
/// though `excused` does not say why.
fn contracts(library: &Library, bench: &Bench<'_>, excused: &(dyn Fn(&Contract) -> bool + Sync)) {
    let only = std::env::var("AMIFACTORY_TEST_CONTROL").ok();
    // Of either-or, the other; a real root holds the packages of one.
    let mut other = site_values();
    other.insert("firewall".to_owned(), ParameterValue::Text("firewalld".to_owned()));
    let other = controls_with(library, bench.family, other)
        .into_iter()
        .filter(|selected| !bench.undo && selected.parameters.contains_key("firewall"));
    let controls: Vec<SelectedControl> = all_controls(library, bench.family)
        .into_iter()
        .chain(other)
        .filter(|selected| selected.disposition == Disposition::Apply)
        .filter(|selected| selected.audits.iter().any(|audit| audit.kind == AuditKind::Persisted))
        .filter(|selected| {
            only.as_deref().is_none_or(|only| only.split(',').any(|slug| slug == selected.control.slug.as_str()))
        })
        .collect();
    let next = AtomicUsize::new(0);
    let problems = Mutex::new(Vec::new());
    let begun = std::time::Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let runtime = runtime();
                while let Some(selected) = controls.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let slug = &selected.control.slug;
                    match runtime.block_on(trial::contract(bench, selected)) {
                        Ok(contract) if contract.outcome == Outcome::Kept => {}
                        Ok(contract) if contract.outcome == Outcome::NotShown && excused(&contract) => {}
                        Ok(contract) => problems.lock().unwrap().push(format!("{slug}: {contract:#?}")),
                        Err(error) => problems.lock().unwrap().push(format!("{slug}: could not be tried: {error}")),
                    }
                }
            });
        }
    });
    eprintln!("{}: the contracts of {} controls in {:?}", bench.family, controls.len(), begun.elapsed());
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "{} contracts are broken or not shown:\n\n{}", problems.len(), problems.join("\n\n"));
}

fn lower(path: &Path) -> Lower {
    if path == Path::new("/") { Lower::Host } else { Lower::Dir(path.to_owned()) }
}

fn bench<'a>(
    library: &'a Library,
    family: OsFamily,
    lowers: Vec<Lower>,
    mutation: &'a (dyn Fn(&SelectedControl, &Ensure) -> Option<String> + Sync),
) -> Bench<'a> {
    Bench { library, lowers, empty: None, family, scratch: scratch(), exe: EXE.into(), mutation, undo: false }
}

/// Where changes go.
fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

fn contracts_on_fixture(name: &str, family: OsFamily) {
    if let Some(why) = why_not() {
        return skipped(name, &why);
    }
    let library = Library::embedded().unwrap();
    let fixture = fixture(&library, family);
    let mutation = mutations(family);
    let bench = bench(&library, family, vec![lower(&base_root()), Lower::Dir(fixture.upper())], &mutation);
    contracts(&library, &bench, &|contract| {
        NOT_MENDED.iter().any(|(slug, _)| *slug == contract.control.as_str()) || not_missed(contract)
    });
}

#[test]
fn every_control_keeps_its_contract_on_debian() {
    contracts_on_fixture("every_control_keeps_its_contract_on_debian", OsFamily::Debian12);
}

#[test]
fn every_control_keeps_its_contract_on_an_amazon_linux_tree() {
    contracts_on_fixture("every_control_keeps_its_contract_on_an_amazon_linux_tree", OsFamily::AmazonLinux2023);
}

/// What apply leaves and no audit misses, with the reason.
const NOT_MISSED: [(&str, &str); 6] = [
    ("undo /etc/.pwd.lock: not noticed", "a lock of groupadd"),
    ("undo /etc/group-: not noticed", "a copy that groupadd keeps"),
    ("undo /etc/gshadow", "groupadd's too: who is in a group stands in /etc/group"),
    ("undo /etc/audit/rules.d/00-af-continue.rules: not noticed", "it matters where the kernel refuses another's rule"),
    ("undo /etc/profile.d/zz-amifactory-umask.sh: not noticed", "here /etc/bash.bashrc says the same"),
    ("/etc/ssh/sshd_config.d/*.conf 2>/dev/null | head -n 1): not possible here", "no such file here"),
];

/// All that a contract could not show is one of those.
fn not_missed(contract: &Contract) -> bool {
    let not_shown = contract.findings.iter().filter(|finding| finding.outcome == Outcome::NotShown);
    not_shown
        .into_iter()
        .all(|found| found.part == Part::Mutation && NOT_MISSED.iter().any(|(said, _)| found.said.contains(said)))
}

#[test]
fn every_control_keeps_its_contract_on_a_real_root() {
    let name = "every_control_keeps_its_contract_on_a_real_root";
    if let Some(why) = why_not() {
        return skipped(name, &why);
    }
    let root = base_root();
    if root == Path::new("/") {
        return skipped(name, "AMIFACTORY_TEST_ROOTFS names no root filesystem; .ci/debian-root makes one");
    }
    let library = Library::embedded().unwrap();
    let (family, _, _) = os_of(&root).unwrap();
    let mutation = |selected: &SelectedControl, ensure: &Ensure| {
        mutation(&selected.control.slug, &ensure.primitive, &selected.parameters, family)
    };
    let mut bench = bench(&library, family, vec![lower(&root)], &mutation);
    bench.undo = true;
    contracts(&library, &bench, &not_missed);
}

#[test]
fn no_audit_passes_on_an_empty_root() {
    if let Some(why) = why_not() {
        return skipped("no_audit_passes_on_an_empty_root", &why);
    }
    let library = Library::embedded().unwrap();
    let runtime = runtime();
    let trial = |lowers: &[Lower]| Trial::over(lowers, &scratch(), Path::new(EXE)).unwrap();
    let tools = trial(&[lower(&base_root())]);
    let empty = runtime.block_on(trial::hollow(&tools, &library)).unwrap();
    for family in [OsFamily::Debian12, OsFamily::AmazonLinux2023] {
        let selected = all_controls(&library, family);
        let steps = audit_steps(&selected, &[AuditKind::Persisted]);
        let answers = runtime.block_on(trial(&empty).run(&library, &steps, Network::None)).unwrap();
        let found = evidence(&selected, &[], &[], &answers, false);
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
            network: None,
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
    let known = al2023_recommendations(&library);
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
        let asked = known[id.as_str()];
        assert_eq!(asked.level, control.level, "{slug} {id}");
        assert!(id.starts_with(&format!("{}.", control.section)), "{slug}: {id} is not in section {}", control.section);
    }
    let sections: BTreeSet<u8> = library.controls.values().map(|control| control.section).collect();
    assert_eq!(sections, BTreeSet::from([1, 2, 3, 4, 5, 6]));
}

fn al2023_recommendations(library: &Library) -> BTreeMap<&str, &Recommendation> {
    library.benchmarks["cis-al2023-1.0.0"].iter().map(|fact| (fact.id.as_str(), fact)).collect()
}

#[test]
fn every_recommendation_for_amazon_linux_has_its_control() {
    let library = Library::embedded().unwrap();
    let known = al2023_recommendations(&library);
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
    assert!(manual.is_empty(), "{manual:?}");
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
            network: None,
        };
        let selected = select(&library, &spec, OsFamily::AmazonLinux2023, &[], &[]).unwrap();
        let found = |slug: &str| selected.iter().find(|found| found.control.slug.as_str() == slug).unwrap();
        assert_eq!(found(applied).disposition, Disposition::Apply);
        let judged = evidence(std::slice::from_ref(found(other)), &[], &[], &[], false).remove(0);
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
        network: None,
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
