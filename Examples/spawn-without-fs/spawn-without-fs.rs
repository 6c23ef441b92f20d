// A process that may read a directory, and a child of its that may not.
use bulkhead::{Area, Mailbox, Reason, Spawn};

fn main() {
    report("parent");
    let child = Spawn::new().without(Area::Fs).monitor();
    let child = child.start((), |_: (), _: Mailbox<()>| report("child")).unwrap();
    match child.monitor.unwrap().wait() {
        Reason::Normal => println!("the child ended: normal"),
        other => println!("the child ended: {other:?}"),
    }
}

fn report(who: &str) {
    match std::fs::read("/data/secret.txt") {
        Ok(bytes) => println!("{who}: read {} bytes", bytes.len()),
        Err(error) if error.raw_os_error() == Some(76) => println!("{who}: not granted by the policy"),
        Err(error) => println!("{who}: {error}"),
    }
}
