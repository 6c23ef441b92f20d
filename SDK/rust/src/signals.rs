//! Links and monitors.

use crate::{mailbox, sys, Process, Reason};
use core::time::Duration;

/// A watch on a process. Dropping it ends the watch, and takes back a report that is in the mailbox.
#[derive(Debug)]
pub struct Monitor {
    number: u32,
}

impl Monitor {
    pub(crate) fn from_number(number: u32) -> Monitor {
        Monitor { number }
    }

    /// The number that `Event::Down` has.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Waits until the process has ended.
    pub fn wait(self) -> Reason {
        self.down(-1).unwrap_or(Reason::NoConnection)
    }

    /// Waits so long at most; gives the monitor back when the time is over.
    pub fn wait_timeout(self, time: Duration) -> Result<Reason, Monitor> {
        self.down(mailbox::nanoseconds(time)).ok_or(self)
    }

    fn down(&self, timeout: i64) -> Option<Reason> {
        let tag = sys::DOWN_TAG | u64::from(self.number);
        mailbox::receive(&[tag], timeout, |_, from| Reason::decode(from)).ok()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // SAFETY: the call takes numbers; a monitor that is closed already is an errno.
        unsafe { sys::demonitor(self.number, 1) };
    }
}

/// A link with a process, from `Process::link`. Dropping this value leaves the link as it is.
#[derive(Debug)]
pub struct Link {
    process: Process<()>,
    id: u64,
}

impl Link {
    pub(crate) fn new(handle: u32, id: u64) -> Link {
        Link { process: Process::from_handle(handle), id }
    }

    /// Ends the link; no exit signal of it arrives afterwards.
    pub fn unlink(self) {
        // SAFETY: the call takes a number and checks it.
        unsafe { sys::unlink(self.process.handle) };
    }

    /// For who traps exits: waits so long at most for this process's exit signal.
    pub fn wait_timeout(&self, time: Duration) -> Option<Reason> {
        self.ended(mailbox::nanoseconds(time))
    }

    /// For who traps exits: waits for this process's exit signal.
    pub fn wait(&self) -> Reason {
        self.ended(-1).unwrap_or(Reason::NoConnection)
    }

    fn ended(&self, timeout: i64) -> Option<Reason> {
        mailbox::receive(&[sys::EXIT_TAG | self.id], timeout, |_, from| Reason::decode(from)).ok()
    }
}
