//! OCI image layouts: what others wrote is read or refused, what is written here others can read.

use crate::trees::{Archive, age, elf, gzip, has, hash, is_root, listing, owners, root_filesystem, skip};
use amifactory::identity::{Arch, Digest, OsFamily};
use amifactory::recipe::LocalBase;
use amifactory::target::local::base::{Resolved, Resolver};
use amifactory::target::local::oci::{BlobStore, Layout, LayoutBase, LayoutLayer, Written, write};
use amifactory::target::local::tree::{
    FileFailure, FileOperation, FileOutcome, OverlayXattrs, Packed, UnpackLimits, perform,
};
use amifactory::target::{ResolvedBase, Tags, TargetError};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const TAR: &str = "application/vnd.oci.image.layer.v1.tar";

fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

fn arch() -> Arch {
    Arch::of_this_machine().unwrap()
}

/// A layout being made by hand.
struct Hand {
    dir: tempfile::TempDir,
}

impl Hand {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("layout/blobs/sha256")).unwrap();
        fs::write(dir.path().join("layout/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Hand { dir }
    }

    fn layout(&self) -> PathBuf {
        self.dir.path().join("layout")
    }

    fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        fs::write(self.layout().join("blobs/sha256").join(digest.as_str()), bytes).unwrap();
        json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()})
    }

    fn json(&self, media_type: &str, document: &Value) -> Value {
        self.blob(media_type, document.to_string().as_bytes())
    }

    /// A manifest of these tars.
    fn image(&self, architecture: &str, layers: &[(&str, Vec<u8>)]) -> Value {
        let diff_ids: Vec<String> = layers.iter().map(|(_, tar)| format!("sha256:{}", Digest::of(tar))).collect();
        let stored = |kind: &str, tar: &[u8]| if kind.ends_with("gzip") { gzip(tar) } else { tar.to_vec() };
        let layers: Vec<Value> = layers.iter().map(|(kind, tar)| self.blob(kind, &stored(kind, tar))).collect();
        self.manifest(architecture, &json!(layers), &json!(diff_ids))
    }

    fn manifest(&self, architecture: &str, layers: &Value, diff_ids: &Value) -> Value {
        let config = json!({"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "config": {"Env": null, "Cmd": ["/bin/sh"]}});
        let config = self.json("application/vnd.oci.image.config.v1+json", &config);
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        self.json(MANIFEST, &manifest)
    }

    fn index(&self, manifests: &[Value]) {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        fs::write(self.layout().join("index.json"), index.to_string()).unwrap();
    }

    fn resolve(&self, reference: &str) -> Result<Resolved, TargetError> {
        let cache = self.dir.path().join("cache");
        let limits = UnpackLimits { bytes: 1 << 24, entries: 1000 };
        let resolver = Resolver { factory: self.dir.path(), cache: &cache, limits, owners: owners(), run: &perform };
        resolver.resolve(&LocalBase::Oci(reference.to_owned()))
    }

    fn refused(&self, reference: &str) -> String {
        match self.resolve(reference) {
            Err(error @ TargetError::Base { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

fn tagged(mut descriptor: Value, tag: &str) -> Value {
    descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
    descriptor
}

fn on(mut descriptor: Value, os: &str, architecture: &str) -> Value {
    descriptor["platform"] = json!({"os": os, "architecture": architecture});
    descriptor
}

/// The lowest layer of a base.
fn lowest() -> Archive {
    Archive::default()
        .dir("./")
        .dir("etc/")
        .file("etc/os-release", crate::trees::OS_RELEASE)
        .dir("bin/")
        .entry(b'0', b"bin/sh", b"", &elf())
        .dir("data/")
        .file("data/a", "low")
        .file("data/b", "low")
        .dir("data/sub/")
        .file("data/sub/c", "low")
        .dir("old/")
        .file("old/x", "low")
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn layers_are_applied_in_order_and_whiteouts_hide_only_lower_ones() {
    let hand = Hand::new();
    let second = Archive::default()
        // A whiteout hides the lower file, whether its own layer's file comes before or after.
        .file("data/a", "high")
        .file("data/.wh.a", "")
        .file("data/.wh.b", "")
        .file("data/.wh.never-was", "")
        .file("nowhere/.wh.x", "")
        // An opaque mark behind the directory's new content leaves that content.
        .dir("old/")
        .file("old/y", "high")
        .file("old/.wh..wh..opq", "")
        .file("old/.wh..wh.plnk", "");
    let third = Archive::default().file("data/.wh.sub", "").file("data/b", "third").dir("etc/new/");
    let layers = [
        (TAR, lowest().bytes()),
        ("application/vnd.oci.image.layer.v1.tar+gzip", second.bytes()),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", third.bytes()),
    ];
    hand.index(&[tagged(hand.image(architecture(), &layers), "1.0")]);
    let resolved = hand.resolve("layout:1.0").unwrap();
    let root = &resolved.lowers[0];
    assert_eq!(names(&root.join("data")), ["a", "b"]);
    assert_eq!(fs::read_to_string(root.join("data/a")).unwrap(), "high");
    assert_eq!(fs::read_to_string(root.join("data/b")).unwrap(), "third");
    assert_eq!(names(&root.join("old")), ["y"]);
    assert!(root.join("etc/new").is_dir() && !root.join("nowhere").exists());
    assert_eq!(resolved.base.family, OsFamily::Debian12);
    assert!(resolved.base.id.starts_with("oci:"));
    // Without a tag, the only image is meant; and again from the cache.
    assert_eq!(hand.resolve("layout").unwrap().base.id, resolved.base.id);
}

#[test]
fn whiteouts_never_reach_out_of_the_tree() {
    for (name, second, expected) in [
        ("up", Archive::default().file("../outside/.wh.canary", ""), Some("`..`")),
        ("the parent", Archive::default().file("data/.wh...", ""), Some("hides no name")),
        ("itself", Archive::default().file("data/.wh..", ""), Some("hides no name")),
        ("nothing", Archive::default().file("data/.wh.", ""), Some("hides no name")),
        ("behind a link", Archive::default().file("out/.wh.canary", ""), None),
        ("all behind a link", Archive::default().file("out/.wh..wh..opq", ""), None),
        ("behind a file", Archive::default().file("data/a/.wh.x", ""), None),
    ] {
        let hand = Hand::new();
        let outside = hand.dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("canary"), "alive").unwrap();
        let lower = lowest().symlink("out", outside.to_str().unwrap());
        hand.index(&[hand.image(architecture(), &[(TAR, lower.bytes()), (TAR, second.bytes())])]);
        match expected {
            Some(expected) => {
                let message = hand.refused("layout");
                assert!(message.contains(expected), "{name}: {message}");
            }
            None => {
                hand.resolve("layout").unwrap();
            }
        }
        assert_eq!(fs::read_to_string(outside.join("canary")).unwrap(), "alive", "{name}");
    }
}

#[test]
fn the_image_is_chosen_by_tag_and_by_architecture() {
    let hand = Hand::new();
    let other = if architecture() == "amd64" { "arm64" } else { "amd64" };
    let mine = hand.image(architecture(), &[(TAR, lowest().bytes())]);
    let theirs = hand.image(other, &[(TAR, lowest().file("etc/theirs", "").bytes())]);
    let attestation = hand.image("unknown", &[]);
    let nested = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        on(theirs.clone(), "linux", other), on(attestation, "unknown", "unknown"), on(mine.clone(), "linux", architecture())]});
    let nested = hand.json(INDEX, &nested);
    let only_theirs = json!({"schemaVersion": 2, "manifests": [on(theirs.clone(), "linux", other)]});
    let only_theirs = hand.json(INDEX, &only_theirs);
    hand.index(&[
        tagged(nested, "12"),
        tagged(mine.clone(), "12-slim"),
        tagged(theirs, "theirs"),
        tagged(only_theirs, "their-index"),
    ]);
    let id = format!("oci:{}", mine["digest"].as_str().unwrap().trim_start_matches("sha256:"));
    assert_eq!(hand.resolve("layout:12").unwrap().base.id, id);
    assert_eq!(hand.resolve("layout:12-slim").unwrap().base.id, id);
    let message = hand.refused("layout:13");
    assert!(message.contains("no tag `13`") && message.contains("12, 12-slim, their-index, theirs"), "{message}");
    let message = hand.refused("layout:theirs");
    assert!(message.contains(&format!("is for linux/{other}")), "{message}");
    let message = hand.refused("layout:their-index");
    assert!(message.contains(&format!("no image for linux/{}", architecture())), "{message}");
    assert!(message.contains(&format!("It has: linux/{other}")), "{message}");
    let message = hand.refused("layout");
    assert!(message.contains("Say which one") && message.contains("12-slim"), "{message}");
}

#[test]
fn a_layout_that_does_not_hold_what_it_says_is_refused_before_a_file_is_unpacked() {
    let broken = |change: &dyn Fn(&Hand) -> Value| {
        let hand = Hand::new();
        let manifest = change(&hand);
        hand.index(&[manifest]);
        let message = hand.refused("layout");
        let unpacked = hand.dir.path().join("cache/unpacked");
        let left = fs::read_dir(unpacked).map(|d| d.filter(|e| e.as_ref().unwrap().path().is_dir()).count());
        assert_eq!(left.unwrap_or(0), 0, "{message}");
        message
    };
    let tar = lowest().bytes();
    let diff_id = format!("sha256:{}", Digest::of(&tar));
    let file = |hand: &Hand, descriptor: &Value| {
        hand.layout().join("blobs/sha256").join(&descriptor["digest"].as_str().unwrap()[7..])
    };

    let message = broken(&|hand| {
        let layer = hand.blob(TAR, &tar);
        fs::remove_file(file(hand, &layer)).unwrap();
        hand.manifest(architecture(), &json!([layer]), &json!([diff_id]))
    });
    assert!(message.contains("is missing"), "{message}");
    let message = broken(&|hand| {
        let layer = hand.blob(TAR, &tar);
        let mut bytes = tar.clone();
        bytes[600] ^= 1;
        fs::write(file(hand, &layer), bytes).unwrap();
        hand.manifest(architecture(), &json!([layer]), &json!([diff_id]))
    });
    assert!(message.contains("damaged") || message.contains("broken"), "{message}");
    let message = broken(&|hand| {
        // A byte of a file's content: the archive itself is well-formed.
        let layer = hand.blob(TAR, &tar);
        let mut bytes = tar.clone();
        bytes[1536] ^= 1;
        fs::write(file(hand, &layer), bytes).unwrap();
        hand.manifest(architecture(), &json!([layer]), &json!([diff_id]))
    });
    assert!(message.contains("its digest should be sha256:"), "{message}");
    let message = broken(&|hand| {
        let layer = hand.blob(TAR, &tar);
        fs::write(file(hand, &layer), [&tar[..], b"more"].concat()).unwrap();
        hand.manifest(architecture(), &json!([layer]), &json!([diff_id]))
    });
    assert!(message.contains("bytes long; its manifest says"), "{message}");
    let message = broken(&|hand| {
        let layer = hand.blob(TAR, &tar);
        hand.manifest(architecture(), &json!([layer]), &json!([format!("sha256:{}", Digest::of("other"))]))
    });
    assert!(message.contains("its diff id should be"), "{message}");
    let message = broken(&|hand| {
        let layer = hand.blob("application/vnd.oci.image.layer.v1.tar+zstd", &tar);
        hand.manifest(architecture(), &json!([layer]), &json!([diff_id]))
    });
    assert!(message.contains("unknown media type") && message.contains("tar+zstd"), "{message}");
    let message = broken(&|hand| {
        let layer = hand.blob(TAR, &tar);
        hand.manifest(architecture(), &json!([layer]), &json!([diff_id, diff_id]))
    });
    assert!(message.contains("1 layers and its config 2"), "{message}");
    let message = broken(&|hand| {
        let mut layer = hand.blob(TAR, &tar);
        layer["digest"] = json!(format!("sha512:{}", "0".repeat(128)));
        hand.manifest(architecture(), &json!([layer]), &json!([diff_id]))
    });
    assert!(message.contains("is not a sha256 digest"), "{message}");
    let message = broken(&|hand| {
        let mut layer = hand.blob(TAR, &tar);
        layer["digest"] = json!("sha256:../../../../../../etc/passwd");
        hand.manifest(architecture(), &json!([layer]), &json!([diff_id]))
    });
    assert!(message.contains("is not a sha256 digest"), "{message}");
    let message = broken(&|hand| {
        let manifest = hand.image(architecture(), &[(TAR, tar.clone())]);
        let path = file(hand, &manifest);
        let text = fs::read_to_string(&path).unwrap().replace("schemaVersion\":2", "schemaVersion\":3");
        fs::write(&path, text).unwrap();
        manifest
    });
    assert!(message.contains("is damaged: it is really"), "{message}");
    let message = broken(&|hand| hand.blob(MANIFEST, b"{}"));
    assert!(message.contains("manifest can't be read"), "{message}");
    let message = broken(&|hand| hand.blob("text/plain", b"{}"));
    assert!(message.contains("unknown media type `text/plain`"), "{message}");
    let message = broken(&|hand| {
        let deepest = hand.image(architecture(), &[(TAR, tar.clone())]);
        (0..9).fold(deepest, |inner, _| hand.json(INDEX, &json!({"schemaVersion": 2, "manifests": [inner]})))
    });
    assert!(message.contains("nested without end"), "{message}");
    let message = broken(&|hand| {
        // Each layer is within the limits, both together are not.
        let big = |name: &str| Archive::default().file(name, &"x".repeat(9 << 20)).bytes();
        hand.image(architecture(), &[(TAR, tar.clone()), (TAR, big("one")), (TAR, big("two"))])
    });
    assert!(message.contains("unpacks to more than"), "{message}");

    let hand = Hand::new();
    fs::write(hand.layout().join("index.json"), "not json").unwrap();
    assert!(hand.refused("layout").contains("index.json can't be read"));
    fs::remove_file(hand.layout().join("oci-layout")).unwrap();
    assert!(hand.refused("layout").contains("not an OCI image layout"));
}

/// A build's place: a root filesystem, an upper directory, a store, and the layouts written from them.
struct Build {
    dir: tempfile::TempDir,
    base: ResolvedBase,
}

impl Build {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        root_filesystem(&dir.path().join("base"));
        fs::create_dir(dir.path().join("upper")).unwrap();
        let cache = dir.path().join("cache");
        let resolver = Resolver {
            factory: dir.path(),
            cache: &cache,
            limits: UnpackLimits::default(),
            owners: owners(),
            run: &perform,
        };
        let base = resolver.resolve(&LocalBase::Rootfs("base".to_owned())).unwrap().base;
        Build { dir, base }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write_as(&self, name: &str, base: LayoutBase<'_>) -> Result<Written, TargetError> {
        let tags: Tags = [("amifactory:recipe".to_owned(), "web-tier".to_owned())].into();
        let (dir, upper) = (self.path(name), self.path("upper"));
        let layer = LayoutLayer { upper: &upper, key: "img-0123456789abcdef", created_by: "amifactory build web-tier" };
        let layout = Layout {
            dir: &dir,
            version: "1.4.2".parse().unwrap(),
            arch: arch(),
            created: "2024-01-02T03:04:05Z",
            base,
            layers: &[layer],
            tags: &tags,
            overlay: OverlayXattrs::of_this_process(),
        };
        write(&layout, &BlobStore::open(&self.path("store")).unwrap(), &perform)
    }

    fn write(&self, name: &str) -> Result<Written, TargetError> {
        self.write_as(name, LayoutBase::Tree { base: &self.base, root: &self.path("base") })
    }

    /// The layout, read as a base again.
    fn read(&self, reference: &str) -> PathBuf {
        let cache = self.path("cache-of-reader");
        let limits = UnpackLimits::default();
        let resolver = Resolver { factory: self.dir.path(), cache: &cache, limits, owners: owners(), run: &perform };
        resolver.resolve(&LocalBase::Oci(reference.to_owned())).unwrap().lowers.remove(0)
    }
}

fn pack(tree: &Path, to: &Path, overlay: Option<OverlayXattrs>) -> Result<Packed, FileFailure> {
    let operation = FileOperation::PackLayer { tree: tree.to_owned(), blob: to.to_owned(), overlay };
    match perform(&operation)? {
        FileOutcome::Packed(packed) => Ok(packed),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_tree_gives_the_same_bytes_wherever_it_is() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    root_filesystem(&path("one"));
    // Made in another order, so that its directories list their names in another order.
    fs::create_dir_all(path("two/var")).unwrap();
    fs::create_dir_all(path("two/tmp")).unwrap();
    root_filesystem(&path("two"));
    let one = pack(&path("one"), &path("one.tar"), None).unwrap();
    let two = pack(&path("two"), &path("two.tar"), None).unwrap();
    assert_eq!(one, two);
    let bytes = fs::read(path("one.tar")).unwrap();
    assert_eq!((Digest::of(&bytes), bytes.len() as u64), (one.digest, one.size));
    assert_eq!(fs::metadata(path("one.tar")).unwrap().mode() & 0o777, 0o600);
    fs::write(path("two/etc/motd"), "x").unwrap();
    assert_ne!(pack(&path("two"), &path("three.tar"), None).unwrap().digest, two.digest);
}

#[test]
fn gnu_tar_reads_what_was_packed() {
    if !has("tar") {
        return skip("gnu_tar_reads_what_was_packed", "GNU tar is not installed");
    }
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    root_filesystem(&path("root"));
    pack(&path("root"), &path("root.tar"), None).unwrap();
    fs::create_dir(path("out")).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--numeric-owner", "--preserve-permissions", "--xattrs", "--xattrs-include=*", "--file"]);
    let status = tar.arg(path("root.tar")).arg("--directory").arg(path("out")).status().unwrap();
    assert!(status.success());
    assert_eq!(listing(&path("out")), listing(&path("root")));
    assert_eq!(hash(&path("out")), hash(&path("root")));
}

#[test]
fn names_that_a_layer_can_not_have_are_refused() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("tree")).unwrap();
    fs::write(place.path().join("tree/.wh.passwd"), "").unwrap();
    let message = pack(&place.path().join("tree"), &place.path().join("blob"), None).unwrap_err().to_string();
    assert!(message.contains(".wh.passwd"), "{message}");
}

/// Whatever steps do in an overlay, the packed layers unpack to what the overlay showed.
#[test]
fn an_overlay_comes_back_as_it_was_seen() {
    use nix::mount::{MsFlags, mount, umount};
    let name = "an_overlay_comes_back_as_it_was_seen";
    if !is_root() {
        return skip(name, "mounting an overlay takes root");
    }
    if let Err(error) = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS) {
        return skip(name, &format!("no mount namespace: {error}"));
    }
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
    for (userxattr, overlay) in [("", OverlayXattrs::Trusted), (",userxattr", OverlayXattrs::User)] {
        // Root of a user namespace has only the second kind.
        if overlay == OverlayXattrs::Trusted && OverlayXattrs::of_this_process() != overlay {
            skip(&format!("{name} (trusted attributes)"), "in a user namespace");
            continue;
        }
        let build = Build::new();
        for dir in ["work", "merged"] {
            fs::create_dir(build.path(dir)).unwrap();
        }
        fs::create_dir_all(build.path("base/opt/app/conf.d")).unwrap();
        fs::write(build.path("base/opt/app/conf.d/low"), "low").unwrap();
        let merged = build.path("merged");
        let options = format!(
            "lowerdir={},upperdir={},workdir={},redirect_dir=off,metacopy=off{userxattr}",
            build.path("base").display(),
            build.path("upper").display(),
            build.path("work").display()
        );
        // `redirect_dir` may not be named beside `userxattr`, which has it off.
        let options =
            if userxattr.is_empty() { options } else { options.replace(",redirect_dir=off,metacopy=off", "") };
        if let Err(error) = mount(Some("overlay"), &merged, Some("overlay"), MsFlags::empty(), Some(options.as_str())) {
            return skip(name, &format!("no overlay on this file system: {error}"));
        }
        fs::remove_file(merged.join("etc/shadow")).unwrap();
        fs::remove_dir_all(merged.join("opt/app")).unwrap();
        fs::create_dir(merged.join("opt/app")).unwrap();
        fs::write(merged.join("opt/app/high"), "high").unwrap();
        fs::remove_dir_all(merged.join("var/lib")).unwrap();
        symlink("/tmp", merged.join("var/lib")).unwrap();
        fs::write(merged.join("usr/bin/sh"), [&elf()[..], b"changed"].concat()).unwrap();
        fs::remove_file(merged.join("empty/x")).unwrap_err();
        fs::write(merged.join("empty/one"), "1").unwrap();
        fs::hard_link(merged.join("empty/one"), merged.join("empty/two")).unwrap();
        fs::rename(merged.join("usr/lib/long-link"), merged.join("usr/lib/renamed")).unwrap();
        std::os::unix::fs::chown(merged.join("tmp"), Some(5), Some(6)).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(merged.join("tmp/socket")).unwrap();
        drop(socket);
        fs::remove_file(merged.join("tmp/socket")).unwrap();
        age(&merged);
        let (seen, seen_hash) = (listing(&merged), hash(&merged));
        umount(&merged).unwrap();

        let (dir, upper, base) = (build.path("layout"), build.path("upper"), build.path("base"));
        let layer = LayoutLayer { upper: &upper, key: "img-0123456789abcdef", created_by: "test" };
        let layout = Layout {
            dir: &dir,
            version: "1.0.0".parse().unwrap(),
            arch: arch(),
            created: "2024-01-02T03:04:05Z",
            base: LayoutBase::Tree { base: &build.base, root: &base },
            layers: &[layer],
            tags: &Tags::new(),
            overlay,
        };
        let written = write(&layout, &BlobStore::open(&build.path("store")).unwrap(), &perform).unwrap();
        let tar = fs::read(&written.layers[1].path).unwrap();
        for mark in ["etc/.wh.shadow", "opt/app/.wh..wh..opq", "usr/lib/.wh.long-link"] {
            assert!(tar.windows(mark.len()).any(|w| w == mark.as_bytes()), "{mark} with {overlay:?}");
        }
        let again = build.read("layout:1.0.0");
        assert_eq!(listing(&again), seen, "{overlay:?}");
        assert_eq!(hash(&again), seen_hash, "{overlay:?}");
    }
}

#[test]
fn a_directory_whose_content_is_elsewhere_is_refused() {
    if OverlayXattrs::of_this_process() != OverlayXattrs::Trusted {
        return skip(
            "a_directory_whose_content_is_elsewhere_is_refused",
            "trusted attributes take root outside of user namespaces",
        );
    }
    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("tree");
    fs::create_dir_all(tree.join("moved")).unwrap();
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(tree.join("moved"), "trusted.overlay.redirect", b"from", flags).unwrap();
    let blob = place.path().join("blob");
    let message = pack(&tree, &blob, Some(OverlayXattrs::Trusted)).unwrap_err().to_string();
    assert!(message.contains("`moved`") && message.contains("redirect_dir=off"), "{message}");
}

#[test]
fn images_share_the_blobs_of_their_base_and_writing_again_changes_nothing() {
    let build = Build::new();
    fs::create_dir(build.path("upper/etc")).unwrap();
    fs::write(build.path("upper/etc/motd"), "one").unwrap();
    let one = build.write("one").unwrap();
    let two = build.write("two").unwrap();
    assert_eq!(one, two);
    assert_eq!(one.layers.len(), 2);
    let blob = |layout: &str| build.path(layout).join("blobs/sha256").join(one.layers[0].digest.as_str());
    // The store's name and one for each image.
    assert_eq!(fs::metadata(blob("one")).unwrap().nlink(), 3);
    assert_eq!(fs::metadata(blob("one")).unwrap().ino(), fs::metadata(blob("two")).unwrap().ino());
    let before = listing(&build.path("one"));
    build.write("one").unwrap();
    let names_only =
        |list: Vec<String>| list.iter().map(|l| l.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names_only(listing(&build.path("one"))), names_only(before));

    assert_eq!(BlobStore::prune(&build.path("store")).unwrap(), 0);
    fs::remove_dir_all(build.path("one")).unwrap();
    fs::remove_dir_all(build.path("two")).unwrap();
    let using = BlobStore::open(&build.path("store")).unwrap();
    assert_eq!(BlobStore::prune(&build.path("store")).unwrap(), 0, "someone uses it");
    drop(using);
    assert_eq!(BlobStore::prune(&build.path("store")).unwrap(), one.layers[0].size + one.layers[1].size);
    assert_eq!(names(&build.path("store/blobs")), [""; 0]);
    assert_eq!(names(&build.path("store/layers")), [""; 0]);
    assert_eq!(build.write("one").unwrap().manifest, one.manifest);
}

#[test]
fn a_blob_that_was_cut_short_is_packed_again() {
    let build = Build::new();
    let one = build.write("one").unwrap();
    fs::remove_dir_all(build.path("one")).unwrap();
    fs::File::options().write(true).open(&one.layers[0].path).unwrap().set_len(100).unwrap();
    let two = build.write("two").unwrap();
    assert_eq!(one, two);
    assert_eq!(Digest::of(fs::read(&two.layers[0].path).unwrap()), two.layers[0].digest);
}

#[test]
fn the_config_and_annotations_say_what_the_image_is() {
    let build = Build::new();
    let written = build.write("layout").unwrap();
    let read = |path: &Path| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap();
    let blob = |digest: &Value| read(&build.path("layout/blobs/sha256").join(&digest.as_str().unwrap()[7..]));
    let index = read(&build.path("layout/index.json"));
    let entry = &index["manifests"][0];
    assert_eq!(entry["digest"], format!("sha256:{}", written.manifest));
    assert_eq!(entry["platform"], json!({"architecture": architecture(), "os": "linux"}));
    assert_eq!(entry["annotations"]["org.opencontainers.image.ref.name"], "1.4.2");
    assert_eq!(entry["annotations"]["amifactory.recipe"], "web-tier");
    assert_eq!(entry["annotations"]["amifactory.base"], json!(build.base.id));
    let manifest = blob(&entry["digest"]);
    assert_eq!(manifest["layers"][0]["mediaType"], TAR);
    let config = blob(&manifest["config"]["digest"]);
    assert_eq!(config["config"]["Cmd"], json!(["/bin/sh"]));
    assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
    assert_eq!(config["history"].as_array().unwrap().len(), 2);

    // On this machine's own Linux there is only what the build changed, and it says so.
    let written = build.write_as("rehearsal", LayoutBase::Host(&build.base)).unwrap();
    assert_eq!(written.layers.len(), 1);
    let entry = &read(&build.path("rehearsal/index.json"))["manifests"][0];
    let note = entry["annotations"]["amifactory.rehearsal"].as_str().unwrap();
    assert!(note.contains("Debian GNU/Linux 12 (bookworm)"), "{note}");
}

#[test]
fn skopeo_reads_what_is_written_here_and_what_it_writes_is_read_here() {
    if !has("skopeo") {
        return skip("skopeo_reads_what_is_written_here_and_what_it_writes_is_read_here", "skopeo is not installed");
    }
    let build = Build::new();
    fs::create_dir(build.path("upper/etc")).unwrap();
    fs::write(build.path("upper/etc/motd"), "one").unwrap();
    let written = build.write("layout").unwrap();
    let skopeo = |args: &[&str]| {
        let output = Command::new("skopeo").args(["--insecure-policy"]).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let layout = format!("oci:{}:1.4.2", build.path("layout").display());
    let said: Value = serde_json::from_str(&skopeo(&["inspect", &layout])).unwrap();
    assert_eq!(said["Digest"], format!("sha256:{}", written.manifest));
    assert_eq!((&said["Architecture"], &said["Os"]), (&json!(architecture()), &json!("linux")));
    assert_eq!(said["Labels"]["amifactory.recipe"], "web-tier");
    assert_eq!(said["Layers"].as_array().unwrap().len(), 2);
    skopeo(&["copy", &layout, &format!("dir:{}", build.path("plain").display())]);
    assert!(build.path("plain/manifest.json").is_file());

    // Through another tool, zipped by it, and back.
    let zipped = format!("oci:{}:zipped", build.path("zipped").display());
    skopeo(&["copy", "--dest-compress-format", "gzip", "--dest-compress", &layout, &zipped]);
    let direct = build.read("layout:1.4.2");
    let through = build.read("zipped:zipped");
    assert_ne!(direct, through);
    assert_eq!(listing(&direct), listing(&through));
    assert_eq!(hash(&direct), hash(&through));
    assert_eq!(fs::read_to_string(direct.join("etc/motd")).unwrap(), "one");
    // But for the one new file, it is the base.
    fs::remove_file(direct.join("etc/motd")).unwrap();
    age(&direct);
    assert_eq!(listing(&direct), listing(&build.path("base")));
}
