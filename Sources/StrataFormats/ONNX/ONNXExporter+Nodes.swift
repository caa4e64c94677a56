import StrataCore
import StrataGraph

extension ONNXExporter {
  /// Writes a node that is no leaf.
  mutating func write(_ id: NodeID) throws(StrataError) {
    let node = graph[id]
    switch node.op {
    case .input, .variable: break
    case .full(let shape, let dtype, let value): writeFull(shape, dtype, value, id)
    case .unary(let function): try writeUnary(function, id)
    case .activation(let kind): writeActivation(kind, try operand(node.operands[0]), id)
    case .clamp(let low, let high): try writeClamp(low, high, id)
    case .binary(let function): try writeBinary(function, id)
    case .select: finish("Where", try operands(id), [:], id)
    case .cast(let dtype): finish("Cast", try operands(id), ["to": .integer(ONNX.number(of: dtype))], id)
    case .reduce(let reduction, let axes, let keeps): try writeReduction(reduction, axes, keeps, id)
    case .argReduce(let extreme, let axis, let keeps):
      finish(
        extreme == .maximum ? "ArgMax" : "ArgMin", try operands(id),
        ["axis": .integer(axis), "keepdims": .integer(keeps ? 1 : 0)], id)
    case .topK(let part, let count, let axis): try writeTopK(part, count, axis, id)
    case .softmax(let axis, let logarithm):
      finish(logarithm ? "LogSoftmax" : "Softmax", try operands(id), ["axis": .integer(axis)], id)
    case .reshape(let shape): try writeReshape(shape, id)
    case .permute(let axes): finish("Transpose", try operands(id), ["perm": .integers(axes)], id)
    case .broadcast(let shape): try writeBroadcast(shape, id)
    case .slice(let starts, let sizes, let steps): try writeSlice(starts, sizes, steps, id)
    case .concatenate(let axis): finish("Concat", try operands(id), ["axis": .integer(axis)], id)
    case .pad(let before, let after, let value):
      let amounts = constant(before + after)
      finish("Pad", [try operand(node.operands[0]), amounts, scalar(value, node.type.dtype)], [:], id)
    case .indexSelect(let axis): finish("Gather", try operands(id), ["axis": .integer(axis)], id)
    case .matmul: finish("MatMul", try operands(id), [:], id)
    case .conv2d(let settings, let epilogue): try writeConvolution(settings, epilogue, id)
    case .linear(let hasBias, let epilogue): try writeLinear(hasBias: hasBias, epilogue, id)
    case .maxPool2d(let pooling): try writeMaxPool(pooling, id)
    case .averagePool2d(let pooling): try writeAveragePool(pooling, id)
    case .adaptiveAveragePool2d(let size): try writeAdaptivePool(size, id)
    case .batchNorm(let epsilon, let isAffine): try writeBatchNorm(epsilon, isAffine: isAffine, id)
    case .layerNorm(let epsilon, let isAffine): try writeLayerNorm(epsilon, isAffine: isAffine, id)
    case .batchMoments, .crossRank, .dropout, .unslice, .indexAdd, .conv2dImageGradient,
      .conv2dWeightGradient,
      .conv2dBiasGradient,
      .activationGradient, .maxPool2dGradient, .averagePool2dGradient, .adaptiveAveragePool2dGradient,
      .batchNormGradient:
      let label = node.origin.label
      throw StrataError(
        .argument,
        "\(label.isEmpty ? "" : "\(label): ")operations of training cannot be exported; call eval() first")
    }
  }

  mutating func operands(_ id: NodeID) throws(StrataError) -> [String] {
    var names: [String] = []
    for operand in graph[id].operands { names.append(try self.operand(operand)) }
    return names
  }

  private mutating func writeFull(_ shape: Shape, _ dtype: DType, _ value: Double, _ id: NodeID) {
    let single = HostTensor.filled(value, shape: [1], dtype: dtype)
    if shape.elementCount <= 1024 {
      finish("Identity", [constant(HostTensor.filled(value, shape: shape, dtype: dtype))], [:], id)
    } else {
      finish("ConstantOfShape", [constant(shape.sizes)], ["value": .tensor(single)], id)
    }
  }

  private mutating func writeUnary(_ function: Unary, _ id: NodeID) throws(StrataError) {
    let x = try operand(graph[id].operands[0])
    let type = graph[graph[id].operands[0]].type.dtype
    let plain: [Unary: String] = [
      .negate: "Neg", .absolute: "Abs", .exp: "Exp", .log: "Log", .sqrt: "Sqrt", .sin: "Sin", .cos: "Cos",
      .erf: "Erf", .floor: "Floor", .ceil: "Ceil", .round: "Round", .sign: "Sign", .isNaN: "IsNaN",
    ]
    switch function {
    case .floor, .ceil, .round:
      // ONNX has these for real numbers alone, and whole ones are their own result.
      finish(type.isFloatingPoint ? plain[function] ?? "Identity" : "Identity", [x], [:], id)
    case .negate, .absolute, .exp, .log, .sqrt, .sin, .cos, .erf, .sign, .isNaN:
      finish(plain[function] ?? "Identity", [x], [:], id)
    case .square: finish("Mul", [x, x], [:], id)
    case .rsqrt: finish("Reciprocal", [emit("Sqrt", [x], for: id)], [:], id)
    case .logicalNot:
      if type == .bool {
        finish("Not", [x], [:], id)
      } else {
        finish("Equal", [x, scalar(0, type)], [:], id)
      }
    case .isFinite:
      let wrong = emit("Or", [emit("IsNaN", [x], for: id), emit("IsInf", [x], for: id)], for: id)
      finish("Not", [wrong], [:], id)
    }
  }

  mutating func writeActivation(_ kind: Activation, _ x: String, _ id: NodeID) {
    let type = graph[id].type.dtype
    switch kind {
    case .relu: finish("Relu", [x], [:], id)
    case .relu6: finish("Clip", [x, scalar(0, type), scalar(6, type)], [:], id)
    case .hardswish: finish("HardSwish", [x], [:], id)
    case .hardsigmoid: finish("HardSigmoid", [x], ["alpha": .float(1 / 6), "beta": .float(0.5)], id)
    case .sigmoid: finish("Sigmoid", [x], [:], id)
    case .silu: finish("Mul", [x, emit("Sigmoid", [x], for: id)], [:], id)
    case .tanh: finish("Tanh", [x], [:], id)
    case .leakyReLU(let slope): finish("LeakyRelu", [x], ["alpha": .float(Float(slope))], id)
    case .gelu(let isApproximate):
      // The operator itself is younger than opset 17.
      let inner: String
      if isApproximate {
        let square = emit("Mul", [x, x], for: id)
        let cube = emit("Mul", [square, x], for: id)
        let scaled = emit("Mul", [cube, scalar(0.044715, type)], for: id)
        let sum = emit("Add", [x, scaled], for: id)
        inner = emit(
          "Tanh", [emit("Mul", [sum, scalar((2 / Double.pi).squareRoot(), type)], for: id)], for: id)
      } else {
        inner = emit("Erf", [emit("Div", [x, scalar(2.0.squareRoot(), type)], for: id)], for: id)
      }
      let share = emit("Add", [inner, scalar(1, type)], for: id)
      finish("Mul", [emit("Mul", [x, share], for: id), scalar(0.5, type)], [:], id)
    }
  }

  private mutating func writeClamp(_ low: Double, _ high: Double, _ id: NodeID) throws(StrataError) {
    let type = graph[id].type.dtype
    var inputs = [try operand(graph[id].operands[0])]
    inputs.append(low > -.infinity ? scalar(low, type) : "")
    inputs.append(high < .infinity ? scalar(high, type) : "")
    while inputs.last == "" { inputs.removeLast() }
    finish(inputs.count == 1 ? "Identity" : "Clip", inputs, [:], id)
  }

  private mutating func writeBinary(_ function: Binary, _ id: NodeID) throws(StrataError) {
    let xy = try operands(id)
    let type = graph[graph[id].operands[0]].type.dtype
    switch function {
    case .add: finish(type == .bool ? "Or" : "Add", xy, [:], id)
    case .subtract: finish("Sub", xy, [:], id)
    case .multiply: finish(type == .bool ? "And" : "Mul", xy, [:], id)
    case .divide: finish("Div", xy, [:], id)
    case .power: finish("Pow", xy, [:], id)
    case .minimum: finish("Min", xy, [:], id)
    case .maximum: finish("Max", xy, [:], id)
    case .equal: finish("Equal", xy, [:], id)
    case .notEqual: finish("Not", [emit("Equal", xy, for: id)], [:], id)
    case .less: finish("Less", xy, [:], id)
    case .lessOrEqual: finish("LessOrEqual", xy, [:], id)
    case .greater: finish("Greater", xy, [:], id)
    case .greaterOrEqual: finish("GreaterOrEqual", xy, [:], id)
    case .logicalAnd: finish("And", xy, [:], id)
    case .logicalOr: finish("Or", xy, [:], id)
    case .floorDivide:
      if type.isFloatingPoint {
        finish("Floor", [emit("Div", xy, for: id)], [:], id)
      } else {
        // Integers are divided toward zero, and the remainder has the divisor's sign.
        let rest = emit("Mod", xy, for: id)
        finish("Div", [emit("Sub", [xy[0], rest], for: id), xy[1]], [:], id)
      }
    case .remainder:
      if type.isFloatingPoint {
        let whole = emit("Floor", [emit("Div", xy, for: id)], for: id)
        finish("Sub", [xy[0], emit("Mul", [whole, xy[1]], for: id)], [:], id)
      } else {
        finish("Mod", xy, [:], id)
      }
    }
  }

  private mutating func writeReduction(
    _ reduction: Reduction, _ axes: [Int], _ keeps: Bool, _ id: NodeID
  ) throws(StrataError) {
    let x = try operand(graph[id].operands[0])
    // No axes mean all of them to ONNX.
    guard !axes.isEmpty else { return finish("Identity", [x], [:], id) }
    let keepdims = ONNXAttribute.integer(keeps ? 1 : 0)
    let name: String
    switch reduction {
    case .sum: return finish("ReduceSum", [x, constant(axes)], ["keepdims": keepdims], id)
    case .mean: name = "ReduceMean"
    case .product: name = "ReduceProd"
    case .maximum: name = "ReduceMax"
    case .minimum: name = "ReduceMin"
    }
    finish(name, [x], ["axes": .integers(axes), "keepdims": keepdims], id)
  }

  private mutating func writeTopK(
    _ part: TopKPart, _ count: Int, _ axis: Int, _ id: NodeID
  ) throws(StrataError) {
    let x = try operand(graph[id].operands[0])
    finish(
      "TopK", [x, constant([count])], ["axis": .integer(axis)], id, resultNumber: part == .values ? 0 : 1)
  }

  private mutating func writeReshape(_ shape: Shape, _ id: NodeID) throws(StrataError) {
    var sizes = shape.sizes
    if let axis = batchAxes[id.index],
      !sizes.enumerated().contains(where: { $0.offset != axis && $0.element == 0 })
    {
      sizes[axis] = -1
    }
    finish("Reshape", [try operand(graph[id].operands[0]), constant(sizes)], [:], id)
  }

  private mutating func writeBroadcast(_ shape: Shape, _ id: NodeID) throws(StrataError) {
    var sizes = shape.sizes
    // A size of 1 keeps the operand's.
    if let axis = batchAxes[id.index] { sizes[axis] = 1 }
    finish("Expand", [try operand(graph[id].operands[0]), constant(sizes)], [:], id)
  }

  private mutating func writeSlice(
    _ starts: [Int], _ sizes: [Int], _ steps: [Int], _ id: NodeID
  ) throws(StrataError) {
    let shape = graph[graph[id].operands[0]].type.shape
    let axes = shape.indices.filter { starts[$0] != 0 || sizes[$0] != shape[$0] || steps[$0] != 1 }
    let x = try operand(graph[id].operands[0])
    guard !axes.isEmpty else { return finish("Identity", [x], [:], id) }
    let ends = axes.map { sizes[$0] == 0 ? starts[$0] : starts[$0] + (sizes[$0] - 1) * steps[$0] + 1 }
    let fields = [axes.map { starts[$0] }, ends, axes, axes.map { steps[$0] }].map { constant($0) }
    finish("Slice", [x] + fields, [:], id)
  }
}
