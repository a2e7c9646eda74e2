//! Evidence as one self-contained page. It asks nothing of any server, works without scripts, and shows hostile text
//! as text: every value goes through one escape, and the content security policy allows this page's own style and
//! script, by hash, and nothing else.

mod fleet;
mod looks;
mod page;
mod served;

pub use fleet::{FleetPageError, fleet};
pub use served::{STYLE as SERVED_STYLE, ServedError, fleet_page, image_page, images_page, overview_page};

use super::visible;
use crate::identity::{Digest, ImageId};
use crate::target::ImageRecord;
use handlebars::{Handlebars, RenderError, html_escape};
use page::Page;
use time::Date;

const TEMPLATE: &str = include_str!("page.hbs");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page could not be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "the report of {image} can't be made: {source}\n  this is a mistake in amifactory; the same evidence is in the image's JSON record"
)]
pub struct HtmlError {
    image: ImageId,
    source: Box<RenderError>,
}

/// The whole page. `today` decides how long waivers still hold.
pub fn html(image: &ImageId, record: &ImageRecord, today: Date) -> Result<String, HtmlError> {
    let registry = registry();
    let page = Page::of(image, record, today, STYLE, SCRIPT, policy());
    registry
        .render_template(TEMPLATE, &page)
        .map_err(|source| HtmlError { image: image.clone(), source: Box::new(source) })
}

/// Every value is escaped in the one way.
fn registry() -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(|text| html_escape(&visible::block(text)));
    registry
}

/// The content security policy of [`html`]'s page.
pub fn policy() -> String {
    let [style, script] = [STYLE, SCRIPT].map(|text| base64(&hash(text)));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'"
    )
}

fn hash(text: &str) -> Vec<u8> {
    let hex = Digest::of(text);
    // A digest is pairs of hex digits.
    hex.as_str()
        .as_bytes()
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | nibble(*digit)))
        .collect()
}

fn nibble(digit: u8) -> u8 {
    if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0u32, |group, n| group << 8 | u32::from(chunk.get(n).copied().unwrap_or(0)));
        for n in 0..4 {
            let digit = ALPHABET[(group >> (18 - 6 * n)) as usize & 63] as char;
            text.push(if n <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_standard_one() {
        let of = |text: &str| base64(text.as_bytes());
        assert_eq!([of(""), of("f"), of("fo"), of("foo"), of("foob")], ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
        assert_eq!(base64(&hash("")), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }
}
