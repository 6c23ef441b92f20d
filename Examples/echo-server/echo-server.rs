// An echo server with a process for each connection. Reads block, and hold up nobody but their own process.
use bulkhead::{Mailbox, Process, TcpListener, TcpStream};
use std::io::{Read, Write};

fn main() {
    // Any port that the policy covers; ours covers one.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("echoing on {}", listener.local_addr().unwrap());
    for _ in 1..4 {
        Process::spawn(listener.shared(), |listener: TcpListener, _: Mailbox<()>| accept(listener)).unwrap();
    }
    accept(listener);
}

fn accept(listener: TcpListener) {
    while let Ok(connection) = listener.accept() {
        Process::spawn(connection, echo).unwrap();
    }
}

fn echo(mut connection: TcpStream, _: Mailbox<()>) {
    let mut bytes = [0; 1024];
    while let Ok(count) = connection.read(&mut bytes) {
        if count == 0 || connection.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}
