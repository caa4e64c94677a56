import StrataCore
import StrataGraph

extension ONNXExporter {
  // MARK: - Convolutions and matrices

  mutating func writeConvolution(
    _ settings: Convolution, _ epilogue: Epilogue, _ id: NodeID
  ) throws(StrataError) {
    let node = graph[id]
    var inputs = try normalized[id] == nil ? operands(id) : foldedOperands(id, settings)
    let residual = epilogue.addsResidual ? inputs.popLast() : nil
    let kernel = graph[node.operands[1]].type.shape
    let (pad, stride, dilation) = (settings.padding, settings.stride, settings.dilation)
    let attributes: [String: ONNXAttribute] = [
      "kernel_shape": .integers([kernel[2], kernel[3]]), "strides": .integers([stride.height, stride.width]),
      "pads": .integers([pad.height, pad.width, pad.height, pad.width]),
      "dilations": .integers([dilation.height, dilation.width]), "group": .integer(settings.groups),
    ]
    if let target = normalized[id] { passOutputName(from: target, to: id) }
    finish("Conv", inputs, attributes, id, residual: residual, epilogue.activation)
    if let target = normalized[id] { alias(target, to: id) }
  }

  mutating func writeLinear(hasBias: Bool, _ epilogue: Epilogue, _ id: NodeID) throws(StrataError) {
    var inputs = try operands(id)
    let residual = epilogue.addsResidual ? inputs.popLast() : nil
    if graph[graph[id].operands[0]].type.shape.rank == 2 {
      finish("Gemm", inputs, ["transB": .integer(1)], id, residual: residual, epilogue.activation)
      return
    }
    let weights = emit("Transpose", [inputs[1]], ["perm": .integers([1, 0])], for: id)
    guard hasBias else {
      return finish("MatMul", [inputs[0], weights], [:], id, residual: residual, epilogue.activation)
    }
    let product = emit("MatMul", [inputs[0], weights], for: id)
    finish("Add", [product, inputs[2]], [:], id, residual: residual, epilogue.activation)
  }

  /// Appends an operator and what follows it within the same node.
  private mutating func finish(
    _ op: String, _ inputs: [String], _ attributes: [String: ONNXAttribute], _ id: NodeID, residual: String?,
    _ activation: Activation?
  ) {
    guard residual != nil || activation != nil else { return finish(op, inputs, attributes, id) }
    var value = emit(op, inputs, attributes, for: id)
    if let residual {
      guard activation != nil else { return finish("Add", [value, residual], [:], id) }
      value = emit("Add", [value, residual], for: id)
    }
    if let activation { writeActivation(activation, value, id) }
  }

  // MARK: - Normalisation

  mutating func writeBatchNorm(_ epsilon: Double, isAffine: Bool, _ id: NodeID) throws(StrataError) {
    let inputs = try operands(id)
    let type = graph[graph[id].operands[1]].type
    let scale = isAffine ? inputs[3] : constant(.ones(type.shape, dtype: type.dtype))
    let shift = isAffine ? inputs[4] : constant(.zeros(type.shape, dtype: type.dtype))
    finish(
      "BatchNormalization", [inputs[0], scale, shift, inputs[1], inputs[2]],
      ["epsilon": .float(Float(epsilon))], id)
  }

  mutating func writeLayerNorm(_ epsilon: Double, isAffine: Bool, _ id: NodeID) throws(StrataError) {
    var inputs = try operands(id)
    if !isAffine, let features = graph[id].type.shape.last {
      inputs.append(constant(.ones([features], dtype: graph[id].type.dtype)))
    }
    finish(
      "LayerNormalization", inputs, ["axis": .integer(-1), "epsilon": .float(Float(epsilon))], id)
  }

  /// Finds convolutions whose only reader is a batch normalisation, all of known numbers.
  mutating func findNormalizedConvolutions() {
    let uses = graph.useCounts()
    for (index, node) in graph.nodes.enumerated() {
      guard case .batchNorm = node.op, let first = node.operands.first, uses[first.index] == 1,
        case .conv2d(_, .none) = graph[first].op, node.operands.dropFirst().allSatisfy({ known($0) != nil }),
        graph[first].operands.dropFirst().allSatisfy({ known($0) != nil })
      else { continue }
      normalized[first] = NodeID(index)
    }
  }

  /// The operands of a convolution whose normalisation went into its weights and bias.
  private mutating func foldedOperands(_ id: NodeID, _ settings: Convolution) throws(StrataError) -> [String]
  {
    let node = graph[id]
    guard let target = normalized[id], case .batchNorm(let epsilon, let isAffine) = graph[target].op,
      let weights = known(node.operands[1])
    else { return try operands(id) }
    let numbers = graph[target].operands.dropFirst().compactMap { known($0)?.scalars(as: Double.self) }
    let old = settings.hasBias ? known(node.operands[2])?.scalars(as: Double.self) : nil
    let (mean, variance) = (numbers[0], numbers[1])
    let factors = mean.indices.map { (isAffine ? numbers[2][$0] : 1) / (variance[$0] + epsilon).squareRoot() }
    let bias = mean.indices.map { channel in
      ((old?[channel] ?? 0) - mean[channel]) * factors[channel] + (isAffine ? numbers[3][channel] : 0)
    }
    let step = weights.elementCount / max(factors.count, 1)
    let scaled = weights.scalars(as: Double.self).enumerated().map { $1 * factors[$0 / max(step, 1)] }
    let name = storedName(node.operands[1])
    let uses = graph.useCounts()[node.operands[1].index]
    let newWeights = HostTensor(scaled, shape: weights.shape).converted(to: weights.dtype)
    let newBias = HostTensor(bias).converted(to: weights.dtype)
    var weightName = name ?? "weight"
    // Weights that another convolution reads stay what they were.
    if uses == 1, name != nil {
      replace(newWeights, weightName)
    } else {
      weightName = store(newWeights, weightName)
    }
    let stem = name.map { $0.hasSuffix("weight") ? String($0.dropLast(6)) : $0 + "." } ?? ""
    let biasName = settings.hasBias ? storedName(node.operands[2]) : nil
    if let biasName, graph.useCounts()[node.operands[2].index] == 1 {
      replace(newBias, biasName)
      return [try operand(node.operands[0]), weightName, biasName]
    }
    return [try operand(node.operands[0]), weightName, store(newBias, stem + "bias")]
  }

  // MARK: - Pools

  /// Borders at the beginning and the end of height and width. Rounding up is written as a wider border at the
  /// end: definitions of the operators differ in which windows they drop, borders leave no choice.
  private func pads(_ pooling: Pooling, _ id: NodeID) -> (begin: [Int], end: [Int]) {
    let (image, result) = (graph[graph[id].operands[0]].type.shape, graph[id].type.shape)
    let begin = [pooling.padding.height, pooling.padding.width]
    let (kernel, stride) = (pair(pooling.kernel), pair(pooling.stride))
    let dilation = pair(pooling.dilation)
    let end = (0..<2).map { axis in
      let reach = (result[axis + 2] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1
      return max(begin[axis], reach - image[axis + 2] - begin[axis])
    }
    return (begin, end)
  }

  private func pair(_ pair: IntPair) -> [Int] { [pair.height, pair.width] }

  mutating func writeMaxPool(_ pooling: Pooling, _ id: NodeID) throws(StrataError) {
    let (begin, end) = pads(pooling, id)
    finish(
      "MaxPool", try operands(id),
      [
        "kernel_shape": .integers(pair(pooling.kernel)), "strides": .integers(pair(pooling.stride)),
        "dilations": .integers(pair(pooling.dilation)), "pads": .integers(begin + end),
      ], id)
  }

  mutating func writeAveragePool(_ pooling: Pooling, _ id: NodeID) throws(StrataError) {
    var x = try operand(graph[id].operands[0])
    var (begin, end) = pads(pooling, id)
    let window = pooling.kernel.height * pooling.kernel.width
    var countsPadding = pooling.countsPadding
    if let divisor = pooling.divisor {
      // Means over whole windows, borders included, tell sums.
      let mean = emit("AveragePool", [x], averaging(pooling, begin + end, countsPadding: true), for: id)
      let factor = scalar(Double(window) / Double(divisor), graph[id].type.dtype)
      return finish("Mul", [mean, factor], [:], id)
    }
    if countsPadding, begin != end {
      // Zeros of the border count, what rounding up adds does not.
      let amounts = constant([0, 0] + begin + [0, 0] + begin)
      x = emit("Pad", [x, amounts, scalar(0, graph[id].type.dtype)], for: id)
      end = [end[0] - begin[0], end[1] - begin[1]]
      begin = [0, 0]
      countsPadding = false
    }
    finish("AveragePool", [x], averaging(pooling, begin + end, countsPadding: countsPadding), id)
  }

  private func averaging(_ pooling: Pooling, _ pads: [Int], countsPadding: Bool) -> [String: ONNXAttribute] {
    [
      "kernel_shape": .integers(pair(pooling.kernel)), "strides": .integers(pair(pooling.stride)),
      "pads": .integers(pads), "count_include_pad": .integer(countsPadding ? 1 : 0),
    ]
  }

  mutating func writeAdaptivePool(_ size: IntPair, _ id: NodeID) throws(StrataError) {
    let x = try operand(graph[id].operands[0])
    let shape = graph[graph[id].operands[0]].type.shape
    let (height, width) = (shape[2], shape[3])
    if size.height == 1, size.width == 1 { return finish("GlobalAveragePool", [x], [:], id) }
    if size.height == height, size.width == width { return finish("Identity", [x], [:], id) }
    if height % size.height == 0, width % size.width == 0 {
      let window = IntPair(height / size.height, width / size.width)
      return finish(
        "AveragePool", [x], averaging(Pooling(kernel: window), [0, 0, 0, 0], countsPadding: false), id)
    }
    // Windows of different sizes: a product with the shares of rows, and one with those of columns.
    let type = graph[id].type.dtype
    let rows = constant(shares(size.height, of: height, type, isTransposed: false))
    let columns = constant(shares(size.width, of: width, type, isTransposed: true))
    finish("MatMul", [emit("MatMul", [rows, x], for: id), columns], [:], id)
  }

  /// The share that each of `length` places has in each of `count` means.
  private func shares(_ count: Int, of length: Int, _ type: DType, isTransposed: Bool) -> HostTensor {
    var shares = [Double](repeating: 0, count: count * length)
    for window in 0..<count {
      let (start, end) = (window * length / count, ((window + 1) * length + count - 1) / count)
      for place in start..<end {
        shares[isTransposed ? place * count + window : window * length + place] = 1 / Double(end - start)
      }
    }
    return HostTensor(shares, shape: isTransposed ? [length, count] : [count, length]).converted(to: type)
  }
}
