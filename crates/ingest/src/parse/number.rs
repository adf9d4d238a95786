//! Whole and decimal numbers as people and spreadsheets write them.

/// A whole number; thousands commas and a zero fraction (`1,234`, `9.0`) are accepted.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || fraction.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", whole),
    };
    let digits = without_commas(digits)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("{sign}{digits}").parse().ok()
}

/// A finite decimal number; thousands commas and an exponent (`1,234.5`, `1E-05`) are accepted.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    if !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.,eE".contains(&byte)) {
        return None;
    }
    let split = text.find(['.', 'e', 'E']).unwrap_or(text.len());
    let (whole, rest) = text.split_at_checked(split)?;
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", whole),
    };
    let digits = without_commas(digits)?;
    format!("{sign}{digits}{rest}").parse().ok().filter(|number: &f64| number.is_finite())
}

/// Removes thousands commas where they stand at thousands; `1,23` is no number.
fn without_commas(digits: &str) -> Option<String> {
    let mut groups = digits.split(',');
    let mut text = groups.next().unwrap_or_default().to_owned();
    let leading = text.len();
    for group in groups {
        if group.len() != 3 || leading == 0 || leading > 3 {
            return None;
        }
        text.push_str(group);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        let cases = [
            ("0", Some(0)),
            ("1,234", Some(1234)),
            ("12,345,678", Some(12_345_678)),
            ("-5", Some(-5)),
            ("9.0", Some(9)),
            ("9.5", None),
            ("9.", None),
            ("1,23", None),
            ("1234,567", None),
            (",123", None),
            ("", None),
            ("-", None),
            ("+5", None),
            ("5 ", None),
            ("1e3", None),
            ("99999999999999999999", None),
            ("-9223372036854775808", Some(i64::MIN)),
        ];
        for (text, expect) in cases {
            assert_eq!(integer(text), expect, "{text}");
        }
    }

    #[test]
    fn decimals() {
        let cases = [
            ("1.5", Some(1.5)),
            ("1,234.5", Some(1234.5)),
            (".5", Some(0.5)),
            ("-0.25", Some(-0.25)),
            ("1E-05", Some(0.000_01)),
            ("1,2.5", None),
            ("nan", None),
            ("inf", None),
            ("1e999", None),
            ("", None),
            ("12%", None),
            ("é", None),
        ];
        for (text, expect) in cases {
            assert_eq!(decimal(text), expect, "{text}");
        }
    }
}
