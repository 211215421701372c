//! Values on their way in and out, and the types options have.

use std::fmt;

use super::Limit;
use crate::named::{Named, named};

/// A value as it comes from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Left open.
    None,
    /// True or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any number.
    Number(f64),
    /// Text.
    Text(String),
    /// Several values.
    List(Vec<Value>),
    /// Anything else, as it prints.
    Other(String),
}

impl fmt::Display for Value {
    /// As messages show it: text in single quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Flag(flag) => f.write_str(if *flag { "True" } else { "False" }),
            Self::Integer(number) => number.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "'{}'", text.escape_debug()),
            Self::Other(text) => f.write_str(text),
            Self::List(values) => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
        }
    }
}

named! {
    /// The kinds of value an option can take.
    pub enum Kind as "kind of option" {
        /// True or false.
        Flag = "flag",
        /// A whole number.
        Whole = "whole",
        /// A number.
        Number = "number",
        /// Text.
        Text = "text",
        /// One word of several.
        Choice = "choice",
        /// Some words of several.
        Several = "several",
        /// `#rrggbb`.
        Color = "color",
        /// A file of the machine rilievo runs on, which a surface that serves strangers does not offer.
        Path = "path",
    }
}

/// A type that an option can have.
pub trait OptionValue: Sized {
    /// What kind of value it takes.
    const KIND: Kind;
    /// Whether it can be left open.
    const OPTIONAL: bool = false;

    /// The words it can be; none: it is no choice.
    fn choices() -> Vec<&'static str> {
        Vec::new()
    }

    /// Reads a value.
    ///
    /// # Errors
    /// What is wrong, as a sentence that wants the option's name before it.
    fn read(value: &Value, limit: &Limit) -> Result<Self, String>;

    /// The value for the outside.
    fn show(&self) -> Value;
}

fn must_be(value: &Value, wanted: &str) -> String {
    format!("is {value}; it must be {wanted}")
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Flag(flag) => f64::from(u8::from(*flag)),
        Value::Integer(number) => *number as f64,
        Value::Number(number) => *number,
        Value::Text(text) => text.trim().parse().ok()?,
        Value::None | Value::List(_) | Value::Other(_) => return None,
    };
    number.is_finite().then_some(number)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The word meant, in any case of letters.
fn word<'a>(words: &[&'a str], text: &str) -> Option<&'a str> {
    let exact = words.iter().find(|word| **word == text);
    exact
        .or_else(|| words.iter().find(|word| word.eq_ignore_ascii_case(text)))
        .copied()
}

impl OptionValue for bool {
    const KIND: Kind = Kind::Flag;

    fn read(value: &Value, _: &Limit) -> Result<Self, String> {
        let flag = match value {
            Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Some(true),
                "false" | "no" | "off" | "0" => Some(false),
                _ => None,
            },
            value => number(value)
                .filter(|number| [0.0, 1.0].contains(number))
                .map(|number| number == 1.0),
        };
        flag.ok_or_else(|| must_be(value, "true or false"))
    }

    fn show(&self) -> Value {
        Value::Flag(*self)
    }
}

macro_rules! whole {
    ($($type:ty)*) => {$(
        impl OptionValue for $type {
            const KIND: Kind = Kind::Whole;

            fn read(value: &Value, limit: &Limit) -> Result<Self, String> {
                let number = number(value)
                    .filter(|number| number.fract() == 0.0)
                    .ok_or_else(|| must_be(value, "a whole number"))?;
                if number < 0.0 || number > <$type>::MAX as f64 {
                    let wanted = limit.wanted().unwrap_or_else(|| "a number from 0 up".into());
                    return Err(must_be(value, &wanted));
                }
                Ok(number as $type)
            }

            fn show(&self) -> Value {
                Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
            }
        }
    )*};
}
whole!(u8 u32 usize);

impl OptionValue for f64 {
    const KIND: Kind = Kind::Number;

    fn read(value: &Value, _: &Limit) -> Result<Self, String> {
        number(value).ok_or_else(|| must_be(value, "a number"))
    }

    fn show(&self) -> Value {
        Value::Number(*self)
    }
}

impl OptionValue for f32 {
    const KIND: Kind = Kind::Number;

    fn read(value: &Value, limit: &Limit) -> Result<Self, String> {
        f64::read(value, limit).map(|number| number as f32)
    }

    fn show(&self) -> Value {
        // By way of its shortest decimal: 2.8, not 2.799999952316284.
        Value::Number(self.to_string().parse().unwrap_or_else(|_| f64::from(*self)))
    }
}

impl OptionValue for String {
    const KIND: Kind = Kind::Text;

    fn read(value: &Value, limit: &Limit) -> Result<Self, String> {
        let words = limit.words;
        match text(value) {
            Some(text) if words.is_empty() => Ok(text),
            Some(text) => word(words, &text)
                .map(str::to_owned)
                .ok_or_else(|| format!("is {value}; it can be {}", words.join(", "))),
            None if words.is_empty() => Err(must_be(value, "text")),
            None => Err(must_be(value, &format!("one of {}", words.join(", ")))),
        }
    }

    fn show(&self) -> Value {
        Value::Text(self.clone())
    }
}

/// The path of a file as it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct FilePath(pub String);

impl OptionValue for FilePath {
    const KIND: Kind = Kind::Path;

    fn read(value: &Value, _: &Limit) -> Result<Self, String> {
        text(value)
            .map(Self)
            .ok_or_else(|| must_be(value, "a file's path"))
    }

    fn show(&self) -> Value {
        Value::Text(self.0.clone())
    }
}

impl<T: Named> OptionValue for T {
    const KIND: Kind = Kind::Choice;

    fn choices() -> Vec<&'static str> {
        T::names()
    }

    fn read(value: &Value, _: &Limit) -> Result<Self, String> {
        let names = T::names();
        let Some(text) = text(value) else {
            return Err(must_be(value, &format!("one of {}", names.join(", "))));
        };
        word(&names, &text)
            .and_then(|name| T::find(name).ok())
            .ok_or_else(|| format!("is {value}; it can be {}", names.join(", ")))
    }

    fn show(&self) -> Value {
        Value::Text(self.name().to_owned())
    }
}

impl<T: Named> OptionValue for Vec<T> {
    const KIND: Kind = Kind::Several;

    fn choices() -> Vec<&'static str> {
        T::names()
    }

    fn read(value: &Value, _: &Limit) -> Result<Self, String> {
        let parts: Option<Vec<String>> = match value {
            Value::Text(text) => Some(text.split(',').map(str::to_owned).collect()),
            Value::List(values) => values.iter().map(text).collect(),
            _ => None,
        };
        let parts = parts.ok_or_else(|| must_be(value, "a list of names"))?;
        let parts = parts
            .iter()
            .map(|part| part.trim())
            .filter(|part| !part.is_empty());
        parts
            .map(|part| {
                T::find(part).map_err(|_| {
                    let part = Value::Text(part.to_owned());
                    format!("names {part}; it can be some of {}", T::names().join(", "))
                })
            })
            .collect()
    }

    fn show(&self) -> Value {
        Value::List(self.iter().map(OptionValue::show).collect())
    }
}

impl<T: OptionValue> OptionValue for Option<T> {
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = true;

    fn choices() -> Vec<&'static str> {
        T::choices()
    }

    fn read(value: &Value, limit: &Limit) -> Result<Self, String> {
        match value {
            Value::None => Ok(None),
            value => T::read(value, limit).map(Some),
        }
    }

    fn show(&self) -> Value {
        self.as_ref().map_or(Value::None, OptionValue::show)
    }
}

/// Red, green and blue.
impl OptionValue for [u8; 3] {
    const KIND: Kind = Kind::Color;

    fn read(value: &Value, _: &Limit) -> Result<Self, String> {
        let color = match value {
            Value::List(parts) => color_of_parts(parts),
            value => text(value).and_then(|text| color_of_digits(&text)),
        };
        color.ok_or_else(|| format!("is {value}, which is no colour; give a colour such as #c8d0d8"))
    }

    fn show(&self) -> Value {
        let [red, green, blue] = self;
        Value::Text(format!("#{red:02x}{green:02x}{blue:02x}"))
    }
}

fn color_of_parts(parts: &[Value]) -> Option<[u8; 3]> {
    let parts: Option<Vec<u8>> = parts
        .iter()
        .map(|part| u8::read(part, &Limit::new()).ok())
        .collect();
    parts?.try_into().ok()
}

/// The colour of `#rrggbb` or `#rgb`; the `#` may be missing.
fn color_of_digits(text: &str) -> Option<[u8; 3]> {
    let digits: Option<Vec<u8>> = text
        .trim()
        .trim_start_matches('#')
        .chars()
        .map(|digit| digit.to_digit(16).map(|digit| digit as u8))
        .collect();
    match digits?[..] {
        [r, g, b] => Some([r * 17, g * 17, b * 17]),
        [r1, r0, g1, g0, b1, b0] => Some([r1 * 16 + r0, g1 * 16 + g0, b1 * 16 + b0]),
        _ => None,
    }
}
