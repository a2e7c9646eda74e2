//! The script that lays out a builder's volumes, on real disks: files as loop devices, in a mount namespace of its own.

use crate::skip::skipped;
use amifactory::recipe::{ExtraVolume, MountPoint};
use amifactory::target::aws::command;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

/// What the script runs in: `$1` is a folder with the layout's files and `$2` the script.
const HARNESS: &str = include_str!("../volumes/harness.sh");

struct Disks {
    folder: tempfile::TempDir,
}

impl Disks {
    /// Files for disks of these sizes in GiB; none of it is written.
    fn new(name: &str, sizes: &[u64]) -> Option<Disks> {
        let probe = "losetup --find >/dev/null && unshare -m true && command -v mkfs.ext4";
        let able = Command::new("sh").args(["-c", probe]).output().is_ok_and(|output| output.status.success());
        if !able {
            skipped(name, "mounting disks needs root, loop devices, util-linux and e2fsprogs");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("disks")).unwrap();
        for (number, size) in sizes.iter().enumerate() {
            let file = fs::File::create(folder.path().join(format!("disks/{number}.img"))).unwrap();
            file.set_len(size << 30).unwrap();
        }
        for (path, text) in [("var/log/old.log", "before"), ("var/lib/state", "kept"), ("fstab", "# none")] {
            let path = folder.path().join("tree").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Some(Disks { folder })
    }

    fn volume(&self, mount: &str, size_gib: u32) -> ExtraVolume {
        let options = mount.parse::<MountPoint>().unwrap().usual_options();
        let mount = format!("{}/tree{mount}", self.folder.path().display()).parse().unwrap();
        ExtraVolume { mount, size_gib, options }
    }

    fn lay_out(&self, volumes: &[ExtraVolume]) -> (String, Output) {
        let text = command::user_data(Duration::from_secs(3600), volumes);
        // Without the dead man's switch, which would end this machine.
        let script = text.split_once("af_layout=").unwrap().1;
        let path = self.folder.path().join("script");
        fs::write(&path, format!("af_layout={}", script.replace("/run/systemd/system", "/nowhere"))).unwrap();
        let harness = self.folder.path().join("harness");
        fs::write(&harness, HARNESS).unwrap();
        let output = Command::new("unshare").args(["-m", "sh"]).arg(&harness).arg(self.folder.path()).output().unwrap();
        (String::from_utf8_lossy(&output.stdout).replace(&self.folder.path().display().to_string(), ""), output)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

#[test]
fn volumes_are_laid_out_once_and_come_back_from_fstab() {
    let Some(disks) = Disks::new("volumes_are_laid_out_once_and_come_back_from_fstab", &[2, 1]) else { return };
    let volumes = [disks.volume("/var", 1), disks.volume("/var/log", 2)];
    let (text, output) = disks.lay_out(&volumes);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    insta::assert_snapshot!(text);
    // Nothing of what moved is left beneath the mounts, and fstab names each volume once.
    assert!(fs::read_dir(disks.path().join("tree/var")).unwrap().next().is_none());
    assert_eq!(fs::read_to_string(disks.path().join("tree/fstab")).unwrap().matches("UUID=").count(), 2);
}

#[test]
fn a_disk_that_holds_something_or_has_another_size_is_not_taken() {
    let Some(disks) = Disks::new("a_disk_that_holds_something_or_has_another_size_is_not_taken", &[1, 2]) else {
        return;
    };
    let image = disks.path().join("disks/0.img");
    assert!(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image).status().unwrap().success());
    let (text, output) = disks.lay_out(&[disks.volume("/var/log", 1)]);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("there is no empty disk of 1 GiB for /tree/var/log"), "{text}");
    assert_eq!(fs::read_to_string(disks.path().join("tree/var/log/old.log")).unwrap(), "before");
    assert_eq!(fs::read_to_string(disks.path().join("tree/fstab")).unwrap(), "# none");
}
