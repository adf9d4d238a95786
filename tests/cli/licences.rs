//! The licences of what is linked into the program go out with it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::program;
use crate::support::root;

/// Name and version of every crate from elsewhere that the program links: its normal dependencies, without macros, which
/// only run inside the compiler.
fn linked() -> BTreeSet<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let options = ["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", &target];
    let output = Command::new(cargo).args(options).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let by_id = |list: &Value| -> BTreeMap<String, Value> {
        list.as_array().unwrap().iter().map(|each| (each["id"].as_str().unwrap().to_owned(), each.clone())).collect()
    };
    let (packages, nodes) = (by_id(&metadata["packages"]), by_id(&metadata["resolve"]["nodes"]));
    let is_macro =
        |package: &Value| package["targets"].as_array().unwrap().iter().any(|t| t["kind"][0] == "proc-macro");
    let program = packages.iter().find(|(_, package)| package["name"] == "commonground").unwrap();
    let (mut found, mut rest) = (BTreeSet::new(), vec![program.0.clone()]);
    while let Some(id) = rest.pop() {
        if is_macro(&packages[&id]) || !found.insert(id.clone()) {
            continue;
        }
        for dependency in nodes[&id]["deps"].as_array().unwrap() {
            if dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null()) {
                rest.push(dependency["pkg"].as_str().unwrap().to_owned());
            }
        }
    }
    let foreign = found.iter().map(|id| &packages[id]).filter(|package| !package["source"].is_null());
    foreign.map(|each| format!("{} {}", each["name"].as_str().unwrap(), each["version"].as_str().unwrap())).collect()
}

#[test]
fn every_crate_in_the_program_is_named_with_its_licence() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path(), &["licences"]).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let named: BTreeSet<String> = text
        .lines()
        .filter_map(|line| Some(line.strip_prefix("  ")?.strip_suffix(')')?.split_once(" (")?.0.to_owned()))
        .collect();
    let linked = linked();
    assert!(linked.len() > 100, "{}", linked.len());
    let missing: Vec<_> = linked.difference(&named).collect();
    assert!(missing.is_empty(), "run `make notices`: {missing:?}");
    // The grid is data of the Ordnance Survey, under a licence of its own; sources in C have theirs.
    for notice in [
        "(c) Crown copyright, Ordnance Survey and the\nMinistry of Defence (MOD) 2016",
        "Copyright (c) 2016, Ordnance Survey and the Ministry of Defence (MOD)",
        "Redistributions in binary form must reproduce the above copyright notice",
        "Copyright (c) Meta Platforms, Inc. and affiliates. All rights reserved.",
        "Microsoft Corporation, Daan Leijen",
        "Apache License\n                        Version 2.0, January 2004",
        // The web application's own list.
        "Libraries and typefaces in this web application, with their licences.",
    ] {
        assert!(text.contains(notice), "{notice}");
    }
}
