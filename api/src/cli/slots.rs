//! `vouch slots`: where a Solidity variable lies, and the line of a plan that reads it.

use super::report::Report;
use crate::slots::key::Key;
use crate::slots::place::short;
use crate::slots::source;
use crate::slots::{Layout, Place};
use alloy::primitives::Address;
use clap::Args;
use eyre::WrapErr;
use serde_json::json;
use std::path::PathBuf;

/// What to look for, and in which layout.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  vouch slots --layout out/Market.sol/Market.json 'positions[subject].collateral'\n  solc --standard-json < \
    input.json > out.json; vouch slots --layout out.json --contract Market 'rates[3]'\n\nforge writes the layout with extra_output = \
    [\"storageLayout\"]. A key is an integer, an address, 0x and hex digits, or subject."
)]
pub struct SlotsArgs {
    /// File with solc's storageLayout: bare, in a forge artifact, or in the output of solc --standard-json.
    #[arg(long)]
    layout: PathBuf,
    /// The contract, Name or file:Name, where the file has several.
    #[arg(long)]
    contract: Option<String>,
    /// Address of the contract, for the line of the plan.
    #[arg(long)]
    address: Option<Address>,
    /// An address to put in the place of subject, to see the slot.
    #[arg(long)]
    subject: Option<Address>,
    /// What to find, like positions[subject].collateral.
    expression: String,
}

/// Finds it.
pub fn run(args: SlotsArgs, report: Report) -> eyre::Result<()> {
    let text = std::fs::read_to_string(&args.layout);
    let text = text.wrap_err_with(|| format!("cannot read {}", args.layout.display()))?;
    let layout =
        Layout::read(&text, args.contract.as_deref()).wrap_err_with(|| format!("layout {}", args.layout.display()))?;
    let place = Place::find(&layout, &args.expression)?;
    let slot = place.slot(args.subject);
    let source = source::line(&place, args.address);
    let keys: Vec<String> = place.keys().into_iter().map(key).collect();
    let body = json!({
        "expression": place.expression, "contract": place.contract, "type": place.type_label, "signed": place.is_signed,
        "base_slot": short(place.base.into()), "keys": keys, "formula": place.formula(), "slot": slot,
        "bits": [place.low, place.high], "source": source.as_ref().ok(), "not_in_plan": source.as_ref().err().map(|e| &e.why),
    });
    report.result(&body, || {
        let keys = if keys.is_empty() { "none".into() } else { keys.join(", ") };
        let slot =
            slot.map_or("known when the subject is; see it with --subject 0x…".into(), |slot| slot.to_string());
        let mut lines = vec![
            place.expression.clone(),
            format!("  type       {}", place.type_label),
            format!("  base slot  {}", short(place.base.into())),
            format!("  keys       {keys}"),
            format!("  formula    {}", place.formula()),
            format!("  slot       {slot}"),
            format!("  bits       {}..{}", place.low, place.high),
        ];
        match &source {
            Ok(line) => lines.push(line.clone()),
            Err(error) => lines.push(error.to_string()),
        }
        if source.is_ok() && place.is_signed {
            lines.push(format!(
                "a plan reads these bits as a number without sign: a negative {} is a large one",
                place.type_label
            ));
        }
        lines.join("\n")
    })
}

fn key(key: Key) -> String {
    match key {
        Key::Subject => "subject".into(),
        Key::Word(word) => short(word),
    }
}
