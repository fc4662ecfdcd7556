//! Which paths the facts have, and the messages that they hash.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;

use super::places::{Once, Places, pad};
use crate::digest::Hash;
use crate::facts::{Fact, FactKind, split};
use crate::history::class::{Class, Overflow};
use crate::history::paths::{StepHint, StopHint};
use crate::history::tables::two_to;
use crate::path::{Path, Step, Stop, further};

/// A hash of a path, or the slot where it ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Stride {
    from: Stop,
    step: Step<Hash>,
}

/// Starts, steps and ends of the paths of all facts, each once.
pub(super) struct Paths {
    starts: Once<Hash>,
    mappings: Once<Stride>,
    arrays: Once<Stride>,
    ends: Once<Stride>,
    keys: Vec<(Hash, Path<Hash>)>,
}

/// What the circuit is told of paths.
#[derive(Clone, Debug, Default)]
pub(in crate::history) struct PathHints {
    /// Top byte and low 248 bits of each slot that paths start from.
    pub starts: Vec<[Fr; 2]>,
    /// Steps by a key.
    pub mappings: Vec<StepHint>,
    /// Steps without one.
    pub arrays: Vec<StepHint>,
    /// Where paths end.
    pub ends: Vec<StepHint>,
}

/// Top byte and low 248 bits.
fn halves(slot: &Hash) -> [Fr; 2] {
    let (top, low) = split(slot);
    [Fr::from(u64::from(top)), low]
}

impl Stride {
    fn hint(&self, places: &mut Places) -> StepHint {
        let over = Fr::from(self.step.over);
        let [top, low] = halves(&self.from.slot);
        let [next_top, next_low] = halves(&further(&self.from.slot, self.step.over));
        let carry = (low + over - next_low) * two_to(248).invert().expect("not zero");
        let wrap = (top + carry - next_top) * two_to(8).invert().expect("not zero");
        StepHint {
            from: StopHint { name: self.from.name, slot: [top, low], depth: Fr::from(self.from.depth) },
            over,
            carries: [carry, wrap],
            message: places.add(&self.from.preimage(&self.step)),
        }
    }
}

impl Paths {
    pub fn new<'f>(facts: impl IntoIterator<Item = &'f Fact>) -> Self {
        let [mappings, arrays, ends] = [(); 3].map(|()| Once::new());
        let mut paths = Self { starts: Once::new(), mappings, arrays, ends, keys: Vec::new() };
        facts.into_iter().filter(|fact| fact.kind == FactKind::Path).for_each(|fact| paths.add(fact.slot, &fact.path));
        paths
    }

    fn add(&mut self, slot: Hash, path: &Path<Hash>) {
        if self.keys.contains(&(slot, *path)) {
            return;
        }
        self.keys.push((slot, *path));
        self.starts.add(slot);
        let mut stop = Stop::start(slot);
        for step in path.steps() {
            let steps = if step.key.is_some() { &mut self.mappings } else { &mut self.arrays };
            steps.add(Stride { from: stop, step });
            stop = stop.after(&step);
        }
        self.ends.add(Stride { from: stop, step: Step { over: path.over(), key: None } });
    }

    /// Gives the class's room something true to say, about the mapping slot `like` and messages that it hashes anyway.
    pub fn fill(&mut self, class: &Class, like: Option<&Fact>) {
        let Some(like) = like.filter(|_| class.paths > 0) else { return };
        let step = Step { over: 0, key: Some(like.key) };
        // a class with room for no other start hashes one message more
        let has_room = self.starts.0.len() < class.path_starts;
        let slot = self.starts.0.first().filter(|_| !has_room).copied().unwrap_or(like.slot);
        let start = Stop::start(slot);
        if self.mappings.0.is_empty() {
            self.starts.add(slot);
            self.mappings.add(Stride { from: start, step });
        }
        let end = Stride { from: start.after(&step), step: Step { over: 0, key: None } };
        if self.ends.0.is_empty() {
            self.ends.add(end);
        }
        if self.arrays.0.is_empty() {
            // a path's end is hashed as an array's slot is
            self.arrays.add(self.ends.0[0]);
        }
    }

    pub fn place(&self, class: &Class, places: &mut Places) -> Result<PathHints, Overflow> {
        if class.paths == 0 && self.keys.is_empty() {
            return Ok(PathHints::default());
        }
        let mut hints = |steps: &Once<Stride>, what, capacity| {
            let hints: Vec<StepHint> = steps.0.iter().map(|stride| stride.hint(places)).collect();
            match hints.first().copied() {
                Some(filler) => pad(class, what, hints, capacity, filler),
                None => Ok(hints),
            }
        };
        let starts: Vec<[Fr; 2]> = self.starts.0.iter().map(halves).collect();
        let filler = starts.first().copied().unwrap_or_default();
        Ok(PathHints {
            mappings: hints(&self.mappings, "steps of paths by a key", class.path_mappings)?,
            arrays: hints(&self.arrays, "steps of paths into an array", class.path_arrays)?,
            ends: hints(&self.ends, "paths", class.paths)?,
            starts: pad(class, "slots where paths start", starts, class.path_starts, filler)?,
        })
    }

    /// Which of the ends is that of a fact's path.
    pub fn position(&self, fact: &Fact) -> usize {
        let path = (fact.slot, fact.path);
        self.keys.iter().position(|other| *other == path).expect("every path was added")
    }
}
