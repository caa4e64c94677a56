import Strata

/// The files that `Reference` made with PyTorch.
///
/// A file that is missing or broken stops the tests: it belongs to the repository.
public enum Fixtures {
  /// `Tests/Fixtures`.
  public static let folder: String = {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(2).joined(separator: "/") + "/Fixtures"
  }()

  /// A document.
  public static func json(_ name: String) -> JSONValue {
    reading(name) { path throws(StrataError) in
      let file = try FileSystem.map(path)
      let bytes = UnsafeRawBufferPointer(start: file.pointer, count: file.byteCount)
      return try withExtendedLifetime(file) { () throws(StrataError) in
        try JSONValue.parse(bytes, name: path)
      }
    }
  }

  /// The objects under `cases` of a document.
  public static func cases(_ name: String) -> [Fixture] {
    (json(name)["cases"]?.array ?? []).map(Fixture.init)
  }

  /// Named tensors.
  public static func tensors(_ name: String) -> TensorArchive { reading(name, Safetensors.read) }

  private static func reading<Value>(
    _ name: String, _ read: (String) throws(StrataError) -> Value
  ) -> Value {
    do throws(StrataError) {
      return try read("\(folder)/\(name)")
    } catch {
      preconditionFailure(error.message)
    }
  }
}

/// An object of a fixture file; what it lacks stops the tests.
public struct Fixture: Sendable, CustomStringConvertible {
  /// The object.
  public let value: JSONValue

  /// Wraps an object.
  public init(_ value: JSONValue) { self.value = value }

  /// The name of the case, which its results in the file of tensors begin with.
  public var name: String { string("name") }
  /// The name.
  public var description: String { name }

  /// A member, whatever it is.
  public subscript(name: String) -> JSONValue? { value[name] }
  /// A member that is an object; empty where there is none.
  public func object(_ name: String) -> Fixture { Fixture(value[name] ?? [:]) }
  /// A member that is an integer.
  public func integer(_ name: String) -> Int { required(name, value[name]?.integer) }
  /// A member that is a number.
  public func number(_ name: String) -> Double { required(name, value[name]?.number) }
  /// A member that is a truth value.
  public func bool(_ name: String) -> Bool { required(name, value[name]?.bool) }
  /// A member that is a string.
  public func string(_ name: String) -> String { required(name, value[name]?.string) }
  /// A member that is a list of integers.
  public func integers(_ name: String) -> [Int] { required(name, value[name]?.array?.compactMap(\.integer)) }
  /// A member that is a list of numbers.
  public func numbers(_ name: String) -> [Double] { required(name, value[name]?.array?.compactMap(\.number)) }
  /// A member that is a shape.
  public func shape(_ name: String) -> Shape { Shape(integers(name)) }
  /// A member that is a height and a width.
  public func pair(_ name: String) -> IntPair {
    let sizes = integers(name)
    return IntPair(sizes[0], sizes[1])
  }
  /// A member that names an element type.
  public func dtype(_ name: String) -> DType { required(name, DType(rawValue: string(name))) }

  private func required<Value>(_ name: String, _ member: Value?) -> Value {
    guard let member else { preconditionFailure("no such \(name) in \(value)") }
    return member
  }
}
