//! Prometheus' text format (version 0.0.4), and the metrics that `serve` adds to those of the fleet.

mod factory;

pub use factory::all;

use std::collections::BTreeMap;
use std::fmt::Write;

/// The labels of a series, in order.
pub type Labels = Vec<(&'static str, String)>;

/// A metric's name and what it is.
pub type Name = (&'static str, &'static str);

/// Writes a gauge with all its series.
pub fn gauge(text: &mut String, (name, help): Name, series: &BTreeMap<Labels, f64>) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    for (labels, value) in series {
        let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

/// A count as a figure: exact up to 2⁵³.
pub fn figure(count: u64) -> f64 {
    count as f64
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_labels_value_ends_where_it_ends() {
        assert_eq!(escaped("a\"} 1\nb\\"), "a\\\"} 1\\nb\\\\");
    }

    #[test]
    fn figures_are_written_plainly() {
        let mut text = String::new();
        let series: BTreeMap<Labels, f64> =
            [(vec![("of", "whole".into())], 1_795_219_200.0), (vec![("of", "part".into())], 0.25)].into();
        gauge(&mut text, ("a", "b."), &series);
        assert_eq!(text, "# HELP a b.\n# TYPE a gauge\na{of=\"part\"} 0.25\na{of=\"whole\"} 1795219200\n");
    }
}
