//! The package list as a CycloneDX 1.6 document. Same image, same bytes.

use crate::identity::{Digest, ImageId, OsFamily};
use crate::target::{ImageRecord, Package};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The whole file.
pub fn cyclonedx(image: &ImageId, record: &ImageRecord) -> String {
    let distro = Distro::of(record);
    // By reference: the format wants components that differ, and package managers may list one twice.
    let components: BTreeMap<String, Value> =
        record.packages.iter().map(|package| component(package, &distro)).collect();
    let references: Vec<&String> = components.keys().collect();
    let own = format!("image:{image}");
    let mut metadata = json!({
        "lifecycles": [{"phase": "post-build"}],
        "tools": {"components": [{"type": "application", "name": "amifactory", "version": record.provenance.tool}]},
        "component": {
            "type": "operating-system",
            "bom-ref": own,
            "name": record.recipe,
            "version": record.version,
            "description": record.description,
            "properties": properties(image, record),
        },
    });
    if !record.provenance.finished_at.is_empty() {
        metadata["timestamp"] = json!(record.provenance.finished_at);
    }
    let document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial(image, &record.digest),
        "version": 1,
        "metadata": metadata,
        "dependencies": [{"ref": own, "dependsOn": references}],
        "components": components.values().collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

/// What the image is beside its packages. The digest is the plan's, not a hash of the image's bytes, so it is a
/// property and not a `hashes` entry.
fn properties(image: &ImageId, record: &ImageRecord) -> Value {
    let mut pairs = vec![
        ("image", image.to_string()),
        ("digest", record.digest.to_string()),
        ("build", record.build.to_string()),
        ("target", record.target.to_string()),
        ("arch", record.base.arch.to_string()),
        ("base", record.base.id.clone()),
        ("os", record.base.os_name.clone()),
    ];
    pairs.extend(record.profile.iter().map(|profile| ("profile", profile.clone())));
    pairs.extend(record.score.map(|score| ("score", format!("{score:.1}"))));
    pairs.extend(record.groups.iter().map(|group| ("group", format!("{} {}", group.name, group.version))));
    pairs.into_iter().map(|(name, value)| json!({"name": format!("amifactory:{name}"), "value": value})).collect()
}

/// A UUID (version 8, made of a hash) that is the same whenever it is made for the same image.
fn serial(image: &ImageId, digest: &Digest) -> String {
    let hash = Digest::of(format!("cyclonedx {image} {digest}"));
    let hex = hash.as_str();
    // The 17th digit carries the variant in its upper two bits: 8, 9, a or b.
    let variant = ["8", "9", "a", "b"][hex.as_bytes()[16] as usize % 4];
    format!("urn:uuid:{}-{}-8{}-{variant}{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

/// The namespace and the `distro` qualifier of package URLs.
struct Distro {
    namespace: &'static str,
    qualifier: Option<String>,
}

impl Distro {
    fn of(record: &ImageRecord) -> Distro {
        match record.base.family {
            OsFamily::AmazonLinux2023 => Distro { namespace: "amzn", qualifier: Some("amzn-2023".to_owned()) },
            OsFamily::Debian12 => Distro { namespace: "debian", qualifier: Some("debian-12".to_owned()) },
            OsFamily::Ubuntu => {
                // "Ubuntu 24.04.1 LTS": releases are named by their first two numbers.
                let release = record.base.os_name.split_whitespace().find_map(|word| {
                    let mut numbers = word.split('.');
                    let (year, month) = (numbers.next()?, numbers.next()?);
                    let digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
                    (digits(year) && digits(month)).then(|| format!("ubuntu-{year}.{month}"))
                });
                Distro { namespace: "ubuntu", qualifier: release }
            }
        }
    }
}

fn component(package: &Package, distro: &Distro) -> (String, Value) {
    let purl = purl(package, distro);
    let value = json!({
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
    });
    (purl, value)
}

/// The package URL. An rpm's epoch is a qualifier, a deb's is part of its version.
fn purl(package: &Package, distro: &Distro) -> String {
    let (kind, namespace) = match package.kind.as_str() {
        kind @ ("deb" | "rpm") => (kind, format!("{}/", distro.namespace)),
        _ => ("generic", String::new()),
    };
    let (epoch, version) = match package.version.split_once(':') {
        Some((epoch, rest)) if kind == "rpm" => (Some(epoch).filter(|e| *e != "(none)" && *e != "0"), rest),
        _ => (None, package.version.as_str()),
    };
    let mut qualifiers = Vec::new();
    if !package.arch.is_empty() && kind != "generic" {
        qualifiers.push(format!("arch={}", encode(&package.arch)));
    }
    if let Some(distro) = distro.qualifier.as_ref().filter(|_| kind != "generic") {
        qualifiers.push(format!("distro={}", encode(distro)));
    }
    qualifiers.extend(epoch.map(|epoch| format!("epoch={}", encode(epoch))));
    let name = encode(&package.name);
    let qualifiers = if qualifiers.is_empty() { String::new() } else { format!("?{}", qualifiers.join("&")) };
    format!("pkg:{kind}/{namespace}{name}@{}{qualifiers}", encode(version))
}

/// Percent-encoding as package URLs want it: letters, digits and `.-_~:` stay.
fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => out.push(byte as char),
            other => out.push_str(&format!("%{other:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(kind: &str, name: &str, version: &str, arch: &str) -> Package {
        Package { name: name.into(), version: version.into(), arch: arch.into(), kind: kind.into() }
    }

    #[test]
    fn package_urls_keep_epochs_where_they_belong_and_encode_the_rest() {
        let debian = Distro { namespace: "debian", qualifier: Some("debian-12".into()) };
        let amazon = Distro { namespace: "amzn", qualifier: Some("amzn-2023".into()) };
        assert_eq!(
            purl(&package("deb", "libstdc++6", "1:2.3+dfsg~rc1-4", "amd64"), &debian),
            "pkg:deb/debian/libstdc%2B%2B6@1:2.3%2Bdfsg~rc1-4?arch=amd64&distro=debian-12"
        );
        assert_eq!(
            purl(&package("rpm", "openssl", "1:3.0.8-1.amzn2023.0.19", "x86_64"), &amazon),
            "pkg:rpm/amzn/openssl@3.0.8-1.amzn2023.0.19?arch=x86_64&distro=amzn-2023&epoch=1"
        );
        assert_eq!(
            purl(&package("rpm", "bash", "(none):5.2.15-1", "x86_64"), &amazon),
            "pkg:rpm/amzn/bash@5.2.15-1?arch=x86_64&distro=amzn-2023"
        );
        assert_eq!(purl(&package("pip", "a b/../c", "1?x#y", ""), &debian), "pkg:generic/a%20b%2F..%2Fc@1%3Fx%23y");
    }

    #[test]
    fn serials_are_uuids_and_differ_by_image() {
        let digest = Digest::of("plan");
        let [a, b] = ["img-00000001", "img-00000002"].map(|id| serial(&id.parse().unwrap(), &digest));
        assert_ne!(a, b);
        assert_eq!(a, serial(&"img-00000001".parse().unwrap(), &digest));
        let uuid = a.strip_prefix("urn:uuid:").unwrap();
        assert_eq!(uuid.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'8');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]));
    }
}
