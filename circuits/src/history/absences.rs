//! Absences: that a block has no receipt of a number.
//!
//! Statement: (`ABSENT`; place, n) is provided only if the trie whose root is the receipts root of the header of the place has no value under `rlp(n)`.
//!
//! | last edge | | the key |
//! |---|---|---|
//! | leaf | its path and the one to it | is another |
//! | branch, empty child | its path and the one to it | begins with |
//! | extension | the path to it, but not also its own | begins with |
//!
//! Sound: the key's first `d` nibbles are (`PREFIX`; number of this absence, d, integer), for d from 0 to its length, 2, 4 or 6. The path to the last
//! node is one of them, so if the trie had the key, it would be below that node. No key of an entry is the beginning of
//! another and none ends in a branch, and two keys are never the same integer, so one number tells leaves apart.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::entries::{self, EntryHint, EntryKey};
use super::nodes::{BRANCH, EXTENSION, LEAF};
use super::tables::{tag, two_to};
use super::words::{ZERO, equal, fixed, free, small};
use crate::grid::{Builder, Cell, In};
use crate::header::field;

/// Nibbles of the longest key.
const NIBBLES: u64 = 6;

/// Provides the beginnings of `key` for absence `number`: 31 rows.
fn prefixes(b: &mut Builder, number: u64, key: &EntryKey) {
    let missing = b.arith(&[(key.nibbles.into(), In::Const(-Fr::ONE))], None, Fr::from(NIBBLES));
    let zeros = small(missing.value()).min(64);
    let [shift, ..] = b.send(tag::NIBBLES, [In::Free(two_to(4 * zeros)), missing.into(), free(zeros % 2), ZERO]);
    let aligned = b.mul(key.key, shift);
    let digits: Vec<Cell> = (0..NIBBLES)
        .map(|i| {
            let digit = small(aligned.value()) >> (4 * (NIBBLES - 1 - i)) & 15;
            b.send(tag::NIBBLE, [free(digit), ZERO, ZERO, ZERO])[0]
        })
        .collect();
    let mut beginnings = vec![digits[0]];
    for digit in &digits[1..] {
        let before = beginnings[beginnings.len() - 1];
        beginnings.push(b.arith(&[(before.into(), fixed(16))], Some((*digit).into()), Fr::ZERO));
    }
    b.assert_equal(beginnings[NIBBLES as usize - 1], aligned);

    // nibbles = 2 + 2 four + 2 six
    let nibbles = small(key.nibbles.value());
    let [four, six] = [4, 6].map(|length| b.witness(Fr::from(u64::from(nibbles >= length))));
    let [square, other, both] = b.mul_row(four.into(), four.into(), (six.into(), six.into()), six.into());
    for (product, expected) in [(square, four), (other, six), (both, six)] {
        b.assert_equal(product, expected);
    }
    let length = b.arith(&[(four.into(), fixed(2)), (six.into(), fixed(2))], None, Fr::from(2));
    b.assert_equal(length, key.nibbles);

    b.provide(tag::PREFIX, [fixed(number), ZERO, ZERO, ZERO]);
    for depth in 1..=NIBBLES {
        let beginning = beginnings[depth as usize - 1];
        let [depth, beginning] = match depth {
            1 | 2 => [fixed(depth), beginning.into()],
            // (0, 0) once more if the key is shorter
            _ => {
                let is_there = if depth <= 4 { four } else { six };
                let [depth, beginning, _] = b.scale3(is_there, [fixed(depth), beginning.into(), ZERO]);
                [depth.into(), beginning.into()]
            }
        };
        b.provide(tag::PREFIX, [fixed(number), depth, beginning, ZERO]);
    }
}

/// Provides that the block has no receipt `hint.entry`: 67 rows.
///
/// - `number`: of this absence, among all of the circuit
pub(super) fn absence(b: &mut Builder, number: u64, hint: &EntryHint) {
    let (place, root) = entries::root(b, &hint.trie, field::RECEIPTS_ROOT);
    let key = entries::key(b, hint.entry);
    prefixes(b, number, &key);
    let edge = hint.end.edge;
    let node = [root.into(), In::Free(edge.list), In::Free(hint.end.path), free(hint.end.depth)];
    let [_, list, path, depth] = b.send(tag::REACH, node);
    b.send(tag::PREFIX, [fixed(number), depth.into(), path.into(), ZERO]);
    let [_, code, rest, item] = b.send(tag::EDGE, [list.into(), free(edge.code), In::Free(edge.path), free(edge.item)]);
    let is_leaf = edge.code >= LEAF;
    let [leaf, extension] = [is_leaf, !is_leaf && edge.code != BRANCH].map(|flag| b.witness(Fr::from(u64::from(flag))));
    let [square, other, _] = b.mul_row(leaf.into(), leaf.into(), (extension.into(), extension.into()), ZERO);
    b.assert_equal(square, leaf);
    b.assert_equal(other, extension);
    let kinds = [(leaf.into(), In::Const(-Fr::from(LEAF))), (extension.into(), In::Const(-Fr::from(EXTENSION)))];
    let count = b.arith(&kinds, Some(code.into()), Fr::ZERO);
    let taken = small(count.value());
    let shift = In::Free(two_to(4 * taken.min(64)));
    let ([shift, ..], full_depth) = b.send_sum(tag::NIBBLES, [shift, count.into(), free(taken % 2), ZERO], depth);
    let full_path = b.arith(&[(path.into(), shift.into())], Some(rest.into()), Fr::ZERO);

    // what the whole path is compared with: a leaf with the key, others with as many of its nibbles
    let others = [(leaf.into(), In::Const(-Fr::ONE)), (extension.into(), In::Const(-Fr::ONE))];
    let branch = b.arith(&others, None, Fr::ONE);
    let [minus_leaf, ..] = b.scale3(leaf, [In::Const(-Fr::ONE), ZERO, ZERO]);
    let asked = b.arith(&[(minus_leaf.into(), full_depth.into())], Some(full_depth.into()), Fr::ZERO);
    let digits = small(asked.value()).min(NIBBLES);
    let nibbles = small(key.nibbles.value()).max(digits);
    let beginning = free(small(key.key.value()) >> (4 * (nibbles - digits)));
    let beginning = if digits == 0 { free(0) } else { beginning };
    let [_, _, beginning, _] = b.send(tag::PREFIX, [fixed(number), asked.into(), beginning, ZERO]);
    let compared = b.arith(&[(leaf.into(), key.key.into())], Some(beginning.into()), Fr::ZERO);
    let same = equal(b, compared, full_path);
    b.assert_equal(same, branch);
    let here = b.read(item, 0);
    let not_empty = [(branch.into(), here.byte.into()), (branch.into(), In::Const(-Fr::from(0x80)))];
    let not_empty = b.arith(&not_empty, None, Fr::ZERO);
    b.assert_zero(not_empty);
    b.provide(tag::ABSENT, [place.into(), key.entry.into(), ZERO, ZERO]);
}
