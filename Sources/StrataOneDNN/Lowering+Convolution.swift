import COneDNN
import StrataCore
import StrataGraph
import StrataPasses

/// How a convolution wants its arrays, or the primitive of its gradients.
struct ConvolutionLayouts {
  let image: Layout
  let weights: Layout
  let result: Layout
}

extension Lowering {
  /// Layouts to try for a convolution or its gradients, the best first; the last is left to the primitive.
  ///
  /// Without gradients the primitive chooses. In training three primitives share each image, and left alone they
  /// choose differently: forward takes channels last, backward takes blocks. Blocks serve all.
  private func convolutionLayouts(
    _ image: Shape, _ weights: Shape, _ result: Shape
  ) throws(StrataError) -> [ConvolutionLayouts] {
    let types = options.precision == .bfloat16 ? [dnnl_bf16, dnnl_f32] : [dnnl_f32]
    var candidates: [ConvolutionLayouts] = []
    for type in types {
      let free = ConvolutionLayouts(
        image: try Layout.any(image, type), weights: try Layout.any(weights, type),
        result: try Layout.any(result, type))
      if rules.trains, options.kernels.contains(.trainingLayouts) {
        let (size, tag) = options.instructionSet == .avx512 ? (16, dnnl_aBcd16b) : (8, dnnl_aBcd8b)
        candidates.append(
          ConvolutionLayouts(
            image: image[1] % size == 0 ? try Layout.tagged(image, tag, type) : free.image,
            weights: free.weights,
            result: result[1] % size == 0 ? try Layout.tagged(result, tag, type) : free.result))
      }
      candidates.append(free)
    }
    return candidates
  }

  /// A primitive of the first layouts for which there is a fast one.
  func convolution(
    _ name: @autoclosure () -> String, _ image: Shape, _ weights: Shape, _ result: Shape,
    _ create: (ConvolutionLayouts, inout dnnl_primitive_desc_t?, dnnl_engine_t) -> dnnl_status_t
  ) throws(StrataError) -> Primitive {
    var failure = StrataError(.engine, "oneDNN offers no \(name())")
    var slow: Primitive?
    for layouts in try convolutionLayouts(image, weights, result) {
      do throws(StrataError) {
        let primitive = try Primitive(name()) { create(layouts, &$0, $1) }
        if primitive.isFast { return primitive }
        slow = primitive
      } catch {
        if failure.kind != .memory { failure = error }
      }
    }
    if let slow { return slow }
    throw failure
  }
}
