import StrataCore
import StrataGraph
import Testing

@Suite("Graphs")
struct GraphTests {
  @Test("A graph prints one line a node")
  func description() {
    let x = Tensor.placeholder([2, 3])
    let y = ModuleOrigin.$current.withValue(ModuleOrigin(path: "act", typeName: "ReLU")) { x.relu() }
    let lines = Trace(of: [y + x]).graph.description.split(separator: "\n")
    #expect(lines.count == 4)
    #expect(lines[1].hasPrefix("%1 float32[2, 3] = activation("))
    #expect(lines[1].hasSuffix("(%0)  act (ReLU)"))
    #expect(lines[3] == "return %2")
  }

  @Test("The verifier accepts what operations built")
  func verifierAccepts() throws {
    let x = Tensor.placeholder([1, 3, 8, 8])
    let y = x.conv2d(.placeholder([4, 3, 3, 3]), padding: 1).relu().flatten(start: 1).softmax(dim: 1)
    try Trace(of: [y, y.argmax(dim: 1)]).graph.verify()
  }

  @Test("The verifier rejects an operand that lies behind its user")
  func verifierOrder() {
    var graph = Trace(of: [Tensor.placeholder([2]) + 1]).graph
    graph.nodes[0] = Node(op: .unary(.negate), operands: [NodeID(2)], type: TensorType([2], .float32))
    #expect(throws: StrataError(.engine, "node %0 reads %2, which does not lie before it")) {
      try graph.verify()
    }
  }

  @Test("The verifier rejects a type that the operation does not give")
  func verifierType() {
    var graph = Trace(of: [-Tensor.placeholder([2])]).graph
    graph.nodes[1].type = TensorType([3], .float32)
    #expect(throws: StrataError(.engine, "node %1 is marked float32[3], but its operation gives float32[2]"))
    {
      try graph.verify()
    }
  }

  @Test("The verifier rejects a result that does not exist")
  func verifierResult() {
    var graph = Trace(of: [Tensor.placeholder([2])]).graph
    graph.outputs = [NodeID(9)]
    #expect(throws: StrataError(.engine, "the result %9 does not exist")) { try graph.verify() }
  }

  @Test("Appending a node infers its type or tells what does not fit")
  func append() throws {
    var graph = Trace(of: [Tensor.placeholder([2, 3])]).graph
    let id = try graph.append(.permute([1, 0]), [NodeID(0)])
    #expect(graph[id].type == TensorType([3, 2], .float32))
    #expect(throws: StrataError(.shape, "[2, 3] cannot be reshaped to [5]")) {
      try graph.append(.reshape([5]), [NodeID(0)])
    }
  }

  @Test("Equal structure gives equal keys, whatever the values and modules")
  func equalKeys() {
    func network(_ path: String, _ value: Double) -> Graph {
      ModuleOrigin.$current.withValue(ModuleOrigin(path: path, typeName: "Linear")) {
        let weight = Tensor(HostTensor.filled(value, shape: [5, 4]))
        return Trace(of: [Tensor.placeholder([3, 4]).linear(weight).relu()]).graph
      }
    }
    let (a, b) = (network("fc1", 1), network("fc2", 2))
    #expect(a.structuralKey == b.structuralKey)
    #expect(a.structuralKey.hashValue == b.structuralKey.hashValue)
    #expect(Set([a.structuralKey, b.structuralKey]).count == 1)
  }

  @Test("Another shape, type, setting, order or result gives another key")
  func differentKeys() {
    let x = Tensor.placeholder([2, 4])
    let y = Tensor.placeholder([2, 4])
    let wide = Tensor.placeholder([2, 4], dtype: .float64)
    let keys = [
      [x - y], [x - x], [x - 1], [x - 2], [x + y], [wide - wide], [x.sum(dim: 0)],
      [x.sum(dim: 0, keepDim: true)],
      [Tensor.placeholder([3, 4]).sum(dim: 0)], [x - y, y], [x.reshape(8)], [x.reshape(4, 2)],
      [x.transpose(0, 1)],
      [x.softmax(dim: 1)], [x.logSoftmax(dim: 1)], [x.clamp(min: 0)], [x.clamp(min: 0, max: 6)],
    ].map { Trace(of: $0).graph.structuralKey }
    #expect(Set(keys).count == keys.count)
  }

  @Test("Use counts count readers and results")
  func useCounts() {
    let x = Tensor.placeholder([2])
    let y = x.exp()
    #expect(Trace(of: [y * y, y]).graph.useCounts() == [1, 3, 1])
  }

  @Test("Multiplications are counted as torchvision counts them")
  func costs() {
    let photo = Tensor.placeholder([1, 3, 224, 224])
    let y = photo.conv2d(.placeholder([64, 3, 7, 7]), bias: .zeros([64]), stride: 2, padding: 3).relu()
    let logits = y.adaptiveAveragePool2d(1).flatten(start: 1).linear(.placeholder([1000, 64]))
    let graph = Trace(of: [logits]).graph
    let counts = graph.nodes.filter { $0.op.leafSlot == nil }
      .map { $0.op.multiplyAccumulates(graph.operandTypes($0), $0.type) }
    #expect(counts.filter { $0 > 0 } == [118_013_952, 64_000])
    let types = [TensorType([8, 32, 3, 3], .float32), TensorType([32, 1, 3, 3], .float32)]
    let depthwise = Op.conv2d(Convolution(padding: 1, groups: 32), .none)
    #expect(depthwise.multiplyAccumulates(types, TensorType([8, 32, 3, 3], .float32)) == 8 * 32 * 9 * 9)
    let matrices = [TensorType([7, 4, 6], .float32), TensorType([6, 5], .float32)]
    #expect(Op.matmul.multiplyAccumulates(matrices, TensorType([7, 4, 5], .float32)) == 7 * 4 * 5 * 6)
  }
}
