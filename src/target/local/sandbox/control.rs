//! The sockets between the sandbox's processes: one JSON message per packet, with at most one file descriptor.
//!
//! A socket is also the dead-man's switch: only the process above holds the other end, so end of file means that it
//! is gone. Specs travel here and not in arguments, which every user of the machine can read.

use super::error::Failure;
use super::{Exit, SandboxSpec};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType,
};
use serde::{Deserialize, Serialize};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Largest message; a packet must fit the socket's buffer (208 KiB where nobody changed it).
const MAX_BYTES: usize = 192 << 10;

/// What the processes tell each other.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Message {
    /// Down: run this.
    Start(Box<Job>),
    /// Down to a user namespace's helper: run this operation.
    Operate(String, Vec<String>),
    /// Up from the supervisor: my user namespace needs its ids.
    MapIds,
    /// Down: they are written.
    Mapped,
    /// Up, with the socket: the gate's listener in the sandbox's network namespace.
    Listening,
    /// Up: the script is about to start; init has left this machine's root.
    Started,
    /// Up: the script has ended.
    Ended(Exit),
    /// Up: the operation has ended, with what it says.
    Operated(Result<String, String>),
    /// Up: it could not be run.
    Failed(Failure),
}

/// A spec and how it is to be run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Job {
    pub spec: SandboxSpec,
    /// In a user namespace, because the caller is not root.
    pub ordinary_user: bool,
    /// No control group limits its processes: the supervisor must get to run among as many as it lets be.
    #[serde(default)]
    pub watched: bool,
}

/// A connected pair.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// This process's socket to the one above: its standard input.
pub(super) fn above() -> io::Result<OwnedFd> {
    io::stdin().as_fd().try_clone_to_owned()
}

/// Sends one message.
pub(super) fn send(socket: impl AsFd, message: &Message, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    if bytes.len() > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the sandbox's spec is too large"));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fds = fd.map(|fd| [fd]);
    if let Some(fds) = &fds {
        ancillary.push(SendAncillaryMessage::ScmRights(fds));
    }
    let iov = [IoSlice::new(&bytes)];
    rustix::io::retry_on_intr(|| rustix::net::sendmsg(socket.as_fd(), &iov, &mut ancillary, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Receives one message; none at the end, when the other side is gone.
pub(super) fn receive(socket: impl AsFd) -> io::Result<Option<(Message, Option<OwnedFd>)>> {
    let mut bytes = vec![0; MAX_BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let read = rustix::io::retry_on_intr(|| {
        let mut iov = [IoSliceMut::new(&mut bytes)];
        rustix::net::recvmsg(socket.as_fd(), &mut iov, &mut ancillary, RecvFlags::CMSG_CLOEXEC)
    });
    let length = match read {
        Ok(message) => message.bytes,
        Err(rustix::io::Errno::CONNRESET) => 0,
        Err(error) => return Err(error.into()),
    };
    if length == 0 {
        return Ok(None);
    }
    let fd = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    Ok(Some((serde_json::from_slice(&bytes[..length])?, fd)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_message_arrives_with_its_descriptor_and_the_end_is_seen() {
        let (ours, theirs) = pair().unwrap();
        let (reader, writer) = io::pipe().unwrap();
        send(&ours, &Message::Listening, Some(reader.as_fd())).unwrap();
        drop((ours, reader));
        let (message, fd) = receive(&theirs).unwrap().unwrap();
        assert!(matches!(message, Message::Listening));
        drop(writer);
        let mut text = Vec::new();
        std::fs::File::from(fd.unwrap()).read_to_end(&mut text).unwrap();
        assert!(text.is_empty());
        assert!(receive(&theirs).unwrap().is_none());
    }
}
