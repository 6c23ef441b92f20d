//! What a call can answer instead of doing what it was asked.

use core::fmt;

/// An errno with WASI's number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Error(pub u16);

impl Error {
    /// The address is taken.
    pub const ADDRINUSE: Error = Error(3);
    /// The mailbox, the process table or a limit is full for now.
    pub const AGAIN: Error = Error(6);
    /// The name is taken.
    pub const EXIST: Error = Error(20);
    /// A value that the host does not accept.
    pub const INVAL: Error = Error(28);
    /// Too large for the receiver, or for the buffer.
    pub const MSGSIZE: Error = Error(35);
    /// No such name, module or policy.
    pub const NOENT: Error = Error(44);
    /// No memory.
    pub const NOMEM: Error = Error(48);
    /// The process is gone.
    pub const SRCH: Error = Error(71);
    /// The time is over.
    pub const TIMEDOUT: Error = Error(73);
    /// The policy does not grant it; the audit log has the line.
    pub const NOTCAPABLE: Error = Error(76);

    pub(crate) fn check(errno: i32) -> Result<(), Error> {
        if errno == 0 {
            Ok(())
        } else {
            Err(Error(errno as u16))
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, to)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self.0 {
            3 => "the address is taken",
            6 => "full, try again",
            8 => "no such handle",
            14 => "connection refused",
            20 => "the name is taken",
            28 => "not a valid value",
            33 => "too many handles",
            35 => "too large",
            44 => "not found",
            48 => "no memory",
            58 => "not supported",
            64 => "the other end is closed",
            71 => "the process is gone",
            73 => "the time is over",
            76 => "not granted by the policy",
            other => return write!(to, "errno {other}"),
        })
    }
}

#[cfg(feature = "std")]
impl std::error::Error for Error {}

#[cfg(feature = "std")]
impl From<Error> for std::io::Error {
    fn from(error: Error) -> std::io::Error {
        std::io::Error::from_raw_os_error(i32::from(error.0))
    }
}
