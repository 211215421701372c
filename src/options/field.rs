//! One option as the outside sees it, and a group of them.

use super::{Kind, Limit, OptionValue, Value};
use crate::{Error, Result};

/// What a field is called where a message will be read.
pub type Called<'a> = &'a dyn Fn(&str) -> String;

/// An option and its value.
#[derive(Clone, Debug)]
pub struct Field {
    /// The name within its group.
    pub name: &'static str,
    /// The name in `rilievo.Options`, if it is there.
    pub public: Option<&'static str>,
    /// What kind of value it takes.
    pub kind: Kind,
    /// Whether it can be left open.
    pub optional: bool,
    /// The value; in a group that is new, the default.
    pub value: Value,
    /// Which numbers it takes.
    pub limit: Limit,
    /// The words it takes; none: it is no choice.
    pub choices: Vec<&'static str>,
    doc: &'static [&'static str],
}

impl Field {
    /// A field and its value; `doc` are the lines of its documentation.
    pub fn new<T: OptionValue>(
        name: &'static str,
        public: Option<&'static str>,
        value: &T,
        limit: Limit,
        doc: &'static [&'static str],
    ) -> Self {
        let choices = match limit.words {
            [] => T::choices(),
            words => words.to_vec(),
        };
        let kind = match T::KIND {
            Kind::Text if !choices.is_empty() => Kind::Choice,
            kind => kind,
        };
        Self {
            name,
            public,
            kind,
            optional: T::OPTIONAL,
            value: value.show(),
            limit,
            choices,
            doc,
        }
    }

    /// The first paragraph of the documentation, as a phrase: without a full
    /// stop, and with a small letter unless it begins with an abbreviation.
    pub fn help(&self) -> String {
        let lines: Vec<_> = self
            .doc
            .iter()
            .map(|line| line.trim())
            .take_while(|line| !line.is_empty())
            .collect();
        let text = lines.join(" ");
        let text = text.strip_suffix('.').unwrap_or(&text);
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
                first.to_lowercase().chain(text.chars().skip(1)).collect()
            }
            _ => text.to_owned(),
        }
    }
}

/// Options that belong together; made by [`options!`](crate::options::options).
pub trait Group {
    /// What the group is called.
    fn group(&self) -> &'static str;

    /// Every option with its value, those of inner groups last.
    fn fields(&self) -> Vec<Field>;

    /// Gives an option a value; `None` if there is no option of this name.
    ///
    /// The error is a sentence that wants the option's name before it. Ranges
    /// are looked at by [`check_as`](Self::check_as).
    fn set(&mut self, name: &str, value: &Value) -> Option<Result<(), String>>;

    /// What several options say together.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a sentence in which options are `called` so.
    fn rules(&self, called: Called<'_>) -> Result<()>;

    /// Whether every number is in its range.
    ///
    /// # Errors
    /// As [`check_as`](Self::check_as).
    fn check_ranges(&self, called: Called<'_>) -> Result<()> {
        for field in self.fields() {
            let number = match field.value {
                Value::Integer(number) => number as f64,
                Value::Number(number) => number,
                _ => continue,
            };
            if !field.limit.fits(number) {
                let wanted = field.limit.wanted().unwrap_or_else(|| "a number".into());
                let (name, value) = (called(field.name), &field.value);
                return Err(Error::invalid(format!("{name} is {value}; it must be {wanted}")));
            }
        }
        Ok(())
    }

    /// Checks every number, and what several options say together.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the first option that is wrong, its value, and what it can be.
    fn check_as(&self, called: Called<'_>) -> Result<()> {
        self.check_ranges(called)?;
        self.rules(called)
    }
}
