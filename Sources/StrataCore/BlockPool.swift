import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where large blocks of memory come from and go back to.
///
/// Fresh memory costs more than its use: the system clears every page before it hands it out. So blocks are cut
/// from slabs, long mappings, and a block that is freed serves the next one that fits in its place. Slabs begin on
/// small pages: on a virtual machine a huge page may first have to be made by the host, which takes longer than a
/// short program. What runs again and again moves to huge pages, and is then some percent faster: see `settle`.
/// A slab that is wholly free goes back to the system once more lies idle than `idleLimit` and than half of what is in
/// use: the steps of a training need the same memory again and again.
package final class BlockPool: Sendable {
  /// The pool of the process.
  package static let shared = BlockPool(idleLimit: 320 << 20)

  /// The smallest block that is worth it; for smaller ones the C library's memory is as good.
  static let smallestBlock = 128 << 10

  /// Sizes are rounded up to whole units of memory.
  private static let unit = 16 << 10
  private static let hugePage = 2 << 20
  /// The least size of a slab: enough for the small layers of a network.
  private static let slabSize = 32 << 20

  /// A long piece of memory and what of it is free: ranges in rising order, with something in use between them.
  fileprivate struct Slab {
    let base: UInt
    let size: Int
    var free: [Range<Int>]
    /// Whether it is on huge pages.
    var isSettled = false

    var isIdle: Bool { free.count == 1 && free[0].count == size }
  }

  fileprivate struct State {
    var slabs: [Slab] = []
    /// Bytes that are free in all slabs.
    var idle = 0
    /// Bytes of all blocks.
    var inUse = 0
  }

  private let state = Mutex(State())
  private let idleLimit: Int

  /// Creates a pool that keeps up to so many bytes for later.
  package init(idleLimit: Int) { self.idleLimit = idleLimit }

  /// Bytes that wait for the next block.
  package var idleByteCount: Int { state.withLock { $0.idle } }

  /// A block with undefined contents, or nil where the system has no memory left.
  package func allocate(byteCount: Int) -> UnsafeMutableRawPointer? {
    let size = Self.rounded(byteCount, to: Self.unit)
    let address = state.withLock { state -> UInt? in
      if let (slab, range) = Self.bestFit(size, in: state.slabs) { return state.take(size, slab, range) }
      guard let slab = Self.map(max(Self.slabSize, Self.rounded(size, to: Self.hugePage))) else { return nil }
      state.slabs.append(slab)
      state.idle += slab.size
      return state.take(size, state.slabs.count - 1, 0)
    }
    return address.flatMap { UnsafeMutableRawPointer(bitPattern: $0) }
  }

  /// Takes a block back, of the size that was asked for.
  package func free(_ pointer: UnsafeMutableRawPointer, byteCount: Int) {
    let address = UInt(bitPattern: pointer)
    let size = Self.rounded(byteCount, to: Self.unit)
    state.withLock { state in
      guard
        let slab = state.slabs.firstIndex(where: { $0.base <= address && address < $0.base + UInt($0.size) })
      else { preconditionFailure("a block that is not the pool's") }
      let start = Int(address - state.slabs[slab].base)
      state.slabs[slab].insert(start..<start + size)
      state.idle += size
      state.inUse -= size
      while state.idle > max(idleLimit, state.inUse / 2), state.unmapLargestIdleSlab() {}
    }
  }

  /// Moves what is in use to huge pages, for a program that goes on using its memory.
  package func settle() {
    #if os(Linux)
      // `MADV_COLLAPSE`, which Linux has since 6.1; older ones refuse it.
      let collapse: CInt = 25
      state.withLock { state in
        for index in state.slabs.indices where !state.slabs[index].isSettled {
          let slab = state.slabs[index]
          guard let start = UnsafeMutableRawPointer(bitPattern: slab.base) else { continue }
          madvise(start, slab.size, CInt(MADV_HUGEPAGE))
          for range in slab.hugePagesInUse(of: Self.hugePage) {
            madvise(start + range.lowerBound, range.count, collapse)
          }
          state.slabs[index].isSettled = true
        }
      }
    #endif
  }

  fileprivate static func rounded(_ size: Int, to unit: Int) -> Int { (size + unit - 1) / unit * unit }

  /// The smallest free range that is long enough.
  private static func bestFit(_ size: Int, in slabs: [Slab]) -> (slab: Int, range: Int)? {
    var best: (slab: Int, range: Int, count: Int)?
    for (index, slab) in slabs.enumerated() {
      for (place, range) in slab.free.enumerated() where range.count >= size {
        if range.count < best?.count ?? .max { best = (index, place, range.count) }
      }
    }
    return best.map { ($0.slab, $0.range) }
  }

  /// A new slab that begins where a huge page can.
  private static func map(_ size: Int) -> Slab? {
    let whole = size + hugePage
    #if canImport(Darwin)
      let flags = MAP_PRIVATE | MAP_ANON
    #else
      let flags = MAP_PRIVATE | MAP_ANONYMOUS
    #endif
    guard let address = mmap(nil, whole, PROT_READ | PROT_WRITE, flags, -1, 0), address != MAP_FAILED else {
      return nil
    }
    let before = rounded(Int(bitPattern: address), to: hugePage) - Int(bitPattern: address)
    let start = address + before
    if before > 0 { munmap(address, before) }
    munmap(start + size, hugePage - before)
    return Slab(base: UInt(bitPattern: start), size: size, free: [0..<size])
  }
}

extension BlockPool.State {
  /// Cuts the beginning off a free range and gives its address.
  fileprivate mutating func take(_ size: Int, _ slab: Int, _ range: Int) -> UInt {
    let free = slabs[slab].free[range]
    if free.count == size {
      slabs[slab].free.remove(at: range)
    } else {
      slabs[slab].free[range] = free.lowerBound + size..<free.upperBound
    }
    idle -= size
    inUse += size
    return slabs[slab].base + UInt(free.lowerBound)
  }

  fileprivate mutating func unmapLargestIdleSlab() -> Bool {
    let idleSlabs = slabs.indices.filter { slabs[$0].isIdle }
    guard let largest = idleSlabs.max(by: { slabs[$0].size < slabs[$1].size }) else { return false }
    let slab = slabs.remove(at: largest)
    munmap(UnsafeMutableRawPointer(bitPattern: slab.base), slab.size)
    idle -= slab.size
    return true
  }
}

extension BlockPool.Slab {
  /// The slab without the whole pages of such a size that are free.
  fileprivate func hugePagesInUse(of page: Int) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var end = 0
    for range in free {
      let begin = BlockPool.rounded(range.lowerBound, to: page)
      guard begin <= range.upperBound / page * page else { continue }
      if begin > end { ranges.append(end..<begin) }
      end = range.upperBound / page * page
    }
    if end < size { ranges.append(end..<size) }
    return ranges
  }

  /// Makes a range free, one with the free neighbours that it touches.
  fileprivate mutating func insert(_ range: Range<Int>) {
    var place = free.firstIndex { $0.lowerBound > range.lowerBound } ?? free.count
    var range = range
    if place < free.count, free[place].lowerBound == range.upperBound {
      range = range.lowerBound..<free[place].upperBound
      free.remove(at: place)
    }
    if place > 0, free[place - 1].upperBound == range.lowerBound {
      place -= 1
      range = free[place].lowerBound..<range.upperBound
      free.remove(at: place)
    }
    free.insert(range, at: place)
  }
}
