// UDP: a datagram to an address, with its sender's name.
use bulkhead::{Error, UdpSocket};

fn main() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    println!("udp-send: {}", if socket.send_to(b"datagram", &address).is_ok() { "ok" } else { "FAILED" });
    let mut bytes = [0; 100];
    let (count, from) = socket.receive_from(&mut bytes).unwrap();
    println!("udp-receive: {}", if &bytes[..count] == b"datagram" && from == address { "ok" } else { "FAILED" });
    let denied = socket.send_to(b"x", "127.0.0.1:1") == Err(Error::NOTCAPABLE);
    println!("udp-denied: {}", if denied { "ok" } else { "FAILED" });
    println!("done");
}
