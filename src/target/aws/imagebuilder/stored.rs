//! Documents of components that are too large to go with a request: each is in a bucket for as long as the service takes to
//! read it. What is read there is not trusted: whoever asked looks at what the service has got (`make.rs`).

use super::builds::Place;
use super::order::PREFIX;
use crate::target::aws::api::{Api, CallError, op};
use crate::target::{Orphan, Tags, TargetError, moment};
use std::collections::BTreeSet;
use time::Duration;

/// Under which all of them are.
pub const UNDER: &str = "amifactory/components/";
const KIND: &str = "document in S3";
/// How long one may belong to a build that is at work: putting it there, having it read and removing it take so long at most,
/// with all repetitions of the calls.
const AT_WORK: Duration = Duration::hours(1);
const NO_BUCKET: &str = "NoSuchBucket";

/// A document in its bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    bucket: String,
    key: String,
}

impl Stored {
    /// As the service wants it.
    pub fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    fn of_uri(uri: &str) -> Option<Stored> {
        let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/')?;
        key.starts_with(UNDER).then(|| Stored { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

/// Puts a document there, under a name that nobody else has: two who make the same component don't take each other's away.
pub async fn put(api: &Api, place: &Place, bucket: &str, name: &str, data: &str) -> Result<Stored, TargetError> {
    let key = format!("{UNDER}{name}-{:016x}.yaml", fastrand::u64(..));
    let stored = Stored { bucket: bucket.to_owned(), key };
    let send = || {
        let request = api.s3.put_object().bucket(bucket).key(&stored.key).content_type("application/yaml");
        // A bucket that was deleted can be made anew by anyone.
        request.expected_bucket_owner(place.account()).body(data.as_bytes().to_vec().into()).send()
    };
    match api.caller.call(op::PUT_OBJECT, &stored.uri(), send).await {
        Ok(_) => Ok(stored),
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
    let Stored { bucket, key } = stored;
    let send = || api.s3.delete_object().bucket(bucket).key(key).expected_bucket_owner(place.account()).send();
    api.caller.call(op::DELETE_OBJECT, &stored.uri(), send).await.map(drop)
}

/// What nobody can be at work on any more.
pub async fn orphans(api: &Api, place: &Place, buckets: &BTreeSet<String>) -> Result<Vec<Orphan>, TargetError> {
    let mut found = Vec::new();
    for bucket in buckets {
        match list(api, place, bucket).await {
            Ok(there) => found.extend(there),
            // Nothing is left in a bucket that is not there.
            Err(error) if error.is(NO_BUCKET) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let now = api.clock.now();
    // Where the time is not known, nothing is old.
    found.retain(|one| moment(&one.created_at).is_some_and(|at| now - at >= AT_WORK));
    Ok(found)
}

async fn list(api: &Api, place: &Place, bucket: &str) -> Result<Vec<Orphan>, CallError> {
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let send = || {
            let request = api.s3.list_objects_v2().bucket(bucket).prefix(UNDER).expected_bucket_owner(place.account());
            request.set_continuation_token(page.clone()).send()
        };
        let answer = api.caller.call(op::LIST_OBJECTS, bucket, send).await?;
        for object in answer.contents() {
            let name = object.key().and_then(|key| key.strip_prefix(UNDER)).unwrap_or_default();
            // Others may keep theirs there too.
            if !name.starts_with(PREFIX) {
                continue;
            }
            let at = object.last_modified().and_then(|at| at.fmt(aws_smithy_types::date_time::Format::DateTime).ok());
            let stored = Stored { bucket: bucket.to_owned(), key: object.key().unwrap_or_default().to_owned() };
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
    match remove(api, place, &stored).await {
        Err(error) if !error.is(NO_BUCKET) => Err(error.into()),
        _ => Ok(()),
    }
}
