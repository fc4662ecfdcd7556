//! Writes a program as Solidity again.

use super::program::{Op, Value};
use alloy::primitives::U256;
use std::fmt::Write;

/// Order of the scalar field, `f_q` in generated code.
const F_Q: U256 = U256::from_limbs([0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d, 0x30644e72e131a029]);

const PROLOGUE: &str = r#"pragma solidity 0.8.19;

contract Halo2Verifier {
    fallback(bytes calldata) external returns (bytes memory) {
        assembly ("memory-safe") {
            // Enforce that Solidity memory layout is respected
            if iszero(eq(mload(0x40), 0x80)) { revert(0, 0) }
            let success := true
            let f_q := 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001

            // Reads n points at calldata c to memory m; each must be on the curve, canonical, and not the identity.
            function points(c, m, n) -> ok {
                let p := 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47
                ok := 1
                for { let end := add(c, shl(6, n)) } lt(c, end) { c := add(c, 0x40) m := add(m, 0x40) } {
                    let x := calldataload(c)
                    let y := calldataload(add(c, 0x20))
                    mstore(m, x)
                    mstore(add(m, 0x20), y)
                    let on_curve := eq(addmod(mulmod(mulmod(x, x, p), x, p), 3, p), mulmod(y, y, p))
                    ok := and(and(and(lt(x, p), lt(y, p)), on_curve), ok)
                }
            }

"#;

const EPILOGUE: &str = "
            if iszero(success) { revert(0, 0) }
            return(0, 0)
        }
    }
}
";

/// The contract for `ops`.
pub(super) fn solidity(ops: &[Op]) -> String {
    let mut out = PROLOGUE.to_string();
    for op in ops {
        let _ = writeln!(out, "            {}", statement(op));
    }
    out + EPILOGUE
}

fn statement(op: &Op) -> String {
    let must = |condition: String| format!("success := and({condition}, success)");
    match op {
        Op::Store(at, v) => format!("mstore({at:#x}, {})", value(v)),
        Op::StoreOne(at) => format!("mstore8({at:#x}, 1)"),
        Op::Points { calldata, at, count } => must(format!("points({calldata:#x}, {at:#x}, {count})")),
        Op::Precompile { number, input, output } => must(precompile(*number, *input, *output)),
        Op::CheckOne(at) => must(format!("eq(mload({at:#x}), 1)")),
        Op::Products { start, steps } => {
            let step = |(v, at): &(Value, usize)| format!(" p := mulmod({}, p, f_q) mstore({at:#x}, p)", value(v));
            format!("{{ let p := {}{} }}", value(start), steps.iter().map(step).collect::<String>())
        }
        Op::Inverses { start, steps, last } => {
            let step = |(v, at, product): &(Value, usize, usize)| {
                let set = format!("mstore({at:#x}, mulmod(mload({product:#x}), i, f_q))");
                format!(" v := {} {set} i := mulmod(v, i, f_q)", value(v))
            };
            let steps: String = steps.iter().map(step).collect();
            format!("{{ let i := {} let v{steps} mstore({last:#x}, i) }}", value(start))
        }
        Op::PointMul { w, x, y, s } => store(*w, &[x, y, s]) + &must(precompile(7, (*w, 0x60), (*w, 0x40))),
        Op::PointMulAdd { w, x, y, s } => {
            let term = w + 0x40;
            let product = store(term, &[x, y, s]) + &must(precompile(7, (term, 0x60), (term, 0x40)));
            product + " " + &must(precompile(6, (*w, 0x80), (*w, 0x40)))
        }
        Op::PointAdd { w, x, y } => store(w + 0x40, &[x, y]) + &must(precompile(6, (*w, 0x80), (*w, 0x40))),
    }
}

fn precompile(number: usize, input: (usize, usize), output: (usize, usize)) -> String {
    format!("staticcall(gas(), {number:#x}, {:#x}, {:#x}, {:#x}, {:#x})", input.0, input.1, output.0, output.1)
}

/// Stores words one after the other.
fn store(at: usize, values: &[&Value]) -> String {
    values.iter().enumerate().map(|(i, v)| format!("mstore({:#x}, {}) ", at + 32 * i, value(v))).collect()
}

fn value(v: &Value) -> String {
    // Arguments are computed from the right, so the deeper one stands there.
    let ordered =
        |a: &Value, b: &Value| if a.slots() > b.slots() { (value(b), value(a)) } else { (value(a), value(b)) };
    match v {
        Value::Load(at) => format!("mload({at:#x})"),
        Value::Const(text) => constant(text),
        Value::Mul(a, b) => {
            let (a, b) = ordered(a, b);
            format!("mulmod({a}, {b}, f_q)")
        }
        Value::Add(a, b) => {
            let (a, b) = ordered(a, b);
            format!("addmod({a}, {b}, f_q)")
        }
        Value::Neg(a) => format!("sub(f_q, {})", value(a)),
        Value::Mod(a) => format!("mod({}, f_q)", value(a)),
        Value::Calldata(at) => format!("calldataload({at:#x})"),
        Value::Keccak(at, bytes) => format!("keccak256({at:#x}, {bytes:#x})"),
    }
}

/// A number just below `f_q` is shorter as a difference.
fn constant(text: &str) -> String {
    match text.parse::<U256>() {
        Ok(n) if n < F_Q && F_Q - n < U256::from(1) << 64 => format!("sub(f_q, {:#x})", F_Q - n),
        Ok(n) => format!("{n:#x}"),
        Err(_) => text.to_string(),
    }
}
