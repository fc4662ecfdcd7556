//! How far the integers are from the floats, and how good both are where the rows have labels.

use super::{Calibration, FloatModel, OnnxError};
use serde::{Deserialize, Serialize};
use vouch_circuits::{fixed, model::Model};

/// How far the integers are from the floats on the calibration rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Rows compared.
    pub rows: usize,
    /// Largest absolute difference of an output.
    pub max_abs_error: f64,
    /// Mean absolute difference.
    pub mean_abs_error: f64,
    /// Largest difference of an output as a share of the range of that output's floats on the rows; `None` if no output varies.
    pub max_relative_error: Option<f64>,
    /// Mean of the same over the rows and the outputs that vary.
    pub mean_relative_error: Option<f64>,
    /// Share of rows that are answered rightly: floats. If all labels are 0 or 1, the first output (of two, the second) is on the
    /// label's side of 1/2. Otherwise labels are classes: a single output is the nearest to it, of several its own is the largest.
    pub float_accuracy: Option<f64>,
    /// The same, integers.
    pub integer_accuracy: Option<f64>,
    /// Area under the ROC curve of the same output: floats.
    pub float_auc: Option<f64>,
    /// The same, integers.
    pub integer_auc: Option<f64>,
}

/// What errors should stay below, as a share of the range of the output.
pub const RELATIVE_AIM: f64 = 1e-3;

impl Report {
    /// What to say, and to do, about errors that are too large; `None` if they are not.
    pub fn warning(&self) -> Option<String> {
        let got = self.max_relative_error.filter(|error| *error > RELATIVE_AIM)?;
        Some(format!(
            "warning: integers and floats differ by {got:.1e} of the range of an output, expected at most {RELATIVE_AIM:.0e}; try --precision high, scale \
             the inputs to the order of one, or see `vouch model inspect` for the layer"
        ))
    }
}

/// Compares `float` and `model` on all rows.
pub(super) fn report(float: &FloatModel, model: &Model, calibration: &Calibration) -> Result<Report, OnnxError> {
    let mut report = Report { rows: calibration.rows.len(), ..Report::default() };
    let (mut floats, mut integers) = (Vec::new(), Vec::new());
    let (mut total, mut count) = (0.0, 0_usize);
    for row in &calibration.rows {
        let expected = float.run(row);
        let inputs: Vec<i64> = row.iter().map(|v| fixed::from_real(*v)).collect();
        let got: Vec<f64> = model.run(&inputs)?.into_iter().map(fixed::to_real).collect();
        for (a, b) in expected.iter().zip(&got) {
            report.max_abs_error = report.max_abs_error.max((a - b).abs());
            total += (a - b).abs();
            count += 1;
        }
        floats.push(expected);
        integers.push(got);
    }
    report.mean_abs_error = total / count.max(1) as f64;
    let relative = relative(&floats, &integers);
    report.max_relative_error = relative.iter().copied().reduce(f64::max);
    report.mean_relative_error =
        report.max_relative_error.map(|_| relative.iter().sum::<f64>() / relative.len() as f64);
    let labels = &calibration.labels;
    if !labels.is_empty() {
        report.float_accuracy = Some(accuracy(&floats, labels));
        report.integer_accuracy = Some(accuracy(&integers, labels));
        if are_two_classes(labels) {
            report.float_auc = auc(&positive(&floats), labels);
            report.integer_auc = auc(&positive(&integers), labels);
        }
    }
    Ok(report)
}

/// Differences as shares of the range of each output that varies.
fn relative(floats: &[Vec<f64>], integers: &[Vec<f64>]) -> Vec<f64> {
    let mut shares = Vec::new();
    for output in 0..floats.first().map_or(0, Vec::len) {
        let column = floats.iter().map(|row| row[output]);
        let (low, high) = column.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if high > low {
            shares.extend(floats.iter().zip(integers).map(|(a, b)| (a[output] - b[output]).abs() / (high - low)));
        }
    }
    shares
}

fn are_two_classes(labels: &[f64]) -> bool {
    labels.iter().all(|label| *label == 0.0 || *label == 1.0)
}

/// The output that says how likely the label 1 is: of two classes the second.
fn positive(outputs: &[Vec<f64>]) -> Vec<f64> {
    outputs.iter().filter_map(|row| row.get(usize::from(row.len() == 2)).copied()).collect()
}

fn accuracy(outputs: &[Vec<f64>], labels: &[f64]) -> f64 {
    let right = if are_two_classes(labels) {
        positive(outputs).iter().zip(labels).filter(|(s, l)| (**s >= 0.5) == (**l >= 0.5)).count()
    } else {
        outputs.iter().zip(labels).filter(|(row, label)| (class(row) - **label).abs() < 0.5).count()
    };
    right as f64 / labels.len() as f64
}

/// The class that `row` names: itself, or the place of its largest number, the first of equals.
fn class(row: &[f64]) -> f64 {
    if let [class] = row {
        return *class;
    }
    let best = row.iter().enumerate().rev().max_by(|a, b| a.1.total_cmp(b.1));
    best.map_or(f64::NAN, |(place, _)| place as f64)
}

/// The chance that a positive scores above a negative, ties counted half; `None` without both.
fn auc(scores: &[f64], labels: &[f64]) -> Option<f64> {
    let mut ranked: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().map(|l| *l >= 0.5)).collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut wins, mut below, mut positives) = (0.0, 0_usize, 0_usize);
    for ties in ranked.chunk_by(|a, b| a.0 == b.0) {
        let positive = ties.iter().filter(|(_, label)| *label).count();
        let negative = ties.len() - positive;
        wins += positive as f64 * (below as f64 + negative as f64 / 2.0);
        below += negative;
        positives += positive;
    }
    let pairs = positives * below;
    (pairs > 0).then(|| wins / pairs as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_give_the_share_of_pairs() {
        let labels = [0.0, 1.0, 0.0, 1.0, 1.0];
        assert_eq!(auc(&[0.1, 0.9, 0.2, 0.8, 0.7], &labels), Some(1.0));
        assert_eq!(auc(&[0.5; 5], &labels), Some(0.5));
        // pairs won: 0.9 twice, 0.3 once and a tie, 0.1 none and a tie
        assert_eq!(auc(&[0.1, 0.9, 0.3, 0.3, 0.1], &labels), Some(4.0 / 6.0));
        assert_eq!(auc(&[0.1], &[1.0]), None);
        assert_eq!(accuracy(&[vec![0.1], vec![0.9]], &[0.0, 0.0]), 0.5);
        assert_eq!(accuracy(&[vec![0.9, 0.1], vec![0.9, 0.1]], &[0.0, 1.0]), 0.5);
    }

    #[test]
    fn errors_are_shares_of_the_range_of_their_own_output() {
        let floats = [vec![0.0, 5.0, 100.0], vec![2.0, 5.0, 300.0]];
        let integers = [vec![0.001, 7.0, 100.0], vec![2.0, 5.0, 300.1]];
        let shares = relative(&floats, &integers);
        let expected = [0.0005, 0.0, 0.0, 0.0005];
        assert!(shares.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9) && shares.len() == 4, "{shares:?}");
        assert!(relative(&floats[..1], &integers[..1]).is_empty());
        let report = |error| Report { max_relative_error: error, ..Report::default() };
        assert_eq!((report(None).warning(), report(Some(1e-3)).warning()), (None, None));
        let said = report(Some(2e-3)).warning().unwrap();
        assert!(
            said.starts_with(
                "warning: integers and floats differ by 2.0e-3 of the range of an output, expected at most 1e-3;"
            ),
            "{said}"
        );
    }

    #[test]
    fn classes_are_rounded_or_the_largest() {
        let labels = [7.0, 2.0, 0.0, 1.0];
        assert_eq!(accuracy(&[vec![7.0], vec![1.6], vec![0.6], vec![1.0]], &labels), 0.75);
        let shares = [[0.1, 0.2, 0.7], [0.2, 0.1, 0.7], [0.5, 0.5, 0.0], [0.5, 0.5, 0.0]].map(Vec::from);
        assert_eq!(accuracy(&shares, &labels), 0.5);
        assert!(!are_two_classes(&labels) && are_two_classes(&[0.0, 1.0]));
    }
}
