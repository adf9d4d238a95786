//! Identifiers of people and cases, in the canonical form pseudonyms are made from.

use model::contract::LinkScheme;

/// The canonical form, or `None` if the text is no identifier of the scheme.
pub(crate) fn identifier(scheme: LinkScheme, text: &str) -> Option<String> {
    match scheme {
        LinkScheme::NhsNumber => nhs_number(text),
        LinkScheme::Local => Some(text.to_uppercase()),
    }
}

/// Ten digits whose last is the modulus-11 check digit (NHS Data Dictionary, NHS NUMBER): weights 10 to 2 over the first
/// nine, eleven less the remainder, 11 written 0, 10 never issued. One digit ten times is a filler, though it checks.
fn nhs_number(text: &str) -> Option<String> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !matches!(c, ' ' | '-' | '\u{a0}')).map(|c| c.to_digit(10)).collect::<Option<_>>()?;
    let (check, body) = digits.split_last()?;
    if body.len() != 9 || body.iter().all(|digit| digit == check) {
        return None;
    }
    let sum: u32 = body.iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
    let expect = match 11 - sum % 11 {
        11 => 0,
        other => other,
    };
    (expect == *check).then(|| digits.iter().filter_map(|digit| char::from_digit(*digit, 10)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nhs_numbers_are_checked() {
        let cases = [
            ("943 476 5919", Some("9434765919")),
            ("943-476-5919", Some("9434765919")),
            ("9990000018", Some("9990000018")),
            ("9434765918", None),
            ("943476591", None),
            ("94347659190", None),
            ("0000000000", None),
            ("1111111111", None),
            ("94347659l9", None),
            ("", None),
        ];
        for (text, expect) in cases {
            assert_eq!(identifier(LinkScheme::NhsNumber, text).as_deref(), expect, "{text}");
        }
        assert_eq!(identifier(LinkScheme::Local, "ab-1").as_deref(), Some("AB-1"));
    }

    #[test]
    fn every_single_wrong_digit_is_noticed() {
        let good = "9434765919";
        for place in 0..10 {
            for digit in '0'..='9' {
                let text: String = good.chars().enumerate().map(|(i, c)| if i == place { digit } else { c }).collect();
                assert_eq!(identifier(LinkScheme::NhsNumber, &text).is_some(), text == good, "{text}");
            }
        }
    }
}
