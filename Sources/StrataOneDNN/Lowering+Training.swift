import COneDNN
import StrataCore
import StrataGraph
import StrataPasses

/// Batch norms of a batch's own moments with the rectifier that follows: oneDNN does both in one pass, forward and
/// backward, and keeps a bit for each element instead of what the norm gave.
struct RectifiedNorms {
  /// The rectifier behind each norm.
  private(set) var rectifiers: [NodeID: NodeID] = [:]
  /// The norm behind each gradient of its rectifier.
  private(set) var gradients: [NodeID: NodeID] = [:]

  /// Finds norms whose rectifier alone reads them, and whose rectifier's gradient only they read.
  init(_ plan: Plan, _ norms: some Sequence<NodeID>) {
    let nodes = plan.graph.nodes
    let wanted = Set(norms)
    let results = Set(plan.graph.results)
    var users: [NodeID: [NodeID]] = [:]
    for (index, node) in nodes.enumerated() {
      for operand in Set(node.operands) { users[operand, default: []].append(NodeID(index)) }
    }
    for norm in wanted {
      guard let readers = users[norm], readers.count == 1, !results.contains(norm),
        case .activation(.relu) = nodes[readers[0].index].op,
        case .batchNorm(let epsilon, let isAffine) = nodes[norm.index].op
      else { continue }
      let rectifier = readers[0]
      let steps = (users[rectifier] ?? []).filter {
        guard case .activationGradient(.relu) = nodes[$0.index].op else { return false }
        return nodes[$0.index].operands[0] == rectifier
      }
      let operands = nodes[norm.index].operands
      let isWhole = steps.allSatisfy { step in
        guard nodes[step.index].operands[1] != rectifier, !results.contains(step) else { return false }
        return (users[step] ?? []).allSatisfy { user in
          guard case .batchNormGradient(_, epsilon, isAffine) = nodes[user.index].op else { return false }
          return nodes[user.index].operands
            == [operands[0], step, operands[1], operands[2]] + operands.dropFirst(3).prefix(1)
        }
      }
      guard isWhole else { continue }
      rectifiers[norm] = rectifier
      for step in steps { gradients[step] = norm }
    }
  }

  /// No norms.
  init() {}

  /// The nodes that are lowered with their norm.
  var taken: Set<Int> { Set(rectifiers.values.map(\.index) + gradients.keys.map(\.index)) }
}

extension Lowering {
  /// The norm that was lowered together with the rectifier that is being lowered.
  var rectifiedNorm: NodeID? {
    let norm = current.operands[0]
    return rectifiedNorms.rectifiers[norm] == NodeID(node) && rectifierWorkspaces[norm] != nil ? norm : nil
  }

  /// Notes that nodes to come may ask for values again.
  mutating func share(_ parts: [SlotID]) {
    for part in parts {
      if case .workspace(let storage) = program.slots[part].home { sharedStorages.insert(storage) }
    }
  }

  /// Layouts to try for the image and the result of a convolution, the best first.
  ///
  /// Without gradients the primitive chooses. In training three primitives share each image, and left alone they
  /// choose differently: forward takes channels last, backward takes blocks. Blocks serve all.
  func imageLayouts(_ image: Shape, _ result: Shape) throws(StrataError) -> [(image: Layout, result: Layout)]
  {
    let free = (image: try Layout.any(image), result: try Layout.any(result))
    guard trains, options.kernels.contains(.trainingLayouts) else { return [free] }
    func blocked(_ shape: Shape, _ free: Layout) throws(StrataError) -> Layout {
      let (size, tag) = options.instructionSet == .avx512 ? (16, dnnl_aBcd16b) : (8, dnnl_aBcd8b)
      return shape[1] % size == 0 ? try Layout.tagged(shape, tag) : free
    }
    return [(image: try blocked(image, free.image), result: try blocked(result, free.result)), free]
  }

  /// A primitive of the first layouts for which there is a fast one.
  func convolution(
    _ name: @autoclosure () -> String, _ image: Shape, _ result: Shape,
    _ create: (_ image: Layout, _ result: Layout, inout dnnl_primitive_desc_t?, dnnl_engine_t) ->
      dnnl_status_t
  ) throws(StrataError) -> Primitive {
    var failure = StrataError(.engine, "oneDNN offers no \(name())")
    for layouts in try imageLayouts(image, result) {
      do throws(StrataError) {
        let primitive = try Primitive(name()) { create(layouts.image, layouts.result, &$0, $1) }
        if !primitive.implementation.hasPrefix("ref") { return primitive }
      } catch {
        failure = error
      }
    }
    let free = (image: try Layout.any(image), result: try Layout.any(result))
    do throws(StrataError) {
      return try Primitive(name()) { create(free.image, free.result, &$0, $1) }
    } catch {
      throw failure.kind == .memory ? failure : error
    }
  }
}
