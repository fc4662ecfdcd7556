//! The numbers that a commitment is made of: from a JSON, TOML or CSV file and from the command line, by name.

use super::decimal;
use eyre::WrapErr;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use vouch_circuits::plan::Plan;

/// Numbers as they were written, by name.
#[derive(Default)]
pub(super) struct Given(BTreeMap<String, String>);

impl Given {
    fn add(&mut self, name: String, number: String) -> eyre::Result<()> {
        eyre::ensure!(!self.0.contains_key(&name), "field {name}: given twice");
        self.0.insert(name, number);
        Ok(())
    }

    /// `NAME=NUMBER`.
    pub(super) fn set(&mut self, pair: &str) -> eyre::Result<()> {
        let (name, number) =
            pair.split_once('=').ok_or_else(|| eyre::eyre!("--set: expected NAME=NUMBER, got {pair:?}"))?;
        self.add(name.trim().to_owned(), number.trim().to_owned())
    }

    /// A file; what it is follows from its name. `row` counts from 1, of a CSV file alone.
    pub(super) fn file(&mut self, path: &Path, row: Option<usize>, plan: &Plan) -> eyre::Result<()> {
        let text = std::fs::read_to_string(path).wrap_err_with(|| format!("cannot read {}", path.display()))?;
        let kind = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        eyre::ensure!(row.is_none() || kind == "csv", "--row: expected a CSV file, got {}", path.display());
        match kind.as_str() {
            "csv" => self.csv(&text, row),
            "json" => self.value(serde_json::from_str(&text)?, plan),
            "toml" => self.value(serde_json::to_value(toml::from_str::<toml::Table>(&text)?)?, plan),
            _ => Err(eyre::eyre!("expected a file that ends in .json, .toml or .csv")),
        }
        .wrap_err_with(|| format!("{}", path.display()))
    }

    fn csv(&mut self, text: &str, row: Option<usize>) -> eyre::Result<()> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let header = reader.headers()?.clone();
        let rows = reader.records().collect::<Result<Vec<_>, _>>()?;
        let row = match (row, rows.len()) {
            (None, 1) => 1,
            (None, got) => eyre::bail!("expected one row below the names, got {got}; choose one with --row"),
            (Some(row), got) if !(1..=got).contains(&row) => eyre::bail!("--row: expected 1 to {got}, got {row}"),
            (Some(row), _) => row,
        };
        header.iter().zip(&rows[row - 1]).try_for_each(|(name, number)| self.add(name.into(), number.into()))
    }

    /// Numbers by name, a list by the name that a plan counts, or a list of all.
    fn value(&mut self, value: Value, plan: &Plan) -> eyre::Result<()> {
        match value {
            Value::Array(numbers) => {
                let (expected, got) = (plan.private_inputs.len(), numbers.len());
                eyre::ensure!(expected == got, "expected a list of {expected} numbers, got {got}");
                plan.private_inputs.iter().zip(numbers).try_for_each(|(input, number)| {
                    let text = number_text(&input.name, &number)?;
                    self.add(input.name.clone(), text)
                })
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::Array(numbers) => {
                            for (i, number) in numbers.iter().enumerate() {
                                let name = format!("{name}{i}");
                                let text = number_text(&name, number)?;
                                self.add(name, text)?;
                            }
                        }
                        number => {
                            let text = number_text(&name, &number)?;
                            self.add(name, text)?;
                        }
                    }
                }
                Ok(())
            }
            _ => Err(eyre::eyre!("expected numbers by name, or a list of them")),
        }
    }

    /// The fixed-point inputs of `plan`, in its order.
    pub(super) fn read(mut self, plan: &Plan) -> eyre::Result<Vec<i64>> {
        let names = || plan.private_inputs.iter().take(8).map(|i| i.name.as_str()).collect::<Vec<_>>().join(", ");
        let more = if plan.private_inputs.len() > 8 { ", …" } else { "" };
        let most = 1_i64 << (plan.private.bits - 1);
        let mut values = Vec::with_capacity(plan.private_inputs.len());
        for input in &plan.private_inputs {
            let name = &input.name;
            let text = self.0.remove(name);
            let text = text.ok_or_else(|| eyre::eyre!("field {name}: missing; the model takes {}{more}", names()))?;
            let value = decimal::fixed(&text, input.divisor).map_err(|why| eyre::eyre!("field {name}: {why}"))?;
            if !(-most..most).contains(&value) {
                let divided = if input.divisor == 1 { String::new() } else { format!(" divided by {}", input.divisor) };
                let (bits, bound) = (plan.private.bits, most as f64 / 65_536.0);
                eyre::bail!("field {name}: expected at most ±{bound} ({bits} bits), got {text}{divided}");
            }
            values.push(value);
        }
        if let Some(name) = self.0.keys().next() {
            eyre::bail!("field {name}: not a private input; the model takes {}{more}", names());
        }
        Ok(values)
    }
}

/// A JSON number as it was written, or a string.
fn number_text(name: &str, value: &Value) -> eyre::Result<String> {
    match value {
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) => Ok(text.trim().to_owned()),
        other => Err(eyre::eyre!("field {name}: expected a number, got {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    const PLAN: &str =
        r#"private = { bits = 30, inputs = [{ name = "income", decimals = 4 }, { name = "rent", unit = "percent" }] }"#;

    fn read(name: &str, text: &str, row: Option<usize>, set: &[&str], plan: &str) -> Result<Vec<i64>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        let plan = Plan::parse(plan).unwrap();
        let read = || {
            let mut given = Given::default();
            if !text.is_empty() {
                given.file(&path, row, &plan)?;
            }
            set.iter().try_for_each(|pair| given.set(pair))?;
            given.read(&plan)
        };
        read().map_err(|e| format!("{e:#}").replace(&format!("{}: ", path.display()), ""))
    }

    #[test_case("a.json", r#"{"rent": "30", "income": 54000}"#, &[]; "json")]
    #[test_case("a.json", "[54000.0, 30]", &[]; "list")]
    #[test_case("a.toml", "income = 54_000\nrent = 30.0", &[]; "toml")]
    #[test_case("a.csv", "rent, income\n30, 54000\n", &[]; "csv")]
    #[test_case("a.json", r#"{"rent": 30}"#, &["income=5.4e4"]; "file and command line")]
    #[test_case("a.json", "", &["income = 54000", "rent=30"]; "command line")]
    fn each_form_gives_the_same_numbers(name: &str, text: &str, set: &[&str]) {
        assert_eq!(read(name, text, None, set, PLAN), Ok(vec![353_894, 19_660]));
    }

    #[test]
    fn rows_and_counted_names() {
        let rows = "income,rent\n1,2\n54000,30\n";
        assert_eq!(read("a.csv", rows, Some(2), &[], PLAN), Ok(vec![353_894, 19_660]));
        let said = read("a.csv", rows, None, &[], PLAN).unwrap_err();
        assert_eq!(said, "expected one row below the names, got 2; choose one with --row");
        assert_eq!(read("a.csv", rows, Some(3), &[], PLAN).unwrap_err(), "--row: expected 1 to 2, got 3");
        let counted = r#"private = { name = "x", count = 3 }"#;
        assert_eq!(read("a.json", r#"{"x": [1, 2, 0.5]}"#, None, &[], counted), Ok(vec![65_536, 131_072, 32_768]));
        assert_eq!(read("a.csv", "x0,x1,x2\n1,2,0.5", None, &[], counted), Ok(vec![65_536, 131_072, 32_768]));
    }

    #[test_case(r#"{"income": 1}"#, &[], "field rent: missing; the model takes income, rent"; "missing")]
    #[test_case(r#"{"income": 1, "rent": 1, "age": 3}"#, &[], "field age: not a private input; the model takes income, rent"; "unknown")]
    #[test_case(r#"{"income": "much", "rent": 1}"#, &[], "field income: expected a decimal number of at most 40 digits, got \"much\""; "no number")]
    #[test_case(r#"{"income": null, "rent": 1}"#, &[], "field income: expected a number, got null"; "null")]
    #[test_case(r#"{"income": 81920000, "rent": 1}"#, &[], "field income: expected at most ±8192 (30 bits), got 81920000 divided by 10000"; "too large")]
    #[test_case(r#"{"income": 1, "rent": 1}"#, &["rent=2"], "field rent: given twice"; "twice")]
    #[test_case("", &["rent"], "--set: expected NAME=NUMBER, got \"rent\""; "no pair")]
    #[test_case("[1]", &[], "expected a list of 2 numbers, got 1"; "short list")]
    #[test_case("3", &[], "expected numbers by name, or a list of them"; "one number")]
    fn faults_name_the_field(text: &str, set: &[&str], expected: &str) {
        assert_eq!(read("a.json", text, None, set, PLAN).unwrap_err(), expected);
    }

    #[test]
    fn the_largest_numbers_are_taken() {
        let set = |income: &str| read("a.json", "", None, &[&format!("income={income}"), "rent=0"], PLAN);
        assert_eq!(set("81919999").map(|v| v[0]), Ok(536_870_905));
        assert_eq!(set("-81920000").map(|v| v[0]), Ok(-(1 << 29)));
        assert!(set("-81920001").is_err());
    }
}
