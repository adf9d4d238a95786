//! How the service starts: what it answers while it is loading, and what it says of data that it cannot serve.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use api::HttpLimits;
use axum::http::StatusCode;
use platform::Platform;

use super::{program, run};
use crate::support::{self, Demo};

#[tokio::test]
async fn only_health_answers_while_loading() {
    let folder = tempfile::tempdir().unwrap();
    support::copy(&support::loaded(), folder.path());
    let (platform, _) = Platform::attach(support::settings(folder.path())).unwrap();
    let router = api::router(platform.clone(), HttpLimits::default());
    let demo = Demo { platform, router, folder, keys: [("nobody", "cg_x".to_owned())].into() };
    for (path, key) in [("/", None), ("/v1/areas", None), ("/v1/me", Some("nobody")), ("/openapi.json", None)] {
        let answer = demo.get(path, key).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.problem(), "unavailable", "{path}");
        assert!(answer.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0, "{path}");
        assert!(answer.headers.contains_key("content-security-policy"), "{path}");
    }
    assert_eq!(demo.get("/healthz", None).await.status, StatusCode::OK);
    demo.platform.now_loading("counting sheep");
    let answer = demo.get("/readyz", None).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["status"], "loading: counting sheep");

    demo.platform.load().unwrap();
    assert_eq!(demo.get("/v1/areas", None).await.status, StatusCode::SERVICE_UNAVAILABLE);
    demo.platform.loaded();
    assert_eq!(demo.get("/readyz", None).await.json()["status"], "ok");
    assert_eq!(demo.get("/v1/areas", None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn data_without_a_contract_are_closed_and_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    support::copy(&support::loaded(), folder.path());
    let contracts = folder.path().join("contracts");
    support::copy(&support::root().join("sample-data/contracts"), &contracts);
    let contract = contracts.join("lancashire-fire-and-rescue.incidents.toml");
    let settings = platform::Settings { contracts: contracts.clone(), ..support::settings(folder.path()) };

    fs::write(&contract, "id = 1\n").unwrap();
    let (platform, problems) = Platform::attach(settings.clone()).unwrap();
    assert!(problems.iter().any(|problem| problem.file.starts_with("lancashire-fire")), "{problems:?}");
    assert_eq!(platform.closed_datasets().unwrap().len(), 1);
    drop(platform);

    fs::remove_file(contract).unwrap();
    let (code, text) = run(folder.path(), &["credential", "list", "--contracts", contracts.to_str().unwrap()]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("`lancashire-fire-and-rescue.incidents` holds data, but has no valid contract"), "{text}");

    let (platform, _) = Platform::open(settings).unwrap();
    let router = api::router(platform.clone(), HttpLimits::default());
    let demo = Demo { platform, router, folder, keys: Default::default() };
    let answer = demo.get("/readyz", None).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.json()["status"], "degraded");
    assert!(answer.json()["problems"][0].as_str().unwrap().starts_with("1 of the datasets"), "{}", answer.text());
    assert!(!answer.text().contains("lancashire"), "everybody may read it: {}", answer.text());
    assert_eq!(demo.get("/v1/data.csv?indicator=fire-incidents", None).await.problem(), "not-found");
    assert_eq!(demo.get("/v1/areas", None).await.status, StatusCode::OK);
}

#[test]
fn one_server_a_folder_and_a_port() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [&first, &second] {
        assert_eq!(run(folder.path(), &["init"]).0, 0);
    }
    let mut server = program(first.path(), &["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = address_of(&mut server);
    let health = get(&address, "/healthz", None);
    let ready = get(&address, "/readyz", None);
    let same_folder = run(first.path(), &["serve", "--listen", "127.0.0.1:0"]);
    let same_port = run(second.path(), &["serve", "--listen", &address]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("no geography is imported"), "{ready}");
    assert!(same_folder.0 == 4 && same_folder.1.contains("in use by process"), "{same_folder:?}");
    assert!(same_port.0 == 4 && same_port.1.contains("could not listen"), "{same_port:?}");
}

/// Where a service answers that was just started, once it is loaded.
pub(super) fn address_of(server: &mut Child) -> String {
    for line in BufReader::new(server.stdout.take().unwrap()).lines() {
        if let Some(url) = line.unwrap().strip_prefix("serving") {
            return url.trim().trim_start_matches("http://").to_owned();
        }
    }
    panic!("the service ended");
}

/// The answer to a request, as it comes.
pub(super) fn get(address: &str, path: &str, key: Option<&str>) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n{key}Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The status of an answer.
pub(super) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}
