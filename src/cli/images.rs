//! `images`: what there is.

use super::exit::{CliError, Exit};
use super::session::{Open, Session};
use crate::identity::{Channel, RecipeName};
use crate::pipeline::tags;
use crate::report::view::{self, ImageRow};
use crate::target::{Image, Pointer, Revocations, Slot, remind};
use clap::Args;
use std::collections::BTreeMap;

/// List images.
#[derive(Debug, Args)]
pub struct Images {
    /// Only this recipe's
    #[arg(value_name = "RECIPE")]
    recipe: Option<String>,
}

impl Images {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_look()?;
        open.reach().await?;
        let mut rows = all(&open).await?;
        rows.retain(|row| self.recipe.as_deref().is_none_or(|recipe| recipe == row.recipe.as_str()));
        if let Some(recipe) = self.recipe.as_deref().filter(|_| rows.is_empty()) {
            // Images outlive their recipe; a name that has neither is a mistake.
            open.recipe(recipe)?;
        }
        let images = view::Images { images: rows };
        session.result(&images, |style| view::images(&images, style))?;
        Ok(Exit::Done)
    }
}

/// All images, the newest of each recipe first.
pub async fn all(open: &Open) -> Result<Vec<ImageRow>, CliError> {
    let mut rows = Vec::new();
    let mut pointers = Pointers::default();
    for image in open.target.images().await? {
        rows.extend(row(open, &image, &mut pointers).await?);
    }
    rows.sort_by(|a, b| (&a.recipe, b.version).cmp(&(&b.recipe, a.version)));
    Ok(rows)
}

/// The pointers of each recipe, asked for once.
pub type Pointers = BTreeMap<RecipeName, (Vec<Pointer>, Revocations)>;

/// One image in a list; none where its tags don't say whose it is.
pub async fn row(open: &Open, image: &Image, known: &mut Pointers) -> Result<Option<ImageRow>, CliError> {
    let Some(owner) = tags::owner(&image.tags) else { return Ok(None) };
    if !known.contains_key(&owner.recipe) {
        let mut read = open.target.pointers_told_apart(&owner.recipe).await?;
        let marks = std::mem::take(&mut read.revocations);
        known.insert(owner.recipe.clone(), (read.or_last()?, marks));
    }
    let mut image = image.clone();
    let pointers = match known.get(&owner.recipe) {
        Some((pointers, marks)) => {
            // Its tags may not say it, and nobody may use it all the same.
            remind(std::slice::from_mut(&mut image), marks);
            pointers.as_slice()
        }
        None => &[],
    };
    let channels: Vec<Channel> = pointers
        .iter()
        .filter(|pointer| pointer.image == image.id)
        .filter_map(|pointer| match &pointer.name.slot {
            Slot::Channel(channel) => Some(channel.clone()),
            Slot::Version(_) => None,
        })
        .collect();
    // An image that is being made or removed has no record; it is there all the same.
    let arch = match tags::arch(&image.tags) {
        Some(arch) => Some(arch),
        None => open.target.record(&image.id).await.ok().map(|record| record.base.arch),
    };
    let state = match (image.available, tags::ImageState::of(&image.tags)) {
        (false, _) if image.is_disabled() => "disabled",
        (false, _) if image.failed.is_some() => "failed",
        (false, tags::ImageState::Published) => "damaged",
        (false, _) => "pending",
        (true, _) if tags::revoked(&image.tags).is_some() => "revoked",
        (true, tags::ImageState::Candidate) => "unverified",
        (true, _) => "verified",
    };
    Ok(Some(ImageRow {
        image: image.id.clone(),
        recipe: owner.recipe,
        version: owner.version,
        digest: owner.digest,
        arch,
        state: state.into(),
        created_at: image.created_at.clone(),
        target: tags::made_on(&image.tags, open.target.kind()),
        tags: image.tags.clone(),
        channels,
    }))
}
