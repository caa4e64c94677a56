import Foundation
import StrataCore
import StrataFormats
import Testing

/// A folder for one test, removed when the last reference to it goes.
final class TemporaryFolder {
  let url = FileManager.default.temporaryDirectory.appending(path: "strata-\(UUID().uuidString)")

  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appending(path: name).path }
  var names: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: url.path).sorted()) ?? []
  }
}

extension Buffer {
  convenience init(_ bytes: some Collection<UInt8>) {
    self.init(byteCount: bytes.count)
    UnsafeMutableRawBufferPointer(start: pointer, count: byteCount).copyBytes(from: bytes)
  }
}

/// The sentence of the error that `body` throws, or what happened instead.
func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "no error"
  } catch {
    return (error as? StrataError)?.message ?? "another error: \(error)"
  }
}

/// One tensor of each type, with values that tell them apart.
func sampleArchive() -> TensorArchive {
  var archive = TensorArchive(metadata: ["format": "pt", "note": "ü \"quoted\" \u{1}"])
  archive["z.flag"] = HostTensor([true, false, true])
  for (index, type) in DType.allCases.enumerated() {
    archive["layer\(index).\(type.rawValue)"] = HostTensor([0, 1, 2, 3, 100, 5], shape: [2, 3]).converted(
      to: type)
  }
  archive["scalar"] = HostTensor([Float(2.5)], shape: [])
  archive["empty"] = HostTensor([Float](), shape: [0, 4])
  return archive
}

/// The folder of the files that torch, numpy and safetensors wrote.
let formatsFolder: String = {
  let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
  return parts.dropLast(2).joined(separator: "/") + "/Fixtures/formats"
}()

/// The bytes of one of them.
func fixture(_ name: String) throws -> [UInt8] { try FileSystem.read("\(formatsFolder)/\(name)") }

/// Requires the tensors, names in order if asked for, that a file of expectations holds.
func expectSame(
  _ archive: TensorArchive, as name: String, inOrder: Bool = false,
  location: SourceLocation = #_sourceLocation
) throws {
  let expected = try Safetensors.read("\(formatsFolder)/\(name).expected.safetensors")
  #expect(archive.names.sorted() == expected.names.sorted(), sourceLocation: location)
  for (name, tensor) in expected { expectSame(archive[name], tensor, name, location: location) }
}

/// Requires the same type, shape and bits.
func expectSame(
  _ actual: HostTensor?, _ expected: HostTensor, _ name: String = "",
  location: SourceLocation = #_sourceLocation
) {
  guard let actual else {
    Issue.record("\(name) is missing", sourceLocation: location)
    return
  }
  #expect(actual.dtype == expected.dtype, "\(name)", sourceLocation: location)
  #expect(actual.shape == expected.shape, "\(name)", sourceLocation: location)
  #expect(actual.bytes.elementsEqual(expected.bytes), "\(name)", sourceLocation: location)
  withExtendedLifetime((actual, expected)) {}
}
