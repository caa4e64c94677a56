#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A block of memory that starts on a cache line, the only kind the engine is given.
///
/// `@unchecked Sendable` holds because a buffer is written by its creator alone, before it is shared;
/// afterwards it is only read. There are two exceptions. The executor's workspaces each belong to one run at a time;
/// and a run may write a variable's next value over the old one, after it has seen that nobody else refers to it.
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

  /// Whether the memory is the buffer's own; a mapped file's may be read only.
  package var isWritable: Bool { if case .owner = origin { false } else { true } }

  /// Lets the process's own hold on a part go where it can be had again, from a file: for weights that have been
  /// read for the time being.
  package func dropPages(from byteOffset: Int, _ byteCount: Int) {
    guard case .owner(let owner) = origin else { return }
    let start = pointer + byteOffset
    if let buffer = owner as? Buffer {
      buffer.dropPages(from: start - buffer.pointer, byteCount)
    } else if let memory = owner as? any RefetchableMemory {
      // Pages at the ends may hold a neighbour's values too.
      let page = Int(sysconf(CInt(_SC_PAGESIZE)))
      let first = UnsafeMutableRawPointer(
        bitPattern: (UInt(bitPattern: start) + UInt(page) - 1) & ~UInt(page - 1))
      guard let first, case let rest = start + byteCount - first, rest >= page else { return }
      memory.dropPages(first, rest & ~(page - 1))
    }
  }

  deinit {
    switch origin {
    case .library: free(pointer)
    case .pool: BlockPool.shared.free(pointer, byteCount: byteCount)
    case .owner: break
    }
  }
}

/// Memory whose pages can be given up and come again when they are touched.
package protocol RefetchableMemory: AnyObject {
  /// Gives up whole pages.
  func dropPages(_ start: UnsafeMutableRawPointer, _ byteCount: Int)
}
