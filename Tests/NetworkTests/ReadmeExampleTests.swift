import Foundation
import Strata
import Testing

/// The Swift of both READMEs stands here word for word: it compiles, runs, and prints what they say it prints.
@Suite("README") struct ReadmeExampleTests {
  @Test("the network of one's own prints what the README shows", arguments: ["README.md", "README.zh-CN.md"])
  func network(readme: String) throws {
    let (page, (printed, mistake)) = (try Page(readme), runNetwork())
    #expect(try page.swift[0] == "import Strata\n\n" + Page.example("network"))
    #expect(page.plain.contains(printed))
    #expect(page.text.contains("`\(mistake)`"))
  }

  /// What the example prints, and what its network says about an image with a channel too many.
  private func runNetwork() -> (printed: String, mistake: String) {
    var printed = ""
    func print(_ value: Any) { printed += "\(value)\n" }

    // README network
    final class SmallNet: Module {
      let features = Sequential(
        Conv2d(3, 16, kernelSize: 3, padding: 1), BatchNorm2d(16), ReLU(), MaxPool2d(2))
      let classifier = Linear(16 * 16 * 16, 10)

      override func forward(_ x: Tensor) -> Tensor {
        classifier(features(x).flatten(start: 1))
      }
    }

    let model = SmallNet().eval()
    print(model)

    let scores = model(.randn([1, 3, 32, 32]))
    print(scores.shape)
    print(model.parameterCount)
    // end

    return (printed, model(.zeros([1, 4, 32, 32])).error?.message ?? "")
  }

  @Test("weights load as the README says", arguments: ["README.md", "README.zh-CN.md"])
  func weights(readme: String) throws {
    // README weights
    func load(_ path: String, into model: Module) throws {
      let weights = try Safetensors.read(path)
      try model.loadStateDict(StateDict(weights.map { ($0.name, $0.tensor) }))
    }
    // end

    #expect(try Page(readme).swift[1] == Page.example("weights"))
    let source = Sequential(Conv2d(3, 4, kernelSize: 3), BatchNorm2d(4))
    let target = Sequential(Conv2d(3, 4, kernelSize: 3), BatchNorm2d(4))
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("\(UUID().uuidString).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let archive = TensorArchive(source.stateDict().map { (name: $0.name, tensor: $0.value) })
    try Safetensors.write(archive, to: path)
    try load(path, into: target)
    for (name, value) in source.stateDict() {
      #expect(target.stateDict()[name]?.scalars(as: Double.self) == value.scalars(as: Double.self))
    }
  }
}

extension ReadmeExampleTests {
  @Test("training as the README says lowers the loss", arguments: ["README.md", "README.zh-CN.md"])
  func training(readme: String) throws {
    // README training
    func train(
      _ model: Module, on batches: [(images: Tensor, labels: Tensor)], epochs: Int
    ) throws -> [Double] {
      let optimizer = SGD(model, lr: 0.05, momentum: 0.9, weightDecay: 5e-4)
      let schedule = CosineAnnealingLR(optimizer, tMax: epochs)
      let step = TrainingStep(model, optimizer: optimizer, loss: CrossEntropyLoss(labelSmoothing: 0.1))
      model.train()
      var losses: [Double] = []
      for _ in 0..<epochs {
        for (images, labels) in batches { losses.append(try step(images, labels).loss) }
        schedule.step()
      }
      return losses
    }
    // end

    #expect(try Page(readme).swift[2] == Page.example("training"))
    // Dark images and bright ones.
    let labels = Tensor([0, 1, 0, 1] as [Int64])
    let batches = (0..<2).map { number in
      let noise = Tensor.rand([4, 1, 8, 8], seed: UInt64(number))
      return (images: noise + labels.to(.float32).reshape(4, 1, 1, 1), labels: labels)
    }
    let model = Sequential(
      Conv2d(1, 4, kernelSize: 3), BatchNorm2d(4), ReLU(), AdaptiveAvgPool2d(1), Flatten(), Linear(4, 2))
    let losses = try train(model, on: batches, epochs: 10)
    #expect(losses.count == 20 && losses[19] < 0.8 * losses[0])
  }
}

/// A page with its blocks of code.
private struct Page {
  /// All of it.
  let text: String
  /// Those in Swift.
  private(set) var swift: [String] = []
  /// Those without a language: what something prints.
  private(set) var plain: [String] = []

  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  init(_ name: String) throws {
    let lines = try Page.lines(of: Page.folder.appendingPathComponent(name))
    text = lines.joined(separator: "\n")
    var block: (language: String, lines: [String])?
    for line in lines {
      if !line.hasPrefix("```") {
        block?.lines.append(line)
      } else if let done = block {
        let code = done.lines.map { $0 + "\n" }.joined()
        if done.language == "swift" { swift.append(code) }
        if done.language.isEmpty { plain.append(code) }
        block = nil
      } else {
        block = (String(line.dropFirst(3)), [])
      }
    }
    try #require(block == nil && swift.count == 3, "\(name) has three blocks of Swift")
  }

  /// The lines of this file between the mark of an example and its end, without their indent.
  static func example(_ name: String) throws -> String {
    let lines = try lines(of: URL(fileURLWithPath: #filePath))
    let start = try #require(lines.firstIndex(of: "    // README \(name)"))
    let end = try #require(lines[start...].firstIndex(of: "    // end"))
    return lines[(start + 1)..<end].map { $0.dropFirst(4) + "\n" }.joined()
  }

  private static func lines(of file: URL) throws -> [String] {
    try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n")
  }
}
