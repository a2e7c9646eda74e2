//! Where in its file a recipe says something. What is right but unwise is found long after the file was read; the file
//! is looked at again for the line that it is about.

use crate::identity::{RecipeName, Slug};
use crate::source::{self, Diagnostics, Node, SourceFile, Span, Value};
use std::path::Path;
use std::sync::Arc;

/// A part of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `hardening:`
    Hardening,
    /// The control that one of its waivers names.
    Waiver(Slug),
    /// The last day of that waiver.
    Expiry(Slug),
}

impl Place {
    /// Its line and column in the recipe's file; the file's beginning where that has changed meanwhile.
    pub fn find(&self, factory_dir: &Path, recipe: &RecipeName) -> Span {
        let shown = format!("recipes/{recipe}.yaml");
        // Mistakes have been reported when the file was first read.
        let mut ignored = Diagnostics::new();
        let file = source::read(&factory_dir.join(&shown), &shown, &mut ignored);
        let root = file.as_ref().and_then(|file| source::parse(file, &mut ignored));
        let file = file.unwrap_or_else(|| Arc::new(SourceFile { path: shown, text: String::new() }));
        root.and_then(|root| self.within(&root)).unwrap_or_else(|| Span::start_of(&file))
    }

    fn within(&self, root: &Node) -> Option<Span> {
        let Value::Map(entries) = &root.value else { return None };
        let (key, hardening) = entries.iter().find(|(key, _)| key.text == "hardening")?;
        let waiver = |slug: &Slug| {
            let Value::List(waivers) = &get(hardening, "waivers")?.value else { return None };
            waivers.iter().find(|waiver| {
                let control = get(waiver, "control").map(|node| &node.value);
                matches!(control, Some(Value::Scalar { text, .. }) if text == slug.as_str())
            })
        };
        match self {
            Place::Hardening => Some(key.span.clone()),
            Place::Waiver(slug) => Some(get(waiver(slug)?, "control")?.span.clone()),
            Place::Expiry(slug) => Some(get(waiver(slug)?, "expires")?.span.clone()),
        }
    }
}

fn get<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let Value::Map(entries) = &node.value else { return None };
    entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
}
