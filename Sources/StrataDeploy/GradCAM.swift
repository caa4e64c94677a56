import StrataCore
import StrataData
import StrataGraph
import StrataNN
import StrataRuntime

/// Where in a picture a network sees what it names: gradient-weighted class activation mapping
/// (Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra, https://arxiv.org/abs/1610.02391).
public struct GradCAM: Sendable {
  /// The module whose output was looked at: the last one that gives maps.
  public let layer: String
  /// The class that was asked about.
  public let index: Int
  /// How much each place of the map speaks for the class, `[H, W]` from 0 to 1.
  public let map: HostTensor

  /// Asks a network about one picture.
  ///
  /// - Parameters:
  ///   - model: The network.
  ///   - input: The picture as the network's input, `[1, C, H, W]`.
  ///   - index: The class; the likeliest where none is given.
  public init(of model: Module, input: HostTensor, index: Int? = nil) throws(StrataError) {
    let wasTraining = model.isTraining
    defer { model.train(wasTraining) }
    model.eval()
    let chosen: Int
    if let index {
      chosen = index
    } else {
      chosen = try model(Tensor(input)).argmax().value().scalars(as: Int.self)[0]
    }
    let (scores, calls) = CallLog.watch { model(Tensor(input)) }
    if let error = scores.error { throw error }
    guard scores.rank == 2, scores.shape[0] == 1, (0..<scores.shape[1]).contains(chosen) else {
      throw StrataError(.argument, "\(model.typeName) has no score for class \(chosen) in \(scores.shape)")
    }
    let maps = calls.last { $0.output.rank == 4 && $0.output.shape[2] * $0.output.shape[3] > 1 }
    guard let maps else {
      throw StrataError(.argument, "\(model.typeName) has no layer that gives maps to look at")
    }
    let features = maps.output
    let gradient = gradients(of: scores[0, chosen], wrt: [features])[0]
    let weights = gradient.mean(dims: [2, 3], keepDim: true)
    let map = (weights * features).sum(dim: 1).relu()[0]
    let largest = map.max()
    layer = maps.path
    self.index = chosen
    self.map = try (map / largest.clamp(min: 1e-12)).value()
  }

  /// The picture with the map laid over it: blue where nothing speaks for the class, red where most does.
  public func overlay(on image: Image, opacity: Double = 0.5) throws(StrataError) -> Image {
    let (height, width) = (map.shape[0], map.shape[1])
    let values = map.scalars(as: Double.self)
    var pixels = image.pixels
    for y in 0..<image.height {
      let row = (Double(y) + 0.5) * Double(height) / Double(image.height) - 0.5
      let top = min(max(Int(row.rounded(.down)), 0), height - 1)
      let bottom = min(top + 1, height - 1)
      let down = min(max(row - Double(top), 0), 1)
      for x in 0..<image.width {
        let column = (Double(x) + 0.5) * Double(width) / Double(image.width) - 0.5
        let left = min(max(Int(column.rounded(.down)), 0), width - 1)
        let right = min(left + 1, width - 1)
        let across = min(max(column - Double(left), 0), 1)
        let above = values[top * width + left] * (1 - across) + values[top * width + right] * across
        let below = values[bottom * width + left] * (1 - across) + values[bottom * width + right] * across
        let heat = GradCAM.colour(above * (1 - down) + below * down)
        for channel in 0..<3 {
          let place = (y * image.width + x) * 3 + channel
          let mixed = Double(pixels[place]) * (1 - opacity) + heat[channel] * 255 * opacity
          pixels[place] = UInt8(min(max(mixed.rounded(), 0), 255))
        }
      }
    }
    return try Image(width: image.width, height: image.height, pixels: pixels)
  }

  /// The usual rainbow of heat maps, from blue over green to red.
  private static func colour(_ value: Double) -> SIMD3<Double> {
    let distance = SIMD3(abs(4 * value - 3), abs(4 * value - 2), abs(4 * value - 1))
    return (SIMD3(repeating: 1.5) - distance).clamped(lowerBound: .zero, upperBound: .one)
  }
}
