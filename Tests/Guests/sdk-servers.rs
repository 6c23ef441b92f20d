// What servers and calls promise, on both kinds of process.
use bulkhead::*;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(5);

bulkhead::message! {
    enum Request {
        Add {},
        Late {},
        Crash {},
        Stop {},
        Defer {},
        Large { bytes: Bytes },
        Nested { other: Server<Counter> },
    }
}

struct Counter {
    count: u64,
    waiting: Option<Caller<u64>>,
}

impl GenServer for Counter {
    type Argument = u64;
    type Call = Request;
    type Reply = u64;
    type Cast = u64;

    fn init(count: u64) -> Counter {
        Counter { count, waiting: None }
    }

    fn call(&mut self, request: Request, from: Caller<u64>) -> Next {
        match request {
            Request::Late {} => sleep(Duration::from_millis(60)),
            // Calls itself while others call.
            Request::Nested { other } => drop(other.call(Request::Late {}, SOON)),
            Request::Crash {} => core::arch::wasm32::unreachable(),
            Request::Stop {} => return Next::Stop,
            Request::Defer {} => {
                self.waiting = Some(from);
                return Next::Continue;
            }
            Request::Large { bytes } => self.count += bytes.0.len() as u64,
            Request::Add {} => {}
        }
        self.count += 1;
        from.reply(self.count).unwrap();
        Next::Continue
    }

    fn cast(&mut self, number: u64) -> Next {
        self.count += number;
        Next::Continue
    }

    fn info(&mut self, _: Info) -> Next {
        self.count += 1000;
        if let Some(waiting) = self.waiting.take() {
            waiting.reply(self.count).unwrap();
        }
        Next::Continue
    }
}

fn expect(name: &str, held: bool) {
    println!("{name}: {}", if held { "ok" } else { "FAILED" });
}

fn kind(start: fn(u64) -> Server<Counter>) {
    let server = start(0);
    expect("call", server.call(Request::Add {}, SOON) == Ok(1));
    server.cast(10).unwrap();
    expect("cast", server.call(Request::Add {}, SOON) == Ok(12));
    server.process().send(()).unwrap();
    expect("info", server.call(Request::Add {}, SOON) == Ok(1013));
    expect("call-timeout", server.call(Request::Late {}, Duration::from_millis(5)) == Err(CallError::Timeout));
    sleep(Duration::from_millis(100));
    expect("late-reply", Mailbox::<()>::this().next_timeout(Duration::ZERO).is_none());
    let bytes = Bytes(vec![0; 100_000]);
    expect("large-request", server.call(Request::Large { bytes }, SOON) == Ok(101_015));
    Process::<()>::spawn((server.clone(), Process::<u64>::this()), |(server, parent), _| {
        parent.send(server.call(Request::Defer {}, SOON).unwrap()).unwrap();
    })
    .unwrap();
    sleep(Duration::from_millis(30));
    server.process().send(()).unwrap();
    expect("deferred-reply", Mailbox::<u64>::this().receive() == 102_015);
    Process::<()>::spawn((server.clone(), start(0)), |(server, other), _| {
        server.call(Request::Nested { other }, SOON).unwrap();
    })
    .unwrap();
    sleep(Duration::from_millis(20));
    expect("nested-call", server.call(Request::Add {}, Duration::from_secs(2)) == Ok(102_017));
    expect("stop", server.call(Request::Stop {}, SOON) == Err(CallError::Down(Reason::Normal)));
    expect("call-dead", server.call(Request::Add {}, SOON) == Err(CallError::Down(Reason::NoProcess)));
    let server = start(0);
    expect("callee-dies", matches!(server.call(Request::Crash {}, SOON), Err(CallError::Down(Reason::Trap(_)))));
    expect("nothing-left", Mailbox::<()>::this().next_timeout(Duration::ZERO).is_none());
}

fn main() {
    kind(|count| Server::start_blocking(Spawn::new(), count).unwrap());
    kind(|count| bulkhead::start(count).unwrap());
    let myself = Server::<Counter>::from_process(Process::this());
    expect("call-self", myself.call(Request::Add {}, SOON) == Err(CallError::CallingSelf));
    println!("done");
}
