//! How values travel: little-endian numbers, lengths before what varies, handles beside the bytes. The same in all
//! SDKs.

use crate::sys;
use alloc::{string::String, vec::Vec};

/// A value that can be sent: as bytes, with the handles that are in it.
///
/// Sending consumes, so a stream or process that is sent has moved. For structures and enums of your own,
/// [`message!`](crate::message) writes the implementation.
pub trait Wire: Sized {
    /// Appends this value.
    fn encode(self, to: &mut Encoder);
    /// Takes one value off the front.
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed>;
}

/// Bytes that are not what was expected: too few, or no value of the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Collects what is sent. Handles that were put in and not sent are closed.
#[derive(Default)]
pub struct Encoder {
    pub(crate) bytes: Vec<u8>,
    pub(crate) handles: Vec<sys::Handle>,
}

impl Encoder {
    /// An empty one.
    pub fn new() -> Encoder {
        Encoder::default()
    }

    /// The bytes so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends bytes as they are.
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn put_handle(&mut self, handle: sys::Handle) {
        (self.handles.len() as u32).encode(self);
        self.handles.push(handle);
    }

    /// The host has taken the handles over.
    pub(crate) fn sent(&mut self) {
        self.handles.clear();
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.handles.iter().filter(|handle| handle.flags & sys::MOVE != 0).for_each(close);
    }
}

pub(crate) fn close(handle: &sys::Handle) {
    // SAFETY: the call takes numbers and checks them.
    unsafe {
        match (handle.kind, handle.value) {
            (_, u32::MAX) | (sys::PROCESS, 0) => 0,
            (sys::PROCESS, value) => sys::handle_close(value),
            (_, value) => sys::fd_close(value),
        };
    }
}

/// Takes values off what arrived. Handles that nobody took are closed.
pub struct Decoder<'a> {
    bytes: &'a [u8],
    handles: &'a mut [sys::Handle],
}

impl<'a> Decoder<'a> {
    /// Of bytes alone.
    pub fn new(bytes: &'a [u8]) -> Decoder<'a> {
        Decoder { bytes, handles: &mut [] }
    }

    pub(crate) fn with_handles(bytes: &'a [u8], handles: &'a mut [sys::Handle]) -> Decoder<'a> {
        Decoder { bytes, handles }
    }

    /// The next bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        if count > self.bytes.len() {
            return Err(Malformed);
        }
        let (taken, rest) = self.bytes.split_at(count);
        self.bytes = rest;
        Ok(taken)
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn take_handle(&mut self, kind: u16) -> Result<u32, Malformed> {
        let index = u32::decode(self)? as usize;
        match self.handles.get_mut(index) {
            Some(handle) if handle.kind == kind && handle.value != u32::MAX => {
                Ok(core::mem::replace(&mut handle.value, u32::MAX))
            }
            _ => Err(Malformed),
        }
    }
}

impl Decoder<'_> {
    /// The last handle, where a call has its caller.
    pub(crate) fn take_last_process(&mut self) -> Option<u32> {
        let last = self.handles.last_mut().filter(|handle| handle.kind == sys::PROCESS && handle.value != u32::MAX)?;
        Some(core::mem::replace(&mut last.value, u32::MAX))
    }
}

impl Drop for Decoder<'_> {
    fn drop(&mut self) {
        self.handles.iter().for_each(close);
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Wire for $number {
            fn encode(self, to: &mut Encoder) {
                to.put(&self.to_le_bytes());
            }
            fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
                let bytes = from.take(core::mem::size_of::<$number>())?;
                Ok(<$number>::from_le_bytes(bytes.try_into().map_err(|_| Malformed)?))
            }
        }
    )*};
}
numbers!(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64);

impl Wire for bool {
    fn encode(self, to: &mut Encoder) {
        u8::from(self).encode(to);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        match u8::decode(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }
}

/// Bytes as one block; a `Vec<u8>` goes number by number and looks the same on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bytes(pub Vec<u8>);

impl Wire for Bytes {
    fn encode(self, to: &mut Encoder) {
        (self.0.len() as u32).encode(to);
        to.put(&self.0);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        let count = u32::decode(from)? as usize;
        Ok(Bytes(from.take(count)?.to_vec()))
    }
}

impl Wire for String {
    fn encode(self, to: &mut Encoder) {
        Bytes(self.into_bytes()).encode(to);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        String::from_utf8(Bytes::decode(from)?.0).map_err(|_| Malformed)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn encode(self, to: &mut Encoder) {
        self.is_some().encode(to);
        if let Some(value) = self {
            value.encode(to);
        }
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Ok(if bool::decode(from)? { Some(T::decode(from)?) } else { None })
    }
}

/// Of values that take a byte at least: a vector of `()` does not arrive.
impl<T: Wire> Wire for Vec<T> {
    fn encode(self, to: &mut Encoder) {
        (self.len() as u32).encode(to);
        self.into_iter().for_each(|value| value.encode(to));
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        let count = u32::decode(from)? as usize;
        // A count is only a claim. Every value takes a byte at least, so this bounds the work that a hostile one can
        // cause.
        if count > from.remaining() {
            return Err(Malformed);
        }
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(T::decode(from)?);
        }
        Ok(values)
    }
}

macro_rules! tuples {
    ($(($($name:ident),*))*) => {$(
        #[allow(non_snake_case, unused_variables, clippy::unused_unit)]
        impl<$($name: Wire),*> Wire for ($($name,)*) {
            fn encode(self, to: &mut Encoder) {
                let ($($name,)*) = self;
                $($name.encode(to);)*
            }
            fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
                Ok(($($name::decode(from)?,)*))
            }
        }
    )*};
}
tuples!(()(A)(A, B)(A, B, C)(A, B, C, D)(A, B, C, D, E));

/// Declares structures and enums that can be sent. An enum goes as its variant's position in one byte, then the fields.
///
/// ```
/// bulkhead::message! {
///     pub enum Request {
///         Join { name: String, member: bulkhead::Process<String> },
///         Say { text: String },
///         Leave {},
///     }
/// }
/// ```
#[macro_export]
macro_rules! message {
    ($(#[$meta:meta])* $visible:vis struct $name:ident { $($field:ident: $kind:ty),* $(,)? }) => {
        $(#[$meta])* $visible struct $name { $(pub $field: $kind),* }
        impl $crate::Wire for $name {
            fn encode(self, _to: &mut $crate::Encoder) {
                $($crate::Wire::encode(self.$field, _to);)*
            }
            fn decode(_from: &mut $crate::Decoder<'_>) -> Result<Self, $crate::Malformed> {
                Ok($name { $($field: $crate::Wire::decode(_from)?),* })
            }
        }
    };
    ($(#[$meta:meta])* $visible:vis enum $name:ident {
        $($variant:ident { $($field:ident: $kind:ty),* $(,)? }),* $(,)?
    }) => {
        $(#[$meta])* $visible enum $name { $($variant { $($field: $kind),* }),* }
        impl $crate::Wire for $name {
            #[allow(unused_assignments)]
            fn encode(self, _to: &mut $crate::Encoder) {
                #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
                enum Position { $($variant),* }
                match self {
                    $($name::$variant { $($field),* } => {
                        $crate::Wire::encode(Position::$variant as u8, _to);
                        $($crate::Wire::encode($field, _to);)*
                    })*
                }
            }
            fn decode(_from: &mut $crate::Decoder<'_>) -> Result<Self, $crate::Malformed> {
                let position = <u8 as $crate::Wire>::decode(_from)?;
                let mut _next = 0u8;
                $(
                    if position == _next {
                        return Ok($name::$variant { $($field: $crate::Wire::decode(_from)?),* });
                    }
                    _next += 1;
                )*
                Err($crate::Malformed)
            }
        }
    };
}
