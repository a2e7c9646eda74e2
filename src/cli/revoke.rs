//! `revoke`: an image that must not be used any more.

use super::distribute;
use super::exit::{CliError, Exit};
use super::promote::parse_what;
use super::session::{Open, Session};
use crate::identity::Arch;
use crate::release::revoke::Revoked;
use crate::release::revoke_places::{NotUsed, Reached};
use crate::release::{revoke, revoke_places, way_out};
use crate::report::view::{self, Revocation};
use crate::rollout::still::{self, Marked};
use crate::target::Use;
use clap::Args;

/// Mark an image, and all images built on it, as not to be used.
#[derive(Debug, Args)]
pub struct Revoke {
    /// Which
    #[arg(value_name = "RECIPE@VERSION")]
    what: String,
    /// Why; whoever is refused reads it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// For which architecture, where the recipe has several
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,
}

impl Revoke {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_release()?;
        let (recipe, version) = parse_what(&self.what)?;
        let recipe = open.released(recipe).await?;
        let Some(version) = version else {
            return Err(CliError::Usage(format!(
                "which version of {recipe}?\n  name it: amifactory revoke {recipe}@VERSION --reason TEXT; amifactory images {recipe} lists them"
            )));
        };
        let revoked = revoke::revoke(&*open.target, &recipe, version, self.arch, &self.reason).await?;
        let said = open.factory.retention.as_ref();
        let not_used = said.map(|said| NotUsed { services: said.not_used_here.clone(), by: said.not_used_by.clone() });
        let not_used = not_used.unwrap_or_default();
        // Who speaks from another region marks and sees what is there alone.
        let look = async {
            match distribute::places(&open).ok().flatten() {
                Some(places) => revoke_places::everywhere(&places, &open.factory.channels, &revoked, &not_used).await,
                None => revoke_places::at_home(&*open.target, &revoked, &not_used).await,
            }
        };
        let what = format!("revoke: {recipe} {version} is marked; who uses it");
        let reached = session.looking(what, &*open.target, look).await;
        let whole = reached.is_complete()
            && revoked.iter().all(|revoked| revoked.forgettable.is_none() && revoked.moving.is_empty());
        let exit = if whole { Exit::Done } else { Exit::Partly };
        let there: Vec<_> =
            reached.channels.iter().map(|named| (named.recipe.clone(), named.arch, named.channel.clone())).collect();
        let ways = way_out::after_revoke(&*open.target, &open.factory.channels, &revoked, &there).await;
        // First what is under way at this moment.
        let ways: Vec<String> = turned_round(&open, &revoked, &reached).await.into_iter().chain(ways).collect();
        let shown = Revocation::of(revoked, reached, ways);
        session.result(&shown, |style| view::revocation(&shown, style))?;
        Ok(exit)
    }
}

/// The commands that turn round the refreshes which bring any of them to groups of the factory's own account. What can't be
/// read stays told as a use.
async fn turned_round(open: &Open, revoked: &[Revoked], reached: &Reached) -> Vec<String> {
    let home = open.target.region();
    let mut commands = Vec::new();
    for used in reached.uses.iter().filter(|used| used.kind == Use::REFRESH) {
        let Some((_, group)) = used.id.split_once("autoScalingGroupName/") else { continue };
        let of = reached.copies.iter().find(|copy| copy.image == used.image).map_or(&used.image, |copy| &copy.of);
        let Some(of) = revoked.iter().find(|revoked| revoked.image == *of) else { continue };
        let region = Some(&used.place.region).filter(|region| Some(*region) != home.as_ref());
        let there = match (&used.place.account, region) {
            (Some(_), _) => continue,
            (None, None) => None,
            (None, Some(region)) => match open.target.place(region, None) {
                Ok(there) => Some(there),
                Err(_) => continue,
            },
        };
        let marked = Marked { recipe: &of.recipe, version: of.version, image: &used.image, region };
        commands.extend(still::turned_round(there.as_deref().unwrap_or(&*open.target), group, marked).await);
    }
    commands
}
