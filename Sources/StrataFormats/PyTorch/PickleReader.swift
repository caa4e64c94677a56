import StrataCore

/// Reads the pickles of PyTorch's files and nothing else: it knows the names of `PickleGlobal`, refuses
/// every other, and calls nothing. Protocols up to 5.
struct PickleReader {
  let bytes: UnsafeRawBufferPointer
  let name: String
  /// The next byte to read; after a pickle, the one behind it.
  var position: Int
  var heap = PickleHeap()
  var stack: [PickleID] = []
  /// Where the stack stood at each mark.
  var marks: [Int] = []
  var memo: [Int: PickleID] = [:]

  init(_ bytes: UnsafeRawBufferPointer, from position: Int = 0, name: String) {
    self.bytes = bytes
    self.position = position
    self.name = name
  }

  /// Reads one pickle and gives its object.
  mutating func read() throws(StrataError) -> PickleID {
    (stack, marks, memo) = ([], [], [:])
    while true {
      let code = try byte()
      if code == UInt8(ascii: ".") { return try pop() }
      try step(code)
      guard heap.objects.count <= PickleHeap.greatestCount else {
        throw error("it holds more than \(PickleHeap.greatestCount) objects")
      }
    }
  }

  // MARK: - Bytes

  func error(_ message: String) -> StrataError {
    StrataError(.format, "\(name): invalid pickle at byte \(position): \(message)")
  }

  private mutating func byte() throws(StrataError) -> UInt8 {
    guard position < bytes.count else { throw error("the file ends within it") }
    position += 1
    return bytes[position - 1]
  }

  private mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(
    _ type: Number.Type
  ) throws(StrataError) -> Number {
    guard let value = bytes.integer(type, at: position) else { throw error("the file ends within it") }
    position += MemoryLayout<Number>.size
    return value
  }

  /// As many bytes as a length of some width announces.
  private mutating func counted<Number: FixedWidthInteger & BitwiseCopyable>(
    by type: Number.Type
  ) throws(StrataError) -> UnsafeRawBufferPointer {
    let length = try number(type)
    guard let count = Int(exactly: length), count >= 0, count <= bytes.count - position else {
      throw error("\(length) bytes are announced, and \(bytes.count - position) follow")
    }
    position += count
    return UnsafeRawBufferPointer(rebasing: bytes[position - count..<position])
  }

  private mutating func line() throws(StrataError) -> String {
    guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else {
      throw error("a line does not end")
    }
    let text = String(decoding: bytes[position..<end], as: UTF8.self)
    position = end + 1
    return text
  }

  private func text(_ bytes: UnsafeRawBufferPointer) throws(StrataError) -> PickleObject {
    // Surrogates, which Python's pickles may hold, have no place in valid text.
    guard let text = String(validating: bytes, as: UTF8.self) else { throw error("a text is not UTF-8") }
    return .string(text)
  }

  /// The texts of Python 2, which knew no encoding.
  private func oldText(_ bytes: UnsafeRawBufferPointer) -> PickleObject {
    .string(String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) })))
  }

  // MARK: - The stack

  mutating func push(_ object: PickleObject) { stack.append(heap.add(object)) }

  mutating func pop() throws(StrataError) -> PickleID {
    guard stack.count > marks.last ?? 0, let top = stack.popLast() else {
      throw error("nothing is there to take")
    }
    return top
  }

  private func top() throws(StrataError) -> PickleID {
    guard stack.count > marks.last ?? 0, let top = stack.last else { throw error("nothing is there to use") }
    return top
  }

  private mutating func popToMark() throws(StrataError) -> [PickleID] {
    guard let mark = marks.popLast() else { throw error("a mark is missing") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  private mutating func pushTuple(_ count: Int) throws(StrataError) {
    guard stack.count - (marks.last ?? 0) >= count else { throw error("a tuple lacks elements") }
    let elements = Array(stack.suffix(count))
    stack.removeLast(count)
    push(.tuple(elements))
  }

  private mutating func recall<Number: FixedWidthInteger>(_ index: Number) throws(StrataError) {
    guard let id = memo[Int(index)] else { throw error("object \(index) is not remembered") }
    stack.append(id)
  }

  // MARK: - Instructions

  private mutating func step(_ code: UInt8) throws(StrataError) {
    switch code {
    case 0x80:
      let version = try byte()
      guard version <= 5 else { throw error("it has protocol \(version); up to 5 can be read") }
    case 0x95: _ = try number(UInt64.self)  // the length of a frame
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: "0"):
      if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
    case UInt8(ascii: "1"): _ = try popToMark()
    case UInt8(ascii: "2"): stack.append(try top())
    case UInt8(ascii: "p"):
      guard let index = Int(try line()), index >= 0 else { throw error("a place to remember is no number") }
      memo[index] = try top()
    case UInt8(ascii: "q"): memo[Int(try byte())] = try top()
    case UInt8(ascii: "r"): memo[Int(try number(UInt32.self))] = try top()
    case 0x94: memo[memo.count] = try top()
    case UInt8(ascii: "g"):
      guard let index = Int(try line()) else { throw error("a remembered place is no number") }
      try recall(index)
    case UInt8(ascii: "h"): try recall(try byte())
    case UInt8(ascii: "j"): try recall(try number(UInt32.self))
    default:
      if try pushScalar(code) { return }
      if try build(code) { return }
      throw error("instruction \(code) is not one that PyTorch writes")
    }
  }

  private mutating func pushScalar(_ code: UInt8) throws(StrataError) -> Bool {
    switch code {
    case UInt8(ascii: "N"): push(.none)
    case 0x88: push(.bool(true))
    case 0x89: push(.bool(false))
    case UInt8(ascii: "J"): push(.integer(Int(try number(Int32.self))))
    case UInt8(ascii: "K"): push(.integer(Int(try byte())))
    case UInt8(ascii: "M"): push(.integer(Int(try number(UInt16.self))))
    case UInt8(ascii: "I"):
      let text = try line()
      push(text == "00" || text == "01" ? .bool(text == "01") : try wholeNumber(text))
    case UInt8(ascii: "L"):
      let text = try line()
      push(try wholeNumber(text.hasSuffix("L") ? String(text.dropLast()) : text))
    case 0x8a: push(longNumber(try counted(by: UInt8.self)))
    case 0x8b: push(longNumber(try counted(by: Int32.self)))
    case UInt8(ascii: "F"):
      guard let value = Double(try line()) else { throw error("a number is none") }
      push(.number(value))
    case UInt8(ascii: "G"): push(.number(Double(bitPattern: try number(UInt64.self).byteSwapped)))
    case UInt8(ascii: "S"): push(.string(String(try line().dropFirst().dropLast())))
    case UInt8(ascii: "T"): push(oldText(try counted(by: Int32.self)))
    case UInt8(ascii: "U"): push(oldText(try counted(by: UInt8.self)))
    case UInt8(ascii: "V"): push(.string(try line()))
    case UInt8(ascii: "X"): push(try text(try counted(by: UInt32.self)))
    case 0x8c: push(try text(try counted(by: UInt8.self)))
    case 0x8d: push(try text(try counted(by: UInt64.self)))
    case UInt8(ascii: "B"): push(.bytes(Array(try counted(by: UInt32.self))))
    case UInt8(ascii: "C"): push(.bytes(Array(try counted(by: UInt8.self))))
    case 0x8e, 0x96: push(.bytes(Array(try counted(by: UInt64.self))))
    default: return false
    }
    return true
  }

  private func wholeNumber(_ text: String) throws(StrataError) -> PickleObject {
    if let value = Int(text) { return .integer(value) }
    guard let value = Double(text) else { throw error("a number is none") }
    return .number(value)
  }

  private func longNumber(_ bytes: UnsafeRawBufferPointer) -> PickleObject {
    guard let highest = bytes.last else { return .integer(0) }
    let isNegative = highest >= 0x80
    if bytes.count <= 8 {
      return .integer(bytes.reversed().reduce(isNegative ? -1 : 0) { $0 << 8 | Int($1) })
    }
    // Two's complement of any length.
    let value = bytes.reversed().reduce(0.0) { $0 * 256 + Double($1) }
    return .number(
      isNegative ? value - Double(sign: .plus, exponent: 8 * bytes.count, significand: 1) : value)
  }

  private mutating func build(_ code: UInt8) throws(StrataError) -> Bool {
    switch code {
    case UInt8(ascii: ")"): push(.tuple([]))
    case 0x85...0x87: try pushTuple(Int(code) - 0x84)
    case UInt8(ascii: "t"):
      let elements = try popToMark()
      push(.tuple(elements))
    case UInt8(ascii: "]"), 0x8f: stack.append(heap.addList())
    case UInt8(ascii: "l"), 0x91:
      let elements = try popToMark()
      stack.append(heap.addList(elements))
    case UInt8(ascii: "a"): try append([try pop()])
    case UInt8(ascii: "e"), 0x90: try append(try popToMark())
    case UInt8(ascii: "}"): stack.append(heap.addDictionary())
    case UInt8(ascii: "d"):
      let items = try popToMark()
      guard items.count % 2 == 0 else { throw error("a dictionary has a key without a value") }
      stack.append(heap.addDictionary(items))
    case UInt8(ascii: "s"):
      let value = try pop()
      try set([try pop(), value])
    case UInt8(ascii: "u"): try set(try popToMark())
    case UInt8(ascii: "c"):
      let module = try line()
      try pushGlobal(module, try line())
    case 0x93:
      guard case .string(let member) = heap[try pop()], case .string(let module) = heap[try pop()] else {
        throw error("a name is no text")
      }
      try pushGlobal(module, member)
    case UInt8(ascii: "i"):
      let module = try line()
      throw refusal("\(module).\(try line())")
    case UInt8(ascii: "R"), 0x81:
      let arguments = try pop()
      push(try call(try pop(), arguments))
    case UInt8(ascii: "b"):
      // The state of a dictionary or a parameter: hooks and versions, which have no meaning here.
      _ = try pop()
      _ = try top()
    case UInt8(ascii: "Q"): push(.storage(try storage(try pop())))
    default: return false
    }
    return true
  }

  private mutating func append(_ elements: [PickleID]) throws(StrataError) {
    guard case .list(let list) = heap[try top()] else {
      throw error("an element is added to what is no list")
    }
    heap.lists[list] += elements
  }

  private mutating func set(_ items: [PickleID]) throws(StrataError) {
    guard case .dictionary(let list) = heap[try top()], items.count % 2 == 0 else {
      throw error("entries are added to what is no dictionary")
    }
    heap.lists[list] += items
  }

  private func refusal(_ global: String) -> StrataError {
    StrataError(
      .format, "\(name): refuses to load \(quoted(global)): only tensors and plain containers are read")
  }

  private mutating func pushGlobal(_ module: String, _ member: String) throws(StrataError) {
    let name = "\(module).\(member)"
    guard let global = PickleGlobal(name) else { throw refusal(name) }
    push(.global(global))
  }
}
