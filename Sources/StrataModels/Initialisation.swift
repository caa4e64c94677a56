import StrataNN

extension Module {
  /// Calls `body` with all layers of a class.
  func forEach<Layer: Module>(_ type: Layer.Type, _ body: (Layer) -> Void) {
    for module in modules { if let layer = module as? Layer { body(layer) } }
  }
}

extension Conv2d {
  /// Weights that keep the variance of gradients behind a ReLU, and no bias at first: what most networks of
  /// torchvision begin with (`kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")`).
  func drawForOutputs() {
    Init.kaimingNormal(weight, mode: .fanOut, nonlinearity: .relu)
    if let bias { Init.zeros(bias) }
  }

  /// Weights from a normal distribution, and no bias at first.
  func drawNormal(std: Double) {
    Init.normal(weight, std: std)
    if let bias { Init.zeros(bias) }
  }
}

extension Linear {
  /// Weights from a normal distribution, and no bias at first.
  func drawNormal(std: Double) {
    Init.normal(weight, std: std)
    if let bias { Init.zeros(bias) }
  }
}

/// The multiple of `divisor` next to a number of channels, at least `divisor` and not under nine tenths of what
/// was asked for (`_make_divisible`).
func divisibleChannels(_ channels: Double, by divisor: Int = 8) -> Int {
  let nearest = max(divisor, Int(channels + Double(divisor) / 2) / divisor * divisor)
  return Double(nearest) < 0.9 * channels ? nearest + divisor : nearest
}
