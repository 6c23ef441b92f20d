//! What a child of an app's supervision tree says to its supervisor.

use crate::{sys, Error};

/// How the start of a supervised child went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<'a> {
    /// It is ready, and its supervisor is told this: a port, say. May be empty.
    Ready(&'a [u8]),
    /// It is not needed, and ends normally: OTP's `ignore`.
    Ignore,
    /// It could not start, and ends with this as its reason.
    Failed(&'a [u8]),
}

/// Says that the caller's start is over, and how it went: OTP's `proc_lib:init_ack`. For a child whose app file says
/// `acknowledges`; its supervisor waits for it, and takes an end before it for a start that failed. It returns after
/// `Ready` alone: otherwise the caller ends here.
///
/// Errors: `NOENT` nobody waits for that, because the caller is no such child or has said so already, `MSGSIZE` more
/// than 4096 bytes.
pub fn start_ack(start: Start<'_>) -> Result<(), Error> {
    let (status, data): (u32, &[u8]) = match start {
        Start::Ready(info) => (0, info),
        Start::Ignore => (1, &[]),
        Start::Failed(reason) => (2, reason),
    };
    // SAFETY: `data` is valid for the read.
    Error::check(unsafe { sys::start_ack(status, data.as_ptr(), data.len()) })
}
