//! The Vouch node and its command line: HTTP interface, on-chain watcher, the `vouch` program.
//!
//! | module | what |
//! |---|---|
//! | [`node`] | what the running node is made of |
//! | [`http`] | routes, problems (RFC 9457), events, OpenAPI, metrics, the page |
//! | [`cli`] | the commands of `vouch` |
//! | [`chain`] | the contracts: calldata, requests that are seen, proofs that are sent |
//! | [`archive`] | the archive of block hashes: back-filling, members |
//! | [`slots`] | Solidity's storage by name |

pub mod archive;
pub mod chain;
pub mod cli;
pub mod http;
pub mod node;
pub mod slots;
