// with: lib/number.c
// A server that names numbers, by C code that crashes on large ones. A crash ends the process of one connection, and
// nothing else.
use bulkhead::{Mailbox, Process, TcpListener, TcpStream};
use std::io::{BufRead, BufReader, Write};

extern "C" {
    fn number_name(line: *const u8, length: usize, name: *mut u8) -> usize;
}

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("naming numbers on {}", listener.local_addr().unwrap());
    while let Ok(connection) = listener.accept() {
        Process::spawn(connection, serve).unwrap();
    }
}

fn serve(connection: TcpStream, _: Mailbox<()>) {
    for line in BufReader::with_capacity(128, &connection).lines() {
        let (line, mut name) = (line.unwrap(), [0; 16]);
        // SAFETY: none. That is the point.
        let length = unsafe { number_name(line.as_ptr(), line.len(), name.as_mut_ptr()) };
        (&connection).write_all(&name[..length]).unwrap();
    }
}
