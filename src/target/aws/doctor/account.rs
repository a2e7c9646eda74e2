//! Judging credentials, clock and region.

use super::facts::{Account, Asked, Refused};
use crate::target::finding::Finding;
use time::{Duration, OffsetDateTime};

/// EC2 refuses requests whose time is further off (EC2 API reference, error code `RequestExpired`; Signature Version 4:
/// "within five minutes").
const MOST_SKEW: Duration = Duration::minutes(5);
/// From here on a clock is not kept by anything.
const SOME_SKEW: Duration = Duration::minutes(1);
/// A build with its boot test is seldom longer.
const SHORT: Duration = Duration::hours(1);

/// Codes by which services say that the time in a signature is wrong.
fn tells_of_time(refused: &Refused) -> bool {
    let code = refused.code.as_str();
    let signature = matches!(code, "SignatureDoesNotMatch" | "InvalidSignatureException");
    let words = refused.message.to_ascii_lowercase();
    code == "RequestTimeTooSkewed"
        || (signature && (words.contains("signature expired") || words.contains("signature not yet current")))
}

/// The account and who calls.
pub fn credentials(account: &Account) -> Finding {
    const CHECK: &str = "credentials";
    let identity = match &account.identity {
        Ok(identity) => identity,
        Err(refused) if tells_of_time(refused) => {
            return Finding::unknown(CHECK, "they can't be checked while the clock is wrong");
        }
        Err(refused) => {
            let mend = match refused.code.as_str() {
                "" => "check the network, the region's name and AWS_ENDPOINT_URL; a proxy is given by HTTPS_PROXY",
                "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
                    "get new credentials: aws sso login, or whatever gives them to you"
                }
                _ => "give valid credentials: aws configure, aws sso login, or AWS_ACCESS_KEY_ID and its companions",
            };
            return Finding::fail(CHECK, refused.to_string(), mend);
        }
    };
    let who = format!("account {}, as {}", identity.account, identity.arn);
    let left = account.expires.map(|end| end - account.our_time);
    match left {
        Some(left) if left <= Duration::ZERO => {
            Finding::fail(CHECK, format!("{who}; they have ended"), "get new credentials: aws sso login, for one")
        }
        Some(left) if left < SHORT => Finding::warn(
            CHECK,
            format!("{who}; they end in {} minutes", left.whole_minutes()),
            "where nothing renews them, get new ones before a long build; amifactory resume goes on after it was cut off",
        ),
        _ if identity.arn.ends_with(":root") => Finding::warn(
            CHECK,
            format!("{who}: the account's root user may do anything"),
            "use a role that has the policy of amifactory iam-policy --for operator",
        ),
        _ => Finding::pass(CHECK, who),
    }
}

/// How far this machine's clock is off.
pub fn clock(account: &Account) -> Finding {
    const CHECK: &str = "clock";
    let mend = "let the clock be set: timedatectl set-ntp true";
    if let Err(refused) = &account.identity
        && tells_of_time(refused)
    {
        return Finding::fail(CHECK, refused.to_string(), mend);
    }
    let Some(theirs) = account.their_time else {
        return Finding::unknown(CHECK, "no answer carried a time to compare it with");
    };
    let off = account.our_time - theirs;
    let words =
        format!("{} s {} AWS", off.whole_seconds().abs(), if off.is_negative() { "behind" } else { "ahead of" });
    if off.abs() > MOST_SKEW {
        Finding::fail(CHECK, format!("{words}; requests more than 5 minutes off are refused"), mend)
    } else if off.abs() > SOME_SKEW {
        Finding::warn(CHECK, format!("{words}; from 5 minutes on requests are refused"), mend)
    } else {
        Finding::pass(CHECK, "less than a minute off")
    }
}

/// Whether the region can be used. `status` is its opt-in status; none where EC2 does not know the region.
pub fn region(region: &str, status: &Asked<Option<String>>) -> Finding {
    const CHECK: &str = "region";
    match status {
        Ok(Some(status)) if status == "not-opted-in" => Finding::fail(
            CHECK,
            format!("{region} is not enabled in this account"),
            format!("enable it: aws account enable-region --region-name {region}; or choose another by AWS_REGION"),
        ),
        Ok(Some(_)) => Finding::pass(CHECK, format!("{region} is enabled")),
        Ok(None) => Finding::fail(CHECK, format!("EC2 knows no region {region}"), "correct AWS_REGION"),
        Err(refused) if refused.denied => not_allowed(CHECK, refused),
        Err(refused) => Finding::fail(CHECK, refused.to_string(), "correct AWS_REGION, or enable the region"),
    }
}

/// What could not be looked at because that is not allowed.
pub fn not_allowed(check: impl Into<String>, refused: &Refused) -> Finding {
    let detail = format!("{} is not allowed, so this can't be looked at", refused.action);
    Finding::unknown(check, detail).mend(format!("add {} to the policy: amifactory iam-policy", refused.action))
}

/// What could not be looked at, for whatever reason.
pub fn unseen(check: impl Into<String>, refused: &Refused) -> Finding {
    if refused.denied { not_allowed(check, refused) } else { Finding::unknown(check, refused.to_string()) }
}

/// The time in a `Date:` header.
pub fn http_date(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &time::format_description::well_known::Rfc2822).ok()
}

#[cfg(test)]
mod tests {
    use super::super::facts::Identity;
    use super::*;
    use crate::target::finding::Severity::{self, Fail, Pass, Unknown, Warn};
    use time::macros::datetime;

    fn account(expires_in: Option<i64>, off: Option<i64>) -> Account {
        let now = datetime!(2026-11-20 12:00 UTC);
        Account {
            identity: Ok(Identity { account: "123456789012".into(), arn: "arn:aws:iam::123456789012:user/ops".into() }),
            expires: expires_in.map(|minutes| now + Duration::minutes(minutes)),
            their_time: off.map(|seconds| now - Duration::seconds(seconds)),
            our_time: now,
        }
    }

    fn refused(code: &str, message: &str) -> Refused {
        let denied = code.contains("Unauthorized");
        Refused { action: "sts:GetCallerIdentity", code: code.into(), message: message.into(), denied }
    }

    #[test]
    fn credentials_are_as_good_as_they_last() {
        for (minutes, expected) in [(None, Pass), (Some(600), Pass), (Some(30), Warn), (Some(-1), Fail)] {
            assert_eq!(credentials(&account(minutes, None)).severity, expected, "{minutes:?}");
        }
        let mut root = account(None, None);
        root.identity = Ok(Identity { account: "1".into(), arn: "arn:aws:iam::1:root".into() });
        assert_eq!(credentials(&root).severity, Warn);
        let mut wrong = account(None, None);
        wrong.identity = Err(refused("InvalidClientTokenId", "The security token is invalid."));
        let found = credentials(&wrong);
        assert_eq!(found.severity, Fail);
        assert!(found.mend.unwrap().contains("aws configure"));
        wrong.identity = Err(refused("", "dns error"));
        assert!(credentials(&wrong).mend.unwrap().contains("network"));
    }

    #[test]
    fn five_minutes_are_too_many() {
        let cases: [(Option<i64>, Severity); 6] = [
            (None, Unknown),
            (Some(0), Pass),
            (Some(-59), Pass),
            (Some(90), Warn),
            (Some(-301), Fail),
            (Some(3600), Fail),
        ];
        for (off, expected) in cases {
            assert_eq!(clock(&account(None, off)).severity, expected, "{off:?}");
        }
        assert!(clock(&account(None, Some(-301))).detail.starts_with("301 s behind AWS"));
        let mut skewed = account(None, None);
        skewed.identity =
            Err(refused("SignatureDoesNotMatch", "Signature expired: 20261120T1100Z is now earlier than"));
        assert_eq!((clock(&skewed).severity, credentials(&skewed).severity), (Fail, Unknown));
        // The same code for a wrong secret says nothing of the clock.
        skewed.identity = Err(refused("SignatureDoesNotMatch", "The request signature we calculated does not match"));
        assert_eq!((clock(&skewed).severity, credentials(&skewed).severity), (Unknown, Fail));
    }

    #[test]
    fn a_region_must_be_there_and_enabled() {
        let status = |status: &str| Ok(Some(status.to_owned()));
        assert_eq!(region("eu-central-1", &status("opt-in-not-required")).severity, Pass);
        assert_eq!(region("me-south-1", &status("opted-in")).severity, Pass);
        assert_eq!(region("me-south-1", &status("not-opted-in")).severity, Fail);
        assert_eq!(region("eu-centrl-1", &Ok(None)).severity, Fail);
        assert_eq!(region("eu-central-1", &Err(refused("UnauthorizedOperation", "no"))).severity, Unknown);
        assert_eq!(region("eu-central-1", &Err(refused("AuthFailure", "no"))).severity, Fail);
    }

    #[test]
    fn dates_are_read_as_http_has_them() {
        assert_eq!(http_date("Fri, 20 Nov 2026 12:00:00 GMT"), Some(datetime!(2026-11-20 12:00 UTC)));
        assert_eq!(http_date("yesterday"), None);
    }
}
