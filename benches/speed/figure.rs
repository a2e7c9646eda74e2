//! Figures, and the table that they are printed in.

use std::fmt;

/// Measurements of one thing.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<f64>);

/// One row: what was measured, beside what it is measured against.
pub struct Figure {
    what: String,
    measured: String,
    reference: String,
    ratio: String,
    aim: String,
}

/// What the ratio should be.
pub enum Aim {
    AtMost(f64),
    /// For orientation only.
    None,
}

/// All figures, and what could not be run.
#[derive(Default)]
pub struct Table {
    figures: Vec<Figure>,
    not_run: Vec<(String, String)>,
}

/// What samples are counted in.
#[derive(Clone, Copy)]
pub enum Unit {
    Seconds,
    Bytes,
}

impl Samples {
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[n / 2],
            n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
        }
    }

    /// Of each pair of samples that were taken one after the other.
    fn ratios(&self, to: &Samples) -> Samples {
        Samples(self.0.iter().zip(&to.0).map(|(a, b)| a / b).collect())
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    fn spread(&self) -> (f64, f64) {
        let sorted = self.sorted();
        (sorted.first().copied().unwrap_or(f64::NAN), sorted.last().copied().unwrap_or(f64::NAN))
    }

    fn show(&self, unit: Unit) -> String {
        let (low, high) = self.spread();
        format!("{} ({}–{})", unit.show(self.median()), unit.show(low), unit.show(high))
    }
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Unit::Seconds if value >= 1.0 => format!("{value:.2} s"),
            Unit::Seconds => format!("{:.1} ms", value * 1000.0),
            Unit::Bytes => format!("{:.1} MB", value / 1e6),
        }
    }
}

impl Figure {
    /// Beside something that was measured in turn with it.
    pub fn beside(what: impl Into<String>, measured: &Samples, named: &str, reference: &Samples, aim: Aim) -> Figure {
        let ratios = measured.ratios(reference);
        let ratio = measured.median() / reference.median();
        let (low, high) = ratios.spread();
        Figure {
            what: what.into(),
            measured: measured.show(Unit::Seconds),
            reference: format!("{} {named}", reference.show(Unit::Seconds)),
            ratio: format!("{ratio:.2} ({low:.2}–{high:.2})"),
            aim: aim.show(ratio),
        }
    }

    /// Beside a bound that was set.
    pub fn bounded(what: impl Into<String>, measured: &Samples, bound: f64, unit: Unit) -> Figure {
        let ratio = measured.median() / bound;
        Figure {
            what: what.into(),
            measured: measured.show(unit),
            reference: format!("{} bound", unit.show(bound)),
            ratio: format!("{ratio:.2}"),
            aim: Aim::AtMost(1.0).show(ratio),
        }
    }
}

impl Aim {
    fn show(&self, ratio: f64) -> String {
        match self {
            Aim::AtMost(most) if ratio <= *most => format!("≤ {most:.2} met"),
            Aim::AtMost(most) => format!("≤ {most:.2} MISSED"),
            Aim::None => "-".to_owned(),
        }
    }
}

impl Table {
    pub fn extend(&mut self, figures: Vec<Figure>) {
        self.figures.extend(figures);
    }

    pub fn not_run(&mut self, what: &str, why: &str) {
        self.not_run.push((what.to_owned(), why.to_owned()));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["figure", "measured", "reference", "ratio", "aim"].map(str::to_owned);
        let rows = self.figures.iter().map(|figure| {
            [&figure.what, &figure.measured, &figure.reference, &figure.ratio, &figure.aim].map(Clone::clone)
        });
        let rows: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..5).map(width).collect();
        for row in &rows {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            writeln!(f, "{}", cells.join(" | ").trim_end())?;
        }
        writeln!(f, "Medians, with the lowest and highest in parentheses.")?;
        for (what, why) in &self.not_run {
            writeln!(f, "NOT RUN  {what}: {why}")?;
        }
        Ok(())
    }
}
