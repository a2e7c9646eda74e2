//! How several builds ended, side by side.

use crate::pipeline::{BuildResult, Outcome};
use crate::report::table::Table;
use crate::report::{Style, duration, visible, wording};

/// One row per build, in the order given.
pub fn builds(results: &[BuildResult], style: Style) -> String {
    let mut table = Table::new(&["RECIPE", "VERSION", "OUTCOME", "SCORE", "TIME", "IMAGE"]).right(&[3, 4]).gives_way(5);
    for result in results {
        let outcome = result.outcome.as_str();
        let outcome = match result.outcome {
            Outcome::Built => style.green(outcome),
            Outcome::UpToDate => style.dim(outcome),
            Outcome::Failed | Outcome::Refused => style.red(outcome),
        };
        let image = match (&result.image, &result.failure) {
            (_, Some(failure)) => visible::line(&failure.what).into_owned(),
            (Some(image), None) => image.to_string(),
            (None, None) => "-".to_owned(),
        };
        table.row(vec![
            result.recipe.to_string(),
            result.version.map_or_else(|| "-".to_owned(), |version| version.to_string()),
            outcome,
            result.score.map_or_else(|| "-".to_owned(), |score| wording::score(Some(score))),
            duration::seconds(result.duration_s),
            image,
        ]);
    }
    table.render(style)
}
