//! Makes a generated verifier fit: the same computation in less code and gas.
//!
//! Statement: for every calldata the compacted contract succeeds exactly when the original does.
//!
//! snark-verifier stores every intermediate value in memory and writes each elliptic-curve operation out in full; a circuit of fifteen
//! columns comes to 32 KB, a third more than a contract may have. The rewrites, each local and each checked before it is applied:
//! - a value that is written once and read once is computed where it is read (`passes::inline_temporaries`);
//! - the sum of points times scalars, the bulk of the verifier, runs on one accumulator (`passes::chain_points`);
//! - products with 1 and sums with 0 go (`passes::drop_neutral`);
//! - points are read in a loop (`passes::join_points`);
//! - what is left of memory is moved together (`passes::renumber`).
//!
//! The input is parsed, not searched: anything that snark-verifier 0.2.7 does not write is an error, never passed through.

mod passes;
mod print;
mod program;
mod yul;

/// First byte of memory that generated code uses; Solidity keeps what lies below.
const MEMORY_START: usize = 0x80;
/// The last line of the generated prologue and the first of the epilogue.
const BODY_BEGINS: &str = "let is_affine := eq(x_cube_plus_3, y_square)";
const BODY_ENDS: &str = "// Revert if anything fails";

/// Rewrites the Solidity that snark-verifier generates.
///
/// # Errors
/// What was not understood.
pub fn compact(code: &str) -> Result<String, String> {
    let (_, rest) = code.split_once(BODY_BEGINS).ok_or("the generated prologue has changed")?;
    let (body, _) = rest.split_once(BODY_ENDS).ok_or("the generated epilogue has changed")?;
    // What is left of validate_ec_point: `valid := and(valid, is_affine) } }`.
    let body = body.splitn(3, '}').nth(2).ok_or("the generated prologue has changed")?;
    let ops = program::read(&yul::parse(body)?)?;
    let ops = passes::chain_points(passes::drop_neutral(ops));
    let ops = passes::join_points(passes::inline_temporaries(ops));
    Ok(print::solidity(&passes::renumber(ops, MEMORY_START)))
}

#[cfg(test)]
mod tests {
    use super::{
        passes::{drop_neutral, inline_temporaries, renumber},
        print, program, yul,
    };

    fn rewritten(body: &str) -> String {
        let ops = program::read(&yul::parse(body).unwrap()).unwrap();
        let text = print::solidity(&renumber(inline_temporaries(ops), 0x80));
        let (_, body) = text.split_once("\n            }\n\n").unwrap();
        let (body, _) = body.split_once("\n            if iszero").unwrap();
        body.lines().map(str::trim).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn value_used_once_moves_to_its_use() {
        let body = "mstore(0x100, mulmod(mload(0x80), 7, f_q)) mstore(0x140, addmod(mload(0x100), mload(0xa0), f_q))";
        assert_eq!(rewritten(body), "mstore(0xc0, addmod(mload(0xa0), mulmod(mload(0x80), 0x7, f_q), f_q))");
    }

    #[test]
    fn value_stays_when_it_is_used_twice_hashed_or_made_of_what_changes() {
        let twice = "mstore(0xa0, mulmod(mload(0x80), 7, f_q)) mstore(0xc0, mulmod(mload(0xa0), mload(0xa0), f_q))";
        assert_eq!(rewritten(twice), twice.replace(") mstore", ")\nmstore").replace('7', "0x7"));
        let hashed = "mstore(0xa0, mulmod(mload(0x80), mload(0x80), f_q)) mstore(0xc0, keccak256(0xa0, 0x20)) mstore(0xe0, mload(0xa0))";
        assert!(rewritten(hashed).starts_with("mstore(0xa0, mulmod("));
        let changed = "mstore(0xa0, mulmod(mload(0x80), mload(0x80), f_q)) mstore(0x80, calldataload(0x0)) mstore(0xc0, mload(0xa0))";
        assert!(rewritten(changed).starts_with("mstore(0xa0, mulmod("), "{}", rewritten(changed));
    }

    #[test]
    fn neutral_factor_goes_only_before_what_is_reduced() {
        let rewritten = |body: &str| {
            let ops = program::read(&yul::parse(body).unwrap()).unwrap();
            format!("{:?}", drop_neutral(ops))
        };
        let reduced = "mstore(0x80, mulmod(1, mulmod(mload(0xa0), 3, f_q), f_q))";
        assert!(!rewritten(reduced).contains("\"1\""));
        let raw = "mstore(0x80, calldataload(0x0)) mstore(0xa0, mulmod(1, mload(0x80), f_q))";
        assert!(rewritten(raw).contains("\"1\""));
        let from_raw =
            "mstore(0x80, calldataload(0x0)) mstore(0xa0, mload(0x80)) mstore(0xc0, addmod(mload(0xa0), 0, f_q))";
        assert!(rewritten(from_raw).contains("\"0\""));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for body in ["sstore(0x0, 1)", "success := 1", "mstore(0xa0, mload(0x81))", "{ let y := 1 }"] {
            let read = yul::parse(body).and_then(|statements| program::read(&statements));
            assert!(read.is_err(), "{body}");
        }
        assert!(super::compact("contract Other {}").is_err());
    }
}
