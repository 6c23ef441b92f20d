//! The imports as SDK/abi.md has them, and the structures in memory. Everything else in this crate is a layer over
//! these.
#![allow(missing_docs)]

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Handle {
    pub kind: u16,
    pub flags: u16,
    pub value: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Message {
    pub tag: u64,
    pub process: u64,
    pub kind: u32,
    pub length: u32,
    pub handle_count: u32,
    pub monitor: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Limit {
    pub limit: u32,
    pub zero: u32,
    pub value: u64,
}

#[repr(C)]
pub struct Options {
    pub flags: u32,
    pub entry: u32,
    pub module: *const u8,
    pub module_length: usize,
    pub argument: *const u8,
    pub argument_length: usize,
    pub handles: *const Handle,
    pub handle_count: usize,
    pub policy: *const u8,
    pub policy_length: usize,
    pub without: u32,
    pub limit_count: usize,
    pub limits: *const Limit,
    pub reserved: [u32; 5],
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Pair {
    pub first: u32,
    pub second: u32,
}

#[repr(C)]
pub struct Vector {
    pub bytes: *const u8,
    pub length: usize,
}

pub const PROCESS: u16 = 0;
pub const DESCRIPTOR: u16 = 1;
pub const MOVE: u16 = 1;
pub const MOST_HANDLES: usize = 64;
pub const DATA: u32 = 0;
pub const EXIT: u32 = 1;
pub const DOWN: u32 = 2;

/// In the entry's number: the child is a handler. The host hands the number over as it is.
pub const ENTRY_HANDLER: u32 = 1 << 31;

/// Tags of the SDKs; see "Servers" in SDK/abi.md.
pub const CALL: u64 = 1 << 62 | 1 << 56;
pub const REPLY: u64 = 1 << 62 | 2 << 56;
pub const CAST: u64 = 1 << 62 | 3 << 56;
pub const DOWN_TAG: u64 = 1 << 63;
pub const EXIT_TAG: u64 = 3 << 62;

#[link(wasm_import_module = "bulkhead")]
extern "C" {
    pub fn abi_version() -> i32;
    pub fn send(process: u32, tag: u64, data: *const u8, length: usize, handles: *const Handle, count: usize) -> i32;
    pub fn send_wait(
        process: u32,
        tag: u64,
        data: *const u8,
        length: usize,
        handles: *const Handle,
        count: usize,
        timeout: i64,
    ) -> i32;
    pub fn receive(
        tags: *const u64,
        tag_count: usize,
        buffer: *mut u8,
        capacity: usize,
        handles: *mut Handle,
        handle_capacity: usize,
        message: *mut Message,
    ) -> i32;
    pub fn receive_wait(
        tags: *const u64,
        tag_count: usize,
        buffer: *mut u8,
        capacity: usize,
        handles: *mut Handle,
        handle_capacity: usize,
        message: *mut Message,
        timeout: i64,
    ) -> i32;
    pub fn link(process: u32) -> i32;
    pub fn unlink(process: u32) -> i32;
    pub fn monitor(process: u32, flags: u32, out: *mut Pair) -> i32;
    pub fn demonitor(monitor: u32, flags: u32) -> i32;
    pub fn alias(out: *mut u32) -> i32;
    pub fn exit(kind: u32, data: *const u8, length: usize) -> i32;
    pub fn exit_process(process: u32, kind: u32, data: *const u8, length: usize) -> i32;
    pub fn trap_exit(on: u32) -> i32;
    pub fn spawn(options: *const Options, out: *mut Pair) -> i32;
    pub fn argument(
        buffer: *mut u8,
        capacity: usize,
        handles: *mut Handle,
        handle_capacity: usize,
        message: *mut Message,
    ) -> i32;
    pub fn process_id(process: u32, out: *mut u64) -> i32;
    pub fn alive(process: u32) -> i32;
    pub fn handle_close(process: u32) -> i32;
    pub fn handle_duplicate(process: u32, out: *mut u32) -> i32;
    pub fn register(name: *const u8, length: usize, process: u32) -> i32;
    pub fn unregister(name: *const u8, length: usize) -> i32;
    pub fn whereis(name: *const u8, length: usize, out: *mut u32) -> i32;
    pub fn sleep(nanoseconds: i64) -> i32;
    pub fn start_ack(status: u32, data: *const u8, length: usize) -> i32;
    pub fn tcp_connect(host: *const u8, length: usize, port: u32, out: *mut u32) -> i32;
    pub fn tcp_listen(host: *const u8, length: usize, port: u32, backlog: u32, out: *mut u32) -> i32;
    pub fn udp_bind(host: *const u8, length: usize, port: u32, out: *mut u32) -> i32;
    pub fn udp_connect(host: *const u8, length: usize, port: u32, out: *mut u32) -> i32;
    pub fn udp_send(fd: u32, host: *const u8, host_length: usize, port: u32, data: *const u8, length: usize) -> i32;
    pub fn udp_receive(fd: u32, buffer: *mut u8, capacity: usize, address: *mut u8, out: *mut usize) -> i32;
    pub fn unix_connect(path: *const u8, length: usize, out: *mut u32) -> i32;
    pub fn unix_listen(path: *const u8, length: usize, backlog: u32, out: *mut u32) -> i32;
    pub fn resolve(name: *const u8, length: usize, buffer: *mut u8, capacity: usize, out: *mut usize) -> i32;
    pub fn socket_address(fd: u32, peer: u32, buffer: *mut u8, capacity: usize, out: *mut usize) -> i32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
extern "C" {
    pub fn fd_read(fd: u32, vectors: *const Vector, count: usize, out: *mut usize) -> i32;
    pub fn fd_write(fd: u32, vectors: *const Vector, count: usize, out: *mut usize) -> i32;
    pub fn fd_close(fd: u32) -> i32;
    pub fn sock_accept(fd: u32, flags: u32, out: *mut u32) -> i32;
}
