//! Reads OCI image layouts: from a tag to the verified manifest and the layers that it names.

use super::spec::{
    CONFIG, Config, DOCKER_INDEX, DOCKER_MANIFEST, Descriptor, INDEX, Index, LAYERS, MANIFEST, Manifest, REF_NAME,
    architecture,
};
use crate::identity::{Arch, Digest};
use crate::target::local::tree::{Blob, FileFailure};
use rustix::fs::{FileType, Mode, OFlags};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Indexes, manifests and configs are a few kilobytes.
const MAX_DOCUMENT: u64 = 4 << 20;
/// Indexes in indexes.
const MAX_NESTING: usize = 4;
/// As the kernel's overlay has; more than any image has.
const MAX_LAYERS: usize = 500;

/// An image found in a layout. Its manifest and config are verified; its layers are when they are unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredImage {
    /// Digest of the manifest.
    pub manifest: Digest,
    /// The layers, the lowest first.
    pub layers: Vec<Blob>,
}

/// Finds the image of this tag, or the only one, for an architecture.
pub fn find(layout: &Path, tag: Option<&str>, arch: Arch) -> Result<StoredImage, FileFailure> {
    let marker = layout.join("oci-layout");
    if !marker.exists() {
        return Err(FileFailure::refused(
            format!("{} is not an OCI image layout: it has no file `oci-layout`", layout.display()),
            "Make one with: skopeo copy docker://IMAGE oci:DIR:TAG",
        ));
    }
    let index: Index = parse(&read_document(&layout.join("index.json"), None)?, "index.json")?;
    let manifest = choose(layout, index, tag, arch)?;
    let (digest, document) = document(layout, &manifest)?;
    let manifest: Manifest = parse(&document, "the image's manifest")?;
    image(layout, digest, &manifest, arch)
}

fn image(layout: &Path, digest: Digest, manifest: &Manifest, arch: Arch) -> Result<StoredImage, FileFailure> {
    let (_, config) = document(layout, &manifest.config)?;
    let config: Config = parse(&config, "the image's config")?;
    if config.os != "linux" || config.architecture != architecture(arch) {
        return Err(FileFailure::refused(
            format!(
                "the image is for {}/{}, this machine is linux/{}",
                config.os,
                config.architecture,
                architecture(arch)
            ),
            "Fetch the image for this architecture, or build on a machine of the image's.",
        ));
    }
    if config.rootfs.diff_ids.len() != manifest.layers.len() || manifest.layers.len() > MAX_LAYERS {
        return Err(FileFailure::refused(
            format!(
                "its manifest has {} layers and its config {} (at most {MAX_LAYERS} are read)",
                manifest.layers.len(),
                config.rootfs.diff_ids.len()
            ),
            "The image is damaged. Fetch it again.",
        ));
    }
    let layers = manifest.layers.iter().zip(&config.rootfs.diff_ids).map(|(layer, diff_id)| {
        if !LAYERS.contains(&layer.media_type.as_str()) {
            return Err(FileFailure::refused(
                format!("layer {} is of an unknown media type `{}`", layer.digest, layer.media_type),
                "Layers are read as tar and tar.gz. Convert it with: skopeo copy --dest-compress-format gzip oci:OLD oci:NEW",
            ));
        }
        let digest = sha256(&layer.digest)?;
        let path = blob_path(layout, &digest);
        check_blob(&path, layer)?;
        Ok(Blob { path, digest, size: layer.size, diff_id: sha256(diff_id)? })
    });
    Ok(StoredImage { manifest: digest, layers: layers.collect::<Result<_, _>>()? })
}

/// From `index.json` to one manifest.
fn choose(layout: &Path, mut index: Index, tag: Option<&str>, arch: Arch) -> Result<Descriptor, FileFailure> {
    if let Some(tag) = tag {
        let tags: BTreeSet<String> =
            index.manifests.iter().filter_map(|m| m.annotations.get(REF_NAME).cloned()).collect();
        index.manifests.retain(|m| m.annotations.get(REF_NAME).is_some_and(|name| name == tag));
        if index.manifests.is_empty() {
            return Err(FileFailure::refused(
                format!("the layout has no tag `{tag}`"),
                if tags.is_empty() {
                    "It has no tags at all; leave the tag out.".to_owned()
                } else {
                    format!("It has: {}", tags.into_iter().collect::<Vec<_>>().join(", "))
                },
            ));
        }
    }
    for _ in 0..MAX_NESTING {
        let chosen = for_arch(&index.manifests, arch)?;
        match chosen.media_type.as_str() {
            MANIFEST | DOCKER_MANIFEST => return Ok(chosen),
            INDEX | DOCKER_INDEX => {
                let (_, document) = document(layout, &chosen)?;
                index = parse(&document, "an index in the layout")?;
            }
            other => {
                return Err(FileFailure::refused(
                    format!("{} is of an unknown media type `{other}`", chosen.digest),
                    format!("An image's manifest is `{MANIFEST}`."),
                ));
            }
        }
    }
    Err(FileFailure::refused("its indexes are nested without end", "The layout is damaged. Fetch the image again."))
}

/// The one manifest for this architecture. One that names no platform is taken where it is the only one.
fn for_arch(manifests: &[Descriptor], arch: Arch) -> Result<Descriptor, FileFailure> {
    let name = architecture(arch);
    let fits = |m: &&Descriptor| m.platform.as_ref().is_some_and(|p| p.os == "linux" && p.architecture == name);
    let mut candidates: Vec<&Descriptor> = manifests.iter().filter(fits).collect();
    if candidates.is_empty() {
        candidates = manifests.iter().filter(|m| m.platform.is_none()).collect();
    }
    // The same image under two tags is one image.
    candidates.dedup_by(|a, b| a.digest == b.digest);
    match candidates[..] {
        [one] => Ok(one.clone()),
        [] => {
            let there: BTreeSet<String> = manifests
                .iter()
                .filter_map(|m| m.platform.as_ref())
                .map(|p| format!("{}/{}", p.os, p.architecture))
                .collect();
            Err(FileFailure::refused(
                format!("the layout has no image for linux/{name}"),
                if there.is_empty() {
                    "It is empty. Make one with: skopeo copy docker://IMAGE oci:DIR:TAG".to_owned()
                } else {
                    format!("It has: {}", there.into_iter().collect::<Vec<_>>().join(", "))
                },
            ))
        }
        _ => {
            let tags: Vec<&str> =
                candidates.iter().filter_map(|m| m.annotations.get(REF_NAME)).map(String::as_str).collect();
            Err(FileFailure::refused(
                format!("the layout has {} images for linux/{name}", candidates.len()),
                format!("Say which one, as DIR:TAG. Tags: {}", tags.join(", ")),
            ))
        }
    }
}

fn sha256(text: &str) -> Result<Digest, FileFailure> {
    let digest = text.starts_with("sha256:").then(|| text.parse().ok()).flatten();
    digest.ok_or_else(|| {
        FileFailure::refused(format!("`{text}` is not a sha256 digest"), "Other algorithms are not read here.")
    })
}

fn blob_path(layout: &Path, digest: &Digest) -> PathBuf {
    layout.join("blobs/sha256").join(digest.as_str())
}

fn check_blob(path: &Path, descriptor: &Descriptor) -> Result<(), FileFailure> {
    let missing = || {
        FileFailure::refused(
            format!("blob {} is missing", descriptor.digest),
            "The layout is incomplete. Fetch the image again.",
        )
    };
    let found = std::fs::symlink_metadata(path).map_err(|_| missing())?;
    if found.is_file() && found.len() != descriptor.size {
        return Err(FileFailure::refused(
            format!("blob {} is {} bytes long; its manifest says {}", descriptor.digest, found.len(), descriptor.size),
            "The layout is damaged. Fetch the image again.",
        ));
    }
    if found.is_file() { Ok(()) } else { Err(missing()) }
}

/// Reads and verifies a blob that is a JSON document.
fn document(layout: &Path, descriptor: &Descriptor) -> Result<(Digest, Vec<u8>), FileFailure> {
    let digest = sha256(&descriptor.digest)?;
    let path = blob_path(layout, &digest);
    check_blob(&path, descriptor)?;
    let bytes = read_document(&path, Some(descriptor.size))?;
    let found = Digest::of(&bytes);
    if found != digest {
        return Err(FileFailure::refused(
            format!("blob sha256:{digest} is damaged: it is really sha256:{found}"),
            "Fetch the image again.",
        ));
    }
    Ok((digest, bytes))
}

fn read_document(path: &Path, size: Option<u64>) -> Result<Vec<u8>, FileFailure> {
    let failed = |e: std::io::Error| FileFailure::io(format!("reading {}", path.display()), e);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| failed(e.into()))?;
    let stat = rustix::fs::fstat(&file).map_err(|e| failed(e.into()))?;
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if !regular || size.unwrap_or(0) > MAX_DOCUMENT || u64::try_from(stat.st_size).is_ok_and(|n| n > MAX_DOCUMENT) {
        return Err(FileFailure::refused(
            format!("{} is not a JSON document of at most {MAX_DOCUMENT} bytes", path.display()),
            "The layout is damaged. Fetch the image again.",
        ));
    }
    let mut bytes = Vec::new();
    std::fs::File::from(file).take(MAX_DOCUMENT).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, FileFailure> {
    serde_json::from_slice(bytes).map_err(|e| {
        FileFailure::refused(
            format!("{what} can't be read: {e}"),
            format!("It is not what OCI describes (config: {CONFIG})."),
        )
    })
}
