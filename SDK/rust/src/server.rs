//! Servers in the manner of Erlang's `gen_server`: calls that are answered, casts that are not, and everything else.

use crate::{mailbox, spawn, sys, Decoder, Encoder, Error, Malformed, Process, Reason, Spawn, Wire};
use alloc::{boxed::Box, vec::Vec};
use core::{marker::PhantomData, time::Duration};

/// A server: state, and what it does when asked. The same server runs as a handler process, which has no stack between
/// messages ([`start`]), and as a blocking one ([`serve`](GenServer::serve)).
pub trait GenServer: Sized + 'static {
    /// What it starts with.
    type Argument: Wire;
    /// What it can be asked with an answer expected.
    type Call: Wire;
    /// The answers.
    type Reply: Wire;
    /// What it can be told.
    type Cast: Wire;

    /// Makes the state, in the new process.
    fn init(argument: Self::Argument) -> Self;

    /// Answers by `from.reply`, now or later.
    fn call(&mut self, request: Self::Call, from: Caller<Self::Reply>) -> Next;

    /// Does what it was told.
    fn cast(&mut self, request: Self::Cast) -> Next {
        let _ = request;
        Next::Continue
    }

    /// Sees every other message, and exits and ends of others.
    fn info(&mut self, info: Info) -> Next {
        let _ = info;
        Next::Continue
    }

    /// Serves on the calling process until the server stops. Suspends.
    fn serve(mut self) {
        while dispatch(&mut self, -1) != Some(Next::Stop) {}
    }
}

/// Whether a server goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It does.
    Continue,
    /// It ends normally.
    Stop,
}

/// What is neither call nor cast.
#[derive(Debug)]
pub enum Info {
    /// A message of another kind.
    Message {
        /// As it was sent.
        tag: u64,
        /// Who sent it.
        process: u64,
        /// What it says.
        bytes: Vec<u8>,
    },
    /// A linked process ended.
    Exit(u64, Reason),
    /// A monitored process ended: the monitor's number, and why.
    Down(u32, Reason),
}

/// Who waits for an answer. Dropping it answers nothing: the caller's time will be over.
#[derive(Debug)]
pub struct Caller<R> {
    alias: Process<R>,
    call: u32,
}

impl<R: Wire> Caller<R> {
    /// Answers. A caller that has given up hears nothing, which is no error. Errors: `AGAIN` its mailbox is full,
    /// `MSGSIZE`.
    pub fn reply(self, answer: R) -> Result<(), Error> {
        match mailbox::send(self.alias.handle, sys::REPLY | u64::from(self.call), answer, 0) {
            Err(Error::SRCH) => Ok(()),
            other => other,
        }
    }
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// It did not come in time; should it come later, it is dropped.
    Timeout,
    /// The server was gone, or ended during the call.
    Down(Reason),
    /// The server is the caller.
    CallingSelf,
    /// The answer is no `Reply`.
    Malformed,
    /// The request could not be sent.
    Send(Error),
}

/// A reference to a running server.
pub struct Server<S> {
    process: Process<()>,
    kind: PhantomData<fn(S)>,
}

/// Starts a server as a handler process. Errors: as `Process::spawn`.
pub fn start<S: GenServer>(argument: S::Argument) -> Result<Server<S>, Error> {
    Server::start_with(Spawn::new(), argument)
}

impl<S: GenServer> Server<S> {
    /// Starts a server as a handler process, linked, narrowed or limited. Errors: as `Spawn::start`.
    pub fn start_with(spawn: Spawn, argument: S::Argument) -> Result<Server<S>, Error> {
        Self::run(spawn.handler(), argument)
    }

    /// Starts a server as a blocking process, which nobody can tell from a handler. Errors: as `Spawn::start`.
    pub fn start_blocking(spawn: Spawn, argument: S::Argument) -> Result<Server<S>, Error> {
        Self::run(spawn, argument)
    }

    fn run(spawn: Spawn, argument: S::Argument) -> Result<Server<S>, Error> {
        let mut encoder = Encoder::new();
        argument.encode(&mut encoder);
        let spawned = spawn.run::<()>(entry::<S>, encoder)?;
        Ok(Server { process: spawned.process, kind: PhantomData })
    }

    /// A server that was found by name; that it is an `S` is the caller's word.
    pub fn from_process(process: Process<()>) -> Server<S> {
        Server { process, kind: PhantomData }
    }

    /// Its process: to link, monitor, register or end it.
    pub fn process(&self) -> &Process<()> {
        &self.process
    }

    /// Asks, and waits for the answer, as `gen_server:call/3`. Suspends.
    pub fn call(&self, request: S::Call, time: Duration) -> Result<S::Reply, CallError> {
        let timeout = mailbox::nanoseconds(time);
        if self.process.id() == Process::<()>::this().id() {
            return Err(CallError::CallingSelf);
        }
        let mut out = sys::Pair::default();
        // SAFETY: `out` is valid for the write.
        Error::check(unsafe { sys::monitor(self.process.handle, 1, &mut out) }).map_err(CallError::Send)?;
        // The end of a watch takes back its report and silences the alias, whatever way this function is left.
        let watch = crate::Monitor::from_number(out.first);
        let reply = sys::REPLY | u64::from(out.first);
        let mut encoder = Encoder::new();
        request.encode(&mut encoder);
        encoder.handles.push(sys::Handle { kind: sys::PROCESS, flags: sys::MOVE, value: out.second });
        match mailbox::send_encoded(self.process.handle, sys::CALL | u64::from(out.first), &mut encoder, timeout) {
            // Of a server that is gone the DOWN is there and says more.
            Ok(()) | Err(Error::SRCH) => {}
            Err(Error::TIMEDOUT) => return Err(CallError::Timeout),
            Err(other) => return Err(CallError::Send(other)),
        }
        let read = |message: &sys::Message, from: &mut Decoder<'_>| match message.kind {
            sys::DOWN => Err(CallError::Down(Reason::decode(from))),
            _ => S::Reply::decode(from).map_err(|Malformed| CallError::Malformed),
        };
        if let Ok(answer) = mailbox::receive(&[reply, sys::DOWN_TAG | u64::from(out.first)], timeout, read) {
            return answer;
        }
        drop(watch);
        // An answer that came at the last moment counts.
        mailbox::receive(&[reply], 0, read).unwrap_or(Err(CallError::Timeout))
    }

    /// Tells, without an answer. Waits for room when its mailbox is full. Errors: `SRCH`, `MSGSIZE`.
    pub fn cast(&self, request: S::Cast) -> Result<(), Error> {
        mailbox::send(self.process.handle, sys::CAST, request, -1)
    }
}

impl<S> Clone for Server<S> {
    fn clone(&self) -> Self {
        Server { process: self.process.clone(), kind: PhantomData }
    }
}

impl<S> Wire for Server<S> {
    fn encode(self, to: &mut Encoder) {
        self.process.encode(to);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Ok(Server { process: Process::decode(from)?, kind: PhantomData })
    }
}

// Takes one message; nothing when there is none. A request that is malformed is dropped: its caller's time will be over.
fn dispatch<S: GenServer>(server: &mut S, timeout: i64) -> Option<Next> {
    let taken = mailbox::receive(&[], timeout, |message, from| match (message.kind, message.tag) {
        (sys::EXIT, _) => server.info(Info::Exit(message.process, Reason::decode(from))),
        (sys::DOWN, _) => server.info(Info::Down(message.monitor, Reason::decode(from))),
        (_, sys::CAST) => S::Cast::decode(from).map_or(Next::Continue, |request| server.cast(request)),
        (_, tag) if tag >> 32 == sys::CALL >> 32 => match (from.take_last_process(), S::Call::decode(from)) {
            (Some(alias), Ok(request)) => {
                server.call(request, Caller { alias: Process::from_handle(alias), call: tag as u32 })
            }
            (Some(alias), Err(_)) => {
                drop(Process::<()>::from_handle(alias));
                Next::Continue
            }
            _ => Next::Continue,
        },
        (_, tag) => {
            let bytes = from.take(from.remaining()).unwrap_or(&[]).to_vec();
            server.info(Info::Message { tag, process: message.process, bytes })
        }
    });
    taken.ok()
}

pub(crate) static mut IS_HANDLER: bool = false;
// What a handler process does with a message.
static mut HANDLER: Option<Box<dyn FnMut() -> Next>> = None;

fn entry<S: GenServer>() {
    let mut server = S::init(spawn::take_argument().expect("an argument of the type that was started with"));
    // SAFETY: a process is one thread.
    unsafe {
        if !IS_HANDLER {
            return server.serve();
        }
        HANDLER = Some(Box::new(move || {
            // One is enough, unless a call within passed over others.
            mailbox::PASSED_OVER = false;
            let mut next = dispatch(&mut server, 0);
            while next == Some(Next::Continue) && mailbox::PASSED_OVER {
                next = dispatch(&mut server, 0);
            }
            next.unwrap_or(Next::Continue)
        }));
    }
}

// The host calls this in a handler process whenever there is a message.
#[no_mangle]
extern "C" fn bulkhead_message() -> i32 {
    // SAFETY: a process is one thread, and the host does not call again before this has returned.
    match unsafe { HANDLER.as_mut() } {
        Some(handler) => i32::from(handler() == Next::Stop),
        None => 1,
    }
}
