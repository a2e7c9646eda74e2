//! amifactory's side of a run.

use super::control::{self, Job, Message};
use super::gate::Gate;
use super::output::{self, Log};
use super::{Exit, Lower, Network, SandboxError, SandboxSpec, entry, sweep_cgroups, user};
use nix::sys::statfs::{FsType, statfs};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

/// Runs the spec's script to its end, or until a limit is reached. `exe` is this program; each line of the script's
/// standard output goes to `on_stdout_line`. Dropping the future kills every process of the sandbox.
pub async fn run(
    spec: &SandboxSpec,
    exe: &Path,
    on_stdout_line: &(dyn Fn(&str) + Send + Sync),
) -> Result<Exit, SandboxError> {
    let ordinary_user = user::is_ordinary();
    if ordinary_user {
        user::check(spec.lowers.contains(&Lower::Host))?;
    }
    make_folders(spec)?;
    check_upper(&spec.upper)?;
    let log = Log::open(&spec.log).await?;
    let mut command = Command::new(exe);
    command.arg(entry::SUPERVISE).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut child, socket) = start(command, exe)?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(SandboxError::Died { what: "it has no standard output".into() });
    };
    socket.send(&Message::Start(Box::new(Job { spec: spec.clone(), ordinary_user, watched: false }))).await?;

    let (exit, errors, lines) = tokio::join!(
        converse(&socket, &child, spec, &log),
        output::copy_errors(stderr, &log),
        output::read_lines(stdout, on_stdout_line),
    );
    log.flush().await?;
    if let Err(SandboxError::Died { .. }) = &exit {
        sweep_cgroups();
    }
    let exit = exit?;
    errors.and(lines)?;
    child.wait().await.map_err(|source| SandboxError::Io { what: "waiting for the sandbox".into(), source })?;
    Ok(exit)
}

/// Starts a process of this program with a socket as its standard input.
pub(super) fn start(mut command: Command, exe: &Path) -> Result<(Child, Socket), SandboxError> {
    let (ours, theirs) =
        control::pair().map_err(|source| SandboxError::Io { what: "making a socket".into(), source })?;
    command.env_clear().stdin(Stdio::from(theirs));
    let child = command.spawn();
    let child = child.map_err(|source| SandboxError::Io { what: format!("starting {}", exe.display()), source })?;
    // The command holds a copy of the other end.
    drop(command);
    Ok((child, Socket::new(ours)?))
}

/// Serves the supervisor until it says how the run ended. Kept to its end alongside the gate, which it starts.
async fn converse(socket: &Socket, child: &Child, spec: &SandboxSpec, log: &Log) -> Result<Exit, SandboxError> {
    let mut gate = None;
    loop {
        let message = tokio::select! {
            message = socket.receive() => message?,
            // Never ends by itself; a dropped run drops its connections too.
            () = serve(&mut gate) => continue,
        };
        match message {
            Some((Message::MapIds, _)) => {
                let pid = child.id().ok_or_else(|| SandboxError::Died { what: "its supervisor is gone".into() })?;
                user::map_ids(pid).await?;
                socket.send(&Message::Mapped).await?;
            }
            Some((Message::Listening, Some(fd))) => {
                if let Network::Allow(allowed) = &spec.network {
                    gate = Some(Gate::open(fd, allowed, log.clone())?);
                }
            }
            Some((Message::Ended(exit), _)) => return Ok(exit),
            Some((Message::Failed(failure), _)) => return Err(failure.into_error()),
            Some(_) => {}
            None => return Err(SandboxError::Died { what: "its supervisor ended without a word".into() }),
        }
    }
}

async fn serve(gate: &mut Option<Gate>) {
    match gate {
        Some(gate) => gate.serve().await,
        None => std::future::pending().await,
    }
}

fn make_folders(spec: &SandboxSpec) -> Result<(), SandboxError> {
    for folder in [&spec.upper, &spec.work] {
        let what = || format!("making {}", folder.display());
        fs::create_dir_all(folder).map_err(|source| SandboxError::Io { what: what(), source })?;
    }
    Ok(())
}

/// Filesystems that overlayfs does not take as an upper layer, by their magic number.
const NOT_FOR_UPPERS: [(i64, &str); 12] = [
    (0x794c_7630, "overlayfs (as in a container)"),
    (0x6969, "NFS"),
    (0x6573_5546, "FUSE"),
    (0x0102_1997, "9p"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x517b, "SMB"),
    (0x4d44, "FAT"),
    (0x2011_bab0, "exFAT"),
    (0xf15f, "eCryptfs"),
    (0x786f_4256, "a VirtualBox share"),
    (0x5346_544e, "NTFS"),
];

/// Whether the upper can be one: right filesystem, out of other users' reach.
fn check_upper(upper: &Path) -> Result<(), SandboxError> {
    let failed = |source| SandboxError::Io { what: format!("looking at {}", upper.display()), source };
    let kind = statfs(upper).map_err(|errno| failed(errno.into()))?.filesystem_type();
    if let Some((_, name)) = NOT_FOR_UPPERS.iter().find(|(magic, _)| is_kind(kind, *magic)) {
        return Err(SandboxError::UpperFilesystem { path: upper.to_owned(), filesystem: (*name).to_owned() });
    }
    let path = fs::canonicalize(upper).map_err(failed)?;
    let closed = path.ancestors().skip(1).any(|folder| fs::metadata(folder).is_ok_and(|m| m.mode() & 0o011 == 0));
    if closed { Ok(()) } else { Err(SandboxError::Exposed { path: upper.to_owned() }) }
}

/// The magic's type differs between architectures and C libraries; its lower 32 bits are the number.
fn is_kind(kind: FsType, magic: i64) -> bool {
    kind.0 as u32 == magic as u32
}

/// The parent's end of a control socket. Tokio knows stream and datagram sockets only; as this one is never read or
/// written but by `control`, the kind that it is wrapped as does not matter.
pub(super) struct Socket(UnixStream);

impl Socket {
    fn new(fd: OwnedFd) -> Result<Socket, SandboxError> {
        let socket = std::os::unix::net::UnixStream::from(fd);
        socket.set_nonblocking(true).map_err(failed)?;
        UnixStream::from_std(socket).map(Socket).map_err(failed)
    }

    pub async fn send(&self, message: &Message) -> Result<(), SandboxError> {
        let sent = self.0.async_io(Interest::WRITABLE, || control::send(&self.0, message, None)).await;
        match sent {
            // It died before it could read; receiving tells more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(failed),
        }
    }

    pub async fn receive(&self) -> Result<Option<(Message, Option<OwnedFd>)>, SandboxError> {
        self.0.async_io(Interest::READABLE, || control::receive(&self.0)).await.map_err(failed)
    }
}

fn failed(source: io::Error) -> SandboxError {
    SandboxError::Io { what: "talking to the sandbox".into(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn an_upper_that_others_can_enter_is_refused() {
        let state = tempfile::tempdir().unwrap();
        let upper = state.path().join("upper");
        fs::create_dir(&upper).unwrap();
        fs::set_permissions(state.path(), fs::Permissions::from_mode(0o700)).unwrap();
        check_upper(&upper).unwrap();
        fs::set_permissions(state.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(check_upper(&upper), Err(SandboxError::Exposed { .. })));
    }
}
