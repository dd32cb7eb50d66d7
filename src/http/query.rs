//! Query parameters, parsed once. Everything that is not known is refused with the names that are, and a request
//! learns of all its faults at once.

use std::{future, ops::RangeInclusive, str::FromStr};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use chrono::{DateTime, Utc};

use crate::{
    content::name::InvalidName,
    error::{Error, Fault},
};

/// The most parameters of a request, and the most faults that it is told.
const MAX_PARAMETERS: usize = 32;
const MAX_FAULTS: usize = 20;

/// A handler's query parameters.
pub struct Query<T>(pub T);

/// What can be read from query parameters.
pub trait FromQuery: Sized {
    /// Takes what it knows from `parameters`. A value that cannot be is noted there and stands as its default; the
    /// request is then refused as a whole.
    fn from_query(parameters: &mut Parameters) -> Self;
}

/// No parameters at all.
pub struct Nothing;

impl FromQuery for Nothing {
    fn from_query(_: &mut Parameters) -> Self {
        Nothing
    }
}

impl<T: FromQuery> FromRequest for Query<T> {
    type Error = Error;
    type Future = future::Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        future::ready(Parameters::new(request.query_string()).parse().map(Query))
    }
}

/// The parameters of one request, while they are being read.
pub struct Parameters {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
    faults: Vec<Fault>,
}

impl Parameters {
    /// The parameters of a query string (`application/x-www-form-urlencoded`).
    #[must_use]
    pub fn new(query: &str) -> Parameters {
        let given = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Parameters { given, known: Vec::new(), faults: Vec::new() }
    }

    /// Reads all of `T`, or says everything that is wrong.
    pub fn parse<T: FromQuery>(mut self) -> Result<T, Error> {
        if self.given.len() > MAX_PARAMETERS {
            return Err(Error::MalformedRequest(format!("the query has more than {MAX_PARAMETERS} parameters")));
        }
        let value = T::from_query(&mut self);
        let known = self.known.join(", ");
        let given = std::mem::take(&mut self.given);
        for (place, (name, _)) in given.iter().enumerate() {
            let earlier = given[..place].iter().any(|(other, _)| other == name);
            let fault = if !self.known.contains(&name.as_str()) {
                if self.known.is_empty() {
                    format!("`{name}` is not known here: this address takes no parameters")
                } else {
                    format!("`{name}` is not known here: expected one of {known}")
                }
            } else if earlier {
                format!("`{name}` is given twice")
            } else {
                continue;
            };
            self.note(Fault::parameter(name.as_str(), fault));
        }
        if self.faults.is_empty() { Ok(value) } else { Err(Error::InvalidParameter(self.faults)) }
    }

    /// The text of a parameter, if it is given.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        self.given.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone())
    }

    /// Notes a fault.
    pub fn fault(&mut self, name: &'static str, detail: impl Into<String>) {
        self.note(Fault::parameter(name, detail));
    }

    /// A request of 64 KiB must not make an answer of megabytes.
    fn note(&mut self, fault: Fault) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }

    /// One of a set of words.
    pub fn choice<T: Copy>(&mut self, name: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            self.unknown(name, &text, words);
        }
        found.map(|(_, value)| *value)
    }

    /// Some of a set of words, separated by commas; an empty value is none of them.
    pub fn choices<T: Copy>(&mut self, name: &'static str, words: &[(&'static str, T)]) -> Option<Vec<T>> {
        let text = self.text(name)?;
        let mut values = Vec::new();
        for word in text.split(',').filter(|_| !text.is_empty()) {
            match words.iter().find(|(known, _)| *known == word) {
                Some((_, value)) => values.push(*value),
                None => self.unknown(name, word, words),
            }
        }
        Some(values)
    }

    fn unknown<T>(&mut self, name: &'static str, word: &str, words: &[(&'static str, T)]) {
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        self.fault(name, format!("`{word}` is not known here: expected one of {}", known.join(", ")));
    }

    /// A whole number within `range`.
    pub fn number(&mut self, name: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let text = self.text(name)?;
        // `u32::from_str` takes a leading plus; a number in an address is digits only.
        let number = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let number = number.filter(|n| range.contains(n));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            self.fault(name, format!("`{text}` is not a whole number from {low} to {high}"));
        }
        number
    }

    /// `true` or `false`.
    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.choice(name, &[("true", true), ("false", false)])
    }

    /// A time (RFC 3339).
    pub fn time(&mut self, name: &'static str) -> Option<DateTime<Utc>> {
        let text = self.text(name)?;
        let time = DateTime::parse_from_rfc3339(&text).ok();
        if time.is_none() {
            self.fault(name, format!("`{text}` is not a time in RFC 3339, such as 2026-01-31T08:00:00Z"));
        }
        time.map(|time| time.to_utc())
    }

    /// A name that has a parser of its own.
    pub fn name<T: FromStr<Err = InvalidName>>(&mut self, name: &'static str) -> Option<T> {
        let text = self.text(name)?;
        text.parse().map_err(|e| self.fault(name, format!("`{text}` cannot be: {e}"))).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Sample {
        limit: Option<u32>,
        include: Option<Vec<u8>>,
        since: Option<DateTime<Utc>>,
    }

    impl FromQuery for Sample {
        fn from_query(p: &mut Parameters) -> Self {
            Sample {
                limit: p.number("limit", 1..=100),
                include: p.choices("include", &[("toc", 1), ("hot", 2)]),
                since: p.time("since"),
            }
        }
    }

    fn parse(query: &str) -> Result<Sample, Vec<(String, String)>> {
        Parameters::new(query).parse().map_err(|e| {
            e.faults().iter().map(|f| (f.parameter.clone().unwrap_or_default(), f.detail.clone())).collect()
        })
    }

    #[test]
    fn reads_what_it_knows() {
        let sample = parse("limit=5&include=hot,toc&since=2026-01-31T08:00:00%2B08:00").unwrap();
        assert_eq!(sample.limit, Some(5));
        assert_eq!(sample.include, Some(vec![2, 1]));
        assert_eq!(sample.since, "2026-01-31T00:00:00Z".parse().ok());
        assert_eq!(parse("include=").unwrap().include, Some(vec![]));
    }

    #[test]
    fn tells_all_faults_at_once_and_what_is_known() {
        let faults = parse("limit=0&include=tocs&x=1&since=yesterday&limit=5").unwrap_err();
        let names: Vec<_> = faults.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["limit", "include", "since", "x", "limit"]);
        assert_eq!(faults[1].1, "`tocs` is not known here: expected one of toc, hot");
        assert_eq!(faults[3].1, "`x` is not known here: expected one of limit, include, since");
    }

    #[test]
    fn a_large_query_has_a_small_answer() {
        assert_eq!(parse(&format!("include={}", "x,".repeat(30_000))).unwrap_err().len(), MAX_FAULTS);
        let many: Vec<_> = (0..20_000).map(|n| format!("p{n}=1")).collect();
        assert!(matches!(Parameters::new(&many.join("&")).parse::<Sample>(), Err(Error::MalformedRequest(_))));
    }

    #[test]
    fn numbers_are_digits_only() {
        for bad in ["+5", "5.0", "-1", "101", "", " 5", "4294967297"] {
            assert!(parse(&format!("limit={}", bad.replace('+', "%2B"))).is_err(), "{bad}");
        }
    }
}
