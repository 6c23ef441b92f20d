;; Grows a table by 65,536 entries at a time until growing fails or 128 Mi entries are reached.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (table $bomb 1 funcref)
  (data (i32.const 64) "table-bomb: denied ENOMEM\n")
  (data (i32.const 96) "table-bomb: ESCAPED\n")
  (func $say (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start")
    (loop $more
      (if (i32.eq (table.grow $bomb (ref.null func) (i32.const 65536)) (i32.const -1))
        (then (call $say (i32.const 64) (i32.const 26)) (return)))
      (br_if $more (i32.lt_u (table.size $bomb) (i32.const 134217728))))
    (call $say (i32.const 96) (i32.const 20))
    unreachable))
