//! Writes a local image as an OCI image layout: the base as one layer, then a layer per build.

use super::blobs::{BlobStore, LayerBlob, private_dir, write_file};
use super::spec::{
    CONFIG, Config, Descriptor, Execution, History, INDEX, Index, LAYER, MANIFEST, Manifest, Platform, REF_NAME,
    RootFs, architecture, digest_text,
};
use crate::identity::{Arch, Digest, Version};
use crate::target::local::tree::{FileFailure, LayeredView, OverlayXattrs, Runner};
use crate::target::{ResolvedBase, Tags, TargetError};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An image to write as a layout.
#[derive(Debug, Clone)]
pub struct Layout<'a> {
    /// The folder; made where it does not exist. It is whole once it has its `index.json`, which is written last.
    pub dir: &'a Path,
    /// The tag that other tools find the image under.
    pub version: Version,
    /// What it runs on.
    pub arch: Arch,
    /// When it was made, RFC 3339, UTC.
    pub created: &'a str,
    /// What is underneath.
    pub base: LayoutBase<'a>,
    /// One per build, the lowest first.
    pub layers: &'a [LayoutLayer<'a>],
    /// The image's tags, kept as annotations.
    pub tags: &'a Tags,
    /// How the builds' overlays mark what they hide.
    pub overlay: OverlayXattrs,
}

/// What the build layers lie on.
#[derive(Debug, Clone)]
pub enum LayoutBase<'a> {
    /// A whole root filesystem: it becomes the lowest layer.
    Tree {
        /// Its id is the key of that layer.
        base: &'a ResolvedBase,
        /// Where it is unpacked.
        root: &'a Path,
    },
    /// The machine that it was built on: no layer, only an annotation that says which OS that was.
    Host(&'a ResolvedBase),
}

/// What one build changed.
#[derive(Debug, Clone)]
pub struct LayoutLayer<'a> {
    /// The upper directory that the build left.
    pub upper: &'a Path,
    /// Unique for the content: the id of the image whose build it was.
    pub key: &'a str,
    /// For the image's history: `amifactory build cis-base 1.0.3`.
    pub created_by: &'a str,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Digest of the manifest.
    pub manifest: Digest,
    /// The layers, the lowest first.
    pub layers: Vec<LayerBlob>,
}

/// Writes the layout. Doing it again is harmless and gives the same bytes.
pub fn write(layout: &Layout<'_>, store: &BlobStore, run: Runner<'_>) -> Result<Written, TargetError> {
    written(layout, store, run).map_err(|failure| failure.of_stored(layout.dir))
}

fn written(layout: &Layout<'_>, store: &BlobStore, run: Runner<'_>) -> Result<Written, FileFailure> {
    let blobs = layout.dir.join("blobs/sha256");
    private_dir(&blobs)?;
    let mut layers = Vec::new();
    let mut history = Vec::new();
    if let LayoutBase::Tree { base, root } = &layout.base {
        layers.push(store.layer(&base.id, root, None, run)?);
        history.push(format!("base {}", base.id));
    }
    for layer in layout.layers {
        layers.push(store.layer(layer.key, layer.upper, Some(layout.overlay), run)?);
        history.push(layer.created_by.to_owned());
    }
    for layer in &layers {
        link(&layer.path, &blobs.join(layer.digest.as_str()))?;
    }
    let annotations = annotations(layout);
    let created = Some(layout.created.to_owned());
    let config = Config {
        created: created.clone(),
        architecture: architecture(layout.arch).to_owned(),
        os: "linux".to_owned(),
        config: Execution {
            env: Some(vec![PATH.to_owned()]),
            cmd: Some(vec![command(layout)?.to_owned()]),
            labels: Some(annotations.clone()),
        },
        rootfs: RootFs {
            kind: "layers".to_owned(),
            diff_ids: layers.iter().map(|layer| digest_text(&layer.digest)).collect(),
        },
        history: history
            .into_iter()
            .map(|by| History { created: created.clone(), created_by: Some(by), empty_layer: false })
            .collect(),
    };
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST.to_owned(),
        config: put(&blobs, CONFIG, &config)?,
        layers: layers.iter().map(|layer| descriptor(LAYER, &layer.digest, layer.size)).collect(),
        annotations: annotations.clone(),
    };
    let mut entry = put(&blobs, MANIFEST, &manifest)?;
    let digest = Digest::of(json(&manifest)?);
    entry.platform = Some(Platform { architecture: config.architecture, os: config.os });
    entry.annotations = annotations;
    entry.annotations.insert(REF_NAME.to_owned(), layout.version.to_string());
    let index = Index { schema_version: 2, media_type: INDEX.to_owned(), manifests: vec![entry] };
    write_file(&layout.dir.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    write_file(&layout.dir.join("index.json"), &json(&index)?)?;
    Ok(Written { manifest: digest, layers })
}

/// The image's tags (`amifactory:recipe` becomes `amifactory.recipe`), and what every tool understands.
fn annotations(layout: &Layout<'_>) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> =
        layout.tags.iter().map(|(key, value)| (key.replace(':', "."), value.clone())).collect();
    let (LayoutBase::Tree { base, .. } | LayoutBase::Host(base)) = &layout.base;
    let mut set = |key: &str, value: &str| all.insert(key.to_owned(), value.to_owned());
    set("org.opencontainers.image.version", &layout.version.to_string());
    set("org.opencontainers.image.created", layout.created);
    if let Some(recipe) = layout.tags.get("amifactory:recipe") {
        set("org.opencontainers.image.title", recipe);
    }
    set("amifactory.base", &base.id);
    set("amifactory.base-os", &base.os_name);
    if matches!(layout.base, LayoutBase::Host(_)) {
        let note = format!(
            "built on the {} of the machine itself: these layers hold only what the build changed there",
            base.os_name
        );
        set("amifactory.rehearsal", &note);
    }
    all
}

/// What starts when the image is run.
fn command(layout: &Layout<'_>) -> Result<&'static str, FileFailure> {
    let lowest = match &layout.base {
        LayoutBase::Tree { root, .. } => root.to_path_buf(),
        LayoutBase::Host(_) => PathBuf::from("/"),
    };
    let mut trees = vec![lowest];
    trees.extend(layout.layers.iter().map(|layer| layer.upper.to_owned()));
    let view = LayeredView::new(&trees, layout.overlay)?;
    Ok(if view.exists("sbin/init")? { "/sbin/init" } else { "/bin/sh" })
}

fn descriptor(media_type: &str, digest: &Digest, size: u64) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: digest_text(digest),
        size,
        platform: None,
        annotations: BTreeMap::new(),
    }
}

fn put(blobs: &Path, media_type: &str, document: &impl Serialize) -> Result<Descriptor, FileFailure> {
    let bytes = json(document)?;
    let digest = Digest::of(&bytes);
    write_file(&blobs.join(digest.as_str()), &bytes)?;
    Ok(descriptor(media_type, &digest, bytes.len() as u64))
}

fn json(document: &impl Serialize) -> Result<Vec<u8>, FileFailure> {
    serde_json::to_vec(document).map_err(|e| FileFailure::io("writing an OCI document", std::io::Error::other(e)))
}

/// Gives a layer a name in this layout too; a copy where the store is on another file system or out of links.
fn link(from: &Path, to: &Path) -> Result<(), FileFailure> {
    match std::fs::hard_link(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if matches!(error.kind(), std::io::ErrorKind::CrossesDevices | std::io::ErrorKind::TooManyLinks) => {
            let partial = to.with_extension("partial");
            let copied = std::fs::copy(from, &partial).and_then(|_| std::fs::rename(&partial, to));
            copied.map_err(|e| FileFailure::io(format!("copying {} to {}", from.display(), to.display()), e))
        }
        other => other.map_err(|e| FileFailure::io(format!("linking {} to {}", from.display(), to.display()), e)),
    }
}
