import StrataCore
import Testing

@Suite("Creation of tensors") struct CreationTests {
  @Test("a tensor is filled with one value of any type", arguments: DType.allCases)
  func filled(dtype: DType) {
    #expect(HostTensor.filled(1, shape: [2, 3], dtype: dtype).scalars(as: Int.self) == [1, 1, 1, 1, 1, 1])
    #expect(HostTensor.zeros([2], dtype: dtype).scalars(as: Float.self) == [0, 0])
    #expect(HostTensor.ones([], dtype: dtype).shape == [])
    #expect(HostTensor.ones([0, 3], dtype: dtype).elementCount == 0)
  }

  @Test("arange makes as many numbers as PyTorch does") func arange() {
    #expect(HostTensor.arange(end: 5).scalars(as: Int.self) == [0, 1, 2, 3, 4])
    #expect(HostTensor.arange(start: 5, end: -2, step: -3).scalars(as: Int.self) == [5, 2, -1])
    #expect(HostTensor.arange(end: 0).shape == [0])
    #expect(HostTensor.arange(start: 1.0, end: 2.5, step: 0.5).scalars(as: Float.self) == [1, 1.5, 2])
    #expect(HostTensor.arange(end: 1.0, step: 0.1).shape == [10])
    #expect(HostTensor.arange(end: 1.1, step: 0.1).shape == [11])
    #expect(HostTensor.arange(start: 0.0, end: 10, step: 0.3).shape == [34])
    #expect(HostTensor.arange(end: 3, dtype: .float16).dtype == .float16)
  }

  @Test("eye has ones on the diagonal") func eye() {
    #expect(HostTensor.eye(2).scalars(as: Float.self) == [1, 0, 0, 1])
    #expect(HostTensor.eye(2, 3, dtype: .int64).scalars(as: Int.self) == [1, 0, 0, 0, 1, 0])
    #expect(HostTensor.eye(3, 1).scalars(as: Float.self) == [1, 0, 0])
  }

  @Test("nested arrays give the shape") func nested() throws {
    #expect(HostTensor(nested: [1, 2]).shape == [2])
    #expect(try HostTensor(nested: [[1, 2], [3, 4], [5, 6]]).shape == [3, 2])
    #expect(try HostTensor(nested: [[[Float(1)], [2]]]).shape == [1, 2, 1])
    let deep = try HostTensor(nested: [[[[1, 2]], [[3, 4]]]])
    #expect(deep.shape == [1, 2, 1, 2])
    #expect(deep.scalars(as: Int.self) == [1, 2, 3, 4])
    #expect(try HostTensor(nested: [[], []] as [[Float]]).shape == [2, 0])
    #expect(try HostTensor(nested: [] as [[[Float]]]).shape == [0])
  }

  @Test("ragged arrays are refused in a sentence") func ragged() {
    let message = "nested arrays are ragged: element 0 has shape [2], element 1 has [1]"
    #expect(throws: StrataError(.shape, message)) { try HostTensor(nested: [[1, 2], [3]]) }
    #expect(throws: StrataError.self) { try HostTensor(nested: [[[1, 2]], [[3], [4]]]) }
    #expect(throws: StrataError.self) { try HostTensor(nested: [[[[1]]], [[[1, 2]]]]) }
  }

  @Test("elements survive a round trip through the element type's Swift type", arguments: DType.allCases)
  func scalarType(dtype: DType) {
    #expect(dtype.scalarType.dtype == dtype)
  }
}
