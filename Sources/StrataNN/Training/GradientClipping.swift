import StrataCore
import StrataGraph

/// Scales gradients down together where their norm is too large (`torch.nn.utils.clip_grad_norm_`).
///
/// - Parameters:
///   - gradients: The gradients; nil ones stay nil.
///   - maxNorm: The largest norm of all of them together.
///   - normType: 2 for the Euclidean norm, infinity for the largest magnitude, other p for the p-norm.
/// - Returns: The gradients, and the norm before clipping, a tensor without axes.
public func clipGradNorm(
  _ gradients: [Tensor?], maxNorm: Double, normType: Double = 2
) -> (gradients: [Tensor?], totalNorm: Tensor) {
  let norm = totalNorm(gradients, normType: normType)
  // As in PyTorch, a factor of 1 is multiplied with too: no choice has to be made before the norm is known.
  let factor = (maxNorm / (norm + 1e-6)).minimum(1)
  return (gradients.map { $0.map { $0 * factor.to($0.dtype) } }, norm)
}

/// Limits each element of gradients to `-clipValue...clipValue` (`torch.nn.utils.clip_grad_value_`).
public func clipGradValue(_ gradients: [Tensor?], clipValue: Double) -> [Tensor?] {
  gradients.map { $0?.clamp(min: -clipValue, max: clipValue) }
}

/// The norm of gradients as if they were one vector (`torch.nn.utils.get_total_norm`), a tensor without axes.
public func totalNorm(_ gradients: [Tensor?], normType: Double = 2) -> Tensor {
  let known = gradients.compactMap { $0 }
  guard let first = known.first else { return .zeros([]) }
  let parts = known.map { gradient in
    switch normType {
    case 2: gradient.square().sum()
    case .infinity: gradient.abs().max()
    case 1: gradient.abs().sum()
    default: gradient.abs().pow(normType).sum()
    }
  }
  let all = Tensor.stack(parts.map { $0.to(first.dtype) })
  return switch normType {
  case 2: all.sum().sqrt()
  case .infinity: all.max()
  case 1: all.sum()
  default: all.sum().pow(1 / normType)
  }
}
