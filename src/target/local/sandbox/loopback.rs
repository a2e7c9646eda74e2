//! Brings up `lo` in a new network namespace, with one hand-made netlink message.

use super::error::{Doing, Failure};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket};
use std::os::fd::AsRawFd;

/// Brings up `lo` in this process's network namespace.
pub(super) fn up() -> Result<(), Failure> {
    let what = || "bringing up the loopback interface".to_owned();
    let kernel = NetlinkAddr::new(0, 0);
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)
        .doing(what)?;
    sendto(socket.as_raw_fd(), &request(), &kernel, MsgFlags::empty()).doing(what)?;
    let mut reply = [0; 256];
    let length = recv(socket.as_raw_fd(), &mut reply, MsgFlags::empty()).doing(what)?;
    match answer(&reply[..length]) {
        Some(0) => Ok(()),
        Some(errno) => Err(Errno::from_raw(errno)).doing(what),
        None => Err(Errno::EPROTO).doing(what),
    }
}

/// `RTM_NEWLINK` for interface 1 (`lo` is the first of every namespace): set `IFF_UP`, and acknowledge.
fn request() -> Vec<u8> {
    const LENGTH: u32 = 32;
    let up = libc::IFF_UP.unsigned_abs();
    let mut bytes = Vec::with_capacity(LENGTH as usize);
    bytes.extend(LENGTH.to_ne_bytes());
    bytes.extend(libc::RTM_NEWLINK.to_ne_bytes());
    bytes.extend(((libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16).to_ne_bytes());
    bytes.extend(1_u32.to_ne_bytes()); // sequence number
    bytes.extend(0_u32.to_ne_bytes()); // the kernel knows who asks
    bytes.extend([libc::AF_UNSPEC as u8, 0]);
    bytes.extend(0_u16.to_ne_bytes()); // device type: as it is
    bytes.extend(1_i32.to_ne_bytes()); // interface index
    bytes.extend(up.to_ne_bytes()); // flags
    bytes.extend(up.to_ne_bytes()); // which of them change
    bytes
}

/// The error number of an acknowledgement, 0 for success.
fn answer(reply: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(reply.get(4..6)?.try_into().ok()?);
    let error = i32::from_ne_bytes(reply.get(16..20)?.try_into().ok()?);
    (i32::from(kind) == libc::NLMSG_ERROR).then_some(-error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_has_the_length_that_it_states() {
        assert_eq!(request().len(), 32);
    }

    #[test]
    fn an_answer_that_is_no_acknowledgement_is_not_taken_for_success() {
        assert_eq!(answer(&[0; 10]), None);
        assert_eq!(answer(&[0; 36]), None);
    }
}
