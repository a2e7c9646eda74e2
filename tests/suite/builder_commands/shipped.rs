//! The shipped recipes as commands: how much of what SSM carries they take.

use super::builder::Builder;
use crate::skip::skipped;
use amifactory::hardening::Library;
use amifactory::identity::{Arch, OsFamily};
use amifactory::plan;
use amifactory::recipe::{ExtraVolume, MountPoint, load};
use amifactory::target::ResolvedBase;
use amifactory::target::aws::command;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[test]
fn shipped_recipes_fit_in_one_command() {
    let root = crate::recipes::root();
    let library = Library::embedded().unwrap();
    let factory = load(&root, &library.catalogue(), crate::recipes::today()).unwrap();
    let builder = Builder::new("dash");
    for recipe in factory.recipes.values() {
        for family in OsFamily::ALL {
            let base = ResolvedBase {
                id: "ami-0123456789abcdef0".into(),
                description: "a base".into(),
                family: *family,
                os_name: "an OS".into(),
                arch: Arch::X86_64,
                parts: [].into(),
            };
            let bundles =
                plan::make(&factory, &library, recipe, base, amifactory::identity::TargetKind::Aws).unwrap().bundles;
            let build = command::run(&[&bundles.apply, &bundles.seal], &builder.options()).unwrap();
            let test = command::run(&[&bundles.boot_test], &builder.options()).unwrap();
            eprintln!(
                "{} on {family}: apply and seal {} bytes of script, {} as a command; boot test {} and {}",
                recipe.name,
                bundles.apply.script.len() + bundles.seal.script.len(),
                build.bytes(),
                bundles.boot_test.script.len(),
                test.bytes(),
            );
            assert!(build.bytes() < command::MAX_BYTES && test.bytes() < command::MAX_BYTES);
            assert_eq!(bundles.boot_test.steps[0].0, plan::BOOT_FINISHED);
            // Every shell reads it.
            for shell in ["dash", "bash"] {
                let output = Command::new(shell).args(["-n", "-c", &build.script()]).output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
        }
    }
}

#[test]
fn scripts_for_builders_are_clean_for_shellcheck() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/target/aws/command");
    let output = Command::new("sh")
        .args(["-c", "shellcheck -s sh *.sh ../imagebuilder/*.sh"])
        .current_dir(dir)
        .output()
        .unwrap();
    if output.status.code() == Some(127) {
        return skipped("scripts_for_builders_are_clean_for_shellcheck", "shellcheck is not installed");
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn nothing_runs_where_a_volume_is_not_mounted() {
    let wrapper = include_str!("../../../src/target/aws/command/wrapper.sh");
    for (mounts, code) in [("", 0), ("/proc", 0), ("/proc /nowhere", 1)] {
        let script = format!("AF_MOUNTS='{mounts}'\n{wrapper}\naf_mounted\n");
        let output = Command::new("sh").args(["-c", &script]).env_remove("AMIFACTORY_ROOT").output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{mounts}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.starts_with("amifactory failed 1 no volume is mounted at /nowhere"), code == 1, "{said}");
    }
}

#[test]
fn volumes_are_laid_out_after_the_dead_man_is_armed() {
    let volumes = [("/srv/data", 5), ("/var/log", 2)].map(|(mount, size_gib)| {
        let mount: MountPoint = mount.parse().unwrap();
        ExtraVolume { options: mount.usual_options(), mount, size_gib }
    });
    let text = command::user_data(Duration::from_secs(7201), &volumes);
    let (dead_man, layout) = text.split_once("af_layout=").unwrap();
    assert_eq!(dead_man, command::user_data(Duration::from_secs(7201), &[]));
    assert!(layout.starts_with("'/srv/data 5 defaults,nodev,nosuid\n/var/log 2 defaults,nodev,nosuid,noexec'\n"));
    // EC2 user guide, "Run commands when you launch an EC2 instance with user data input": 16 KB before base64.
    assert!(text.len() < 16 * 1024, "{}", text.len());
}

#[test]
fn the_dead_man_user_data_starts_a_timer_at_each_start_of_the_machine() {
    let text = command::user_data(Duration::from_secs(7201), &[]);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("#cloud-boothook"));
    assert_eq!(lines.next(), Some("#!/bin/sh"));
    assert_eq!(lines.next(), Some("# amifactory-dead-man: 7201"));
    // Programs that stand for the machine's own say how they were called.
    let folder = tempfile::tempdir().unwrap();
    for program in ["systemd-run", "shutdown"] {
        let path = folder.path().join(program);
        std::fs::write(&path, format!("#!/bin/sh\necho {program} \"$@\"\n")).unwrap();
        std::process::Command::new("chmod").arg("+x").arg(&path).status().unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let run = |script: &str| {
        let output = Command::new("sh").args(["-c", script]).env("PATH", &path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let booted = format!("{}", folder.path().display());
    assert_eq!(
        run(&text.replace("/run/systemd/system", &booted)),
        "systemd-run --no-block --unit=amifactory-dead-man --on-active=7201 --timer-property=AccuracySec=1s \
         /bin/systemctl --no-block poweroff\n"
    );
    assert_eq!(run(&text.replace("/run/systemd/system", "/nowhere")), "shutdown -h +121\n");
    assert!(text.len() < 16 * 1024);
}
