//! Which keys the facts have, and the messages that they hash.

use super::paths::{PathHints, Paths};
use super::places::{Once, Places, pad};
use crate::evidence::{key_preimages, storage_slot};
use crate::facts::{Fact, FactKind};
use crate::history::blocks::Message;
use crate::history::class::{Class, Overflow};
use crate::path::Path;

/// A fact of the kind, about nothing.
fn blank(kind: FactKind) -> Fact {
    Fact {
        kind,
        block: 0,
        address: [0; 20],
        slot: [0; 32],
        key: [0; 32],
        key2: [0; 32],
        path: Path::NONE,
        value: [0; 32],
    }
}

/// The keys of the facts, by kind.
pub(super) struct Keys {
    plain: Once<Fact>,
    mapping: Once<Fact>,
    nested: Once<Fact>,
    paths: Paths,
    capacity: [usize; 3],
}

/// The messages of all keys.
pub(super) type KeyMessages = (Vec<[Message; 1]>, Vec<[Message; 2]>, Vec<[Message; 3]>, PathHints);

impl Keys {
    /// The part of a fact that its key is about.
    fn part(fact: &Fact) -> Fact {
        Fact { slot: fact.slot, key: fact.key, key2: fact.key2, ..blank(fact.kind) }
    }

    pub fn new<'f>(facts: impl Clone + IntoIterator<Item = &'f Fact>) -> Self {
        let paths = Paths::new(facts.clone());
        let mut keys = Self { plain: Once::new(), mapping: Once::new(), nested: Once::new(), paths, capacity: [0; 3] };
        for fact in facts {
            keys.of_kind(fact.kind).into_iter().for_each(|once| once.add(Self::part(fact)));
        }
        keys
    }

    fn of_kind(&mut self, kind: FactKind) -> Option<&mut Once<Fact>> {
        match kind {
            FactKind::Slot => Some(&mut self.plain),
            FactKind::Mapping => Some(&mut self.mapping),
            FactKind::Nested => Some(&mut self.nested),
            _ => None,
        }
    }

    /// Gives each kind that the class has room for a key, made of messages that are there as far as possible.
    pub fn fill(&mut self, class: &Class) {
        self.capacity = [class.plain_keys, class.mapping_keys, class.nested_keys];
        if self.nested.0.is_empty() && class.nested_keys > 0 {
            let like = self.mapping.0.first().copied().unwrap_or_else(|| blank(FactKind::Mapping));
            self.nested.add(Fact { kind: FactKind::Nested, ..like });
        }
        if self.mapping.0.is_empty() && class.mapping_keys > 0 {
            let like = self.nested.0.first().copied().unwrap_or_else(|| blank(FactKind::Mapping));
            self.mapping.add(Fact { kind: FactKind::Mapping, key2: [0; 32], ..like });
        }
        if self.plain.0.is_empty() && class.plain_keys > 0 {
            let like = self.mapping.0.first().and_then(storage_slot);
            self.plain.add(Fact { slot: like.unwrap_or_default(), ..blank(FactKind::Slot) });
        }
        self.paths.fill(class, self.mapping.0.first());
    }

    pub fn place(&self, class: &Class, places: &mut Places) -> Result<KeyMessages, Overflow> {
        fn messages<const N: usize>(places: &mut Places, once: &Once<Fact>) -> Vec<[Message; N]> {
            let mut of = |fact: &Fact| {
                let placed: Vec<Message> = key_preimages(fact).iter().map(|preimage| places.add(preimage)).collect();
                placed.try_into().expect("each kind has its number of preimages")
            };
            once.0.iter().map(&mut of).collect()
        }
        fn padded<const N: usize>(
            class: &Class,
            what: &'static str,
            keys: Vec<[Message; N]>,
            capacity: usize,
        ) -> Result<Vec<[Message; N]>, Overflow> {
            match keys.first().copied() {
                Some(filler) => pad(class, what, keys, capacity, filler),
                None => Ok(keys),
            }
        }
        Ok((
            padded(class, "keys of plain slots", messages(places, &self.plain), class.plain_keys)?,
            padded(class, "keys of mappings", messages(places, &self.mapping), class.mapping_keys)?,
            padded(class, "keys of nested mappings", messages(places, &self.nested), class.nested_keys)?,
            self.paths.place(class, places)?,
        ))
    }

    /// Number of the key of a storage fact.
    pub fn number(&self, fact: &Fact) -> u64 {
        let part = Self::part(fact);
        let position = |once: &Once<Fact>| once.0.iter().position(|other| *other == part).expect("every key was added");
        let [plain, mapping, nested] = self.capacity;
        let number = match fact.kind {
            FactKind::Slot => position(&self.plain),
            FactKind::Mapping => plain + position(&self.mapping),
            FactKind::Nested => plain + mapping + position(&self.nested),
            _ => plain + mapping + nested + self.paths.position(fact),
        };
        number as u64 + 1
    }
}
