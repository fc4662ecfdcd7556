//! Three rewrites that keep what a program computes.

use super::program::{Op, Value, words};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Stack slots that a value may take: `f_q` must stay within reach of DUP16.
const MAX_SLOTS: usize = 10;

/// Turns the chain of point multiplications and additions into operations on one accumulator.
///
/// A link is: store `x, y, s` at A; ECMUL A → A; store (previous point, point A) at B; ECADD B → B, where neither the previous point nor A is
/// read anywhere else. So the copies are not needed and the accumulator can stay in one place.
pub(super) fn chain_points(ops: Vec<Op>) -> Vec<Op> {
    let private = Private::new(&ops);
    let mut out = vec![];
    let mut i = 0;
    while i < ops.len() {
        let Some((first, x, y, s)) = point_mul(&ops[i..]) else {
            out.push(ops[i].clone());
            i += 1;
            continue;
        };
        // `first` is the accumulator's place; `current` is where the generated code has the running sum.
        let (w, mut current, mut links, mut at) = (first, first, vec![Op::PointMul { w: first, x, y, s }], i + 4);
        loop {
            let (term, add_at) = match point_mul(&ops[at.min(ops.len())..]) {
                Some((a, x, y, s)) => (Some((a, x, y, s)), at + 4),
                None => (None, at),
            };
            let Some((b, left, right)) = point_add(&ops[add_at.min(ops.len())..]) else { break };
            let moved = left == [Value::Load(current), Value::Load(current + 32)] && private.read_once(current);
            if !moved || !private.inputs(b + 0x40, 2) {
                break;
            }
            match term {
                Some((a, x, y, s)) => {
                    let used = right == [Value::Load(a), Value::Load(a + 32)] && private.read_once(a);
                    if !used || !private.inputs(a + 0x40, 1) {
                        break;
                    }
                    links.push(Op::PointMulAdd { w, x, y, s });
                }
                None => {
                    let [x, y] = right;
                    links.push(Op::PointAdd { w, x, y });
                }
            }
            (current, at) = (b, add_at + 5);
        }
        // The accumulator takes 0xa0 bytes: the first point's 0x60 and what follows, which must belong to the chain too.
        let next = ops.get(i + 4).and_then(|op| op.writes().first().copied());
        let room = links.len() > 2 && next == Some((first + 0x60, 32));
        if !room || !private.inputs(first + 0x40, 1) {
            out.push(ops[i].clone());
            i += 1;
            continue;
        }
        out.extend(links);
        out.push(Op::Store(current, Value::Load(w)));
        out.push(Op::Store(current + 32, Value::Load(w + 32)));
        i = at;
    }
    out
}

/// Who reads a word.
struct Private {
    loads: HashMap<usize, usize>,
    precompiles: HashMap<usize, usize>,
}

impl Private {
    fn new(ops: &[Op]) -> Self {
        let mut precompiles = HashMap::<usize, usize>::new();
        for op in ops.iter().filter(|op| matches!(op, Op::Precompile { .. })) {
            op.ranges_read().into_iter().flat_map(words).for_each(|w| *precompiles.entry(w).or_default() += 1);
        }
        Self { loads: count_reads(ops), precompiles }
    }

    /// Both words of the point at `at` are loaded once and are input of one precompile (the one that wrote them).
    fn read_once(&self, at: usize) -> bool {
        [at, at + 32].iter().all(|w| self.loads.get(w) == Some(&1) && self.precompiles.get(w) == Some(&1))
    }

    /// The words from `at` are input of one precompile and nothing else.
    fn inputs(&self, at: usize, count: usize) -> bool {
        let mut all = (0..count).map(|i| at + 32 * i);
        all.all(|w| !self.loads.contains_key(&w) && self.precompiles.get(&w) == Some(&1))
    }
}

/// `store x, y, s at a; ECMUL a → a`
fn point_mul(ops: &[Op]) -> Option<(usize, Value, Value, Value)> {
    let [Op::Store(a, x), Op::Store(b, y), Op::Store(c, s), Op::Precompile { number: 7, input, output }, ..] = ops
    else {
        return None;
    };
    let right = (*b, *c, *input, *output) == (a + 0x20, a + 0x40, (*a, 0x60), (*a, 0x40));
    right.then(|| (*a, x.clone(), y.clone(), s.clone()))
}

/// `store two points at b; ECADD b → b`
fn point_add(ops: &[Op]) -> Option<(usize, [Value; 2], [Value; 2])> {
    let [
        Op::Store(b, x0),
        Op::Store(b1, y0),
        Op::Store(b2, x1),
        Op::Store(b3, y1),
        Op::Precompile { number: 6, input, output },
        ..,
    ] = ops
    else {
        return None;
    };
    let right = (*b1, *b2, *b3, *input, *output) == (b + 0x20, b + 0x40, b + 0x60, (*b, 0x80), (*b, 0x40));
    right.then(|| (*b, [x0.clone(), y0.clone()], [x1.clone(), y1.clone()]))
}

/// Drops products with 1 and sums with 0 of what is already below the modulus.
pub(super) fn drop_neutral(ops: Vec<Op>) -> Vec<Op> {
    // A word counts as reduced only if every step that writes it stores a reduced value, wherever that step stands.
    let mut raw = BTreeSet::<usize>::new();
    loop {
        let before = raw.len();
        for op in &ops {
            let reduces = match op {
                Op::Store(_, v) => is_reduced(v, &raw),
                Op::Products { .. } => true,
                Op::Inverses { steps, .. } => !steps.is_empty(),
                _ => false,
            };
            if !reduces {
                op.writes().into_iter().flat_map(words).for_each(|w| {
                    raw.insert(w);
                });
            }
        }
        if raw.len() == before {
            break;
        }
    }
    let written: BTreeSet<usize> = ops.iter().flat_map(Op::writes).flat_map(words).collect();
    raw.extend(loaded(&ops).difference(&written));
    let simple = |v: Value| without_neutral(v, &raw);
    ops.into_iter()
        .map(|op| match op {
            Op::Store(at, v) => Op::Store(at, simple(v)),
            Op::PointMul { w, x, y, s } => Op::PointMul { w, x, y, s: simple(s) },
            Op::PointMulAdd { w, x, y, s } => Op::PointMulAdd { w, x, y, s: simple(s) },
            other => other,
        })
        .collect()
}

fn loaded(ops: &[Op]) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    for op in ops {
        op.values(&mut |v| {
            v.loads(&mut |at| {
                all.insert(at);
            });
        });
    }
    all
}

fn is_reduced(v: &Value, raw: &BTreeSet<usize>) -> bool {
    match v {
        Value::Mul(..) | Value::Add(..) | Value::Mod(_) => true,
        Value::Load(at) => !raw.contains(at),
        // `sub(f_q, 0)` is `f_q`; a constant may be anything.
        Value::Neg(_) | Value::Const(_) | Value::Calldata(_) | Value::Keccak(..) => false,
    }
}

fn without_neutral(v: Value, raw: &BTreeSet<usize>) -> Value {
    let is = |v: &Value, n: &str| matches!(v, Value::Const(c) if c == n);
    match v {
        Value::Mul(a, b) => match (without_neutral(*a, raw), without_neutral(*b, raw)) {
            (one, v) | (v, one) if is(&one, "1") && is_reduced(&v, raw) => v,
            (a, b) => Value::Mul(a.into(), b.into()),
        },
        Value::Add(a, b) => match (without_neutral(*a, raw), without_neutral(*b, raw)) {
            (zero, v) | (v, zero) if is(&zero, "0") && is_reduced(&v, raw) => v,
            (a, b) => Value::Add(a.into(), b.into()),
        },
        Value::Neg(a) => Value::Neg(without_neutral(*a, raw).into()),
        Value::Mod(a) => Value::Mod(without_neutral(*a, raw).into()),
        other => other,
    }
}

/// Computes a word where it is used, if it is written once, read once, by a [`Value::Load`] only, and no word it is made of
/// changes in between.
pub(super) fn inline_temporaries(ops: Vec<Op>) -> Vec<Op> {
    let reads = count_reads(&ops);
    let mut writes = HashMap::<usize, usize>::new();
    let mut pinned = BTreeSet::<usize>::new();
    for op in &ops {
        op.writes().into_iter().flat_map(words).for_each(|w| *writes.entry(w).or_default() += 1);
        op.ranges_read().into_iter().flat_map(words).for_each(|w| {
            pinned.insert(w);
        });
        if !matches!(op, Op::Store(..)) {
            op.writes().into_iter().flat_map(words).for_each(|w| {
                pinned.insert(w);
            });
        }
    }
    let temporary = |at: usize, v: &Value| {
        v.is_pure() && writes.get(&at) == Some(&1) && reads.get(&at) == Some(&1) && !pinned.contains(&at)
    };
    let mut waiting = BTreeMap::<usize, Value>::new();
    let mut out = vec![];
    for op in ops {
        let op = use_waiting(op, &mut waiting, &mut out);
        let changed: BTreeSet<usize> = op.writes().into_iter().flat_map(words).collect();
        flush(&mut waiting, &mut out, |v| depends_on(v, &changed));
        match op {
            Op::Store(at, v) if temporary(at, &v) && v.slots() < MAX_SLOTS => {
                waiting.insert(at, v);
            }
            other => out.push(other),
        }
    }
    flush(&mut waiting, &mut out, |_| true);
    out
}

/// Puts waiting values in place of their loads in `op`; those that would need too deep a stack are stored after all.
fn use_waiting(op: Op, waiting: &mut BTreeMap<usize, Value>, out: &mut Vec<Op>) -> Op {
    let mut place = |mut v: Value, limit: usize| {
        let mut loaded = vec![];
        v.loads(&mut |at| loaded.push(at));
        for at in loaded {
            let Some(value) = waiting.remove(&at) else { continue };
            let placed = v.clone().map_loads(&mut |l| if l == at { value.clone() } else { Value::Load(l) });
            if placed.slots() < limit {
                v = placed;
            } else {
                out.push(Op::Store(at, value));
            }
        }
        v
    };
    // A limit of 0 keeps the loads and stores what they load. Arguments of a function lie above one another: s is computed first,
    // above the place to return to.
    match op {
        Op::Store(at, v) => Op::Store(at, place(v, MAX_SLOTS)),
        Op::PointMul { w, x, y, s } => Op::PointMul { w, x: place(x, 0), y: place(y, 0), s: place(s, MAX_SLOTS - 2) },
        Op::PointMulAdd { w, x, y, s } => {
            Op::PointMulAdd { w, x: place(x, 0), y: place(y, 0), s: place(s, MAX_SLOTS - 2) }
        }
        Op::PointAdd { w, x, y } => Op::PointAdd { w, x: place(x, 0), y: place(y, 0) },
        Op::Products { start, steps } => {
            Op::Products { start: place(start, 0), steps: steps.into_iter().map(|(v, at)| (place(v, 0), at)).collect() }
        }
        Op::Inverses { start, steps, last } => Op::Inverses {
            start: place(start, 0),
            steps: steps.into_iter().map(|(v, at, product)| (place(v, 0), at, product)).collect(),
            last,
        },
        other @ (Op::StoreOne(_) | Op::Points { .. } | Op::Precompile { .. } | Op::CheckOne(_)) => other,
    }
}

fn flush(waiting: &mut BTreeMap<usize, Value>, out: &mut Vec<Op>, which: impl Fn(&Value) -> bool) {
    let due: Vec<usize> = waiting.iter().filter(|(_, v)| which(v)).map(|(at, _)| *at).collect();
    for at in due {
        if let Some(value) = waiting.remove(&at) {
            out.push(Op::Store(at, value));
        }
    }
}

fn depends_on(value: &Value, words: &BTreeSet<usize>) -> bool {
    let mut found = false;
    value.loads(&mut |at| found |= words.contains(&at));
    found
}

/// Moves the words that are still used together, in their order, from `base` on. Ranges stay contiguous because all of their
/// words are used.
pub(super) fn renumber(ops: Vec<Op>, base: usize) -> Vec<Op> {
    let mut used = BTreeSet::<usize>::new();
    for op in &ops {
        op.writes().into_iter().chain(op.ranges_read()).flat_map(words).for_each(|w| {
            used.insert(w);
        });
        op.values(&mut |v| {
            v.loads(&mut |at| {
                used.insert(at);
            })
        });
    }
    let places: HashMap<usize, usize> = used.iter().enumerate().map(|(i, w)| (*w, base + 32 * i)).collect();
    let word = |at: usize| places[&at];
    let range = |(at, bytes): (usize, usize)| (word(at), bytes);
    let moved = |v: Value| match v {
        Value::Keccak(at, bytes) => Value::Keccak(word(at), bytes),
        other => other.map_loads(&mut |at| Value::Load(word(at))),
    };
    ops.into_iter()
        .map(|op| match op {
            Op::Store(at, v) => Op::Store(word(at), moved(v)),
            Op::StoreOne(at) => Op::StoreOne(word(at)),
            Op::Points { calldata, at, count } => Op::Points { calldata, at: word(at), count },
            Op::Precompile { number, input, output } => {
                Op::Precompile { number, input: range(input), output: range(output) }
            }
            Op::CheckOne(at) => Op::CheckOne(word(at)),
            Op::Products { start, steps } => Op::Products {
                start: moved(start),
                steps: steps.into_iter().map(|(v, at)| (moved(v), word(at))).collect(),
            },
            Op::Inverses { start, steps, last } => Op::Inverses {
                start: moved(start),
                steps: steps.into_iter().map(|(v, at, p)| (moved(v), word(at), word(p))).collect(),
                last: word(last),
            },
            Op::PointMul { w, x, y, s } => Op::PointMul { w: word(w), x: moved(x), y: moved(y), s: moved(s) },
            Op::PointMulAdd { w, x, y, s } => Op::PointMulAdd { w: word(w), x: moved(x), y: moved(y), s: moved(s) },
            Op::PointAdd { w, x, y } => Op::PointAdd { w: word(w), x: moved(x), y: moved(y) },
        })
        .collect()
}

/// Reads points that follow one another in one loop.
pub(super) fn join_points(ops: Vec<Op>) -> Vec<Op> {
    let mut out: Vec<Op> = vec![];
    for op in ops {
        match (out.last_mut(), &op) {
            (Some(Op::Points { calldata, at, count }), Op::Points { calldata: c, at: a, count: 1 })
                if *c == *calldata + 64 * *count && *a == *at + 64 * *count =>
            {
                *count += 1;
            }
            _ => out.push(op),
        }
    }
    out
}

/// How often each word is read, by loads and by ranges.
fn count_reads(ops: &[Op]) -> HashMap<usize, usize> {
    let mut reads = HashMap::<usize, usize>::new();
    for op in ops {
        let mut count = |at: usize| *reads.entry(at).or_default() += 1;
        op.values(&mut |v| v.loads(&mut count));
        // A precompile reads what was stored for it alone; counting it would hide that nothing else does.
        if !matches!(op, Op::Precompile { .. }) {
            op.ranges_read().into_iter().flat_map(words).for_each(count);
        }
    }
    reads
}
