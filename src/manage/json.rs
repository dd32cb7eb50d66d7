//! Request bodies as JSON, with errors located by JSON Pointer.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{
    content::json::{Diagnostic, InvalidBody},
    error::{Error, FieldError},
};

/// Returns the error for a body that was refused.
pub(super) fn refused(why: InvalidBody) -> Error {
    match why {
        InvalidBody::Syntax { line, column, message } => {
            Error::MalformedRequest(format!("the body is not JSON: {message} at line {line} column {column}"))
        }
        InvalidBody::Content(faults) => Error::InvalidContent(faults.into_iter().map(fault).collect()),
    }
}

/// Converts a diagnostic of a body to a field error.
pub(super) fn fault(found: Diagnostic) -> FieldError {
    FieldError { line: found.line, column: found.column, ..FieldError::body(found.pointer, found.message) }
}

/// Parses a body. Errors: the first error in the body.
pub(super) fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map(|Object(value)| value).map_err(|error| {
        let pointer = pointer(error.path());
        let inner = error.into_inner();
        match inner.classify() {
            serde_json::error::Category::Data => {
                Error::InvalidContent(vec![FieldError::body(pointer, without_position(&inner.to_string()))])
            }
            _ => Error::MalformedRequest(format!("the body is not JSON: {inner}")),
        }
    })?;
    reader.end().map_err(|e| Error::MalformedRequest(format!("the body is not JSON: {e}")))?;
    Ok(value)
}

/// A value that must be a JSON object. Derived deserializers also accept an array of the members.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// Removes the line and column from a message of the parser: the pointer is more precise.
fn without_position(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(what, _)| what).to_owned()
}

/// Returns the JSON Pointer (RFC 6901) of a path.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { variant } => format!("/{variant}"),
        Segment::Unknown => String::new(),
    };
    path.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Slug;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Body {
        items: Vec<Item>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Item {
        slug: Slug,
    }

    #[test]
    fn faults_have_pointers() {
        let fault = |body: &str| from_json::<Body>(body.as_bytes()).unwrap_err();
        for (body, place) in [
            ("{\"items\":[{\"slug\":\"a\"},{\"slug\":\"A B\"}]}", "/items/1/slug"),
            ("{\"items\":{}}", "/items"),
            ("[]", ""),
            ("{\"items\":[],\"more\":1}", "/more"),
        ] {
            let Error::InvalidContent(faults) = fault(body) else { panic!("{body}") };
            assert_eq!(faults[0].pointer.as_deref(), Some(place), "{body}: {faults:?}");
            assert!(!faults[0].detail.contains(" line "), "{faults:?}");
        }
        for body in ["", "{", "{\"items\":[]} x", "\u{0}"] {
            assert!(matches!(fault(body), Error::MalformedRequest(_)), "{body}");
        }
    }
}
