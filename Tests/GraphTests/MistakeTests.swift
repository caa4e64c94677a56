import StrataCore
import StrataGraph
import Testing

private func check(
  _ tensor: Tensor, _ sentence: String, at location: SourceLocation = #_sourceLocation
) {
  #expect(tensor.error?.message == sentence, sourceLocation: location)
}

@Suite("Mistakes are told in a sentence")
struct MistakeTests {
  let image = Tensor.placeholder([1, 64, 27, 27])
  let matrix = Tensor.placeholder([3, 4])
  let integers = Tensor.placeholder([3], dtype: .int64)

  @Test("A network operation tells what it expects and what came")
  func network() {
    check(
      image.conv2d(.placeholder([256, 96, 5, 5])), "expects 96 input channels, got 64 in [1, 64, 27, 27]")
    check(matrix.conv2d(.placeholder([1, 1, 1, 1])), "expects an image batch [N, C, H, W], got [3, 4]")
    check(
      image.conv2d(.placeholder([8, 64, 28, 28])), "kernel 28×28 does not fit into 27×27 with padding (0, 0)")
    check(
      image.conv2d(.placeholder([8, 64, 1, 1]), bias: .zeros([9])), "expects a bias of shape [8], got [9]")
    check(
      image.conv2d(.placeholder([9, 32, 1, 1]), groups: 2), "9 output channels do not divide into 2 groups")
    check(image.conv2d(.placeholder([8, 64, 1, 1]), stride: 0), "the stride (0, 0) is not positive")
    check(
      image.conv2d(.placeholder([8, 64, 1, 1]), padding: IntPair(0, -1)), "the padding (0, -1) is negative")
    check(matrix.linear(.placeholder([10, 5])), "expects 5 features, got 4 in [3, 4]")
    check(matrix.matmul(matrix), "[3, 4] and [3, 4] do not multiply")
    check(image.maxPool2d(Pooling(kernel: 30)), "window 30×30 does not fit into 27×27")
    check(image.maxPool2d(Pooling(kernel: 2, stride: 0)), "the stride (0, 0) is not positive")
    check(image.maxPool2d(Pooling(kernel: 0)), "the window (0, 0) is not positive")
    check(image.averagePool2d(Pooling(kernel: 2, divisor: 0)), "the divisor of a mean is 0")
    check(
      image.batchNorm(mean: .zeros([32]), variance: .zeros([32]), weight: nil, bias: nil),
      "expects 32 channels, got 64 in [1, 64, 27, 27]")
    check(image.dropout(1.5, key: Tensor([0, 0])), "a dropout probability lies between 0 and 1, got 1.5")
    check(image.dropout(0.5, key: Tensor(0)), "dropout needs a key int64[2], got int64[]")
    check(integers.activation(.silu), "an activation needs floating-point numbers, got int64[3]")
    check(Tensor(1.0).batchMoments().variance, "expects [N, C, …], got []")
  }

  @Test("An element-wise operation tells what does not fit")
  func elementwise() {
    check(matrix + .placeholder([3]), "[3, 4] and [3] do not broadcast for add")
    check(-(matrix .> 0), "truth values have no opposite number; use .! for not")
    check((matrix .> 0) - (matrix .> 1), "truth values have no difference; use .!= for exclusive or")
    check(integers.pow(-1), "integers have no whole negative powers, got int64[3] and -1")
    check(integers + 1e30, "1e+30 does not fit into int64")
    check(
      .where(.placeholder([2], dtype: .bool), matrix, 0),
      "bool[2] cannot choose between float32[3, 4] and float32[]")
  }

  @Test("A reduction tells which axis does not exist")
  func reductions() {
    check(matrix.sum(dim: 2), "[3, 4] has no axis 2")
    check(matrix.mean(dims: [0, -3]), "[3, 4] has no axis -3")
    check(matrix.max(dims: [1, -1]), "axis 1 of [3, 4] is named twice in [1, -1]")
    check(integers.mean(), "a mean needs floating-point numbers, got int64[3]")
    check(integers.variance(), "a variance needs floating-point numbers, got int64[3]")
    check(integers.softmax(dim: 0), "softmax needs floating-point numbers, got int64[3]")
    check(Tensor.zeros([0, 2]).max(), "[0, 2] has no maximum")
    check(Tensor.zeros([0, 2]).argmax(dim: 0), "[0, 2] has no maximum along axis 0")
    check(matrix.topK(5).indices, "[3, 4] has no 5 values along axis 1")
    check(matrix.topK(1, dim: 2).values, "[3, 4] has no axis 2")
    check(matrix.argmin(dim: -3), "[3, 4] has no axis -3")
  }

  @Test("A movement tells what it cannot do")
  func movement() {
    check(matrix.reshape(5, -1), "[3, 4] cannot be reshaped to [5, -1]")
    check(matrix.reshape(-1, -1), "[-1, -1] is no shape: sizes are whole numbers, one of which may be -1")
    check(matrix.reshape(2, 5), "[3, 4] cannot be reshaped to [2, 5]")
    check(
      matrix.reshape(.max, .max),
      "[3, 4] cannot be reshaped to [9223372036854775807, 9223372036854775807]")
    check(matrix.permute(0), "[0] is no order of the axes of [3, 4]")
    check(matrix.permute(0, 2), "[3, 4] has no axis 2")
    check(matrix.transpose(0, 2), "[3, 4] has no axis 2")
    check(matrix.flatten(start: 1, end: 0), "cannot flatten from axis 1 back to axis 0")
    check(matrix.flatten(start: 2), "[3, 4] has no axis 2")
    check(matrix.unsqueeze(dim: 4), "an axis 4 cannot be inserted into [3, 4]")
    check(matrix.expand(2, 4), "[3, 4] does not broadcast to [2, 4]")
    check(matrix.expand(-1, 3, 4), "[3, 4] does not expand to [-1, 3, 4]")
    check(.cat([]), "there is nothing to concatenate")
    check(.cat([matrix, .zeros([3, 5])]), "float32[3, 5] cannot follow float32[3, 4] along axis 0")
    check(.cat([Tensor(1), Tensor(2)]), "tensors without axes are stacked, not concatenated")
    check(.stack([matrix, integers]), "tensors of one shape are needed for stacking, got [3, 4] and [3]")
    check(.stack([matrix], dim: 3), "an axis 3 cannot be inserted into [3, 4]")
    check(matrix.split(sizes: [1, 1])[1], "the sizes [1, 1] do not add up to axis 0 of [3, 4]")
    check(matrix.split(size: 0)[0], "cannot split [3, 4] into parts of size 0")
    check(matrix.chunk(2, dim: 5)[1], "[3, 4] has no axis 5")
    check(matrix.pad([1]), "padding of [3, 4] takes pairs for at most 2 axes, got [1]")
    check(matrix.pad([-3, -2]), "padding leaves nothing of [3, 4]")
    check(matrix.indexSelect(dim: 0, matrix), "float32[3, 4] is no list of indices into [3, 4]")
  }

  @Test("A subscript tells what is out of range")
  func slicing() {
    check(matrix[3], "index 3 is out of range for axis 0 of [3, 4]")
    check(matrix[.all, -5], "index -5 is out of range for axis 1 of [3, 4]")
    check(matrix[1..<5], "the range 1..<5 is out of range for axis 0 of [3, 4]")
    check(matrix[.all, 6...], "the range 6..< is out of range for axis 1 of [3, 4]")
    check(matrix[.range(0, 2, step: 0)], "the step 0 along axis 0 is not positive")
    check(matrix[0, 0, 0], "3 indices are too many for [3, 4]")
    check(matrix[.ellipsis, .ellipsis], "an ellipsis may stand only once")
    check(matrix[...Int.max], "the range ..<-9223372036854775808 is out of range for axis 0 of [3, 4]")
  }

  @Test("Creation tells what cannot be made")
  func creation() {
    check(
      Tensor([[1, 2], [3]]), "nested arrays are ragged: element 0 has shape [2], element 1 has [1]")
    check(.arange(0, 5, step: -1), "arange cannot go from 0 to 5 in steps of -1")
    check(.arange(0, 5, step: 0), "arange cannot go from 0 to 5 in steps of 0")
    check(.eye(-1), "a matrix cannot have -1 rows and -1 columns")
    check(.zeros([1 << 40, 1 << 40]), "[1099511627776, 1099511627776] has too many elements")
    check(.full([2], 300, dtype: .uint8), "300 does not fit into uint8")
    check(.randint(low: 3, high: 3, shape: []), "there is no integer from 3 up to but not including 3")
    check(.rand([2], dtype: .int64), "rand makes no int64 numbers; use randint")
  }

  @Test("The first mistake passes through every later operation")
  func propagation() {
    let broken = matrix + Tensor.zeros([3])
    let sentence = "[3, 4] and [3] do not broadcast for add"
    let results = [
      broken + 1, 1 / broken, broken.sum(dim: 7), broken[5, 5], broken.reshape(9), broken.softmax(dim: -1),
      broken.topK(3).values, broken.flatten(start: 2), broken.transpose(3, 4), broken.to(.int64),
      .zerosLike(broken),
      broken.clamp(min: 0), broken.unsqueeze(dim: 5), broken.squeeze(dim: 5), broken.any(), broken.argmax(),
      broken.split(sizes: [1, 2])[1], broken.chunk(2)[1], .cat([matrix, broken]), .stack([broken, matrix]),
      .where(broken .> 0, matrix, 0), broken.batchMoments().mean, broken.variance(), broken.pad([1, 1]),
      image.conv2d(broken), image.dropout(0.5, key: broken), broken.indexSelect(dim: 0, broken),
      broken.pow(-1),
    ]
    for result in results { check(result, sentence) }
  }

  @Test("The message begins with the module that was called")
  func moduleNames() {
    let origin = ModuleOrigin(path: "features.3", typeName: "Conv2d")
    ModuleOrigin.$current.withValue(origin) {
      check(
        image.conv2d(.placeholder([256, 96, 5, 5])),
        "features.3 (Conv2d): expects 96 input channels, got 64 in [1, 64, 27, 27]")
      check(matrix.sum(dim: 2), "features.3 (Conv2d): [3, 4] has no axis 2")
    }
  }
}
