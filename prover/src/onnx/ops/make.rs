//! Layers: every way in which the importer makes values, and what it knows of them.
//!
//! A layer of the same elements is made once, however often it is asked for.

use super::{Call, Folder};
use crate::onnx::{
    FloatActivation, FloatLayer, FloatNorm, FloatOp, FloatTree,
    error::OnnxError,
    linear::{Linear, Tensor},
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use vouch_circuits::{features::extreme::Side, fixed, layers::curve::Curve};

/// Operands of a product saturate at this magnitude, so that no chain of products leaves the integers.
const PRODUCT_LIMIT: f64 = 262_144.0;
/// Elements of more terms are not looked up among those that were made before.
const LONG: usize = 256;

/// What is known of some values, by position.
#[derive(Default)]
pub(super) struct Known {
    /// Largest magnitude of each value.
    reach: Vec<f64>,
    /// Never below 0.
    positive: HashSet<usize>,
    /// Whole numbers.
    pub(super) whole: HashSet<usize>,
    /// 0 or 1: the product of these values, which are 0 or 1 too. Of a value that is no product, itself.
    pub(super) bits: HashMap<usize, BTreeSet<usize>>,
    /// Leaves, by which tree: of each tree one is 1.
    pub(super) trees: HashMap<usize, usize>,
    /// Products of bits.
    pub(super) products: BTreeMap<BTreeSet<usize>, usize>,
    /// Elements that were made, with their activation.
    made: HashMap<(String, Vec<u64>), usize>,
}

/// An element as a key.
fn key(element: &Linear) -> Vec<u64> {
    let terms = element.weights.iter().flat_map(|(p, w)| [*p as u64, w.to_bits()]);
    std::iter::once(element.bias.to_bits()).chain(terms).collect()
}

impl Known {
    /// The largest magnitude of a value; inputs are features.
    fn reach(&self, position: usize) -> f64 {
        self.reach.get(position).copied().unwrap_or_else(Folder::largest)
    }

    /// Of the outputs of a layer; what is rounded may be half a last bit more.
    fn reach_of(&self, sources: &[usize], op: &FloatOp, count: usize) -> Vec<f64> {
        let rounded = |v: f64| v + fixed::to_real(1);
        let reach: Vec<f64> = sources.iter().map(|s| self.reach(*s)).collect();
        match op {
            FloatOp::Dense { weights, bias, activation } => {
                let sum = |(row, bias): (&Vec<f64>, &f64)| {
                    let sum: f64 = row.iter().zip(&reach).map(|(w, r)| w.abs() * r).sum();
                    match activation {
                        FloatActivation::Clip { low, high } => low.abs().max(high.abs()),
                        FloatActivation::Curve(curve) => fixed::to_real(curve.range().most() as i64),
                        FloatActivation::Step => 1.0,
                        FloatActivation::Sqrt => PRODUCT_LIMIT,
                        FloatActivation::Log2 => 64.0,
                        FloatActivation::Floor => sum + bias.abs() + 1.0,
                        FloatActivation::Identity | FloatActivation::Relu => rounded(sum + bias.abs()),
                    }
                };
                weights.iter().zip(bias).map(sum).collect()
            }
            FloatOp::Multiply(terms) => {
                let (a, b) = reach.split_at(reach.len() / 2);
                let products: Vec<f64> = a.iter().zip(b).map(|(a, b)| a * b).collect();
                products.chunks((*terms).max(1)).map(|sum| rounded(sum.iter().sum())).collect()
            }
            FloatOp::Divide => vec![Folder::largest(); count],
            FloatOp::Extreme(group, _) => {
                reach.chunks((*group).max(1)).map(|g| g.iter().copied().fold(0.0, f64::max)).collect()
            }
            FloatOp::Normalize(..) | FloatOp::Argmax(_) | FloatOp::Forest(_) => vec![1.0; count],
        }
    }
}

impl Folder {
    /// New values: the outputs of a layer.
    fn push(&mut self, name: &str, sources: Vec<usize>, op: FloatOp, count: usize) -> std::ops::Range<usize> {
        let reach = self.known.reach_of(&sources, &op, count);
        self.known.reach.resize(self.values, Self::largest());
        self.known.reach.extend(reach);
        self.layers.push(FloatLayer { name: name.into(), sources, op });
        let first = self.values;
        self.values += count;
        first..self.values
    }

    /// Says that values are 0 or 1.
    fn are_bits(&mut self, positions: impl Iterator<Item = usize>) {
        for p in positions {
            self.known.positive.insert(p);
            self.known.whole.insert(p);
            self.known.bits.insert(p, BTreeSet::from([p]));
        }
    }

    /// The positions of `elements` among the values; those that are more than a value become a layer, or all of them do.
    pub(super) fn positions(&mut self, name: &str, elements: &[Linear], all: bool) -> Vec<usize> {
        self.settled(name, elements, FloatActivation::Identity, |_, _| !all)
    }

    /// The positions of `elements` among the values; those that may be large are clipped.
    fn small(&mut self, name: &str, elements: &[Linear]) -> Vec<usize> {
        let clip = FloatActivation::Clip { low: -PRODUCT_LIMIT, high: PRODUCT_LIMIT };
        self.settled(name, elements, clip, |known, p| known.reach(p) <= PRODUCT_LIMIT)
    }

    /// The positions of those elements that are values which `keep` accepts; the others become a layer.
    fn settled(
        &mut self,
        name: &str,
        elements: &[Linear],
        activation: FloatActivation,
        keep: impl Fn(&Known, usize) -> bool,
    ) -> Vec<usize> {
        let known: Vec<Option<usize>> =
            elements.iter().map(|e| e.position().filter(|p| keep(&self.known, *p))).collect();
        let rest: Vec<&Linear> = elements.iter().zip(&known).filter(|(_, k)| k.is_none()).map(|(e, _)| e).collect();
        let mut made = self.layer(name, &rest, activation).into_iter();
        known.into_iter().map(|k| k.or_else(|| made.next()).unwrap_or(0)).collect()
    }

    /// Layers of `elements` with an activation: one for all elements of the same sources. Returns the positions of their results.
    pub(super) fn layer(&mut self, name: &str, elements: &[&Linear], activation: FloatActivation) -> Vec<usize> {
        let label = format!("{activation:?}");
        let mut positions: Vec<Option<usize>> = vec![None; elements.len()];
        // which element makes what others of the same content take too
        let mut same: HashMap<Vec<u64>, usize> = HashMap::new();
        let mut groups: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
        let mut by_sources: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
        for (i, element) in elements.iter().enumerate() {
            if element.weights.len() <= LONG {
                let key = key(element);
                positions[i] = self.known.made.get(&(label.clone(), key.clone())).copied();
                if positions[i].is_some() || *same.entry(key).or_insert(i) != i {
                    continue;
                }
            }
            // a constant reads a value too, with the weight 0
            let sources: Vec<usize> = element.weights.iter().map(|(p, _)| *p).collect();
            let sources = if sources.is_empty() { vec![0] } else { sources };
            let group = *by_sources.entry(sources.clone()).or_insert_with(|| {
                groups.push((sources, Vec::new()));
                groups.len() - 1
            });
            groups[group].1.push(i);
        }
        for (sources, members) in groups {
            let row = |i: &usize| {
                let weights: Vec<f64> = elements[*i].weights.iter().map(|(_, w)| *w).collect();
                if weights.is_empty() { vec![0.0] } else { weights }
            };
            let weights = members.iter().map(row).collect();
            let bias = members.iter().map(|i| elements[*i].bias).collect();
            let made = self.push(name, sources, FloatOp::Dense { weights, bias, activation }, members.len());
            self.learn(activation, made.clone());
            for (i, position) in members.into_iter().zip(made) {
                positions[i] = Some(position);
                if elements[i].weights.len() <= LONG {
                    self.known.made.insert((label.clone(), key(elements[i])), position);
                }
            }
        }
        let found =
            |(i, p): (usize, &Option<usize>)| p.or_else(|| positions[*same.get(&key(elements[i]))?]).unwrap_or(0);
        positions.iter().enumerate().map(found).collect()
    }

    /// What an activation says of its results.
    fn learn(&mut self, activation: FloatActivation, made: std::ops::Range<usize>) {
        use FloatActivation::{Clip, Floor, Relu, Sqrt, Step};
        let positive = match activation {
            Step => return self.are_bits(made),
            Clip { low, .. } => low >= 0.0,
            FloatActivation::Curve(curve) => matches!(curve, Curve::Exp | Curve::Sigmoid | Curve::SoftplusTail),
            other => matches!(other, Relu | Sqrt),
        };
        for p in made {
            self.known.positive.extend(positive.then_some(p));
            self.known.whole.extend((activation == Floor).then_some(p));
        }
    }

    /// Can the element never be below 0?
    pub(super) fn is_positive(&self, element: &Linear) -> bool {
        element.bias >= 0.0 && element.weights.iter().all(|(p, w)| *w >= 0.0 && self.known.positive.contains(p))
    }

    /// Ends a layer; of constants, computes the numbers.
    pub(super) fn activate(&mut self, call: &Call, tensor: &Tensor, activation: FloatActivation) -> Tensor {
        let moving: Vec<&Linear> = tensor.data.iter().filter(|e| !e.weights.is_empty()).collect();
        let mut positions = self.layer(&call.node.name, &moving, activation).into_iter();
        let element = |e: &Linear| match e.weights.is_empty() {
            true => Linear::constant(activation.run(e.bias)),
            false => Linear::value(positions.next().unwrap_or(0)),
        };
        Tensor { shape: tensor.shape.clone(), data: tensor.data.iter().map(element).collect() }
    }

    /// The same for a row of elements.
    pub(super) fn activated(&mut self, call: &Call, row: Vec<Linear>, activation: FloatActivation) -> Vec<Linear> {
        self.activate(call, &Tensor { shape: vec![row.len()], data: row }, activation).data
    }

    /// `Σ left[t] right[t]` for each pair of lists, whose lengths are equal; products of two values are a layer.
    pub(super) fn inner(&mut self, name: &str, pairs: &[(Vec<Linear>, Vec<Linear>)]) -> Vec<Linear> {
        let moving = |(a, b): &(&Linear, &Linear)| !a.weights.is_empty() && !b.weights.is_empty();
        let mut sums = Vec::with_capacity(pairs.len());
        let mut by_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (i, (left, right)) in pairs.iter().enumerate() {
            let terms = || left.iter().zip(right);
            let fixed = terms().filter(|pair| !moving(pair));
            let scaled = fixed.map(|(a, b)| if b.weights.is_empty() { (b.bias, a) } else { (a.bias, b) });
            sums.push(Linear::sum(scaled));
            let count = terms().filter(moving).count();
            if count > 0 {
                by_length.entry(count).or_default().push(i);
            }
        }
        for (terms, members) in by_length {
            let live = |i: &usize| pairs[*i].0.iter().zip(&pairs[*i].1).filter(moving);
            let (left, right): (Vec<Linear>, Vec<Linear>) =
                members.iter().flat_map(live).map(|(a, b)| (a.clone(), b.clone())).unzip();
            let mut sources = self.operands(name, &left, &right);
            sources.extend(self.operands(name, &right, &left));
            let made = self.push(name, sources, FloatOp::Multiply(terms), members.len());
            for (i, position) in members.into_iter().zip(made) {
                sums[i] = Linear::sum([(1.0, &sums[i]), (1.0, &Linear::value(position))]);
            }
        }
        sums
    }

    /// The positions of factors: clipped, unless the other factor is at most 1.
    fn operands(&mut self, name: &str, factors: &[Linear], others: &[Linear]) -> Vec<usize> {
        let unit = |e: &Linear| e.position().is_some_and(|p| self.known.reach(p) <= 1.0);
        let free: Vec<bool> = others.iter().map(unit).collect();
        let part = |wanted: bool| -> Vec<Linear> {
            factors.iter().zip(&free).filter(|(_, free)| **free == wanted).map(|(e, _)| e.clone()).collect()
        };
        let (plain, clipped) = (part(true), part(false));
        let mut plain = self.positions(name, &plain, false).into_iter();
        let mut clipped = self.small(name, &clipped).into_iter();
        free.iter().map(|free| if *free { plain.next() } else { clipped.next() }.unwrap_or(0)).collect()
    }

    /// Elementwise products; a layer, unless one operand is constant.
    pub(super) fn product(&mut self, call: &Call, a: &Tensor, b: &Tensor) -> Result<Tensor, OnnxError> {
        let (a, b) = call.named(a.pair(b))?;
        let pairs: Vec<_> = a.data.into_iter().zip(b.data).map(|(a, b)| (vec![a], vec![b])).collect();
        Ok(Tensor { data: self.inner(&call.node.name, &pairs), shape: a.shape })
    }

    /// Elementwise quotients; a layer where the divisor depends on the input.
    pub(super) fn quotient(&mut self, call: &Call, a: &Tensor, b: &Tensor) -> Result<Tensor, OnnxError> {
        let (a, b) = call.named(a.pair(b))?;
        if let Some(numbers) = b.constants() {
            if numbers.contains(&0.0) {
                return Err(call.problem("expected a divisor that is not zero"));
            }
            let inverse = numbers.into_iter().map(|v| 1.0 / v).collect();
            return call.named(a.multiply(&Tensor::constant(b.shape.clone(), inverse)));
        }
        let mut sources = self.positions(&call.node.name, &a.data, false);
        sources.extend(self.positions(&call.node.name, &b.data, false));
        let made = self.push(&call.node.name, sources, FloatOp::Divide, a.data.len());
        Ok(Tensor::values(a.shape, made))
    }

    /// A layer over groups of elements, one for all groups of a size; `outputs` a group. Returns the values of each group.
    fn grouped(
        &mut self,
        name: &str,
        groups: &[Vec<Linear>],
        op: impl Fn(usize) -> FloatOp,
        outputs: impl Fn(usize) -> usize,
    ) -> Vec<Vec<Linear>> {
        let mut by_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        groups.iter().enumerate().for_each(|(i, g)| by_length.entry(g.len()).or_default().push(i));
        let mut results = vec![Vec::new(); groups.len()];
        for (length, members) in by_length {
            let elements: Vec<Linear> = members.iter().flat_map(|i| groups[*i].clone()).collect();
            let sources = self.positions(name, &elements, false);
            let mut made = self.push(name, sources, op(length), outputs(length) * members.len());
            for i in members {
                results[i] = made.by_ref().take(outputs(length)).map(Linear::value).collect();
            }
        }
        results
    }

    /// The largest or smallest element of each group.
    pub(super) fn extremes(&mut self, name: &str, groups: &[Vec<Linear>], side: Side) -> Vec<Linear> {
        let one = |group: &Vec<Linear>| match group.as_slice() {
            [only] => Some(only.clone()),
            all if all.iter().all(|e| e.weights.is_empty()) => {
                let numbers: Vec<f64> = all.iter().map(|e| e.bias).collect();
                Some(Linear::constant(crate::onnx::float::extreme(side, &numbers)))
            }
            _ => None,
        };
        let known: Vec<Option<Linear>> = groups.iter().map(one).collect();
        let rest: Vec<Vec<Linear>> =
            groups.iter().zip(&known).filter(|(_, k)| k.is_none()).map(|(g, _)| g.clone()).collect();
        let made = self.grouped(name, &rest, |group| FloatOp::Extreme(group, side), |_| 1);
        let mut made = made.into_iter().map(|mut values| values.swap_remove(0));
        known.into_iter().map(|k| k.or_else(|| made.next()).unwrap_or_default()).collect()
    }

    /// For each element of each group: 1 if it is the first largest, else 0.
    pub(super) fn choices(&mut self, name: &str, groups: &[Vec<Linear>]) -> Vec<Vec<Linear>> {
        let bits = self.grouped(name, groups, FloatOp::Argmax, |group| group);
        let positions: Vec<usize> = bits.iter().flatten().filter_map(Linear::position).collect();
        self.are_bits(positions.into_iter());
        bits
    }

    /// Each element over the length of its group; or over its sum, where no element may be below 0.
    pub(super) fn shares(&mut self, name: &str, groups: &[Vec<Linear>], norm: FloatNorm) -> Vec<Vec<Linear>> {
        let shares = self.grouped(name, groups, |group| FloatOp::Normalize(group, norm), |group| group);
        for p in shares.iter().flatten().filter_map(Linear::position) {
            self.known.positive.extend((norm == FloatNorm::Sum).then_some(p));
        }
        shares
    }

    /// Values that are no larger than a feature, so that squares of them can be added up.
    pub(super) fn bounded(&mut self, name: &str, elements: &[Linear]) -> Vec<usize> {
        let clip = FloatActivation::Clip { low: -Self::largest(), high: Self::largest() };
        let reach = |known: &Known, e: &Linear| {
            e.weights.iter().map(|(p, w)| w.abs() * known.reach(*p)).sum::<f64>() + e.bias.abs()
        };
        let wide: Vec<Linear> = elements.iter().filter(|e| reach(&self.known, e) > Self::largest()).cloned().collect();
        let mut clipped = self.layer(name, &wide.iter().collect::<Vec<_>>(), clip).into_iter();
        let narrow: Vec<bool> = elements.iter().map(|e| reach(&self.known, e) <= Self::largest()).collect();
        let rest: Vec<Linear> = elements.iter().zip(&narrow).filter(|(_, n)| **n).map(|(e, _)| e.clone()).collect();
        let mut rest = self.positions(name, &rest, false).into_iter();
        narrow.iter().map(|narrow| if *narrow { rest.next() } else { clipped.next() }.unwrap_or(0)).collect()
    }

    /// The product of values that are 0 or 1.
    pub(super) fn product_of_bits(&mut self, name: &str, bits: &BTreeSet<usize>) -> Linear {
        let Some(last) = bits.last().copied() else { return Linear::constant(1.0) };
        if bits.len() == 1 {
            return Linear::value(last);
        }
        if let Some(position) = self.known.products.get(bits) {
            return Linear::value(*position);
        }
        let rest: BTreeSet<usize> = bits.iter().copied().filter(|b| *b != last).collect();
        let rest = self.product_of_bits(name, &rest).position().unwrap_or(last);
        let made = self.push(name, vec![rest, last], FloatOp::Multiply(1), 1).start;
        self.are_bits(std::iter::once(made));
        self.known.bits.insert(made, bits.clone());
        self.known.products.insert(bits.clone(), made);
        Linear::value(made)
    }

    /// Leaves of trees: which one is reached.
    pub(super) fn leaves(&mut self, name: &str, sources: Vec<usize>, trees: Vec<FloatTree>, count: usize) {
        let lengths: Vec<usize> = trees.iter().map(|tree| tree.nodes.len() + 1).collect();
        let made = self.push(name, sources, FloatOp::Forest(trees), count);
        let mut first = made.start;
        for length in lengths {
            self.known.trees.extend((first..first + length).map(|leaf| (leaf, first)));
            first += length;
        }
        self.known.whole.extend(made.clone());
        self.known.positive.extend(made);
    }

    /// The largest number that a feature can be.
    pub(super) fn largest() -> f64 {
        fixed::to_real(fixed::FEATURE_MAX)
    }
}
