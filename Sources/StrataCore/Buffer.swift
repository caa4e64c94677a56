#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A block of memory that starts on a cache line, the only kind the engine is given.
///
/// `@unchecked Sendable` holds because a buffer is written by its creator alone, before it is shared;
/// afterwards it is only read. The executor's workspaces are the exception: each belongs to one run at a time.
public final class Buffer: @unchecked Sendable {
  /// The first byte.
  public let pointer: UnsafeMutableRawPointer
  /// The size in bytes.
  public let byteCount: Int
  private let owner: AnyObject?

  /// Allocates memory with undefined contents.
  public init(byteCount: Int) {
    self.byteCount = byteCount
    self.owner = nil
    let size = max(byteCount, 1)
    // Large blocks start on a huge page, so that the system can back them with few page faults.
    let isLarge = size >= Buffer.hugePage
    var address: UnsafeMutableRawPointer?
    let status = posix_memalign(&address, isLarge ? Buffer.hugePage : 64, size)
    guard status == 0, let address else { preconditionFailure("out of memory: \(size) bytes") }
    #if os(Linux)
      if isLarge { madvise(address, size, MADV_HUGEPAGE) }
    #endif
    pointer = address
  }

  /// Wraps memory that `owner` keeps alive, such as a mapped file.
  public init(pointer: UnsafeMutableRawPointer, byteCount: Int, owner: AnyObject) {
    self.pointer = pointer
    self.byteCount = byteCount
    self.owner = owner
  }

  deinit { if owner == nil { free(pointer) } }

  private static let hugePage = 2 << 20
}
