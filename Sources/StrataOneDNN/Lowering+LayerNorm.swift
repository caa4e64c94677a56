import COneDNN
import StrataCore
import StrataGraph

extension Lowering {
  mutating func lowerLayerNorm(
    _ node: Node, epsilon: Double, isAffine: Bool
  ) throws(StrataError) -> SlotID {
    // Rows must be dense: oneDNN's fast implementations, and its rule for the statistics, expect it.
    let source = try plainSlot(of: node.operands[0])
    let layout = try layout(of: source)
    var flags: UInt32 = 0
    if isAffine { flags |= dnnl_use_scale.rawValue | dnnl_use_shift.rawValue }
    let attributes = try Attributes()
    let primitive = try Primitive("layer norm of \(node.type)") { description, engine in
      dnnl_layer_normalization_forward_primitive_desc_create(
        &description, engine, dnnl_forward_inference, layout.handle, layout.handle, nil, Float(epsilon),
        flags,
        attributes.handle)
    }
    let result = makeSlot(node.type, layout)
    var arguments = [(argument: DNNL_ARG_SRC, slot: source), (argument: DNNL_ARG_DST, slot: result)]
    for (name, operand) in zip([DNNL_ARG_SCALE, DNNL_ARG_SHIFT], node.operands.dropFirst()) {
      arguments.append((argument: name, slot: try plainSlot(of: operand)))
    }
    try append(primitive, arguments)
    return result
  }
}
