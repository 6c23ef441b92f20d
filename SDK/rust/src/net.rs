//! Sockets: TCP, UDP and unix. They are WASI descriptors, so `std`'s calls on descriptors would work on them, too.

use crate::{sys, Decoder, Encoder, Error, Malformed, Wire};
use alloc::{string::String, vec, vec::Vec};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;

fn split(address: &str) -> Result<(&str, u32), Error> {
    let (host, port) = address.rsplit_once(':').ok_or(Error::INVAL)?;
    let port: u16 = port.parse().map_err(|_| Error::INVAL)?;
    Ok((host.trim_start_matches('[').trim_end_matches(']'), u32::from(port)))
}

#[derive(Debug)]
struct Descriptor(u32, Ownership);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Ownership {
    Own,
    Shared,
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        if self.1 == Ownership::Own {
            // SAFETY: the descriptor is this value's own.
            unsafe { sys::fd_close(self.0) };
        }
    }
}

impl Descriptor {
    /// The caller's own one, which `call` makes: it answers with an errno and, if that is 0, leaves the number behind.
    fn made(call: impl FnOnce(&mut u32) -> i32) -> Result<Descriptor, Error> {
        let mut fd = 0;
        Error::check(call(&mut fd))?;
        Ok(Descriptor(fd, Ownership::Own))
    }
    fn shared(&self) -> Descriptor {
        Descriptor(self.0, Ownership::Shared)
    }
    fn encode(self, to: &mut Encoder) {
        let flags = if self.1 == Ownership::Own { sys::MOVE } else { 0 };
        to.put_handle(sys::Handle { kind: sys::DESCRIPTOR, flags, value: self.0 });
        core::mem::forget(self);
    }
    fn address(&self, peer: u32) -> Result<String, Error> {
        // Room for `unix:` and the longest path that a socket can have.
        let (mut text, mut length) = (vec![0u8; 128], 0);
        // SAFETY: the buffer is valid for its length, `length` for the write.
        Error::check(unsafe { sys::socket_address(self.0, peer, text.as_mut_ptr(), text.len(), &mut length) })?;
        text.truncate(length);
        String::from_utf8(text).map_err(|_| Error::INVAL)
    }
}

// What listeners and streams are, whatever their addresses look like.
macro_rules! connections {
    ($($(#[$listener_docs:meta])* $listener:ident gives $(#[$stream_docs:meta])* $stream:ident;)*) => {$(
        $(#[$listener_docs])*
        #[derive(Debug)]
        pub struct $listener(Descriptor);

        impl $listener {
            /// Waits for the next connection. Suspends.
            pub fn accept(&self) -> Result<$stream, Error> {
                // SAFETY: `fd` is valid for the write.
                Ok($stream(Descriptor::made(|fd| unsafe { sys::sock_accept(self.0 .0, 0, fd) })?))
            }

            /// The same listener for another process: to be sent, while this one stays.
            pub fn shared(&self) -> $listener {
                $listener(self.0.shared())
            }

            /// The address it listens on.
            pub fn local_addr(&self) -> Result<String, Error> {
                self.0.address(0)
            }
        }

        $(#[$stream_docs])*
        #[derive(Debug)]
        pub struct $stream(Descriptor);

        impl $stream {
            /// Reads what is there, at least a byte; 0 is the end. Suspends.
            pub fn receive(&self, buffer: &mut [u8]) -> Result<usize, Error> {
                let (vector, mut count) = (sys::Vector { bytes: buffer.as_mut_ptr(), length: buffer.len() }, 0);
                // SAFETY: the vector describes `buffer`, `count` is valid for the write.
                Error::check(unsafe { sys::fd_read(self.0 .0, &vector, 1, &mut count) })?;
                Ok(count)
            }

            /// Writes some of it. Suspends.
            pub fn send(&self, bytes: &[u8]) -> Result<usize, Error> {
                let (vector, mut count) = (sys::Vector { bytes: bytes.as_ptr(), length: bytes.len() }, 0);
                // SAFETY: the vector describes `bytes`, `count` is valid for the write.
                Error::check(unsafe { sys::fd_write(self.0 .0, &vector, 1, &mut count) })?;
                Ok(count)
            }

            /// Writes all of it. Suspends.
            pub fn send_all(&self, mut bytes: &[u8]) -> Result<(), Error> {
                while !bytes.is_empty() {
                    bytes = &bytes[self.send(bytes)?..];
                }
                Ok(())
            }

            /// The same connection for another process: to be sent, while this one stays. It closes when both are gone.
            pub fn shared(&self) -> $stream {
                $stream(self.0.shared())
            }

            /// The other end's address.
            pub fn peer_addr(&self) -> Result<String, Error> {
                self.0.address(1)
            }
        }
    )*};
}
connections! {
    /// A TCP listener. Sending it moves it.
    TcpListener gives
    /// A TCP connection. Sending it moves it; dropping it closes it.
    TcpStream;
    /// A listener on a unix socket. Sending it moves it. Its path is removed when the program ends.
    UnixListener gives
    /// A connection to a unix socket. Sending it moves it; dropping it closes it.
    UnixStream;
}

impl TcpListener {
    /// Listens on `host:port`; port 0 is any that the policy covers. Errors: `NOTCAPABLE`, the socket's. Suspends.
    pub fn bind(address: &str) -> Result<TcpListener, Error> {
        let (host, port) = split(address)?;
        // SAFETY: `host` is valid for the read, `fd` for the write.
        let made = Descriptor::made(|fd| unsafe { sys::tcp_listen(host.as_ptr(), host.len(), port, BACKLOG, fd) })?;
        Ok(TcpListener(made))
    }
}

impl TcpStream {
    /// Connects to `host:port`. Errors: `NOTCAPABLE`, the socket's. Suspends.
    pub fn connect(address: &str) -> Result<TcpStream, Error> {
        let (host, port) = split(address)?;
        // SAFETY: `host` is valid for the read, `fd` for the write.
        Ok(TcpStream(Descriptor::made(|fd| unsafe { sys::tcp_connect(host.as_ptr(), host.len(), port, fd) })?))
    }
}

impl UnixListener {
    /// Listens on a path of the host's, not of a mount. Errors: `NOTCAPABLE`, `ADDRINUSE` there is something already,
    /// the socket's. Suspends.
    pub fn bind(path: &str) -> Result<UnixListener, Error> {
        // SAFETY: `path` is valid for the read, `fd` for the write.
        let made = Descriptor::made(|fd| unsafe { sys::unix_listen(path.as_ptr(), path.len(), BACKLOG, fd) })?;
        Ok(UnixListener(made))
    }
}

impl UnixStream {
    /// Connects to a path of the host's, not of a mount. Errors: `NOTCAPABLE`, `NOENT`, the socket's. Suspends.
    pub fn connect(path: &str) -> Result<UnixStream, Error> {
        // SAFETY: `path` is valid for the read, `fd` for the write.
        Ok(UnixStream(Descriptor::made(|fd| unsafe { sys::unix_connect(path.as_ptr(), path.len(), fd) })?))
    }
}

/// A UDP socket. Sending it moves it.
#[derive(Debug)]
pub struct UdpSocket(Descriptor);

impl UdpSocket {
    /// Binds `host:port`. Errors: `NOTCAPABLE`, the socket's. Suspends.
    pub fn bind(address: &str) -> Result<UdpSocket, Error> {
        let (host, port) = split(address)?;
        // SAFETY: `host` is valid for the read, `fd` for the write.
        Ok(UdpSocket(Descriptor::made(|fd| unsafe { sys::udp_bind(host.as_ptr(), host.len(), port, fd) })?))
    }

    /// Sends a datagram to an address that the policy lets the caller connect to. Suspends.
    pub fn send_to(&self, bytes: &[u8], address: &str) -> Result<(), Error> {
        let (host, port) = split(address)?;
        // SAFETY: both are valid for the read.
        Error::check(unsafe { sys::udp_send(self.0 .0, host.as_ptr(), host.len(), port, bytes.as_ptr(), bytes.len()) })
    }

    /// Waits for a datagram: how many bytes it has, and who sent it. Suspends.
    pub fn receive_from(&self, buffer: &mut [u8]) -> Result<(usize, String), Error> {
        let (mut text, mut length) = ([0u8; 64], 0);
        // SAFETY: `buffer` is valid for its length, `text` for 64 bytes, `length` for the write.
        Error::check(unsafe {
            sys::udp_receive(self.0 .0, buffer.as_mut_ptr(), buffer.len(), text.as_mut_ptr(), &mut length)
        })?;
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        Ok((length, String::from_utf8_lossy(&text[..end]).into_owned()))
    }

    /// The address it is bound to.
    pub fn local_addr(&self) -> Result<String, Error> {
        self.0.address(0)
    }
}

/// The addresses of a name. Errors: `NOTCAPABLE`, `NOENT`. Suspends.
pub fn resolve(name: &str) -> Result<Vec<String>, Error> {
    let (mut text, mut length) = (vec![0u8; 4096], 0);
    // SAFETY: `name` is valid for the read, `text` for its length, `length` for the write.
    Error::check(unsafe { sys::resolve(name.as_ptr(), name.len(), text.as_mut_ptr(), text.len(), &mut length) })?;
    Ok(String::from_utf8_lossy(&text[..length.min(4096)]).lines().map(String::from).collect())
}

macro_rules! movable {
    ($($name:ident),*) => {$(
        impl Wire for $name {
            fn encode(self, to: &mut Encoder) {
                self.0.encode(to);
            }
            fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
                Ok($name(Descriptor(from.take_handle(sys::DESCRIPTOR)?, Ownership::Own)))
            }
        }
    )*};
}
movable!(TcpListener, TcpStream, UnixListener, UnixStream, UdpSocket);

#[cfg(feature = "std")]
mod traits {
    use super::{TcpStream, UnixStream};
    use std::io::{Read, Result, Write};

    macro_rules! readable_and_writable {
        ($($name:ident),*) => {$(
            impl Read for &$name {
                fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
                    Ok(self.receive(buffer)?)
                }
            }
            impl Write for &$name {
                fn write(&mut self, bytes: &[u8]) -> Result<usize> {
                    Ok(self.send(bytes)?)
                }
                fn flush(&mut self) -> Result<()> {
                    Ok(())
                }
            }
            impl Read for $name {
                fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
                    (&*self).read(buffer)
                }
            }
            impl Write for $name {
                fn write(&mut self, bytes: &[u8]) -> Result<usize> {
                    (&*self).write(bytes)
                }
                fn flush(&mut self) -> Result<()> {
                    Ok(())
                }
            }
        )*};
    }
    readable_and_writable!(TcpStream, UnixStream);
}
