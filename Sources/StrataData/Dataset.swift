import StrataCore

/// What a network is shown, on its way from a file to a batch.
public enum Sample: Sendable {
  /// A picture of three colours.
  case image(Image)
  /// A picture of greys: red, green and blue are the same in each pixel, and the tensor has one channel.
  case grey(Image)
  /// Numbers without the axis of the batch: `[channels, height, width]` for a picture.
  case tensor(HostTensor)
}

/// A sample and the class that it belongs to.
public struct Example: Sendable {
  /// What the network is shown.
  public var sample: Sample
  /// What it should answer, counted from 0.
  public var label: Int

  /// Creates an example.
  public init(_ sample: Sample, label: Int) {
    self.sample = sample
    self.label = label
  }
}

/// Examples by number, `torch.utils.data.Dataset`. Items are asked for from several threads at once.
public protocol Dataset: Sendable {
  /// The number of examples.
  var count: Int { get }
  /// The names of the classes, in the order of their labels.
  var classNames: [String] { get }
  /// The example of a number below `count`, read anew each time.
  func item(at index: Int) throws(StrataError) -> Example
  /// The label alone, for those who balance classes; unless told otherwise, that of the item.
  func label(at index: Int) throws(StrataError) -> Int
}

extension Dataset {
  /// The number of classes.
  public var classCount: Int { classNames.count }

  /// The label of the item, which must be read for it.
  public func label(at index: Int) throws(StrataError) -> Int { try item(at: index).label }

  /// The examples of some numbers, in their order.
  public func subset(_ indices: [Int]) throws(StrataError) -> Subset { try Subset(self, indices) }

  /// Two parts by a rule that needs no chance: of every `fold` examples the last is held out.
  public func split(every fold: Int = 5) throws(StrataError) -> (training: Subset, heldOut: Subset) {
    guard fold > 1 else { throw StrataError(.argument, "a split holds out one of 2 or more, not of \(fold)") }
    let isHeldOut = { (index: Int) in index % fold == fold - 1 }
    return (
      try subset((0..<count).filter { !isHeldOut($0) }), try subset((0..<count).filter(isHeldOut))
    )
  }
}

/// Some of a data set's examples, `torch.utils.data.Subset`.
public struct Subset: Dataset {
  /// Where the examples come from.
  public let dataset: any Dataset
  /// Their numbers there.
  public let indices: [Int]

  /// Creates a part of a data set.
  public init(_ dataset: any Dataset, _ indices: [Int]) throws(StrataError) {
    if let wrong = indices.first(where: { !(0..<dataset.count).contains($0) }) {
      throw StrataError(.argument, "the data set has \(dataset.count) examples, and none of number \(wrong)")
    }
    self.dataset = dataset
    self.indices = indices
  }

  /// The number of examples.
  public var count: Int { indices.count }
  /// The names of the classes of the whole set.
  public var classNames: [String] { dataset.classNames }
  /// The example of a number.
  public func item(at index: Int) throws(StrataError) -> Example { try dataset.item(at: indices[index]) }
  /// The label of a number.
  public func label(at index: Int) throws(StrataError) -> Int { try dataset.label(at: indices[index]) }
}

/// Any sequence or collection as a data set.
public struct CollectionDataset<Elements: RandomAccessCollection & Sendable>: Dataset {
  /// What the examples are made of.
  public let elements: Elements
  /// The names of the classes.
  public let classNames: [String]
  private let example: @Sendable (Elements.Element) throws(StrataError) -> Example

  /// Creates a data set whose examples are made of the elements of a collection when they are asked for.
  public init(
    _ elements: Elements, classNames: [String],
    example: @escaping @Sendable (Elements.Element) throws(StrataError) -> Example
  ) {
    self.elements = elements
    self.classNames = classNames
    self.example = example
  }

  /// Creates a data set of the examples of a sequence, which is gone through now.
  public init(_ examples: some Sequence<Example>, classNames: [String]) where Elements == [Example] {
    self.init(Array(examples), classNames: classNames) { $0 }
  }

  /// The number of examples.
  public var count: Int { elements.count }

  /// The example of a number.
  public func item(at index: Int) throws(StrataError) -> Example {
    try example(elements[elements.index(elements.startIndex, offsetBy: index)])
  }
}

/// Numbers in memory, `torch.utils.data.TensorDataset`.
public struct TensorDataset: Dataset {
  /// The inputs, the first axis of which counts examples.
  public let inputs: HostTensor
  /// The label of each.
  public let labels: [Int]
  /// The names of the classes.
  public let classNames: [String]

  /// Creates a data set; without names, the classes are called by their numbers.
  public init(inputs: HostTensor, labels: [Int], classNames: [String]? = nil) throws(StrataError) {
    guard let count = inputs.shape.first, count == labels.count else {
      throw StrataError(.shape, "\(labels.count) labels do not fit inputs of shape \(inputs.shape)")
    }
    self.inputs = inputs
    self.labels = labels
    self.classNames = try Labels.names(labels, given: classNames)
  }

  /// The number of examples.
  public var count: Int { labels.count }
  /// The label of a number.
  public func label(at index: Int) throws(StrataError) -> Int { labels[index] }

  /// The example of a number; its elements are not copied.
  public func item(at index: Int) throws(StrataError) -> Example {
    let row = inputs.rows(index..<index + 1).reshaped(Shape(Array(inputs.shape.dropFirst())))
    return Example(.tensor(row), label: labels[index])
  }
}

/// What labels must be.
enum Labels {
  /// More classes than anyone tells apart: a larger label is a mistake.
  static let limit = 1_000_000

  /// The names of classes, checked against the labels that are to have them.
  static func names(_ labels: [Int], given: [String]?) throws(StrataError) -> [String] {
    let count = given?.count ?? limit
    if let wrong = labels.first(where: { !(0..<count).contains($0) }) {
      throw StrataError(.argument, "labels are 0 to \(count - 1), and one is \(wrong)")
    }
    return given ?? numbered((labels.max() ?? -1) + 1)
  }

  /// Classes that have no other names.
  static func numbered(_ count: Int) -> [String] { (0..<count).map(String.init) }
}
