//! `commonground demo`: the sample partnership, through the same use cases as everything else.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use model::{DatasetId, Period};
use platform::{Platform, UploadRequest};

use crate::cli::DemoArgs;
use crate::config::Config;
use crate::progress;
use crate::terminal::{note, say};

/// Where the sample's geography is listed.
const MANIFEST: &str = "geography/geography.toml";

pub(crate) fn run(config: &Config, args: &DemoArgs) -> anyhow::Result<()> {
    let listen = args.listen.unwrap_or(config.listen);
    super::serve::check_address(listen, true)?;
    let start = Instant::now();
    let settings = config.settings()?;
    let manifest = args.sample.join(MANIFEST);
    std::fs::metadata(&manifest).with_context(|| {
        let sample = args.sample.display();
        format!(
            "could not read `{}`: `{sample}` is not the sample partnership; name its folder with `--sample`",
            manifest.display()
        )
    })?;
    if !platform::exists(&settings.data) {
        Platform::create(&settings)?;
    }
    let platform = super::attach(config)?;
    let sample = args.sample.clone();
    let prepare = move |platform: &Platform| prepare(platform, &sample, start);
    if args.load_only { prepare(&platform) } else { super::serve::serve(&platform, config, listen, prepare) }
}

/// Everything between a data folder and the page.
fn prepare(platform: &Platform, sample: &Path, start: Instant) -> anyhow::Result<()> {
    super::load(platform)?;
    platform.now_loading("importing the geography");
    let manifest = sample.join(MANIFEST);
    if platform.geography_differs(&manifest)? {
        platform.import_geography(&manifest, None)?;
    }
    platform.now_loading("taking in the partners' files");
    load(platform, sample)?;
    platform.now_loading("publishing");
    publish(platform)?;
    say(format_args!("loaded       in {:.1} s: {}", start.elapsed().as_secs_f64(), platform.holdings()?))?;
    say("             SYNTHETIC DATA: invented for demonstration; it describes no real person or place")?;
    // An earlier start may have been stopped before it came this far.
    if !platform.has_demo_credentials()? {
        print_keys(platform)?;
    }
    Ok(())
}

/// Uploads every partner file of the sample that is not stored yet, several at once. The first failure ends it, once the files
/// that others are reading are done.
fn load(platform: &Platform, sample: &Path) -> anyhow::Result<()> {
    let files = partner_files(platform, &sample.join("partners"))?;
    let bar = progress::bar(files.len(), "taking in");
    let declared = platform.now().to_string();
    let waiting = Mutex::new(files.into_iter());
    // The lock ends with the statement: nobody waits for a file that another thread reads.
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || -> anyhow::Result<()> {
        while let Some(file) = next() {
            bar.set_message(format!("{} {}", file.dataset, file.period.label()));
            take_in(platform, &file, &declared).inspect_err(|_| while next().is_some() {})?;
            bar.inc(1);
        }
        Ok(())
    };
    let outcome: anyhow::Result<()> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..platform.threads()).map(|_| scope.spawn(work)).collect();
        let defect = || Err(anyhow::anyhow!("taking in a file stopped on a defect"));
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| defect()))
    });
    bar.finish_and_clear();
    outcome
}

/// Uploads one file as its partner does.
fn take_in(platform: &Platform, file: &PartnerFile, declared: &str) -> anyhow::Result<()> {
    // Starting the demo again sends nothing, leaves no record of having tried, takes the place of nothing that came since, and brings back
    // nothing that was withdrawn.
    if platform.was_taken_in(&file.dataset, file.period)? {
        return Ok(());
    }
    let caller = platform.local_officer(&file.dataset)?;
    let request = UploadRequest {
        dataset: file.dataset.clone(),
        period: file.period.to_string(),
        idempotency_key: None,
        digest: None,
        empty: false,
        corrects: false,
        // The synthetic partners leave opted-out people out, and say so as real ones must.
        opt_outs_applied: Some(declared.to_owned()),
    };
    let path = file.path.display();
    let content = std::fs::File::open(&file.path).with_context(|| format!("could not open `{path}`"))?;
    platform.upload(&caller, &request, content).with_context(|| format!("could not take in `{path}`"))?;
    Ok(())
}

fn publish(platform: &Platform) -> anyhow::Result<()> {
    let bar = progress::bar(platform.pending()?, "publishing");
    let report = platform.publish_pending(&mut |dataset| {
        bar.set_message(dataset.to_string());
        bar.inc(1);
    })?;
    bar.finish_and_clear();
    for failure in report.unapproved.iter().chain(&report.failures).chain(&report.too_fine) {
        note(format_args!("warning: {failure}"));
    }
    Ok(())
}

fn print_keys(platform: &Platform) -> anyhow::Result<()> {
    let purposes: Vec<String> =
        ["neighbourhood-needs", "service-planning", "performance-reporting"].map(str::to_owned).into();
    say("demo keys    (random, for this folder only, shown once)")?;
    for (organisation, role) in [
        ("chorley-council", "analyst"),
        ("lancashire-fire-and-rescue", "partner-officer"),
        ("south-ribble-council", "dashboard"),
    ] {
        let key = platform.add_credential(organisation, role, &purposes, true)?;
        say(format_args!("  {role:<16} {organisation:<28} {}", key.as_str()))?;
    }
    Ok(())
}

struct PartnerFile {
    dataset: DatasetId,
    period: Period,
    path: PathBuf,
}

/// `partners/{organisation}/{dataset}/{period}.{extension}`, the period by its short name, such as `2025-Q1`.
fn partner_files(platform: &Platform, folder: &Path) -> anyhow::Result<Vec<PartnerFile>> {
    let mut files = Vec::new();
    for organisation in entries(folder)? {
        for dataset in entries(&organisation)? {
            let id: DatasetId = format!("{}.{}", name(&organisation), name(&dataset))
                .parse()
                .with_context(|| format!("folder `{}` does not name a dataset", dataset.display()))?;
            for path in entries(&dataset)? {
                let stem = name(&path).split('.').next().unwrap_or_default().to_owned();
                let period = platform
                    .partition(&id, &stem)
                    .with_context(|| format!("file `{}` does not name a period of `{id}`", path.display()))?;
                files.push(PartnerFile { dataset: id.clone(), period, path });
            }
        }
    }
    Ok(files)
}

fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listing = std::fs::read_dir(folder).with_context(|| format!("could not read folder `{}`", folder.display()))?;
    let mut paths = listing.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
