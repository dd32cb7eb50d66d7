//! A structured value before its meaning is known (a YAML front matter, a JSON body), and the checks that every field
//! of one needs: each fault is told with its place, and none keeps others from being found.

use std::{borrow::Cow, fmt::Write, str::FromStr};

use super::text;

/// A value of YAML or JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    /// A number, where it is whole and small enough to be of use.
    Number(Option<u32>),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    /// Names may repeat: who reads it has to tell.
    Map(Vec<(String, Value<'a>)>),
    /// What stands too deep to be kept.
    Deep,
    /// What has no place in JSON, such as a tag of YAML.
    Other,
}

/// Where a value stands within the whole.
#[derive(Debug, Clone, Copy)]
pub(super) enum At<'a> {
    Root,
    Name(&'a At<'a>, &'a str),
    Item(&'a At<'a>, usize),
}

impl At<'_> {
    /// The outermost name; empty at the root.
    pub(super) fn key(&self) -> &str {
        match self {
            At::Root => "",
            At::Name(At::Root, name) => name,
            At::Name(above, _) | At::Item(above, _) => above.key(),
        }
    }

    /// The place as a JSON pointer (RFC 6901).
    pub(super) fn pointer(&self) -> String {
        match self {
            At::Root => String::new(),
            At::Name(above, name) => format!("{}/{}", above.pointer(), name.replace('~', "~0").replace('/', "~1")),
            At::Item(above, place) => format!("{}/{place}", above.pointer()),
        }
    }

    /// The place in words: `related, item 2: url`.
    pub(super) fn words(&self) -> String {
        match self {
            At::Root => String::new(),
            At::Name(At::Root, name) => shown(name),
            At::Name(above, name) => format!("{}: {}", above.words(), shown(name)),
            At::Item(above, place) => {
                let mut words = above.words();
                // Writing to a string cannot fail.
                let _ = write!(words, ", item {}", place + 1);
                words
            }
        }
    }
}

/// The members of a map that was checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Members<'v, 'a>(&'v [(String, Value<'a>)]);

impl<'v, 'a> Members<'v, 'a> {
    /// A member, if it is there.
    pub(super) fn get(self, name: &str) -> Option<&'v Value<'a>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A member, if it is there and not null.
    pub(super) fn given(self, name: &str) -> Option<&'v Value<'a>> {
        self.get(name).filter(|value| **value != Value::Null)
    }
}

/// Checks values, and tells what is wrong with them.
pub(super) struct Check<'f> {
    /// How many faults were told, so that what only follows from one is not told as another.
    pub(super) told: usize,
    tell: &'f mut dyn FnMut(&At<'_>, String),
}

impl<'f> Check<'f> {
    pub(super) fn new(tell: &'f mut dyn FnMut(&At<'_>, String)) -> Self {
        Check { told: 0, tell }
    }

    pub(super) fn fault(&mut self, at: &At<'_>, message: impl Into<String>) {
        self.told += 1;
        (self.tell)(at, message.into());
    }

    /// The members of a map. Names that are not `known`, or there twice, are faults.
    pub(super) fn map<'v, 'a>(&mut self, value: &'v Value<'a>, at: &At<'_>, known: &[&str]) -> Option<Members<'v, 'a>> {
        let Value::Map(members) = value else {
            let message = match (value, at) {
                (Value::Deep, _) => return self.deep(at),
                (_, At::Root) => format!("It must have the fields {}.", known.join(", ")),
                _ => format!("`{}` must have the fields {}.", at.words(), known.join(", ")),
            };
            self.fault(at, message);
            return None;
        };
        let mut seen = vec![false; known.len()];
        for (name, _) in members {
            let place = At::Name(at, name);
            match known.iter().position(|known| known == name).and_then(|place| seen.get_mut(place)) {
                Some(seen) if *seen => {
                    self.fault(&place, format!("`{}` is there twice.", place.words()));
                }
                Some(seen) => *seen = true,
                None => {
                    let of = if let At::Root = at { String::new() } else { format!(" of `{}`", at.words()) };
                    let known = known.join(", ");
                    let message = format!("`{}` is not a field{of}; the fields are {known}.", shown(name));
                    self.fault(&place, message);
                }
            }
        }
        Some(Members(members))
    }

    fn deep<T>(&mut self, at: &At<'_>) -> Option<T> {
        self.fault(at, "This stands too deep.");
        None
    }

    /// The items of a list.
    pub(super) fn list<'v, 'a>(&mut self, value: &'v Value<'a>, at: &At<'_>) -> Option<&'v [Value<'a>]> {
        match value {
            Value::List(items) => Some(items),
            Value::Deep => self.deep(at),
            _ => {
                self.fault(at, format!("`{}` must be a list.", at.words()));
                None
            }
        }
    }

    /// A text as it is; what may not stand in a text is a fault.
    pub(super) fn text<'v>(&mut self, value: &'v Value<'_>, at: &At<'_>) -> Option<Cow<'v, str>> {
        let text = match value {
            Value::Text(text) => text,
            Value::Deep => return self.deep(at),
            Value::Bool(_) | Value::Number(_) => {
                self.fault(at, format!("`{}` must be text; put it between quotes.", at.words()));
                return None;
            }
            _ => {
                self.fault(at, format!("`{}` must be text.", at.words()));
                return None;
            }
        };
        let (clean, removed) = text::clean(text);
        if removed > 0 {
            self.fault(at, format!("`{}` holds {removed} characters that may not stand in a text.", at.words()));
        }
        Some(clean)
    }

    /// A text in one line of at most `max` characters, trimmed; nothing where it is null. An empty one is a fault.
    pub(super) fn line(&mut self, value: &Value<'_>, at: &At<'_>, max: usize) -> Option<String> {
        if *value == Value::Null {
            return None;
        }
        let line = text::line(&self.text(value, at)?).trim().to_owned();
        if line.is_empty() {
            self.fault(at, format!("`{}` is empty.", at.words()));
            return None;
        }
        if line.chars().nth(max).is_some() {
            self.fault(at, format!("`{}` is longer than {max} characters.", at.words()));
            return None;
        }
        Some(line)
    }

    /// What a text says.
    pub(super) fn parse<T: FromStr>(&mut self, text: &str, at: &At<'_>) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(why) => {
                self.fault(at, format!("`{}` cannot stand in `{}`: {why}.", shown(text), at.words()));
                None
            }
        }
    }
}

/// The beginning of a text, for a message.
pub(super) fn shown(text: &str) -> String {
    let line: String = text.chars().take(60).collect();
    text::line(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let (root, related) = (At::Root, At::Name(&At::Root, "a/b~c"));
        let item = At::Item(&related, 1);
        let url = At::Name(&item, "url");
        assert_eq!((root.pointer().as_str(), root.key()), ("", ""));
        assert_eq!((url.pointer().as_str(), url.key()), ("/a~1b~0c/1/url", "a/b~c"));
        assert_eq!(url.words(), "a/b~c, item 2: url");
    }
}
