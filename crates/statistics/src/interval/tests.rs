//! Against published values; sources beside them.

use super::*;
use proptest::prelude::*;

fn close(actual: f64, expect: f64, tolerance: f64) {
    assert!((actual - expect).abs() <= tolerance * expect.abs().max(1.0), "{actual} is not {expect}");
}

#[test]
fn quantiles_of_the_normal() {
    for (level, z) in [(0.95, Confidence::P95.z), (0.998, Confidence::P998.z), (0.9, 1.644_853_626_951_472_7)] {
        close(Confidence::new(level).unwrap().z(), z, 1e-9);
    }
    for level in [0.0, 1.0, -0.5, 95.0, f64::NAN] {
        assert_eq!(Confidence::new(level), Err(StatisticsError::Confidence));
    }
}

/// Lower limits and rate: unit tests of the Python package of the department that publishes the R package (repository
/// DataS-DHSC/PHStatsMethods, `archive/tests_old.py`: `byars(100)`, `phe_rate(100, 10000, 100000)`). Its upper limits
/// (121.6245...) come from a slip in that early version, 9 x + 1 for 9 (x + 1), and are not used.
#[test]
fn byar_agrees_with_published_values() {
    close(byar(100, Confidence::P95).lower, 81.362_105_490_527_88, 1e-9);
    let rate = crude_rate(100, 10_000.0, 100_000.0, Confidence::P95).unwrap();
    close(rate.value, 1000.0, 1e-12);
    close(rate.interval.lower, 813.621_054_905_278_9, 1e-9);
}

/// The inputs of the R package's `testByars.R`; limits of the published formula in 40-digit decimal arithmetic.
#[test]
fn byar_agrees_with_decimal_arithmetic() {
    for (o, c, lower, upper) in [
        (10, Confidence::P95, 4.787_449_913_967_562, 18.391_458_605_756_475),
        (10, Confidence::P998, 2.916_318_374_695_685, 24.193_724_927_880_54),
        (65, Confidence::P95, 50.163_187_710_449_44, 82.849_138_545_939_86),
        (65, Confidence::P998, 42.880_261_471_480_195, 94.000_290_844_318),
        (100, Confidence::P95, 81.362_105_490_527_86, 121.627_937_579_206_48),
        (1045, Confidence::P95, 982.593_201_807_332_7, 1_110.331_212_985_65),
        (1045, Confidence::P998, 947.940_703_561_043_8, 1_148.806_160_988_032_7),
    ] {
        let limits = byar(o, c);
        close(limits.lower, lower, 1e-12);
        close(limits.upper, upper, 1e-12);
    }
}

/// The same tests: `wilson(100, 10000)` in per cent, `phe_proportion(100, 1000)`.
#[test]
fn wilson_agrees_with_published_values() {
    for (x, n, value, lower, upper) in [
        (100, 10_000, 1.0, 0.822_933_614_814_841_7, 1.214_698_225_511_464_7),
        (100, 1_000, 10.0, 8.290_944_359_309_57, 12.015_196_319_534_84),
    ] {
        let estimate = proportion(x, n, 100.0, Confidence::P95).unwrap();
        close(estimate.value, value, 1e-12);
        close(estimate.interval.lower, lower, 1e-9);
        close(estimate.interval.upper, upper, 1e-9);
    }
}

/// Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3 (score without continuity correction), 95 %, as
/// printed to four decimals; the formula in 60-digit decimal arithmetic gives the same.
#[test]
fn wilson_agrees_with_newcombe() {
    for (x, n, lower, upper) in
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
    {
        let limits = wilson(x, n, Confidence::P95).unwrap();
        close(limits.lower, lower, 5e-5);
        close(limits.upper, upper, 5e-5);
    }
}

/// The same in 60-digit decimal arithmetic, to sixteen decimals.
#[test]
fn wilson_agrees_with_decimal_arithmetic() {
    for (x, n, lower, upper) in [
        (81, 263, 0.255_288_519_878_274_2, 0.366_209_576_982_800_1),
        (15, 148, 0.062_386_399_530_736_3, 0.160_487_241_723_308),
        (0, 20, 0.0, 0.161_125_158_052_819_4),
        (1, 29, 0.006_113_214_292_762_7, 0.171_755_218_793_202_9),
    ] {
        let limits = wilson(x, n, Confidence::P95).unwrap();
        close(limits.lower, lower, 1e-14);
        close(limits.upper, upper, 1e-14);
    }
}

/// Exact Poisson limits by bisection of the summed probabilities in 60-digit decimal arithmetic.
#[test]
fn exact_limits_agree_with_decimal_arithmetic() {
    for (o, c, lower, upper) in [
        (1, Confidence::P95, 0.025_317_807_984_29, 5.571_643_390_938_9),
        (1, Confidence::P998, 0.001_000_500_333_58, 9.233_413_476_451_59),
        (2, Confidence::P95, 0.242_209_278_543_96, 7.224_687_667_723_96),
        (2, Confidence::P998, 0.045_402_017_769_49, 11.228_872_242_412_66),
        (5, Confidence::P95, 1.623_486_390_118_42, 11.668_332_079_322_67),
        (5, Confidence::P998, 0.739_371_731_917_83, 16.454_745_203_680_11),
        (9, Confidence::P95, 4.115_373_097_378_33, 17.084_803_451_419_17),
        (9, Confidence::P998, 2.452_424_404_363_77, 22.657_373_309_062_93),
    ] {
        let limits = poisson_exact(o, c).unwrap();
        close(limits.lower, lower, 1e-12);
        close(limits.upper, upper, 1e-12);
    }
}

/// Exact Poisson limits from the funnel table of the R package's tests (`testdata_funnel_rate_outputs.csv`: populations
/// at which a count is exactly at the limit, per year of three, at 116.1720835 per 100,000). That table was solved by
/// bisection to about seven digits.
#[test]
fn exact_limits_agree_with_published_values() {
    let expected = |population: f64| population * 116.172_083_5e-5 * 3.0;
    for (o, upper_95, lower_95, upper_998, lower_998) in [
        (1, 1_598.675_694, 7.264_481_402, 2_649.348_525, 0.287_087_625),
        (2, 2_072.984_403, 69.497_323_67, 3_221.906_682, 13.027_223_21),
        (3, 2_515.599_722, 177.515_941_8, 3_747.958_682, 54.669_849_38),
        (5, 3_348.002_593, 465.828_012_9, 4_721.370_883, 212.148_48),
        (9, 4_902.152_951, 1_180.827_018, 6_501.096_999, 703.676_001_2),
    ] {
        for (confidence, lower, upper) in
            [(Confidence::P95, lower_95, upper_95), (Confidence::P998, lower_998, upper_998)]
        {
            let limits = poisson_exact(o, confidence).unwrap();
            close(limits.lower, expected(lower), 3e-6);
            close(limits.upper, expected(upper), 3e-6);
        }
    }
}

/// In closed form: 0 events have the upper limit -ln((1-c)/2); 1 event has the lower limit -ln((1+c)/2).
#[test]
fn exact_limits_in_closed_form() {
    for confidence in [Confidence::P95, Confidence::P998, Confidence::new(0.9).unwrap()] {
        let c = confidence.level();
        let none = poisson_exact(0, confidence).unwrap();
        assert_eq!(none.lower, 0.0);
        close(none.upper, -((1.0 - c) / 2.0).ln(), 1e-10);
        close(poisson_exact(1, confidence).unwrap().lower, -f64::midpoint(1.0, c).ln(), 1e-10);
    }
}

#[test]
fn small_counts_are_exact_and_large_ones_byar() {
    assert_eq!(poisson_limits(9, Confidence::P95), poisson_exact(9, Confidence::P95));
    assert_eq!(poisson_limits(10, Confidence::P95), Ok(byar(10, Confidence::P95)));
    assert_eq!(count(12, Confidence::P95).unwrap().interval, byar(12, Confidence::P95));
}

/// A count has the interval of its rate: whoever multiplies a rate by its denominator must find the limits of the count.
#[test]
fn a_count_has_the_limits_of_its_rate() {
    for confidence in [Confidence::P95, Confidence::P998] {
        for observed in 0..40 {
            let alone = count(observed, confidence).unwrap();
            let rate = crude_rate(observed, 250.0, 1000.0, confidence).unwrap();
            close(rate.value / 4.0, alone.value, 1e-12);
            close(rate.interval.lower / 4.0, alone.interval.lower, 1e-12);
            close(rate.interval.upper / 4.0, alone.interval.upper, 1e-12);
        }
    }
}

#[test]
fn impossible_inputs_are_errors() {
    use StatisticsError::{NoDenominator, NotANumber, NumeratorTooLarge};
    let c = Confidence::P95;
    assert_eq!(crude_rate(3, 0.0, 1000.0, c), Err(NoDenominator));
    assert_eq!(crude_rate(3, -2.0, 1000.0, c), Err(NoDenominator));
    assert_eq!(crude_rate(3, f64::NAN, 1000.0, c), Err(NotANumber));
    assert_eq!(crude_rate(3, 10.0, 0.0, c), Err(NotANumber));
    assert_eq!(proportion(3, 0, 100.0, c), Err(NoDenominator));
    assert_eq!(proportion(3, 2, 100.0, c), Err(NumeratorTooLarge));
    assert_eq!(proportion(0, 5, 100.0, c).unwrap().interval.lower, 0.0);
    assert_eq!(proportion(5, 5, 100.0, c).unwrap().interval.upper, 100.0);
    assert_eq!(crude_rate(0, 10.0, 1000.0, c).unwrap().interval.lower, 0.0);
}

/// P(X <= o) for a Poisson variable, summed directly.
fn poisson_below(o: u64, mean: f64) -> f64 {
    let mut term = (-mean).exp();
    let mut sum = term;
    for i in 1..=o {
        term *= mean / i as f64;
        sum += term;
    }
    sum
}

proptest! {
    /// The definition of the exact limits, by direct summation.
    #[test]
    fn exact_limits_cut_off_the_tails(o in 0_u64..200, level in 0.5_f64..0.9999) {
        let limits = poisson_exact(o, Confidence::new(level).unwrap()).unwrap();
        let tail = (1.0 - level) / 2.0;
        prop_assert!((poisson_below(o, limits.upper) - tail).abs() < 1e-9);
        if o > 0 {
            prop_assert!((1.0 - poisson_below(o - 1, limits.lower) - tail).abs() < 1e-9);
        }
    }

    /// Wilson's limits solve |x/n - p| = z sqrt(p (1 - p) / n).
    #[test]
    fn wilson_limits_solve_the_score_equation(n in 1_u64..100_000, share in 0.0_f64..=1.0) {
        let x = (share * n as f64) as u64;
        let c = Confidence::P998;
        let limits = wilson(x, n, c).unwrap();
        for p in [limits.lower, limits.upper] {
            prop_assert!((0.0..=1.0).contains(&p));
            let observed = x as f64 / n as f64;
            let gap = (observed - p).abs() - c.z() * (p * (1.0 - p) / n as f64).sqrt();
            prop_assert!(gap.abs() < 1e-9 || (p == observed && (x == 0 || x == n)));
        }
    }

    /// Byar's limits are near the exact ones from 10 events.
    #[test]
    fn byar_is_close_to_exact(o in 10_u64..500) {
        let (b, e) = (byar(o, Confidence::P95), poisson_exact(o, Confidence::P95).unwrap());
        prop_assert!((b.lower / e.lower - 1.0).abs() < 0.003);
        prop_assert!((b.upper / e.upper - 1.0).abs() < 0.003);
    }
}
