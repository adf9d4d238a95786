//! The distribution of largest entropy with mean zero, a given variance and a floor under the probability of zero.

/// Newton steps, far more than are ever taken.
const STEPS: usize = 200;
/// Step length is halved at most so often.
const HALVINGS: usize = 60;

/// Probabilities over `support` (whole numbers, ascending, on both sides of zero) with mean 0, this variance and, if zero is in it,
/// `p(0) >= stays`, that have the largest entropy. `None` if the variance is not inside what the support allows.
///
/// Without the floor, `p(v)` is proportional to `exp(l1 v + l2 v^2)` (Jaynes 1957). If that leaves zero less than `stays`, the floor
/// binds: `p(0) = stays`, and the others are the same problem without zero and with variance `V / (1 - stays)`; its entropy is
/// largest because the stationarity conditions hold with a multiplier of the right sign on the floor.
pub(super) fn solve(support: &[i64], variance: f64, stays: f64) -> Option<Vec<f64>> {
    let free = exponential(support, variance)?;
    let at_zero = support.iter().zip(&free).find(|(v, _)| **v == 0).map(|(_, p)| *p);
    if at_zero.is_none_or(|p| p >= stays) {
        return Some(free);
    }
    let rest: Vec<i64> = support.iter().copied().filter(|v| *v != 0).collect();
    let mut others = exponential(&rest, variance / (1.0 - stays))?.into_iter().map(|p| p * (1.0 - stays));
    Some(support.iter().map(|v| if *v == 0 { stays } else { others.next().unwrap_or(0.0) }).collect())
}

/// Where the dual stands: probabilities, the value of the dual, its gradient and its matrix of second derivatives.
struct Point {
    p: Vec<f64>,
    value: f64,
    gradient: (f64, f64),
    curvature: (f64, f64, f64),
}

/// The dual `log sum exp(l1 x + l2 x^2) - l2 V` with `x = v / scale`, so that both unknowns are of the same size.
fn dual(xs: &[f64], variance: f64, (l1, l2): (f64, f64)) -> Point {
    let exponents: Vec<f64> = xs.iter().map(|x| l1 * x + l2 * x * x).collect();
    let top = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = exponents.iter().map(|e| (e - top).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let p: Vec<f64> = weights.iter().map(|w| w / sum).collect();
    let moment = |power: i32| -> f64 { xs.iter().zip(&p).map(|(x, p)| x.powi(power) * p).sum() };
    let (m1, m2) = (moment(1), moment(2));
    // About the means, so that nothing cancels.
    let about = |f: fn(f64, f64) -> f64| -> f64 { xs.iter().zip(&p).map(|(x, p)| p * f(x - m1, x * x - m2)).sum() };
    let curvature = (about(|a, _| a * a), about(|a, b| a * b), about(|_, b| b * b));
    Point { value: top + sum.ln() - l2 * variance, gradient: (m1, m2 - variance), curvature, p }
}

/// Damped Newton on the dual, which is convex and, inside the possible, has one minimum.
fn exponential(support: &[i64], variance: f64) -> Option<Vec<f64>> {
    let scale = support.iter().map(|v| v.unsigned_abs()).max().filter(|most| *most > 0)? as f64;
    let xs: Vec<f64> = support.iter().map(|v| *v as f64 / scale).collect();
    let variance = variance / (scale * scale);
    let mut at = (0.0, 0.0);
    let mut point = dual(&xs, variance, at);
    let error = |point: &Point| point.gradient.0.abs().max(point.gradient.1.abs());
    for _ in 0..STEPS {
        let (a, b, c) = point.curvature;
        let determinant = a * c - b * b;
        if error(&point) < 1e-17 || determinant <= 0.0 {
            break;
        }
        let (g, h) = point.gradient;
        let step = ((c * g - b * h) / determinant, (a * h - b * g) / determinant);
        let decrease = g * step.0 + h * step.1;
        let mut length = 1.0;
        let mut better = None;
        for _ in 0..HALVINGS {
            let next = (at.0 - length * step.0, at.1 - length * step.1);
            let found = dual(&xs, variance, next);
            // Near the end the value no longer changes, but the gradient still does.
            let lower = found.value <= point.value - 1e-4 * length * decrease;
            if lower || (decrease < 1e-12 && error(&found) < error(&point)) {
                better = Some((next, found));
                break;
            }
            length /= 2.0;
        }
        let Some((next, found)) = better else { break };
        (at, point) = (next, found);
    }
    (error(&point) < 1e-12).then_some(point.p)
}
