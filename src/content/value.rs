//! A parsed JSON or YAML value.
//!
//! `serde_json::Value` does not fit: it drops duplicate members, and bounds neither the depth nor the number of values.

use std::{borrow::Cow, cell::Cell, fmt};

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

/// The deepest nesting of values. A list in a list takes four levels (block, items, item, content), so the deepest blocks in
/// the deepest section take 151.
const MAX_DEPTH: usize = 160;
/// The largest number of values, which bounds the memory of a body.
pub(super) const MAX_VALUES: usize = 1 << 20;

/// A JSON or YAML value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    /// The number, if it is an integer that fits.
    Number(Option<u32>),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    /// The members in their order, duplicates included.
    Map(Vec<(String, Value<'a>)>),
    /// A value below [`MAX_DEPTH`] or beyond [`MAX_VALUES`], which was skipped.
    TooDeep,
    /// A YAML value with a tag.
    Tagged,
}

/// Deserializes a value with `parse`, which runs the seed on its deserializer; `None` if there are too many values.
pub(super) fn bounded<'de, E>(
    parse: impl FnOnce(ValueSeed<'_>) -> Result<Value<'de>, E>,
) -> Result<Option<Value<'de>>, E> {
    let left = Cell::new(MAX_VALUES);
    let value = parse(ValueSeed { depth: 0, left: &left })?;
    Ok(Some(value).filter(|_| left.get() > 0))
}

/// Builds a [`Value`] within the limits of depth and number.
#[derive(Clone, Copy)]
pub(super) struct ValueSeed<'c> {
    depth: usize,
    left: &'c Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        self.left.set(self.left.get().saturating_sub(1));
        if self.left.get() == 0 || self.depth > MAX_DEPTH {
            // serde_json skips an ignored value without recursion.
            IgnoredAny::deserialize(deserializer)?;
            return Ok(Value::TooDeep);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(u32::try_from(number).ok()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number(u32::try_from(number).ok()))
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Value<'de>, E> {
        Ok(Value::Number(None))
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Value<'de>, E> {
        Ok(Value::Number(None))
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
        let below = ValueSeed { depth: self.depth + 1, ..self };
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(below)? {
            if self.left.get() > 0 {
                items.push(item);
            }
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let below = ValueSeed { depth: self.depth + 1, ..self };
        let mut members = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(below)?;
            if self.left.get() > 0 {
                members.push((name, value));
            }
        }
        Ok(Value::Map(members))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Value<'de>, A::Error> {
        let (_, content) = tagged.variant::<IgnoredAny>()?;
        content.newtype_variant::<IgnoredAny>()?;
        Ok(Value::Tagged)
    }
}
