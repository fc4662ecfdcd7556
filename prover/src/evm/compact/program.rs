//! A generated verifier as a list of memory operations, all at constant addresses.

use super::yul::{Expr, Stmt};

/// A value modulo r, or raw where noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// The word at an address.
    Load(usize),
    /// A number as written.
    Const(String),
    /// `mulmod(a, b, f_q)`
    Mul(Box<Value>, Box<Value>),
    /// `addmod(a, b, f_q)`
    Add(Box<Value>, Box<Value>),
    /// `sub(f_q, a)`
    Neg(Box<Value>),
    /// `mod(a, f_q)`
    Mod(Box<Value>),
    /// `calldataload(at)`
    Calldata(usize),
    /// `keccak256(at, bytes)`
    Keccak(usize, usize),
}

/// One step; addresses are bytes in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// `mstore(at, value)`
    Store(usize, Value),
    /// `mstore8(at, 1)`
    StoreOne(usize),
    /// Reads `count` points at `calldata` to `at` and checks that each is on the curve.
    Points { calldata: usize, at: usize, count: usize },
    /// A precompile; must succeed.
    Precompile { number: usize, input: (usize, usize), output: (usize, usize) },
    /// The word at the address must be 1.
    CheckOne(usize),
    /// `p := start; (p := value * p; store p)*`
    Products { start: Value, steps: Vec<(Value, usize)> },
    /// `i := start; (v := value; store product * i at the value's place; i := v * i)*; store i`
    Inverses { start: Value, steps: Vec<(Value, usize, usize)>, last: usize },
    /// `(x, y) * s` to `w`.
    PointMul { w: usize, x: Value, y: Value, s: Value },
    /// The point at `w` plus `(x, y) * s`, to `w`; 0xa0 bytes at `w` are used.
    PointMulAdd { w: usize, x: Value, y: Value, s: Value },
    /// The point at `w` plus `(x, y)`, to `w`.
    PointAdd { w: usize, x: Value, y: Value },
}

/// Understands everything that snark-verifier 0.2.7 writes.
///
/// # Errors
/// The statement that it does not write.
pub(super) fn read(statements: &[Stmt]) -> Result<Vec<Op>, String> {
    let mut ops = vec![];
    for statement in statements {
        let known = simple(statement).or_else(|| match statement {
            Stmt::Block(inner) => block(inner),
            _ => None,
        });
        ops.extend(known.ok_or_else(|| format!("unknown statement {statement:?}"))?);
    }
    match ops.iter().find(|op| !is_regular(op)) {
        Some(op) => Err(format!("irregular step {op:?}")),
        None => Ok(ops),
    }
}

/// Addresses are multiples of a word, and hashes stand alone: the rewrites rely on both.
fn is_regular(op: &Op) -> bool {
    let mut aligned = op.writes().iter().chain(&op.ranges_read()).all(|(at, _)| at % 32 == 0);
    let mut pure = true;
    op.values(&mut |v| {
        v.loads(&mut |at| aligned &= at % 32 == 0);
        pure &= v.is_pure() || matches!((op, v), (Op::Store(..), Value::Keccak(..)));
    });
    aligned && pure
}

fn simple(statement: &Stmt) -> Option<Vec<Op>> {
    match statement {
        Stmt::Do(call) => {
            if let Some([at, one]) = call.args("mstore8") {
                return (one.address()? == 1).then_some(vec![Op::StoreOne(at.address()?)]);
            }
            let [at, stored] = call.args("mstore")?;
            Some(vec![Op::Store(at.address()?, value(stored)?)])
        }
        Stmt::Set(name, set) if name == "success" => {
            let [condition, before] = set.args("and")?;
            let [left, right] = condition.args("eq")?;
            if !before.is_name("success") || right.address()? != 1 {
                return None;
            }
            if let Some([at]) = left.args("mload") {
                return Some(vec![Op::CheckOne(at.address()?)]);
            }
            let [gas, numbers @ ..] = left.args::<6>("staticcall")?;
            gas.args::<0>("gas")?;
            let n: Vec<usize> = numbers.iter().map(Expr::address).collect::<Option<_>>()?;
            Some(vec![Op::Precompile { number: n[0], input: (n[1], n[2]), output: (n[3], n[4]) }])
        }
        _ => None,
    }
}

fn block(inner: &[Stmt]) -> Option<Vec<Op>> {
    let Stmt::Let(name, Some(first)) = inner.first()? else { return None };
    match name.as_str() {
        "x" => point(first, &inner[1..]),
        "hash" => hash(value(first)?, &inner[1..]),
        "result" => sum(value(first)?, &inner[1..]),
        "prod" => products(value(first)?, &inner[1..]),
        "inv" => inverses(value(first)?, &inner[1..]),
        _ => None,
    }
}

/// `let x := calldataload(c) mstore(m, x) let y := calldataload(c + 32) mstore(m + 32, y) success := …`
fn point(x: &Expr, rest: &[Stmt]) -> Option<Vec<Op>> {
    let [Stmt::Do(store_x), Stmt::Let(y_name, Some(y)), Stmt::Do(store_y), Stmt::Set(success, check)] = rest else {
        return None;
    };
    let ([cx], [cy]) = (x.args("calldataload")?, y.args("calldataload")?);
    let ([mx, x_stored], [my, y_stored]) = (store_x.args("mstore")?, store_y.args("mstore")?);
    let [valid, before] = check.args("and")?;
    let [checked_x, checked_y] = valid.args("validate_ec_point")?;
    let (calldata, at) = (cx.address()?, mx.address()?);
    let right = y_name == "y"
        && success == "success"
        && before.is_name("success")
        && [x_stored, checked_x].iter().all(|e| e.is_name("x"))
        && [y_stored, checked_y].iter().all(|e| e.is_name("y"))
        && cy.address()? == calldata + 0x20
        && my.address()? == at + 0x20;
    right.then_some(vec![Op::Points { calldata, at, count: 1 }])
}

/// `let hash := h mstore(a, mod(hash, f_q)) mstore(b, hash)`
fn hash(h: Value, rest: &[Stmt]) -> Option<Vec<Op>> {
    let [Stmt::Do(challenge), Stmt::Do(copy)] = rest else { return None };
    let ([a, reduced], [b, raw]) = (challenge.args("mstore")?, copy.args("mstore")?);
    let [of, modulus] = reduced.args("mod")?;
    let right = of.is_name("hash") && raw.is_name("hash") && modulus.is_name("f_q");
    right.then_some(vec![Op::Store(a.address()?, Value::Mod(h.clone().into())), Op::Store(b.address()?, h)])
}

/// Terms of a sum computed as one value: each takes a stack slot.
const SUM_AT_ONCE: usize = 5;

/// `let result := a (result := addmod(b, result, f_q))* mstore(p, result)`
fn sum(start: Value, rest: &[Stmt]) -> Option<Vec<Op>> {
    let (Stmt::Do(store), steps) = rest.split_last()? else { return None };
    let [at, stored] = store.args("mstore")?;
    let at = at.address()?;
    let (mut out, mut total) = (vec![], start);
    for (i, step) in steps.iter().enumerate() {
        let Stmt::Set(name, added) = step else { return None };
        let [addend, before, modulus] = added.args("addmod")?;
        if name != "result" || !before.is_name("result") || !modulus.is_name("f_q") {
            return None;
        }
        if i % SUM_AT_ONCE == SUM_AT_ONCE - 1 {
            out.push(Op::Store(at, std::mem::replace(&mut total, Value::Load(at))));
        }
        total = Value::Add(value(addend)?.into(), total.into());
    }
    out.push(Op::Store(at, total));
    stored.is_name("result").then_some(out)
}

/// `(prod := mulmod(v, prod, f_q) mstore(p, prod))*`
fn products(start: Value, rest: &[Stmt]) -> Option<Vec<Op>> {
    let step = |pair: &[Stmt]| {
        let [Stmt::Set(name, product), Stmt::Do(store)] = pair else { return None };
        let [v, before, modulus] = product.args("mulmod")?;
        let [at, stored] = store.args("mstore")?;
        let right = name == "prod" && before.is_name("prod") && stored.is_name("prod") && modulus.is_name("f_q");
        right.then_some((value(v)?, at.address()?))
    };
    let steps = rest.chunks(2).map(step).collect::<Option<_>>()?;
    Some(vec![Op::Products { start, steps }])
}

/// `let v (v := a mstore(p, mulmod(b, inv, f_q)) inv := mulmod(v, inv, f_q))* mstore(last, inv)`
fn inverses(start: Value, rest: &[Stmt]) -> Option<Vec<Op>> {
    let (Stmt::Let(name, None), rest) = rest.split_first()? else { return None };
    let (Stmt::Do(end), rest) = rest.split_last()? else { return None };
    let step = |triple: &[Stmt]| {
        let [Stmt::Set(v, a), Stmt::Do(store), Stmt::Set(inv, next)] = triple else { return None };
        let [at, stored] = store.args("mstore")?;
        let [b, by, q] = stored.args("mulmod")?;
        let [next_v, next_by, next_q] = next.args("mulmod")?;
        let right = v == "v"
            && inv == "inv"
            && next_v.is_name("v")
            && [by, next_by].iter().all(|e| e.is_name("inv"))
            && [q, next_q].iter().all(|e| e.is_name("f_q"));
        let [product] = b.args("mload")?;
        right.then_some((value(a)?, at.address()?, product.address()?))
    };
    let steps = rest.chunks(3).map(step).collect::<Option<_>>()?;
    let [last, stored] = end.args("mstore")?;
    (name == "v" && stored.is_name("inv")).then_some(vec![Op::Inverses { start, steps, last: last.address()? }])
}

fn value(expr: &Expr) -> Option<Value> {
    let with_modulus = |name| {
        expr.args::<3>(name).filter(|args| args[2].is_name("f_q")).map(|args| (value(&args[0]), value(&args[1])))
    };
    if let Expr::Number(text) = expr {
        return Some(Value::Const(text.clone()));
    }
    if let Some([at]) = expr.args("mload") {
        return Some(Value::Load(at.address()?));
    }
    if let Some((a, b)) = with_modulus("mulmod") {
        return Some(Value::Mul(a?.into(), b?.into()));
    }
    if let Some((a, b)) = with_modulus("addmod") {
        return Some(Value::Add(a?.into(), b?.into()));
    }
    if let Some([modulus, a]) = expr.args("sub") {
        return modulus.is_name("f_q").then_some(Value::Neg(value(a)?.into()));
    }
    if let Some([a, modulus]) = expr.args("mod") {
        return modulus.is_name("f_q").then_some(Value::Mod(value(a)?.into()));
    }
    if let Some([at]) = expr.args("calldataload") {
        return Some(Value::Calldata(at.address()?));
    }
    let [at, bytes] = expr.args("keccak256")?;
    Some(Value::Keccak(at.address()?, bytes.address()?))
}

impl Value {
    /// Calls `f` with each loaded address.
    pub(super) fn loads(&self, f: &mut impl FnMut(usize)) {
        match self {
            Self::Load(at) => f(*at),
            Self::Mul(a, b) | Self::Add(a, b) => {
                a.loads(f);
                b.loads(f);
            }
            Self::Neg(a) | Self::Mod(a) => a.loads(f),
            Self::Const(_) | Self::Calldata(_) | Self::Keccak(..) => {}
        }
    }

    /// Replaces loads; `f` returns what to put in place of the word at an address.
    pub(super) fn map_loads(self, f: &mut impl FnMut(usize) -> Value) -> Self {
        let mut inner = |v: Box<Value>| Box::new(v.map_loads(f));
        match self {
            Self::Load(at) => f(at),
            Self::Mul(a, b) => Self::Mul(inner(a), inner(b)),
            Self::Add(a, b) => Self::Add(inner(a), inner(b)),
            Self::Neg(a) => Self::Neg(inner(a)),
            Self::Mod(a) => Self::Mod(inner(a)),
            other => other,
        }
    }

    /// Whether it depends on nothing but loaded words and calldata.
    pub(super) fn is_pure(&self) -> bool {
        match self {
            Self::Keccak(..) => false,
            Self::Mul(a, b) | Self::Add(a, b) => a.is_pure() && b.is_pure(),
            Self::Neg(a) | Self::Mod(a) => a.is_pure(),
            Self::Load(_) | Self::Const(_) | Self::Calldata(_) => true,
        }
    }

    /// Stack slots above the variables while it is computed, the deeper operand first (both operations commute).
    pub(super) fn slots(&self) -> usize {
        match self {
            Self::Mul(a, b) | Self::Add(a, b) => {
                let (a, b) = (a.slots(), b.slots());
                (1 + a.max(b)).max(2 + a.min(b))
            }
            Self::Neg(a) | Self::Mod(a) => 1 + a.slots(),
            Self::Load(_) | Self::Const(_) | Self::Calldata(_) => 1,
            Self::Keccak(..) => 2,
        }
    }
}

impl Op {
    /// Calls `f` with each value that is computed, for reading.
    pub(super) fn values(&self, f: &mut impl FnMut(&Value)) {
        match self {
            Self::Store(_, v) => f(v),
            Self::Products { start, steps } => {
                f(start);
                steps.iter().for_each(|(v, _)| f(v));
            }
            Self::Inverses { start, steps, .. } => {
                f(start);
                steps.iter().for_each(|(v, _, _)| f(v));
            }
            Self::PointMul { x, y, s, .. } | Self::PointMulAdd { x, y, s, .. } => [x, y, s].into_iter().for_each(f),
            Self::PointAdd { x, y, .. } => [x, y].into_iter().for_each(f),
            Self::StoreOne(_) | Self::Points { .. } | Self::Precompile { .. } | Self::CheckOne(_) => {}
        }
    }

    /// Memory written, as `(start, bytes)`.
    pub(super) fn writes(&self) -> Vec<(usize, usize)> {
        match self {
            Self::Store(at, _) => vec![(*at, 32)],
            Self::StoreOne(at) => vec![(*at, 1)],
            Self::Points { at, count, .. } => vec![(*at, 64 * count)],
            Self::Precompile { output, .. } => vec![*output],
            Self::CheckOne(_) => vec![],
            Self::Products { steps, .. } => steps.iter().map(|(_, at)| (*at, 32)).collect(),
            Self::Inverses { steps, last, .. } => {
                steps.iter().map(|(_, at, _)| (*at, 32)).chain([(*last, 32)]).collect()
            }
            Self::PointMul { w, .. } => vec![(*w, 0x60)],
            Self::PointMulAdd { w, .. } => vec![(*w, 0xa0)],
            Self::PointAdd { w, .. } => vec![(*w, 0x80)],
        }
    }

    /// Memory read other than by a [`Value::Load`], as `(start, bytes)`.
    pub(super) fn ranges_read(&self) -> Vec<(usize, usize)> {
        match self {
            Self::Store(_, Value::Keccak(at, bytes)) => vec![(*at, *bytes)],
            Self::Precompile { input, .. } => vec![*input],
            Self::CheckOne(at) => vec![(*at, 32)],
            Self::Inverses { steps, .. } => steps.iter().map(|(_, _, product)| (*product, 32)).collect(),
            Self::PointMulAdd { w, .. } | Self::PointAdd { w, .. } => vec![(*w, 0x40)],
            _ => vec![],
        }
    }
}

/// Word addresses that a byte range touches.
pub(super) fn words((start, bytes): (usize, usize)) -> impl Iterator<Item = usize> {
    let first = start / 32 * 32;
    (first..start + bytes).step_by(32)
}
