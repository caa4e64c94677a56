import StrataCore
import StrataGraph
import Testing

/// PyTorch 2.15's own answers.
private let dtypes: [DType] = [.float32, .float64, .float16, .bfloat16, .int64, .int32, .uint8, .bool]

private func parse(_ table: String) -> [[DType]] {
  table.split(separator: "\n").map { line in
    line.split(separator: " ").compactMap { DType(rawValue: String($0)) }
  }
}

@Suite("Element types are PyTorch's")
struct PromotionTests {
  @Test("Two tensors with axes, or two without, meet in the type that holds both")
  func tensors() {
    let expected = parse(
      """
      float32 float64 float32 float32 float32 float32 float32 float32
      float64 float64 float64 float64 float64 float64 float64 float64
      float32 float64 float16 float32 float16 float16 float16 float16
      float32 float64 float32 bfloat16 bfloat16 bfloat16 bfloat16 bfloat16
      float32 float64 float16 bfloat16 int64 int64 int64 int64
      float32 float64 float16 bfloat16 int64 int32 int32 int32
      float32 float64 float16 bfloat16 int64 int32 uint8 uint8
      float32 float64 float16 bfloat16 int64 int32 uint8 bool
      """)
    for (row, a) in dtypes.enumerated() {
      let results = dtypes.map { (Tensor.zeros([2], dtype: a) + Tensor.zeros([2], dtype: $0)).dtype }
      #expect(results == expected[row], "\(a)")
      #expect(
        dtypes.map { (Tensor.zeros([], dtype: a) * Tensor.zeros([], dtype: $0)).dtype } == expected[row])
    }
  }

  @Test("A tensor without axes widens one that has some only if it is of a higher category")
  func scalarTensors() {
    let expected = parse(
      """
      float32 float32 float32 float32 float32 float32 float32 float32
      float64 float64 float64 float64 float64 float64 float64 float64
      float16 float16 float16 float16 float16 float16 float16 float16
      bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 bfloat16
      float32 float64 float16 bfloat16 int64 int64 int64 int64
      float32 float64 float16 bfloat16 int32 int32 int32 int32
      float32 float64 float16 bfloat16 uint8 uint8 uint8 uint8
      float32 float64 float16 bfloat16 int64 int32 uint8 bool
      """)
    for (row, a) in dtypes.enumerated() {
      let (array, scalars) = (Tensor.zeros([2], dtype: a), dtypes.map { Tensor.zeros([], dtype: $0) })
      #expect(scalars.map { (array + $0).dtype } == expected[row], "\(a)")
      #expect(scalars.map { ($0 + array).dtype } == expected[row], "\(a)")
      #expect(scalars.map { Tensor.where(array .> 0, array, $0).dtype } == expected[row], "\(a)")
    }
  }

  @Test("A number keeps a tensor's type unless it is fractional and the tensor is not")
  func numbers() {
    let kept: [DType] = [.float32, .float64, .float16, .bfloat16, .int64, .int32, .uint8, .int64]
    let real: [DType] = [.float32, .float64, .float16, .bfloat16, .float32, .float32, .float32, .float32]
    for shape in [[2], []] as [Shape] {
      let tensors = dtypes.map { Tensor.zeros(shape, dtype: $0) }
      #expect(tensors.map { ($0 + 2).dtype } == kept)
      #expect(tensors.map { (2 - $0).dtype } == kept)
      #expect(tensors.map { ($0 * 2.5).dtype } == real)
      #expect(tensors.map { ($0 * .infinity).dtype } == real)
      #expect(tensors.map { ($0 / 2).dtype } == real)
      #expect(tensors.map { ($0 / $0).dtype } == real)
      #expect(tensors.map { $0.exp().dtype } == real)
      #expect(tensors.map { $0.sigmoid().dtype } == real)
      #expect(tensors.map { ($0 .< 2.5).dtype } == dtypes.map { _ in .bool })
      #expect(tensors.map { $0.clamp(min: 1).dtype } == kept)
      #expect(tensors.map { $0.pow(2).dtype } == kept)
    }
    #expect(Tensor([Int32(1)]).clamp(min: 0.5).dtype == .float32)
  }

  @Test("Sums and products of integers and truth values are int64")
  func sums() {
    let wide: [DType] = [.float32, .float64, .float16, .bfloat16, .int64, .int64, .int64, .int64]
    #expect(dtypes.map { Tensor.zeros([2], dtype: $0).sum().dtype } == wide)
    #expect(dtypes.map { Tensor.zeros([2], dtype: $0).prod(dim: 0).dtype } == wide)
    #expect(dtypes.map { Tensor.zeros([2], dtype: $0).max().dtype } == dtypes)
  }

  @Test("Casts appear in the graph only where types differ")
  func casts() {
    let (x, n) = (Tensor.placeholder([2]), Tensor.placeholder([2], dtype: .int64))
    #expect(Trace(of: [x + x]).graph.nodes.map(\.op) == [.input(slot: 0), .binary(.add)])
    #expect(Trace(of: [x + n]).graph.nodes.count { $0.op == .cast(.float32) } == 1)
    #expect(Trace(of: [n / n]).graph.nodes.count { $0.op == .cast(.float32) } == 2)
  }

  @Test("Numbers beyond a narrow type wrap around in arithmetic, limit at its end and compare as they are")
  func narrowTypes() {
    let constant = { (tensor: Tensor) in
      Trace(of: [tensor]).graph.nodes.compactMap { node -> Op? in
        if case .full = node.op { node.op } else { nil }
      }
    }
    let bytes = Tensor.placeholder([2], dtype: .uint8)
    #expect(constant(bytes + 300) == [.full([], .uint8, 44)])
    #expect(constant(bytes + -1) == [.full([], .uint8, 255)])
    #expect(constant(bytes.maximum(-5)) == [.full([], .uint8, 0)])
    #expect(constant(bytes.clamp(max: 300)) == [.full([], .uint8, 255)])
    #expect(constant(bytes .> -1) == [.full([], .int64, -1)])
    #expect(constant(Tensor.placeholder([2], dtype: .int32) .< 3e9) == [.full([], .int64, 3e9)])
  }
}
