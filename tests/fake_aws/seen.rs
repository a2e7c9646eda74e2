//! Which IAM actions the program asked for, over all worlds of a whole run of tests: they are written to the file that
//! `AMIFACTORY_ACTIONS_SEEN` names, one a line, for the comparison with `iam-policy`.

use super::Request;
use super::record::Call;
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// What the program says of itself in each request.
const PROGRAM: &str = "app/amifactory";

static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Notes what a call of the program needed. Calls of others (tests that drive the fake by hand) are not the program's.
pub fn note(request: &Request, call: &Call) {
    let Some(file) = std::env::var_os("AMIFACTORY_ACTIONS_SEEN") else {
        return;
    };
    let says = |name| request.header(name).is_some_and(|agent: &str| agent.contains(PROGRAM));
    if !says("user-agent") && !says("x-amz-user-agent") {
        return;
    }
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    for action in &call.permissions {
        if seen.insert(action.clone()) {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(&file);
            file.and_then(|mut file| file.write_all(format!("{action}\n").as_bytes())).unwrap();
        }
    }
}
