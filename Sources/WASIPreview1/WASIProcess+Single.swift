// A process that is put together piece by piece: where there is one, with nobody to share a template with.

package import CapabilityModel
package import LinuxKernel
internal import ProcessRuntime

extension WASIProcess {
    package typealias Configuration = WASITemplate.Configuration
    package typealias StreamOptions = WASITemplate.StreamOptions

    package convenience init(
        _ configuration: Configuration, host: WASIHost = .single, denials: any DenialSink
    ) {
        let files = WASITemplate.Files(limit: configuration.limits.fds, host: host)
        self.init(WASITemplate(configuration, files), denials: denials)
    }

    /// As `WASITemplate.Files.setStandardStream`.
    package func setStandardStream(
        _ index: Int, _ file: consuming OwnedFileDescriptor, _ options: StreamOptions
    ) throws(SystemError) {
        let open = OpenFile(file, isShared: !options.isOwned, reactor: template.host.reactor)
        try extend { (files) throws(SystemError) in try files.setStandardStream(index, open, options) }
    }

    /// As `WASITemplate.Files.addMount`.
    package func addMount(
        _ grant: MountGrant, directory: consuming OwnedFileDescriptor
    ) throws(SystemError) {
        let open = OpenFile(directory, reactor: template.host.reactor)
        try extend { (files) throws(SystemError) in try files.addMount(grant, directory: open) }
    }

    /// As `WASITemplate.Files.addAbsentRoot`.
    package func addAbsentRoot(standIn: consuming OwnedFileDescriptor) throws(SystemError) {
        let open = OpenFile(standIn, reactor: template.host.reactor)
        try extend { (files) throws(SystemError) in try files.addAbsentRoot(standIn: open) }
    }

    private func extend(
        _ change: (inout WASITemplate.Files) throws(SystemError) -> Void
    ) throws(SystemError) {
        var files = template.files
        files.table = descriptors
        try change(&files)
        template = WASITemplate(template, files)
        descriptors = files.table
    }
}
