//! Merkle paths: from a block hash to the root of its run, and on to the mountain of the range that holds it.

use alloy::primitives::B256;
use vouch_circuits::history::ancestry::levels;

/// The siblings of leaf `index` in the binary keccak tree above `leaves`, the lowest first. Their number is a power of two.
pub fn siblings(leaves: &[B256], index: usize) -> Vec<B256> {
    let leaves: Vec<[u8; 32]> = leaves.iter().map(|leaf| leaf.0).collect();
    let levels = levels(&leaves);
    let below_root = &levels[..levels.len().saturating_sub(1)];
    below_root.iter().enumerate().map(|(height, level)| B256::from(level[(index >> height) ^ 1])).collect()
}

/// The root above `leaves`.
pub fn root(leaves: &[B256]) -> B256 {
    let leaves: Vec<[u8; 32]> = leaves.iter().map(|leaf| leaf.0).collect();
    levels(&leaves).last().and_then(|top| top.first()).copied().unwrap_or_default().into()
}

/// Where the mountain of a range of `length` blocks lies that holds block `number`: its first block and its height. `None` if the block is
/// beyond the range.
pub fn mountain(length: u64, number: u64) -> Option<(u64, u32)> {
    let height = (number < length).then(|| (number ^ length).ilog2())?;
    Some((number >> height << height, height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::keccak256;

    #[test]
    fn siblings_lead_to_the_root() {
        let leaves: Vec<B256> = (0..8u8).map(B256::repeat_byte).collect();
        for index in 0..8usize {
            let mut node = leaves[index];
            for (height, sibling) in siblings(&leaves, index).into_iter().enumerate() {
                let pair = if index >> height & 1 == 0 { [node, sibling] } else { [sibling, node] };
                node = keccak256(pair.concat());
            }
            assert_eq!(node, root(&leaves));
        }
        assert!(siblings(&leaves[..1], 0).is_empty());
    }

    /// 28 = 16 + 8 + 4.
    #[test]
    fn mountains_are_the_bits_of_the_length() {
        for (number, expected) in
            [(0, (0, 4)), (15, (0, 4)), (16, (16, 3)), (23, (16, 3)), (24, (24, 2)), (27, (24, 2))]
        {
            assert_eq!(mountain(28, number), Some(expected));
        }
        assert_eq!(mountain(28, 28), None);
        assert_eq!(mountain(0, 0), None);
    }
}
