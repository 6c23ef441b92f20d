//! How processes are made: with what rights and limits, and how a child finds its function and argument.

use crate::{sys, Decoder, Encoder, Error, Mailbox, Monitor, Process, Wire};
use alloc::{string::String, vec, vec::Vec};

/// A part of the rights that a process can be made without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Area {
    /// Files and directories.
    Fs = 1,
    /// Connections, listeners, names.
    Net = 2,
    /// Environment variables.
    Env = 4,
    /// Arguments.
    Args = 8,
    /// Clocks.
    Clocks = 16,
    /// Random numbers.
    Random = 32,
    /// Standard streams.
    Stdio = 64,
    /// Children of its own.
    Spawn = 128,
}

/// A limit of a child's, which all that it spawns shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Limit {
    /// Bytes of memory.
    Memory = 0,
    /// Nanoseconds of processor time.
    Cpu,
    /// Nanoseconds of life.
    Wall,
    /// Descriptors, and handles.
    Fds,
    /// Bytes of output.
    Output,
    /// Messages in a mailbox.
    MailboxMessages,
    /// Bytes in a mailbox.
    MailboxBytes,
    /// Processes.
    Processes,
    /// Elements of tables.
    Tables,
    /// Bytes of stack.
    Stack,
    /// Percent of one processor.
    CpuShare,
}

/// A child to be: `Spawn::new().link().without(Area::Fs).limit(Limit::Fds, 4).start(argument, body)`.
#[derive(Default)]
pub struct Spawn {
    flags: u32,
    without: u32,
    limits: Vec<sys::Limit>,
    policy: String,
}

/// A child that was started.
pub struct Spawned<M> {
    /// The child.
    pub process: Process<M>,
    /// If one was asked for.
    pub monitor: Option<Monitor>,
}

impl Spawn {
    /// With all that the caller holds.
    pub fn new() -> Spawn {
        Spawn::default()
    }

    /// Linked with the caller.
    pub fn link(mut self) -> Spawn {
        self.flags |= 1;
        self
    }

    /// Watched by the caller.
    pub fn monitor(mut self) -> Spawn {
        self.flags |= 2;
        self
    }

    pub(crate) fn handler(mut self) -> Spawn {
        self.flags |= 4;
        self
    }

    /// Without this part of the caller's rights.
    pub fn without(mut self, area: Area) -> Spawn {
        self.without |= area as u32;
        self
    }

    /// With this much, at most.
    pub fn limit(mut self, limit: Limit, value: u64) -> Spawn {
        self.limits.push(sys::Limit { limit: limit as u32, zero: 0, value });
        self
    }

    /// Under this policy, as far as the caller's own goes.
    pub fn policy(mut self, name: &str) -> Spawn {
        self.policy = String::from(name);
        self
    }

    /// Starts it. Errors: `NOTCAPABLE` no right to spawn or to that policy, `NOENT` no such policy, `AGAIN` too many
    /// processes, `NOMEM`.
    pub fn start<A: Wire, M: Wire>(self, argument: A, body: fn(A, Mailbox<M>)) -> Result<Spawned<M>, Error> {
        let mut encoder = Encoder::new();
        (body as usize as u32).encode(&mut encoder);
        argument.encode(&mut encoder);
        self.run(entry::<A, M>, encoder)
    }

    pub(crate) fn run<M>(self, entry: fn(), mut encoder: Encoder) -> Result<Spawned<M>, Error> {
        let options = sys::Options {
            flags: self.flags,
            entry: entry as usize as u32 | if self.flags & 4 != 0 { sys::ENTRY_HANDLER } else { 0 },
            module: core::ptr::null(),
            module_length: 0,
            argument: encoder.bytes.as_ptr(),
            argument_length: encoder.bytes.len(),
            handles: encoder.handles.as_ptr(),
            handle_count: encoder.handles.len(),
            policy: self.policy.as_ptr(),
            policy_length: self.policy.len(),
            without: self.without,
            limit_count: self.limits.len(),
            limits: self.limits.as_ptr(),
            reserved: [0; 5],
        };
        let mut out = sys::Pair::default();
        // SAFETY: what the options point to lives until after the call.
        Error::check(unsafe { sys::spawn(&options, &mut out) })?;
        encoder.sent();
        let monitor = if self.flags & 2 != 0 { Some(Monitor::from_number(out.second)) } else { None };
        Ok(Spawned { process: Process::from_handle(out.first), monitor })
    }
}

// What a child runs first: the function that belongs to the types of `start`.
fn entry<A: Wire, M: Wire>() {
    let (body, argument) = take_argument::<(u32, A)>().expect("an argument of the type that was spawned with");
    // SAFETY: the number is that of a function of this type in this module's table: `start::<A, M>` put it there.
    let body = unsafe { core::mem::transmute::<usize, fn(A, Mailbox<M>)>(body as usize) };
    body(argument, Mailbox::this());
}

pub(crate) fn take_argument<A: Wire>() -> Option<A> {
    let mut message = sys::Message::default();
    let mut handles = [sys::Handle::default(); sys::MOST_HANDLES];
    let mut bytes = vec![0; 64];
    loop {
        let (buffer, table) = (bytes.as_mut_ptr(), handles.as_mut_ptr());
        // SAFETY: every pointer is valid for the length beside it.
        let error = unsafe { sys::argument(buffer, bytes.len(), table, sys::MOST_HANDLES, &mut message) };
        let length = message.length as usize;
        if error == 0 {
            return A::decode(&mut Decoder::with_handles(
                &bytes[..length],
                &mut handles[..message.handle_count as usize],
            ))
            .ok();
        }
        if error != i32::from(Error::MSGSIZE.0) || length <= bytes.len() {
            return None;
        }
        bytes = vec![0; length];
    }
}

extern "C" {
    fn __wasm_call_ctors();
    fn __real___original_main() -> i32;
}

// The C library of Debian 12's Rust leaves main's constructors to the linker, which sees to them only where nobody calls
// them by name, as below. `-C link-arg=--wrap=__original_main` leads its _start here. A newer one runs them itself.
#[no_mangle]
extern "C" fn __wrap___original_main() -> i32 {
    // SAFETY: once in a process, before anything else.
    unsafe {
        __wasm_call_ctors();
        __real___original_main()
    }
}

// The host calls this in a child, which has no main: constructors run here.
#[no_mangle]
extern "C" fn bulkhead_spawned(number: u32) {
    // SAFETY: once in a process, before anything else; and the number is that of one of the functions that `run` is
    // given.
    unsafe {
        __wasm_call_ctors();
        crate::server::IS_HANDLER = number & sys::ENTRY_HANDLER != 0;
        core::mem::transmute::<usize, fn()>((number & !sys::ENTRY_HANDLER) as usize)();
    }
}
