//! Calibration rows: a CSV file with one column for each feature of the plan, and optionally a last column `label`.

use super::error::OnnxError;

/// Rows of features, with labels if the file has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibration {
    /// One row a sample, in the order of the plan's features.
    pub rows: Vec<Vec<f64>>,
    /// One a row, or none.
    pub labels: Vec<f64>,
}

impl Calibration {
    /// Reads `text`; its header must name `features` in order.
    ///
    /// # Errors
    /// [`OnnxError::Calibration`] with the line.
    pub fn parse(text: &str, features: &[&str]) -> Result<Self, OnnxError> {
        let refuse = |problem: String| OnnxError::Calibration(problem);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|e| refuse(e.to_string()))?.clone();
        let labelled = header.len() == features.len() + 1 && header.get(features.len()) == Some("label");
        for (i, feature) in features.iter().enumerate() {
            let got = header.get(i).unwrap_or("nothing");
            if got != *feature {
                return Err(refuse(format!("column {}: expected {feature}, got {got}", i + 1)));
            }
        }
        if header.len() != features.len() && !labelled {
            let got = header.len();
            return Err(refuse(format!("expected {} columns and perhaps label, got {got} columns", features.len())));
        }
        let mut calibration = Self::default();
        for (i, record) in reader.records().enumerate() {
            let record = record.map_err(|e| refuse(e.to_string()))?;
            let number = |field: &str| match field.parse::<f64>() {
                Ok(v) if v.is_finite() => Ok(v),
                _ => Err(refuse(format!("row {}: expected a number, got {field}", i + 1))),
            };
            let mut row = record.iter().map(number).collect::<Result<Vec<_>, _>>()?;
            if labelled {
                calibration.labels.extend(row.pop());
            }
            calibration.rows.push(row);
        }
        Ok(calibration)
    }
}
