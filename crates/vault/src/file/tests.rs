use super::*;
use crate::SeededEntropy;
use proptest::prelude::*;

const HEADING: usize = MAGIC.len() + SALT;

fn key(seed: u64) -> DataKey {
    DataKey::generate(&mut SeededEntropy::new(seed)).unwrap()
}

fn context() -> Context {
    Context::new("test").with("one")
}

/// Bytes that differ everywhere, so that chunks cannot be exchanged without a difference.
fn plain(length: usize) -> Vec<u8> {
    (0..length).map(|i| u8::try_from((i * 31 + i / 251) % 256).unwrap()).collect()
}

fn sealed(length: usize) -> Vec<u8> {
    seal_bytes(&plain(length), &key(1), &context(), &mut SeededEntropy::new(2)).unwrap()
}

#[track_caller]
fn refused(bytes: &[u8]) {
    let error = open_bytes(bytes, &key(1), &context()).unwrap_err();
    assert!(matches!(error, VaultError::NotAuthentic { .. } | VaultError::Format { .. }), "{error:?}");
}

#[test]
fn lengths_around_chunk_borders_round_trip() {
    for length in [0, 1, 15, 16, 17, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 3 * CHUNK + 5] {
        let bytes = sealed(length);
        let chunks = length.div_ceil(CHUNK).max(1);
        assert_eq!(bytes.len(), HEADING + length + chunks * TAG, "length {length}");
        assert_eq!(*open_bytes(&bytes, &key(1), &context()).unwrap(), plain(length), "length {length}");
    }
}

#[test]
fn another_key_or_context_is_refused() {
    let bytes = sealed(100);
    assert!(open_bytes(&bytes, &key(2), &context()).is_err());
    for other in [Context::new("test").with("two"), Context::new("test"), context().with("")] {
        assert!(open_bytes(&bytes, &key(1), &other).is_err());
    }
}

#[test]
fn every_truncation_of_a_short_file_and_every_chunk_border_is_refused() {
    let short = sealed(200);
    for length in 0..short.len() {
        refused(&short[..length]);
    }
    let long = sealed(3 * CHUNK + 100);
    for chunks in 0..=3 {
        for offset in [0, 1, TAG] {
            refused(&long[..HEADING + chunks * (CHUNK + TAG) + offset]);
        }
    }
}

#[test]
fn appended_reordered_repeated_and_removed_chunks_are_refused() {
    let bytes = sealed(4 * CHUNK);
    let (heading, body) = bytes.split_at(HEADING);
    let chunks: Vec<&[u8]> = body.chunks(CHUNK + TAG).collect();
    assert_eq!(chunks.len(), 4);
    let with = |order: &[usize]| {
        let mut file = heading.to_vec();
        order.iter().for_each(|i| file.extend_from_slice(chunks[*i]));
        file
    };
    assert_eq!(with(&[0, 1, 2, 3]), bytes);
    for order in [&[1, 0, 2, 3][..], &[0, 2, 1, 3], &[0, 1, 2, 2], &[0, 1, 2, 3, 3], &[0, 1, 3], &[3], &[0, 1, 2], &[]]
    {
        refused(&with(order));
    }
    refused(&[bytes.as_slice(), &[0]].concat());
    // A chunk of another file under the same data key and context.
    let other = seal_bytes(&plain(4 * CHUNK), &key(1), &context(), &mut SeededEntropy::new(3)).unwrap();
    let mut mixed = bytes.clone();
    mixed[HEADING..HEADING + CHUNK + TAG].copy_from_slice(&other[HEADING..HEADING + CHUNK + TAG]);
    refused(&mixed);
}

#[test]
fn two_files_of_the_same_bytes_differ() {
    let mut entropy = SeededEntropy::new(9);
    let a = seal_bytes(b"same", &key(1), &context(), &mut entropy).unwrap();
    let b = seal_bytes(b"same", &key(1), &context(), &mut entropy).unwrap();
    assert_ne!(a[HEADING..], b[HEADING..]);
}

#[test]
fn a_writer_that_is_not_finished_leaves_nothing_readable() {
    let mut bytes = Vec::new();
    let mut writer = SealWriter::new(&mut bytes, &key(1), &context(), &mut SeededEntropy::new(2)).unwrap();
    writer.write_all(&plain(2 * CHUNK)).unwrap();
    drop(writer);
    refused(&bytes);
}

/// After an error, nothing more is read, and never a clean end.
#[test]
fn errors_stay_errors() {
    let good = sealed(2 * CHUNK);
    let changed = |place: usize| {
        let mut bytes = good.clone();
        bytes[place] ^= 1;
        bytes
    };
    let short = good[..good.len() - 1].to_vec();
    for (bytes, readable) in [(changed(HEADING + 5), 0), (changed(good.len() - 1), CHUNK), (short, CHUNK)] {
        let mut reader = OpenReader::new(bytes.as_slice(), &key(1), &context()).unwrap();
        let mut plain = vec![0; readable];
        reader.read_exact(&mut plain).unwrap();
        for _ in 0..3 {
            let error = reader.read(&mut [0; 10]).unwrap_err();
            assert!(matches!(VaultError::from_io(error), VaultError::NotAuthentic { .. }));
        }
    }
}

/// A target that takes the heading and then fails once.
struct FailsOnce {
    bytes: Vec<u8>,
    writes: usize,
}

impl Write for FailsOnce {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        if self.writes == 3 {
            return Err(io::Error::other("disk"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_target_that_fails_is_never_finished() {
    let mut target = FailsOnce { bytes: Vec::new(), writes: 0 };
    let mut writer = SealWriter::new(&mut target, &key(1), &context(), &mut SeededEntropy::new(2)).unwrap();
    writer.write_all(&plain(CHUNK)).unwrap();
    for _ in 0..3 {
        assert!(writer.write_all(&plain(CHUNK)).is_err());
    }
    assert!(writer.finish().is_err());
    assert_eq!(target.bytes.len(), HEADING);
}

struct Failing;
impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("disk"))
    }
}

#[test]
fn a_source_that_fails_is_not_a_short_file() {
    let mut target = Vec::new();
    let mut source = plain(10).chain_failing();
    let error = seal(&mut source, &mut target, &key(1), &context(), &mut SeededEntropy::new(2)).unwrap_err();
    assert!(matches!(error, VaultError::Stream(_)), "{error:?}");
    refused(&target);
}

trait ChainFailing {
    fn chain_failing(self) -> Box<dyn Read>;
}
impl ChainFailing for Vec<u8> {
    fn chain_failing(self) -> Box<dyn Read> {
        Box::new(io::Cursor::new(self).chain(Failing))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_cut_of_writes_gives_the_same_bytes(lengths in prop::collection::vec(0_usize..90_000, 0..5)) {
        let mut bytes = Vec::new();
        let mut writer = SealWriter::new(&mut bytes, &key(1), &context(), &mut SeededEntropy::new(2)).unwrap();
        let all = plain(lengths.iter().sum());
        let mut rest = all.as_slice();
        for length in &lengths {
            let (part, after) = rest.split_at(*length);
            writer.write_all(part).unwrap();
            rest = after;
        }
        writer.finish().unwrap();
        prop_assert!(bytes == sealed(all.len()));
    }

    #[test]
    fn any_bit_flip_is_refused(length in 0_usize..140_000, place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bytes = sealed(length);
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        prop_assert!(open_bytes(&bytes, &key(1), &context()).is_err());
    }

    #[test]
    fn any_truncation_is_refused(length in 0_usize..140_000, cut in any::<prop::sample::Index>()) {
        let bytes = sealed(length);
        prop_assert!(open_bytes(&bytes[..cut.index(bytes.len())], &key(1), &context()).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_open(bytes in prop::collection::vec(any::<u8>(), 0..300), with_heading: bool) {
        let bytes = if with_heading { [MAGIC.as_slice(), &bytes].concat() } else { bytes };
        prop_assert!(open_bytes(&bytes, &key(1), &context()).is_err());
    }
}
