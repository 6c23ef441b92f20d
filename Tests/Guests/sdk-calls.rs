// Every call of SDK/rust, each checked for what it promises: a line `NAME: ok` or `NAME: FAILED` for each.
use bulkhead::*;
use std::io::{Read, Write};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(5);

bulkhead::message! {
    #[derive(Debug, Clone, PartialEq)]
    enum Shape {
        Circle { radius: u32, name: Option<String> },
        Path { points: Vec<(i64, i8)>, closed: bool },
        Blob { bytes: Bytes, weight: f64 },
        Nothing {},
    }
}

bulkhead::message! {
    struct Question {
        number: u64,
        from: Process<u64>,
    }
}

fn expect(name: &str, held: bool) {
    println!("{name}: {}", if held { "ok" } else { "FAILED" });
}

fn quiet(_: (), mailbox: Mailbox<()>) {
    loop {
        mailbox.receive();
    }
}

fn nothing(_: (), _: Mailbox<()>) {}

fn crash(_: (), _: Mailbox<()>) {
    core::arch::wasm32::unreachable()
}

fn add_one(_: (), mailbox: Mailbox<Question>) {
    loop {
        let question = mailbox.receive();
        question.from.send(question.number + 1).unwrap();
    }
}

fn spawning() {
    let mailbox = Mailbox::<(u64, String)>::this();
    let large: Vec<u64> = (0..500).collect();
    let child = Process::<()>::spawn((large, Process::<(u64, String)>::this()), |(large, parent), _| {
        parent.send((large.iter().sum(), String::from("sum"))).unwrap();
    });
    expect("argument", mailbox.receive_timeout(SOON) == Some((499 * 250, String::from("sum"))) && child.is_ok());
    expect(
        "receive-timeout",
        mailbox.receive_timeout(Duration::from_millis(5)).is_none() && mailbox.try_receive().is_none(),
    );
    let adder = Process::spawn((), add_one).unwrap();
    let answers = Mailbox::<u64>::this();
    let mut in_order = true;
    for number in 1..=3 {
        adder.send(Question { number, from: Process::this() }).unwrap();
    }
    for number in 1..=3 {
        in_order = in_order && answers.receive() == number + 1;
    }
    expect("send", in_order);
    let full = Spawn::new().limit(Limit::MailboxMessages, 2).start((), |_: (), mailbox: Mailbox<()>| loop {
        sleep(Duration::from_millis(20));
        let _ = mailbox.try_receive();
    });
    let full = full.unwrap().process;
    let refused = (0..3).map(|_| full.try_send(())).find(Result::is_err);
    expect("mailbox-full", refused == Some(Err(Error::AGAIN)) && full.send(()).is_ok());
    let small = Spawn::new().limit(Limit::Memory, 2 << 20).monitor().start((), |_: (), _: Mailbox<()>| {
        println!("{}", vec![1u8; 8 << 20].iter().map(|one| *one as usize).sum::<usize>());
    });
    expect("limit-memory", matches!(small.unwrap().monitor.unwrap().wait(), Reason::Trap(_)));
}

fn signals() {
    let ended = |body: fn((), Mailbox<()>)| Process::spawn_monitor((), body).unwrap().monitor.unwrap().wait();
    expect("monitor-normal", ended(nothing) == Reason::Normal);
    expect("monitor-trap", matches!(ended(crash), Reason::Trap(text) if !text.is_empty()));
    expect("monitor-code", ended(|_, _| std::process::exit(7)) == Reason::ExitCode(7));
    let because = ended(|_, _| exit(&Reason::Bytes(b"because".to_vec())));
    expect("monitor-bytes", because == Reason::Bytes(b"because".to_vec()));
    let because = ended(|_, _| exit(&Reason::ShutdownWith(b"because".to_vec())));
    expect("monitor-shutdown-with", because == Reason::ShutdownWith(b"because".to_vec()));
    let child = Process::spawn((), quiet).unwrap();
    child.exit(&Reason::Normal).unwrap();
    let ignored = child.is_alive();
    let monitor = child.monitor().unwrap();
    let waiting = monitor.wait_timeout(Duration::from_millis(5));
    child.exit(&Reason::Shutdown).unwrap();
    expect("exit-shutdown", ignored && waiting.unwrap_err().wait() == Reason::Shutdown);
    expect("alive", !child.is_alive());
    expect("monitor-noproc", child.monitor().unwrap().wait() == Reason::NoProcess);
    let child = Process::spawn_monitor((), quiet).unwrap();
    child.process.exit(&Reason::Kill).unwrap();
    expect("exit-kill", child.monitor.unwrap().wait() == Reason::Killed);
    expect("exit-invalid", child.process.exit(&Reason::NoProcess) == Err(Error::INVAL));
    let child = Process::spawn((), nothing).unwrap();
    let monitor = child.monitor().unwrap();
    while child.is_alive() {
        sleep(Duration::from_millis(1));
    }
    drop(monitor);
    expect("demonitor", Mailbox::<()>::this().next_timeout(Duration::ZERO).is_none());
    let linked = Process::<()>::spawn_monitor((), |_, _| {
        Process::spawn_link((), crash).unwrap();
        quiet((), Mailbox::this());
    });
    expect("link", matches!(linked.unwrap().monitor.unwrap().wait(), Reason::Trap(_)));
    trap_exit(true);
    let child = Process::spawn((), quiet).unwrap();
    let link = child.link().unwrap();
    child.exit(&Reason::Shutdown).unwrap();
    expect("trap-exit", link.wait_timeout(SOON) == Some(Reason::Shutdown));
    let child = Process::spawn_link((), quiet).unwrap();
    child.exit(&Reason::Kill).unwrap();
    let event = Mailbox::<()>::this().next_timeout(SOON);
    expect("event", matches!(event, Some(Event::Exit { process, reason: Reason::Killed }) if process == child.id()));
    let child = Process::spawn((), quiet).unwrap();
    let (link, monitor) = (child.link().unwrap(), child.monitor().unwrap());
    link.unlink();
    child.exit(&Reason::Kill).unwrap();
    let killed = monitor.wait() == Reason::Killed;
    expect("unlink", killed && Mailbox::<()>::this().next_timeout(Duration::ZERO).is_none());
    trap_exit(false);
}

fn names() {
    let child = Process::spawn((), quiet).unwrap();
    expect("register", child.register("calls.one").is_ok());
    expect("register-twice", Process::<()>::this().register("calls.one") == Err(Error::EXIST));
    let found = lookup::<()>("calls.one");
    expect("whereis", found == Ok(child.clone()) && lookup::<()>("calls.none") == Err(Error::NOENT));
    expect("unregister", unregister("calls.one").is_ok() && unregister("calls.one") == Err(Error::NOENT));
    expect("register-denied", child.register("other") == Err(Error::NOTCAPABLE));
    expect("whereis-denied", lookup::<()>("other") == Err(Error::NOTCAPABLE));
    let denied = Process::<()>::spawn_without(Area::Spawn, Process::<bool>::this(), |parent, _| {
        let denied = Process::spawn((), nothing) == Err(Error::NOTCAPABLE);
        parent.send(denied).unwrap();
    });
    expect("without-spawn", denied.is_ok() && Mailbox::<bool>::this().receive());
    let policy = Spawn::new().policy("nobody").start((), nothing).err();
    expect("policy-denied", matches!(policy, Some(Error::NOTCAPABLE | Error::NOENT)));
}

fn echo<Stream: Read + Write>(mut stream: Stream, _: Mailbox<()>) {
    let mut bytes = [0; 100];
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        stream.write_all(&bytes[..count]).unwrap();
    }
}

fn network() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    expect("tcp-listen", address.starts_with("127.0.0.1:") && !address.ends_with(":0"));
    let mut client = TcpStream::connect(&address).unwrap();
    let served = listener.accept().unwrap();
    expect("tcp-accept", served.peer_addr().is_ok());
    Process::spawn(served, echo::<TcpStream>).unwrap();
    client.write_all(b"hello").unwrap();
    let mut bytes = [0; 5];
    client.read_exact(&mut bytes).unwrap();
    expect("tcp-echo", &bytes == b"hello");
    let denied = TcpStream::connect("127.0.0.1:1");
    expect("tcp-denied", matches!(denied, Err(Error::NOTCAPABLE)));
    expect("resolve", resolve("localhost").map_or(false, |all| !all.is_empty()));
    expect("resolve-denied", resolve("elsewhere") == Err(Error::NOTCAPABLE));
}

fn unix(directory: &str) {
    let path = format!("{directory}/calls.sock");
    expect("unix-absent", matches!(UnixStream::connect(&path), Err(Error::NOENT)));
    let listener = UnixListener::bind(&path).unwrap();
    expect("unix-listen", listener.local_addr() == Ok(format!("unix:{path}")));
    let mut client = UnixStream::connect(&path).unwrap();
    expect("unix-connect", client.peer_addr() == listener.local_addr());
    let served = listener.accept();
    expect("unix-accept", served.is_ok());
    Process::spawn(served.unwrap(), echo::<UnixStream>).unwrap();
    client.write_all(b"hello").unwrap();
    let mut bytes = [0; 5];
    client.read_exact(&mut bytes).unwrap();
    expect("unix-echo", &bytes == b"hello");
    expect("unix-in-use", matches!(UnixListener::bind(&path), Err(Error::ADDRINUSE)));
    let denied = UnixListener::bind("/run/other.sock").err();
    let both = UnixStream::connect("/run/other.sock").err() == denied;
    expect("unix-denied", both && denied == Some(Error::NOTCAPABLE));
}

// The program is nobody's supervised child.
fn supervised() {
    let nobody = [Start::Ready(b"port 7"), Start::Ignore, Start::Failed(b"no disk")];
    expect("start-ack-nobody", nobody.into_iter().all(|start| start_ack(start) == Err(Error::NOENT)));
    expect("start-ack-size", start_ack(Start::Ready(&[0; 4097])) == Err(Error::MSGSIZE));
}

// A generator of its own, so that a run can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % bound
    }
    fn shape(&mut self) -> Shape {
        let name = (0..self.below(30)).map(|_| char::from_u32(self.below(0xd000) as u32).unwrap()).collect();
        match self.below(4) {
            0 => Shape::Circle {
                radius: self.below(1 << 31) as u32,
                name: if self.below(2) == 0 { Some(name) } else { None },
            },
            1 => {
                let points =
                    (0..self.below(50)).map(|_| (self.below(1 << 31) as i64 - (1 << 30), self.below(256) as i8));
                Shape::Path { points: points.collect(), closed: self.below(2) == 0 }
            }
            2 => Shape::Blob { bytes: Bytes(name.into_bytes()), weight: self.below(1 << 31) as f64 / 7.0 },
            _ => Shape::Nothing {},
        }
    }
}

fn wire() {
    let mut encoder = Encoder::new();
    (7u32, (String::from("abc"), (Some(true), vec![1u16, 2]))).encode(&mut encoder);
    let wanted = [7, 0, 0, 0, 3, 0, 0, 0, 97, 98, 99, 1, 1, 2, 0, 0, 0, 1, 0, 2, 0];
    expect("wire-format", encoder.bytes() == wanted);
    let seed = Process::<()>::this().id() ^ std::env::args().count() as u64;
    let (mut random, mut same, mut bounded) = (Random(seed), true, true);
    for _ in 0..2000 {
        let shape = random.shape();
        let mut encoder = Encoder::new();
        shape.clone().encode(&mut encoder);
        let mut bytes = encoder.bytes().to_vec();
        {
            let mut decoder = Decoder::new(&bytes);
            same = same && Shape::decode(&mut decoder).as_ref() == Ok(&shape) && decoder.remaining() == 0;
        }
        // Whatever arrives, decoding ends, with a value or without.
        let at = random.below(bytes.len() as u64) as usize;
        bytes[at] = random.below(256) as u8;
        bytes.truncate(bytes.len() - random.below(2) as usize);
        let decoded = Shape::decode(&mut Decoder::new(&bytes));
        if let Ok(Shape::Path { points, .. }) = decoded {
            bounded = bounded && points.len() <= bytes.len();
        }
    }
    expect("wire-round-trips", same);
    expect("wire-bounded", bounded);
}

fn main() {
    spawning();
    signals();
    names();
    network();
    unix(&std::env::args().nth(1).unwrap());
    supervised();
    wire();
    println!("done");
}
