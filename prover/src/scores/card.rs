//! What people want to know of a model before they rely on it: versions under one name, what it was made from, whether it is deprecated.

use crate::engine::{EngineError, ModelInfo, NewModel};
use alloy::primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// Longest text about a model, bytes.
pub const MAX_ABOUT_BYTES: usize = 64 << 10;

/// Longest entry of [`Training`], bytes.
pub const MAX_TRAINING_BYTES: usize = 4 << 10;

/// What a model was trained on, in the words of its author.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Where the rows are from: a data set with its address, a chain with contracts and blocks, a simulation with its script.
    pub source: String,
    /// From when to when, or the blocks.
    #[serde(default)]
    pub period: Option<String>,
    /// How many rows the weights were fitted to.
    #[serde(default)]
    pub rows: Option<u64>,
    /// Hash of the rows, with the name of the function: `sha256:…`, `keccak256:…`, a git or IPFS address.
    #[serde(default)]
    pub hash: Option<String>,
}

impl Training {
    /// Reads JSON, if `text` begins with a brace, or TOML.
    ///
    /// # Errors
    /// Which entry is unknown, missing, too long or of another type.
    pub fn parse(text: &str) -> Result<Self, String> {
        let read: Self = match text.trim_start().starts_with('{') {
            true => serde_json::from_str(text).map_err(|e| e.to_string())?,
            false => toml::from_str(text).map_err(|e| e.message().to_owned())?,
        };
        read.check()?;
        Ok(read)
    }

    fn check(&self) -> Result<(), String> {
        let texts = [("source", Some(&self.source)), ("period", self.period.as_ref()), ("hash", self.hash.as_ref())];
        for (name, text) in texts {
            let got = text.map_or(0, String::len);
            if got > MAX_TRAINING_BYTES {
                return Err(format!("training.{name}: expected at most {MAX_TRAINING_BYTES} bytes, got {got}"));
            }
        }
        match self.source.trim().is_empty() {
            true => Err("training.source: expected where the rows are from, got nothing".into()),
            false => Ok(()),
        }
    }
}

/// Kept beside the ids. Nothing of it is proven: it is what the author said, and hashes of the files he gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// 1 for the first model of its name on this node; each further model id of that name is one more.
    pub version: u32,
    /// Seconds since 1970.
    pub added_at: u64,
    /// What the author says: purpose, limits; Markdown.
    pub about: Option<String>,
    /// What the author says it was trained on.
    #[serde(default)]
    pub training: Option<Training>,
    /// Keccak of the ONNX file; of private weights it would confirm guesses, so it is left out.
    pub onnx_keccak: Option<B256>,
    /// Keccak of the calibration rows.
    pub rows_keccak: Option<B256>,
    /// Why it should not be used any more.
    pub deprecated: Option<String>,
}

impl Card {
    /// Checks what the author says.
    ///
    /// # Errors
    /// [`EngineError::Model`] if a text is too long, or nothing is said of where the training data are from.
    pub fn check(new: &NewModel) -> Result<(), EngineError> {
        let got = new.about.as_ref().map_or(0, String::len);
        if got > MAX_ABOUT_BYTES {
            let detail = format!("about: expected at most {MAX_ABOUT_BYTES} bytes, got {got}");
            return Err(EngineError::Model { name: new.name.clone(), detail });
        }
        let refuse = |detail| EngineError::Model { name: new.name.clone(), detail };
        new.training.as_ref().map_or(Ok(()), Training::check).map_err(refuse)
    }

    /// The card of a model that is added now. One that `known` has already keeps its version and date.
    ///
    /// # Errors
    /// As [`Card::check`].
    pub fn new(new: &NewModel, model: B256, known: &[ModelInfo]) -> Result<Self, EngineError> {
        Self::check(new)?;
        let before = known.iter().find(|m| m.model_id == model && m.name == new.name).map(|m| &m.card);
        let versions = known.iter().filter(|m| m.name == new.name).map(|m| m.card.version);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Ok(Self {
            version: before.map_or_else(|| versions.max().unwrap_or(0) + 1, |card| card.version),
            added_at: before.map_or(now, |card| card.added_at),
            about: new.about.clone().or_else(|| before.and_then(|card| card.about.clone())),
            training: new.training.clone().or_else(|| before.and_then(|card| card.training.clone())),
            onnx_keccak: new.salt.is_none().then(|| keccak256(&new.onnx)),
            rows_keccak: new.calibration.as_ref().map(keccak256),
            deprecated: before.and_then(|card| card.deprecated.clone()),
        })
    }
}

/// The model that `name` means: an id, `NAME@VERSION`, or `NAME` for the newest version that is not deprecated.
pub fn find<'a>(models: &'a [ModelInfo], name: &str) -> Option<&'a ModelInfo> {
    if let Ok(id) = name.parse::<B256>() {
        return models.iter().find(|m| m.model_id == id);
    }
    let versioned = name.rsplit_once('@').and_then(|(name, version)| Some((name, version.parse::<u32>().ok()?)));
    if let Some((name, version)) = versioned {
        return models.iter().find(|m| m.name == name && m.card.version == version);
    }
    let named = models.iter().filter(|m| m.name == name);
    named.max_by_key(|m| (m.card.deprecated.is_none(), m.card.version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(id: u8, name: &str, version: u32, deprecated: bool) -> ModelInfo {
        let card = Card { version, deprecated: deprecated.then(|| "old".into()), ..Card::default() };
        let b256 = B256::repeat_byte(id);
        ModelInfo {
            model_id: b256,
            structure_id: b256,
            class_id: b256,
            name: name.into(),
            plan: String::new(),
            key: vec![].into(),
            inputs: 1,
            outputs: 1,
            facts: 1,
            window_blocks: 0,
            calibration: None,
            keygen_s: 0.0,
            key_mb: 0.0,
            expected: None,
            proofs_left: None,
            precision: 16,
            layers: vec![],
            card,
        }
    }

    #[test]
    fn a_name_means_the_newest_good_version() {
        let models = [
            model(1, "risk", 1, false),
            model(2, "risk", 2, false),
            model(3, "risk", 3, true),
            model(4, "old", 1, true),
        ];
        let id = |name: &str| find(&models, name).map(|m| m.model_id.0[0]);
        assert_eq!((id("risk"), id("risk@1"), id("risk@3"), id("old")), (Some(2), Some(1), Some(3), Some(4)));
        assert_eq!(id(&B256::repeat_byte(3).to_string()), Some(3));
        assert_eq!((id("risk@4"), id("other"), id("")), (None, None, None));
    }

    #[test]
    fn a_new_id_is_a_new_version_and_an_old_one_keeps_its_own() {
        let known = [model(1, "risk", 1, false), model(2, "risk", 2, true), model(3, "else", 9, false)];
        let new = |salt| NewModel {
            name: "risk".into(),
            plan: String::new(),
            onnx: vec![1],
            calibration: Some("a".into()),
            salt,
            about: None,
            training: None,
            precision: Default::default(),
        };
        let card = |new: &NewModel, id| Card::new(new, B256::repeat_byte(id), &known).unwrap();
        assert_eq!(card(&new(None), 4).version, 3);
        assert_eq!(
            card(&new(None), 2),
            Card { version: 2, added_at: 0, deprecated: Some("old".into()), ..card(&new(None), 4) }
        );
        assert_eq!(card(&new(None), 4).onnx_keccak, Some(keccak256([1])));
        let salted = card(&new(Some(vouch_circuits::score::salt::Salt([1; 32]))), 4);
        assert_eq!((salted.onnx_keccak, salted.rows_keccak), (None, Some(keccak256("a"))));
        let long = NewModel { about: Some("x".repeat(MAX_ABOUT_BYTES + 1)), ..new(None) };
        let said = Card::new(&long, B256::ZERO, &known).unwrap_err().to_string();
        assert_eq!(said, "model risk: about: expected at most 65536 bytes, got 65537");
    }

    #[test]
    fn training_data_are_read_from_toml_and_json_and_kept() {
        let toml = "source = \"simulated\"\nperiod = \"blocks 1 to 9\"\nrows = 7\nhash = \"sha256:00\"";
        let json = r#" {"source": "simulated", "period": "blocks 1 to 9", "rows": 7, "hash": "sha256:00"}"#;
        let training = Training::parse(toml).unwrap();
        assert_eq!(Training::parse(json).unwrap(), training);
        assert_eq!(Training::parse("source = \"x\"").unwrap().rows, None);
        for (wrong, said) in
            [("rows = 7", "missing field `source`"), ("source = \"x\"\nrow = 7", "unknown field `row`")]
        {
            let got = Training::parse(wrong).unwrap_err();
            assert!(got.contains(said), "{got}");
        }
        let new = |training| NewModel { name: "risk".into(), onnx: vec![1], training, ..NewModel::default() };
        let first = Card::new(&new(Some(training.clone())), B256::ZERO, &[]).unwrap();
        assert_eq!(first.training.as_ref(), Some(&training));
        // added again without a word of it, it keeps what was said
        let known = [ModelInfo { model_id: B256::ZERO, card: first, ..model(0, "risk", 1, false) }];
        assert_eq!(Card::new(&new(None), B256::ZERO, &known).unwrap().training, Some(training.clone()));
        let silent = Training { source: " ".into(), ..training.clone() };
        let said = Card::new(&new(Some(silent)), B256::ZERO, &[]).unwrap_err().to_string();
        assert_eq!(said, "model risk: training.source: expected where the rows are from, got nothing");
        let long = Training { hash: Some("x".repeat(MAX_TRAINING_BYTES + 1)), ..training };
        let said = Card::new(&new(Some(long)), B256::ZERO, &[]).unwrap_err().to_string();
        assert_eq!(said, "model risk: training.hash: expected at most 4096 bytes, got 4097");
    }
}
