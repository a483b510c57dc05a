//! Checked values: what a field or an argument holds once the compiler has resolved it.
//!
//! A value is canonical: defaults are filled in, arguments are named and in the order of the definition, quantities are in
//! base units.  So equal meaning gives equal values, and equal values give equal keys.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::unit::Quantity;

/// A canonical value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum Value {
    /// `true` or `false` (`off` is `false`).
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number; a ratio such as `1/3` too.
    Float(f64),
    /// A quoted text.
    Str(String),
    /// A number with a unit.
    Quantity(Quantity),
    /// A bare word of an enumeration (`noise`), a task or a metric name.
    Name(String),
    /// `[a, b]`.
    List(Shared<Vec<Value>>),
    /// `{ key: value }`, keys as dotted paths, in the order written.
    Record(Shared<Vec<(String, Value)>>),
    /// A call to a builtin with all its arguments.
    Call(Shared<Call>),
    /// An edge: what another node produced.
    Ref(Ref),
}

/// A call to a builtin, complete and in the order of its definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Name of the builtin.
    pub name: String,
    /// Every argument, defaults included; an optional argument that was not given is left out.
    pub args: Vec<(String, Value)>,
}

/// Something that many values hold and few change: a copy of it costs a pointer.
///
/// The nodes of a sweep differ in one or two numbers; the records and calls around those are the same ones.
#[derive(Clone, PartialEq)]
pub struct Shared<T>(Arc<T>);

impl<T: Clone> Shared<T> {
    /// To be changed here alone.
    pub fn make_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> FromIterator<T> for Shared<Vec<T>> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Vec::from_iter(items).into()
    }
}

impl<'a, T> IntoIterator for &'a Shared<Vec<T>> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::from)
    }
}

impl From<Call> for Value {
    fn from(call: Call) -> Self {
        Value::Call(call.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Value::List(items.into())
    }
}

impl From<Vec<(String, Value)>> for Value {
    fn from(entries: Vec<(String, Value)>) -> Self {
        Value::Record(entries.into())
    }
}

/// An edge, as an index into the `needs` of the node that holds the value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ref {
    /// Index into `Node::needs`.
    pub need: usize,
}

/// Which product of a node is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Port {
    /// The contents of a dataset.
    Data,
    /// The checkpoint with the best value of the metric that `keep = [best(..)]` names (by default the score).
    Best,
    /// The newest checkpoint.
    Last,
    /// The checkpoint kept at this step.
    At(u64),
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Port::Data => f.write_str("data"),
            Port::Best => f.write_str("best"),
            Port::Last => f.write_str("last"),
            Port::At(n) => write!(f, "at({n} steps)"),
        }
    }
}

impl Call {
    /// The argument of this name, if it is there.
    pub fn arg(&self, name: &str) -> Option<&Value> {
        self.args.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }
}

impl Value {
    /// The entry of a record, by its full (dotted) key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Record(fields) => fields.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            Value::Call(call) => call.arg(key),
            _ => None,
        }
    }

    /// The number in an int, a float or a quantity, in base units.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(*n as f64),
            Value::Float(x) => Some(*x),
            Value::Quantity(q) => Some(q.amount),
            _ => None,
        }
    }

    /// The text of a name or a string.
    pub fn word(&self) -> Option<&str> {
        match self {
            Value::Name(text) | Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// Multiplies the number at a dotted path (`optim.lr`, `batch`) below this value; false when there is none.
    ///
    /// A segment names a record key or a call's argument.  Whole numbers stay whole and at least 1.
    pub fn scale(&mut self, path: &[&str], factor: f64) -> bool {
        let Some((first, rest)) = path.split_first() else {
            match self {
                Value::Int(n) => *n = ((*n as f64 * factor).floor() as i64).max(1),
                Value::Float(x) => *x *= factor,
                Value::Quantity(q) => q.amount *= factor,
                _ => return false,
            }
            return true;
        };
        let entries = match self {
            Value::Record(fields) => fields.make_mut(),
            Value::Call(call) => &mut call.make_mut().args,
            _ => return false,
        };
        entries
            .iter_mut()
            .find(|(k, _)| k == first)
            .is_some_and(|(_, v)| v.scale(rest, factor))
    }
}

/// Shows a value as it would be written in the language (a reference as `#0`, its index).
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T>(
            f: &mut fmt::Formatter<'_>,
            items: &[T],
            each: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
        ) -> fmt::Result {
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    f.write_str(", ")?;
                }
                each(f, item)?;
            }
            Ok(())
        }
        match self {
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(n) => write!(f, "{n}"),
            Value::Float(x) if *x != 0.0 && (x.abs() < 1e-3 || x.abs() >= 1e6) => {
                write!(f, "{x:e}")
            }
            Value::Float(x) => write!(f, "{x}"),
            Value::Str(s) => write!(f, "{s:?}"),
            Value::Quantity(q) => write!(f, "{q}"),
            Value::Name(n) => f.write_str(n),
            Value::List(items) => {
                f.write_str("[")?;
                list(f, items, |f, v| write!(f, "{v}"))?;
                f.write_str("]")
            }
            Value::Record(fields) => {
                f.write_str("{ ")?;
                list(f, fields, |f, (k, v)| write!(f, "{k}: {v}"))?;
                f.write_str(" }")
            }
            Value::Call(call) => {
                write!(f, "{}(", call.name)?;
                list(f, &call.args, |f, (k, v)| write!(f, "{k}: {v}"))?;
                f.write_str(")")
            }
            Value::Ref(r) => write!(f, "#{}", r.need),
        }
    }
}
