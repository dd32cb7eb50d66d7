//! Query parameters, parsed once. Everything that is not known is refused with the names that are, and a request
//! learns of all its faults at once.
//!
//! Parsing also gives the canonical form of the query: the parameters in the order in which the operation knows them, each
//! value as the parser understood it, and nothing that says what holds anyway. Two queries with one canonical form ask
//! for the same answer, so it is what the cache knows answers by, and what links and redirects carry on.

use std::{
    fmt::{self, Display},
    future,
    ops::RangeInclusive,
    str::FromStr,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use chrono::{DateTime, SecondsFormat, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    content::name::InvalidName,
    error::{Error, FieldError},
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
pub struct NoParameters;

impl FromQuery for NoParameters {
    fn from_query(_: &mut Parameters) -> Self {
        NoParameters
    }
}

impl<T: FromQuery> FromRequest for Query<T> {
    type Error = Error;
    type Future = future::Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        future::ready(Parameters::new(request.query_string()).parse().map(|(value, _)| Query(value)))
    }
}

/// What a value of a query keeps as it is: besides letters and digits the unreserved characters, and those that lists and
/// times are written with and that a query may hold (RFC 3986 section 3.4).
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b',').remove(b':');

/// The parameters of one request, while they are being read.
pub struct Parameters {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
    faults: Vec<FieldError>,
    canonical: Canonical,
    /// Whether what nobody knows is passed over.
    lenient: bool,
}

/// The canonical form of a query: names and values as they are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Canonical(Vec<(&'static str, String)>);

impl Canonical {
    /// Whether nothing is asked for but what is answered anyway.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0.is_empty()
    }

    /// The same query with another value of one parameter, which stands last then.
    #[must_use]
    pub fn with(&self, name: &'static str, value: String) -> Canonical {
        let others = self.0.iter().filter(|(other, _)| *other != name).cloned();
        Canonical(others.chain([(name, value)]).collect())
    }
}

/// As it stands in an address, the `?` included; nothing where there are no parameters.
impl Display for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, value)) in self.0.iter().enumerate() {
            let before = if place == 0 { '?' } else { '&' };
            write!(f, "{before}{name}={}", utf8_percent_encode(value, PLAIN))?;
        }
        Ok(())
    }
}

impl Parameters {
    /// The parameters of a query string (`application/x-www-form-urlencoded`).
    #[must_use]
    pub fn new(query: &str) -> Parameters {
        let given = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Parameters { given, known: Vec::new(), faults: Vec::new(), canonical: Canonical::default(), lenient: false }
    }

    /// Reads all of `T` and gives the canonical form of the query with it, or says everything that is wrong.
    pub fn parse<T: FromQuery>(mut self) -> Result<(T, Canonical), Error> {
        if self.given.len() > MAX_PARAMETERS {
            return Err(Error::MalformedRequest(format!("the query has more than {MAX_PARAMETERS} parameters")));
        }
        let value = T::from_query(&mut self);
        let known = self.known.join(", ");
        let given = std::mem::take(&mut self.given);
        for (place, (name, _)) in given.iter().enumerate() {
            let earlier = given[..place].iter().any(|(other, _)| other == name);
            let fault = if !self.known.contains(&name.as_str()) {
                if self.lenient {
                    continue;
                }
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
            self.note(FieldError::parameter(name.as_str(), fault));
        }
        if self.faults.is_empty() { Ok((value, self.canonical)) } else { Err(Error::InvalidParameter(self.faults)) }
    }

    /// The text of a parameter, if it is given. Whoever reads it says with [`Parameters::set_canonical`] what it means.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        self.given.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone())
    }

    /// Writes a parameter into the canonical form: `value` is what it means, however it was spelled.
    pub fn set_canonical(&mut self, name: &'static str, value: &str) {
        self.canonical.0.push((name, value.to_owned()));
    }

    /// Passes over what nobody knows, and leaves it out of the canonical form: people share the addresses of pages, and what
    /// they share them with adds parameters of its own.
    pub fn allow_unknown(&mut self) {
        self.lenient = true;
    }

    /// Notes a fault.
    pub fn fault(&mut self, name: &'static str, detail: impl Into<String>) {
        self.note(FieldError::parameter(name, detail));
    }

    /// A request of 64 KiB must not make an answer of megabytes.
    fn note(&mut self, fault: FieldError) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }

    /// One of a set of words; the first of them unless given.
    pub fn choice<T: Copy>(&mut self, name: &'static str, words: &'static [(&'static str, T)]) -> T {
        let (_, default) = words[0];
        let Some(text) = self.text(name) else { return default };
        match words.iter().position(|(word, _)| *word == text) {
            Some(0) => default,
            Some(place) => {
                self.set_canonical(name, words[place].0);
                words[place].1
            }
            None => {
                self.unknown(name, &text, words);
                default
            }
        }
    }

    /// Some of a set of words, separated by commas, in any order; an empty value is none of them, and `default` is what
    /// holds unless any are given.
    pub fn choices<T: Copy + PartialEq>(
        &mut self,
        name: &'static str,
        words: &[(&'static str, T)],
        default: &[T],
    ) -> Vec<T> {
        let Some(text) = self.text(name) else { return default.to_vec() };
        let mut chosen = vec![false; words.len()];
        for word in text.split(',').filter(|_| !text.is_empty()) {
            match words.iter().position(|(known, _)| *known == word) {
                Some(place) => chosen[place] = true,
                None => self.unknown(name, word, words),
            }
        }
        let chosen: Vec<_> = words.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(word, _)| *word).collect();
        let values: Vec<T> = chosen.iter().map(|(_, value)| *value).collect();
        if values.len() != default.len() || values.iter().any(|value| !default.contains(value)) {
            let names: Vec<_> = chosen.iter().map(|(word, _)| *word).collect();
            self.set_canonical(name, &names.join(","));
        }
        values
    }

    fn unknown<T>(&mut self, name: &'static str, word: &str, words: &[(&'static str, T)]) {
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        self.fault(name, format!("`{word}` is not known here: expected one of {}", known.join(", ")));
    }

    /// A whole number within `range`; `default` unless given.
    pub fn number(&mut self, name: &'static str, range: RangeInclusive<u32>, default: u32) -> u32 {
        let Some(text) = self.text(name) else { return default };
        // `u32::from_str` takes a leading plus; a number in an address is digits only.
        let number = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let Some(number) = number.filter(|n| range.contains(n)) else {
            let (low, high) = (range.start(), range.end());
            self.fault(name, format!("`{text}` is not a whole number from {low} to {high}"));
            return default;
        };
        if number != default {
            self.set_canonical(name, &number.to_string());
        }
        number
    }

    /// `true` or `false`, which it is unless given.
    pub fn flag(&mut self, name: &'static str) -> bool {
        self.choice(name, &[("false", false), ("true", true)])
    }

    /// A time (RFC 3339).
    pub fn time(&mut self, name: &'static str) -> Option<DateTime<Utc>> {
        let text = self.text(name)?;
        let Ok(time) = DateTime::parse_from_rfc3339(&text) else {
            self.fault(name, format!("`{text}` is not a time in RFC 3339, such as 2026-01-31T08:00:00Z"));
            return None;
        };
        let time = time.to_utc();
        self.set_canonical(name, &time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        Some(time)
    }

    /// A name that has a parser of its own.
    pub fn name<T: FromStr<Err = InvalidName> + Display>(&mut self, name: &'static str) -> Option<T> {
        let text = self.text(name)?;
        let parsed: Option<T> = text.parse().map_err(|e| self.fault(name, format!("`{text}` cannot be: {e}"))).ok();
        if let Some(parsed) = &parsed {
            self.set_canonical(name, &parsed.to_string());
        }
        parsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Sample {
        limit: u32,
        include: Vec<u8>,
        since: Option<DateTime<Utc>>,
        sort: u8,
    }

    impl FromQuery for Sample {
        fn from_query(p: &mut Parameters) -> Self {
            Sample {
                limit: p.number("limit", 1..=100, 20),
                include: p.choices("include", &[("toc", 1), ("hot", 2)], &[1]),
                since: p.time("since"),
                sort: p.choice("sort", &[("new", 1), ("old", 2)]),
            }
        }
    }

    fn parse(query: &str) -> Result<Sample, Vec<(String, String)>> {
        Parameters::new(query).parse().map(|(sample, _)| sample).map_err(|e| {
            e.faults().iter().map(|f| (f.parameter.clone().unwrap_or_default(), f.detail.clone())).collect()
        })
    }

    #[test]
    fn reads_what_it_knows() {
        let sample = parse("limit=5&include=hot,toc&since=2026-01-31T08:00:00%2B08:00").unwrap();
        assert_eq!(sample.limit, 5);
        assert_eq!(sample.include, [1, 2]);
        assert_eq!(sample.since, "2026-01-31T00:00:00Z".parse().ok());
        assert!(parse("include=").unwrap().include.is_empty());
        assert_eq!(parse("").unwrap(), Sample { limit: 20, include: vec![1], since: None, sort: 1 });
    }

    #[test]
    fn one_meaning_has_one_canonical_form() {
        let canonical = |query: &str| Parameters::new(query).parse::<Sample>().unwrap().1.to_string();
        for same in ["", "limit=20", "include=toc&sort=new", "sort=new&limit=020", "include=toc,toc", "%6Cimit=20"] {
            assert_eq!(canonical(same), "", "{same}");
        }
        let full = "?limit=5&include=toc,hot&since=2026-01-31T00:00:00Z&sort=old";
        for same in [
            &full[1..],
            "sort=old&since=2026-01-31T08:00:00%2B08:00&include=hot,toc&limit=5",
            "since=2026-01-31T00%3A00%3A00.000Z&include=hot%2Ctoc,hot&limit=005&s%6frt=old",
        ] {
            assert_eq!(canonical(same), full, "{same}");
        }
        assert_eq!(canonical("include="), "?include=");
    }

    #[test]
    fn tells_all_faults_at_once_and_what_is_known() {
        let faults = parse("limit=0&include=tocs&x=1&since=yesterday&limit=5").unwrap_err();
        let names: Vec<_> = faults.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["limit", "include", "since", "x", "limit"]);
        assert_eq!(faults[1].1, "`tocs` is not known here: expected one of toc, hot");
        assert_eq!(faults[3].1, "`x` is not known here: expected one of limit, include, since, sort");
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
