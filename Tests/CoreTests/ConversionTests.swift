import StrataCore
import Testing

@Suite("Conversion of element types") struct ConversionTests {
  private let reals: [Double] = [
    .nan, .infinity, -.infinity, 3e9, -3e9, 1e20, -1e20, -1.7, 300.9, -300.9, 2.9, 0,
  ]

  @Test("real numbers become integers by truncation, and what does not fit as in PyTorch")
  func realsToIntegers() {
    let tensor = HostTensor(reals)
    #expect(
      tensor.scalars(as: Int64.self)
        == [
          .min, .min, .min, 3_000_000_000, -3_000_000_000, .min, .min, -1, 300, -300, 2, 0,
        ])
    #expect(
      tensor.scalars(as: Int32.self)
        == [.min, .min, .min, .min, .min, .min, .min, -1, 300, -300, 2, 0])
    #expect(tensor.scalars(as: UInt8.self) == [0, 0, 0, 0, 0, 0, 0, 255, 44, 212, 2, 0])
    #expect(tensor.scalars(as: Bool.self) == [Bool](repeating: true, count: 11) + [false])
  }

  @Test("integers keep their low bits") func integersWrap() {
    let tensor = HostTensor([Int64(1) << 62 + 1, -1, 256, 511, 0, 0x1_8000_0000])
    #expect(tensor.scalars(as: Int32.self) == [1, -1, 256, 511, 0, .min])
    #expect(tensor.scalars(as: UInt8.self) == [1, 255, 0, 255, 0, 0])
    #expect(tensor.scalars(as: Bool.self) == [true, true, true, true, false, true])
    #expect(HostTensor([UInt8(200)]).scalars(as: Int64.self) == [200])
    #expect(HostTensor([true, false]).scalars(as: Float.self) == [1, 0])
  }

  @Test("integers are rounded once to the nearest real number") func integersToReals() {
    // Rounded by way of Double, the first would be a tie that goes down.
    let number: Int64 = 1 << 60 + 1 << 36 + 1
    #expect(HostTensor([number]).scalars(as: Float.self) == [Float(number)])
    #expect(HostTensor([Int64(1) << 53 + 1]).scalars(as: Double.self) == [0x1p53])
  }

  @Test("16-bit numbers are rounded to the nearest, ties to even") func halves() {
    let tensor = HostTensor([1 + 0x1p-11, 1 + 0x3p-11, 65519, 65520, 0x1p-25, 0x1.8p-25])
    #expect(
      tensor.converted(to: .float16).scalars(as: Float.self) == [1, 1 + 0x1p-9, 65504, .infinity, 0, 0x1p-24])
    let wide = HostTensor([Float(1) + 0x1p-8, 1 + 0x3p-8, -.greatestFiniteMagnitude])
    #expect(wide.converted(to: .bfloat16).scalars(as: Float.self) == [1, 1 + 0x1p-6, -.infinity])
  }

  @Test("every half is read as the processor reads it, and written back unchanged") func allHalves() {
    let wrong = (UInt16.min ... .max).filter { bits in
      let float = Float(Float16(bitPattern: bits))
      let soft = SoftFloat16(bitPattern: bits).float
      if float.isNaN { return !soft.isNaN || !SoftFloat16(soft).float.isNaN }
      return soft.bitPattern != float.bitPattern || SoftFloat16(soft).bitPattern != bits
    }
    #expect(wrong == [])
    #expect(BFloat16(-.nan).float.isNaN)
  }

  @Test("rounding to a half agrees with the processor on random bits") func roundsLikeHardware() {
    let wrong = (0..<UInt64(20_000)).flatMap { index in
      let words = RandomKey(seed: 3).words(index)
      // Two of them with exponents near those of halves, where rounding happens.
      let near = (words & SIMD4(repeating: 0x8fff_ffff)) | SIMD4(repeating: 0x3000_0000)
      return [words.x, words.y, near.z, near.w].map(Float.init(bitPattern:)).filter {
        !$0.isNaN && SoftFloat16($0).bitPattern != Float16($0).bitPattern
      }
    }
    #expect(wrong == [])
  }

  @Test("converting to the same type shares the memory, and a copy does not") func sharing() {
    let tensor = HostTensor([Float(1), 2])
    #expect(tensor.converted(to: .float32).pointer == tensor.pointer)
    #expect(tensor.copied().pointer != tensor.pointer)
    #expect(tensor.copied().scalars(as: Float.self) == [1, 2])
  }

  @Test("a tensor too long for one thread is converted whole") func longTensor() {
    let count = 1 << 19 + 3
    let tensor = HostTensor.arange(end: count).converted(to: .float32).converted(to: .int32)
    #expect(tensor.scalars(as: Int32.self) == (0..<Int32(count)).map { $0 })
  }

  @Test("every pair of types agrees with converting one element", arguments: DType.allCases)
  func pairs(source: DType) {
    let tensor = HostTensor([0, 1, 2.75, 100, 255]).converted(to: source)
    for target in DType.allCases {
      let result = tensor.converted(to: target)
      #expect(result.dtype == target)
      #expect(result.shape == [5])
      let expected = tensor.scalars(as: Double.self).map { round($0, to: target) }
      #expect(result.scalars(as: Double.self) == expected)
    }
  }

  private func round(_ value: Double, to target: DType) -> Double { target.scalarType.init(real: value).real }
}
