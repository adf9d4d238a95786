//! A stolen key: revoked from a terminal while the service runs.

use std::process::Stdio;
use std::time::Instant;

use super::start::{address_of, get, status};
use super::{program, run};

const ADD: [&str; 8] =
    ["credential", "add", "--organisation", "chorley-council", "--role", "analyst", "--purpose", "neighbourhood-needs"];

#[test]
fn a_key_is_revoked_while_the_service_runs() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["init"]).0, 0);
    let keys = [(); 2].map(|()| {
        let output = program(folder.path(), &ADD).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    });
    let id = keys[0].split('_').nth(1).unwrap();
    let mut server = program(folder.path(), &["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = address_of(&mut server);
    let me = |key: &str| status(&get(&address, "/v1/me", Some(key)));
    let before = keys.each_ref().map(|key| me(key));
    let unknown = run(folder.path(), &["credential", "revoke", "0123456789abcdef"]);
    let asked = Instant::now();
    let revoked = run(folder.path(), &["credential", "revoke", id]);
    let took = asked.elapsed().as_secs_f64();
    let after = keys.each_ref().map(|key| me(key));
    let again = run(folder.path(), &["credential", "revoke", id]);
    let added = run(folder.path(), &ADD);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(before, [200, 200]);
    assert!(unknown.0 == 2 && unknown.1.contains("`0123456789abcdef` does not exist"), "{unknown:?}");
    assert_eq!(revoked.0, 0, "{revoked:?}");
    assert_eq!(after, [401, 200], "after {took:.1} s");
    assert_eq!(again.0, 0, "{again:?}");
    assert!(added.0 == 4 && added.1.contains("in use by process"), "nothing else goes in this way: {added:?}");
    let report = audit::verify(&folder.path().join("data/audit"), &[]).unwrap();
    assert_eq!(report.kinds["credential"], 3, "two were issued, and one was revoked once");

    // The service was killed: what it acknowledged holds.
    let (code, text) = run(folder.path(), &["credential", "list"]);
    assert_eq!(code, 0, "{text}");
    let output = program(folder.path(), &["credential", "list"]).output().unwrap();
    let list = String::from_utf8(output.stdout).unwrap();
    assert!(list.lines().any(|line| line.starts_with(id) && line.contains("revoked")), "{list}");
}
