//! `vouch model add --above`, `--below`: the entry `disclose` of a plan from the command line.

/// The plan with the threshold of the command line, if there is one, as its first entry.
///
/// # Errors
/// If the plan has one already.
pub fn add(plan: String, above: Option<f64>, below: Option<f64>) -> eyre::Result<String> {
    let (side, number) = match (above, below) {
        (Some(number), _) => ("above", number),
        (None, Some(number)) => ("below", number),
        (None, None) => return Ok(plan),
    };
    let has_one = toml::from_str::<toml::Table>(&plan).is_ok_and(|table| table.contains_key("disclose"));
    eyre::ensure!(!has_one, "the plan has an entry disclose: expected it there or on the command line, got both");
    Ok(format!("disclose = {{ {side} = {number:?} }}\n{plan}"))
}

#[cfg(test)]
mod tests {
    use super::add;

    #[test]
    fn a_threshold_of_the_command_line_is_an_entry_of_the_plan() {
        let plan = "private = { name = \"x\", count = 1 }";
        let of = |above, below| add(plan.into(), above, below).unwrap();
        let read = |text: &str| vouch_circuits::plan::Plan::parse(text).unwrap().disclose.map(|d| (d.above, d.bound));
        assert_eq!(of(None, None), plan);
        assert_eq!(read(&of(Some(0.5), None)), Some((true, 32_768)));
        assert_eq!(read(&of(None, Some(-2.0))), Some((false, -131_072)));
        let said = add(of(Some(1.0), None), None, Some(1.0)).unwrap_err().to_string();
        assert_eq!(said, "the plan has an entry disclose: expected it there or on the command line, got both");
    }
}
