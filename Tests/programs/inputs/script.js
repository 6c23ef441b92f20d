// Computes, reads a file that is granted, and tries two that are not.
const squares = [1, 2, 3, 4].map((x) => x * x);
console.log("squares " + squares.join(" "));
console.log("note " + std.loadFile("/work/note.txt").trim());
console.log("passwd " + (std.loadFile("/etc/passwd") === null ? "denied" : "READ"));
const out = std.open("/work/made-by-guest", "w");
console.log("write " + (out === null ? "denied" : "allowed"));
