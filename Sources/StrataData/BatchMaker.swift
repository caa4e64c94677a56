import StrataCore

/// What a batch is made of.
struct BatchRequest: Sendable {
  /// Where the batch begins.
  let state: LoaderState
  /// The examples.
  let indices: [Int]
  /// How many the batch has over all processes.
  let total: Int
  /// The place of each example in the whole batch.
  let places: [Int]
  /// Whether the example is another process's and does not count.
  let standsIn: Bool

  /// Creates the request of one process for a batch: every so many examples, from its rank on.
  init(state: LoaderState, batch: ArraySlice<Int>, part: Shard) {
    self.state = state
    total = batch.count
    let own = Array(stride(from: part.rank, to: batch.count, by: part.count))
    standsIn = own.isEmpty
    places = standsIn ? [0] : own
    indices = places.map { batch[batch.startIndex + $0] }
  }
}

/// Makes samples and batches: pure functions of a request, for any thread.
struct BatchMaker: Sendable {
  let dataset: any Dataset
  let transform: any Transform
  let batchTransform: (any BatchTransform)?
  /// Whether examples come more than once in an epoch, and must not be transformed alike each time.
  let repeats: Bool

  /// A sample that is ready.
  struct Item: Sendable {
    let tensor: HostTensor
    let label: Int
  }

  /// The sample in a place of a batch.
  func item(_ request: BatchRequest, _ place: Int) throws(StrataError) -> Item {
    let index = request.indices[place]
    let example = try dataset.item(at: index)
    var key = Purpose.samples.key(request.state).child(index)
    if repeats { key = key.child(request.state.position + request.places[place]) }
    let tensor = try transformed(example.sample, key, index)
    guard (0..<max(dataset.classCount, 1)).contains(example.label) else {
      throw StrataError(
        .argument, "example \(index) has label \(example.label), and there are \(dataset.classCount) classes")
    }
    return Item(tensor: tensor.converted(to: .float32), label: example.label)
  }

  /// A sample after the transform, whose errors do not know which example they are about.
  private func transformed(
    _ sample: Sample, _ key: RandomKey, _ index: Int
  ) throws(StrataError) -> HostTensor {
    do throws(StrataError) {
      return try transform.apply(sample, key: key).tensor
    } catch {
      throw StrataError(error.kind, "example \(index): \(error.message)")
    }
  }

  /// The batch of samples that are ready.
  func batch(_ request: BatchRequest, _ items: [Item]) throws(StrataError) -> Batch {
    let shape = items.first?.tensor.shape ?? []
    if let wrong = items.indices.first(where: { items[$0].tensor.shape != shape }) {
      throw StrataError(
        .shape,
        "a batch needs samples of one shape: example \(request.indices[0]) has \(shape), "
          + "example \(request.indices[wrong]) has \(items[wrong].tensor.shape)")
    }
    let size = shape.elementCount
    let inputs = HostTensor(shape: Shape([items.count] + shape.sizes)) {
      (target: UnsafeMutableBufferPointer<Float>) in
      guard let start = target.baseAddress else { return }
      for (place, item) in items.enumerated() {
        item.tensor.withElements(as: Float.self) { source in
          if let source = source.baseAddress { (start + place * size).initialize(from: source, count: size) }
        }
      }
    }
    let labels = HostTensor(items.map { Int64($0.label) })
    var batch = Batch(inputs: inputs, labels: labels, indices: request.indices)
    let key = Purpose.batches.key(request.state).child(request.state.position)
    batch = try batchTransform?.apply(batch, key: key) ?? batch
    (batch.total, batch.standsIn) = (request.total, request.standsIn)
    return batch
  }

  /// The batch of a request, made by this thread alone.
  func batch(_ request: BatchRequest) throws(StrataError) -> Batch {
    var items: [Item] = []
    for place in request.indices.indices { items.append(try item(request, place)) }
    return try batch(request, items)
  }
}
