import StrataCore
import StrataData
import StrataGraph
import StrataNN
import StrataRuntime

/// A network that names pictures.
///
///     let classifier = Classifier(try ModelRegistry.make("resnet50"), labels: try Labels(contentsOf: "labels.txt"))
///     try classifier.model.load("resnet50.safetensors")
///     print(try classifier.predict(Image(contentsOf: "owl.jpg"))[0])
public struct Classifier {
  /// A class and how probable it is.
  public struct Prediction: Sendable, CustomStringConvertible {
    /// The number of the class.
    public let index: Int
    /// Its name.
    public let label: String
    /// The softmax of its score, from 0 to 1.
    public let probability: Float

    /// `owl 93.1%`.
    public var description: String { "\(label) \(DecimalText.fixed(Double(probability) * 100, digits: 1))%" }
  }

  /// The network, in evaluation mode.
  public let model: Module
  /// How pictures become its input.
  public let preset: ImagePreset
  /// The names of the classes.
  public let labels: Labels

  /// Takes a network and puts it into evaluation mode.
  public init(_ model: Module, preset: ImagePreset = .imageNet, labels: Labels = Labels([])) {
    self.model = model.eval()
    self.preset = preset
    self.labels = labels
  }

  /// The most probable classes of a picture, the likeliest first.
  public func predict(_ image: Image, top count: Int = 5) throws(StrataError) -> [Prediction] {
    try predict([image], top: count)[0]
  }

  /// The most probable classes of each picture of a batch, which is run at once.
  public func predict(_ images: [Image], top count: Int = 5) throws(StrataError) -> [[Prediction]] {
    if images.isEmpty { return [] }
    let scores = model(Tensor(preset.batch(of: images)))
    if let error = scores.error { throw error }
    guard scores.rank == 2 else {
      throw StrataError(.shape, "\(model.typeName) gives \(scores.shape), not one score for each class")
    }
    let best = scores.softmax(dim: 1).topK(min(max(count, 1), scores.shape[1]), dim: 1)
    try Tensor.evaluate([best.values, best.indices])
    let values = best.values.scalars(as: Float.self)
    let indices = best.indices.scalars(as: Int.self)
    let width = best.values.shape[1]
    return images.indices.map { row in
      (row * width..<(row + 1) * width).map { place in
        Prediction(index: indices[place], label: labels[indices[place]], probability: values[place])
      }
    }
  }
}
