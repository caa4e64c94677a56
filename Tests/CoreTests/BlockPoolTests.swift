import StrataCore
import Testing

@Suite("The pool of large blocks") struct BlockPoolTests {
  private static let megabyte = 1 << 20

  @Test("a freed block's memory serves the next one, whole or in parts") func reuse() throws {
    let pool = BlockPool(idleLimit: 64 * Self.megabyte)
    let large = try #require(pool.allocate(byteCount: 40 * Self.megabyte))
    #expect(UInt(bitPattern: large) % (2 << 20) == 0)
    pool.free(large, byteCount: 40 * Self.megabyte)
    #expect(pool.idleByteCount == 40 * Self.megabyte)
    let parts = try (0..<4).map { _ in try #require(pool.allocate(byteCount: 10 * Self.megabyte)) }
    #expect(Set(parts.map { UInt(bitPattern: $0) - UInt(bitPattern: large) }).max() ?? 0 < 40 << 20)
    #expect(pool.idleByteCount == 0)
    // Freed in any order, neighbours grow together again.
    for index in [2, 0, 3, 1] { pool.free(parts[index], byteCount: 10 * Self.megabyte) }
    #expect(pool.allocate(byteCount: 40 * Self.megabyte) == large)
  }

  @Test("blocks do not overlap, whatever is freed between") func distinctness() throws {
    let pool = BlockPool(idleLimit: 16 * Self.megabyte)
    let key = RandomKey(seed: 3)
    var blocks: [(start: UnsafeMutableRawPointer, size: Int, mark: UInt8)] = []
    for step in 0..<400 {
      let word = Int(key.words(UInt64(step)).x)
      if word % 5 < 2, !blocks.isEmpty {
        let block = blocks.remove(at: word / 5 % blocks.count)
        let ends = [0, block.size / 2, block.size - 1].map {
          block.start.load(fromByteOffset: $0, as: UInt8.self)
        }
        #expect(ends == [block.mark, block.mark, block.mark])
        pool.free(block.start, byteCount: block.size)
      } else {
        let size = 1 + word % (3 * Self.megabyte)
        let start = try #require(pool.allocate(byteCount: size))
        #expect(UInt(bitPattern: start) % 64 == 0)
        start.initializeMemory(as: UInt8.self, repeating: UInt8(step & 255), count: size)
        blocks.append((start, size, UInt8(step & 255)))
      }
    }
    for block in blocks { pool.free(block.start, byteCount: block.size) }
    #expect(pool.idleByteCount <= 16 * Self.megabyte)
  }

  @Test("more than the limit goes back to the system") func limit() throws {
    let pool = BlockPool(idleLimit: 50 * Self.megabyte)
    let sizes = [40, 60, 36].map { $0 * Self.megabyte }
    let blocks = try sizes.map { try #require(pool.allocate(byteCount: $0)) }
    for (block, size) in zip(blocks, sizes) {
      pool.free(block, byteCount: size)
      #expect(pool.idleByteCount <= 50 * Self.megabyte)
    }
    #expect(pool.idleByteCount == 36 * Self.megabyte)
  }

  @Test("buffers of every size can be written and go without a trace") func buffers() {
    let sizes = [0, 1, 127 << 10, 128 << 10, 128 << 10 + 1, 5 << 20]
    for size in sizes {
      let buffer = Buffer(byteCount: size)
      #expect(buffer.byteCount == size)
      buffer.pointer.initializeMemory(as: UInt8.self, repeating: 7, count: size)
    }
  }
}
