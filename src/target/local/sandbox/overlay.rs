//! Puts the layers on top of each other. Every folder is given to the kernel by descriptor: no path of this machine
//! shows in the sandbox's mount table, and no character of a path can be taken for an option.

use super::control::Job;
use super::error::{Doing, Failure, FailureKind};
use super::host;
use super::lockdown::is_real_folder;
use super::{Lower, SandboxSpec};
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::Mode;
use std::fs::{self, Permissions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Mounts the whole tree and says where. The caller is in a mount namespace of its own.
pub(super) fn assemble(job: &Job) -> Result<PathBuf, Failure> {
    let spec = &job.spec;
    let main_work = work_folder(spec, 0)?;
    let upper = folder(&spec.upper)?;
    let work = folder(&main_work)?;
    let layers = layers(spec);
    let mut lowers = layers.iter().map(|layer| folder(layer)).collect::<Result<Vec<_>, _>>()?;
    if lowers.len() + 1 < spec.lowers.len() || spec.lowers.iter().skip(1).any(|lower| *lower == Lower::Host) {
        return Err(Failure::new(FailureKind::Base, "this machine can only be the bottom layer"));
    }
    open_to_all(&spec.upper)?;
    let separate = match spec.lowers.first() {
        Some(Lower::Host) => {
            let mountinfo = fs::read_to_string("/proc/self/mountinfo").doing(|| "reading the mount table".into())?;
            let mut separate = host::separate_mounts(&mountinfo, &spec.hidden);
            // A file that is mounted over, as containers do with /etc/hosts, is no layer: what lies below it is seen.
            separate.retain(|path| is_real_folder(path));
            separate
        }
        _ => Vec::new(),
    };
    // Opened before anything is mounted over the work folder, which may lie below one of them.
    let separate = separate
        .into_iter()
        .enumerate()
        .map(|(index, path)| Ok((folder(&path)?, folder(&work_folder(spec, index + 1)?)?, path)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let nested = separate.iter().map(|(_, _, path)| nested_layers(spec, &layers, path));
    let nested = nested.collect::<Result<Vec<_>, _>>()?;

    let staging = &spec.work;
    mount(Some("tmpfs"), staging, Some("tmpfs"), MsFlags::MS_NODEV, Some("mode=700,size=4m"))
        .doing(|| "mounting the staging folder".into())?;
    let root = staging.join("root");
    fs::create_dir(&root).doing(|| "making the root's mount point".into())?;
    if spec.lowers.first() == Some(&Lower::Host) {
        let mask = staging.join("mask");
        fs::create_dir(&mask).doing(|| "making the mask".into())?;
        host::mask(&mask, &spec.hidden)?;
        let bottom = vec![folder(&mask)?, folder(Path::new("/"))?];
        lowers.extend(bottom_layers(bottom, &layers, Path::new("/"), &staging.join("host"))?);
    }
    if lowers.is_empty() {
        return Err(Failure::new(FailureKind::Base, "the sandbox has no layer underneath"));
    }
    mount_overlay(&lowers, Some((&upper, &work)), &root, job.ordinary_user)?;

    for (index, ((machine, work, path), (upper, mut lowers))) in separate.into_iter().zip(nested).enumerate() {
        let relative = path.strip_prefix("/").unwrap_or(&path);
        let mut bottom = vec![machine];
        if is_real_folder(&staging.join("mask").join(relative)) {
            bottom.insert(0, folder(&staging.join("mask").join(relative))?);
        }
        lowers.extend(bottom_layers(bottom, &layers, &path, &staging.join(format!("host-{index}")))?);
        mount_overlay(&lowers, Some((&upper, &work)), &root.join(relative), false)?;
    }
    Ok(root)
}

/// The folders among the lowers, top to bottom, as the kernel wants them.
fn layers(spec: &SandboxSpec) -> Vec<PathBuf> {
    let folders = spec.lowers.iter().rev().filter_map(|lower| match lower {
        Lower::Dir(path) => Some(path.clone()),
        Lower::Host => None,
    });
    folders.collect()
}

/// The upper and the layers of a folder that is a filesystem of its own on this machine.
fn nested_layers(spec: &SandboxSpec, layers: &[PathBuf], path: &Path) -> Result<(OwnedFd, Vec<OwnedFd>), Failure> {
    let relative = path.strip_prefix("/").unwrap_or(path);
    let mut above = PathBuf::new();
    for component in relative.components() {
        above.push(component);
        host::copy_folder(&Path::new("/").join(&above), &spec.upper.join(&above))?;
    }
    let lowers = layers.iter().map(|layer| layer.join(relative)).filter(|layer| is_real_folder(layer));
    Ok((folder(&spec.upper.join(relative))?, lowers.map(|layer| folder(&layer)).collect::<Result<_, _>>()?))
}

/// The machine's part of the lowers. The kernel refuses a layer that lies inside another one of the same overlay, as
/// an image in the state folder lies inside `/`; then the machine's part becomes a read-only overlay of its own,
/// which is another filesystem.
fn bottom_layers(
    mut bottom: Vec<OwnedFd>,
    layers: &[PathBuf],
    machine: &Path,
    at: &Path,
) -> Result<Vec<OwnedFd>, Failure> {
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    if !layers.iter().any(|layer| device(layer) == device(machine)) {
        return Ok(bottom);
    }
    fs::create_dir(at).doing(|| "making the machine's mount point".into())?;
    if bottom.len() == 1 {
        // An overlay without an upper has at least two lowers.
        let empty = at.with_extension("empty");
        host::copy_folder(machine, &empty)?;
        bottom.insert(0, folder(&empty)?);
    }
    mount_overlay(&bottom, None, at, false)?;
    Ok(vec![folder(at)?])
}

fn mount_overlay(
    lowers: &[OwnedFd],
    writable: Option<(&OwnedFd, &OwnedFd)>,
    at: &Path,
    ordinary_user: bool,
) -> Result<(), Failure> {
    let descriptor = |fd: &OwnedFd| format!("/proc/self/fd/{}", fd.as_raw_fd());
    let lowers: Vec<_> = lowers.iter().map(descriptor).collect();
    let mut options = format!("lowerdir={}", lowers.join(":"));
    if let Some((upper, work)) = writable {
        options.push_str(&format!(",upperdir={},workdir={}", descriptor(upper), descriptor(work)));
    }
    // What layers look like must not depend on this machine's defaults: whole files, no redirects.
    options.push_str(",redirect_dir=nofollow,metacopy=off,index=off");
    if ordinary_user {
        options.push_str(",userxattr");
    }
    mount(Some("overlay"), at, Some("overlay"), MsFlags::MS_NODEV, Some(options.as_str()))
        .doing(|| "mounting the overlay".into())
        .map_err(|failure| failure.of_kind(FailureKind::Overlay))
}

fn folder(path: &Path) -> Result<OwnedFd, Failure> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(path, flags, Mode::empty())
        .doing(|| format!("opening the layer {}", path.display()))
        .map_err(|failure| failure.of_kind(FailureKind::Base))
}

/// Each overlay needs a work folder of its own; all are inside the given one.
fn work_folder(spec: &SandboxSpec, index: usize) -> Result<PathBuf, Failure> {
    let path = spec.work.join(index.to_string());
    fs::create_dir_all(&path).doing(|| format!("making the work folder {}", path.display()))?;
    Ok(path)
}

/// The upper is the sandbox's `/`: users in there must be able to pass through it.
fn open_to_all(upper: &Path) -> Result<(), Failure> {
    let what = || format!("opening {} to the sandbox's users", upper.display());
    let mode = fs::metadata(upper).doing(what)?.mode();
    if mode & 0o555 == 0o555 {
        return Ok(());
    }
    fs::set_permissions(upper, Permissions::from_mode(0o755)).doing(what)
}
