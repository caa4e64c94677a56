import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file of events that TensorBoard shows as curves: records of TensorFlow, each a message `Event`.
///
/// What is appended is in the file at once, so that curves can be watched while a run goes on.
public final class EventFile {
  /// Where the file is.
  public let path: String
  private let descriptor: CInt

  /// Begins a new file in a folder, named as TensorBoard expects it.
  ///
  /// - Parameter purging: Where a run goes on from, if it does: what older files of the folder say of this step
  ///   and later ones is then no longer shown.
  public init(folder: String, purging step: Int? = nil) throws(StrataError) {
    let second = Int(EventFile.now)
    var number = 0
    var (path, descriptor): (String, CInt)
    repeat {
      path = "\(folder)/events.out.tfevents.\(second).strata.\(getpid()).\(number)"
      descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o666)
      number += 1
    } while descriptor < 0 && errno == EEXIST && number < 1000
    guard descriptor >= 0 else {
      throw StrataError(.file, "\(path): cannot be written: \(String(cString: strerror(errno)))")
    }
    (self.path, self.descriptor) = (path, descriptor)
    var first = EventFile.event(step: 0)
    first.add(3, "brain.Event:2")
    try append(first)
    guard let step else { return }
    var session = ProtobufMessage()
    session.add(1, 1)  // SessionLog.START
    var restart = EventFile.event(step: step)
    restart.add(7, session)
    try append(restart)
  }

  deinit { close(descriptor) }

  /// Appends numbers of one step.
  public func append(_ values: [(tag: String, value: Double)], step: Int) throws(StrataError) {
    var writer = FileWriter(path: path, descriptor: descriptor)
    try writer.write(EventFile.record(of: values, step: step, time: EventFile.now))
  }

  /// The record of numbers of one step, at a time in seconds since 1970.
  package static func record(
    of values: [(tag: String, value: Double)], step: Int, time: Double
  ) -> [UInt8] {
    var summary = ProtobufMessage()
    for (tag, number) in values {
      var value = ProtobufMessage()
      value.add(1, tag)
      value.add(2, Float(number))
      summary.add(1, value)
    }
    var event = event(step: step, time: time)
    event.add(5, summary)
    return record(event.bytes)
  }

  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  private static func event(step: Int, time: Double = now) -> ProtobufMessage {
    var event = ProtobufMessage()
    event.add(1, time)
    if step != 0 { event.add(2, step) }
    return event
  }

  private func append(_ message: ProtobufMessage) throws(StrataError) {
    var writer = FileWriter(path: path, descriptor: descriptor)
    try writer.write(EventFile.record(message.bytes))
  }

  /// A record: the length, its check, the bytes, their check.
  static func record(_ bytes: [UInt8]) -> [UInt8] {
    var length = LittleEndianBytes()
    length.append(UInt64(bytes.count))
    var record = LittleEndianBytes()
    record.append(UInt64(bytes.count))
    record.append(CRC32C.masked(length.bytes))
    record.bytes += bytes
    record.append(CRC32C.masked(bytes))
    return record.bytes
  }
}
