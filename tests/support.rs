//! The loaded sample partnership. It is loaded once into a folder beside the test binaries; every test works on a copy,
//! so that starting again on a folder is tried with each of them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use api::HttpLimits;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use platform::{Clock, Limits, Platform, Settings};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The `commonground` binary that was built with the tests.
pub(crate) fn binary() -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    let binary = deps.parent().and_then(Path::parent).unwrap().join("commonground");
    assert!(binary.exists(), "{} is missing: build the workspace's binaries too", binary.display());
    binary
}

/// Settings for a folder that holds a data folder `data` and its key.
pub(crate) fn settings(folder: &Path) -> Settings {
    Settings {
        data: folder.join("data"),
        key_file: folder.join("data.key"),
        agreements: root().join("sharing-agreements"),
        contracts: root().join("sample-data/contracts"),
        indicators: root().join("sample-data/indicators"),
        workbook_program: binary(),
        limits: Limits::default(),
        clock: Clock::system(),
    }
}

/// The demo over a copy of the loaded folder.
pub(crate) struct Demo {
    pub(crate) platform: Platform,
    pub(crate) router: Router,
    pub(crate) folder: TempDir,
    pub(crate) keys: BTreeMap<&'static str, String>,
}

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The id of a problem, after checking that it is one.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{}", self.text());
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        json["type"].as_str().unwrap().trim_start_matches("/problems/").to_owned()
    }
}

impl Demo {
    pub(crate) fn open() -> Self {
        Self::open_with(|_, _| ())
    }

    /// The same with other settings for this folder.
    pub(crate) fn open_with(change: impl FnOnce(&mut Settings, &Path)) -> Self {
        let folder = folder();
        let mut settings = settings(folder.path());
        change(&mut settings, folder.path());
        Self::over(folder, settings)
    }

    /// Opens a folder that is there, with keys for the callers of the tests.
    pub(crate) fn over(folder: TempDir, settings: Settings) -> Self {
        let (platform, problems) = Platform::open(settings).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        let planning = &["neighbourhood-needs", "service-planning"][..];
        let mut keys = BTreeMap::new();
        for (name, organisation, role, purposes) in [
            ("analyst", "chorley-council", "analyst", planning),
            ("performance", "chorley-council", "analyst", &["performance-reporting"]),
            ("officer", "lancashire-fire-and-rescue", "partner-officer", planning),
            ("dashboard", "south-ribble-council", "dashboard", planning),
            ("ambulance", "north-west-ambulance", "partner-officer", planning),
            // In the partnership's register, but party to no agreement on controlled data.
            ("outsider", "office-for-national-statistics", "partner-officer", planning),
        ] {
            let purposes: Vec<String> = purposes.iter().map(|purpose| (*purpose).to_owned()).collect();
            let key = platform.add_credential(organisation, role, &purposes, true).unwrap();
            keys.insert(name, key.as_str().to_owned());
        }
        let router = api::router(platform.clone(), HttpLimits::default());
        Self { platform, router, folder, keys }
    }

    pub(crate) async fn get(&self, path: &str, key: Option<&str>) -> Answer {
        self.send(Method::GET, path, key, &[], Vec::new()).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(name) = key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.keys[name]));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

/// A quarter of fires that is not loaded: that of 2025, moved to 2026.
pub(crate) fn fires() -> Vec<u8> {
    moved("lancashire-fire-and-rescue/incidents")
}

/// The first quarter of 2025 of a partner's feed, moved to 2026.
pub(crate) fn moved(feed: &str) -> Vec<u8> {
    let path = root().join(format!("sample-data/partners/{feed}/2025-Q1.csv.gz"));
    let text = String::from_utf8(testkit::inflate(&fs::read(path).unwrap()).unwrap()).unwrap();
    text.replace("2025", "2026").into_bytes()
}

/// The folder with the sample loaded: made by the first test that needs it, by the demo command itself.
pub(crate) fn loaded() -> PathBuf {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo");
    fs::create_dir_all(&base).unwrap();
    let lock = File::create(base.join("lock")).unwrap();
    lock.lock().unwrap();
    let built = stamp();
    let done = base.join("done");
    let folder = base.join("folder");
    if fs::read_to_string(&done).ok().as_deref() != Some(&built) {
        let _ = fs::remove_file(&done);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        load(&folder);
        fs::write(&done, built).unwrap();
    }
    folder
}

/// Changes with the binary and with every file that the demo reads.
fn stamp() -> String {
    let mut text = format!("{:?}", fs::metadata(binary()).unwrap().modified().unwrap());
    for folder in ["sample-data", "sharing-agreements"] {
        for path in files(&root().join(folder)) {
            text.push_str(&format!("{} {:?}\n", path.display(), fs::metadata(&path).unwrap().modified().unwrap()));
        }
    }
    text
}

/// Runs `commonground demo --load-only`.
pub(crate) fn load(folder: &Path) -> String {
    load_sample(&root(), folder)
}

/// What the program said while it loaded a folder, beside the data folder in it.
pub(crate) const LOG: &str = "load.log";
/// Where it was told to put temporary files.
pub(crate) const TEMPORARY: &str = "temporary";

/// The same with the `sample-data` and `sharing-agreements` of another folder. It logs as much as an operator gets to read
/// without naming a library, and has a temporary folder of its own; both are kept, to be searched.
pub(crate) fn load_sample(from: &Path, folder: &Path) -> String {
    let temporary = folder.join(TEMPORARY);
    fs::create_dir_all(&temporary).unwrap();
    let output = std::process::Command::new(binary())
        .current_dir(from)
        .args(["demo", "--load-only", "--data"])
        .arg(folder.join("data"))
        .env("XDG_DATA_HOME", folder)
        .env("XDG_CONFIG_HOME", folder)
        .env("COMMONGROUND_LOG", "trace,others=warn")
        .env("TMPDIR", &temporary)
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    fs::write(folder.join(LOG), &text).unwrap();
    assert_eq!(files(&temporary), Vec::<PathBuf>::new(), "something stays in the temporary folder");
    text
}

/// Every file below a folder, in order.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// A copy of that folder, not opened.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&loaded(), folder.path());
    folder
}

/// Copies every file below a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&path, &target).unwrap();
    }
}
