import Foundation
import StrataCore
import StrataData

/// Damages pictures in the same way each time: a few thousand, or for as long as `STRATA_FUZZ_SECONDS` says.
struct Mutation {
  enum Format: String, CaseIterable, Sendable { case jpeg, png }

  private let seeds: [[UInt8]]
  private let isPNG: Bool
  private var state: UInt64
  /// The files made so far.
  private(set) var count = 0

  /// For how long to go on, where that is asked for.
  static let seconds = ProcessInfo.processInfo.environment["STRATA_FUZZ_SECONDS"].flatMap(Double.init)

  init(_ format: Format) {
    isPNG = format == .png
    // Another start for each run that is asked for by name; the same for all others.
    state = ProcessInfo.processInfo.environment["STRATA_FUZZ_SEED"].flatMap(UInt64.init) ?? 1
    seeds = Pictures.index.pictures.filter { $0.isJPEG == (format == .jpeg) && $0.step == 1 }
      .map { Pictures.bytes($0.file) }
  }

  mutating func run(_ body: ([UInt8]) -> Void) {
    let end = Self.seconds.map { Date(timeIntervalSinceNow: $0) }
    while end.map({ Date() < $0 }) ?? (count < 3000) {
      body(next())
      count += 1
    }
  }

  private mutating func next() -> [UInt8] {
    var bytes = seeds[below(seeds.count)]
    for _ in 0...below(4) { damage(&bytes) }
    // Otherwise the checksums would hide from the reader most of what was done.
    if isPNG, below(8) > 0 { Self.repairChecksums(&bytes) }
    return bytes
  }

  private mutating func damage(_ bytes: inout [UInt8]) {
    guard bytes.count > 16 else { return }
    // Headers are small beside the pixels; half of the damage goes there.
    let place = below(below(2) == 0 ? bytes.count : min(bytes.count, 300))
    switch below(9) {
    case 0: bytes[place] = UInt8(below(256))
    case 1: bytes[place] ^= 1 << UInt8(below(8))
    case 2: bytes[place] = [0, 1, 0x7f, 0x80, 0xff, 0xd9, 0xda, 0xc0, 0xc2][below(9)]
    case 3: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(20)))
    case 4: bytes.insert(contentsOf: (0..<1 + below(8)).map { _ in UInt8(below(256)) }, at: place)
    case 5: bytes.removeSubrange(max(place, 16)...)
    case 6:
      let other = seeds[below(seeds.count)]
      let start = below(other.count)
      bytes.insert(contentsOf: other[start..<min(other.count, start + below(400))], at: place)
    case 7:
      let part = bytes[place..<min(bytes.count, place + below(200))]
      bytes.insert(contentsOf: part, at: below(bytes.count))
    default:
      for index in place..<min(bytes.count, place + 4) { bytes[index] = [0, 0xff, 0x10][below(3)] }
    }
  }

  /// SplitMix64, as any other generator would do.
  private mutating func below(_ bound: Int) -> Int {
    state &+= 0x9e37_79b9_7f4a_7c15
    var bits = state
    bits = (bits ^ bits >> 30) &* 0xbf58_476d_1ce4_e5b9
    bits = (bits ^ bits >> 27) &* 0x94d0_49bb_1331_11eb
    return Int((bits ^ bits >> 31) >> 1) % max(bound, 1)
  }

  /// Gives every chunk of a PNG the checksum that it should have.
  static func repairChecksums(_ bytes: inout [UInt8]) {
    var position = 8
    while position + 12 <= bytes.count {
      let length = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
      guard length <= bytes.count - position - 12 else { return }
      let end = position + 8 + length
      let checksum = ~bytes[position + 4..<end].reduce(~UInt32(0)) { sum, byte in
        table[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] ^ sum >> 8
      }
      for index in 0..<4 { bytes[end + index] = UInt8(truncatingIfNeeded: checksum >> (24 - 8 * index)) }
      position = end + 4
    }
  }

  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xedb8_8320 ^ value >> 1 : value >> 1 }
  }
}
