//! Inflating gzip with the output counted.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::error::IngestError;
use crate::request::Limits;
use crate::source::limit;

/// Small files may expand more: a few repeated lines compress very well.
const FREE_BYTES: u64 = 1 << 16;

/// The most bytes that `sent` bytes may inflate to.
pub(crate) fn greatest_inflated(sent: u64, ratio: u64, inflated_bytes: u64) -> u64 {
    sent.saturating_mul(ratio).saturating_add(FREE_BYTES).min(inflated_bytes)
}

pub(super) fn inflate(file: &[u8], limits: &Limits) -> Result<Vec<u8>, IngestError> {
    let sent = u64::try_from(file.len()).unwrap_or(u64::MAX);
    let greatest = greatest_inflated(sent, limits.ratio, limits.inflated_bytes);
    let mut bytes = Vec::new();
    let mut reader = MultiGzDecoder::new(file).take(greatest.saturating_add(1));
    reader.read_to_end(&mut bytes).map_err(|_| IngestError::Compressed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) <= greatest {
        Ok(bytes)
    } else if greatest < limits.inflated_bytes {
        Err(IngestError::Ratio { ratio: limits.ratio })
    } else {
        Err(limit("the inflated content is", limits.inflated_bytes, " bytes"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn inflating_is_counted() {
        let limits = Limits { inflated_bytes: 1 << 18, ..Limits::default() };
        assert_eq!(inflate(&gz(b"a,b\n1,2\n"), &limits).unwrap(), b"a,b\n1,2\n");
        let bomb = gz(&vec![b'0'; 1 << 17]);
        assert!(matches!(inflate(&bomb, &limits), Err(IngestError::Ratio { ratio: 100 })));
        let noise: Vec<u8> = (0_u32..300_000).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert!(matches!(inflate(&gz(&noise), &limits), Err(IngestError::Limit { .. })));
        let cut = gz(b"a,b\n1,2\n");
        assert!(matches!(inflate(&cut[..cut.len() - 9], &limits), Err(IngestError::Compressed)));
    }
}
