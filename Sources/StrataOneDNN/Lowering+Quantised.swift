import COneDNN
import StrataCore
import StrataGraph
import StrataKernels
import StrataPasses

extension Lowering {
  /// Lowers a convolution to one of integers; nil where it is not quantised, or oneDNN has no fast one.
  mutating func lowerQuantised(
    _ node: Node, _ settings: Convolution, _ epilogue: Epilogue
  ) throws(StrataError) -> SlotID? {
    guard let expected = quantisation.inputs[self.node] else { return nil }
    let source = slot(of: node.operands[0])
    let image = program.slots[source].type.shape
    let (weights, weightShape) = try groupedWeights(node.operands[1], settings)
    let input = byteScales[source] ?? expected
    let output = quantisation.stored[self.node]
    let bias = settings.hasBias ? try plainSlot(of: node.operands[2]) : nil
    let biasLayout = bias.flatMap { program.slots[$0].layout }
    let residual = epilogue.addsResidual ? slot(of: node.operands[node.operands.count - 1]) : nil
    // A sum needs a residual that takes as many bytes as the result.
    let addend =
      output == nil ? nil : residual.flatMap { byteScales[$0] ?? quantisation.residuals[self.node] }
    if output != nil, residual != nil, addend == nil { return nil }
    let window = ConvolutionWindow(image, plan.graph[node.operands[1]].type.shape, settings, node.type.shape)
    var operations: [Attributes.PostOperation] = []
    if residual != nil {
      operations.append(addend.map { .sum(scale: $0.scale, type: $0.type) } ?? .sum())
    }
    if let activation = epilogue.activation { operations.append(.eltwise(Eltwise(activation))) }
    let attributes = try Attributes(
      operations, scales: scales(output, weightAxes: settings.groups == 1 ? 1 : 3))
    let layouts = ConvolutionLayouts(
      image: try Layout.any(image, input.type), weights: try Layout.any(weightShape, dnnl_s8),
      result: try Layout.any(node.type.shape, output?.type ?? dnnl_f32))
    // Where it offers none at all, it has one of floats.
    let made = try? Primitive("a convolution of \(image) to \(node.type.shape) in int8") {
      description, engine in
      dnnl_convolution_forward_primitive_desc_create(
        &description, engine, dnnl_forward_inference, dnnl_convolution_direct, layouts.image.handle,
        layouts.weights.handle, biasLayout?.handle, layouts.result.handle, window.strides, window.dilation,
        window.before, window.after, attributes.handle)
    }
    guard let primitive = made, primitive.isFast else { return nil }
    let resultLayout = try primitive.layout(dnnl_query_dst_md, dims: node.type.shape.sizes)
    let addendLayout = try addend.map { scale throws(StrataError) in try resultLayout.stored(as: scale.type) }
    guard addendLayout.map({ $0 != nil }) ?? true else { return nil }
    let sourceLayout = try primitive.layout(dnnl_query_src_md, dims: image.sizes)
    let weightLayout = try primitive.layout(dnnl_query_weights_md, dims: weightShape.sizes)
    let values = try reorder(source, to: sourceLayout, as: input)
    let result: SlotID
    if let residual {
      result = try sum(
        node, residual, resultLayout, addendLayout.flatMap(\.self) ?? resultLayout, addend, readAlso: values)
    } else {
      result = makeSlot(node.type, resultLayout)
    }
    byteScales[result] = output
    try append(
      primitive, values, weights, weightShape, weightLayout, input, bias, result, output)
    return result
  }

  /// The memory of a result to which a residual is added that lies in it: the residual's own, or a copy's.
  private mutating func sum(
    _ node: Node, _ residual: SlotID, _ result: Layout, _ layout: Layout, _ scale: ByteScale?,
    readAlso values: SlotID
  ) throws(StrataError) -> SlotID {
    if byteScales[residual] == scale,
      let place = residualPlace(node, result, readAlso: values, residual: layout)
    {
      return place
    }
    let copy = try copied(residual, to: layout, as: scale)
    return makeAlias(of: copy, node.type, result)
  }

  /// Lowers a linear layer to one of integers; nil as above.
  mutating func lowerQuantisedLinear(
    _ node: Node, hasBias: Bool, _ epilogue: Epilogue
  ) throws(StrataError) -> SlotID? {
    guard let expected = quantisation.inputs[self.node] else { return nil }
    let weights = try plainSlot(of: node.operands[1])
    let shape = program.slots[weights].type.shape
    let matrix = TensorType([node.type.shape.elementCount / shape[0], shape[0]], .float32)
    let rows: Shape = [matrix.shape[0], shape[1]]
    var source = slot(of: node.operands[0])
    if byteScales[source] == nil || program.slots[source].type.shape != rows {
      source = try plainView(of: node.operands[0], as: rows)
    }
    let input = byteScales[source] ?? expected
    let output = quantisation.stored[self.node]
    let bias = hasBias ? try plainSlot(of: node.operands[2]) : nil
    let biasLayout = bias.flatMap { program.slots[$0].layout }
    let floats = try Layout.plain(matrix.shape)
    var operations: [Attributes.PostOperation] = epilogue.addsResidual ? [.add(floats)] : []
    if let activation = epilogue.activation { operations.append(.eltwise(Eltwise(activation))) }
    let attributes = try Attributes(operations, scales: scales(output, weightAxes: 1))
    let sourceLayout = try Layout.plain(rows, input.type)
    let anyWeights = try Layout.any(shape, dnnl_s8)
    let resultLayout = try Layout.plain(matrix.shape, output?.type ?? dnnl_f32)
    let made = try? Primitive("a linear layer of \(shape) in int8") { description, engine in
      dnnl_inner_product_forward_primitive_desc_create(
        &description, engine, dnnl_forward_inference, sourceLayout.handle, anyWeights.handle,
        biasLayout?.handle, resultLayout.handle, attributes.handle)
    }
    guard let primitive = made, primitive.isFast else { return nil }
    let values = try reorder(source, to: sourceLayout, as: input)
    let result = makeSlot(matrix, resultLayout)
    byteScales[result] = output
    var others: [(argument: Int32, slot: SlotID)] = []
    if epilogue.addsResidual, let residual = node.operands.last {
      let view = try plainView(of: residual, as: matrix.shape)
      others.append((argument: DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE | DNNL_ARG_SRC_1, slot: view))
    }
    try append(
      primitive, values, weights, shape, try primitive.layout(dnnl_query_weights_md, dims: shape.sizes),
      input, bias, result, output, others)
    return try self.rows(result, as: node)
  }

  /// The input's scale is a part of the weights', so that it costs nothing.
  private func scales(_ output: ByteScale?, weightAxes: Int32) -> [Int32: Int32] {
    output == nil ? [DNNL_ARG_WEIGHTS: weightAxes] : [DNNL_ARG_WEIGHTS: weightAxes, DNNL_ARG_DST: 0]
  }

  private mutating func append(
    _ primitive: Primitive, _ values: SlotID, _ weights: SlotID, _ shape: Shape, _ layout: Layout,
    _ input: ByteScale, _ bias: SlotID?, _ result: SlotID, _ output: ByteScale?,
    _ others: [(argument: Int32, slot: SlotID)] = []
  ) throws(StrataError) {
    // With groups, their axis and that of the outputs within them.
    let rows = shape.rank == 5 ? shape[0] * shape[1] : shape[0]
    let rounded = prepare(
      weights,
      [
        (type: TensorType(shape, .float32), layout: try Layout.plain(shape, dnnl_s8)),
        (type: TensorType([rows], .float32), layout: try Layout.plain([rows])),
      ],
      by: WeightRounding(
        rows: rows, columns: shape.elementCount / rows, inputScale: input.scale, threads: threads))
    var arguments =
      [
        (argument: DNNL_ARG_SRC, slot: values),
        (argument: DNNL_ARG_WEIGHTS, slot: try reorder(rounded[0], to: layout)),
        (argument: DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, slot: rounded[1]),
        (argument: DNNL_ARG_DST, slot: result),
      ] + others
    if let bias { arguments.append((argument: DNNL_ARG_BIAS, slot: bias)) }
    if let output {
      arguments.append((argument: DNNL_ARG_ATTR_SCALES | DNNL_ARG_DST, slot: try number(output.scale)))
    }
    try append(primitive, arguments)
  }
}

/// Rounds the weights of each output to integers that reach from -127 to 127: weights, integers, and what sums of
/// their products with integers of an input are multiplied with.
private struct WeightRounding: Kernel {
  let rows: Int
  let columns: Int
  let inputScale: Float
  let threads: Int

  var name: String { "int8:weights" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    let (weights, scales) = (slots.floats(0), slots.floats(2))
    let integers = slots[1].assumingMemoryBound(to: Int8.self)
    forRows(rows, threads: threads) { rows in
      for row in rows {
        let values = UnsafeBufferPointer(start: weights + row * columns, count: columns)
        var largest: Float = 0
        for value in values where value.isFinite { largest = max(largest, abs(value)) }
        let scale = largest > 0 ? largest / 127 : 1
        scales[row] = scale * inputScale
        let target = integers + row * columns
        for (column, value) in values.enumerated() {
          // What is no number becomes 0, as infinity becomes the largest.
          target[column] = Int8(max(-127, min(127, value / scale)).rounded(.toNearestOrEven).nanAsZero)
        }
      }
    }
  }
}

extension Float {
  fileprivate var nanAsZero: Float { isNaN ? 0 : self }
}

/// Writes a number.
struct NumberKernel: Kernel {
  let value: Float
  var name: String { "number" }
  func run(_ slots: [UnsafeMutableRawPointer]) { slots[0].storeBytes(of: value, as: Float.self) }
}
