//! Numbers and words read from message memory.
//!
//! Statement: the big-endian integer in the `l <= 31` bytes `[a, a + l)` is `N(a + l) - N(a) 256^l`, where `N` is the running
//! integer of the memory. A word of 32 bytes is its top byte and the integer of the other 31.
//!
//! Sound: the difference equals the integer modulo p, and the integer is below `256^31 < p`. For 32 bytes the difference is
//! the word modulo p, so subtracting the top byte's share leaves the low 248 bits, which are below p.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::tables::{bytes_shift, short_size, tag, two_to};
use crate::grid::{Builder, Cell, In, Memory, Read};

pub(super) const ZERO: In = In::Const(Fr::ZERO);
pub(super) const ONE: In = In::Const(Fr::ONE);

/// A fixed natural number.
pub(super) fn fixed(v: u64) -> In {
    In::Const(Fr::from(v))
}

/// A new witness.
pub(super) fn free(v: u64) -> In {
    In::Free(Fr::from(v))
}

/// A natural number that is known to be small, for computing witnesses.
pub(super) fn small(x: Fr) -> u64 {
    u64::from_le_bytes(x.to_bytes()[..8].try_into().expect("eight bytes"))
}

/// A 256-bit word: the top byte, and the low 248 bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub top: Cell,
    pub low: Cell,
}

/// The integer modulo p in the `length` bytes from `address`, natively.
pub(super) fn integer(memory: &Memory, address: u64, length: u64) -> Fr {
    (address..address + length)
        .fold(Fr::ZERO, |acc, a| acc * Fr::from(256) + Fr::from(u64::from(memory.byte(a as usize))))
}

/// The integer in the `length` bytes between two reads: one row. Exact for `length <= 31`, modulo p above.
pub(super) fn between(b: &mut Builder, from: &Read, to: &Read, length: u64) -> Cell {
    b.arith(&[(from.before.into(), In::Const(-bytes_shift(length)))], Some(to.before.into()), Fr::ZERO)
}

/// The word in the 32 bytes from `from` to `to`: one row.
pub(super) fn word_between(b: &mut Builder, from: &Read, to: &Read) -> Word {
    let shares = [(from.before.into(), In::Const(-bytes_shift(32))), (from.byte.into(), In::Const(-bytes_shift(31)))];
    let low = b.arith(&shares, Some(to.before.into()), Fr::ZERO);
    Word { top: from.byte, low }
}

/// The word in the 32 bytes at `base + offset`: three rows.
pub(super) fn word_at(b: &mut Builder, base: Cell, offset: usize) -> Word {
    let from = b.read(base, offset);
    let to = b.read(base, offset + 32);
    word_between(b, &from, &to)
}

/// The word modulo p: one row.
pub(super) fn modulo_p(b: &mut Builder, word: &Word) -> Cell {
    b.arith(&[(word.top.into(), In::Const(bytes_shift(31)))], Some(word.low.into()), Fr::ZERO)
}

/// Enforces `x < 16^digits`, for at most 16 digits: one row a digit, and one for three.
pub(super) fn assert_below(b: &mut Builder, x: Cell, digits: u64) {
    let value = small(x.value());
    let shares: Vec<(In, In)> = (0..digits)
        .map(|i| {
            let [digit, ..] = b.send(tag::NIBBLE, [free(value >> (4 * i) & 15), ZERO, ZERO, ZERO]);
            (digit.into(), In::Const(two_to(4 * i)))
        })
        .collect();
    let sum = b.dot(&shares, Fr::ZERO);
    b.assert_equal(sum, x);
}

/// A short RLP item read as a big-endian number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    /// The payload's integer, modulo p (exact unless `is_word`).
    pub value: Cell,
    /// Bytes of the whole item.
    pub size: Cell,
    /// 1 if the payload has 32 bytes.
    pub is_word: Cell,
    /// The address after the item, less the offset that the item was read at.
    pub end: Cell,
    /// Read of the byte after the item.
    pub next: Read,
}

/// Size of the short item at `base + offset`, and whether it has a prefix besides its payload (as 1/256 or 0), and
/// `base + size`: one row.
pub(super) fn item(b: &mut Builder, here: &Read, base: Cell) -> ([Cell; 2], Cell) {
    let prefix = small(here.byte.value()) as u8;
    let size = short_size(prefix).unwrap_or(0);
    let prefixed = if prefix < 0x80 { Fr::ZERO } else { Fr::from(256).invert().expect("not zero") };
    let ([_, size, prefixed, _], end) =
        b.send_sum(tag::ITEM, [here.byte.into(), free(size), In::Free(prefixed), ZERO], base);
    ([size, prefixed], end)
}

/// Reads the number in the short item at `base + offset`, where `here` is the read of its first byte: five rows.
///
/// Enforces that the item is short. Sound: `N(end) - 256^size (N(start) + prefix / 256)` for an item with a prefix, without
/// the prefix's share for a single byte, is the payload's integer modulo p.
pub(super) fn number(b: &mut Builder, here: &Read, base: Cell, offset: usize) -> Number {
    let ([size, prefixed], end) = item(b, here, base);
    let is_word = free(u64::from(small(size.value()) == 33));
    let power = In::Free(-bytes_shift(small(size.value())));
    let [power, _, is_word, _] = b.send(tag::POWER, [power, size.into(), is_word, ZERO]);
    let next = b.read(end, offset);
    let start = b.arith(&[(prefixed.into(), here.byte.into())], Some(here.before.into()), Fr::ZERO);
    let value = b.arith(&[(power.into(), start.into())], Some(next.before.into()), Fr::ZERO);
    Number { value, size, is_word, end, next }
}

/// The word that a number of at most 32 bytes is: three rows. `here` as for [`number`].
pub(super) fn word_of(b: &mut Builder, number: &Number, base: Cell, offset: usize) -> Word {
    let first = b.read(base, offset + 1);
    let top = b.mul(number.is_word, first.byte);
    let low = b.arith(&[(top.into(), In::Const(-bytes_shift(31)))], Some(number.value.into()), Fr::ZERO);
    Word { top, low }
}

/// 1 if `a = b`, else 0: three rows.
///
/// Sound: `bit = 1 - x inverse` and `x bit = 0` leave `bit = 1` for `x = 0`, and `bit = 0` otherwise.
pub(super) fn equal(b: &mut Builder, x: Cell, y: Cell) -> Cell {
    let difference = b.sub(x, y);
    let inverse = -difference.value().invert().unwrap_or(Fr::ZERO);
    let bit = b.arith(&[(difference.into(), In::Free(inverse))], None, Fr::ONE);
    b.assert_zero_if(difference, bit);
    bit
}
