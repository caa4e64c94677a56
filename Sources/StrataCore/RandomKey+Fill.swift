extension RandomKey {
  /// Elements one call of the generator makes: four words of four counters.
  ///
  /// Element 16g + 4w + l is word w of counter 4g + l. Vectors are then stored as they come.
  private static let groupSize = 16

  /// Elements a thread takes at a time: two huge pages.
  private static let grain = 1 << 20

  /// Writes numbers spread evenly over `low..<high`; element `i` depends on the key and `i` alone.
  public func fillUniform(_ target: UnsafeMutableBufferPointer<Float>, low: Float = 0, high: Float = 1) {
    // Rounding may reach the upper bound, which does not belong to the range.
    let limit = high > low ? high.nextDown : low
    fill(target, UniformNumbers(scale: (high - low) * 0x1p-24, offset: low, limit: limit))
  }

  /// Writes numbers of a normal distribution; element `i` depends on the key and `i` alone.
  public func fillNormal(
    _ target: UnsafeMutableBufferPointer<Float>, mean: Float = 0, standardDeviation: Float = 1
  ) {
    fill(target, NormalNumbers(mean: mean, standardDeviation: standardDeviation))
  }

  private func fill(_ target: UnsafeMutableBufferPointer<Float>, _ distribution: some Distribution) {
    guard let address = target.baseAddress else { return }
    nonisolated(unsafe) let start = address
    let size = Self.groupSize
    Parallel.forEachRange(of: target.count, grain: Self.grain) { range in
      let whole = range.lowerBound / size..<range.upperBound / size
      for index in whole {
        let vectors = distribution.numbers(Philox.group(index, self))
        UnsafeMutableRawPointer(start + index * size).storeBytes(of: vectors, as: Vectors.self)
      }
      // Only the last range can end within a group.
      let rest = whole.upperBound * size..<range.upperBound
      guard !rest.isEmpty else { return }
      withUnsafeBytes(of: distribution.numbers(Philox.group(whole.upperBound, self))) { bytes in
        let target = UnsafeMutableRawBufferPointer(
          start: start + rest.lowerBound, count: rest.count * MemoryLayout<Float>.stride)
        target.copyBytes(from: bytes.prefix(target.count))
      }
    }
  }
}

/// Sixteen numbers, in the order of a `Philox.Group`.
private typealias Vectors = (SIMD4<Float>, SIMD4<Float>, SIMD4<Float>, SIMD4<Float>)

/// How random words become numbers.
private protocol Distribution: Sendable {
  func numbers(_ group: Philox.Group) -> Vectors
}

private struct UniformNumbers: Distribution {
  let scale: Float
  let offset: Float
  let limit: Float

  @inline(__always)
  func numbers(_ group: Philox.Group) -> Vectors {
    let words = group.words
    return (number(words.0), number(words.1), number(words.2), number(words.3))
  }

  @inline(__always)
  private func number(_ word: SIMD4<UInt32>) -> SIMD4<Float> {
    let integer = SIMD4<Int32>(truncatingIfNeeded: word &>> 8)
    let limit = SIMD4(repeating: limit)
    let number = SIMD4<Float>(integer) * scale + offset
    return number.replacing(with: limit, where: number .> limit)
  }
}

/// The transform of Box and Muller: two uniform numbers make two independent normal ones.
///
/// Logarithm, sine and cosine are computed here, and not by the C library, to be the same on every system.
struct NormalNumbers: Distribution {
  let mean: Float
  let standardDeviation: Float

  @inline(__always)
  fileprivate func numbers(_ group: Philox.Group) -> Vectors {
    let first = pair(group.words.0, group.words.1)
    let second = pair(group.words.2, group.words.3)
    return (
      first.0 * standardDeviation + mean, first.1 * standardDeviation + mean,
      second.0 * standardDeviation + mean, second.1 * standardDeviation + mean
    )
  }

  @inline(__always)
  private func pair(
    _ radius: SIMD4<UInt32>, _ angle: SIMD4<UInt32>
  ) -> (SIMD4<Float>, SIMD4<Float>) {
    // Odd, hence never zero, whose logarithm would be infinite.
    let integer = SIMD4<Int32>(truncatingIfNeeded: (radius &>> 1) | 1)
    let length = (Self.logarithm(SIMD4<Float>(integer) * Float(0x1p-31)) * Float(-2)).squareRoot()
    let (cosine, sine) = Self.cosineAndSine(angle)
    return (length * cosine, length * sine)
  }

  /// The natural logarithm of normal numbers, right to about two units in the last place.
  ///
  /// Own arithmetic, and not the C library's, keeps the numbers the same on every system.
  @inline(__always)
  static func logarithm(_ x: SIMD4<Float>) -> SIMD4<Float> {
    let bits = unsafeBitCast(x, to: SIMD4<Int32>.self)
    // Subtracting √½ splits x into 2ᵉ·m with m between √½ and √2.
    let exponent = (bits &- 0x3f35_04f3) &>> 23
    let m = unsafeBitCast(bits &- (exponent &<< 23), to: SIMD4<Float>.self)
    // log m = 2 artanh s, an odd series that converges fast for |s| < 0.172.
    let s = (m - 1) / (m + 1)
    let z = s * s
    let series = z * polynomial(z, 1 / 3, 1 / 5, 1 / 7, 1 / 9, 1 / 11)
    return SIMD4<Float>(exponent) * Float(0.693147180559945) + (s + s * series) * 2
  }

  /// The cosine and the sine of an angle given as a fraction of a turn in units of 2⁻³².
  @inline(__always)
  static func cosineAndSine(_ turn: SIMD4<UInt32>) -> (SIMD4<Float>, SIMD4<Float>) {
    // Integer arithmetic finds the nearest quarter turn and the exact rest.
    let quarter = (turn &+ 0x2000_0000) &>> 30
    let rest = SIMD4<Int32>(truncatingIfNeeded: turn &- (quarter &<< 30))
    let x = SIMD4<Float>(rest) * Float(1.57079632679489662 * 0x1p-30)
    let z = x * x
    let sine = x + x * z * polynomial(z, -1 / 6, 1 / 120, -1 / 5040, 1 / 362_880, 0)
    let cosine = z * polynomial(z, -1 / 2, 1 / 24, -1 / 720, 1 / 40_320, -1 / 3_628_800) + 1
    // Quarters 0, 1, 2, 3 give (c, s), (−s, c), (−c, −s), (s, −c).
    let isOdd = (quarter & 1) .== 1
    let first = unsafeBitCast(cosine.replacing(with: sine, where: isOdd), to: SIMD4<UInt32>.self)
    let second = unsafeBitCast(sine.replacing(with: cosine, where: isOdd), to: SIMD4<UInt32>.self)
    return (
      unsafeBitCast(first ^ (((quarter &+ 1) & 2) &<< 30), to: SIMD4<Float>.self),
      unsafeBitCast(second ^ ((quarter & 2) &<< 30), to: SIMD4<Float>.self)
    )
  }

  /// a + bz + cz² + dz³ + ez⁴.
  @inline(__always)
  private static func polynomial(
    _ z: SIMD4<Float>, _ a: Float, _ b: Float, _ c: Float, _ d: Float, _ e: Float
  ) -> SIMD4<Float> {
    var sum = z * e + d
    sum = sum * z + c
    sum = sum * z + b
    return sum * z + a
  }
}
