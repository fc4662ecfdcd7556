//! The rows of an audit: a CSV file, read the same way by who proves and who verifies.

use super::AuditError;
use alloy::primitives::{B256, keccak256};
use std::collections::BTreeSet;
use vouch_circuits::fixed;
use vouch_circuits::model::Model;
use vouch_circuits::score::audit::{Row, Rule};

/// The smallest file that an audit may be of.
pub const MIN_ROWS: usize = 256;
/// The largest, a day's work for a small model.
pub const MAX_ROWS: usize = 1 << 20;

/// Rows and labels as integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// Of all bytes of the file.
    pub keccak: B256,
    /// In the order of the file; all count.
    pub rows: Vec<Row>,
}

impl Data {
    /// Reads `text`: its header names each of `features` (in any order, other columns are left alone) and `label`. Features become
    /// integers with 16 fraction bits, rounded and saturated as everywhere; labels are whole numbers.
    ///
    /// # Errors
    /// [`AuditError::Data`] with the column or the row, counted from 1 behind the header.
    pub fn parse(text: &str, features: &[String], label: &str) -> Result<Self, AuditError> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|e| AuditError::Data(e.to_string()))?.clone();
        let place = |name: &str, what: &str| {
            let mut places = header.iter().enumerate().filter(|(_, column)| *column == name).map(|(i, _)| i);
            match (places.next(), places.next()) {
                (Some(place), None) => Ok(place),
                (Some(_), Some(_)) => Err(AuditError::Data(format!("column {name} is there twice"))),
                (None, _) => {
                    Err(AuditError::Data(format!("expected a column {name} ({what}), got {}", shown(&header))))
                }
            }
        };
        if features.iter().any(|feature| feature == label) {
            return Err(AuditError::Data(format!(
                "column {label} is a feature of the model: expected labels of their own"
            )));
        }
        let places = features.iter().map(|name| place(name, "a feature")).collect::<Result<Vec<_>, _>>()?;
        let label = place(label, "the label")?;
        let mut rows = Vec::new();
        for (i, record) in reader.records().enumerate() {
            let record = record.map_err(|e| AuditError::Data(e.to_string()))?;
            if rows.len() == MAX_ROWS {
                return Err(AuditError::Data(format!("expected at most {MAX_ROWS} rows, got more")));
            }
            let number = |place: usize| {
                let field = record.get(place).unwrap_or_default();
                field.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(|| {
                    AuditError::Data(format!(
                        "row {}, column {}: expected a number, got {field:?}",
                        i + 1,
                        &header[place]
                    ))
                })
            };
            let inputs = places.iter().map(|place| Ok(fixed::from_real(number(*place)?))).collect::<Result<_, _>>()?;
            let label = number(label)?;
            if label.fract() != 0.0 || label.abs() > 2_f64.powi(32) {
                return Err(AuditError::Data(format!("row {}: expected a whole number as label, got {label}", i + 1)));
            }
            rows.push(Row { inputs, label: label as i64, counts: true });
        }
        if rows.len() < MIN_ROWS {
            return Err(AuditError::Data(format!("expected at least {MIN_ROWS} rows, got {}", rows.len())));
        }
        Ok(Self { keccak: keccak256(text), rows })
    }

    /// Rows that differ from each other, label included.
    pub fn distinct(&self) -> usize {
        self.rows.iter().map(|row| (&row.inputs, row.label)).collect::<BTreeSet<_>>().len()
    }

    /// The rule that fits labels and outputs: 0 and 1 are compared with a threshold (of two outputs the second says how likely 1 is, else the first),
    /// other labels with one output as a number, or with the place of the largest of several.
    ///
    /// # Errors
    /// [`AuditError::Data`] if a threshold is given where none is asked, or is no number of the circuit.
    pub fn rule(&self, outputs: usize, threshold: Option<f64>) -> Result<Rule, AuditError> {
        let binary = self.rows.iter().all(|row| row.label == 0 || row.label == 1);
        match threshold {
            None if !binary => Ok(if outputs == 1 { Rule::Nearest } else { Rule::Largest }),
            Some(_) if !binary => {
                Err(AuditError::Data("a threshold is for labels 0 and 1: this file has other labels".into()))
            }
            Some(at) if !at.is_finite() || at.abs() > fixed::to_real(fixed::FEATURE_MAX) => {
                Err(AuditError::Data(format!("expected a threshold within ±2^36, got {at}")))
            }
            at => Ok(Rule::Threshold { output: usize::from(outputs == 2), at: fixed::from_real(at.unwrap_or(0.5)) }),
        }
    }

    /// Checks that `model` takes each row, and `rule` each label.
    ///
    /// # Errors
    /// [`AuditError::Data`] with the row.
    pub fn check(&self, model: &Model, rule: Rule) -> Result<(), AuditError> {
        let outputs = model.outputs.len();
        if !rule.fits(outputs) {
            return Err(AuditError::Data(format!("{rule:?} is no rule for a model of {outputs} outputs")));
        }
        for (i, row) in self.rows.iter().enumerate() {
            model.check_inputs(&row.inputs).map_err(|e| AuditError::Data(format!("row {}: {e}", i + 1)))?;
            if !rule.takes(outputs, row.label) {
                let detail = format!("row {}: label {} is none for {rule:?} and {outputs} outputs", i + 1, row.label);
                return Err(AuditError::Data(detail));
            }
        }
        Ok(())
    }
}

/// The first names of a header.
fn shown(header: &csv::StringRecord) -> String {
    let names: Vec<&str> = header.iter().take(8).collect();
    let more = if header.len() > names.len() { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;
    use vouch_circuits::fixed::ONE;

    fn parse(text: &str) -> Result<Data, AuditError> {
        Data::parse(text, &["a".into(), "b".into()], "late")
    }

    fn file(header: &str, row: &str) -> String {
        format!("{header}\n{}", format!("{row}\n").repeat(MIN_ROWS))
    }

    #[test]
    fn columns_are_found_by_name() {
        let data = parse(&file("id,b,late,a", "7, 0.5, 1, -2")).unwrap();
        assert_eq!(data.rows.len(), MIN_ROWS);
        assert_eq!(data.rows[9], Row { inputs: vec![-2 * ONE, ONE / 2], label: 1, counts: true });
        assert_eq!(data.distinct(), 1);
        let again = parse(&file("id,b,late,a", "8, 0.5, 1, -2")).unwrap();
        assert_ne!(data.keccak, again.keccak);
        assert_eq!(data.rows, again.rows);
    }

    #[test_case("a,b", "1,2", "expected a column late (the label), got a, b"; "no label")]
    #[test_case("b,late", "1,1", "expected a column a (a feature), got b, late"; "no feature")]
    #[test_case("a,b,late,a", "1,1,1,1", "column a is there twice"; "twice")]
    #[test_case("a,b,late", "1,x,1", "row 1, column b: expected a number, got \"x\""; "text")]
    #[test_case("a,b,late", "1,inf,1", "row 1, column b: expected a number, got \"inf\""; "infinite")]
    #[test_case("a,b,late", "1,2,0.5", "row 1: expected a whole number as label, got 0.5"; "half a label")]
    fn refuses(header: &str, row: &str, message: &str) {
        assert_eq!(parse(&file(header, row)).unwrap_err().to_string(), format!("data: {message}"));
    }

    #[test]
    fn few_rows_are_refused() {
        let text = file("a,b,late", "1,2,1");
        let (short, _) = text.trim_end().rsplit_once('\n').unwrap();
        assert_eq!(parse(short).unwrap_err().to_string(), "data: expected at least 256 rows, got 255");
    }

    #[test]
    fn the_rule_follows_labels_and_outputs() {
        let of = |label: &str| parse(&file("a,b,late", &format!("1,2,{label}"))).unwrap();
        let at = |output, at| Rule::Threshold { output, at };
        assert_eq!(of("1").rule(1, None).unwrap(), at(0, ONE / 2));
        assert_eq!(of("0").rule(2, Some(0.25)).unwrap(), at(1, ONE / 4));
        assert_eq!(of("7").rule(1, None).unwrap(), Rule::Nearest);
        assert_eq!(of("7").rule(10, None).unwrap(), Rule::Largest);
        let said = of("7").rule(10, Some(0.5)).unwrap_err().to_string();
        assert_eq!(said, "data: a threshold is for labels 0 and 1: this file has other labels");
        assert!(of("1").rule(1, Some(f64::NAN)).is_err());
    }
}
