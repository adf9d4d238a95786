//! Values and limits of a row, from released counts.

use model::indicator::{Indicator, IndicatorType, IntervalMethod};
use model::{Status, TidyRow};
use statistics::Confidence;

/// Value and intervals, in the indicator's unit, of a count with noise of this variance.
pub(super) fn fill(row: &mut TidyRow, indicator: &Indicator, (count, noise): (u64, f64), of: Option<u64>) {
    let figures = figures(indicator, count, of).map(|figures| figures.widened(count, noise));
    match figures {
        Ok(figures) => {
            row.value = Some(round(figures.value));
            (row.lower_95, row.upper_95) = limits(figures.at_95);
            (row.lower_998, row.upper_998) = limits(figures.at_998);
            if indicator.indicator_type != IndicatorType::Score {
                row.count = Some(count);
                row.denominator = of;
            }
        }
        // Nobody at risk: there is no rate to speak of.
        Err(_) if of == Some(0) && count == 0 => row.status = Status::Z,
        // Somebody was counted whom the denominator does not know: there is a rate, but it is not available.
        Err(_) => without_value(row, indicator, count),
    }
}

/// A released count whose rate cannot be computed: the count is shown all the same.
pub(super) fn without_value(row: &mut TidyRow, indicator: &Indicator, count: u64) {
    row.status = Status::X;
    if indicator.indicator_type != IndicatorType::Score {
        row.count = Some(count);
    }
}

struct Figures {
    value: f64,
    at_95: Option<(f64, f64)>,
    at_998: Option<(f64, f64)>,
}

impl Figures {
    /// With limits that allow for noise in the count. A count `c` of independent events has variance `c`, and with noise of variance `v` of
    /// its own `c + v`: limits are further away by the root of the ratio.
    fn widened(self, count: u64, noise: f64) -> Self {
        if noise <= 0.0 {
            return self;
        }
        let count = as_float(count.max(1));
        let wider = ((count + noise) / count).sqrt();
        let value = self.value;
        let widen =
            |(lower, upper): (f64, f64)| ((value - (value - lower) * wider).max(0.0), value + (upper - value) * wider);
        Self { at_95: self.at_95.map(widen), at_998: self.at_998.map(widen), ..self }
    }
}

fn figures(indicator: &Indicator, count: u64, of: Option<u64>) -> Result<Figures, statistics::StatisticsError> {
    let multiplier = f64::from(indicator.multiplier);
    if indicator.indicator_type == IndicatorType::Score {
        // Scores are kept in thousandths.
        return Ok(Figures { value: as_float(count) / 1000.0, at_95: None, at_998: None });
    }
    let at = |confidence: Confidence| match (indicator.indicator_type, of) {
        (IndicatorType::Proportion, Some(of)) => statistics::proportion(count, of, multiplier, confidence),
        (_, Some(of)) => statistics::crude_rate(count, as_float(of), multiplier, confidence),
        (_, None) => statistics::count(count, confidence),
    };
    let (at_95, at_998) = (at(Confidence::P95)?, at(Confidence::P998)?);
    let given = indicator.interval != IntervalMethod::None;
    let pair = |estimate: &statistics::Estimate| given.then_some((estimate.interval.lower, estimate.interval.upper));
    Ok(Figures { value: at_95.value, at_95: pair(&at_95), at_998: pair(&at_998) })
}

/// Exact up to 2^53, far above any count here.
#[allow(clippy::cast_precision_loss, reason = "counts stay below 2^36")]
const fn as_float(count: u64) -> f64 {
    count as f64
}

fn limits(pair: Option<(f64, f64)>) -> (Option<f64>, Option<f64>) {
    (pair.map(|(lower, _)| round(lower)), pair.map(|(_, upper)| round(upper)))
}

/// Six decimals: stable bytes across platforms, finer than any decision needs.
fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
