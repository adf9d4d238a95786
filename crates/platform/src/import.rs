//! Geography: import, store, load.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use catalog::{JobReason, ObjectKind, ObjectName, ObjectRef};
use geography::{Gazetteer, ImportReport, Importer, Manifest};
use model::{AreaType, Digest, Label};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::PlatformError;
use crate::platform::Platform;
use crate::publish::other_areas;
use crate::read::Boundaries;
use crate::registration;
use crate::settings::Limits;
use crate::state::{Geography, digest_of};

const SETTING: &str = "geography";

/// Where the imported geography is, and of what it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    object: ObjectRef,
    /// Digest over the manifest and every file it names.
    source: Digest,
}

/// Reads and checks a geography without storing it; and says of what areas no controlled data could be published.
///
/// # Errors
/// If the manifest or a file cannot be read, or the files do not fit together.
pub fn check_geography(
    manifest: &Path,
    folder: Option<&Path>,
    limits: &Limits,
) -> Result<(ImportReport, Vec<String>), PlatformError> {
    let (gazetteer, report) = Source::read(manifest, folder)?.import()?;
    Ok((report, registration::warnings(&registration::geographies(&gazetteer, limits))))
}

/// The files of a geography, read.
struct Source {
    manifest: Manifest,
    files: Vec<(String, Vec<u8>)>,
    digest: Digest,
}

impl Source {
    fn read(path: &Path, folder: Option<&Path>) -> Result<Self, PlatformError> {
        let unreadable = |path: &Path, error: std::io::Error| {
            PlatformError::Folder(format!("could not read `{}`: {error}", path.display()))
        };
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let manifest = Manifest::parse(&name, &text)?;
        let folder = folder.or_else(|| path.parent()).unwrap_or_else(|| Path::new("."));
        let mut files = Vec::new();
        for relative in Importer::new(manifest.clone()).paths() {
            let path = folder.join(relative);
            files.push((relative.to_owned(), std::fs::read(&path).map_err(|error| unreadable(&path, error))?));
        }
        let parts = files.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes.as_slice()]);
        let digest = digest_of(std::iter::once(text.as_bytes()).chain(parts));
        Ok(Self { manifest, files, digest })
    }

    fn import(self) -> Result<(Gazetteer, ImportReport), PlatformError> {
        let mut importer = Importer::new(self.manifest);
        for (name, bytes) in &self.files {
            importer.file(name, bytes).map_err(PlatformError::failed("read a geography file"))?;
        }
        importer.finish().map_err(PlatformError::failed("import the geography"))
    }
}

impl Platform {
    /// Imports areas, lookups and postcodes, and has everything published again that stands on them.
    ///
    /// # Errors
    /// If the files cannot be read or do not fit together, or a view of controlled data is by areas that are too small or
    /// differ by too few people, or is out by areas that were others; the geography in use then stays.
    pub fn import_geography(&self, manifest: &Path, folder: Option<&Path>) -> Result<ImportReport, PlatformError> {
        let source = Source::read(manifest, folder)?;
        let digest = source.digest;
        let (gazetteer, report) = source.import()?;
        self.registrable(&gazetteer)?;
        self.keeps_areas(&gazetteer)?;
        let bytes = gazetteer.to_bytes().map_err(PlatformError::failed("write the geography"))?;
        let name = ObjectName::new(ObjectKind::Geography, Uuid::now_v7());
        let object = self.store().put(name, &bytes).map_err(PlatformError::failed("store the geography"))?;
        // Whoever publishes meanwhile would take the job and find the geography unchanged.
        let _nobody_publishes = self.publishing();
        let before = self.geography_setting()?;
        let old = before.as_deref().map(serde_json::from_str::<Stored>).transpose();
        let old = old.map_err(PlatformError::failed("read the geography"))?;
        if old.is_some() {
            self.queue(JobReason::DefinitionsChanged, None, self.now())?;
        }
        let stored = Stored { object, source: digest };
        let text = serde_json::to_string(&stored).map_err(PlatformError::failed("write the geography"))?;
        self.catalog()
            .replace_setting(&setting()?, before.as_deref(), &text)
            .map_err(PlatformError::failed("store the geography"))?;
        self.use_geography(gazetteer, stored.object.digest);
        self.wake_publisher();
        if let Some(Err(error)) = old.map(|old| self.set_aside(old.object.name)) {
            let causes = crate::error::causes(&error);
            tracing::warn!(causes, "the old geography stays among the objects until the next start");
        }
        Ok(report)
    }

    /// Whether a geography has the areas by which figures are out, as they were.
    fn keeps_areas(&self, gazetteer: &Gazetteer) -> Result<(), PlatformError> {
        let state = self.state();
        let changed = state.out.iter().filter_map(|(dataset, group)| {
            let area_type = group.basis.areas_changed_by(gazetteer)?;
            Some(format!("of `{dataset}`, {}", other_areas(area_type)))
        });
        let reasons: Vec<String> = changed.collect();
        if reasons.is_empty() { Ok(()) } else { Err(PlatformError::Unregistrable { reasons }) }
    }

    /// Whether every view may be published by the areas of a geography.
    fn registrable(&self, gazetteer: &Gazetteer) -> Result<(), PlatformError> {
        let (state, limits) = (self.state(), &self.settings().limits);
        let registered = registration::geographies(gazetteer, limits);
        let all = (&*state.definitions, state.definitions.contracts());
        let refused = registration::refused(&state, all, &registered, limits, self.now());
        let refused = refused.iter().filter(|(_, refusal)| refusal.is_of_areas());
        let reasons: Vec<String> =
            refused.map(|(id, refusal)| registration::in_words(&state.definitions, id, refusal)).collect();
        if reasons.is_empty() { Ok(()) } else { Err(PlatformError::Unregistrable { reasons }) }
    }

    /// Whether these files are other ones than those that were imported.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn geography_differs(&self, manifest: &Path) -> Result<bool, PlatformError> {
        let Some(text) = self.geography_setting()? else { return Ok(true) };
        let stored: Stored = serde_json::from_str(&text).map_err(PlatformError::failed("read the geography"))?;
        Ok(stored.source != Source::read(manifest, None)?.digest)
    }

    /// Whether codes and boundaries are invented.
    #[must_use]
    pub fn geography_is_synthetic(&self) -> bool {
        self.state().geography.as_ref().is_some_and(|geography| geography.gazetteer.about().synthetic)
    }

    pub(crate) fn load_geography(&self) -> Result<(), PlatformError> {
        let Some(text) = self.geography_setting()? else { return Ok(()) };
        let stored: Stored = serde_json::from_str(&text).map_err(PlatformError::failed("read the geography"))?;
        let bytes = self.store().read(&stored.object).map_err(PlatformError::failed("read the geography"))?;
        let gazetteer = Gazetteer::from_bytes(&bytes).map_err(PlatformError::failed("read the geography"))?;
        self.use_geography(gazetteer, stored.object.digest);
        Ok(())
    }

    pub(crate) fn geography_object(&self) -> Result<Option<ObjectName>, PlatformError> {
        let Some(text) = self.geography_setting()? else { return Ok(None) };
        let stored: Stored = serde_json::from_str(&text).map_err(PlatformError::failed("read the geography"))?;
        Ok(Some(stored.object.name))
    }

    fn geography_setting(&self) -> Result<Option<String>, PlatformError> {
        self.catalog().setting(&setting()?).map_err(PlatformError::failed("read the geography"))
    }

    fn use_geography(&self, gazetteer: Gazetteer, digest: Digest) {
        let tolerance = f64::from(self.settings().limits.boundary_tolerance_m);
        let boundaries = AreaType::ALL.into_iter().filter_map(|area_type| {
            let geojson: Arc<[u8]> = gazetteer.boundaries_geojson(area_type, tolerance)?.into();
            let etag = digest_of([&*geojson]).to_string().chars().take(32).collect();
            Some((area_type, Boundaries { geojson, etag }))
        });
        let boundaries: BTreeMap<AreaType, Boundaries> = boundaries.collect();
        let registered = registration::geographies(&gazetteer, &self.settings().limits);
        self.change(|state| {
            state.geography = Some(Arc::new(Geography { gazetteer, digest, boundaries, registered }));
        });
    }
}

fn setting() -> Result<Label, PlatformError> {
    Ok(SETTING.parse()?)
}
