//! CPU time of the native keccak prover: `cargo run --release -p vouch-circuits --example keccak_bench [N...]`.
//!
//! Prints one JSON line for each number of instances. CPU time is that of the process, all threads together.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use std::time::Instant;
use vouch_circuits::keccak::{claim_holds, prove, verify_native};

fn main() {
    let mut counts: Vec<usize> = std::env::args().skip(1).filter_map(|count| count.parse().ok()).collect();
    if counts.is_empty() {
        counts = vec![32, 64, 256, 1024];
    }
    for count in counts {
        let messages: Vec<[u8; 136]> = (0..count).map(|i| std::array::from_fn(|j| (i * 31 + j * 7) as u8)).collect();
        let first: Vec<bool> = (0..count).map(|i| i % 4 == 0).collect();
        let seed = Fr::from(count as u64);
        let (start, cpu) = (Instant::now(), cpu_ms());
        let (proof, outs) = prove(&messages, &first, seed);
        let (wall, cpu) = (start.elapsed().as_secs_f64() * 1e3, cpu_ms() - cpu);
        let start = Instant::now();
        let accepted = verify_native(seed, &first, &proof).is_ok_and(|claim| claim_holds(&claim, &messages, &outs));
        let verify = start.elapsed().as_secs_f64() * 1e3;
        let (each, each_wall) = (cpu / count as f64, wall / count as f64);
        println!(
            "{{\"bench\":\"keccak\",\"permutations\":{count},\"cpu_ms_each\":{each:.2},\"wall_ms_each\":{each_wall:.2},\
             \"cpu_ms\":{cpu:.0},\"wall_ms\":{wall:.0},\"verify_ms\":{verify:.0},\"accepted\":{accepted}}}"
        );
    }
}

/// CPU milliseconds of this process so far; ticks of 10 ms.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) * 10.0
}
