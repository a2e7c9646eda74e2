//! XML as the query services write it.

/// An element: with text, or with children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Xml {
    name: String,
    text: String,
    children: Vec<Xml>,
}

/// `<name>text</name>`.
pub fn text(name: &str, text: impl ToString) -> Xml {
    Xml { name: name.to_owned(), text: text.to_string(), children: Vec::new() }
}

/// An element with children.
pub fn node(name: &str, children: Vec<Xml>) -> Xml {
    Xml { name: name.to_owned(), text: String::new(), children }
}

/// EC2's lists: `<nameSet><item>…</item></nameSet>`.
pub fn items(name: &str, items: impl IntoIterator<Item = Vec<Xml>>) -> Xml {
    node(name, items.into_iter().map(|children| node("item", children)).collect())
}

/// A list of plain texts.
pub fn text_items(name: &str, items: impl IntoIterator<Item = impl ToString>) -> Xml {
    node(name, items.into_iter().map(|item| text("item", item)).collect())
}

/// A whole document.
pub fn document(name: &str, namespace: Option<&str>, children: &[Xml]) -> Vec<u8> {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    match namespace {
        Some(namespace) => out.push_str(&format!("<{name} xmlns=\"{namespace}\">")),
        None => out.push_str(&format!("<{name}>")),
    }
    for child in children {
        write(child, &mut out);
    }
    out.push_str(&format!("</{name}>"));
    out.into_bytes()
}

fn write(xml: &Xml, out: &mut String) {
    if xml.text.is_empty() && xml.children.is_empty() {
        out.push_str(&format!("<{}/>", xml.name));
        return;
    }
    out.push_str(&format!("<{}>", xml.name));
    escape(&xml.text, out);
    for child in &xml.children {
        write(child, out);
    }
    out.push_str(&format!("</{}>", xml.name));
}

fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            // A reader turns a bare one into a line feed.
            '\r' => out.push_str("&#xD;"),
            // XML 1.0 has no way to write the other control characters at all.
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
}
