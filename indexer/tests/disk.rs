//! A disk that is full: the store says so, and what it had accepted is there afterwards.
//!
//! The disk is a limit of file sizes, or a small tmpfs where a process may mount one, in a process of its own (this test program,
//! called again).

use std::process::Command;
use vouch_indexer::db::{Batch, Column, Db, DbError};

/// Names the data directory to the process with the limit.
const DIRECTORY: &str = "VOUCH_TEST_FULL_DISK";
/// A file in the data directory whose removal makes room.
const BALLAST: &str = "ballast";

fn batch(i: u32) -> Batch {
    let mut batch = Batch::default();
    // Not compressible, so that the limit is met soon.
    let value: Vec<u8> =
        (0..128).flat_map(|j| alloy::primitives::keccak256([i, j].map(u32::to_be_bytes).concat()).0).collect();
    batch.put(Column::Jobs, i.to_be_bytes(), value.clone());
    batch.put(Column::Artifacts, i.to_be_bytes(), value);
    batch
}

#[test]
#[ignore = "the other half of the test below"]
fn writes_until_the_disk_is_full() {
    let Ok(path) = std::env::var(DIRECTORY) else { return };
    let db = Db::open(&path).unwrap();
    for i in 0..100_000 {
        match db.write(batch(i)) {
            Ok(()) => println!("accepted {i}"),
            Err(error) => {
                assert!(matches!(error, DbError::Full { .. }), "{error}");
                let said = error.to_string();
                assert!(said.starts_with("disk is full, data directory "), "{said}");
                assert!(said.contains("(stored data is intact)"), "{said}");
                // Still an error, still no panic; what is stored can be read.
                assert!(db.write(batch(i + 1)).is_err());
                assert!(db.get(Column::Jobs, &0u32.to_be_bytes()).unwrap().is_some());
                let ballast = std::path::Path::new(&path).join(BALLAST);
                if ballast.exists() {
                    drop(db);
                    std::fs::remove_file(ballast).unwrap();
                    check(&Db::open(&path).unwrap(), i);
                }
                return println!("full");
            }
        }
    }
    panic!("the limit was never met");
}

#[test]
fn full_disk_is_named_and_loses_nothing_that_was_accepted() {
    let dir = tempfile::tempdir().unwrap();
    // 1,024 blocks of 1,024 bytes for each file; without the trap the first write beyond ends the process.
    let output = Command::new("bash")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 1024; exec \"$0\" --exact writes_until_the_disk_is_full --ignored --nocapture",
        ])
        .arg(std::env::current_exe().unwrap())
        .env(DIRECTORY, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("full"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let accepted = said.lines().filter(|l| l.contains("accepted ")).count() as u32;
    assert!(accepted > 10, "{said}");
    check(&Db::open(dir.path()).unwrap(), accepted);
}

#[test]
fn full_file_system_is_named_and_loses_nothing_that_was_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=40m tmpfs \"$1\" && head -c 24000000 /dev/zero > \"$1/$2\" || exit 77
        exec \"$0\" --exact writes_until_the_disk_is_full --ignored --nocapture";
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "bash", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .args([dir.path().as_os_str(), BALLAST.as_ref()])
        .env(DIRECTORY, dir.path())
        .output();
    let Ok(output) = output else { return eprintln!("SKIPPED: there is no unshare") };
    let said = [output.stdout, output.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
    if output.status.code() == Some(77) || said.starts_with("unshare:") {
        return eprintln!("SKIPPED: no file system may be mounted here: {said}");
    }
    assert!(output.status.success() && said.contains("full"), "{said}");
}

/// The first `accepted` batches are there, the one after them whole or not at all, and the store works on.
fn check(db: &Db, accepted: u32) {
    let there = |column, i: u32| db.get(column, &i.to_be_bytes()).unwrap().is_some();
    for i in 0..accepted {
        assert!(there(Column::Jobs, i) && there(Column::Artifacts, i), "batch {i} was accepted");
    }
    assert_eq!(there(Column::Jobs, accepted), there(Column::Artifacts, accepted), "whole or not at all");
    db.write(batch(accepted)).unwrap();
}
