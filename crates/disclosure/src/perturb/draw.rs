//! From a key to a uniform number.

use sha2::{Digest, Sha256};

/// A uniform 64-bit number for the count of a cell with this key: the first eight bytes of SHA-256 over what it is for, behind its length,
/// and the key.
///
/// **Why the cell key is not used as it is.** Keys add up: the key of two disjoint cells together is the sum of their keys. Cut at
/// thresholds, the noises of `a`, `b` and `a + b` would be independent by pairs but not all three: published `a` and `b` with
/// guessed counts tell in which intervals their keys lie, so in which interval their sum lies, so what noise `a + b` has. All bounds
/// on averaging assume that noises of different record sets are independent. SHA-256 takes the structure away: for anybody who does
/// not hold the keys the numbers of different cell keys are independent as far as SHA-256 behaves like a random function. (A fixed
/// bijection such as a multiply-and-shift finaliser would be uniform too, but its independence would rest on nobody having looked.)
/// Trying all keys is no way round: a count says some two bits of a 64-bit key, so candidates are told apart only by cells that
/// share records, each with unknown keys of its own.
///
/// **What stays true.** Equal keys give equal numbers, so equal record sets have equal noise by every route.
///
/// Two *different* record sets have the same cell key with probability 2^-64 if record keys are random; but a record that counts
/// twice has to be added twice, or a cell with and without it have the same key.
///
/// **What is published draws by [`Place`]**, which takes in what a cell is of, too.
pub(super) fn draw(cell_key: u64) -> u64 {
    let mut hash = Sha256::new();
    // The second is of what no count has.
    ["commonground cell key 1: count", ""].into_iter().for_each(|part| absorb(&mut hash, part.as_bytes()));
    hash.update(cell_key.to_be_bytes());
    let [first, _] = first_bytes(hash);
    first
}

/// Takes in a part behind its length, so that parts cannot be taken for others.
pub(crate) fn absorb(hash: &mut Sha256, part: &[u8]) {
    hash.update((part.len() as u64).to_be_bytes());
    hash.update(part);
}

/// The first two times eight bytes.
fn first_bytes(hash: Sha256) -> [u64; 2] {
    let bytes = hash.finalize();
    let number = |from: usize| bytes.iter().skip(from).take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte));
    [number(0), number(8)]
}

/// Draws of the cells of one area in one state of the data of one period.
///
/// **Why not the key alone.** Two cells of which one holds the other have the same key if nobody is in what they differ by. With the same
/// noise they would be equal, and many such pairs together prove that nobody is there. So what a cell is *of* is drawn by too: two cells
/// have noises of their own whoever is in them, which is what the bound on averaging takes for granted of different sets of atoms, and the
/// same atoms are the same cell in whatever type of area.
///
/// And if a record is added, exactly the cells that it is in would change: what changed would name its area, sex and age. So all cells of
/// a period whose data changed get fresh noise at once. A bound on averaging counts states of the data as if all had fresh noise already.
pub(super) struct Place(Sha256);

impl Place {
    /// Of an area and a period by their digests, and the digest of the state of the period's data.
    pub(super) fn new(area: &[u8; 32], period: &[u8], state: &[u8; 32]) -> Self {
        Self::over([b"commonground cell key 2: count of a cell".as_slice(), state, period, area])
    }

    /// The same for sums of a column, whose noise says nothing of that of the counts, nor of sums of others.
    pub(super) fn of_sums(column: &str, area: &[u8; 32], period: &[u8], state: &[u8; 32]) -> Self {
        Self::over([b"commonground cell key 2: sum of a cell".as_slice(), column.as_bytes(), state, period, area])
    }

    fn over<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        parts.into_iter().for_each(|part| absorb(&mut hash, part));
        Self(hash)
    }

    /// Two uniform 64-bit numbers for a combination of categories, by its digest, and the key of the cell.
    pub(super) fn draw(&self, combination: &[u8; 32], cell_key: u64) -> [u64; 2] {
        let mut hash = self.0.clone();
        hash.update(combination);
        hash.update(cell_key.to_be_bytes());
        first_bytes(hash)
    }
}
