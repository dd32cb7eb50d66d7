//! The bytes of a body → [`Value`]s: bounded in depth and number, names that repeat kept, and texts not copied where
//! nothing in them is escaped.

use std::{borrow::Cow, cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Refused;
use crate::content::value::Value;

/// How deep values may stand in each other. Every list in a list is four deep (block, items, item, content), so blocks
/// that are as deep as they may be, in a section as deep as it may be, come to 151.
pub(super) const MAX_DEPTH: usize = 160;
/// How many values a body may have, which bounds the memory that one takes.
pub(super) const MAX_VALUES: usize = 1 << 20;

/// Parses a body; `None` where it has too many values.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Value<'_>>, Refused> {
    let left = Cell::new(MAX_VALUES);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    // The limit of the library is less than what blocks need; this one is kept by `Seed`.
    json.disable_recursion_limit();
    let value = Seed { depth: 0, left: &left }.deserialize(&mut json);
    let value = value.and_then(|value| json.end().map(|()| value)).map_err(|error| syntax(&error))?;
    Ok(Some(value).filter(|_| left.get() > 0))
}

fn syntax(error: &serde_json::Error) -> Refused {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
    Refused::Syntax { line: number(error.line()), column: number(error.column()), message }
}

#[derive(Clone, Copy)]
struct Seed<'c> {
    depth: usize,
    left: &'c Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value<'de>, D::Error> {
        self.left.set(self.left.get().saturating_sub(1));
        if self.left.get() == 0 || self.depth > MAX_DEPTH {
            // The library passes over what is ignored without recursion.
            json.deserialize_ignored_any(IgnoredAny)?;
            return Ok(Value::Deep);
        }
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, is: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(is))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(u32::try_from(number).ok()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number(u32::try_from(number).ok()))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(None))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        let below = Seed { depth: self.depth + 1, ..self };
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(below)? {
            // What is over the limit is counted and not kept.
            if self.left.get() > 0 {
                items.push(item);
            }
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let below = Seed { depth: self.depth + 1, ..self };
        let mut members = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(below)?;
            if self.left.get() > 0 {
                members.push((name, value));
            }
        }
        Ok(Value::Map(members))
    }
}
