import Strata
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The two streams of the tool: results on standard output, everything else on standard error.
enum Output {
  /// Whether the reader of standard output has gone, as `head` goes after its last line.
  private static let readerHasGone = Atomic(false)

  /// Lets writing into a closed pipe fail instead of killing the process: its exit status must stay the answer.
  static func prepare() { signal(SIGPIPE, SIG_IGN) }

  /// Writes a result and a line's end. What a reader no longer wants is dropped.
  static func print(_ text: String = "") throws(StrataError) {
    if readerHasGone.load(ordering: .relaxed) { return }
    switch write(text + "\n", to: STDOUT_FILENO) {
    case 0: break
    case EPIPE: readerHasGone.store(true, ordering: .relaxed)
    case let code:
      throw StrataError(.file, "cannot write to standard output: \(String(cString: strerror(code)))")
    }
  }

  /// Writes text as it is, such as a line that is to be renewed. What a reader no longer wants is dropped.
  static func show(_ text: String, onErrors: Bool) {
    if !onErrors && readerHasGone.load(ordering: .relaxed) { return }
    _ = write(text, to: onErrors ? STDERR_FILENO : STDOUT_FILENO)
  }

  /// Whether a stream goes to a terminal that can renew lines.
  ///
  /// mpirun gives its processes a terminal of its own, wherever it passes on what they write.
  static func isTerminal(errors: Bool) -> Bool {
    guard Launch.processCount == nil else { return false }
    let name = getenv("TERM").map { String(cString: $0) } ?? ""
    return isatty(errors ? STDERR_FILENO : STDOUT_FILENO) == 1 && name != "dumb"
  }

  /// Writes a message and a line's end; nobody can be told where that fails.
  static func complain(_ text: String) { _ = write(text + "\n", to: STDERR_FILENO) }

  /// Writes all bytes and returns 0, or the error's number.
  private static func write(_ text: String, to file: Int32) -> Int32 {
    var text = text
    return text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while let start = rest.baseAddress, !rest.isEmpty {
        #if canImport(Glibc)
          let count = Glibc.write(file, start, rest.count)
        #elseif canImport(Musl)
          let count = Musl.write(file, start, rest.count)
        #else
          let count = Darwin.write(file, start, rest.count)
        #endif
        if count < 0 {
          if errno == EINTR { continue }
          return errno
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
      return 0
    }
  }

  /// Whether results go to a terminal that shows colours and whose user has not declined them.
  static let showsColour: Bool = {
    isTerminal(errors: false) && getenv("NO_COLOR").map { String(cString: $0) } ?? "" == ""
  }()

  /// Colours of text.
  enum Colour: Int {
    case red = 31
    case green = 32
    case bold = 1
  }

  /// Text in a colour, or as it is where colours are not wanted.
  static func coloured(_ text: String, _ colour: Colour) -> String {
    showsColour ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
  }
}

extension Output {
  /// Writes a document.
  static func print(_ document: JSONValue) throws(StrataError) {
    try print(document.serialized(indented: true))
  }
}
