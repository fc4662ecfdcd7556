//! Follows a chain, checks every header and proof, stores them.
//!
//! Nothing that a node says is believed: a header is stored when its bytes hash to the announced hash and it links to
//! its parent, a state proof when it leads from that header's state root to the claimed value.
//!
//! | module | statement |
//! |---|---|
//! | [`config`] | which node, from which block, how deep finality lies |
//! | [`db`] | the only file that knows RocksDB: columns, atomic batches, typed errors |
//! | [`store`] | headers by number, trie nodes once by hash, proofs by block hash |
//! | [`node`] | JSON-RPC over HTTP, WebSocket or IPC, one endpoint or several, with retries and typed errors |
//! | [`answer`] | an `eth_getProof` answer in the dialect of any client |
//! | [`entries`] | all receipts or transactions of a block, under the root in its header |
//! | [`headers`] | the stage `execute / unwind / tip`: a linked chain of checked headers |
//! | `ancestors` | headers below the index, by hashes that are known |
//! | [`proofs`] | an `eth_getProof` answer is true under a state root, or says where it is not |
//! | [`together`] | state of several accounts and blocks in few messages |
//! | [`sync`] | the loop: follow the head, find forks, unwind, fetch proofs |
//! | [`replay`] | a JSON-RPC server over recorded or made-up chains |

mod ancestors;
pub mod answer;
pub mod config;
pub mod db;
mod endpoints;
pub mod entries;
pub mod error;
#[cfg(test)]
mod fuzz;
pub mod headers;
pub mod node;
pub mod proofs;
pub mod replay;
pub mod store;
pub mod sync;
pub mod together;

pub use config::{Config, Finality, Start};
pub use endpoints::label as rpc_label;
pub use error::IndexError;
pub use sync::{Indexer, Step};
