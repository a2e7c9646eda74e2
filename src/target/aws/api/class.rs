//! What an error of AWS means for the call that met it.

/// The classes of errors; each has one treatment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Too many calls: the bucket is let run dry and the call is made again.
    Throttle,
    /// Not there *yet*, as far as this server knows: made again for a while.
    Eventual,
    /// The network or the service failed; whether the call had its effect is not known. All calls here can be repeated.
    Transient,
    /// The credentials are over.
    Expired,
    /// The credentials are not accepted at all.
    Credentials,
    /// The caller may not do this. Never made again.
    Denied,
    /// Any other refusal. Never made again.
    Permanent,
}

/// Error codes by which services say that there are too many calls.
const THROTTLE: &[&str] = &[
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "TooManyUpdates",
    "RequestThrottled",
    "RequestThrottledException",
    "EC2ThrottledException",
    // SNS (API reference, `Publish`).
    "Throttled",
    "SlowDown",
    "SnapshotCreationPerVolumeRateExceeded",
    // So many snapshots may be on their way at once; each that is done makes room (EC2 API reference, "Error codes").
    "PendingSnapshotLimitExceeded",
    "ConcurrentSnapshotLimitExceeded",
    "ConcurrentLimitExceededException",
    // CopyImage: "100 concurrent AMI copies per destination region" (EC2 user guide, "Copy an AMI").
    "ResourceLimitExceeded",
    // Image Builder (API reference, "Common errors" of its operations).
    "CallRateLimitExceededException",
];
/// Error codes of failures inside the service.
const TRANSIENT: &[&str] = &[
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServerException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Unavailable",
    "RequestTimeout",
    "RequestTimeoutException",
    // Image Builder: "a failure of the service".
    "ServiceException",
];
const EXPIRED: &[&str] = &["RequestExpired", "ExpiredToken", "ExpiredTokenException"];
const CREDENTIALS: &[&str] = &[
    "AuthFailure",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "IncompleteSignature",
    "OptInRequired",
];
const DENIED: &[&str] = &[
    "UnauthorizedOperation",
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "NotAuthorized",
    // Image Builder.
    "ForbiddenException",
];

/// Classifies an answer. `eventual` are the codes that mean "not yet" for this very operation; no code at all means
/// that no answer was understood.
pub fn classify(code: Option<&str>, status: Option<u16>, eventual: &[&str]) -> Class {
    let Some(code) = code else {
        // Without an answer nothing is known; an answer without a code is a failure on the way, unless it is a refusal.
        return match status {
            Some(429) => Class::Throttle,
            Some(401 | 403) => Class::Denied,
            Some(400..=499) => Class::Permanent,
            _ => Class::Transient,
        };
    };
    let of = |codes: &[&str]| codes.contains(&code);
    // Said with status 500, and no failure of the service: another place may do, the same one will not.
    if code.starts_with("Insufficient") {
        return Class::Permanent;
    }
    if of(THROTTLE) {
        Class::Throttle
    } else if of(eventual) {
        Class::Eventual
    } else if of(DENIED) {
        Class::Denied
    } else if of(EXPIRED) {
        Class::Expired
    } else if of(CREDENTIALS) {
        Class::Credentials
    } else if of(TRANSIENT) || status.is_some_and(|status| status >= 500) {
        Class::Transient
    } else {
        Class::Permanent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_before_status_and_the_operation_says_what_is_eventual() {
        assert_eq!(classify(Some("RequestLimitExceeded"), Some(503), &[]), Class::Throttle);
        assert_eq!(classify(Some("PendingSnapshotLimitExceeded"), Some(400), &[]), Class::Throttle);
        assert_eq!(classify(Some("ConcurrentLimitExceededException"), Some(400), &[]), Class::Throttle);
        assert_eq!(classify(Some("InvalidInstanceId"), Some(400), &["InvalidInstanceId"]), Class::Eventual);
        assert_eq!(classify(Some("InvalidInstanceId"), Some(400), &[]), Class::Permanent);
        assert_eq!(classify(Some("UnauthorizedOperation"), Some(403), &[]), Class::Denied);
        assert_eq!(classify(Some("InsufficientInstanceCapacity"), Some(500), &[]), Class::Permanent);
        assert_eq!(classify(Some("Whatever"), Some(500), &[]), Class::Transient);
        assert_eq!(classify(None, None, &[]), Class::Transient);
        assert_eq!(classify(None, Some(502), &[]), Class::Transient);
        assert_eq!(classify(None, Some(413), &[]), Class::Permanent);
        assert_eq!(classify(Some("ExpiredTokenException"), Some(400), &[]), Class::Expired);
    }
}
