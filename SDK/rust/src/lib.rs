//! Bulkhead's host interface in Rust: processes, typed messages, links, monitors, sockets and servers.
//!
//! A process is a function with memory of its own. It is written with plain blocking calls, and only it waits when it
//! waits:
//!
//! ```no_run
//! use bulkhead::{Mailbox, Process, TcpListener, TcpStream};
//! use std::io::{BufRead, BufReader, Write};
//!
//! fn main() {
//!     let listener = TcpListener::bind("127.0.0.1:1337").unwrap();
//!     while let Ok(connection) = listener.accept() {
//!         Process::spawn(connection, serve).unwrap();
//!     }
//! }
//!
//! fn serve(connection: TcpStream, _: Mailbox<()>) {
//!     let mut lines = BufReader::new(&connection);
//!     let mut line = String::new();
//!     while lines.read_line(&mut line).unwrap() > 0 {
//!         (&connection).write_all(line.as_bytes()).unwrap();
//!         line.clear();
//!     }
//! }
//! ```
//!
//! Nothing of the parent's memory is in a child, so what runs there is a function or a closure that captures nothing
//! (the compiler sees to that), and what it needs is its argument: any [`Wire`] value, with processes, streams and
//! listeners inside.
//!
//! Without the feature `std` the crate is `no_std` with `alloc`; then `std::io`'s traits are not implemented for
//! streams.

#![cfg_attr(not(feature = "std"), no_std)]
#![warn(missing_docs)]

extern crate alloc;

mod error;
mod mailbox;
mod net;
mod process;
mod reason;
mod server;
mod signals;
mod spawn;
mod supervised;
pub mod sys;
mod wire;

pub use error::Error;
pub use mailbox::{Event, Mailbox};
pub use net::{resolve, TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream};
pub use process::{exit, lookup, sleep, trap_exit, unregister, Process};
pub use reason::Reason;
pub use server::{start, CallError, Caller, GenServer, Info, Next, Server};
pub use signals::{Link, Monitor};
pub use spawn::{Area, Limit, Spawn, Spawned};
pub use supervised::{start_ack, Start};
pub use wire::{Bytes, Decoder, Encoder, Malformed, Wire};
