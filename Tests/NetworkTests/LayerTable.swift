import Strata

/// How each module of `print/modules.json`, named by its Python code, is built here.
enum LayerTable {
  typealias Maker = @Sendable () -> Module

  static let makers: [String: Maker] = [convolutions, norms, activations, pools, others, containers]
    .reduce(into: [:]) { $0.merge($1) { first, _ in first } }

  private static let convolutions: [String: Maker] = [
    "Conv2d(3, 64, kernel_size=3)": { Conv2d(3, 64, kernelSize: 3) },
    "Conv2d(3, 64, kernel_size=(3, 5), stride=2)": { Conv2d(3, 64, kernelSize: IntPair(3, 5), stride: 2) },
    "Conv2d(3, 64, kernel_size=3, stride=(2, 1))": { Conv2d(3, 64, kernelSize: 3, stride: IntPair(2, 1)) },
    "Conv2d(3, 96, kernel_size=11, stride=4, padding=2)": {
      Conv2d(3, 96, kernelSize: 11, stride: 4, padding: 2)
    },
    "Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2), dilation=(3, 1))": {
      Conv2d(
        16, 33, kernelSize: IntPair(3, 5), stride: IntPair(2, 1), padding: IntPair(4, 2),
        dilation: IntPair(3, 1))
    },
    "Conv2d(16, 16, 3, padding=(0, 1))": { Conv2d(16, 16, kernelSize: 3, padding: IntPair(0, 1)) },
    "Conv2d(16, 32, 3, padding=1, dilation=2)": { Conv2d(16, 32, kernelSize: 3, padding: 1, dilation: 2) },
    "Conv2d(32, 32, 3, padding=1, groups=32, bias=False)": {
      Conv2d(32, 32, kernelSize: 3, padding: 1, groups: 32, bias: false)
    },
    "Conv2d(8, 16, 3, groups=4)": { Conv2d(8, 16, kernelSize: 3, groups: 4) },
    "Conv2d(64, 64, kernel_size=1, bias=False)": { Conv2d(64, 64, kernelSize: 1, bias: false) },
    "Conv2d(64, 64, kernel_size=3, padding='same')": { Conv2d(64, 64, kernelSize: 3, padding: .same) },
    "Conv2d(64, 64, kernel_size=3, padding='valid')": { Conv2d(64, 64, kernelSize: 3, padding: .valid) },
    "Conv2d(4, 4, kernel_size=(5, 3), padding='same', dilation=2, groups=2, bias=False)": {
      Conv2d(4, 4, kernelSize: IntPair(5, 3), padding: .same, dilation: 2, groups: 2, bias: false)
    },
    "Conv2d(3, 8, 3, padding=0, dilation=1)": { Conv2d(3, 8, kernelSize: 3, padding: 0, dilation: 1) },
  ]

  private static let norms: [String: Maker] = [
    "BatchNorm2d(64)": { BatchNorm2d(64) },
    "BatchNorm2d(64, eps=0.001)": { BatchNorm2d(64, eps: 0.001) },
    "BatchNorm2d(64, eps=1e-06, momentum=0.01)": { BatchNorm2d(64, eps: 1e-06, momentum: 0.01) },
    "BatchNorm2d(64, eps=1e-3, momentum=0.9)": { BatchNorm2d(64, eps: 1e-3, momentum: 0.9) },
    "BatchNorm2d(64, eps=0.0001)": { BatchNorm2d(64, eps: 0.0001) },
    "BatchNorm2d(64, eps=0.00001)": { BatchNorm2d(64, eps: 0.00001) },
    "BatchNorm2d(64, eps=1, momentum=1)": { BatchNorm2d(64, eps: 1, momentum: 1) },
    "BatchNorm2d(64, eps=2.5e-05, momentum=0.03)": { BatchNorm2d(64, eps: 2.5e-05, momentum: 0.03) },
    "BatchNorm2d(64, affine=False)": { BatchNorm2d(64, affine: false) },
    "BatchNorm2d(64, bias=False)": { BatchNorm2d(64, bias: false) },
    "BatchNorm2d(64, track_running_stats=False)": { BatchNorm2d(64, trackRunningStats: false) },
    "BatchNorm2d(64, affine=False, track_running_stats=False)": {
      BatchNorm2d(64, affine: false, trackRunningStats: false)
    },
    "BatchNorm2d(64, momentum=None)": { BatchNorm2d(64, momentum: nil) },
  ]

  private static let activations: [String: Maker] = [
    "ReLU()": { ReLU() },
    "ReLU(inplace=True)": { ReLU(inplace: true) },
    "ReLU6()": { ReLU6() },
    "ReLU6(inplace=True)": { ReLU6(inplace: true) },
    "LeakyReLU()": { LeakyReLU() },
    "LeakyReLU(0.2)": { LeakyReLU(0.2) },
    "LeakyReLU(0.1, inplace=True)": { LeakyReLU(0.1, inplace: true) },
    "Hardswish()": { Hardswish() },
    "Hardswish(inplace=True)": { Hardswish(inplace: true) },
    "Hardsigmoid()": { Hardsigmoid() },
    "Hardsigmoid(inplace=True)": { Hardsigmoid(inplace: true) },
    "Sigmoid()": { Sigmoid() },
    "SiLU()": { SiLU() },
    "SiLU(inplace=True)": { SiLU(inplace: true) },
    "GELU()": { GELU() },
    "GELU(approximate='tanh')": { GELU(approximate: .tanh) },
    "Tanh()": { Tanh() },
    "Softmax()": { Softmax() },
    "Softmax(dim=1)": { Softmax(dim: 1) },
    "Softmax(dim=-1)": { Softmax(dim: -1) },
    "LogSoftmax(dim=1)": { LogSoftmax(dim: 1) },
    "LogSoftmax()": { LogSoftmax() },
    "Identity()": { Identity() },
    "Identity(54, unused=True)": { Identity() },
  ]

  private static let pools: [String: Maker] = [
    "MaxPool2d(2)": { MaxPool2d(2) },
    "MaxPool2d(3, stride=2)": { MaxPool2d(3, stride: 2) },
    "MaxPool2d(kernel_size=3, stride=2, padding=1)": { MaxPool2d(3, stride: 2, padding: 1) },
    "MaxPool2d((3, 2), stride=(2, 1))": { MaxPool2d(IntPair(3, 2), stride: IntPair(2, 1)) },
    "MaxPool2d(3, stride=2, padding=(1, 0), ceil_mode=True)": {
      MaxPool2d(3, stride: 2, padding: IntPair(1, 0), ceilMode: true)
    },
    "MaxPool2d(3, stride=1, padding=1, dilation=2)": { MaxPool2d(3, stride: 1, padding: 1, dilation: 2) },
    "MaxPool2d(3, dilation=(1, 2), return_indices=True)": { MaxPool2d(3, dilation: IntPair(1, 2)) },
    "AvgPool2d(2)": { AvgPool2d(2) },
    "AvgPool2d(7, stride=1)": { AvgPool2d(7, stride: 1) },
    "AvgPool2d((3, 2), stride=(2, 1), padding=(1, 0))": {
      AvgPool2d(IntPair(3, 2), stride: IntPair(2, 1), padding: IntPair(1, 0))
    },
    "AvgPool2d(3, stride=2, padding=1, count_include_pad=False)": {
      AvgPool2d(3, stride: 2, padding: 1, countIncludePad: false)
    },
    "AvgPool2d(3, stride=2, ceil_mode=True)": { AvgPool2d(3, stride: 2, ceilMode: true) },
    "AvgPool2d(2, divisor_override=3)": { AvgPool2d(2, divisorOverride: 3) },
    "AdaptiveAvgPool2d(1)": { AdaptiveAvgPool2d(1) },
    "AdaptiveAvgPool2d((1, 1))": { AdaptiveAvgPool2d((1, 1)) },
    "AdaptiveAvgPool2d((5, 7))": { AdaptiveAvgPool2d((5, 7)) },
    "AdaptiveAvgPool2d((None, 7))": { AdaptiveAvgPool2d((nil, 7)) },
    "AdaptiveAvgPool2d(None)": { AdaptiveAvgPool2d(nil) },
    "AdaptiveAvgPool2d([6, 6])": { AdaptiveAvgPool2d([6, 6]) },
  ]

  private static let others: [String: Maker] = [
    "Linear(2048, 1000)": { Linear(2048, 1000) },
    "Linear(1, 1)": { Linear(1, 1) },
    "Linear(1280, 10, bias=False)": { Linear(1280, 10, bias: false) },
    "Dropout()": { Dropout() },
    "Dropout(p=0.2)": { Dropout(p: 0.2) },
    "Dropout(0.2, inplace=True)": { Dropout(0.2, inplace: true) },
    "Dropout(0)": { Dropout(0) },
    "Dropout(p=1)": { Dropout(p: 1) },
    "Flatten()": { Flatten() },
    "Flatten(0)": { Flatten(startDim: 0) },
    "Flatten(start_dim=1, end_dim=2)": { Flatten(startDim: 1, endDim: 2) },
    "Flatten(2, -1)": { Flatten(startDim: 2, endDim: -1) },
  ]

  private static let containers: [String: Maker] = [
    "Sequential()": { Sequential() },
    "Sequential(ReLU())": { Sequential(ReLU()) },
    "Sequential(Conv2d(3, 8, 3), ReLU(inplace=True))": {
      Sequential(Conv2d(3, 8, kernelSize: 3), ReLU(inplace: true))
    },
    "Sequential(Linear(4, 4), Linear(4, 4), ReLU())": { Sequential(Linear(4, 4), Linear(4, 4), ReLU()) },
    "Sequential(Sequential(), ReLU())": { Sequential(Sequential(), ReLU()) },
    "Sequential(Sequential(Conv2d(3, 8, 1, bias=False), BatchNorm2d(8)), Sequential(Sequential(ReLU())))": {
      Sequential(
        Sequential(Conv2d(3, 8, kernelSize: 1, bias: false), BatchNorm2d(8)), Sequential(Sequential(ReLU())))
    },
    "Sequential(OrderedDict([('conv', Conv2d(1, 20, 5)), ('act', Sequential(ReLU(), Dropout()))]))": {
      Sequential(["conv": Conv2d(1, 20, kernelSize: 5), "act": Sequential(ReLU(), Dropout())])
    },
    "ModuleList()": { ModuleList() },
    "ModuleList([ReLU()])": { ModuleList([ReLU()]) },
    "ModuleList([Linear(4, 4), Linear(4, 4), Linear(4, 4)])": {
      ModuleList([Linear(4, 4), Linear(4, 4), Linear(4, 4)])
    },
    "ModuleList([ReLU(), ReLU(), Tanh(), ReLU()])": { ModuleList(ReLU(), ReLU(), Tanh(), ReLU()) },
    "ModuleList([Linear(4, 8), Linear(4, 4), Linear(4, 4), Dropout(0.1)])": {
      ModuleList(Linear(4, 8), Linear(4, 4), Linear(4, 4), Dropout(0.1))
    },
    "ModuleList([Dropout(0.1), Dropout(0.2), Dropout(0.2)])": {
      ModuleList(Dropout(0.1), Dropout(0.2), Dropout(0.2))
    },
    "ModuleList([Sequential(Linear(2, 2), ReLU()), Sequential(Linear(2, 2), ReLU()), Sequential(Linear(2, 3))])":
      {
        ModuleList(
          Sequential(Linear(2, 2), ReLU()), Sequential(Linear(2, 2), ReLU()), Sequential(Linear(2, 3)))
      },
    "ModuleList([ModuleList([ReLU(), ReLU()]), ModuleList([ReLU(), ReLU()])])": {
      ModuleList(ModuleList(ReLU(), ReLU()), ModuleList(ReLU(), ReLU()))
    },
    "ModuleList([ModuleList(), ModuleList()])": { ModuleList(ModuleList(), ModuleList()) },
    "Sequential(ModuleList([BatchNorm2d(3), BatchNorm2d(3)]), Identity())": {
      Sequential(ModuleList(BatchNorm2d(3), BatchNorm2d(3)), Identity())
    },
    "ModuleList([ReLU() for _ in range(12)])": { ModuleList { for _ in 0..<12 { ReLU() } } },
  ]
}
