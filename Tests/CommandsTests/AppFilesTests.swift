// `bulkhead app check` on real files: modules, policies, directories and digests of this machine.

import AppCompiler
import CapabilityModel
import Glibc
import LinuxKernel
import PolicyCompiler
import Testing

@testable import Commands

/// A directory with an app, its policies and its modules; gone with the value.
private struct AppDirectory: ~Copyable {
    let path: String

    init() throws {
        let number = String(UInt64.random(in: 0...UInt64.max), radix: 16)
        path = "/tmp/bulkhead-app-tests.\(number)"
        try HostFile.makeDirectories(path + "/folder.wasm")
        try write("web.wasm", [0x00, 0x61, 0x73, 0x6D, 1, 0, 0, 0])
        try write("component.wasm", [0x00, 0x61, 0x73, 0x6D, 13, 0, 1, 0])
        try write("script.wasm", Array("#!/bin/sh\n".utf8))
        try write("empty.wasm", [])
        // The SHA-256 of web.wasm, as sha256sum has it.
        let digest = "93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476"
        try write("pinned.toml", Array("module = { sha256 = \"\(digest)\" }".utf8))
        try write("mount.toml", Array("fs = [{ guest = \"/data\", host = \"data\" }]".utf8))
        try write("secret.toml", Array("[env]\nsecret = { TOKEN = { file = \"token\" } }".utf8))
        try write("required.toml", Array("cell = { require = [\"cgroups\"] }".utf8))
    }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        let file = try HostFile.open("\(path)/\(name)", O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        try HostFile.write(bytes, to: file)
    }

    /// What is wrong with an app of one child, without the directory's name; empty where nothing is.
    func errors(module: String, policy: String, readingSecrets: Bool = true) throws -> String {
        try? HostFile.remove(path + "/app.toml")
        let text = """
            name = "a"
            modules = { m = \(module) }
            policies = { p = "\(policy)" }
            [supervisor]
            child = [{ id = "c", module = "m", policy = "p" }]
            """
        try write("app.toml", Array(text.utf8))
        do throws(PolicyErrors) {
            _ = try AppFiles.load(path + "/app.toml", host: .host(readingSecrets: readingSecrets))
            return ""
        } catch {
            return error.description.replacing(path + "/", with: "")
        }
    }

    deinit {
        for name in (try? HostFile.names(in: path)) ?? [] where name != "folder.wasm" {
            try? HostFile.remove("\(path)/\(name)")
        }
        try? HostFile.removeDirectory(path + "/folder.wasm")
        try? HostFile.removeDirectory(path)
    }
}

@Suite struct AppFilesTests {
    @Test(arguments: [
        ("\"web.wasm\"", "no-fs", ""), ("\"web.wasm\"", "pinned.toml", ""),
        ("\"./folder.wasm/../web.wasm\"", "no-fs", ""),
        ("\"none.wasm\"", "no-fs", "cannot read the module: No such file or directory"),
        ("\"folder.wasm\"", "no-fs", "this is not a file"),
        ("\"script.wasm\"", "no-fs", "this is not a WebAssembly module"),
        ("\"component.wasm\"", "no-fs", "this is a WebAssembly component"),
        ("\"empty.wasm\"", "no-fs", "the file is empty"),
        ("\"/dev/null\"", "no-fs", "this is not a file"),
        ("{ digest = \"\(String(repeating: "0", count: 64))\" }", "no-fs", "no module in the cache has this digest"),
        ("\"component.wasm\"", "pinned.toml", "`m` is not a module that `p` is for"),
        ("\"web.wasm\"", "none.toml", "cannot read `none.toml`: No such file or directory"),
        (
            "\"web.wasm\"", "mount.toml",
            "mount.toml:1:7: error: fs[\"/data\"]: the host directory \"data\" does not exist"
        ),
        ("\"web.wasm\"", "secret.toml", "cannot read the secret: No such file or directory"),
        ("\"web.wasm\"", "required.toml", "cells do not have these layers here: cgroups"),
    ])
    func says(module: String, policy: String, expected: String) throws {
        let directory = try AppDirectory()
        let errors = try directory.errors(module: module, policy: policy)
        #expect(expected.isEmpty ? errors.isEmpty : errors.contains(expected), "\(errors)")
    }

    /// `explain` tells of secrets without reading them.
    @Test func explainingReadsNoSecret() throws {
        let directory = try AppDirectory()
        #expect(try directory.errors(module: "\"web.wasm\"", policy: "secret.toml", readingSecrets: false).isEmpty)
    }

    @Test(arguments: ["/nowhere/app.toml", "/tmp"]) func appsThatAreNoFilesAreRefused(path: String) {
        #expect(throws: PolicyErrors.self) { try AppFiles.load(path, host: .host(readingSecrets: false)) }
    }
}
