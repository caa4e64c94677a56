import StrataCore
import StrataGraph
import Testing

/// Checks of speed allow for what an unoptimised build costs.
private func limit(_ seconds: Int) -> Duration {
  .seconds(_isDebugAssertConfiguration() ? seconds * 6 : seconds)
}

@Suite("Traces and arenas")
struct ArenaTests {
  @Test("A trace holds what its results need, shared parts once")
  func sharedParts() throws {
    let x = Tensor.placeholder([4])
    let shared = x.exp()
    let unused = shared.sin()
    let (a, b) = (shared + 1, shared.sqrt())
    let trace = Trace(of: [a, b, a])
    #expect(unused.home === a.home)
    #expect(trace.graph.nodes.count { $0.op == .unary(.exp) } == 1)
    #expect(!trace.graph.nodes.contains { $0.op == .unary(.sin) })
    #expect(trace.graph.nodes.count == 5)
    #expect(trace.graph.outputs[0] == trace.graph.outputs[2])
    #expect(trace.sources.count == 1)
    try trace.graph.verify()
  }

  @Test("A leaf that is used twice is one source")
  func leaves() {
    let x = Tensor([1.0, 2])
    let weight = Variable([2]) { HostTensor.zeros([2]) }
    let trace = Trace(of: [(x + weight.tensor) * (x - weight.tensor)])
    #expect(trace.sources.count == 2)
    #expect(!weight.isAllocated)
  }

  @Test("Arenas merge when their tensors meet, and older handles follow")
  func merging() throws {
    let (a, b, c) = (Tensor([1.0]).exp(), Tensor([2.0]).sin(), Tensor([3.0]).cos())
    #expect(a.home !== b.home)
    let ab = a + b
    let abc = ab * c
    #expect([a, b, c, ab].allSatisfy { $0.home === abc.home })
    let trace = Trace(of: [abc, b, b + c])
    try trace.graph.verify()
    #expect(trace.graph[trace.graph.outputs[1]].op == .unary(.sin))
    let values = trace.sources.compactMap { source -> Float? in
      if case .value(let value) = source { value.scalars(as: Float.self)[0] } else { nil }
    }
    #expect(values.sorted() == [1, 2, 3])
  }

  @Test("Variables of two arenas that merge stay one source")
  func mergedVariables() throws {
    let weight = Variable([1]) { HostTensor.zeros([1]) }
    let (a, b) = (weight.tensor.exp(), weight.tensor.sin())
    let sum = a + b + weight.tensor.cos()
    let trace = Trace(of: [sum])
    try trace.graph.verify()
    #expect(trace.graph.nodes.count { $0.op.leafSlot != nil } == 1, "\(trace.graph)")
  }

  @Test("Computed values replace what computed them")
  func computedValues() {
    let x = Tensor.placeholder([1])
    let y = x.exp()
    let z = y + y
    Trace(of: [y]).finish([HostTensor([Float(5)])])
    let trace = Trace(of: [z])
    #expect(trace.graph.nodes.map(\.op) == [.input(slot: 0), .binary(.add)])
    #expect(y.knownValue?.scalars(as: Float.self) == [5])
  }

  @Test("An assigned variable is renewed with the graph that it waits in")
  func stateUpdates() {
    let mean = Variable([1]) { HostTensor.zeros([1]) }
    let x = Tensor([1.0]).exp()
    let y = x + mean.tensor
    mean.assign(mean.tensor * 0.9 + x)
    let trace = Trace(of: [y])
    #expect(trace.graph.stateUpdates.count == 1)
    #expect(trace.updatedVariables.count == 1)
    trace.finish([HostTensor([Float(1)]), HostTensor([Float(7)])])
    #expect(mean.stored.scalars(as: Float.self) == [7])
    #expect(mean.pending == nil)
    #expect(Trace(of: [y + 1]).graph.stateUpdates.isEmpty)
  }

  @Test("A constant of any size takes no memory")
  func constants() {
    let x = Tensor.zeros([1 << 50]) + 1
    #expect(x.knownValue == nil)
    #expect(x.type.byteCount == 1 << 52)
  }

  @Test("A chain of a million additions neither overflows nor leaks nor takes long")
  func longChain() throws {
    weak var arena: AnyObject?
    let duration = try ContinuousClock().measure {
      let one = Tensor([1.0])
      var sum = one
      for _ in 0..<1_000_000 { sum += one }
      arena = sum.home
      let graph = Trace(of: [sum]).graph
      #expect(graph.nodes.count == 1_000_001)
      try graph.verify()
    }
    #expect(arena == nil)
    #expect(duration < limit(5))
  }

  @Test("A sum over a hundred thousand arenas merges them in little time")
  func manyArenas() {
    weak var arena: AnyObject?
    let duration = ContinuousClock().measure {
      var sum = Tensor([1.0])
      for index in 0..<100_000 { sum = index % 2 == 0 ? Tensor([2.0]).exp() + sum : sum * 2 }
      arena = sum.home
    }
    #expect(arena == nil)
    #expect(duration < limit(5))
  }

  @Test("Many tasks build graphs at the same time, apart and together")
  func concurrency() async throws {
    let shared = Tensor([1.0]).exp()
    let results = await withTaskGroup(of: Tensor.self) { group in
      for task in 0..<32 {
        group.addTask {
          var own = Tensor([Double(task)]).sin()
          for step in 0..<200 { own = step % 50 == 0 ? own + shared : own * 2 }
          return own
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    let graph = Trace(of: results).graph
    try graph.verify()
    #expect(graph.outputs.count == 32)
    #expect(graph.nodes.count { $0.op == .unary(.exp) } == 1)
    #expect(graph.nodes.count { $0.op == .binary(.multiply) } == 32 * 196)
  }

  @Test("One variable is shared by many tasks")
  func sharedVariable() async throws {
    let weight = Variable([1]) { HostTensor.zeros([1]) }
    let results = await withTaskGroup(of: Tensor.self) { group in
      for task in 0..<32 { group.addTask { weight.tensor * Double(task) + weight.tensor } }
      return await group.reduce(into: []) { $0.append($1) }
    }
    let trace = Trace(of: results)
    try trace.graph.verify()
    #expect(trace.graph.outputs.count == 32)
  }
}
