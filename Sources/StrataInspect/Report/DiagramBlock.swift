import StrataCore

/// A part of a network as a diagram shows it: a call of a module, or an operation in a module's own code.
struct DiagramBlock: Sendable {
  /// What a block does, which chooses its colour.
  enum Kind: String, Sendable, CaseIterable {
    case convolution, linear, normalisation, activation, pooling, regularisation, operation, container
  }

  /// Where a link begins or ends: at the container's own input or output, or at one of its blocks.
  enum End: Sendable, Hashable {
    case entry
    case exit
    case block(Int)
  }

  /// A value that flows from one block to another.
  struct Link: Sendable, Hashable {
    var from: End
    var to: End
    /// Tells values apart: one that is read twice leaves its block once.
    let value: Int
    let shape: Shape
  }

  /// The module's name in its parent; of folded blocks, the first one's. Empty for operations.
  let name: String
  /// The path from the network.
  let path: String
  /// The module's class, or a word or sign for the operation.
  let typeName: String
  /// The settings that matter, in the notation of papers: `3×3, 64, /2`.
  let detail: String
  /// The settings as PyTorch prints them.
  let settings: String
  let kind: Kind
  var output: Shape
  /// The elements of the parameters of the module and all inside it.
  let parameters: Int
  /// Multiplications, each with an addition, of the call.
  let macs: Int
  /// What lies inside, producers before their readers.
  var blocks: [DiagramBlock] = []
  var links: [Link] = []
  /// The name of the last of several equal blocks in a row that this one stands for.
  var lastName: String?
  /// How many equal blocks in a row this one stands for.
  var count = 1

  /// Whether there is something to unfold.
  var isContainer: Bool { !blocks.isEmpty }
  /// `conv1`, or `1 – 35` of folded blocks.
  var title: String { lastName.map { "\(name) – \($0)" } ?? name }
  /// `Bottleneck`, or `35 × Bottleneck` of folded blocks.
  var typeTitle: String { count > 1 ? "\(count) × \(typeName)" : typeName }
  /// The boxes inside, folded ones once.
  var leafCount: Int { isContainer ? blocks.reduce(0) { $0 + $1.leafCount } : 1 }

  /// Whether each block inside reads the one before it and nothing else.
  var isChain: Bool {
    var pairs = Set(links.map { [$0.from, $0.to] })
    for index in 0...blocks.count {
      let from = index == 0 ? End.entry : .block(index - 1)
      guard pairs.remove([from, index == blocks.count ? .exit : .block(index)]) != nil else { return false }
    }
    return pairs.isEmpty
  }

  /// The shape of what goes in, where that is one value.
  var input: Shape? { links.first { $0.from == .entry }?.shape }
}

extension DiagramBlock {
  /// Equal blocks in a row inside this one and those below it as one block each.
  func folded() -> DiagramBlock {
    var result = self
    result.blocks = blocks.map { $0.folded() }
    let signatures = result.blocks.map(\.signature)
    var targets = [Int](repeating: 0, count: blocks.count)
    var kept: [DiagramBlock] = []
    for (index, block) in result.blocks.enumerated() {
      if index > 0, block.isContainer, signatures[index] == signatures[index - 1], follows(index) {
        kept[kept.count - 1].lastName = block.name
        kept[kept.count - 1].count += 1
        kept[kept.count - 1].output = block.output
      } else {
        kept.append(block)
      }
      targets[index] = kept.count - 1
    }
    func moved(_ end: End) -> End { if case .block(let index) = end { .block(targets[index]) } else { end } }
    result.blocks = kept
    result.links = links.compactMap { link in
      var link = link
      (link.from, link.to) = (moved(link.from), moved(link.to))
      return link.from == link.to ? nil : link
    }
    return result
  }

  /// Whether a block reads the one before it and nothing else, and is the only one to read it.
  private func follows(_ index: Int) -> Bool {
    links.allSatisfy { link in (link.to == .block(index)) == (link.from == .block(index - 1)) }
  }

  /// What blocks that look the same have in common. Names do not count, nor do the settings of what does nothing
  /// in evaluation.
  private var signature: String {
    let inside = blocks.map(\.signature).joined(separator: ";")
    let ends = links.map { "\($0.from)>\($0.to)\($0.shape)" }.joined(separator: ";")
    let detail = kind == .regularisation ? "" : detail
    return "\(typeName)|\(detail)|\(count)|\(output)|\(parameters)|\(macs)|(\(inside))(\(ends))"
  }
}
