;; Needs a function that no host has.
(module
  (import "env" "nobody_has_this" (func $missing (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (drop (call $missing (i32.const 1)))))
