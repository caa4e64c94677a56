import Foundation
import StrataCore
import Testing

@Suite("Random numbers") struct RandomTests {
  @Test("Philox gives the published answers") func knownAnswers() {
    let ones = UInt32.max
    #expect(
      Philox.words(counter: .zero, key: .zero)
        == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    #expect(
      Philox.words(counter: SIMD4(ones, ones, ones, ones), key: SIMD2(ones, ones))
        == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    #expect(
      Philox.words(
        counter: SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
        key: SIMD2(0xa409_3822, 0x299f_31d0)) == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  @Test("element 16g + 4w + l is word w of counter 4g + l") func elementsFollowTheCounter() {
    let key = RandomKey(seed: 0x0123_4567_89ab_cdef, stream: 0xfedc_ba98_7654_3210)
    let numbers = HostTensor.uniform(shape: [1000], key: key).scalars(as: Float.self)
    for index in numbers.indices {
      let word = key.words(UInt64(index / 16 * 4 + index % 4))[index % 16 / 4]
      #expect(numbers[index] == Float(word >> 8) * 0x1p-24)
    }
  }

  @Test("a long tensor, made by all cores, begins like short ones") func prefixIsStable() {
    let key = RandomKey(seed: 7, stream: 2)
    let make = { (count: Int) in
      [
        HostTensor.uniform(low: -1, high: 1, shape: [count], key: key).scalars(as: Float.self),
        HostTensor.normal(shape: [count], key: key).scalars(as: Float.self),
      ]
    }
    let long = make(1 << 20 + 5)
    for count in [1, 15, 16, 17, 1000] { #expect(make(count) == long.map { Array($0.prefix(count)) }) }
  }

  @Test("numbers made in parallel are those made one at a time") func parallelIsSerial() {
    let key = RandomKey(seed: 11)
    let count = 1 << 20 + 100
    let parallel = HostTensor.uniform(shape: [count], key: key).scalars(as: Float.self)
    let wrong = stride(from: 0, to: count, by: 97).filter { index in
      let word = key.words(UInt64(index / 16 * 4 + index % 4))[index % 16 / 4]
      return parallel[index] != Float(word >> 8) * 0x1p-24
    }
    #expect(wrong == [])
  }

  @Test("uniform numbers fill their range evenly") func uniformMoments() {
    let numbers = HostTensor.uniform(low: -2, high: 6, shape: [200_000], key: RandomKey(seed: 1))
      .scalars(as: Double.self)
    let (mean, deviation) = moments(numbers)
    #expect(abs(mean - 2) < 0.02)
    #expect(abs(deviation - 8 / 12.0.squareRoot()) < 0.01)
    #expect(numbers.allSatisfy { $0 >= -2 && $0 < 6 })
    #expect(numbers.max() ?? 0 > 5.999)
    #expect(numbers.min() ?? 0 < -1.999)
  }

  @Test("a range without width gives its one number") func emptyRange() {
    let numbers = HostTensor.uniform(low: 3, high: 3, shape: [20], key: RandomKey(seed: 1))
    #expect(numbers.scalars(as: Float.self) == [Float](repeating: 3, count: 20))
  }

  @Test("normal numbers have their mean, deviation, tails and independence") func normalMoments() {
    let numbers = HostTensor.normal(mean: 3, std: 2, shape: [200_000], key: RandomKey(seed: 5))
      .scalars(as: Double.self)
    let (mean, deviation) = moments(numbers)
    #expect(abs(mean - 3) < 0.02)
    #expect(abs(deviation - 2) < 0.01)
    let standard = numbers.map { ($0 - 3) / 2 }
    let share = { (limit: Double) in Double(standard.count { $0.magnitude < limit }) / 2e5 }
    #expect(abs(share(1) - 0.682689) < 0.004)
    #expect(abs(share(2) - 0.954500) < 0.002)
    #expect(abs(share(3) - 0.997300) < 0.0005)
    #expect(standard.allSatisfy { $0.magnitude < 6.6 })
    #expect(standard.contains { $0 > 4 } && standard.contains { $0 < -4 })
    let lagged = zip(standard, standard.dropFirst(4)).map(*).reduce(0, +) / 2e5
    #expect(lagged.magnitude < 0.01)
  }

  @Test("normal numbers are those of exact arithmetic, to float rounding") func normalAccuracy() {
    let key = RandomKey(seed: 21)
    let numbers = HostTensor.normal(shape: [32_000], key: key).scalars(as: Double.self)
    let errors = numbers.indices.filter { $0 % 16 < 4 }.flatMap { index in
      let words = key.words(UInt64(index / 16 * 4 + index % 4))
      return [(0, words.x, words.y), (8, words.z, words.w)].flatMap { offset, first, second in
        let radius = (-2 * log(Double(Float(first >> 1 | 1)) * 0x1p-31)).squareRoot()
        let angle = Double(second) * 0x1p-31 * Double.pi
        return [
          abs(numbers[index + offset] - radius * cos(angle)),
          abs(numbers[index + offset + 4] - radius * sin(angle)),
        ]
      }
    }
    #expect(errors.count == 32_000)
    #expect(errors.max() ?? 1 < 2e-6)
  }

  @Test("integers cover their range, and the widest one") func integers() {
    let numbers = HostTensor.randomIntegers(-3..<4, shape: [70_000], key: RandomKey(seed: 2))
    #expect(numbers.dtype == .int64)
    let counts = Dictionary(grouping: numbers.scalars(as: Int.self)) { $0 }.mapValues(\.count)
    #expect(counts.keys.sorted() == Array(-3..<4))
    #expect(counts.values.allSatisfy { abs($0 - 10_000) < 500 })
    let wide = HostTensor.randomIntegers(.min ..< .max, shape: [1000], key: RandomKey(seed: 2))
      .scalars(as: Int.self)
    #expect(wide.contains { $0 > 1 << 61 } && wide.contains { $0 < -(1 << 61) })
    #expect(HostTensor.randomIntegers(0..<2, shape: [4], dtype: .uint8).dtype == .uint8)
  }

  @Test("a Bernoulli tensor has ones as often as asked") func bernoulli() {
    let ones = HostTensor.bernoulli(probability: 0.3, shape: [200_000], key: RandomKey(seed: 4))
      .scalars(as: Int.self).reduce(0, +)
    #expect(abs(ones - 60_000) < 900)
    let key = RandomKey(seed: 1)
    #expect(HostTensor.bernoulli(probability: 1, shape: [9], dtype: .bool, key: key).dtype == .bool)
    #expect(
      HostTensor.bernoulli(probability: 1, shape: [9], key: key).scalars(as: Int.self).allSatisfy { $0 == 1 })
    #expect(
      HostTensor.bernoulli(probability: 0, shape: [9], key: key).scalars(as: Int.self).allSatisfy { $0 == 0 })
  }

  @Test("a permutation holds each number once") func permutation() {
    let order = RandomKey(seed: 9).permutation(1000)
    #expect(order.sorted() == Array(0..<1000))
    #expect(order != order.sorted())
    #expect(order == RandomKey(seed: 9).permutation(1000))
    #expect(RandomKey(seed: 9).permutation(0) == [])
    #expect(HostTensor.permutation(3).shape == [3])
  }

  @Test("seeds and streams give different numbers") func keysDiffer() {
    let tensors = [
      RandomKey(seed: 1), RandomKey(seed: 2), RandomKey(seed: 1, stream: 1), RandomKey(seed: 1 << 32),
      RandomKey(seed: 1, stream: 1 << 32),
    ].map { HostTensor.uniform(shape: [8], key: $0).scalars(as: Float.self) }
    #expect(Set(tensors).count == tensors.count)
  }

  @Test("a seed set by hand repeats what follows") func manualSeeds() {
    manualSeed(42)
    let first = [RandomKey.next(), RandomKey.next()]
    manualSeed(42)
    #expect([RandomKey.next(), RandomKey.next()] == first)
    #expect(first == [RandomKey(seed: 42), RandomKey(seed: 42, stream: 1)])
  }

  private func moments(_ numbers: [Double]) -> (mean: Double, deviation: Double) {
    let mean = numbers.reduce(0, +) / Double(numbers.count)
    let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(numbers.count)
    return (mean, variance.squareRoot())
  }
}
