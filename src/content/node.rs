//! A cursor over a [`Value`] that reports every error with its JSON pointer.

use std::{borrow::Cow, cell::RefCell, fmt, str::FromStr};

use super::{bounded::Bounded, json::Diagnostic, text, value::Value};

/// The errors of one body, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Errors(RefCell<Bounded<Diagnostic>>);

impl Errors {
    /// Returns the number of errors so far; a caller that compares two counts avoids consequential errors.
    pub(super) fn count(&self) -> usize {
        self.0.borrow().count()
    }

    pub(super) fn into_list(self) -> Bounded<Diagnostic> {
        self.0.into_inner()
    }
}

/// A value and its path. A missing member is a null value.
///
/// A method that returns `None` for a value of the wrong type has reported an error.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    value: &'a Value<'a>,
    parent: Option<&'a Node<'a>>,
    key: Key<'a>,
    pub(super) errors: &'a Errors,
}

#[derive(Clone, Copy)]
enum Key<'a> {
    Root,
    Name(&'a str),
    Index(usize),
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value<'a>, errors: &'a Errors) -> Self {
        Node { value, parent: None, key: Key::Root, errors }
    }

    /// Returns the path as a JSON pointer (RFC 6901).
    pub(super) fn pointer(&self) -> String {
        let parent = self.parent.map(Node::pointer).unwrap_or_default();
        match self.key {
            Key::Root => parent,
            Key::Name(name) => format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1")),
            Key::Index(index) => format!("{parent}/{index}"),
        }
    }

    /// Returns the path in words, for messages: `related, item 2: url`.
    pub(super) fn path(&self) -> String {
        let parent = self.parent.map(Node::path).unwrap_or_default();
        match self.key {
            Key::Root => parent,
            Key::Name(name) if parent.is_empty() => shorten(name),
            Key::Name(name) => format!("{parent}: {}", shorten(name)),
            Key::Index(index) => format!("{parent}, item {}", index + 1),
        }
    }

    pub(super) fn error(&self, message: impl Into<String>) {
        let diagnostic = || Diagnostic { pointer: self.pointer(), line: None, column: None, message: message.into() };
        self.errors.0.borrow_mut().push(diagnostic);
    }

    /// Reports an error that begins with the path of the value.
    fn error_here(&self, message: impl fmt::Display) {
        self.error(format!("`{}` {message}", self.path()));
    }

    /// Reports a missing value, or one of another type than expected.
    fn error_expected(&self, expected: impl fmt::Display) {
        match (self.value, self.key) {
            (Value::TooDeep, _) => self.error("This value is nested too deeply."),
            (_, Key::Root) => self.error(format!("The body must be {expected}.")),
            (Value::Null, _) => self.error_here(format_args!("is required and must be {expected}.")),
            _ => self.error_here(format_args!("must be {expected}.")),
        }
    }

    /// Returns the node unless it is missing or null.
    pub(super) fn given(self) -> Option<Self> {
        (*self.value != Value::Null).then_some(self)
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    /// Returns the node if it is a map. Members that are not in `names`, and duplicates, are errors.
    pub(super) fn map(&self, names: &[&str]) -> Option<&Self> {
        let Value::Map(members) = self.value else {
            self.error_expected(format_args!("an object with the fields {}", names.join(", ")));
            return None;
        };
        let mut seen = vec![false; names.len()];
        for (name, _) in members {
            let member = Node { key: Key::Name(name), parent: Some(self), ..*self };
            match names.iter().position(|known| known == name).and_then(|index| seen.get_mut(index)) {
                Some(true) => member.error_here("is given twice; remove one of them."),
                Some(seen) => *seen = true,
                None => {
                    let of = if let Key::Root = self.key { String::new() } else { format!(" of `{}`", self.path()) };
                    let (name, names) = (shorten(name), names.join(", "));
                    member.error(format!("`{name}` is not a field{of}; the fields are {names}."));
                }
            }
        }
        Some(self)
    }

    /// Returns a member of a map.
    pub(super) fn member<'b>(&'b self, name: &'b str) -> Node<'b> {
        let members = if let Value::Map(members) = self.value { members.as_slice() } else { &[] };
        let value = members.iter().find(|(known, _)| known == name).map_or(&Value::Null, |(_, value)| value);
        Node { value, parent: Some(self), key: Key::Name(name), errors: self.errors }
    }

    /// Returns the items of a list.
    pub(super) fn items(&self) -> Option<impl ExactSizeIterator<Item = Node<'_>>> {
        let Value::List(items) = self.value else {
            self.error_expected("a list");
            return None;
        };
        let item =
            move |(index, value)| Node { value, parent: Some(self), key: Key::Index(index), errors: self.errors };
        Some(items.iter().enumerate().map(item))
    }

    /// Returns the items of a list that may be missing or null.
    pub(super) fn optional_items(&self) -> Option<impl ExactSizeIterator<Item = Node<'_>>> {
        if *self.value == Value::Null { None } else { self.items() }
    }

    pub(super) fn bool(&self) -> Option<bool> {
        if let Value::Bool(value) = self.value {
            return Some(*value);
        }
        self.error_expected("true or false");
        None
    }

    pub(super) fn number(&self, max: u32) -> Option<u32> {
        if let Value::Number(Some(number)) = self.value
            && *number <= max
        {
            return Some(*number);
        }
        self.error_expected(format_args!("an integer from 0 to {max}"));
        None
    }

    /// Returns the string without further checks.
    pub(super) fn raw_text(&self) -> Option<&'a str> {
        match self.value {
            Value::Text(text) => return Some(text),
            Value::Bool(_) | Value::Number(_) => self.error_expected("a string; put it between quotes"),
            _ => self.error_expected("a string"),
        }
        None
    }

    /// Returns the string; forbidden characters are an error.
    pub(super) fn text(&self) -> Option<Cow<'a, str>> {
        let (clean, removed) = text::clean(self.raw_text()?);
        if removed > 0 {
            self.error_here(format_args!("contains {removed} control or other forbidden characters; remove them."));
        }
        Some(clean)
    }

    /// Returns the string as one trimmed line; `None` if null. An empty or a longer line is an error.
    pub(super) fn line(&self, max_chars: usize) -> Option<String> {
        let line = text::line(&self.given()?.text()?).trim().to_owned();
        if line.is_empty() {
            self.error_here("is empty.");
        } else if line.chars().nth(max_chars).is_some() {
            self.error_here(format_args!("is longer than {max_chars} characters."));
        } else {
            return Some(line);
        }
        None
    }

    /// Parses `text`, the value of this node.
    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&self, text: &str) -> Option<T> {
        text.parse().map_err(|why| self.error_here(format_args!("cannot be `{}`: {why}.", shorten(text)))).ok()
    }

    /// Returns the choice with the name that the string has.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Option<(&'static str, T)> {
        if let Value::Text(text) = self.value
            && let Some(choice) = choices.iter().find(|(name, _)| name == text)
        {
            return Some(*choice);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        self.error_expected(format_args!("one of {}", names.join(", ")));
        None
    }
}

/// Returns the first 60 characters, for messages.
pub(super) fn shorten(text: &str) -> String {
    let start: String = text.chars().take(60).collect();
    text::line(&start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointer_is_escaped_and_path_counts_from_1() {
        let value = Value::Map(vec![("a/b~c".to_owned(), Value::List(vec![Value::Null, Value::Null]))]);
        let errors = Errors::default();
        let root = Node::root(&value, &errors);
        let list = root.member("a/b~c");
        let item = list.items().unwrap().nth(1).unwrap();
        let url = item.member("url");
        assert_eq!((root.pointer(), root.path()), (String::new(), String::new()));
        assert_eq!((url.pointer().as_str(), url.path().as_str()), ("/a~1b~0c/1/url", "a/b~c, item 2: url"));
    }
}
