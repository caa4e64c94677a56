import Foundation
import Strata
import Testing

/// Writes what `Reference/formats_check.py` reads with torch, numpy, safetensors, onnx and ONNX Runtime.
@Suite("Files for other programs", .enabled(if: ONNXTests.checkFolder != nil)) struct CheckFiles {
  private var folder: String { ONNXTests.checkFolder ?? "" }

  @Test("files of weights") func weights() throws {
    let archive = try Safetensors.read("\(formatsFolder)/kinds.expected.safetensors")
    try Weights.write(archive, to: "\(folder)/weights.pth")
    try Safetensors.write(archive, to: "\(folder)/weights.safetensors")
    try Safetensors.write(archive, to: "\(folder)/sharded.safetensors", maximumShardSize: 500)
    var arrays = archive
    for name in arrays.names where arrays[name]?.dtype == .bfloat16 { arrays[name] = nil }
    try Weights.write(arrays, to: "\(folder)/weights.npz")
  }

  @Test(
    "whole networks",
    arguments: [
      "alexnet", "resnet50", "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x1_0",
      "convnext_tiny", "googlenet", "efficientnet_b0", "regnet_y_400mf", "densenet121", "squeezenet1_1",
      "mnasnet0_5",
    ]) func networks(name: String)
    throws
  {
    for folds in [false, true] {
      manualSeed(1)
      let network = try ModelRegistry.entry(named: name).make()
      network.eval()
      var options = ONNX.ExportOptions()
      options.foldsBatchNorm = folds
      let image = Tensor.placeholder([2, 3, 224, 224])
      let model = try ONNX.export(
        inputs: [("image", image)], outputs: [("result", network(image))],
        variables: network.stateEntries.map { (name: $0.name, variable: $0.variable) }, options: options)
      let file = "\(folder)/\(name)_\(folds ? "folded" : "plain")"
      try ONNX.write(model, to: "\(file).onnx", data: folds ? .external : .automatic)
      let input = HostTensor.normal(shape: [1, 3, 224, 224], key: RandomKey(seed: 3))
      let result = try network(Tensor(input)).value()
      try Safetensors.write(
        TensorArchive([("image", input), ("result", result)]), to: "\(file).1.safetensors")
      let again = try ONNX.load("\(file).onnx")(Tensor(input)).value()
      let distance = zip(again.scalars(as: Float.self), result.scalars(as: Float.self)).map { abs($0 - $1) }
        .max()
      #expect(try #require(distance) < 1e-4)
    }
  }

  @Test("networks that torch exported, and their weights in each format") func torchNetworks() throws {
    let place = "\(folder)/torchvision"
    let files = (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []
    for file in files.sorted() where file.hasSuffix(".onnx") {
      let stem = "\(place)/\(file.dropLast(5))"
      let example = try Safetensors.read("\(stem).io.safetensors")
      let (image, wanted) = (try #require(example["image"]), try #require(example["result"]))
      let found = try ONNX.load("\(stem).onnx")(Tensor(image)).value()
      #expect(found.shape == wanted.shape)
      let (a, b) = (found.scalars(as: Float.self), wanted.scalars(as: Float.self))
      let scale = b.reduce(.leastNormalMagnitude) { max($0, abs($1)) }
      let distance = zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } / scale
      print("\(file): \(distance)")
      #expect(distance < 1e-4, "\(file)")
      let weights = try Weights.read("\(stem).safetensors")
      for other in ["pth", "legacy.pth"] {
        let copy = try Weights.read("\(stem).\(other)")
        #expect(copy.names.sorted() == weights.names.sorted())
        for (name, tensor) in weights { expectSame(copy[name], tensor, "\(file) \(name)") }
      }
    }
  }
}
