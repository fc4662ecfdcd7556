//! Inputs for property tests: JSON that nobody asked for, and answers with places replaced.

use proptest::prelude::*;
use serde_json::{Value, json};

/// Any small JSON, with what nodes say more often than chance has it.
pub(crate) fn json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("0x".to_owned()),
        "0x[0-9a-fA-F]{0,70}",
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| format!("0x{}", hex::encode(bytes))),
        ".{0,12}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        text.prop_map(Value::from),
    ];
    let names = "address|balance|nonce|codeHash|storageHash|accountProof|storageProof|key|value|proof|logs|topics|data|status|type";
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(names, inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

/// `answer` with up to three of its values replaced or taken out.
pub(crate) fn mutants(answer: Value) -> impl Strategy<Value = Value> {
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), proptest::option::of(json())), 0..4);
    changes.prop_map(move |changes| {
        let mut changed = answer.clone();
        for (place, value) in changes {
            let places = places(&changed, String::new());
            let place = &places[place.index(places.len())];
            match value {
                Some(value) => drop(changed.pointer_mut(place).map(|at| *at = value)),
                None => remove(&mut changed, place),
            }
        }
        changed
    })
}

/// Every place in `value`, as JSON pointers.
fn places(value: &Value, at: String) -> Vec<String> {
    let mut all = vec![at.clone()];
    match value {
        Value::Array(list) => {
            for (i, inner) in list.iter().enumerate() {
                all.extend(places(inner, format!("{at}/{i}")));
            }
        }
        Value::Object(object) => {
            for (name, inner) in object {
                all.extend(places(inner, format!("{at}/{name}")));
            }
        }
        _ => {}
    }
    all
}

fn remove(value: &mut Value, place: &str) {
    let Some((parent, name)) = place.rsplit_once('/') else { return };
    match value.pointer_mut(parent) {
        Some(Value::Object(object)) => drop(object.remove(name)),
        Some(Value::Array(list)) => drop(name.parse().ok().map(|i: usize| list.remove(i))),
        _ => {}
    }
}
