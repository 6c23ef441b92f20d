// How mounts nest, meet and are normalised.

extension FileRights {
    package static let all: [FileRights] = [.read, .write, .create, .delete]

    /// `read, write`
    package var names: [String] {
        zip(FileRights.all, ["read", "write", "create", "delete"]).filter { contains($0.0) }.map(\.1)
    }
}

extension MountGrant {
    /// Host `/` at guest `/`: every directory is in it, whatever the guest calls it.
    package var isWholeHost: Bool { guestPath == "/" && hostPath == "/" }

    /// Whether `inner` is this mount or a directory beneath it, with the same names on both sides.
    package func contains(pathOf inner: MountGrant) -> Bool {
        guard let guest = MountGrant.suffix(of: inner.guestPath, beneath: guestPath),
            let host = MountGrant.suffix(of: inner.hostPath, beneath: hostPath)
        else { return false }
        return guest.elementsEqual(host)
    }

    /// `/b` for `/a/b` beneath `/a`; empty for the path itself; nil when it is elsewhere.
    private static func suffix(of path: String, beneath base: String) -> Substring.UTF8View.SubSequence? {
        let trimmed = base == "/" ? "" : base
        guard path.utf8.starts(with: trimmed.utf8) else { return nil }
        let rest = (path == "/" ? "" : path[...]).utf8.dropFirst(trimmed.utf8.count)
        return rest.isEmpty || rest.first == UInt8(ascii: "/") ? rest : nil
    }

    /// Whether symlinks and quotas are no wider here.
    private func isNoLooser(than other: MountGrant) -> Bool {
        symlinks <= other.symlinks && MountGrant.isWithin(quotaBytes, other.quotaBytes)
            && MountGrant.isWithin(quotaFiles, other.quotaFiles)
    }

    private static func isWithin(_ quota: UInt64?, _ other: UInt64?) -> Bool {
        guard let other else { return true }
        guard let quota else { return false }
        return quota <= other
    }

    private static func tighter(_ left: UInt64?, _ right: UInt64?) -> UInt64? {
        guard let left else { return right }
        guard let right else { return left }
        return min(left, right)
    }

    /// The deeper of the two with what both permit; nil when they share nothing.
    package func meet(_ other: MountGrant) -> MountGrant? {
        let path: MountGrant
        if contains(pathOf: other) || isWholeHost {
            path = other
        } else if other.contains(pathOf: self) || other.isWholeHost {
            path = self
        } else {
            return nil
        }
        let shared = rights.intersection(other.rights)
        if shared.isEmpty { return nil }
        return MountGrant(
            guestPath: path.guestPath, hostPath: path.hostPath, rights: shared, symlinks: min(symlinks, other.symlinks),
            quotaBytes: MountGrant.tighter(quotaBytes, other.quotaBytes),
            quotaFiles: MountGrant.tighter(quotaFiles, other.quotaFiles))
    }

    package static func meet(_ left: [MountGrant], _ right: [MountGrant]) -> [MountGrant] {
        normalised(left.flatMap { mount in right.compactMap { mount.meet($0) } })
    }

    /// Whether each right on each mount is in one of the others.
    package static func isSubset(_ left: [MountGrant], of right: [MountGrant]) -> Bool {
        left.allSatisfy { mount in
            FileRights.all.filter { mount.rights.contains($0) }.allSatisfy { one in
                right.contains {
                    $0.rights.contains(one) && ($0.isWholeHost || $0.contains(pathOf: mount))
                        && mount.isNoLooser(than: $0)
                }
            }
        }
    }

    /// One form for equal authority: a right that a mount above gives as freely is dropped, rights on the same mount are
    /// joined, and mounts are in the order of their paths. A mount under another name stays: names matter to the guest.
    package static func normalised(_ mounts: [MountGrant]) -> [MountGrant] {
        let atoms = Set(
            mounts.flatMap { mount in
                FileRights.all.filter { mount.rights.contains($0) }.map { one -> MountGrant in
                    var atom = mount
                    atom.rights = one
                    return atom
                }
            })
        let maximal = atoms.filter { atom in
            !atoms.contains { other in
                other != atom && other.rights == atom.rights && other.contains(pathOf: atom)
                    && atom.isNoLooser(than: other)
            }
        }
        var joined: [MountGrant: FileRights] = [:]
        for atom in maximal {
            var place = atom
            place.rights = []
            joined[place, default: []].formUnion(atom.rights)
        }
        return joined.map { place, rights -> MountGrant in
            var mount = place
            mount.rights = rights
            return mount
        }.sorted { $0.sortKey < $1.sortKey }
    }

    private var sortKey: (String, String, UInt8, UInt8, UInt64, UInt64) {
        (guestPath, hostPath, rights.rawValue, symlinks.rawValue, quotaBytes ?? .max, quotaFiles ?? .max)
    }
}
