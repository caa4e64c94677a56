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
  private let origin: Origin

  /// Where the memory came from, and must go.
  private enum Origin {
    case library
    case pool
    case owner(AnyObject)
  }

  /// Allocates memory with undefined contents.
  public init(byteCount: Int) {
    self.byteCount = byteCount
    var address: UnsafeMutableRawPointer?
    if byteCount >= BlockPool.smallestBlock {
      origin = .pool
      address = BlockPool.shared.allocate(byteCount: byteCount)
    } else {
      origin = .library
      if posix_memalign(&address, 64, max(byteCount, 1)) != 0 { address = nil }
    }
    guard let address else { preconditionFailure("out of memory: \(byteCount) bytes") }
    pointer = address
  }

  /// Wraps memory that `owner` keeps alive, such as a mapped file.
  public init(pointer: UnsafeMutableRawPointer, byteCount: Int, owner: AnyObject) {
    self.pointer = pointer
    self.byteCount = byteCount
    origin = .owner(owner)
  }

  deinit {
    switch origin {
    case .library: free(pointer)
    case .pool: BlockPool.shared.free(pointer, byteCount: byteCount)
    case .owner: break
    }
  }
}
