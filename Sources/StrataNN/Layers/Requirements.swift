import StrataCore

/// Stops a program that builds a layer with a size that is not positive.
func requirePositive(_ layer: String, _ sizes: [(name: String, value: Int)]) {
  for (name, value) in sizes { precondition(value > 0, "\(layer): \(name) must be positive, got \(value)") }
}

/// Stops a program that builds a layer with a size that is not positive.
func requirePositive(_ layer: String, _ sizes: [(name: String, value: IntPair)]) {
  for (name, value) in sizes {
    precondition(value.height > 0 && value.width > 0, "\(layer): \(name) must be positive, got \(value)")
  }
}

extension IntPair {
  /// One number where both are the same, else a tuple: how PyTorch prints a pooling window.
  var briefText: String { isSquare ? "\(height)" : description }
}
