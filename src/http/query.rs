//! Query parameters: one declaration gives the parser, the canonical form and the OpenAPI parameters.
//!
//! A type lists its parameters in [`FromQuery::from_query`]. A request is parsed by that function; the OpenAPI document
//! is made by the same function over an empty query ([`Query`] implements `IntoParams`).
//!
//! - Unknown parameters are refused with the names that are expected; a request learns of all its errors at once.
//! - The canonical form lists the parameters in declared order, each value as it was parsed, without defaults. Queries
//!   with the same canonical form have the same response: it is the cache key, and links and redirects carry it on.

use std::{
    fmt::{self, Display},
    future,
    ops::RangeInclusive,
    str::FromStr,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use chrono::{DateTime, SecondsFormat, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{
    Serialize,
    de::{
        DeserializeOwned,
        value::{Error as ValueError, StrDeserializer},
    },
};
use serde_json::{Value, json};
use utoipa::{
    IntoParams, PartialSchema,
    openapi::{
        ArrayBuilder, KnownFormat, ObjectBuilder, RefOr, Required, Schema, SchemaFormat, Type,
        path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle},
    },
};
use uuid::Uuid;

use crate::error::{Error, FieldError};

/// Greatest number of parameters of a request.
const MAX_PARAMETERS: usize = 32;

/// Greatest number of errors in a response.
const MAX_FAULTS: usize = 20;

/// Characters that stay as they are in a query value: unreserved characters, and those that lists and times need and a
/// query may contain (RFC 3986 section 3.4).
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b',').remove(b':');

/// A type that is read from query parameters.
pub trait FromQuery: Sized {
    /// Declares and reads every parameter. An invalid value is recorded as an error and replaced by its default; the
    /// request is then refused.
    fn from_query(parameters: &mut Parameters) -> Self;
}

/// The query of an operation without parameters.
pub struct NoParameters;

impl FromQuery for NoParameters {
    fn from_query(_: &mut Parameters) -> Self {
        NoParameters
    }
}

/// An extractor of query parameters.
pub struct Query<T>(pub T);

impl<T: FromQuery> FromRequest for Query<T> {
    type Error = Error;
    type Future = future::Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        future::ready(Parameters::new(request.query_string()).parse().map(|(value, _)| Query(value)))
    }
}

impl<T: FromQuery> IntoParams for Query<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut parameters = Parameters { documentation: Some(Vec::new()), ..Parameters::new("") };
        T::from_query(&mut parameters);
        parameters.documentation.unwrap_or_default()
    }
}

/// The canonical form of a query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Canonical(Vec<(&'static str, String)>);

impl Canonical {
    /// Returns true if every parameter has its default.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the query with `value` for one parameter, moved to the end.
    #[must_use]
    pub fn with(&self, name: &'static str, value: String) -> Canonical {
        let others = self.0.iter().filter(|(other, _)| *other != name).cloned();
        Canonical(others.chain([(name, value)]).collect())
    }
}

/// Writes the query with its `?`; nothing without parameters.
impl Display for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            write!(f, "{separator}{name}={}", utf8_percent_encode(value, PLAIN))?;
        }
        Ok(())
    }
}

/// The parameters of a request while they are read.
pub struct Parameters {
    given: Vec<(String, String)>,
    declared: Vec<&'static str>,
    faults: Vec<FieldError>,
    canonical: Canonical,
    allows_unknown: bool,
    /// OpenAPI parameters; `None` while a request is read.
    documentation: Option<Vec<Parameter>>,
}

impl Parameters {
    /// Parses a query string (`application/x-www-form-urlencoded`).
    #[must_use]
    pub fn new(query: &str) -> Parameters {
        Parameters {
            given: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            declared: Vec::new(),
            faults: Vec::new(),
            canonical: Canonical::default(),
            allows_unknown: false,
            documentation: None,
        }
    }

    /// Reads `T` and the canonical form of the query, or returns everything that is wrong with it.
    pub fn parse<T: FromQuery>(mut self) -> Result<(T, Canonical), Error> {
        if self.given.len() > MAX_PARAMETERS {
            let detail = format!("the query has more than {MAX_PARAMETERS} parameters");
            return Err(Error::MalformedRequest(detail));
        }
        let value = T::from_query(&mut self);
        let given = std::mem::take(&mut self.given);
        for (index, (name, _)) in given.iter().enumerate() {
            if !self.declared.contains(&name.as_str()) {
                if !self.allows_unknown {
                    self.note(FieldError::parameter(name, self.unknown_parameter(name)));
                }
            } else if given[..index].iter().any(|(earlier, _)| earlier == name) {
                self.note(FieldError::parameter(name, format!("`{name}` is given twice: give it once")));
            }
        }
        if self.faults.is_empty() { Ok((value, self.canonical)) } else { Err(Error::InvalidParameter(self.faults)) }
    }

    fn unknown_parameter(&self, name: &str) -> String {
        if self.declared.is_empty() {
            return format!("unknown parameter `{name}`: this path takes no parameters");
        }
        format!("unknown parameter `{name}`: expected one of {}", self.declared.join(", "))
    }

    /// Declares a parameter by its name and description (Markdown).
    pub fn declare(&mut self, name: &'static str, description: &'static str) -> Declaration<'_> {
        Declaration { parameters: self, name, description, example: None, required: false }
    }

    /// Ignores unknown parameters: people share links to pages, and other sites add parameters to them.
    pub fn allow_unknown(&mut self) {
        self.allows_unknown = true;
    }

    /// Adds a parameter to the canonical form.
    pub fn set_canonical(&mut self, name: &'static str, value: impl Display) {
        self.canonical.0.push((name, value.to_string()));
    }

    /// Records an error of a parameter.
    pub fn fault(&mut self, name: &'static str, detail: impl Into<String>) {
        self.note(FieldError::parameter(name, detail));
    }

    /// Bounds the errors: a request of 64 KiB must not cause a response of megabytes.
    fn note(&mut self, fault: FieldError) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }
}

/// A closed set of words: an enum that serde reads and writes as a string, and that the OpenAPI document lists.
pub trait ClosedSet: Copy + PartialEq + Serialize + DeserializeOwned + PartialSchema {
    /// Returns every word, in declared order.
    #[must_use]
    fn words() -> Vec<Value> {
        match Self::schema() {
            RefOr::T(Schema::Object(object)) => object.enum_values.unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// Parses a word.
    #[must_use]
    fn from_word(text: &str) -> Option<Self> {
        Self::deserialize(StrDeserializer::<ValueError>::new(text)).ok()
    }
}

impl<T: Copy + PartialEq + Serialize + DeserializeOwned + PartialSchema> ClosedSet for T {}

/// A declared parameter, before its type is chosen.
#[must_use]
pub struct Declaration<'p> {
    parameters: &'p mut Parameters,
    name: &'static str,
    description: &'static str,
    example: Option<Value>,
    required: bool,
}

impl Declaration<'_> {
    /// Sets the example of the OpenAPI document; otherwise it is the default.
    pub fn example(mut self, example: impl Into<Value>) -> Self {
        self.example = Some(example.into());
        self
    }

    /// Marks the parameter as required in the OpenAPI document. The caller refuses a request without it.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Returns the text of the parameter. The caller parses it and calls [`Parameters::set_canonical`].
    #[must_use]
    pub fn text(mut self, schema: ObjectBuilder) -> Option<String> {
        self.read(|| schema)
    }

    /// Returns the items of a comma-separated list. The caller parses them and calls [`Parameters::set_canonical`].
    #[must_use]
    pub fn list(mut self, schema: impl FnOnce() -> ArrayBuilder) -> Option<Vec<String>> {
        let text = self.read(schema)?;
        Some(items(&text).map(str::to_owned).collect())
    }

    /// Reads one word of a closed set.
    #[must_use]
    pub fn choice<T: ClosedSet>(mut self, default: T) -> T {
        let Some(text) = self.read(|| word::<T>().default(Some(json!(default)))) else { return default };
        let Some(value) = T::from_word(&text) else {
            self.unknown_word::<T>(&text);
            return default;
        };
        if value != default {
            self.set_canonical(text);
        }
        value
    }

    /// Reads words of a closed set, separated by commas, in any order. An empty value chooses none of them.
    #[must_use]
    pub fn choices<T: ClosedSet>(mut self, default: &[T]) -> Vec<T> {
        let schema = || ArrayBuilder::new().items(word::<T>()).default(Some(json!(default)));
        let Some(text) = self.read(schema) else { return default.to_vec() };
        for word in items(&text).filter(|word| T::from_word(word).is_none()) {
            self.unknown_word::<T>(word);
        }
        let words = T::words();
        let is_given = |word: &&str| items(&text).any(|item| item == *word);
        let chosen: Vec<&str> = words.iter().filter_map(Value::as_str).filter(is_given).collect();
        let values: Vec<T> = chosen.iter().filter_map(|word| T::from_word(word)).collect();
        if values.len() != default.len() || values.iter().any(|value| !default.contains(value)) {
            self.set_canonical(chosen.join(","));
        }
        values
    }

    /// Reads an integer within `range`.
    #[must_use]
    pub fn number(mut self, range: RangeInclusive<u32>, default: u32) -> u32 {
        self.integer(&range, Some(default)).unwrap_or(default)
    }

    /// Reads an integer within `range`, if it is given.
    #[must_use]
    pub fn optional_number(mut self, range: RangeInclusive<u32>) -> Option<u32> {
        self.integer(&range, None)
    }

    fn integer(&mut self, range: &RangeInclusive<u32>, default: Option<u32>) -> Option<u32> {
        let (low, high) = (*range.start(), *range.end());
        let int32 = SchemaFormat::KnownFormat(KnownFormat::Int32);
        let schema = || ObjectBuilder::new().schema_type(Type::Integer).format(Some(int32));
        let text = self.read(|| schema().minimum(Some(low)).maximum(Some(high)).default(default.map(Value::from)))?;
        // `u32::from_str` accepts a leading plus; a number in a query is digits only.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && range.contains(number));
        match number {
            None => self.fault(format!("`{text}` is not an integer from {low} to {high}")),
            Some(_) if number == default => {}
            Some(number) => self.set_canonical(number),
        }
        number
    }

    /// Reads `true` or `false`, which is the default.
    #[must_use]
    pub fn flag(mut self) -> bool {
        let schema = || ObjectBuilder::new().schema_type(Type::Boolean).default(Some(json!(false)));
        match self.read(schema).as_deref() {
            None | Some("false") => return false,
            Some("true") => self.set_canonical(true),
            Some(text) => self.fault(format!("unknown value `{text}`: expected true or false")),
        }
        true
    }

    /// Reads a time (RFC 3339).
    #[must_use]
    pub fn time(mut self) -> Option<DateTime<Utc>> {
        let text = self.read(|| string().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))))?;
        let Ok(time) = DateTime::parse_from_rfc3339(&text) else {
            self.fault(format!("`{text}` is not a time in RFC 3339, such as 2026-01-31T08:00:00Z"));
            return None;
        };
        let time = time.to_utc();
        self.set_canonical(time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        Some(time)
    }

    /// Reads a value that its type parses and describes.
    #[must_use]
    pub fn value<T: FromStr<Err: Display> + Display + PartialSchema>(self) -> Option<T> {
        self.parse(T::schema)
    }

    /// Reads a UUID.
    #[must_use]
    pub fn uuid(self) -> Option<Uuid> {
        self.parse(uuid)
    }

    fn parse<T: FromStr<Err: Display> + Display, S: Into<RefOr<Schema>>>(
        mut self,
        schema: impl FnOnce() -> S,
    ) -> Option<T> {
        let text = self.read(schema)?;
        let value = text.parse().map_err(|why| self.fault(format!("`{text}` is not valid: {why}"))).ok()?;
        self.set_canonical(&value);
        Some(value)
    }

    /// Registers the parameter, documents it if a document is being made, and returns the text that is given.
    fn read<S: Into<RefOr<Schema>>>(&mut self, schema: impl FnOnce() -> S) -> Option<String> {
        let name = self.name;
        self.parameters.declared.push(name);
        if let Some(mut documentation) = self.parameters.documentation.take() {
            documentation.push(self.document(schema().into()));
            self.parameters.documentation = Some(documentation);
        }
        self.parameters.given.iter().find(|(given, _)| given == name).map(|(_, text)| text.clone())
    }

    fn document(&mut self, schema: RefOr<Schema>) -> Parameter {
        let (is_array, default) = match &schema {
            RefOr::T(Schema::Array(array)) => (true, array.default.clone()),
            RefOr::T(Schema::Object(object)) => (false, object.default.clone()),
            _ => (false, None),
        };
        ParameterBuilder::new()
            .name(self.name)
            .parameter_in(ParameterIn::Query)
            .description(Some(self.description))
            .required(if self.required { Required::True } else { Required::False })
            .style(is_array.then_some(ParameterStyle::Form))
            .explode(is_array.then_some(false))
            .example(self.example.take().or(default))
            .schema(Some(schema))
            .build()
    }

    fn set_canonical(&mut self, value: impl Display) {
        self.parameters.set_canonical(self.name, value);
    }

    fn fault(&mut self, detail: String) {
        self.parameters.fault(self.name, detail);
    }

    fn unknown_word<T: ClosedSet>(&mut self, text: &str) {
        let words = T::words();
        let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
        self.fault(format!("unknown value `{text}`: expected one of {}", words.join(", ")));
    }
}

/// Starts the schema of a string.
#[must_use]
pub fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// Starts the schema of a UUID.
#[must_use]
pub fn uuid() -> ObjectBuilder {
    string().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
}

fn word<T: ClosedSet>() -> ObjectBuilder {
    string().enum_values(Some(T::words()))
}

/// Splits a comma-separated list; an empty text has no items.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').filter(|_| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use utoipa::ToSchema;

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
    #[serde(rename_all = "snake_case")]
    enum Part {
        Toc,
        Hot,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
    enum Sort {
        #[serde(rename = "new")]
        New,
        #[serde(rename = "old")]
        Old,
    }

    #[derive(Debug, PartialEq)]
    struct Sample {
        limit: u32,
        include: Vec<Part>,
        since: Option<DateTime<Utc>>,
        sort: Sort,
    }

    impl FromQuery for Sample {
        fn from_query(p: &mut Parameters) -> Self {
            Sample {
                limit: p.declare("limit", "Items.").number(1..=100, 20),
                include: p.declare("include", "Parts.").choices(&[Part::Toc]),
                since: p.declare("since", "Time.").time(),
                sort: p.declare("sort", "Order.").choice(Sort::New),
            }
        }
    }

    fn parse(query: &str) -> Result<Sample, Vec<(String, String)>> {
        Parameters::new(query).parse().map(|(sample, _)| sample).map_err(|e| {
            e.field_errors().iter().map(|f| (f.parameter.clone().unwrap_or_default(), f.detail.clone())).collect()
        })
    }

    #[test]
    fn declared_parameters_are_read() {
        let sample = parse("limit=5&include=hot,toc&since=2026-01-31T08:00:00%2B08:00").unwrap();
        assert_eq!(sample.limit, 5);
        assert_eq!(sample.include, [Part::Toc, Part::Hot]);
        assert_eq!(sample.since, "2026-01-31T00:00:00Z".parse().ok());
        assert!(parse("include=").unwrap().include.is_empty());
        assert_eq!(parse("").unwrap(), Sample { limit: 20, include: vec![Part::Toc], since: None, sort: Sort::New });
    }

    #[test]
    fn equal_queries_have_one_canonical_form() {
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
    fn all_errors_are_returned_with_the_expected_words() {
        let faults = parse("limit=0&include=tocs&x=1&since=yesterday&limit=5").unwrap_err();
        let names: Vec<_> = faults.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["limit", "include", "since", "x", "limit"]);
        assert_eq!(faults[1].1, "unknown value `tocs`: expected one of toc, hot");
        assert_eq!(faults[3].1, "unknown parameter `x`: expected one of limit, include, since, sort");
    }

    #[test]
    fn large_query_has_a_small_error_list() {
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

    #[test]
    fn openapi_parameters_come_from_the_declaration() {
        let documented = json!(Query::<Sample>::into_params(|| None));
        assert_eq!(
            documented[0],
            json!({
                "name": "limit", "in": "query", "description": "Items.", "required": false, "example": 20,
                "schema": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 100, "default": 20},
            })
        );
        assert_eq!(
            documented[1],
            json!({
                "name": "include", "in": "query", "description": "Parts.", "required": false, "example": ["toc"],
                "style": "form", "explode": false,
                "schema": {"type": "array", "default": ["toc"], "items": {"type": "string", "enum": ["toc", "hot"]}},
            })
        );
        assert_eq!(documented[2]["schema"], json!({"type": "string", "format": "date-time"}));
        assert_eq!(documented[3]["schema"], json!({"type": "string", "enum": ["new", "old"], "default": "new"}));
    }
}
