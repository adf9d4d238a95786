//! Strict query parameters: unknown and repeated ones are refused by name.

use axum::http::Uri;
use platform::PeriodChoice;

use crate::problem::{self, Problem};

/// The parameters of one request.
#[derive(Debug)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads the query of an address.
    ///
    /// # Errors
    /// If a parameter is not in `known`, is repeated, or the query is longer than `limit` bytes.
    pub(crate) fn read(uri: &Uri, known: &[&str], limit: usize) -> Result<Self, Problem> {
        let query = uri.query().unwrap_or_default();
        if query.len() > limit {
            return Err(Problem::new(problem::URI_TOO_LONG, format!("the query may have {limit} bytes")));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let shown: String = name.chars().take(60).collect();
            if !known.contains(&name.as_ref()) {
                let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let detail = format!("`{shown}` is not a parameter of this address; it takes: {list}");
                return Err(Problem::new(problem::UNKNOWN_PARAMETER, detail));
            }
            if pairs.iter().any(|(earlier, _)| *earlier == name) {
                return Err(Problem::new(problem::DUPLICATE_PARAMETER, format!("`{shown}` is given more than once")));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    /// A parameter's text; an empty value counts as absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A parameter's text, which must say something if it is there.
    pub(crate) fn given(&self, name: &str) -> Result<Option<&str>, Problem> {
        let is_there = self.0.iter().any(|(n, _)| n == name);
        match self.text(name) {
            None if is_there => Err(Problem::new(problem::BAD_PARAMETER, format!("`{name}` is empty: leave it out"))),
            text => Ok(text),
        }
    }

    /// A parameter's text, which must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Problem> {
        self.text(name).ok_or_else(|| Problem::new(problem::BAD_PARAMETER, format!("`{name}` is missing")))
    }

    /// A parameter as a typed value.
    pub(crate) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Problem> {
        self.text(name).map(|text| parse(name, text)).transpose()
    }

    /// A parameter as a typed value, which must be there.
    pub(crate) fn needed<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<T, Problem> {
        parse(name, self.required(name)?)
    }

    /// A comma-separated parameter as typed values.
    pub(crate) fn list<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Vec<T>, Problem> {
        self.text(name).map_or_else(|| Ok(Vec::new()), |text| text.split(',').map(|part| parse(name, part)).collect())
    }

    /// Which periods are asked for.
    pub(crate) fn period(&self) -> PeriodChoice {
        match self.text("period") {
            None | Some("latest") => PeriodChoice::Latest,
            Some("all") => PeriodChoice::All,
            Some(interval) => PeriodChoice::Interval(interval.to_owned()),
        }
    }
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::new(problem::BAD_PARAMETER, format!("`{name}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_strict() {
        let read = |query: &str| Params::read(&format!("/x?{query}").parse().unwrap(), &["a", "b"], 40);
        assert_eq!(read("a=1&b=2").unwrap().text("b"), Some("2"));
        assert_eq!(read("a=").unwrap().text("a"), None);
        assert_eq!(read("a=1%2C2").unwrap().list::<u8>("a").unwrap(), [1, 2]);
        for (query, kind) in [
            ("c=1", "unknown-parameter"),
            ("a=1&a=1", "duplicate-parameter"),
            ("a=1&%61=2", "duplicate-parameter"),
            (&"a".repeat(41), "query-too-long"),
        ] {
            assert!(read(query).unwrap_err().kind.ends_with(kind), "{query}");
        }
        assert!(read("a=x").unwrap().parsed::<u8>("a").is_err());
        assert!(read("").unwrap().required("a").is_err());
    }
}
