import Foundation
import StrataCore
import StrataFormats
import Testing

@Suite("Files") struct FileSystemTests {
  @Test("what is written is read back") func roundTrip() throws {
    let folder = try TemporaryFolder()
    try FileSystem.write([1, 2, 3], to: folder.path("a"))
    #expect(try FileSystem.read(folder.path("a")) == [1, 2, 3])
    try FileSystem.write([], to: folder.path("a"))
    #expect(try FileSystem.read(folder.path("a")) == [])
    #expect(folder.names == ["a"])
  }

  @Test("missing files, folders and pipes are told apart") func wrongKinds() throws {
    let folder = try TemporaryFolder()
    let missing = folder.path("none")
    #expect(message { _ = try FileSystem.map(missing) } == "\(missing): there is no such file")
    let path = folder.url.path
    let sentence = "\(path): a file is expected, and this is a folder"
    #expect(message { _ = try FileSystem.map(path) } == sentence)
    #expect(message { try FileSystem.write([1], to: path) } == sentence)
    let device = "/dev/null: a file is expected, and this is a device or a pipe"
    #expect(message { _ = try FileSystem.map("/dev/null") } == device)
    #expect(message { try FileSystem.write([1], to: "/dev/null") } == device)
    let lost = folder.path("no/such/folder/file")
    #expect(
      message { try FileSystem.write([1], to: lost) }
        == "\(lost): cannot be written: No such file or directory")
  }

  @Test("files without permission are refused") func permission() throws {
    // The superuser may read everything.
    guard getuid() != 0 else { return }
    let folder = try TemporaryFolder()
    let path = folder.path("secret")
    try FileSystem.write([1], to: path)
    chmod(path, 0)
    #expect(message { _ = try FileSystem.map(path) } == "\(path): cannot be opened: Permission denied")
  }

  @Test("a failure leaves the old file and no temporary one") func failureLeavesNothing() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("a")
    try FileSystem.write([1, 2, 3], to: path)
    let failure = StrataError(.memory, "stop")
    #expect(throws: failure) {
      try FileSystem.write(path) { writer throws(StrataError) in
        try writer.write([9])
        throw failure
      }
    }
    #expect(try FileSystem.read(path) == [1, 2, 3])
    #expect(folder.names == ["a"])
  }

  #if os(Linux)
    @Test("a full disk is told in a sentence") func fullDisk() throws {
      let descriptor = open("/dev/full", O_WRONLY)
      defer { close(descriptor) }
      var writer = FileWriter(path: "x", descriptor: descriptor)
      #expect(throws: StrataError(.file, "x: cannot be written: No space left on device")) {
        try writer.write([1, 2, 3])
      }
    }
  #endif

  @Test("permissions and links survive replacement") func replacement() throws {
    let folder = try TemporaryFolder()
    try FileSystem.write([1], to: folder.path("a"))
    chmod(folder.path("a"), 0o600)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link"), withDestinationPath: folder.path("a"))
    try FileSystem.write([2], to: folder.path("link"))
    #expect(try FileSystem.read(folder.path("a")) == [2])
    let attributes = try FileManager.default.attributesOfItem(atPath: folder.path("a"))
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    #expect(folder.names == ["a", "link"])
  }

  @Test("a mapping outlives the file's replacement") func mapping() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("a")
    try FileSystem.write([1, 2, 3], to: path)
    let mapped = try FileSystem.map(path)
    try FileSystem.write([4, 5, 6, 7], to: path)
    #expect(mapped.byteCount == 3)
    #expect(mapped.pointer.load(fromByteOffset: 1, as: UInt8.self) == 2)
  }

  @Test("pages of a mapping that are given up come again, and its neighbours' stay") func givingUp() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("a")
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    try FileSystem.write(bytes, to: path)
    let mapped = try FileSystem.map(path)
    let part = Buffer(pointer: mapped.pointer + 5000, byteCount: 80_000, owner: mapped)
    try FileSystem.write([4, 5, 6, 7], to: path)
    for buffer in [mapped, part] { buffer.dropPages(from: 10, buffer.byteCount - 20) }
    #expect(Array(UnsafeRawBufferPointer(start: mapped.pointer, count: mapped.byteCount)) == bytes)
    let own = Buffer(byteCount: 100_000)
    own.pointer.copyMemory(from: mapped.pointer, byteCount: 100_000)
    own.dropPages(from: 0, 100_000)
    #expect(Array(UnsafeRawBufferPointer(start: own.pointer, count: own.byteCount)) == bytes)
  }
}
