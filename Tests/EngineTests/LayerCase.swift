import Strata
import StrataTestSupport

/// A layer of `layers.json`, with the results that PyTorch gave.
struct LayerCase: Sendable, CustomStringConvertible {
  let fixture: Fixture
  var description: String { fixture.name }
  var isTraining: Bool { fixture.string("mode") == "train" }

  /// Whether the input is one image and not a batch, which PyTorch takes too.
  var isUnbatched: Bool { fixture.name.hasPrefix("unbatched") }

  static let all = Fixtures.cases("layers.json").map(LayerCase.init)
  private static let results = Fixtures.tensors("layers.safetensors")

  /// A tensor that PyTorch left behind: the last output, or a statistic.
  func expected(_ name: String) -> HostTensor? { LayerCase.results["\(fixture.name)/\(name)"] }

  /// The batches to feed, the same ones that PyTorch was fed.
  var inputs: [Tensor] {
    let range = fixture.numbers("input_range")
    let names = fixture["inputs"]?.array?.compactMap(\.string) ?? []
    return names.map { Tensor(Formula.tensor($0, fixture.shape("input_shape"), range[0], range[1])) }
  }

  /// The layer, with the weights of the formula. An unknown type is an error: no case is passed over.
  func makeLayer() throws -> Module {
    let layer = try Self.layer(fixture.string("type"), fixture.object("args"))
    Formula.fill(layer)
    return layer.train(isTraining)
  }

  private static func layer(_ type: String, _ args: Fixture) throws -> Module {
    switch type {
    case "Conv2d": try convolution(args)
    case "BatchNorm2d":
      BatchNorm2d(
        args.integer("num_features"), eps: args.number("eps"), momentum: args["momentum"]?.number,
        affine: args.bool("affine"), trackRunningStats: args.bool("track_running_stats"))
    case "MaxPool2d":
      MaxPool2d(
        args.pair("kernel_size"), stride: args.pair("stride"), padding: args.pair("padding"),
        dilation: args.pair("dilation"), ceilMode: args.bool("ceil_mode"))
    case "AvgPool2d":
      AvgPool2d(
        args.pair("kernel_size"), stride: args.pair("stride"), padding: args.pair("padding"),
        ceilMode: args.bool("ceil_mode"), countIncludePad: args.bool("count_include_pad"),
        divisorOverride: args["divisor_override"]?.integer)
    case "AdaptiveAvgPool2d": AdaptiveAvgPool2d(outputSize(args["output_size"]))
    case "Linear":
      Linear(args.integer("in_features"), args.integer("out_features"), bias: args.bool("bias"))
    case "Softmax": Softmax(dim: args.integer("dim"))
    case "LogSoftmax": LogSoftmax(dim: args.integer("dim"))
    case "Flatten": Flatten(startDim: args.integer("start_dim"), endDim: args.integer("end_dim"))
    case "GELU": GELU(approximate: args.string("approximate") == "tanh" ? .tanh : .none)
    case "LeakyReLU": LeakyReLU(args.number("negative_slope"))
    case "ReLU": ReLU(inplace: args.bool("inplace"))
    case "ReLU6": ReLU6()
    case "Hardswish": Hardswish()
    case "Hardsigmoid": Hardsigmoid()
    case "Sigmoid": Sigmoid()
    case "SiLU": SiLU()
    case "Tanh": Tanh()
    case "Identity": Identity()
    case "Dropout": Dropout(p: args.number("p"))
    default: throw StrataError(.argument, "there is no test for a layer of type \(type)")
    }
  }

  private static func convolution(_ args: Fixture) throws -> Module {
    let (input, output) = (args.integer("in_channels"), args.integer("out_channels"))
    let (kernel, stride, dilation) = (args.pair("kernel_size"), args.pair("stride"), args.pair("dilation"))
    let (groups, bias) = (args.integer("groups"), args.bool("bias"))
    guard let name = args["padding"]?.string else {
      return Conv2d(
        input, output, kernelSize: kernel, stride: stride, padding: args.pair("padding"), dilation: dilation,
        groups: groups, bias: bias)
    }
    guard let padding = Conv2d.NamedPadding(rawValue: name) else {
      throw StrataError(.argument, "there is no padding called \(name)")
    }
    return Conv2d(
      input, output, kernelSize: kernel, stride: stride, padding: padding, dilation: dilation, groups: groups,
      bias: bias)
  }

  private static func outputSize(_ size: JSONValue?) -> OutputSize {
    if let both = size?.integer { return OutputSize(both) }
    let sizes = size?.array ?? []
    return OutputSize(sizes[0].integer, sizes[1].integer)
  }
}
