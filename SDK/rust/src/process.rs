//! A reference to a process, typed by the messages that it takes.

use crate::{mailbox, spawn, sys, Decoder, Encoder, Error, Link, Mailbox, Malformed, Monitor, Reason, Spawned, Wire};
use core::{fmt, marker::PhantomData, time::Duration};

/// A process that takes messages of type `M`. It is a handle: cloning duplicates it, dropping closes it, sending it
/// moves it, and none of that touches the process.
pub struct Process<M> {
    pub(crate) handle: u32,
    kind: PhantomData<fn(M)>,
}

impl<M: Wire> Process<M> {
    /// Starts a process that runs `body` with this argument, in memory of its own. It ends when `body` returns; a panic
    /// ends it alone.
    ///
    /// Errors: `NOTCAPABLE` the policy grants no (further) children, `AGAIN` there are too many processes, `NOMEM`.
    pub fn spawn<A: Wire>(argument: A, body: fn(A, Mailbox<M>)) -> Result<Process<M>, Error> {
        Ok(spawn::Spawn::new().start(argument, body)?.process)
    }

    /// As `spawn`, linked to the caller from the start: when either ends badly, so does the other.
    pub fn spawn_link<A: Wire>(argument: A, body: fn(A, Mailbox<M>)) -> Result<Process<M>, Error> {
        Ok(spawn::Spawn::new().link().start(argument, body)?.process)
    }

    /// As `spawn`, with a monitor from the start.
    pub fn spawn_monitor<A: Wire>(argument: A, body: fn(A, Mailbox<M>)) -> Result<Spawned<M>, Error> {
        spawn::Spawn::new().monitor().start(argument, body)
    }

    /// As `spawn`, with areas of the caller's rights taken away: `Process::spawn_without(Area::Fs, argument, body)`.
    pub fn spawn_without<A: Wire>(
        area: spawn::Area,
        argument: A,
        body: fn(A, Mailbox<M>),
    ) -> Result<Process<M>, Error> {
        Ok(spawn::Spawn::new().without(area).start(argument, body)?.process)
    }

    /// Sends a message; waits for room when the mailbox is full.
    ///
    /// Errors: `SRCH` the process is known to be gone, `MSGSIZE` it could never hold this.
    pub fn send(&self, message: M) -> Result<(), Error> {
        mailbox::send(self.handle, mailbox::TYPED, message, -1)
    }

    /// Sends a message if there is room. Errors: as `send`, and `AGAIN`.
    pub fn try_send(&self, message: M) -> Result<(), Error> {
        mailbox::send(self.handle, mailbox::TYPED, message, 0)
    }
}

impl<M> Process<M> {
    pub(crate) fn from_handle(handle: u32) -> Process<M> {
        Process { handle, kind: PhantomData }
    }

    pub(crate) fn into_handle(self) -> u32 {
        let handle = self.handle;
        core::mem::forget(self);
        handle
    }

    /// The calling process, as one that takes messages of type `M`.
    pub fn this() -> Process<M> {
        Process::from_handle(0)
    }

    /// Names the process for comparisons and logs; gives no right.
    pub fn id(&self) -> u64 {
        let mut id = 0;
        // SAFETY: `id` is valid for the write.
        unsafe { sys::process_id(self.handle, &mut id) };
        id
    }

    /// Whether it has not ended yet.
    pub fn is_alive(&self) -> bool {
        // SAFETY: the call takes a number and checks it.
        unsafe { sys::alive(self.handle) == 0 }
    }

    /// Links the caller with it. Errors: `SRCH` it is gone and the caller does not trap exits.
    pub fn link(&self) -> Result<Link, Error> {
        // SAFETY: the call takes a number and checks it.
        Error::check(unsafe { sys::link(self.handle) })?;
        Ok(Link::new(self.duplicate(), self.id()))
    }

    /// Watches for its end; of one that is gone already the end is reported at once, as `NoProcess`.
    pub fn monitor(&self) -> Result<Monitor, Error> {
        let mut out = sys::Pair::default();
        // SAFETY: `out` is valid for the write.
        Error::check(unsafe { sys::monitor(self.handle, 0, &mut out) })?;
        Ok(Monitor::from_number(out.first))
    }

    /// Sends an exit signal, as Erlang's `exit/2`. `Reason::Kill` cannot be trapped.
    pub fn exit(&self, reason: &Reason) -> Result<(), Error> {
        let (kind, data) = reason.sendable()?;
        // SAFETY: `data` is valid for the read.
        Error::check(unsafe { sys::exit_process(self.handle, kind, data.as_ptr(), data.len()) })
    }

    /// Gives it a name for `lookup`. Errors: `EXIST`, `NOTCAPABLE`, `SRCH`.
    pub fn register(&self, name: &str) -> Result<(), Error> {
        // SAFETY: `name` is valid for the read.
        Error::check(unsafe { sys::register(name.as_ptr(), name.len(), self.handle) })
    }

    fn duplicate(&self) -> u32 {
        let mut handle = 0;
        if self.handle != 0 {
            // SAFETY: `handle` is valid for the write.
            let error = unsafe { sys::handle_duplicate(self.handle, &mut handle) };
            assert!(error == 0, "no room for a handle: {}", Error(error as u16));
        }
        handle
    }
}

/// Ends the caller with this reason; whoever is linked with it hears, or ends too.
pub fn exit(reason: &Reason) -> ! {
    if let Ok((kind, data)) = reason.sendable() {
        // SAFETY: `data` is valid for the read.
        unsafe { sys::exit(kind, data.as_ptr(), data.len()) };
    }
    panic!("not a reason to give: {reason:?}");
}

/// From now on exit signals arrive as messages (see `Mailbox::next` and `Link`) instead of ending the caller; or no
/// longer.
pub fn trap_exit(on: bool) {
    // SAFETY: the call takes a number.
    unsafe { sys::trap_exit(u32::from(on)) };
}

/// Finds a process by name. That it takes messages of type `M` is the caller's word. Errors: `NOENT`, `NOTCAPABLE`.
pub fn lookup<M>(name: &str) -> Result<Process<M>, Error> {
    let mut handle = 0;
    // SAFETY: `name` is valid for the read, `handle` for the write.
    Error::check(unsafe { sys::whereis(name.as_ptr(), name.len(), &mut handle) })?;
    Ok(Process::from_handle(handle))
}

/// Takes a name away. Errors: `NOENT`.
pub fn unregister(name: &str) -> Result<(), Error> {
    // SAFETY: `name` is valid for the read.
    Error::check(unsafe { sys::unregister(name.as_ptr(), name.len()) })
}

/// Puts the caller to sleep.
pub fn sleep(time: Duration) {
    // SAFETY: the call takes a number.
    unsafe { sys::sleep(mailbox::nanoseconds(time)) };
}

impl<M> Clone for Process<M> {
    /// Panics when the caller's table of handles is full.
    fn clone(&self) -> Self {
        Process::from_handle(self.duplicate())
    }
}

impl<M> Drop for Process<M> {
    fn drop(&mut self) {
        if self.handle != 0 {
            // SAFETY: the handle is this value's own.
            unsafe { sys::handle_close(self.handle) };
        }
    }
}

impl<M> PartialEq for Process<M> {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl<M> Eq for Process<M> {}

impl<M> fmt::Debug for Process<M> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Process({})", self.id())
    }
}

impl<M> Wire for Process<M> {
    fn encode(self, to: &mut Encoder) {
        // The caller cannot move itself away.
        let flags = if self.handle == 0 { 0 } else { sys::MOVE };
        to.put_handle(sys::Handle { kind: sys::PROCESS, flags, value: self.into_handle() });
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Ok(Process::from_handle(from.take_handle(sys::PROCESS)?))
    }
}
