//! Prints what the keccak engine costs: native CPU time a permutation, and rows and cells of its circuit.
//!
//! Arguments: numbers of permutations, each a power of two (32 to 1,024). One JSON object a line. `cells_per_permutation` is
//! the marginal cost between two sizes; `fixed_cells` is what is left.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use serde_json::json;
use std::time::Instant;
use vouch_circuits::{
    grid::{Builder, ROWS_PER_BLOCK, Shape},
    keccak::{bind, prove},
};

/// CPU-seconds of this process so far, user and system.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // fields 14 and 15 of proc(5), counted after the command name in parentheses
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |i: usize| fields.get(i).and_then(|v| v.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) / 100.0
}

/// Cells that hold something: the main rows, and the memory with its weights and its running sum.
fn cells(blocks: usize) -> (usize, usize) {
    let shape = Shape { k: 18, blocks };
    let messages = bind::Blocks::new(&[b"vouch"], blocks).expect("one block is enough");
    let mut builder = Builder::new(shape, messages.memory());
    let flags = bind::flags(&mut builder, &messages.first);
    bind::finish(&mut builder, &flags, &messages);
    let rows = builder.rows() + 256;
    (rows, rows * 8 + blocks * ROWS_PER_BLOCK * 6)
}

fn main() {
    let ((_, small), (_, large)) = (cells(64), cells(512));
    let per_permutation = (large - small) as f64 / (512.0 - 64.0);
    let fixed = small as f64 - 64.0 * per_permutation;
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![32, 64, 128, 256, 512, 1024] } else { sizes };
    for n in sizes {
        let messages: Vec<[u8; 136]> = (0..n).map(|i| std::array::from_fn(|j| (i * 31 + j * 7) as u8)).collect();
        let first: Vec<bool> = (0..n).map(|i| i % 4 == 0).collect();
        let (cpu, wall) = (cpu_seconds(), Instant::now());
        let rounds = (512 / n).max(1);
        for round in 0..rounds {
            let (proof, _) = prove(&messages, &first, Fr::from(round as u64) + Fr::ONE);
            assert_eq!(proof.n(), n.trailing_zeros() as usize);
        }
        let each = (n * rounds) as f64;
        let (rows, _) = cells(n);
        println!(
            "{}",
            json!({
                "bench": "keccak",
                "case": format!("n-{n}"),
                "permutations": n,
                "native_cpu_ms_per_permutation": (cpu_seconds() - cpu) * 1e3 / each,
                "native_wall_ms_per_permutation": wall.elapsed().as_secs_f64() * 1e3 / each,
                "rows": rows,
                "cells_per_permutation": per_permutation,
                "fixed_cells": fixed,
            })
        );
    }
}
