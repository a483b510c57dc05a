//! Reading checked values into Rust types.

use crate::unit::Quantity;
use crate::value::{Call, Ref, Value};

/// A bad or missing argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgError {
    /// Name of the argument.
    pub arg: String,
    /// What was found and what was wanted.
    pub message: String,
}

impl std::fmt::Display for ArgError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "argument `{}`: {}", self.arg, self.message)
    }
}

/// A Rust type that a checked value can be read into.
pub trait FromValue: Sized {
    /// Whether the argument may be left out.
    const OPTIONAL: bool = false;
    /// What a message calls it.
    const WHAT: &'static str;
    /// Reads it; `None` when the value is of another kind.
    fn from_value(value: &Value) -> Option<Self>;
    /// What stands for an argument that was not given; `None` when it is required.
    fn missing() -> Option<Self> {
        None
    }
}

macro_rules! from_value {
    ($($ty:ty, $what:literal, $pat:pat => $out:expr;)*) => { $(
        impl FromValue for $ty {
            const WHAT: &'static str = $what;
            fn from_value(value: &Value) -> Option<Self> {
                match value { $pat => $out, _ => None }
            }
        }
    )* };
}

from_value! {
    bool, "true or false", Value::Bool(b) => Some(*b);
    String, "a text or a name", Value::Str(s) | Value::Name(s) => Some(s.clone());
    Quantity, "a number with a unit", Value::Quantity(q) => Some(*q);
    Ref, "a reference", Value::Ref(r) => Some(r.clone());
    Call, "a call", Value::Call(c) => Some(Call::clone(c));
}

impl FromValue for f64 {
    const WHAT: &'static str = "a number";
    fn from_value(value: &Value) -> Option<Self> {
        value.number()
    }
}

/// A count: a whole number, or a quantity that is whole in its base unit.
impl FromValue for u64 {
    const WHAT: &'static str = "a whole number";
    fn from_value(value: &Value) -> Option<Self> {
        value
            .number()
            .filter(|x| *x >= 0.0 && x.fract() == 0.0)
            .map(|x| x as u64)
    }
}

impl FromValue for usize {
    const WHAT: &'static str = "a whole number";
    fn from_value(value: &Value) -> Option<Self> {
        u64::from_value(value).map(|x| x as usize)
    }
}

impl FromValue for Value {
    const WHAT: &'static str = "a value";
    fn from_value(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    const WHAT: &'static str = "a list";
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::List(items) => items.iter().map(T::from_value).collect(),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const OPTIONAL: bool = true;
    const WHAT: &'static str = T::WHAT;
    fn from_value(value: &Value) -> Option<Self> {
        T::from_value(value).map(Some)
    }
    fn missing() -> Option<Self> {
        Some(None)
    }
}

/// Takes one argument out of a call; what is wrong with it is pushed on `errors`.
pub fn take<T: FromValue>(call: &Call, name: &str, errors: &mut Vec<ArgError>) -> Option<T> {
    take_optional(call.arg(name), name, errors)
}

/// Like [`take`], for a value that may be absent.
pub fn take_optional<T: FromValue>(
    value: Option<&Value>,
    name: &str,
    errors: &mut Vec<ArgError>,
) -> Option<T> {
    let message = match value {
        None => match T::missing() {
            Some(v) => return Some(v),
            None => format!("missing, wanted {}", T::WHAT),
        },
        Some(v) => match T::from_value(v) {
            Some(v) => return Some(v),
            None => format!("found `{v}`, wanted {}", T::WHAT),
        },
    };
    errors.push(ArgError {
        arg: name.to_owned(),
        message,
    });
    None
}

#[cfg(test)]
mod tests {
    use crate::{Bounds, Call, Ref, Ty, Value, builtin};

    builtin! {
        /// A loss for the test.
        /// Its second line.
        pub struct Sample = "sample" in Loss {
            /// A share.
            share: f64 = Ty::Float, default "0.7", bounds Bounds::open(0.0, 1.0);
            /// A checkpoint.
            reference: Ref = Ty::Checkpoint;
            /// May be left out.
            cap: Option<f64> = Ty::Float, effect Inert;
        }
        metrics: &["q"], needs_env: true
    }

    #[test]
    fn a_builtin_declares_its_metadata_and_reads_every_bad_argument_at_once() {
        let b = Sample::BUILTIN;
        assert_eq!(
            (b.name, b.summary(), b.metrics),
            ("sample", "A loss for the test.", &["q"][..])
        );
        let required: Vec<_> = b.params.iter().map(|p| p.required).collect();
        assert_eq!(required, [false, true, false]);
        let call = |args| Call {
            name: "sample".into(),
            args,
        };
        let good = call(vec![
            ("share".into(), Value::Float(0.5)),
            ("reference".into(), Value::Ref(Ref { need: 1 })),
        ]);
        let read = Sample::read(&good).unwrap();
        assert_eq!((read.share, read.reference.need, read.cap), (0.5, 1, None));
        let errors = Sample::read(&call(vec![("share".into(), Value::Bool(true))])).unwrap_err();
        assert_eq!(errors.len(), 2);
    }
}
