//! The best guess against the two next integers only: a bound where kinds of noise vectors are too many to go through.

/// Operations that are made, at most.
const MOST_WORK: f64 = 4e8;
/// Log likelihoods this near are equal.
const TIE: f64 = 1e-9;

/// At most the probability that the best guess of an integer is right from so many observations of it with noise `p` (from `-largest` to
/// `largest`, symmetric), if its weights are `prior` (or all the same); `None` if that takes too long, or the noise is not of
/// a table's form.
///
/// The guess `t` is right only if its weight times its likelihood is not below that of `t + 1` and `t - 1`, and in case of a tie in half of
/// the cases (a third of two ties). Outside its floor a table's noise is `p(v) = c exp(-l v^2)`, with `p(0)` larger by a factor `exp(b)`. With `n(v)` observations that
/// have noise `v`, and `s` the sum of noise, the log ratio of `t + 1` to `t` is therefore `-l (m - 2 s) + b (n(1) - n(0))`, and that of `t - 1`
/// is `-l (m + 2 s) + b (n(-1) - n(0))`, or nothing where some noise is `-largest` or `largest`: few numbers, of which the joint
/// law is found by adding one observation at a time.
pub(super) fn beats_neighbours(p: &[f64], observations: u64, prior: Option<&[f64]>) -> Option<f64> {
    let largest = p.len() / 2;
    let at = |noise: usize| p.get(largest + noise).copied().filter(|p| *p > 0.0).map(f64::ln);
    let (zero, one, two) = (at(0)?, at(1)?, at(2)?);
    let slope = (one - two) / 3.0;
    let above = zero - one - slope;
    let has_floor = above.abs() > 1e-7;
    let many = usize::try_from(observations).ok()?;
    let width = if has_floor { 2 * many + 1 } else { 1 };
    let size = (2 * largest * many + 1) * width * width;
    if 4.0 * size as f64 * many as f64 * p.len() as f64 > MOST_WORK {
        return None;
    }
    let law = law(p, many, width);
    let middle = (many * usize::from(has_floor)) as f64;
    let mut total = 0.0;
    for (ends, part) in law.iter().enumerate() {
        for (place, weight) in part.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            let sum = (place / (width * width)) as f64 - (largest * many) as f64;
            let (up, down) = ((place / width % width) as f64 - middle, (place % width) as f64 - middle);
            let (low, high) = (ends & 1 == 1, ends & 2 == 2);
            let ratio = |gone: bool, sum: f64, ones: f64| {
                if gone { f64::NEG_INFINITY } else { -slope * (many as f64 - 2.0 * sum) + above * ones }
            };
            total += weight * right(ratio(low, sum, up), ratio(high, -sum, down), prior);
        }
    }
    Some(total.min(1.0))
}

/// The joint law, in four parts by whether noise reached `-largest` (1) and `largest` (2); in each by sum of noise, `n(1) - n(0)` and
/// `n(-1) - n(0)`, each from its least value on.
fn law(p: &[f64], many: usize, width: usize) -> [Vec<f64>; 4] {
    let size = (p.len().saturating_sub(1) * many + 1) * width * width;
    let new = || [vec![0.0; size], vec![0.0; size], vec![0.0; size], vec![0.0; size]];
    let largest = p.len() / 2;
    let has_floor = width > 1;
    let mut law = new();
    // Sums start at their least value, so every observation moves by its noise above the least.
    if let Some(first) = law.first_mut().and_then(|part| part.get_mut(if has_floor { many * width + many } else { 0 }))
    {
        *first = 1.0;
    }
    for _ in 0..many {
        let mut next = new();
        for (place, p) in p.iter().enumerate() {
            let (up, down) = match place.checked_sub(largest) {
                _ if !has_floor => (0, 0),
                Some(0) => (-1, -1),
                Some(1) => (1, 0),
                None if place + 1 == largest => (0, 1),
                _ => (0, 0),
            };
            let shift = (place * width * width) as isize + up * width as isize + down;
            let end = usize::from(place == 0) | usize::from(place + 1 == 2 * largest + 1) << 1;
            for (ends, part) in law.iter().enumerate() {
                let Some(target) = next.get_mut(ends | end) else { continue };
                let from = usize::try_from(-shift).unwrap_or(0);
                let to = usize::try_from(shift).unwrap_or(0);
                for (slot, weight) in target.iter_mut().skip(to).zip(part.iter().skip(from)) {
                    *slot += p * weight;
                }
            }
        }
        law = next;
    }
    law
}

/// The share of integers, by weight, that are not beaten with these log likelihood ratios of the next and the last integer.
fn right(next: f64, last: f64, prior: Option<&[f64]>) -> f64 {
    let share = |next: f64, last: f64| {
        if next > TIE || last > TIE {
            return 0.0;
        }
        1.0 / (1.0 + f64::from(u8::from(next > -TIE)) + f64::from(u8::from(last > -TIE)))
    };
    let Some(prior) = prior else { return share(next, last) };
    let weight = |place: Option<usize>| place.and_then(|place| prior.get(place)).map_or(f64::NEG_INFINITY, |w| w.ln());
    let of = |(place, own): (usize, &f64)| {
        own * share(next + weight(Some(place + 1)) - own.ln(), last + weight(place.checked_sub(1)) - own.ln())
    };
    prior.iter().enumerate().map(of).sum()
}
