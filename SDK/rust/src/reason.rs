//! Why a process ended.

use crate::{Decoder, Error, Wire};
use alloc::{string::String, vec::Vec};

/// Why a process ended, or is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It was done.
    Normal,
    /// It was asked to stop.
    Shutdown,
    /// It was asked to stop, or stopped in order, with more to say: OTP's `{shutdown, Term}`.
    ShutdownWith(Vec<u8>),
    /// It said `kill` itself.
    Kill,
    /// It was killed, or what its policy's supervisor grants is over.
    Killed,
    /// It called exit(3) with this code.
    ExitCode(u32),
    /// It trapped; a panic does, too. Kind, message and backtrace, a line each.
    Trap(String),
    /// It wanted more than a limit allows.
    Limit {
        /// Which, as in `Limit`.
        limit: u32,
        /// What it had.
        used: u64,
        /// What it may have.
        allowed: u64,
    },
    /// It was gone already.
    NoProcess,
    /// Its cell or machine cannot be reached.
    NoConnection,
    /// Its own words.
    Bytes(Vec<u8>),
    /// The host would not run it; why.
    Refused(String),
    /// The host failed it; how.
    HostFailure(String),
    /// A kind that this crate does not know.
    Other(u32),
}

impl Reason {
    /// The kind and bytes of a reason that a process may give. Errors: `INVAL` for all others.
    pub(crate) fn sendable(&self) -> Result<(u32, &[u8]), Error> {
        match self {
            Reason::Normal => Ok((0, &[])),
            Reason::Shutdown => Ok((1, &[])),
            Reason::Kill => Ok((2, &[])),
            Reason::Bytes(bytes) => Ok((9, bytes)),
            Reason::ShutdownWith(bytes) => Ok((12, bytes)),
            _ => Err(Error::INVAL),
        }
    }

    pub(crate) fn decode(from: &mut Decoder<'_>) -> Reason {
        let (kind, code, used, allowed) = match <(u32, u32, u64, u64)>::decode(from) {
            Ok(head) => head,
            Err(_) => return Reason::Other(u32::MAX),
        };
        let bytes = from.take(from.remaining()).unwrap_or(&[]);
        let text = || String::from_utf8_lossy(bytes).into_owned();
        match kind {
            0 => Reason::Normal,
            1 => Reason::Shutdown,
            2 => Reason::Kill,
            3 => Reason::Killed,
            4 => Reason::ExitCode(code),
            5 => Reason::Trap(text()),
            6 => Reason::Limit { limit: code, used, allowed },
            7 => Reason::NoProcess,
            8 => Reason::NoConnection,
            9 => Reason::Bytes(bytes.to_vec()),
            12 => Reason::ShutdownWith(bytes.to_vec()),
            10 => Reason::Refused(text()),
            11 => Reason::HostFailure(text()),
            other => Reason::Other(other),
        }
    }
}
