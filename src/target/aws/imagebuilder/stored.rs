//! Documents of components that are too large to go with a request: each is in a bucket for as long as the service takes to
//! read it. What is read there is not trusted: whoever asked looks at what the service has got (`make.rs`).

use super::builds::Place;
use super::order::PREFIX;
use crate::target::aws::api::{Api, CallError, op};
use crate::target::{Orphan, Tags, TargetError, Uploads, moment};
use aws_sdk_s3::types::EncodingType;
use std::collections::BTreeSet;
use time::Duration;

/// Under which all of them are.
pub const UNDER: &str = "amifactory/components/";
const KIND: &str = "document in S3";
/// How long one may belong to a build that is at work: putting it there, having it read and removing it take so long at most,
/// with all repetitions of the calls.
const AT_WORK: Duration = Duration::hours(1);
const NO_BUCKET: &str = "NoSuchBucket";
/// What a bucket of another region is answered with (S3 API reference, "Error responses").
pub const ELSEWHERE: [&str; 4] =
    ["PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"];
const SUFFIX: &str = ".yaml";

/// `amifactory/components/<a component's name>-<16 digits by chance>.yaml`
fn is_ours(key: &str) -> bool {
    let name = key.strip_prefix(UNDER).and_then(|name| name.strip_suffix(SUFFIX));
    let parts = name.and_then(|name| name.rsplit_once('-'));
    parts.is_some_and(|(name, chance)| {
        let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        name.starts_with(PREFIX) && chance.len() == 16 && chance.chars().all(is_digit)
    })
}

/// A document in its bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    bucket: String,
    key: String,
    /// Which version it is, where the bucket keeps versions: without it only a mark would say that it is gone.
    version: Option<String>,
}

impl Stored {
    /// As the service wants it.
    pub fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    fn of_uri(uri: &str) -> Option<Stored> {
        let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/')?;
        is_ours(key).then(|| Stored { bucket: bucket.to_owned(), key: key.to_owned(), version: None })
    }
}

/// Puts a document there, under a name that nobody else has: two who make the same component don't take each other's away.
pub async fn put(api: &Api, place: &Place, bucket: &str, name: &str, data: &str) -> Result<Stored, TargetError> {
    let key = format!("{UNDER}{name}-{:016x}{SUFFIX}", fastrand::u64(..));
    let mut stored = Stored { bucket: bucket.to_owned(), key, version: None };
    let send = || {
        let request = api.s3.put_object().bucket(bucket).key(&stored.key).content_type("application/yaml");
        // A bucket that was deleted can be made anew by anyone.
        request.expected_bucket_owner(place.account()).body(data.as_bytes().to_vec().into()).send()
    };
    match api.caller.call(op::PUT_OBJECT, &stored.uri(), send).await {
        Ok(answer) => {
            stored.version = answer.version_id;
            Ok(stored)
        }
        Err(error) => Err(refused(error, bucket, place)),
    }
}

/// Who lacks a permission is told which; who asks for another account's bucket is told no more than that it is denied.
fn refused(error: CallError, bucket: &str, place: &Place) -> TargetError {
    match TargetError::from(error) {
        TargetError::Denied { action, resource, message } if !message.contains("not authorized to perform") => {
            let account = place.account();
            let help = format!(
                "component_bucket in the aws: section of amifactory.yaml has to be a bucket of account {account}: if \
                 {bucket} is, allow {action} there (amifactory iam-policy prints what is needed) and look at its policy"
            );
            TargetError::Service { call: action, resource, said: message, help }
        }
        other => other,
    }
}

/// Removes it. Removing what is gone is success.
pub async fn remove(api: &Api, place: &Place, stored: &Stored) -> Result<(), CallError> {
    let Stored { bucket, key, version } = stored;
    let send = || {
        let request = api.s3.delete_object().bucket(bucket).key(key).set_version_id(version.clone());
        request.expected_bucket_owner(place.account()).send()
    };
    // IAM knows two actions, one for each.
    let operation = if version.is_some() { op::DELETE_OBJECT_VERSION } else { op::DELETE_OBJECT };
    match api.caller.call(operation, &stored.uri(), send).await {
        Err(error) if !error.is(NO_BUCKET) => Err(error),
        _ => Ok(()),
    }
}

/// What is there. A bucket that can't be looked into keeps nothing else from being found.
pub async fn leftovers(api: &Api, place: &Place, buckets: &BTreeSet<String>) -> Uploads {
    let mut found = Uploads::default();
    let mut all = Vec::new();
    for bucket in buckets {
        match list(api, place, bucket).await {
            Ok(there) => all.extend(there),
            // Nothing is left in a bucket that is not there, and one of another region is looked into there.
            Err(error) if error.is(NO_BUCKET) || ELSEWHERE.iter().any(|code| error.is(code)) => {}
            Err(error) => found.unread.push((bucket.clone(), error.into())),
        }
    }
    let now = api.clock.now();
    // Where the time is not known, nothing is old.
    let is_old = |one: &Orphan| moment(&one.created_at).is_some_and(|at| now - at >= AT_WORK);
    (found.old, found.young) = all.into_iter().partition(is_old);
    found
}

async fn list(api: &Api, place: &Place, bucket: &str) -> Result<Vec<Orphan>, CallError> {
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let send = || {
            let request = api.s3.list_objects_v2().bucket(bucket).prefix(UNDER).expected_bucket_owner(place.account());
            // What others keep there may have names that XML can't hold.
            request.encoding_type(EncodingType::Url).set_continuation_token(page.clone()).send()
        };
        let answer = api.caller.call(op::LIST_OBJECTS, bucket, send).await?;
        for object in answer.contents() {
            // Others may keep theirs there too.
            if !object.key().is_some_and(is_ours) {
                continue;
            }
            let at = object.last_modified().and_then(|at| at.fmt(aws_smithy_types::date_time::Format::DateTime).ok());
            let stored =
                Stored { bucket: bucket.to_owned(), key: object.key().unwrap_or_default().to_owned(), version: None };
            let created_at = at.unwrap_or_default();
            found.push(Orphan { kind: KIND, id: stored.uri(), tags: Tags::new(), created_at });
        }
        page = answer.next_continuation_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

/// Whether something left behind is one.
pub fn is_one(orphan: &Orphan) -> bool {
    orphan.kind == KIND
}

/// Removes one of these.
pub async fn remove_orphan(api: &Api, place: &Place, orphan: &Orphan) -> Result<(), TargetError> {
    let Some(stored) = Stored::of_uri(&orphan.id) else { return Ok(()) };
    Ok(remove(api, place, &stored).await?)
}
