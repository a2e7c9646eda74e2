//! S3, as far as documents of components need it: buckets and their objects, over its REST protocol with XML.
//!
//! What it does not do, it refuses: asking for versions, parts, conditions, access lists, objects that come in chunks.

use super::World;
use super::ec2::model::Home;
use super::params::Params;
use super::pipeline::http_date;
use super::reply::{Body, Done, Failure, Incoming, Reply};
use super::throttle::Limit;
use super::xml::{Xml, document, node, text};
use super::{Request, credentials};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const CHECKSUM: &str = "x-amz-checksum-crc32";
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
/// A list shows so many at once ("ListObjectsV2", max-keys).
const PAGE: u64 = 1000;

/// Buckets by name: names are everybody's.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub buckets: BTreeMap<String, Bucket>,
    /// Someone changes what is put there before a service reads it.
    pub tampered: bool,
}

#[derive(Debug, Clone)]
pub struct Bucket {
    pub home: Home,
    pub objects: BTreeMap<String, Object>,
    /// It keeps versions: key and version, until they are deleted one by one.
    pub versioned: bool,
    pub versions: Vec<(String, String)>,
    /// Its policy lets everybody do everything.
    pub open: bool,
}

#[derive(Debug, Clone)]
pub struct Object {
    pub bytes: Vec<u8>,
    pub modified: OffsetDateTime,
}

impl State {
    /// A bucket without objects.
    pub fn insert(&mut self, name: &str, home: Home) {
        let (objects, versions) = (BTreeMap::new(), Vec::new());
        self.buckets.insert(name.to_owned(), Bucket { home, objects, versioned: false, versions, open: false });
    }

    /// The keys in a bucket, for tests to look at.
    pub fn keys(&self, bucket: &str) -> Vec<&str> {
        self.buckets[bucket].objects.keys().map(String::as_str).collect()
    }
}

/// Bucket and key of a request, whose bucket stands in the path or before the host.
fn named(request: &Request) -> (String, String) {
    let decoded = |text: &str| {
        let parsed =
            form_urlencoded::parse(text.replace('+', "%2B").as_bytes()).next().map(|(key, _)| key.into_owned());
        parsed.unwrap_or_default()
    };
    let host = request.header("host").unwrap_or_default();
    let path = request.path.trim_start_matches('/');
    match host.split_once(".s3.") {
        Some((bucket, _)) => (bucket.to_owned(), decoded(path)),
        None => {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            (decoded(bucket), decoded(key))
        }
    }
}

/// The name of the operation behind a request.
pub fn action(request: &Request) -> String {
    let (bucket, key) = named(request);
    let query = Params::parse(request.query.as_bytes());
    let known = match (request.method.as_str(), bucket.is_empty(), key.is_empty()) {
        ("PUT", false, true) if request.query.is_empty() => "CreateBucket",
        ("DELETE", false, true) if request.query.is_empty() => "DeleteBucket",
        ("GET", false, true) if query.get("list-type") == Some("2") => "ListObjectsV2",
        ("PUT", false, false) => "PutObject",
        ("GET", false, false) => "GetObject",
        ("DELETE", false, false) => "DeleteObject",
        _ => return format!("{} {}", request.method, request.path),
    };
    // `?versioning`, `?acl` and the like are operations of their own.
    let own = ["list-type", "prefix", "max-keys", "continuation-token", "encoding-type", "versionId", "x-id"];
    if request.header("x-amz-copy-source").is_some() {
        return format!("{} with another object", request.method);
    }
    match form_urlencoded::parse(request.query.as_bytes()).find(|(key, _)| !own.contains(&key.as_ref())) {
        Some((key, _)) => format!("{} ?{key}", request.method),
        None => known.to_owned(),
    }
}

/// The IAM action, where it has another name.
pub fn permission<'a>(action: &'a str, params: &Params) -> &'a str {
    match action {
        "ListObjectsV2" => "ListBucket",
        "DeleteObject" if params.get("versionId").is_some() => "DeleteObjectVersion",
        other => other,
    }
}

/// Performance guidelines: 3,500 writes and 5,500 reads a second and prefix.
pub fn limit(_action: &str) -> Limit {
    Limit { bucket: "", size: 3500.0, refill: 3500.0 }
}

fn not_here(what: &str) -> Failure {
    Failure { status: 501, ..Failure::unknown("NotImplemented", what) }
}

fn no_bucket() -> Failure {
    Failure::new(404, "NoSuchBucket", "The specified bucket does not exist")
}

/// The bucket of a request, where the caller may have it.
fn bucket<'a>(world: &'a mut World, call: &Incoming<'_>, name: &str) -> Result<&'a mut Bucket, Failure> {
    let found = world.s3.buckets.get_mut(name).ok_or_else(no_bucket)?;
    if found.home.region != call.caller.region {
        return Err(Failure::new(
            301,
            "PermanentRedirect",
            "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all \
             future requests to this endpoint.",
        ));
    }
    let expected = call.request.header("x-amz-expected-bucket-owner");
    let is_another = expected.is_some_and(|owner| owner != found.home.account);
    if is_another || (found.home.account != call.caller.account() && !found.open) {
        return Err(Failure::new(403, "AccessDenied", "Access Denied"));
    }
    Ok(found)
}

pub fn handle(world: &mut World, call: &Incoming<'_>) -> Reply {
    let (name, key) = named(call.request);
    match call.action {
        "CreateBucket" => create(world, call, &name),
        "DeleteBucket" => {
            if !bucket(world, call, &name)?.objects.is_empty() {
                let message = "The bucket you tried to delete is not empty";
                return Err(Failure::new(409, "BucketNotEmpty", message));
            }
            world.s3.buckets.remove(&name);
            Ok(empty(204))
        }
        "PutObject" => put(world, call, &name, key),
        "GetObject" => {
            let missing = || Failure::new(404, "NoSuchKey", "The specified key does not exist.");
            let object = bucket(world, call, &name)?.objects.get(&key).ok_or_else(missing)?;
            let mut done = Done::of(Body::Bytes(object.bytes.clone()));
            done.headers.push(("ETag".to_owned(), etag(&object.bytes)));
            done.headers.push(("Last-Modified".to_owned(), http_date(object.modified)));
            done.headers.push(("Accept-Ranges".to_owned(), "bytes".to_owned()));
            if call.request.header("x-amz-checksum-mode").is_some() {
                done.headers.push((CHECKSUM.to_owned(), checksum(&object.bytes)));
            }
            done.headers.push(("Content-Type".to_owned(), "binary/octet-stream".to_owned()));
            Ok(done)
        }
        "DeleteObject" => {
            let version = call.params.get("versionId").map(str::to_owned);
            let found = bucket(world, call, &name)?;
            found.objects.remove(&key);
            found.versions.retain(|one| version.as_ref() != Some(&one.1) || one.0 != key);
            Ok(empty(204))
        }
        "ListObjectsV2" => list(world, call, &name),
        other => Err(not_here(other)),
    }
}

fn empty(status: u16) -> Done {
    Done { status, ..Done::of(Body::Bytes(Vec::new())) }
}

fn create(world: &mut World, call: &Incoming<'_>, name: &str) -> Reply {
    if !(3..=63).contains(&name.len()) {
        return Err(Failure::bad("InvalidBucketName", "The specified bucket is not valid."));
    }
    let home = Home::of(call.caller);
    match world.s3.buckets.get(name) {
        // As it has always been in this one region.
        Some(there) if there.home == home && home.region == "us-east-1" => {}
        Some(there) if there.home.account == home.account => {
            let message = "Your previous request to create the named bucket succeeded and you already own it.";
            return Err(Failure::new(409, "BucketAlreadyOwnedByYou", message));
        }
        Some(_) => {
            let message = "The requested bucket name is not available.";
            return Err(Failure::new(409, "BucketAlreadyExists", message));
        }
        None => world.s3.insert(name, home),
    }
    let mut done = empty(200);
    done.headers.push(("Location".to_owned(), format!("/{name}")));
    Ok(done)
}

fn put(world: &mut World, call: &Incoming<'_>, name: &str, key: String) -> Reply {
    if key.len() > 1024 {
        return Err(Failure::bad("KeyTooLongError", "Your key is too long"));
    }
    let refused = ["if-match", "if-none-match", "x-amz-acl", "x-amz-tagging"];
    let chunked = call.request.header("content-encoding").is_some_and(|coding| coding.contains("aws-chunked"));
    if chunked || refused.iter().any(|header| call.request.header(header).is_some()) {
        return Err(not_here("PutObject with chunks, conditions, access lists or tags"));
    }
    let bytes = call.request.body.clone();
    let said = call.request.header(CHECKSUM).map(str::to_owned);
    if said.as_ref().is_some_and(|said| *said != checksum(&bytes)) {
        return Err(Failure::bad("BadDigest", "The CRC32 you specified did not match the calculated checksum."));
    }
    let (tag, modified) = (etag(&bytes), world.clock.wall(call.now));
    let version = world.uuid();
    let found = bucket(world, call, name)?;
    found.objects.insert(key.clone(), Object { bytes, modified });
    let version = found.versioned.then_some(version);
    found.versions.extend(version.iter().map(|version| (key.clone(), version.clone())));
    let mut done = empty(200).made([format!("s3://{name}/{key}")]);
    done.headers.push(("ETag".to_owned(), tag));
    done.headers.extend(version.map(|version| ("x-amz-version-id".to_owned(), version)));
    done.headers.extend(said.map(|said| (CHECKSUM.to_owned(), said)));
    Ok(done)
}

fn list(world: &mut World, call: &Incoming<'_>, name: &str) -> Reply {
    let query = Params::parse(call.request.query.as_bytes());
    let wrong = |_| Failure::bad("InvalidArgument", "Provided max-keys not an integer or within integer range");
    let size = query.number("max-keys").map_err(wrong)?.unwrap_or(PAGE).min(PAGE);
    let prefix = query.get("prefix").unwrap_or_default().to_owned();
    let after = query.get("continuation-token").unwrap_or_default().to_owned();
    let found = bucket(world, call, name)?;
    let fits = |(key, _): &(&String, &Object)| key.starts_with(&prefix) && key.as_str() > after.as_str();
    let all: Vec<(String, Object)> =
        found.objects.iter().filter(fits).map(|(key, object)| (key.clone(), object.clone())).collect();
    let page: Vec<&(String, Object)> = all.iter().take(usize::try_from(size).unwrap_or(usize::MAX)).collect();
    let encoded = query.get("encoding-type") == Some("url");
    let shown = |key: &str| match encoded {
        // Slashes stay as they are.
        true => form_urlencoded::byte_serialize(key.as_bytes()).collect::<String>().replace("%2F", "/"),
        false => key.to_owned(),
    };
    let mut children = vec![
        text("Name", name),
        text("Prefix", shown(&prefix)),
        text("KeyCount", page.len()),
        text("MaxKeys", size),
        text("IsTruncated", page.len() < all.len()),
    ];
    if encoded {
        children.push(text("EncodingType", "url"));
    }
    if let Some((last, _)) = page.last().filter(|_| page.len() < all.len()) {
        children.push(text("NextContinuationToken", last));
    }
    children.extend(page.iter().map(|(key, object)| row(&shown(key), object)));
    let body = document("ListBucketResult", Some(NAMESPACE), &children);
    let mut done = Done::of(Body::Bytes(body));
    done.headers.push(("Content-Type".to_owned(), "application/xml".to_owned()));
    Ok(done)
}

fn row(key: &str, object: &Object) -> Xml {
    // In whole seconds, and written with thousandths.
    let modified = object.modified.replace_nanosecond(0).unwrap_or(object.modified);
    let modified = modified.format(&Rfc3339).unwrap_or_default();
    node(
        "Contents",
        vec![
            text("Key", key),
            text("LastModified", modified.replace('Z', ".000Z")),
            text("ETag", etag(&object.bytes)),
            text("Size", object.bytes.len()),
            text("StorageClass", "STANDARD"),
        ],
    )
}

/// Nobody may read more into it than that other bytes have another one.
fn etag(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(bytes);
    format!("\"{}\"", hash[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// CRC32 in base64.
fn checksum(bytes: &[u8]) -> String {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    BASE64_STANDARD.encode(sum.sum().to_be_bytes())
}

/// What a service reads in its caller's name; in the words of the one that reads.
pub fn read(world: &World, call: &Incoming<'_>, uri: &str) -> Result<Vec<u8>, String> {
    let (name, key) = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).ok_or("It must be an S3 URL.")?;
    let home = Home::of(call.caller);
    let may = |bucket: &&Bucket| bucket.home == home || (bucket.open && bucket.home.region == home.region);
    let found = world.s3.buckets.get(name).filter(may);
    let object = found.and_then(|bucket| bucket.objects.get(key));
    let changed: &[u8] = if world.s3.tampered { b"# changed\n" } else { b"" };
    object.map(|object| [&object.bytes, changed].concat()).ok_or_else(|| format!("The object at {uri} can't be read."))
}

/// Whether a request is for it, or for what clients sign in another name and send there.
pub fn is_for(request: &Request) -> bool {
    credentials::scope(request)
        .is_some_and(|scope| ["s3", "s3express", "s3-object-lambda"].contains(&scope.service.as_str()))
}
