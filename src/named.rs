//! Enumerations whose values have names outside: in options, menus and files.

use crate::{Error, Result};

/// An enumeration whose values are known by name; made by [`named!`](crate::named::named).
pub trait Named: Copy + Sized + 'static {
    /// What one value is called in messages, such as `stereo fill`.
    const WHAT: &'static str;

    /// Every value, in the order a menu should show them.
    fn all() -> &'static [Self];

    /// What the value is called outside.
    fn name(self) -> &'static str;

    /// Every name, in the order of [`all`](Self::all).
    fn names() -> Vec<&'static str> {
        Self::all().iter().map(|value| value.name()).collect()
    }

    /// The value of exactly this name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for any other name, with those that can be.
    fn find(name: &str) -> Result<Self> {
        let found = Self::all().iter().copied().find(|value| value.name() == name);
        found.ok_or_else(|| {
            Error::invalid(format!(
                "the {} {name:?} is unknown; it can be {}",
                Self::WHAT,
                Self::names().join(", ")
            ))
        })
    }
}

/// Makes an enumeration whose values are known by name: `ALL`, `name`, `named`, `Display`,
/// `FromStr` and [`Named`].
macro_rules! named {
    (
        $(#[$about:meta])*
        pub enum $Name:ident as $what:literal {
            $($(#[$doc:meta])* $variant:ident = $name:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $Name {
            $($(#[$doc])* $variant,)+
        }

        impl $Name {
            /// Every value, in the order a menu should show them.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// What it is called outside.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The value of exactly this name.
            ///
            /// # Errors
            /// [`Error::Invalid`](crate::Error::Invalid) for any other name, with those that can be.
            pub fn named(name: &str) -> $crate::Result<Self> {
                $crate::named::Named::find(name)
            }
        }

        impl $crate::named::Named for $Name {
            const WHAT: &'static str = $what;

            fn all() -> &'static [Self] {
                &Self::ALL
            }

            fn name(self) -> &'static str {
                self.name()
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $Name {
            type Err = $crate::Error;

            fn from_str(name: &str) -> $crate::Result<Self> {
                Self::named(name)
            }
        }
    };
}
pub(crate) use named;
