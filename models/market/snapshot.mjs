// The words that `LendingMarket.sol` holds in its storage, packed from the offline ledger.
//
// | slot | word                                                                             |
// |------|----------------------------------------------------------------------------------|
// | 0    | price                                                                            |
// | 1    | totals: collateral 0..128, debt 128..256                                         |
// | 2    | position of a user: collateral 0..128, debt 128..256                             |
// | 3    | record of a user: borrows 0..32, repayments 32..64, liquidations 64..96,         |
// |      | last action 96..160, repaid 160..256                                             |
// | 4    | cash of a user                                                                   |

/** What a plan may read of one user after one block, as words. */
export function snapshot(ledger, name) {
  const user = ledger.users.get(name);
  return {
    slot: [ledger.price, ledger.totals.collateral | (ledger.totals.debt << 128n)],
    mapping: {
      2: user.collateral | (user.debt << 128n),
      3: user.borrows | (user.repayments << 32n) | (user.liquidations << 64n) | (user.lastAction << 96n) |
        (user.repaid << 160n),
      4: user.cash,
    },
    account: { nonce: user.nonce, balance: user.balance },
    header: { timestamp: ledger.timestamp },
  };
}

/** A reader (see `plan.mjs`) over the snapshots of one user, keyed by block. */
export function snapshotReader(snapshots) {
  return async ({ kind, slot, field }, block) => {
    const words = snapshots.get(block);
    if (!words) throw new Error(`block ${block} was not recorded`);
    return kind === "slot" || kind === "mapping" ? words[kind][slot] : words[kind][field];
  };
}
