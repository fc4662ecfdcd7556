//! Is this a string of one secret?
//!
//! Statement: `g[0]` and `g2` are the generators, `tau*G2` is in the subgroup of order r and not the identity, and for random `r_i`
//! `e(sum r_i g[i+1], G2) = e(sum r_i g[i], tau*G2)`; then `g[i] = tau^i G1` for all i but with probability `1/r`.
//! The Lagrange points are checked by committing to one random polynomial in both bases.

use super::SrsError;
use halo2_base::halo2_proofs::{
    arithmetic::best_multiexp,
    halo2curves::{
        bn256::{Bn256, Fr, G1Affine, G2Affine, pairing},
        ff::Field,
        group::{Curve, cofactor::CofactorGroup, prime::PrimeCurveAffine},
    },
    poly::{
        EvaluationDomain,
        commitment::{Blind, Params, ParamsProver},
        kzg::commitment::ParamsKZG,
    },
};
use rand::rngs::OsRng;
use std::path::Path;

/// Enforces the statement of this file.
///
/// # Errors
/// [`SrsError::Inconsistent`] says which part failed; `path` is only for the message.
pub(super) fn one_secret(path: &Path, params: &ParamsKZG<Bn256>) -> Result<(), SrsError> {
    let ensure =
        |holds: bool, what| if holds { Ok(()) } else { Err(SrsError::Inconsistent { path: path.into(), what }) };
    let (g, g2, s_g2) = (params.get_g(), params.g2(), params.s_g2());
    ensure(g[0] == G1Affine::generator(), "the first power in G1 is not the generator")?;
    ensure(g2 == G2Affine::generator(), "the first power in G2 is not the generator")?;
    ensure(bool::from(s_g2.to_curve().is_torsion_free()), "tau in G2 is outside the subgroup of order r")?;
    ensure(!bool::from(s_g2.is_identity()), "tau is zero")?;

    let random: Vec<Fr> = (0..g.len() - 1).map(|_| Fr::random(OsRng)).collect();
    let low = best_multiexp(&random, &g[..g.len() - 1]).to_affine();
    let high = best_multiexp(&random, &g[1..]).to_affine();
    ensure(
        pairing(&high, &g2) == pairing(&low, &s_g2),
        "powers of tau in G1 are not consecutive powers of the tau in G2",
    )?;

    let domain = EvaluationDomain::<Fr>::new(1, params.k());
    let mut values = domain.empty_lagrange();
    values.iter_mut().for_each(|v| *v = Fr::random(OsRng));
    let in_lagrange = params.commit_lagrange(&values, Blind(Fr::ZERO));
    let in_powers = params.commit(&domain.lagrange_to_coeff(values), Blind(Fr::ZERO));
    ensure(in_lagrange == in_powers, "the Lagrange points do not belong to the powers of tau")
}
