//! What is wrong with the environment, in words.

use core::fmt;

use crate::os::out::Excerpt;

/// Where a setting stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a variable of its own.
    Variable,
    /// In HEAPMM_CONF.
    Collected,
}

/// What is wrong with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong<'a> {
    /// No setting is called so; the nearest name, if one is near.
    Unknown(&'a [u8], Option<&'static str>),
    /// The setting does not take this value.
    Value {
        /// The setting.
        name: &'static str,
        /// What it was to be.
        value: &'a [u8],
        /// The values it takes.
        values: &'static str,
        /// The nearest of them, if one is near and they are too many to be listed.
        near: Option<&'static str>,
    },
    /// A piece of HEAPMM_CONF without a value.
    NoValue(&'a [u8]),
}

/// A setting that is not obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem<'a> {
    /// Where it stands.
    pub place: Place,
    /// What is wrong with it.
    pub wrong: Wrong<'a>,
}

impl fmt::Display for Problem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, prefix) = match self.place {
            Place::Variable => ("", "HEAPMM_"),
            Place::Collected => ("HEAPMM_CONF: ", ""),
        };
        f.write_str(place)?;
        let near = match self.wrong {
            Wrong::Unknown(name, near) => {
                write!(f, "unknown setting {prefix}{}", Excerpt(name))?;
                if near.is_none() {
                    f.write_str("; `heapmm options` lists them")?;
                }
                near.map(|near| (prefix, near))
            }
            Wrong::Value { name, value, values, near } => {
                write!(f, "{prefix}{name} cannot be '{}'; it takes: {values}", Excerpt(value))?;
                near.map(|near| ("", near))
            }
            Wrong::NoValue(piece) => {
                write!(
                    f,
                    "'{}' has no value; it takes option:value,option:value, not a file's name",
                    Excerpt(piece)
                )?;
                None
            }
        };
        near.map_or(Ok(()), |(prefix, near)| write!(f, "; did you mean {prefix}{near}?"))
    }
}
