//! The only file that knows RocksDB: named columns, atomic batches, typed errors.
//!
//! One process owns a data directory (RocksDB's `LOCK` file). A [`Batch`] is written whole or not at all, so a process
//! killed at any moment leaves the state of some completed batch.

use rocksdb::{ColumnFamilyDescriptor, Direction, ErrorKind, IteratorMode, Options, WriteBatch, WriteOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// A key with its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// The columns of the data directory, for every crate that stores something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Small single records: chain id, first block, last final block.
    Meta,
    /// Block number (8 bytes big-endian) → block hash ‖ header RLP.
    Headers,
    /// Keccak of a trie node → its RLP.
    Nodes,
    /// Block hash ‖ address → account record.
    Accounts,
    /// Block hash ‖ address ‖ slot → slot record.
    Slots,
    /// Job id → job record (crate `prover`).
    Jobs,
    /// Job id ‖ stage → what that stage produced (crate `prover`).
    Artifacts,
    /// Model id → registered model (crate `prover`).
    Models,
    /// Posted history roots and the facts under them (crate `prover`).
    Roots,
    /// Block hash ‖ receipts or transactions → the list of them.
    Entries,
    /// Archive contract ‖ kind of record → how far its back-filling is (crate `api`).
    Archive,
}

impl Column {
    const ALL: [Self; 11] = [
        Self::Meta,
        Self::Headers,
        Self::Nodes,
        Self::Accounts,
        Self::Slots,
        Self::Jobs,
        Self::Artifacts,
        Self::Models,
        Self::Roots,
        Self::Entries,
        Self::Archive,
    ];

    /// The name on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Headers => "headers",
            Self::Nodes => "nodes",
            Self::Accounts => "accounts",
            Self::Slots => "slots",
            Self::Jobs => "jobs",
            Self::Artifacts => "artifacts",
            Self::Models => "models",
            Self::Roots => "roots",
            Self::Entries => "entries",
            Self::Archive => "archive",
        }
    }
}

/// Why the data directory could not be opened, read or written.
#[derive(Debug, Error)]
pub enum DbError {
    /// Another process (or another handle of this one) has the directory open. Recoverable: stop it, or choose another.
    #[error("data directory {path} is in use by another process: {detail}")]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// What RocksDB said.
        detail: String,
    },
    /// The disk, a quota or the process's limit of file sizes is full. Recoverable: nothing stored was lost; make room and start
    /// again.
    #[error("disk is full, data directory {path} cannot grow (stored data is intact): {detail}")]
    Full {
        /// The data directory.
        path: PathBuf,
        /// What RocksDB said.
        detail: String,
    },
    /// Any other failure of the store or the disk below it. Not recoverable by a retry.
    #[error("data directory {path}: {detail}")]
    Store {
        /// The data directory.
        path: PathBuf,
        /// What RocksDB said.
        detail: String,
    },
    /// A stored record does not parse. Not recoverable: the directory was written by other software.
    #[error("column {column}, key {key}: expected {expected}, got {got_bytes} bytes")]
    Record {
        /// Name of the column.
        column: &'static str,
        /// The key in hex.
        key: String,
        /// What should be there.
        expected: &'static str,
        /// Length of what is there.
        got_bytes: usize,
    },
}

/// An open data directory. Cheap to clone; the directory closes with the last clone.
#[derive(Clone)]
pub struct Db {
    inner: Arc<rocksdb::DB>,
    path: Arc<PathBuf>,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("path", &self.path).finish()
    }
}

/// Writes that happen together.
#[derive(Default)]
pub struct Batch {
    puts: Vec<(Column, Vec<u8>, Vec<u8>)>,
    deletes: Vec<(Column, Vec<u8>)>,
}

impl Batch {
    /// Stores `value` under `key`.
    pub fn put(&mut self, column: Column, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.puts.push((column, key.into(), value.into()));
    }

    /// Removes `key`; it need not exist.
    pub fn delete(&mut self, column: Column, key: impl Into<Vec<u8>>) {
        self.deletes.push((column, key.into()));
    }

    /// True when nothing would be written.
    pub fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.deletes.is_empty()
    }
}

impl Db {
    /// Opens or makes the data directory at `path`.
    ///
    /// # Errors
    /// [`DbError::Locked`] if another process has it open.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DbError> {
        let path = path.as_ref().to_path_buf();
        if let Err(e) = std::fs::create_dir_all(&path) {
            return Err(match e.kind() {
                std::io::ErrorKind::StorageFull => DbError::Full { path, detail: e.to_string() },
                _ => DbError::Store { path, detail: e.to_string() },
            });
        }
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_keep_log_file_num(4);
        // On a full disk Debian's build aborts the process when its own log cannot grow a second time.
        options.set_log_level(rocksdb::LogLevel::Fatal);
        options.set_compression_type(rocksdb::DBCompressionType::Lz4);
        let columns = Column::ALL.map(|c| ColumnFamilyDescriptor::new(c.name(), options.clone()));
        match rocksdb::DB::open_cf_descriptors(&options, &path, columns) {
            Ok(db) => Ok(Self { inner: Arc::new(db), path: Arc::new(path) }),
            Err(e) => Err(classify(&path, e)),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn column(&self, column: Column) -> Result<&rocksdb::ColumnFamily, DbError> {
        self.inner.cf_handle(column.name()).ok_or_else(|| DbError::Store {
            path: self.path.to_path_buf(),
            detail: format!("column {} is missing", column.name()),
        })
    }

    /// The value under `key`.
    pub fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, DbError> {
        self.inner.get_cf(self.column(column)?, key).map_err(|e| classify(&self.path, e))
    }

    /// Every (key, value) whose key begins with `prefix`, in key order.
    pub fn scan(&self, column: Column, prefix: &[u8]) -> Result<Vec<Entry>, DbError> {
        let mode = IteratorMode::From(prefix, Direction::Forward);
        let mut found = Vec::new();
        for item in self.inner.iterator_cf(self.column(column)?, mode) {
            let (key, value) = item.map_err(|e| classify(&self.path, e))?;
            if !key.starts_with(prefix) {
                break;
            }
            found.push((key.into_vec(), value.into_vec()));
        }
        Ok(found)
    }

    /// The greatest key of a column with its value.
    pub fn last(&self, column: Column) -> Result<Option<Entry>, DbError> {
        match self.inner.iterator_cf(self.column(column)?, IteratorMode::End).next() {
            None => Ok(None),
            Some(Ok((key, value))) => Ok(Some((key.into_vec(), value.into_vec()))),
            Some(Err(e)) => Err(classify(&self.path, e)),
        }
    }

    /// Writes a batch whole or not at all, and returns when it is safe on disk.
    ///
    /// # Errors
    /// [`DbError::Full`] if the disk has no room: nothing of the batch was written.
    pub fn write(&self, batch: Batch) -> Result<(), DbError> {
        let mut all = WriteBatch::default();
        for (column, key) in batch.deletes {
            all.delete_cf(self.column(column)?, key);
        }
        for (column, key, value) in batch.puts {
            all.put_cf(self.column(column)?, key, value);
        }
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.inner.write_opt(all, &options).map_err(|e| classify(&self.path, e))
    }
}

/// Names the two failures a user can do something about.
fn classify(path: &Path, error: rocksdb::Error) -> DbError {
    let kind = error.kind();
    named(path.to_path_buf(), kind == ErrorKind::IOError, error.into_string())
}

/// What the operating system says when a file cannot grow: ENOSPC, EDQUOT, EFBIG.
const FULL: [&str; 3] = ["No space left on device", "Disk quota exceeded", "File too large"];

fn named(path: PathBuf, is_io: bool, detail: String) -> DbError {
    if is_io && (detail.contains("lock file") || detail.contains("lock hold by current process")) {
        DbError::Locked { path, detail }
    } else if FULL.iter().any(|said| detail.contains(said)) {
        DbError::Full { path, detail }
    } else {
        DbError::Store { path, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_open_of_a_directory_is_a_lock_error() {
        let dir = tempfile::tempdir().unwrap();
        let first = Db::open(dir.path()).unwrap();
        let error = Db::open(dir.path()).unwrap_err();
        assert!(matches!(error, DbError::Locked { .. }), "{error}");
        drop(first);
        Db::open(dir.path()).unwrap();
    }

    #[test]
    fn full_disk_has_its_own_error() {
        let detail = "IO error: No space left on device: While appending to file: 000004.log".to_owned();
        assert!(matches!(named("d".into(), true, detail), DbError::Full { .. }));
        assert!(matches!(named("d".into(), true, "IO error: other".into()), DbError::Store { .. }));
    }

    #[test]
    fn batch_is_visible_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path()).unwrap();
        let mut batch = Batch::default();
        batch.put(Column::Meta, *b"a1", *b"x");
        batch.put(Column::Meta, *b"a2", *b"y");
        batch.put(Column::Meta, *b"b1", *b"z");
        db.write(batch).unwrap();
        let mut batch = Batch::default();
        batch.delete(Column::Meta, *b"a1");
        db.write(batch).unwrap();
        drop(db);
        let db = Db::open(dir.path()).unwrap();
        assert_eq!(db.scan(Column::Meta, b"a").unwrap(), vec![(b"a2".to_vec(), b"y".to_vec())]);
        assert_eq!(db.get(Column::Meta, b"a1").unwrap(), None);
        assert_eq!(db.last(Column::Meta).unwrap().unwrap().0, b"b1");
    }
}
