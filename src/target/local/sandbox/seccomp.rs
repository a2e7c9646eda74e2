//! The system calls that steps can't make, whatever capabilities they have.
//!
//! A list of what is refused, not of what is allowed: package scripts use a wide and growing part of the kernel, and
//! the capabilities and namespaces are the first wall. To keep the list honest against kernels that are newer than
//! it, every number above the last one known is refused as well.

use super::error::{Failure, FailureKind};
use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter, sock_filter,
};
use std::collections::BTreeMap;

/// The highest system call number that this list was written against (both architectures share these numbers).
/// Also refuses the x32 calls of x86_64, which have bit 30 set and would pass by a list of plain numbers.
const LAST_KNOWN: u32 = 462;

/// Calls that reach beyond the sandbox: mounts, namespaces, modules, the clock, keys, devices, tracing, accounting.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    457, // statmount
    458, // listmount
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_acct,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
];

#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[libc::c_long] =
    &[libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt, libc::SYS__sysctl, libc::SYS_uselib, libc::SYS_ustat];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[libc::c_long] = &[];

/// New namespaces, by the flags of `clone`. `clone3` hides its flags in memory, so it does not exist in here and the
/// C library falls back to `clone`.
const NAMESPACE_FLAGS: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// Terminal requests that put characters into somebody's input: `TIOCSTI` and `TIOCLINUX`, the same on both architectures.
const TERMINAL_INJECTION: [u64; 2] = [0x5412, 0x541c];

/// `NETLINK_AUDIT`. Without it programs take auditing for absent and go on; with it and without the capability to
/// write, `su` and `useradd` would fail.
const NETLINK_AUDIT: u64 = 9;

/// Applies all filters to this process and those it starts, and gives up gaining rights by setuid files.
pub(super) fn confine() -> Result<(), Failure> {
    let said =
        |what: &dyn std::fmt::Display| Failure::new(FailureKind::SetUp, format!("filtering system calls: {what}"));
    let arch = std::env::consts::ARCH.try_into().map_err(|error| said(&error))?;
    for program in programs(arch).map_err(|error| said(&error))? {
        apply_filter(&program).map_err(|error| said(&error))?;
    }
    Ok(())
}

/// One filter per answer. A call gets the strictest answer of all of them.
fn programs(arch: TargetArch) -> Result<Vec<BpfProgram>, seccompiler::BackendError> {
    Ok(vec![
        compile(refused_calls()?, libc::EPERM, arch)?,
        compile(BTreeMap::from([(libc::SYS_clone3, vec![])]), libc::ENOSYS, arch)?,
        compile(BTreeMap::from([(libc::SYS_socket, refused_sockets()?)]), libc::EAFNOSUPPORT, arch)?,
        unknown_calls(),
    ])
}

fn compile(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    errno: libc::c_int,
    arch: TargetArch,
) -> Result<BpfProgram, seccompiler::BackendError> {
    // errno values are small and positive.
    let answer = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, answer, arch)?.try_into()
}

fn refused_calls() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        REFUSED.iter().chain(REFUSED_HERE).map(|number| (*number, vec![])).collect();
    let mut namespaces = Vec::new();
    for flag in NAMESPACE_FLAGS {
        let flag = u64::from(flag.unsigned_abs());
        namespaces.push(when(&[(0, SeccompCmpOp::MaskedEq(flag), flag)])?);
    }
    rules.insert(libc::SYS_clone, namespaces);
    let mut ioctls = Vec::new();
    for request in TERMINAL_INJECTION {
        ioctls.push(when(&[(1, SeccompCmpOp::Eq, request)])?);
    }
    rules.insert(libc::SYS_ioctl, ioctls);
    Ok(rules)
}

/// Only Unix, IPv4, IPv6 and netlink sockets are bound to the network namespace; others, such as vsock, reach the
/// hypervisor or the machine.
fn refused_sockets() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let families = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
    let other: Vec<_> = families.map(|family| (0, SeccompCmpOp::Ne, u64::from(family.unsigned_abs()))).into();
    let netlink = u64::from(libc::AF_NETLINK.unsigned_abs());
    Ok(vec![when(&other)?, when(&[(0, SeccompCmpOp::Eq, netlink), (2, SeccompCmpOp::Eq, NETLINK_AUDIT)])?])
}

/// A rule that holds when all its conditions do. Flags, requests and families are 32 bits wide.
fn when(conditions: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, seccompiler::BackendError> {
    let conditions = conditions.iter().map(|(argument, comparison, value)| {
        SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, comparison.clone(), *value)
    });
    SeccompRule::new(conditions.collect::<Result<_, _>>()?)
}

/// `ENOSYS` for every number above the last one known. By hand, because the crate compares numbers for equality only.
fn unknown_calls() -> BpfProgram {
    const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const JUMP_GREATER: u16 = (libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let instruction = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    vec![
        instruction(LOAD_WORD, 0, 0, 0), // the number is the first word of seccomp_data
        instruction(JUMP_GREATER, 0, 1, LAST_KNOWN),
        instruction(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs()),
        instruction(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_compile_for_both_architectures() {
        for arch in [TargetArch::x86_64, TargetArch::aarch64] {
            assert_eq!(programs(arch).unwrap().len(), 4);
        }
    }

    #[test]
    fn the_filters_hold_in_a_thread_of_their_own() {
        // Filters are per thread, so the test's other threads are not touched.
        let answers = std::thread::spawn(|| {
            confine().unwrap();
            let unshare = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUTS);
            let hostname = nix::unistd::sethostname("changed-by-a-test");
            let vsock =
                rustix::net::socket(rustix::net::AddressFamily::VSOCK, rustix::net::SocketType::STREAM, None).map(drop);
            let loopback = std::net::TcpListener::bind("127.0.0.1:0").map(drop).is_ok();
            (unshare, hostname, vsock, loopback)
        })
        .join()
        .unwrap();
        assert_eq!(answers.0, Err(nix::errno::Errno::EPERM));
        assert_eq!(answers.1, Err(nix::errno::Errno::EPERM));
        assert_eq!(answers.2, Err(rustix::io::Errno::AFNOSUPPORT));
        assert!(answers.3, "ordinary sockets still work");
    }
}
