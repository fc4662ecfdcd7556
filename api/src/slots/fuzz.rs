//! Layouts and expressions that nobody wrote: read or refused, never a panic.

use super::key::{self, Key};
use super::layout::{Encoding, Type};
use super::path::{Part, Path};
use super::{Layout, Place, source};
use alloy::primitives::U256;
use proptest::prelude::*;
use serde_json::Value;

const MARKET: &str = include_str!("../../tests/layouts/lending_market.json");
const SHAPES: &str = include_str!("../../tests/layouts/shapes.json");

fn any_path() -> impl Strategy<Value = String> {
    let key = prop_oneof!["-?[0-9]{0,80}", "0x[0-9a-f]{0,66}", Just("subject".to_owned()), ".{0,4}"];
    let name =
        prop_oneof!["[a-z]{1,8}", Just("positionOf".to_owned()), Just("length".to_owned()), Just("debt".to_owned())];
    let step = prop_oneof![key.prop_map(|key| format!("[{key}]")), name.clone().prop_map(|name| format!(".{name}"))];
    (name, proptest::collection::vec(step, 0..4)).prop_map(|(name, steps)| name + &steps.concat())
}

/// Replaces what stands at some place of a layout.
fn damaged(text: &'static str) -> impl Strategy<Value = Value> {
    let numbers = prop_oneof![
        any::<u64>().prop_map(Value::from),
        any::<u64>().prop_map(|number| Value::from(number.to_string())),
        "[0-9]{0,80}".prop_map(Value::from),
        (0..40u64).prop_map(|number| Value::from(number.to_string())),
    ];
    let texts = prop_oneof![
        "t_[a-z]{3,7}[0-9]{0,3}",
        "u?int8\\[[0-9]{0,80}\\]",
        Just("mapping".into()),
        Just("inplace".into()),
        ".{0,5}"
    ];
    let value = prop_oneof![Just(Value::Null), numbers, texts.prop_map(Value::from)];
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), value), 0..4);
    let layout: Value = serde_json::from_str(text).unwrap();
    let mut places = Vec::new();
    leaves(&layout, String::new(), &mut places);
    changes.prop_map(move |changes| {
        let mut layout = layout.clone();
        for (place, value) in changes {
            if let Some(at) = layout.pointer_mut(&places[place.index(places.len())]) {
                *at = value;
            }
        }
        layout
    })
}

fn leaves(value: &Value, at: String, all: &mut Vec<String>) {
    match value {
        Value::Array(list) => list.iter().enumerate().for_each(|(i, inner)| leaves(inner, format!("{at}/{i}"), all)),
        Value::Object(object) => {
            let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
            object.iter().for_each(|(name, inner)| leaves(inner, format!("{at}/{}", escaped(name)), all));
        }
        _ => all.push(at),
    }
}

/// Places of every variable, and what a plan says of them.
fn walk(layout: &Layout, more: &str) {
    for variable in &layout.storage {
        for steps in ["", more, "[3]", "[subject]", "[0][1]", "[subject].debt", ".length"] {
            if let Ok(place) = Place::find(layout, &format!("{}{steps}", variable.label)) {
                assert!(place.low < place.high && place.high <= 256, "{place:?}");
                let _ = (source::line(&place, None), place.formula(), place.slot(Some([7; 20].into())));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn damaged_layouts_are_read_or_refused(
        market in damaged(MARKET), shapes in damaged(SHAPES), text in ".{0,40}", more in any_path(),
    ) {
        for layout in [Layout::read(&market.to_string(), None), Layout::read(&shapes.to_string(), Some("Shapes"))] {
            layout.iter().for_each(|layout| walk(layout, &format!("[{more}]")));
        }
        let _ = Layout::read(&text, None);
    }

    /// The parts of an expression, put together again, are the expression.
    #[test]
    fn any_expression_is_read_or_refused(text in prop_oneof![any_path(), ".{0,30}", "[a-c\\[\\]. 0-9]{0,12}"]) {
        match Path::parse(&text) {
            Ok(path) => {
                let part = |part: &Part<'_>| match part {
                    Part::Name(name) => format!(".{name}"),
                    Part::Key(key) => format!("[{key}]"),
                };
                let again: String = path.tokens.iter().map(|token| part(&token.part)).collect();
                let read = Path::parse(&again[1..]).unwrap();
                let parts = |path: &Path<'_>| path.tokens.iter().map(|token| format!("{:?}", token.part)).collect::<Vec<_>>();
                prop_assert_eq!(parts(&read), parts(&path));
            }
            Err(error) => prop_assert!(error.at >= 1 && error.at <= text.chars().count() + 1, "{}", error),
        }
    }

    /// A key that is read lies where its type has it.
    #[test]
    fn any_key_is_read_or_refused(
        text in prop_oneof!["-?[0-9]{1,78}", "0x[0-9a-f]{1,64}", Just("subject".to_owned()), Just("true".to_owned()), ".{0,6}"],
        id in prop_oneof!["t_(u?int|bytes|address|bool|enum)[0-9]{0,3}", ".{0,6}"],
        bytes in prop_oneof![0..40u64, any::<u64>()],
    ) {
        let number_of_bytes = U256::from(bytes);
        let of = Type {
            encoding: Encoding::Inplace, label: id.clone(), number_of_bytes, base: None, key: None, value: None, members: None,
        };
        if let Ok(Key::Word(word)) = key::read(&text, &id, &of) {
            let bytes = usize::try_from(bytes).unwrap_or(32).min(32);
            let (kind, zero) = (id.trim_end_matches(|c: char| c.is_ascii_digit()), |part: &[u8]| part.iter().all(|byte| *byte == 0));
            let fits = match kind {
                "t_bytes" => zero(&word[bytes..]),
                "t_int" => zero(&word[..32 - bytes]) || word[..32 - bytes].iter().all(|byte| *byte == 0xff),
                "t_address" => zero(&word[..12]),
                "t_bool" => zero(&word[..31]) && word[31] < 2,
                _ => zero(&word[..32 - bytes]),
            };
            prop_assert!(fits, "{} of {} is {}", text, id, word);
        }
        let _ = key::index(&text);
    }
}
