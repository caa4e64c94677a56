import StrataCore
import StrataGraph
import StrataNN

/// Finds the blocks of a network and the links between them, level by level, in the trace of a call.
struct DiagramBuilder {
  /// A part of a container: a call inside it, or a node that its own code built.
  private enum Item: Hashable {
    case call(Int)
    case node(Int)
  }

  private enum End: Hashable {
    case entry
    case exit
    case item(Item)
  }

  private struct Link: Hashable {
    var from: End
    var to: End
    let value: Int
  }

  private let graph: Graph
  private let calls: [Int: ObservedCall]
  private let results: [Int: Int]
  private let root: Int
  private var hasCalls: Set<Int> = []
  /// Whether each node's value depends on the network's input.
  private var isLive: [Bool]
  private var links: [Int: [Link]] = [:]
  /// When each item happened, in units of nodes.
  private var times: [Item: Double] = [:]
  private var macs: [Int: Int] = [:]

  /// Reads a trace; nil where it has no call.
  init?(_ trace: NetworkTrace) {
    let observed = trace.calls.filter { $0.input.error == nil && $0.output.error == nil }
    guard let first = observed.first(where: { $0.caller == nil }) else { return nil }
    // Inputs and results of all calls are asked for, so that their nodes in the graph are known.
    let cut = Trace(of: observed.flatMap { [$0.input, $0.output] }).graph
    graph = cut
    root = first.number
    calls = Dictionary(uniqueKeysWithValues: observed.map { ($0.number, $0) })
    results = Dictionary(
      uniqueKeysWithValues: observed.enumerated().map { ($1.number, cut.outputs[2 * $0 + 1].index) })
    isLive = [Bool](repeating: false, count: cut.nodes.count)
    if let place = observed.firstIndex(where: { $0.number == first.number }) {
      isLive[cut.outputs[2 * place].index] = true
    }
    for (index, node) in cut.nodes.enumerated() where node.op.leafSlot == nil {
      isLive[index] = node.operands.contains { isLive[$0.index] }
    }
    for call in observed { if let caller = call.caller { hasCalls.insert(caller) } }
    findLinks()
    insertIdleCalls(observed)
  }

  /// The network with all inside it.
  var block: DiagramBlock { block(root) }

  // MARK: Links

  /// The parts around a node from the network inwards: containers, then the part of the innermost.
  private func path(_ index: Int) -> [Item] {
    let node = graph.nodes[index]
    // Leaves lie outside of all modules.
    guard node.op.leafSlot == nil else { return [] }
    let owner = calls[node.origin.call] == nil ? root : node.origin.call
    var path = ancestors(owner).map(Item.call)
    if !isLeaf(owner) { path.append(.node(index)) }
    return path
  }

  private func ancestors(_ call: Int) -> [Int] {
    var chain = [call]
    while let last = chain.last, let caller = calls[last]?.caller, calls[caller] != nil {
      chain.append(caller)
    }
    return chain.reversed()
  }

  private func isLeaf(_ call: Int) -> Bool {
    !hasCalls.contains(call) && calls[call]?.module.children.isEmpty != false
  }

  private mutating func findLinks() {
    let paths = graph.nodes.indices.map { isLive[$0] ? path($0) : [] }
    for (index, node) in graph.nodes.enumerated() where isLive[index] && node.op.leafSlot == nil {
      let cost = node.op.multiplyAccumulates(graph.operandTypes(node), node.type)
      for item in paths[index] {
        times[item] = min(times[item] ?? .infinity, Double(index))
        if case .call(let call) = item { macs[call, default: 0] += cost }
      }
      for operand in node.operands where isLive[operand.index] {
        connect(operand.index, paths[operand.index], paths[index])
      }
    }
    for (call, result) in results where !isLeaf(call) && isLive[result] {
      let around = ancestors(call).map(Item.call)
      let inner = paths[result]
      if inner.count > around.count, inner.starts(with: around) {
        add(Link(from: .item(inner[around.count]), to: .exit, value: result), in: call)
      } else if times[.call(call)] == nil {
        add(Link(from: .entry, to: .exit, value: result), in: call)
      }
    }
  }

  /// Links a value's producer with a reader on every level that lies between them.
  private mutating func connect(_ value: Int, _ from: [Item], _ to: [Item]) {
    guard from != to else { return }
    let common = zip(from, to).prefix { $0 == $1 }.count
    func container(_ item: Item) -> Int? { if case .call(let call) = item { call } else { nil } }
    if common > 0, let call = container(to[common - 1]) {
      add(Link(from: .item(from[common]), to: .item(to[common]), value: value), in: call)
    }
    for level in common..<(to.count - 1) {
      if let call = container(to[level]) {
        add(Link(from: .entry, to: .item(to[level + 1]), value: value), in: call)
      }
    }
    for level in common..<max(common, from.count - 1) {
      if let call = container(from[level]) {
        add(Link(from: .item(from[level + 1]), to: .exit, value: value), in: call)
      }
    }
  }

  private mutating func add(_ link: Link, in call: Int) {
    if links[call]?.contains(link) != true { links[call, default: []].append(link) }
  }

  /// Puts calls that leave no operation, such as dropout in evaluation, into the links that they lie in.
  private mutating func insertIdleCalls(_ observed: [ObservedCall]) {
    var ends: [Int: Double] = [:]
    for (index, node) in graph.nodes.enumerated() where isLive[index] && node.op.leafSlot == nil {
      for call in ancestors(node.origin.call) { ends[call] = Double(index) }
    }
    for call in observed {
      guard times[.call(call.number)] == nil, let caller = call.caller, let value = results[call.number],
        isLive[value]
      else { continue }
      let before = observed.filter { $0.caller == caller && $0.number < call.number }
      let begin = before.compactMap { ends[$0.number] }.max() ?? 0
      // Idle calls in a row come in the order of their numbers.
      let time = max(begin, Double(value)) + 0.5 + 1e-9 * Double(before.count)
      let item = Item.call(call.number)
      var found = links[caller] ?? []
      let readers = found.indices.filter { found[$0].value == value && self.time(found[$0].to) > time }
      guard let first = readers.first else { continue }
      times[item] = time
      let holder = found[first].from
      for reader in readers { found[reader].from = .item(item) }
      found.append(Link(from: holder, to: .item(item), value: value))
      links[caller] = found
    }
  }

  private func time(_ end: End) -> Double {
    switch end {
    case .entry: -1
    case .exit: .infinity
    case .item(let item): times[item] ?? -1
    }
  }

  // MARK: Blocks

  private func block(_ number: Int) -> DiagramBlock {
    guard let call = calls[number] else { preconditionFailure("a call that was not observed") }
    let isLeaf = isLeaf(number)
    var caption = DiagramCaption(call.module)
    if !isLeaf { caption.kind = .container }
    var block = DiagramBlock(
      name: call.path.split(separator: ".").last.map(String.init) ?? "", path: call.path,
      typeName: call.module.typeName, detail: caption.detail,
      settings: isLeaf ? call.module.extraDescription(dialect: .torch2_15) : "", kind: caption.kind,
      output: call.output.shape, parameters: call.module.parameterCount, macs: macs[number] ?? 0)
    guard !isLeaf else { return block }
    let found = links[number] ?? []
    let items = Set(found.flatMap { [$0.from, $0.to] })
      .compactMap { end -> Item? in if case .item(let item) = end { item } else { nil } }
      .sorted { (times[$0] ?? 0) < (times[$1] ?? 0) }
    let order = Dictionary(uniqueKeysWithValues: items.enumerated().map { ($1, $0) })
    func place(_ end: End) -> DiagramBlock.End {
      switch end {
      case .entry: .entry
      case .exit: .exit
      case .item(let item): .block(order[item] ?? 0)
      }
    }
    block.blocks = items.map { item in
      switch item {
      case .call(let inner): self.block(inner)
      case .node(let index): self.block(of: index, in: call.path)
      }
    }
    block.links = found.map { link in
      DiagramBlock.Link(
        from: place(link.from), to: place(link.to), value: link.value,
        shape: graph.nodes[link.value].type.shape)
    }
    return block
  }

  private func block(of index: Int, in path: String) -> DiagramBlock {
    let node = graph.nodes[index]
    let caption = DiagramCaption(node)
    return DiagramBlock(
      name: "", path: path, typeName: node.op.diagramTitle(node.type), detail: caption.detail, settings: "",
      kind: caption.kind, output: node.type.shape, parameters: 0,
      macs: node.op.multiplyAccumulates(graph.operandTypes(node), node.type))
  }
}
