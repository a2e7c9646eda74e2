//! Which hosts a base's own package manager is configured for.

use super::HostPort;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;

/// No configuration file is larger.
const FILE_BYTES: u64 = 1 << 20;

/// The hosts and ports of the apt and dnf repositories in a stack of layers, bottom to top; the topmost version of
/// each file counts. Names that hold an unknown variable are left out.
pub fn repository_hosts(layers: &[PathBuf]) -> Vec<HostPort> {
    let layers = Layers::open(layers);
    let mut urls = Vec::new();
    let mut sources = layers.files("etc/apt/sources.list.d");
    sources.extend(layers.read("etc/apt/sources.list").map(|text| ("sources.list".to_owned(), text)));
    for (name, text) in sources {
        if name.ends_with(".sources") {
            urls.extend(deb822_urls(&text));
        } else if name.ends_with(".list") {
            urls.extend(one_line_urls(&text));
        }
    }
    let mut variables = BTreeMap::new();
    for folder in ["etc/yum/vars", "etc/dnf/vars"] {
        variables.extend(layers.files(folder).into_iter().map(|(name, text)| (name, text.trim().to_owned())));
    }
    for (name, text) in layers.files("etc/yum.repos.d") {
        if name.ends_with(".repo") {
            urls.extend(repo_urls(&text, &variables));
        }
    }
    let found: BTreeSet<HostPort> = urls.iter().filter_map(|url| destination(url)).collect();
    found.into_iter().collect()
}

/// A stack of layers, top first, read without ever following a link out of a layer.
struct Layers(Vec<OwnedFd>);

impl Layers {
    fn open(paths: &[PathBuf]) -> Layers {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = |path: &PathBuf| rustix::fs::open(path, flags, Mode::empty()).ok();
        Layers(paths.iter().rev().filter_map(open).collect())
    }

    fn open_in(layer: &OwnedFd, path: &str, flags: OFlags) -> Option<File> {
        let flags = flags | OFlags::CLOEXEC;
        openat2(layer, path, flags, Mode::empty(), ResolveFlags::IN_ROOT).ok().map(File::from)
    }

    /// The topmost file of a path.
    fn read(&self, path: &str) -> Option<String> {
        self.0.iter().find_map(|layer| {
            let found = Self::open_in(layer, path, OFlags::PATH | OFlags::NOFOLLOW)?;
            Some(if is_whiteout(&found) { None } else { read_in(layer, path) })
        })?
    }

    /// The files of a folder, by name, each from the topmost layer that has it.
    fn files(&self, folder: &str) -> Vec<(String, String)> {
        let mut found: BTreeMap<String, Option<String>> = BTreeMap::new();
        for layer in &self.0 {
            let Some(opened) = Self::open_in(layer, folder, OFlags::PATH) else { continue };
            if is_whiteout(&opened) {
                break;
            }
            let Some(opened) = Self::open_in(layer, folder, OFlags::RDONLY | OFlags::DIRECTORY) else { continue };
            for name in names(&opened) {
                let path = format!("{folder}/{name}");
                let hidden =
                    Self::open_in(layer, &path, OFlags::PATH | OFlags::NOFOLLOW).is_none_or(|f| is_whiteout(&f));
                found.entry(name).or_insert_with(|| if hidden { None } else { read_in(layer, &path) });
            }
            if is_opaque(&opened) {
                break;
            }
        }
        found.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
    }
}

fn read_in(layer: &OwnedFd, path: &str) -> Option<String> {
    let file = Layers::open_in(layer, path, OFlags::RDONLY | OFlags::NONBLOCK)?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn names(folder: &File) -> Vec<String> {
    let entries = rustix::fs::Dir::read_from(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned))
        .filter(|n| !n.starts_with('.'))
        .collect()
}

fn is_whiteout(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.file_type().is_char_device() && metadata.rdev() == 0)
}

fn is_opaque(folder: &File) -> bool {
    ["trusted.overlay.opaque", "user.overlay.opaque"].iter().any(|name| {
        let mut value = [0; 8];
        rustix::fs::fgetxattr(folder, *name, &mut value[..]).is_ok_and(|length| value[..length] == *b"y")
    })
}

/// `deb [options] URL suite components`.
fn one_line_urls(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines
        .filter_map(|line| {
            let rest = line.strip_prefix("deb-src").or_else(|| line.strip_prefix("deb"))?;
            let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
            let rest = match rest.strip_prefix('[') {
                Some(options) => options.split_once(']')?.1.trim_start(),
                None => rest,
            };
            rest.split_whitespace().next().map(str::to_owned)
        })
        .collect()
}

/// Paragraphs with `URIs:`; those that say `Enabled: no` don't count.
fn deb822_urls(text: &str) -> Vec<String> {
    let mut urls = Vec::new();
    for paragraph in paragraphs(text) {
        let mut fields: BTreeMap<String, String> = BTreeMap::new();
        let mut last = String::new();
        for line in paragraph {
            if line.starts_with([' ', '\t']) {
                fields.entry(last.clone()).or_default().push_str(line);
            } else if let Some((name, value)) = line.split_once(':') {
                last = name.trim().to_ascii_lowercase();
                fields.insert(last.clone(), value.to_owned());
            }
        }
        let enabled = fields.get("enabled").is_none_or(|value| !value.trim().eq_ignore_ascii_case("no"));
        if enabled {
            urls.extend(fields.get("uris").into_iter().flat_map(|value| value.split_whitespace()).map(str::to_owned));
        }
    }
    urls
}

fn paragraphs(text: &str) -> Vec<Vec<&str>> {
    let mut all = vec![Vec::new()];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match (line.trim().is_empty(), all.last_mut()) {
            (false, Some(last)) => last.push(line),
            _ => all.push(Vec::new()),
        }
    }
    all
}

/// `baseurl`, `mirrorlist` and `metalink` of the sections that are enabled. A base URL may go on over indented lines.
fn repo_urls(text: &str, variables: &BTreeMap<String, String>) -> Vec<String> {
    let mut urls = Vec::new();
    let mut section = Vec::new();
    let mut enabled = true;
    let mut key = String::new();
    for line in text.lines().chain(["[end]"]) {
        let line_trimmed = line.trim();
        if line_trimmed.starts_with(['#', ';']) {
            continue;
        }
        if line_trimmed.starts_with('[') {
            if enabled {
                urls.append(&mut section);
            }
            section.clear();
            enabled = true;
            continue;
        }
        let value = match line.split_once('=') {
            Some((name, value)) if !line.starts_with([' ', '\t']) => {
                key = name.trim().to_ascii_lowercase();
                value.trim()
            }
            _ => line_trimmed,
        };
        match key.as_str() {
            "enabled" => enabled = !matches!(value, "0" | "false" | "no"),
            "baseurl" | "mirrorlist" | "metalink" => {
                let parts = value.split([' ', '\t', ',']).filter(|part| !part.is_empty());
                section.extend(parts.map(|part| expand(part, variables)));
            }
            _ => {}
        }
    }
    urls
}

/// Fills in `$name` and `${name}` where the value is known.
fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    // Longer names first: $awsregion must not be taken for $aws.
    let mut names: Vec<_> = variables.keys().collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names.into_iter().fold(text.to_owned(), |text, name| {
        text.replace(&format!("${{{name}}}"), &variables[name]).replace(&format!("${name}"), &variables[name])
    })
}

/// The host and port of a URL. None for other schemes and for names that are not fully known.
fn destination(url: &str) -> Option<HostPort> {
    let (scheme, rest) = url.split_once("://")?;
    let port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let authority = rest.split('/').next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if authority.is_empty() || authority.contains(['$', '%', '{']) {
        return None;
    }
    authority.parse().ok().or_else(|| format!("{authority}:{port}").parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn hosts_of(root: &Path) -> Vec<String> {
        repository_hosts(&[root.to_owned()]).iter().map(HostPort::to_string).collect()
    }

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn apt_s_sources_are_read_in_both_forms() {
        let root = tempfile::tempdir().unwrap();
        put(
            root.path(),
            "etc/apt/sources.list",
            "# deb http://no.example x\ndeb [arch=amd64 a=b] https://a.example:8443/d s m\n",
        );
        put(
            root.path(),
            "etc/apt/sources.list.d/x.list",
            "deb-src\thttp://b.example/debian suite main # tail\ndebug http://no.example\n",
        );
        put(
            root.path(),
            "etc/apt/sources.list.d/y.sources",
            "Types: deb\nURIs: http://c.example/debian\n https://d.example/\nSuites: s\n\nEnabled: no\nURIs: http://no.example\n",
        );
        put(root.path(), "etc/apt/sources.list.d/z.bak", "deb http://no.example s m\n");
        assert_eq!(hosts_of(root.path()), ["a.example:8443", "b.example:80", "c.example:80", "d.example:443"]);
    }

    #[test]
    fn dnf_s_variables_are_filled_in_from_the_base() {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), "etc/dnf/vars/awsregion", "eu-central-1\n");
        put(root.path(), "etc/dnf/vars/awsdomain", "amazonaws.com\n");
        put(
            root.path(),
            "etc/yum.repos.d/a.repo",
            "[core]\nmirrorlist=https://repos-$awsregion-x.s3.$awsregion.$awsdomain/core/$releasever/$basearch/list\n\
             [off]\nbaseurl=http://no.example\nenabled=0\n[unknown]\nbaseurl=http://$nobody.example/\n\
             [more]\nbaseurl=http://m.example/$basearch\n  http://n.example/\n",
        );
        assert_eq!(
            hosts_of(root.path()),
            ["m.example:80", "n.example:80", "repos-eu-central-1-x.s3.eu-central-1.amazonaws.com:443"]
        );
    }

    #[test]
    fn the_topmost_file_counts_and_links_stay_inside_their_layer() {
        let (low, high) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        put(low.path(), "etc/apt/sources.list", "deb http://low.example s m\n");
        put(low.path(), "etc/apt/sources.list.d/kept.list", "deb http://kept.example s m\n");
        put(high.path(), "etc/apt/sources.list", "deb http://high.example s m\n");
        put(high.path(), "outside.list", "deb http://outside.example s m\n");
        fs::create_dir_all(high.path().join("etc/apt/sources.list.d")).unwrap();
        let link = high.path().join("etc/apt/sources.list.d/link.list");
        std::os::unix::fs::symlink(high.path().join("outside.list"), link).unwrap();
        let found = repository_hosts(&[low.path().to_owned(), high.path().to_owned()]);
        let found: Vec<_> = found.iter().map(HostPort::to_string).collect();
        assert_eq!(found, ["high.example:80", "kept.example:80"]);
    }
}
