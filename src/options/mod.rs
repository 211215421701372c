//! Floor 0: the macro that options are declared with.
//!
//! An option's name, type, default, range, choices and meaning stand once: in the
//! struct of the room that uses it. [`options!`](crate::options::options) makes of that the struct, its
//! `Default`, its `check`, and a [`Group`], through which the outside reads and
//! writes fields by name.

mod field;
mod limit;
mod value;

pub use field::{Called, Field, Group};
pub use limit::Limit;
pub use value::{FilePath, Kind, OptionValue, Value};

/// Declares a group of options.
///
/// ```text
/// options! {
///     /// What the struct is.
///     pub struct FogOptions("fog", "fog_") {
///         /// One sentence that people read as help.
///         ///
///         /// More for programmers.
///         density: f32 = 2.0, least(0.0), most(50.0);
///     }
///     with { /// A group within this one.
///            camera: CameraOptions; }
///     and { /// A field that is no option.
///           holes: bool = false; }
///     rules ordered;
/// }
/// ```
///
/// After the struct's name stand the group's name and what makes a field's name
/// the public one: a prefix, or `_` for a group that has none. `field as "name"`
/// has this public name instead, `field as _` none. Bounds are those of [`Limit`].
/// `rules` names a function `(&Self, Called<'_>) -> Result<()>` for what one field
/// alone cannot tell.
macro_rules! options {
    (
        $(#[$about:meta])*
        pub struct $Options:ident($group:literal, $prefix:tt) {
            $(
                $(#[doc = $doc:literal])+
                $field:ident $(as $public:tt)?: $type:ty = $default:expr
                    $(, $bound:ident($($argument:expr),*))*;
            )+
        }
        $(with { $($(#[$inner_doc:meta])+ $inner:ident: $Inner:ty;)+ })?
        $(and { $($(#[$plain_doc:meta])+ $plain:ident: $plain_type:ty = $plain_default:expr;)+ })?
        $(rules $rules:expr;)?
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Options {
            $($(#[doc = $doc])+ pub $field: $type,)+
            $($($(#[$inner_doc])+ pub $inner: $Inner,)+)?
            $($($(#[$plain_doc])+ pub $plain: $plain_type,)+)?
        }

        impl Default for $Options {
            fn default() -> Self {
                Self {
                    $($field: $default,)+
                    $($($inner: Default::default(),)+)?
                    $($($plain: $plain_default,)+)?
                }
            }
        }

        impl $Options {
            /// Checks every number, and what several say together.
            ///
            /// # Errors
            /// [`Error::Invalid`](crate::Error::Invalid) naming the first option that is wrong, its
            /// value, and what it can be.
            #[allow(dead_code)] // Rooms check what they compute with; of others only the outside asks.
            pub fn check(&self) -> $crate::Result<()> {
                $crate::options::Group::check_as(self, &str::to_owned)
            }
        }

        impl $crate::options::Group for $Options {
            fn group(&self) -> &'static str {
                $group
            }

            fn fields(&self) -> Vec<$crate::options::Field> {
                use $crate::options::{Field, Limit};
                #[allow(unused_mut)]
                let mut fields = vec![$(
                    Field::new(
                        stringify!($field),
                        $crate::options::public_name!($prefix, $field $(as $public)?),
                        &self.$field,
                        const { Limit::new()$(.$bound($($argument),*))* },
                        &[$($doc),+],
                    ),
                )+];
                $($(fields.extend($crate::options::Group::fields(&self.$inner));)+)?
                fields
            }

            fn set(&mut self, name: &str, value: &$crate::options::Value) -> Option<Result<(), String>> {
                use $crate::options::{Limit, OptionValue};
                $(
                    if name == stringify!($field) {
                        let limit = const { Limit::new()$(.$bound($($argument),*))* };
                        return Some(OptionValue::read(value, &limit).map(|read| self.$field = read));
                    }
                )+
                $($(
                    if let Some(done) = $crate::options::Group::set(&mut self.$inner, name, value) {
                        return Some(done);
                    }
                )+)?
                None
            }

            #[allow(unused_variables)]
            fn rules(&self, called: $crate::options::Called<'_>) -> $crate::Result<()> {
                $($($crate::options::Group::rules(&self.$inner, called)?;)+)?
                $($rules(self, called)?;)?
                Ok(())
            }
        }
    };
}
pub(crate) use options;

/// The name of a field in [`rilievo.Options`](crate::options), if it has one.
macro_rules! public_name {
    ($prefix:tt, $field:ident as _) => {
        None
    };
    ($prefix:tt, $field:ident as $public:literal) => {
        Some($public)
    };
    (_, $field:ident) => {
        None
    };
    ($prefix:literal, $field:ident) => {
        Some(concat!($prefix, stringify!($field)))
    };
}
pub(crate) use public_name;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::named::named;
    use crate::{Error, Result};

    named! {
        #[derive(Default)]
        pub enum Shape as "shape" {
            #[default]
            Round = "round",
            Square = "square",
        }
    }

    options! {
        pub struct InnerOptions("inner", "") {
            /// Angle of it.
            angle as "inner_angle": f64 = 1.0, above(0.0), below(180.0), unit("degrees");
        }
    }

    options! {
        /// What the tests look at.
        pub struct TestOptions("test", "test_") {
            /// What opens.
            ///
            /// A second paragraph.
            opening: f32 = 2.8, least(0.5), most(64.0);
            /// blades of it
            blades as _: usize = 0, least(3.0), most(16.0), or_zero("a circle");
            /// GIF or not
            shape: Option<Shape> = None;
            /// some
            several: Vec<Shape> = vec![Shape::Round];
            /// way
            way: String = "up".into(), one_of(&["up", "down"]);
            /// of the light
            color: [u8; 3] = [200, 208, 216];
        }
        with {
            /// The inner ones.
            inner: InnerOptions;
        }
        and {
            /// Not seen from outside.
            hidden: bool = true;
        }
        rules TestOptions::round_enough;
    }

    impl TestOptions {
        fn round_enough(&self, called: Called<'_>) -> Result<()> {
            match self.shape {
                Some(Shape::Square) if self.blades == 0 => {
                    Err(Error::invalid(format!("{} is no square", called("blades"))))
                }
                _ => Ok(()),
            }
        }
    }

    fn set(name: &str, value: Value) -> std::result::Result<Value, String> {
        let mut options = TestOptions::default();
        options.set(name, &value).ok_or("unknown")??;
        options.check().map_err(|error| error.to_string())?;
        let field = options.fields().into_iter().find(|field| field.name == name);
        field.map(|field| field.value).ok_or_else(|| "no field".into())
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn a_field_knows_all_of_itself() {
        let fields = TestOptions::default().fields();
        assert_eq!(fields[0].public, Some("test_opening"));
        assert_eq!(fields[0].help(), "what opens");
        assert_eq!(fields[0].value, Value::Number(2.8), "shortest decimal");
        assert_eq!(fields[1].public, None);
        assert_eq!(fields[2].help(), "GIF or not");
        assert_eq!((fields[2].kind, fields[2].optional), (Kind::Choice, true));
        assert_eq!(fields[2].choices, ["round", "square"]);
        assert_eq!(fields[4].choices, ["up", "down"]);
        assert_eq!(fields[5].value, text("#c8d0d8"));
        assert_eq!(fields[6].public, Some("inner_angle"));
        assert!(TestOptions::default().hidden);
    }

    #[test]
    fn values_are_read_as_people_write_them() {
        for (name, value, wanted) in [
            ("opening", text("1.5"), Value::Number(1.5)),
            ("opening", Value::Integer(4), Value::Number(4.0)),
            ("blades", Value::Number(5.0), Value::Integer(5)),
            ("shape", text("ROUND"), text("round")),
            ("shape", Value::None, Value::None),
            (
                "several",
                text("square, round"),
                Value::List(vec![text("square"), text("round")]),
            ),
            ("way", text("Down"), text("down")),
            ("color", text("fff"), text("#ffffff")),
            ("color", Value::List(vec![Value::Integer(7); 3]), text("#070707")),
            ("angle", Value::Integer(9), Value::Number(9.0)),
        ] {
            assert_eq!(set(name, value), Ok(wanted), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_gets_a_sentence() {
        for (name, value, wanted) in [
            ("opening", text("wide"), "is 'wide'; it must be a number"),
            ("opening", Value::Number(f64::NAN), "is NaN; it must be a number"),
            (
                "opening",
                Value::Number(65.0),
                "opening is 65; it must be a number from 0.5 to 64",
            ),
            (
                "blades",
                Value::Integer(2),
                "blades is 2; it must be a number from 3 to 16, or 0 for a circle",
            ),
            (
                "blades",
                Value::Integer(-1),
                "is -1; it must be a number from 3 to 16, or 0 for a circle",
            ),
            ("blades", Value::Number(3.5), "is 3.5; it must be a whole number"),
            ("shape", text("oval"), "is 'oval'; it can be round, square"),
            ("shape", text("square"), "blades is no square"),
            (
                "several",
                text("round,oval"),
                "names 'oval'; it can be some of round, square",
            ),
            ("several", Value::Integer(1), "is 1; it must be a list of names"),
            ("way", Value::None, "is None; it must be one of up, down"),
            (
                "color",
                text("#12345"),
                "is '#12345', which is no colour; give a colour such as #c8d0d8",
            ),
            (
                "angle",
                Value::Integer(180),
                "angle is 180; it must be a number of degrees above 0 and below 180",
            ),
            ("hidden", Value::Flag(true), "unknown"),
        ] {
            assert_eq!(
                set(name, value).map_err(|error| error.clone()),
                Err(wanted.into()),
                "{name}"
            );
        }
    }
}
