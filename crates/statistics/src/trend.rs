//! Recent trend of a series.

/// 99.8 % quantile of chi squared with one degree of freedom.
const CHI2_998: f64 = 9.549_535_7;
/// Points a trend is judged on.
const POINTS: usize = 5;
/// Width of a 95 % interval in standard errors.
const WIDTH_95: f64 = 3.92;

/// Direction of a recent trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// Significant rise.
    Increasing,
    /// Significant fall.
    Decreasing,
    /// Neither.
    NoSignificantChange,
    /// Too few points, or a point without a value or interval.
    CannotBeCalculated,
}

impl Trend {
    /// The words in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Increasing => "increasing",
            Self::Decreasing => "decreasing",
            Self::NoSignificantChange => "no significant change",
            Self::CannotBeCalculated => "cannot be calculated",
        }
    }
}

/// A point of a series, with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrendPoint {
    /// Time in any even unit, for example the year.
    pub time: f64,
    /// The value.
    pub value: f64,
    /// 95 % lower limit.
    pub lower: f64,
    /// 95 % upper limit.
    pub upper: f64,
}

/// Slope and its chi-squared statistic of a straight line fitted with weights 1/se^2, se = (U - L)/3.92.
fn fit(points: &[TrendPoint]) -> Option<(f64, f64)> {
    // Times are centred: years squared would cost digits.
    let origin = points.first()?.time;
    let (mut w, mut wt, mut wtt, mut wy, mut wty) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for point in points {
        let se = (point.upper - point.lower) / WIDTH_95;
        let weight = 1.0 / (se * se);
        let time = point.time - origin;
        w += weight;
        wt += weight * time;
        wtt += weight * time * time;
        wy += weight * point.value;
        wty += weight * time * point.value;
    }
    let determinant = w * wtt - wt * wt;
    let slope = (w * wty - wt * wy) / determinant;
    let variance = w / determinant;
    let statistic = slope * slope / variance;
    (slope.is_finite() && statistic.is_finite() && determinant > 0.0).then_some((slope, statistic))
}

/// The recent trend of the last five points of a series in order of time; `None` marks a point without a value or
/// interval. A trend is significant if chi2 = (slope/SE)^2 > 9.5495357 (99.8 %) and the slope keeps its sign when any
/// one of the five points is left out. Something missing means "cannot be calculated", never "no change".
///
/// Source: Fingertips Public Health technical guidance, recent trends; the same department's R package
/// PHEindicatormethods, `assign_trend_markers`.
#[must_use]
pub fn recent_trend(series: &[Option<TrendPoint>]) -> Trend {
    let recent = series.len().checked_sub(POINTS).and_then(|from| series.get(from..));
    let points: Option<Vec<TrendPoint>> = recent.and_then(|recent| recent.iter().copied().collect());
    let Some(points) = points else { return Trend::CannotBeCalculated };
    let usable =
        |p: &TrendPoint| p.value.is_finite() && p.upper.is_finite() && p.lower.is_finite() && p.upper > p.lower;
    if !points.iter().all(usable) {
        return Trend::CannotBeCalculated;
    }
    let Some((slope, statistic)) = fit(&points) else { return Trend::CannotBeCalculated };
    if statistic <= CHI2_998 {
        return Trend::NoSignificantChange;
    }
    for left_out in 0..points.len() {
        let rest: Vec<TrendPoint> =
            points.iter().enumerate().filter(|(i, _)| *i != left_out).map(|(_, point)| *point).collect();
        match fit(&rest) {
            Some((other, _)) if other * slope > 0.0 => {}
            Some(_) => return Trend::NoSignificantChange,
            None => return Trend::CannotBeCalculated,
        }
    }
    if slope > 0.0 { Trend::Increasing } else { Trend::Decreasing }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of published directly standardised rates (repository ukhsa-collaboration/PHEindicatormethods,
    /// `DSR_testdata.csv`, quintile 1: value, lower, upper).
    const PUBLISHED: [(f64, f64, f64, f64); 6] = [
        (2010.0, 150.220_020_5, 147.319_418_5, 153.149_824_1),
        (2011.0, 148.406_123_4, 145.535_922_7, 151.305_282_7),
        (2012.0, 146.362_046_4, 143.533_928_5, 149.218_782),
        (2013.0, 144.629_821_9, 141.839_870_7, 147.448_031_6),
        (2014.0, 144.730_258_5, 141.963_116_4, 147.525_241_2),
        (2015.0, 143.817_763_7, 141.094_184_3, 146.568_661),
    ];

    fn series(values: &[(f64, f64)]) -> Vec<Option<TrendPoint>> {
        let point = |(i, (value, half)): (usize, &(f64, f64))| {
            Some(TrendPoint { time: i as f64, value: *value, lower: value - half, upper: value + half })
        };
        values.iter().enumerate().map(point).collect()
    }

    #[test]
    fn published_series() {
        let points: Vec<_> = PUBLISHED
            .iter()
            .map(|(time, value, lower, upper)| {
                Some(TrendPoint { time: *time, value: *value, lower: *lower, upper: *upper })
            })
            .collect();
        // 2010 to 2014 falls significantly; 2011 to 2015 does not at 99.8 %: see the statistics below.
        let statistic = |range: std::ops::Range<usize>| {
            let points: Vec<TrendPoint> = points[range].iter().map(|p| p.unwrap()).collect();
            fit(&points).unwrap()
        };
        let (slope, chi2) = statistic(0..5);
        assert!(slope < 0.0 && chi2 > CHI2_998, "{chi2}");
        assert_eq!(recent_trend(&points[..5]), Trend::Decreasing);
        let (_, chi2) = statistic(1..6);
        assert_eq!(recent_trend(&points) == Trend::Decreasing, chi2 > CHI2_998);
    }

    /// Equal weights: the slope and its variance are those of least squares, in closed form.
    #[test]
    fn fit_in_closed_form() {
        let half = 1.96;
        let points: Vec<TrendPoint> =
            series(&[(1.0, half), (3.0, half), (2.0, half), (5.0, half), (4.0, half)]).into_iter().flatten().collect();
        let (slope, chi2) = fit(&points).unwrap();
        // Sum (t - 2) y = 8, sum (t - 2)^2 = 10, se = 1.
        assert!((slope - 0.8).abs() < 1e-12);
        assert!((chi2 - 6.4).abs() < 1e-12);
    }

    #[test]
    fn trends() {
        let cases = [
            (series(&[(1.0, 0.5), (2.0, 0.5), (3.0, 0.5), (4.0, 0.5), (5.0, 0.5)]), "increasing"),
            (series(&[(5.0, 0.5), (4.0, 0.5), (3.0, 0.5), (2.0, 0.5), (1.0, 0.5)]), "decreasing"),
            (series(&[(9.0, 0.1), (5.0, 0.5), (4.0, 0.5), (3.0, 0.5), (2.0, 0.5), (1.0, 0.5)]), "decreasing"),
            (series(&[(5.0, 4.0), (4.0, 4.0), (5.0, 4.0), (4.0, 4.0), (5.0, 4.0)]), "no significant change"),
            // One outlier makes the slope; without it the slope turns.
            (series(&[(5.0, 0.5), (4.9, 0.5), (4.8, 0.5), (4.7, 0.5), (9.0, 0.5)]), "no significant change"),
            (series(&[(1.0, 0.5), (2.0, 0.5), (3.0, 0.5), (4.0, 0.5)]), "cannot be calculated"),
            (series(&[(1.0, 0.5), (2.0, 0.5), (3.0, 0.0), (4.0, 0.5), (5.0, 0.5)]), "cannot be calculated"),
            (Vec::new(), "cannot be calculated"),
        ];
        for (series, expect) in cases {
            assert_eq!(recent_trend(&series).as_str(), expect);
        }
        let mut gap = series(&[(1.0, 0.5), (2.0, 0.5), (3.0, 0.5), (4.0, 0.5), (5.0, 0.5)]);
        gap[2] = None;
        assert_eq!(recent_trend(&gap), Trend::CannotBeCalculated);
    }
}
