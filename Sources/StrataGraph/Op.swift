import StrataCore

/// The closed set of operations. Consumers switch over it without `default:`, so that adding a case
/// makes the compiler list every place that owes it a rule.
public enum Op: Sendable, Hashable {
  // Leaves

  /// A value given at evaluation: data or a placeholder.
  case input(slot: Int)
  /// A value that outlives evaluations: a parameter or a running statistic.
  case variable(slot: Int)
  /// One number everywhere.
  case full(Shape, DType, Double)

  // Element by element

  /// A function of one operand.
  case unary(Unary)
  /// A nonlinearity of networks; float operands.
  case activation(Activation)
  /// Limits values to `low...high`.
  case clamp(low: Double, high: Double)
  /// A function of two operands of one type, which broadcast.
  case binary(Binary)
  /// Condition (bool), value where true, value where false; all broadcast.
  case select
  /// Another element type.
  case cast(DType)

  // Reductions

  /// Reduces the listed axes.
  case reduce(Reduction, axes: [Int], keepsAxes: Bool)
  /// The index (int64) of the first extreme value along an axis.
  case argReduce(Extreme, axis: Int, keepsAxis: Bool)
  /// The `count` largest values along an axis in falling order, or their indices (int64).
  case topK(TopKPart, count: Int, axis: Int)
  /// Exponentials over their sum along an axis, or the logarithm of that.
  case softmax(axis: Int, logarithm: Bool)

  // Movement

  /// The same elements in row-major order under another shape.
  case reshape(Shape)
  /// Axis `i` of the result is axis `axes[i]` of the operand.
  case permute([Int])
  /// Repeats along axes of size 1 and new leading axes.
  case broadcast(Shape)
  /// Every `steps[i]`-th element from `starts[i]`, `sizes[i]` of them, along each axis.
  case slice(starts: [Int], sizes: [Int], steps: [Int])
  /// Operands one after the other along an axis.
  case concatenate(axis: Int)
  /// A border of one value.
  case pad(before: [Int], after: [Int], value: Double)
  /// Slices of operand 0 along an axis at the indices of operand 1 (int64, one axis).
  case indexSelect(axis: Int)
  /// Zeros of a shape with the operand at every `steps[i]`-th place from `starts[i]`: a slice undone.
  case unslice(Shape, starts: [Int], steps: [Int])
  /// Zeros with `size` slices along an axis, to which those of operand 0 are added at the indices of operand 1.
  case indexAdd(axis: Int, size: Int)

  // Networks

  /// Matrix product with `torch.matmul`'s rules for ranks and batches.
  case matmul
  /// Image, weights `[out, in / groups, kh, kw]`, then bias `[out]` and residual where announced.
  case conv2d(Convolution, Epilogue)
  /// Rows `[…, in]`, weights `[out, in]`, then bias `[out]` and residual where announced.
  case linear(hasBias: Bool, Epilogue)
  /// The largest value of each window.
  case maxPool2d(Pooling)
  /// The mean of each window.
  case averagePool2d(Pooling)
  /// The mean of windows chosen to give a height and width.
  case adaptiveAveragePool2d(IntPair)
  /// Image, mean `[C]`, variance `[C]`, then weight `[C]` and bias `[C]` where affine.
  case batchNorm(epsilon: Double, isAffine: Bool)
  /// Rows `[…, C]`, each brought to mean 0 and variance 1; then weight `[C]` and bias `[C]` where affine.
  case layerNorm(epsilon: Double, isAffine: Bool)
  /// Mean and biased variance of an image over all but channels: `[2, C]`.
  case batchMoments
  /// Zeroes elements with a probability and scales the others up. Operand 1 is the random key, int64 `[2]`.
  case dropout(probability: Double)

  // Gradients, where no operations above give them well

  /// Of a convolution for its image: the result's gradient, weights.
  case conv2dImageGradient(Convolution, image: Shape)
  /// Of a convolution for its weights: image, the result's gradient.
  case conv2dWeightGradient(Convolution, weights: Shape)
  /// Of a convolution for its bias: image, the result's gradient.
  case conv2dBiasGradient(Convolution, weights: Shape)
  /// Of a nonlinearity: its operand, for rectifiers its result, then the result's gradient.
  case activationGradient(Activation)
  /// Of max pooling: image, the result's gradient.
  case maxPool2dGradient(Pooling)
  /// Of average pooling: the result's gradient.
  case averagePool2dGradient(Pooling, image: Shape)
  /// Of adaptive average pooling: the result's gradient.
  case adaptiveAveragePool2dGradient(image: Shape)
  /// Of batch norm by the batch's own moments: image, the result's gradient, mean, variance, weight where affine.
  case batchNormGradient(BatchNormPart, epsilon: Double, isAffine: Bool)

  // Several processes

  /// What the processes that run the same graph have together.
  case crossRank(CrossRank)
}

/// Sums over the processes that run the same graph.
public enum CrossRank: Sendable, Hashable {
  /// The sum of the operand over all processes, at once.
  case sum
  /// Hands over a numbered part of what is summed while the run goes on; the result is a token.
  case contribute(part: Int)
  /// The sum of the part that the token stands for.
  case collect(part: Int, Shape, DType)
}

/// The operands of batch norm that have gradients.
public enum BatchNormPart: String, Sendable, Hashable, CaseIterable { case image, weight, bias }

/// Functions of one operand.
public enum Unary: String, Sendable, Hashable, CaseIterable {
  case negate, absolute, exp, log, sqrt, rsqrt, square, sin, cos, erf, floor, ceil, round, sign, logicalNot,
    isNaN, isFinite
}

/// Functions of two operands.
public enum Binary: String, Sendable, Hashable, CaseIterable {
  case add, subtract, multiply, divide, floorDivide, remainder, power, minimum, maximum
  case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
  case logicalAnd, logicalOr

  /// Whether results are truth values.
  public var isPredicate: Bool {
    switch self {
    case .add, .subtract, .multiply, .divide, .floorDivide, .remainder, .power, .minimum, .maximum: false
    case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual, .logicalAnd, .logicalOr: true
    }
  }
}

/// Nonlinearities, as `torch.nn.functional` defines them.
public enum Activation: Sendable, Hashable {
  case relu, relu6, hardswish, hardsigmoid, sigmoid, silu, tanh
  case gelu(tanhApproximation: Bool)
  case leakyReLU(slope: Double)
}

/// Ways to combine many elements into one.
public enum Reduction: String, Sendable, Hashable, CaseIterable {
  case sum, mean, product, maximum, minimum
}

/// Which extreme an index is asked of.
public enum Extreme: String, Sendable, Hashable, CaseIterable { case maximum, minimum }

/// The two results of a top-k search.
public enum TopKPart: String, Sendable, Hashable, CaseIterable { case values, indices }

/// The settings of a two-dimensional convolution.
public struct Convolution: Sendable, Hashable {
  /// Distance between windows.
  public var stride: IntPair
  /// Zeros on each side.
  public var padding: IntPair
  /// Distance between the taps of a kernel.
  public var dilation: IntPair
  /// Groups of channels that do not see each other.
  public var groups: Int
  /// Whether operand 2 is a bias.
  public var hasBias: Bool

  /// Creates the settings with PyTorch's defaults.
  public init(
    stride: IntPair = 1, padding: IntPair = 0, dilation: IntPair = 1, groups: Int = 1, hasBias: Bool = false
  ) {
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    self.groups = groups
    self.hasBias = hasBias
  }
}

/// The settings of a pooling window.
public struct Pooling: Sendable, Hashable {
  /// The window.
  public var kernel: IntPair
  /// Distance between windows.
  public var stride: IntPair
  /// Border on each side: minus infinity for the maximum, zero for the mean.
  public var padding: IntPair
  /// Distance between the taps of a window (maximum only).
  public var dilation: IntPair
  /// Whether a window that begins inside but ends outside counts.
  public var roundsUp: Bool
  /// Whether border zeros count as elements of a mean.
  public var countsPadding: Bool
  /// What a mean divides by, instead of the number of elements.
  public var divisor: Int?

  /// Creates the settings with PyTorch's defaults; the stride is the kernel where none is given.
  public init(
    kernel: IntPair, stride: IntPair? = nil, padding: IntPair = 0, dilation: IntPair = 1,
    roundsUp: Bool = false,
    countsPadding: Bool = true, divisor: Int? = nil
  ) {
    self.kernel = kernel
    self.stride = stride ?? kernel
    self.padding = padding
    self.dilation = dilation
    self.roundsUp = roundsUp
    self.countsPadding = countsPadding
    self.divisor = divisor
  }
}

/// What a convolution or linear layer does to a result before it stores it: add a residual, then activate.
public struct Epilogue: Sendable, Hashable {
  /// Whether the last operand, of the result's shape, is added.
  public var addsResidual: Bool
  /// The nonlinearity, applied last.
  public var activation: Activation?

  /// Creates an epilogue.
  public init(addsResidual: Bool = false, activation: Activation? = nil) {
    self.addsResidual = addsResidual
    self.activation = activation
  }

  /// Nothing.
  public static let none = Epilogue()
  /// Whether nothing is done.
  public var isEmpty: Bool { self == .none }
}
