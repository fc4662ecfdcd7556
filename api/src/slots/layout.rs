//! solc's storage layout: the variables of a contract and the types they are made of.
//!
//! Read from the bare layout, from a forge artifact (`storageLayout`), or from the output of `solc --standard-json` (also
//! inside a build-info file), where a contract is chosen by name.
//!
//! Source: Solidity documentation, "Layout of State Variables in Storage", section "JSON Output".

use alloy::primitives::U256;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use std::collections::BTreeMap;
use thiserror::Error;

/// Why a file gives no layout. Recoverable: ask solc for `storageLayout`, or choose a contract.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LayoutError {
    /// The text is not JSON, or a part of the layout does not have the form that solc gives it.
    #[error("layout does not parse: {0}")]
    Parse(String),
    /// JSON without a layout.
    #[error(
        "no storage layout: expected solc's storageLayout, a forge artifact with it (extra_output = [\"storageLayout\"]) or the \
         output of solc --standard-json with it, got an object with {got}"
    )]
    NoLayout {
        /// Names in the object.
        got: String,
    },
    /// Which contract of several?
    #[error("contract: expected one of {expected}, got {got}")]
    Contract {
        /// The contracts that have a layout.
        expected: String,
        /// What was asked for.
        got: String,
    },
}

/// The variables of one contract.
#[derive(Clone, Debug, Deserialize)]
pub struct Layout {
    /// Variables in the order of declaration, inherited ones first.
    pub storage: Vec<Variable>,
    /// Types by their id; solc writes `null` for a contract without variables.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub types: BTreeMap<String, Type>,
}

/// A variable of a contract or a member of a struct.
#[derive(Clone, Debug, Deserialize)]
pub struct Variable {
    /// Its name.
    pub label: String,
    /// `file:contract`.
    #[serde(default)]
    pub contract: String,
    /// Bytes from the low end of its slot, at most 31.
    #[serde(deserialize_with = "byte_of_a_word")]
    pub offset: usize,
    /// Slot, for a member counted from the start of its struct.
    #[serde(deserialize_with = "decimal")]
    pub slot: U256,
    /// Id of its type.
    #[serde(rename = "type")]
    pub type_id: String,
}

/// How the value of a type is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// One after the other: values, structs, arrays of fixed length.
    Inplace,
    /// Under keccak(key ‖ slot).
    Mapping,
    /// Length in the slot, elements from keccak(slot) on.
    DynamicArray,
    /// `bytes` and `string`: short ones with their length in the slot, long ones from keccak(slot) on.
    Bytes,
}

/// A type.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Type {
    /// How it is stored.
    pub encoding: Encoding,
    /// Its name in Solidity.
    pub label: String,
    /// Bytes of a value; whole slots for structs and arrays.
    #[serde(deserialize_with = "decimal")]
    pub number_of_bytes: U256,
    /// Element of an array.
    pub base: Option<String>,
    /// Key of a mapping.
    pub key: Option<String>,
    /// Value of a mapping.
    pub value: Option<String>,
    /// Members of a struct.
    pub members: Option<Vec<Variable>>,
}

impl Type {
    /// Elements of an array of fixed length: the last bracket of `uint8[2][3]`.
    pub fn length(&self) -> Option<U256> {
        let digits = self.label.strip_suffix(']')?.rsplit('[').next()?;
        U256::from_str_radix(digits, 10).ok().filter(|_| !digits.is_empty())
    }
}

impl Layout {
    /// Reads a layout; `contract` is `Name` or `file:Name`, needed where the file has several.
    ///
    /// # Errors
    /// [`LayoutError`], which says what was looked for and what was there.
    pub fn read(text: &str, contract: Option<&str>) -> Result<Self, LayoutError> {
        let value: Value = serde_json::from_str(text).map_err(parse)?;
        let root = value.get("output").filter(|output| output.get("contracts").is_some()).unwrap_or(&value);
        if root.get("storage").is_some() {
            return one(root);
        }
        if let Some(layout) = root.get("storageLayout") {
            return one(layout);
        }
        let files = root.get("contracts").and_then(Value::as_object).ok_or_else(|| no_layout(root))?;
        let mut known = Vec::new();
        for (file, contracts) in files {
            for (name, entry) in contracts.as_object().into_iter().flatten() {
                if let Some(layout) = entry.get("storageLayout") {
                    known.push((format!("{file}:{name}"), name, layout));
                }
            }
        }
        if known.is_empty() {
            return Err(no_layout(root));
        }
        let is_wanted = |full: &str, name: &str| match contract {
            Some(wanted) => wanted == full || wanted == name,
            None => true,
        };
        let mut found = known.iter().filter(|(full, name, _)| is_wanted(full, name));
        match (found.next(), found.next()) {
            (Some((_, _, layout)), None) => one(layout),
            (first, _) => Err(LayoutError::Contract {
                expected: known.iter().map(|(full, _, _)| full.as_str()).collect::<Vec<_>>().join(", "),
                got: match (contract, first) {
                    (None, _) => "none: choose with --contract".into(),
                    (Some(name), None) => name.into(),
                    (Some(name), Some(_)) => format!("{name}, which several files have"),
                },
            }),
        }
    }

    /// The type with this id.
    ///
    /// # Errors
    /// [`LayoutError::Parse`] if the layout does not define it.
    pub fn get(&self, id: &str) -> Result<&Type, LayoutError> {
        self.types.get(id).ok_or_else(|| LayoutError::Parse(format!("type {id} is used but not defined")))
    }
}

fn one(layout: &Value) -> Result<Layout, LayoutError> {
    Layout::deserialize(layout).map_err(parse)
}

fn parse(error: serde_json::Error) -> LayoutError {
    LayoutError::Parse(error.to_string())
}

fn no_layout(value: &Value) -> LayoutError {
    let names = value.as_object().map(|object| object.keys().cloned().collect::<Vec<_>>().join(", "));
    LayoutError::NoLayout { got: names.filter(|names| !names.is_empty()).unwrap_or("nothing".into()) }
}

fn byte_of_a_word<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    let offset = usize::deserialize(from)?;
    if offset < 32 { Ok(offset) } else { Err(D::Error::custom(format!("expected an offset below 32, got {offset}"))) }
}

fn decimal<'de, D: Deserializer<'de>>(from: D) -> Result<U256, D::Error> {
    let text = String::deserialize(from)?;
    let number = U256::from_str_radix(&text, 10).ok().filter(|_| !text.is_empty());
    number.ok_or_else(|| D::Error::custom(format!("expected a decimal number below 2^256, got {text:?}")))
}

fn null_is_empty<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Type>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
