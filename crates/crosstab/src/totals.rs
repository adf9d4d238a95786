//! Totals of a table over some of its axes.

/// In a table in row-major order, whose axes have these sizes, the last place of each of the named axes becomes what `add` makes of
/// all its places: the total, if the last place held what is in no category. Every cell of the table is then a sum of finest cells.
pub fn add_totals(
    values: &mut [u64],
    sizes: &[usize],
    axes: impl DoubleEndedIterator<Item = usize>,
    add: impl Fn(u64, u64) -> u64 + Copy,
) {
    for axis in axes.rev() {
        let size = sizes.get(axis).copied().unwrap_or(1);
        let inner = sizes.iter().skip(axis + 1).product::<usize>().max(1);
        for block in values.chunks_exact_mut((size * inner).max(1)) {
            let Some((parts, total)) = block.len().checked_sub(inner).and_then(|at| block.split_at_mut_checked(at))
            else {
                continue;
            };
            for part in parts.chunks_exact(inner) {
                for (total, part) in total.iter_mut().zip(part) {
                    *total = add(*total, *part);
                }
            }
        }
    }
}
