import StrataCore
import Testing

@Suite("Shapes and element types") struct ShapeTests {
  @Test("strides count elements between neighbours") func strides() {
    #expect(Shape([2, 3, 4]).strides == [12, 4, 1])
    #expect(Shape([]).strides == [])
    #expect(Shape([]).elementCount == 1)
  }

  @Test("axes count from the back too") func axes() {
    #expect(Shape([2, 3]).axis(-1) == 1)
    #expect(Shape([2, 3]).axis(2) == nil)
    #expect(Shape([2, 3]).axis(-3) == nil)
  }

  @Test("broadcasting follows NumPy") func broadcasting() {
    #expect(Shape([3, 1]).broadcast(with: [1, 4]) == [3, 4])
    #expect(Shape([5]).broadcast(with: [2, 1]) == [2, 5])
    #expect(Shape([]).broadcast(with: []) == [])
    #expect(Shape([0]).broadcast(with: [1]) == [0])
    #expect(Shape([2]).broadcast(with: [3]) == nil)
  }

  @Test("an element count that overflows is nil") func overflow() {
    #expect(Shape([1 << 40, 1 << 40]).checkedElementCount == nil)
    #expect(Shape([0, 1 << 40, 1 << 40]).checkedElementCount == nil)
    #expect(Shape([0, 1 << 40]).checkedElementCount == 0)
    #expect(Shape([1 << 40, 4]).checkedElementCount == 1 << 42)
  }

  @Test("tuples are Python's") func tuples() {
    #expect(Shape([]).tupleText == "()")
    #expect(Shape([5]).tupleText == "(5,)")
    #expect(Shape([2, 0, 3]).tupleText == "(2, 0, 3)")
    #expect(IntPair(3).description == "(3, 3)")
  }

  @Test("promotion follows PyTorch") func promotion() {
    #expect(DType.int64.promoted(with: .float16) == .float16)
    #expect(DType.float16.promoted(with: .bfloat16) == .float32)
    #expect(DType.bool.promoted(with: .uint8) == .uint8)
    #expect(DType.uint8.promoted(with: .int32) == .int32)
    for first in DType.allCases {
      for second in DType.allCases { #expect(first.promoted(with: second) == second.promoted(with: first)) }
    }
  }

  @Test("large buffers are aligned and wrapped memory is kept alive") func buffers() {
    #expect(UInt(bitPattern: Buffer(byteCount: 3).pointer) % 64 == 0)
    #expect(UInt(bitPattern: Buffer(byteCount: 5 << 20).pointer) % 4096 == 0)
    var memory: Buffer? = Buffer(byteCount: 8)
    weak let observed = memory
    let wrapper = memory.map { Buffer(pointer: $0.pointer, byteCount: 8, owner: $0) }
    memory = nil
    withExtendedLifetime(wrapper) { #expect(observed != nil) }
  }
}
