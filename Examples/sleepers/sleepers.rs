// Twenty thousand processes that sleep 100 ms in a loop. After each ten naps a process says so, and the first one
// counts.
use bulkhead::{sleep, Mailbox, Process};
use std::time::Duration;

const COUNT: usize = 20_000;

fn main() {
    for _ in 0..COUNT {
        Process::spawn(Process::this(), nap).unwrap();
    }
    let mailbox = Mailbox::<()>::this();
    for second in 1..=3 {
        (0..COUNT).for_each(|_| mailbox.receive());
        println!("{COUNT} processes have slept {} times each", second * 10);
    }
}

fn nap(parent: Process<()>, _: Mailbox<()>) {
    loop {
        for _ in 0..10 {
            sleep(Duration::from_millis(100));
        }
        parent.send(()).unwrap();
    }
}
