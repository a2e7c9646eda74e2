//! The local target: builds in a sandbox on this machine.
