//! Putting the files of a manifest together, in order of need: atoms, lookups, outlines, postcodes, practices.

use std::collections::{BTreeMap, BTreeSet};

use model::{AreaCode, AreaType, BoundaryYear};

use crate::area::{Area, AtomIndex, Layer, Method};
use crate::error::GeographyError;
use crate::gazetteer::{About, Context, Gazetteer};
use crate::geometry::Shape;
use crate::import::ImportLimits;
use crate::import::boundaries::{self, Outline};
use crate::import::lookups::{self, AreaDraft, Atoms, Drafts, LayerDraft};
use crate::import::places;
use crate::locate::PointIndex;
use crate::manifest::{Boundaries, Covers, File, Manifest, Role};
use crate::postcode::PostcodeTable;
use crate::report::{FileReport, FindingKind, ImportReport};

/// Files by path, decompressed.
type Files = BTreeMap<String, Vec<u8>>;

/// Names from files of kind `names`.
type Named = BTreeMap<(AreaType, AreaCode), String>;

/// A file of the manifest with its bytes and its report.
struct Entry<'a> {
    file: &'a File,
    bytes: &'a [u8],
    report: FileReport,
}

/// Builds the gazetteer.
pub(crate) fn build(
    manifest: &Manifest,
    limits: &ImportLimits,
    files: &Files,
) -> Result<(Gazetteer, ImportReport), GeographyError> {
    let mut entries = Vec::new();
    for file in &manifest.files {
        let absent = || GeographyError::Absent { file: file.path().to_owned() };
        let bytes = files.get(file.path()).ok_or_else(absent)?;
        entries.push(Entry { file, bytes, report: FileReport::new(file.path(), file.kind()) });
    }
    let (spine, index) = read_spine(&mut entries, limits)?;
    let atoms = Atoms::new(spine.areas.iter().map(|area| area.code.clone()).collect());
    let mut drafts = Drafts::new();
    let mut names = Named::new();
    for Entry { file, bytes, report } in &mut entries {
        match file {
            File::Hierarchy(file) => lookups::read_hierarchy(file, bytes, limits, &atoms, &mut drafts, report)?,
            File::Membership(file) => lookups::read_membership(file, bytes, limits, &atoms, &mut drafts, report)?,
            File::Names(file) => {
                let read = lookups::read_names(file, bytes, limits, report)?;
                names.extend(read.into_iter().map(|(code, name)| ((file.area_type, code), name)));
            }
            _ => {}
        }
    }
    let mut outlines = Outlines::default();
    for Entry { file, bytes, report } in &mut entries {
        if let File::Boundaries(file) = file
            && file.role != Role::Spine
        {
            let read = boundaries::read(file, bytes, limits, report)?;
            outlines.take(file, read, &spine.shapes, &atoms, &mut drafts, report)?;
        }
    }
    let mut postcodes = PostcodeTable::default();
    let (mut conversions, mut practices, mut populations) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for Entry { file, bytes, report } in &mut entries {
        match file {
            File::Lsoa11Lookup(file) => {
                conversions.extend(lookups::read_lsoa11(file, bytes, limits, &atoms, report)?);
            }
            File::Postcodes(file) => {
                places::read_postcodes(file, bytes, limits, &atoms, &index, &mut postcodes, report)?;
            }
            File::Practices(file) => places::read_practices(file, bytes, limits, &drafts, &mut practices, report)?,
            File::Population(file) => {
                populations = lookups::read_population(file, bytes, limits, &atoms, report)?;
            }
            _ => {}
        }
    }
    let Manifest { title, synthetic, source, licence, .. } = manifest.clone();
    let about = About { title, synthetic, source, licence };
    let context = outlines.context(&names);
    let mut layers = outlines.layers(drafts, &names, &atoms, &mut entries)?;
    layers.insert(AreaType::Partnership, partnership(manifest, atoms.len()));
    layers.insert(AreaType::Lsoa, spine);
    for (area_type, layer) in &mut layers {
        if !layer.index(atoms.len()) {
            let problem = format!("there are too many areas of type `{area_type}`");
            return Err(GeographyError::Inconsistent { problem });
        }
    }
    let report = ImportReport { files: entries.into_iter().map(|entry| entry.report).collect() };
    Ok((Gazetteer { about, layers, context, conversions, postcodes, practices, populations, index }, report))
}

/// Reads the atoms from all spine files; an atom that occurs twice is kept once.
fn read_spine(entries: &mut [Entry<'_>], limits: &ImportLimits) -> Result<(Layer, PointIndex), GeographyError> {
    let mut found: BTreeMap<AreaCode, (Outline, usize)> = BTreeMap::new();
    let mut year = None;
    let mut last = None;
    for (position, Entry { file, bytes, report }) in entries.iter_mut().enumerate() {
        let File::Boundaries(file) = file else { continue };
        if file.role != Role::Spine {
            continue;
        }
        year = Some(file.boundary_year);
        last = Some(position);
        for outline in boundaries::read(file, bytes, limits, report)? {
            if found.contains_key(&outline.code) {
                report.find(FindingKind::Repeated, &outline.code);
            } else {
                found.insert(outline.code.clone(), (outline, position));
            }
        }
    }
    let empty = || GeographyError::Inconsistent { problem: "there is no atom; give the spine files areas".to_owned() };
    let year = year.ok_or_else(empty)?;
    if found.is_empty() {
        return Err(empty());
    }
    if found.len() > usize::from(u16::MAX) {
        let problem = format!("there are {} atoms; at most {} are supported", found.len(), u16::MAX);
        return Err(GeographyError::Inconsistent { problem });
    }
    let mut layer = Layer {
        method: Method::Exact,
        edge_year: year,
        areas: Vec::with_capacity(found.len()),
        members: (0_u16..).map(|atom| vec![AtomIndex(atom)]).take(found.len()).collect(),
        shapes: Vec::with_capacity(found.len()),
        of_atom: Vec::new(),
    };
    for (code, (outline, _)) in found {
        layer.areas.push(area(code, outline.name, AreaType::Lsoa, year));
        layer.shapes.push(outline.shape);
    }
    let index = PointIndex::new(&layer.shapes);
    if let Some(entry) = last.and_then(|position| entries.get_mut(position)) {
        let codes: Vec<&AreaCode> = layer.areas.iter().map(|area| &area.code).collect();
        boundaries::find_overlaps(&codes, &layer.shapes, &index, &mut entry.report);
    }
    Ok((layer, index))
}

fn area(code: AreaCode, name: Option<String>, area_type: AreaType, boundary_year: BoundaryYear) -> Area {
    let name = name.unwrap_or_else(|| code.to_string());
    Area { code, name, area_type, boundary_year, valid_from: None, valid_to: None, predecessors: Vec::new() }
}

fn partnership(manifest: &Manifest, atoms: usize) -> Layer {
    let about = &manifest.partnership;
    let year = about.boundary_year;
    Layer {
        method: Method::Exact,
        edge_year: year,
        areas: vec![area(about.code.clone(), Some(about.name.clone()), AreaType::Partnership, year)],
        members: vec![(0_u16..).map(AtomIndex).take(atoms).collect()],
        shapes: Vec::new(),
        of_atom: Vec::new(),
    }
}

/// Outlines read from display and context files.
#[derive(Default)]
struct Outlines {
    display: BTreeMap<AreaType, (BoundaryYear, BTreeMap<AreaCode, Outline>)>,
    context: BTreeMap<(AreaType, BoundaryYear), BTreeMap<AreaCode, Outline>>,
}

impl Outlines {
    fn take(
        &mut self,
        file: &Boundaries,
        read: Vec<Outline>,
        atom_shapes: &[Shape],
        atoms: &Atoms,
        drafts: &mut Drafts,
        report: &mut FileReport,
    ) -> Result<(), GeographyError> {
        if matches!(file.area_type, AreaType::Lsoa | AreaType::Partnership) && file.role == Role::Display {
            let problem = format!("outlines of type `{}` are those of the atoms; drop it", file.area_type);
            return Err(GeographyError::file(&file.path, problem));
        }
        if let (Some(_), Some(method)) = (file.assign, file.method) {
            assign(file, method, &read, atom_shapes, atoms, drafts, report)?;
        }
        let codes: Vec<&AreaCode> = read.iter().map(|outline| &outline.code).collect();
        let shapes: Vec<Shape> = read.iter().map(|outline| outline.shape.clone()).collect();
        boundaries::find_overlaps(&codes, &shapes, &PointIndex::new(&shapes), report);
        let kept = if file.role == Role::Context {
            self.context.entry((file.area_type, file.boundary_year)).or_default()
        } else {
            let (year, kept) =
                self.display.entry(file.area_type).or_insert_with(|| (file.boundary_year, BTreeMap::new()));
            if *year != file.boundary_year {
                let problem = format!("outlines of `{}` are of several years; keep one", file.area_type);
                return Err(GeographyError::file(&file.path, problem));
            }
            kept
        };
        for outline in read {
            if kept.contains_key(&outline.code) {
                report.find(FindingKind::Repeated, &outline.code);
            } else {
                kept.insert(outline.code.clone(), outline);
            }
        }
        Ok(())
    }

    fn context(&mut self, names: &Named) -> BTreeMap<(AreaType, BoundaryYear), Vec<Context>> {
        let mut context = BTreeMap::new();
        for ((area_type, year), outlines) in std::mem::take(&mut self.context) {
            let read = outlines.into_iter().map(|(code, outline)| {
                let name = names.get(&(area_type, code.clone())).cloned().or(outline.name);
                Context { area: area(code, name, area_type, year), shape: outline.shape }
            });
            context.insert((area_type, year), read.collect());
        }
        context
    }

    fn layers(
        mut self,
        drafts: Drafts,
        names: &Named,
        atoms: &Atoms,
        entries: &mut [Entry<'_>],
    ) -> Result<BTreeMap<AreaType, Layer>, GeographyError> {
        let mut layers = BTreeMap::new();
        for (area_type, draft) in drafts {
            let outlines = self.display.remove(&area_type);
            let mut unreported = FileReport::new("", "");
            let report = entries.iter_mut().find(|entry| {
                matches!(entry.file, File::Boundaries(b) if b.area_type == area_type && b.role == Role::Display)
            });
            let report = report.map_or(&mut unreported, |entry| &mut entry.report);
            let placed: BTreeSet<AtomIndex> =
                draft.areas.values().flat_map(|area| area.atoms.iter().copied()).collect();
            lookups::check_cover("", atoms, &placed, Covers::Some, report)?;
            layers.insert(area_type, layer(area_type, draft, outlines, names, report));
        }
        if let Some(area_type) = self.display.keys().next() {
            let problem = format!(
                "`{area_type}` has outlines but no atoms; add a hierarchy or membership file for it, or `assign` to its outlines"
            );
            return Err(GeographyError::Inconsistent { problem });
        }
        Ok(layers)
    }
}

/// Makes a geography from outlines alone: an atom belongs to the area that holds a point well inside the atom.
fn assign(
    file: &Boundaries,
    method: Method,
    read: &[Outline],
    atom_shapes: &[Shape],
    atoms: &Atoms,
    drafts: &mut Drafts,
    report: &mut FileReport,
) -> Result<(), GeographyError> {
    let shapes: Vec<Shape> = read.iter().map(|outline| outline.shape.clone()).collect();
    let index = PointIndex::new(&shapes);
    let layer = lookups::draft(drafts, &file.path, file.area_type, method, file.boundary_year)?;
    for ((atom, _), shape) in atoms.all().zip(atom_shapes) {
        let place = shape.interior_point().and_then(|point| index.locate(point).atom());
        if let Some(outline) = place.and_then(|place| read.get(place.get())) {
            let area = layer.areas.entry(outline.code.clone()).or_default();
            area.atoms.insert(atom);
            area.take_name(&outline.code, outline.name.as_deref(), report);
        }
    }
    Ok(())
}

fn layer(
    area_type: AreaType,
    draft: LayerDraft,
    outlines: Option<(BoundaryYear, BTreeMap<AreaCode, Outline>)>,
    names: &Named,
    report: &mut FileReport,
) -> Layer {
    let year = outlines.as_ref().map_or(draft.edge_year, |(year, _)| *year);
    if year != draft.edge_year {
        let (lookup, outline) = (draft.edge_year.get(), year.get());
        report.find(FindingKind::VintageDiffers, format_args!("lookup {lookup}, outlines {outline}"));
    }
    let mut outlines = outlines.map(|(_, outlines)| outlines);
    let (mut areas, mut members, mut shapes) = (Vec::new(), Vec::new(), Vec::new());
    for (code, AreaDraft { name, atoms, predecessors, valid_from, valid_to }) in draft.areas {
        let outline = outlines.as_mut().map(|outlines| outlines.remove(&code));
        let outline = match outline {
            Some(None) => {
                report.find(FindingKind::WithoutOutline, &code);
                None
            }
            Some(found) => found,
            None => None,
        };
        let (outline_name, shape) = outline.map_or((None, None), |outline| (outline.name, Some(outline.shape)));
        let name = names.get(&(area_type, code.clone())).cloned().or(name).or(outline_name);
        areas.push(Area { valid_from, valid_to, predecessors, ..area(code, name, area_type, year) });
        members.push(atoms.into_iter().collect());
        shapes.extend(shape);
    }
    for code in outlines.into_iter().flatten().map(|(code, _)| code) {
        report.find(FindingKind::WithoutAtoms, code);
    }
    // A map in which some areas have an outline of their own and others are unions of atoms would have gaps.
    if shapes.len() < areas.len() {
        shapes.clear();
    }
    Layer { method: draft.method, edge_year: draft.edge_year, areas, members, shapes, of_atom: Vec::new() }
}
