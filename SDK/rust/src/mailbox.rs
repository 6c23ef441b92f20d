//! What a process receives: typed messages in order, and signals when it asks for them.

use crate::{sys, Decoder, Encoder, Error, Reason, Wire};
use alloc::vec;
use core::{marker::PhantomData, time::Duration};

/// The tag of typed messages.
pub(crate) const TYPED: u64 = 0;

/// The calling process's mailbox, as one of messages of type `M`. Bytes that are no `M` are dropped.
pub struct Mailbox<M> {
    kind: PhantomData<fn() -> M>,
}

/// What `Mailbox::next` found first.
#[derive(Debug)]
pub enum Event<M> {
    /// A message.
    Message(M),
    /// A linked process ended, or somebody sent an exit signal; only for who traps exits.
    Exit {
        /// The id of who ended.
        process: u64,
        /// Why.
        reason: Reason,
    },
    /// A monitored process ended.
    Down {
        /// The monitor's number.
        monitor: u32,
        /// The id of who ended.
        process: u64,
        /// Why.
        reason: Reason,
    },
}

impl<M: Wire> Mailbox<M> {
    /// The calling process's.
    pub fn this() -> Mailbox<M> {
        Mailbox { kind: PhantomData }
    }

    /// Waits for the next message. Signals stay where they are.
    pub fn receive(&self) -> M {
        loop {
            if let Ok(Some(message)) = receive(&[TYPED], -1, decoded) {
                return message;
            }
        }
    }

    /// Waits for the next message, so long at most.
    pub fn receive_timeout(&self, time: Duration) -> Option<M> {
        receive(&[TYPED], nanoseconds(time), decoded).ok().flatten()
    }

    /// The next message, if it is there.
    pub fn try_receive(&self) -> Option<M> {
        self.receive_timeout(Duration::ZERO)
    }

    /// Waits for the next message or signal, whichever came first.
    pub fn next(&self) -> Event<M> {
        loop {
            if let Ok(Some(event)) = self.event(-1) {
                return event;
            }
        }
    }

    /// Waits for the next message or signal, so long at most.
    pub fn next_timeout(&self, time: Duration) -> Option<Event<M>> {
        self.event(nanoseconds(time)).ok().flatten()
    }

    fn event(&self, timeout: i64) -> Result<Option<Event<M>>, Error> {
        receive(&[], timeout, |message, from| match message.kind {
            sys::EXIT => Some(Event::Exit { process: message.process, reason: Reason::decode(from) }),
            sys::DOWN => {
                let reason = Reason::decode(from);
                Some(Event::Down { monitor: message.monitor, process: message.process, reason })
            }
            _ if message.tag == TYPED => M::decode(from).ok().map(Event::Message),
            _ => None,
        })
    }
}

fn decoded<M: Wire>(_: &sys::Message, from: &mut Decoder<'_>) -> Option<M> {
    M::decode(from).ok()
}

/// Nanoseconds for the host; more than it can count is without end.
pub(crate) fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(-1)
}

/// Whether a selective receive may have passed over messages, which the host then does not announce to a handler again.
pub(crate) static mut PASSED_OVER: bool = false;

/// Takes the first message with one of these tags (none: any) and hands it to `read`. Errors: `TIMEDOUT`.
pub(crate) fn receive<T>(
    tags: &[u64],
    timeout: i64,
    read: impl FnOnce(&sys::Message, &mut Decoder<'_>) -> T,
) -> Result<T, Error> {
    if !tags.is_empty() {
        // SAFETY: a process is one thread.
        unsafe { PASSED_OVER = true };
    }
    let mut bytes = [0u8; 256];
    let mut handles = [sys::Handle::default(); sys::MOST_HANDLES];
    let mut message = sys::Message::default();
    let (tag, count) = (tags.as_ptr(), tags.len());
    let (buffer, table) = (bytes.as_mut_ptr(), handles.as_mut_ptr());
    // SAFETY: every pointer is valid for the length beside it.
    let error = unsafe {
        if timeout == 0 {
            sys::receive(tag, count, buffer, bytes.len(), table, sys::MOST_HANDLES, &mut message)
        } else {
            // It tries first, and costs little more when there is a message.
            sys::receive_wait(tag, count, buffer, bytes.len(), table, sys::MOST_HANDLES, &mut message, timeout)
        }
    };
    if error == i32::from(Error::AGAIN.0) {
        return Err(Error::TIMEDOUT);
    }
    if error != i32::from(Error::MSGSIZE.0) {
        Error::check(error)?;
        let (length, held) = (message.length as usize, message.handle_count as usize);
        return Ok(read(&message, &mut Decoder::with_handles(&bytes[..length], &mut handles[..held])));
    }
    let mut large = vec![0u8; message.length as usize];
    // SAFETY: as above.
    Error::check(unsafe {
        sys::receive(tag, count, large.as_mut_ptr(), large.len(), table, sys::MOST_HANDLES, &mut message)
    })?;
    let mut decoder = Decoder::with_handles(&large, &mut handles[..message.handle_count as usize]);
    Ok(read(&message, &mut decoder))
}

/// Sends one value; waits up to `timeout` when there is no room.
pub(crate) fn send(process: u32, tag: u64, value: impl Wire, timeout: i64) -> Result<(), Error> {
    let mut encoder = Encoder::new();
    value.encode(&mut encoder);
    send_encoded(process, tag, &mut encoder, timeout)
}

pub(crate) fn send_encoded(process: u32, tag: u64, encoder: &mut Encoder, timeout: i64) -> Result<(), Error> {
    let (data, length) = (encoder.bytes.as_ptr(), encoder.bytes.len());
    let (handles, count) = (encoder.handles.as_ptr(), encoder.handles.len());
    // SAFETY: the encoder's vectors are valid for these lengths.
    let mut error = unsafe { sys::send(process, tag, data, length, handles, count) };
    if error == i32::from(Error::AGAIN.0) && timeout != 0 {
        // SAFETY: as above.
        error = unsafe { sys::send_wait(process, tag, data, length, handles, count, timeout) };
    }
    Error::check(error)?;
    encoder.sent();
    Ok(())
}
