extension HostTensor {
  /// Creates numbers spread evenly over `low..<high`.
  public static func uniform(
    low: Float = 0, high: Float = 1, shape: Shape, key: RandomKey = .next()
  ) -> HostTensor {
    precondition(low <= high, "uniform numbers need low <= high, got \(low) and \(high)")
    return HostTensor(shape: shape) { key.fillUniform($0, low: low, high: high) }
  }

  /// Creates numbers of a normal distribution.
  public static func normal(
    mean: Float = 0, std: Float = 1, shape: Shape, key: RandomKey = .next()
  ) -> HostTensor {
    precondition(std >= 0, "normal numbers need std >= 0, got \(std)")
    return HostTensor(shape: shape) { key.fillNormal($0, mean: mean, standardDeviation: std) }
  }

  /// Creates integers spread evenly over a range.
  public static func randomIntegers(
    _ range: Range<Int>, shape: Shape, dtype: DType = .int64, key: RandomKey = .next()
  ) -> HostTensor {
    precondition(!range.isEmpty, "random integers need a range that is not empty, got \(range)")
    let span = UInt64(bitPattern: Int64(range.upperBound) &- Int64(range.lowerBound))
    let result = HostTensor(shape: shape) { (elements: UnsafeMutableBufferPointer<Int64>) in
      nonisolated(unsafe) let elements = elements
      Parallel.forEachRange(of: elements.count, grain: 1 << 18) { indices in
        for index in indices {
          let offset = Int64(bitPattern: key.integer(index, below: span))
          elements.initializeElement(at: index, to: Int64(range.lowerBound) &+ offset)
        }
      }
    }
    return result.converted(to: dtype)
  }

  /// Creates ones with a probability and zeros otherwise.
  public static func bernoulli(
    probability: Float, shape: Shape, dtype: DType = .float32, key: RandomKey = .next()
  ) -> HostTensor {
    precondition((0...1).contains(probability), "a probability lies between 0 and 1, got \(probability)")
    let result = HostTensor(shape: shape) { (elements: UnsafeMutableBufferPointer<Float>) in
      key.fillUniform(elements)
      for index in elements.indices { elements[index] = elements[index] < probability ? 1 : 0 }
    }
    return result.converted(to: dtype)
  }

  /// Creates the numbers below `count` in random order.
  public static func permutation(_ count: Int, key: RandomKey = .next()) -> HostTensor {
    HostTensor(key.permutation(count))
  }
}
