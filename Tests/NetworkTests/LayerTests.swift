import Strata
import Testing

@Suite("Layers") struct LayerTests {
  @Test("batch norm in training renews its statistics, in evaluation not")
  func batchNormUpdates() {
    let norm = BatchNorm2d(3)
    let x = Tensor(HostTensor.ones([2, 3, 4, 4]))
    let updated = Trace(of: [norm(x)]).updatedVariables
    let expected = [norm.running_mean, norm.running_var].compactMap { $0?.variable }
    #expect(updated.map(ObjectIdentifier.init) == expected.map(ObjectIdentifier.init))
    #expect(norm.num_batches_tracked?.value.scalars() == [1] as [Int64])
    let still = BatchNorm2d(3).eval()
    #expect(Trace(of: [still(x)]).updatedVariables.isEmpty)
    let untracked = BatchNorm2d(3, trackRunningStats: false)
    #expect(Trace(of: [untracked(x)]).updatedVariables.isEmpty)
    #expect(untracked.stateEntries.map(\.name) == ["weight", "bias"])
  }

  @Test("batch norm needs more than one value to train, the right channels and four axes")
  func batchNormMistakes() {
    let norm = BatchNorm2d(3)
    #expect(
      norm(.placeholder([1, 3, 1, 1])).error?.message
        == "BatchNorm2d: expects more than one value per channel to train with, got [1, 3, 1, 1]")
    #expect(
      norm(.placeholder([2, 4, 2, 2])).error?.message
        == "BatchNorm2d: expects 3 channels, got 4 in [2, 4, 2, 2]")
    #expect(norm(.placeholder([2, 3])).error != nil)
    #expect(norm.eval()(.placeholder([1, 3, 1, 1])).shape == [1, 3, 1, 1])
  }

  @Test("dropout works in training only, with a fresh key for each call")
  func dropout() {
    let layer = Dropout(p: 0.5)
    let x = Tensor.placeholder([4, 4])
    let keys = [layer(x), layer(x)].map { output -> [Int64] in
      for case .value(let key) in Trace(of: [output]).sources { return key.scalars() }
      return []
    }
    #expect(keys[0].count == 2 && keys[0] != keys[1])
    #expect(layer.eval()(x).isSame(as: x))
    #expect(Dropout(p: 0)(x).isSame(as: x))
  }

  @Test(
    "`same` padding keeps the size, even with an even window",
    arguments: [IntPair(3), IntPair(2), IntPair(5, 4)], [IntPair(1), IntPair(2, 3)])
  func samePadding(kernel: IntPair, dilation: IntPair) {
    let layer = Conv2d(2, 4, kernelSize: kernel, padding: .same, dilation: dilation)
    #expect(layer(.placeholder([1, 2, 11, 13])).shape == [1, 4, 11, 13])
    let valid = Conv2d(2, 4, kernelSize: kernel, padding: .valid)
    #expect(valid(.placeholder([1, 2, 11, 13])).shape == [1, 4, 12 - kernel.height, 14 - kernel.width])
  }

  @Test("pooling to a size keeps the axes left open")
  func adaptivePooling() {
    let x = Tensor.placeholder([1, 2, 9, 12])
    #expect(AdaptiveAvgPool2d(1)(x).shape == [1, 2, 1, 1])
    #expect(AdaptiveAvgPool2d((nil, 5))(x).shape == [1, 2, 9, 5])
    #expect(AdaptiveAvgPool2d(nil)(x).shape == [1, 2, 9, 12])
  }

  @Test("softmax without an axis follows PyTorch's old rule")
  func implicitAxis() {
    let axes = [[3], [2, 3], [2, 3, 4], [2, 3, 4, 5]].map { sizes -> Int? in
      guard case .softmax(let axis, false) = operations(of: Softmax()(.placeholder(Shape(sizes)))).last?.op
      else { return nil }
      return axis
    }
    #expect(axes == [0, 1, 0, 1])
  }

  @Test("containers are built from lists, names and blocks, and indexed as in Python")
  func containers() {
    let isDeep = true
    let model = Sequential {
      Linear(4, 4)
      if isDeep { ReLU() } else { Tanh() }
      if !isDeep { Dropout() }
      for width in [8, 2] { Linear(width, width) }
    }
    #expect(model.map(\.typeName) == ["Linear", "ReLU", "Linear", "Linear"])
    #expect(model[-1] === model[3] && model.count == 4)
    #expect(model[..<2].map(\.typeName) == ["Linear", "ReLU"])
    #expect(model[1...][0] === model[1])
    model.append(Tanh())
    #expect(model.namedChildren.map(\.name) == ["0", "1", "2", "3", "4"])
    let named = Sequential(["conv": Conv2d(1, 2, kernelSize: 1), "act": ReLU()])
    #expect(named.stateEntries.map(\.name) == ["conv.weight", "conv.bias"])
  }
}
