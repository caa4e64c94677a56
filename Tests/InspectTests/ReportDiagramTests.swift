import Foundation
import Strata
import Testing

@Suite("Diagrams") struct ReportDiagramTests {
  private func diagram(_ name: String) throws -> ArchitectureDiagram {
    let entry = try ModelRegistry.entry(named: name)
    return try ArchitectureDiagram(of: entry.make(), input: Shape([1] + entry.imageShape))
  }

  /// The lines of a drawing as pairs of labels, each with the shape that flows.
  private func lines(_ diagram: ArchitectureDiagram, depth: Int? = nil) -> Set<String> {
    var names: [Substring: String] = [:]
    var lines: Set<String> = []
    for line in diagram.dot(depth: depth).split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count > 1, let label = line.range(of: "label=\"") else { continue }
      let text = line[label.upperBound...].prefix { $0 != "\"" }.replacingOccurrences(of: "\\n", with: " ")
      if words[1] == "->" {
        lines.insert("\(names[words[0]] ?? "?") -> \(names[words[2]] ?? "?"): \(text)")
      } else {
        names[words[0]] = text
      }
    }
    return lines
  }

  @Test(
    "nothing overlaps and nothing is cut",
    arguments: [
      "lenet5", "alexnet", "resnet18", "resnet152", "googlenet", "densenet121", "mobilenet_v3_small",
      "shufflenet_v2_x1_0", "squeezenet1_1", "convnext_tiny", "regnet_y_400mf", "efficientnet_b0",
    ])
  func layout(_ name: String) throws {
    for depth in [1, 2, 3, nil] {
      let drawing = try DrawingReader(diagram(name).svg(depth: depth))
      let canvas = CGRect(origin: .zero, size: drawing.size)
      let pieces = drawing.boxes + drawing.labels
      #expect(drawing.boxes.count > 3)
      for piece in pieces + drawing.containers {
        #expect(piece.rectangle.lies(in: canvas), "\(piece)")
      }
      // Sorted by their tops, only neighbours can overlap.
      let sorted = pieces.map { ($0, $0.rectangle.insetBy(dx: 0.2, dy: 0.2)) }
        .sorted { $0.1.minY < $1.1.minY }
      for (index, (piece, rectangle)) in sorted.enumerated() {
        for (other, next) in sorted[(index + 1)...].prefix(while: { $0.1.minY < rectangle.maxY }) {
          #expect(!rectangle.intersects(next), "\(name): \(piece) and \(other)")
        }
      }
      for container in drawing.containers {
        let area = container.rectangle
        for box in drawing.boxes where area.intersects(box.rectangle.insetBy(dx: 0.2, dy: 0.2)) {
          #expect(box.rectangle.lies(in: area), "\(name): \(box) reaches out of its module")
        }
      }
    }
  }

  @Test("a residual block has two ways to its sum") func residual() throws {
    let found = lines(try diagram("resnet18"))
    #expect(found.contains("maxpool MaxPool2d 3×3, /2 -> conv1 Conv2d 3×3, 64: 64×56×56"))
    #expect(found.contains("maxpool MaxPool2d 3×3, /2 -> +: 64×56×56"))
    #expect(found.contains("1 BatchNorm2d -> +: 128×28×28"))
    #expect(found.contains("bn2 BatchNorm2d -> +: 128×28×28"))
    #expect(found.contains("fc Linear 512 → 1000 -> Output: 1000"))
  }

  @Test("branches meet where they are joined") func branches() throws {
    let found = lines(try diagram("googlenet"), depth: 2)
    for shape in ["64×28×28", "128×28×28", "32×28×28"] {
      #expect(found.contains { $0.hasSuffix("-> concat: \(shape)") })
    }
  }

  @Test("equal blocks in a row are drawn once") func folding() throws {
    let text = try diagram("resnet152").dot()
    #expect(text.contains("label=\"1 – 35 35 × Bottleneck\""))
    // Input, stem of four, four stages, pooling, flattening, classifier, output: a line between each two.
    #expect(lines(try diagram("resnet152"), depth: 1).count == 12)
    // Blocks that differ are not.
    #expect(!(try diagram("densenet121").dot().contains(" × _DenseLayer")))
  }

  @Test("layers that do nothing in evaluation stand in their places") func idle() throws {
    let found = lines(try diagram("alexnet"))
    #expect(found.contains("flatten -> 0 Dropout p = 0.5: 9216"))
    #expect(found.contains("0 Dropout p = 0.5 -> 1 Linear 9216 → 4096: 9216"))

    let idle = Sequential(Dropout(p: 0.1), Identity(), Sequential(), Dropout(p: 0.2))
    let chain = lines(try ArchitectureDiagram(of: idle, input: [1, 3]))
    #expect(chain.contains("Input -> 0 Dropout p = 0.1: 3"))
    #expect(chain.contains("0 Dropout p = 0.1 -> 1 Identity: 3"))
    #expect(chain.contains("2 Sequential -> 3 Dropout p = 0.2: 3"))
    #expect(chain.contains("3 Dropout p = 0.2 -> Output: 3"))
    #expect(chain.count == 5)
  }

  @Test("dropout in a branch stays in it") func idleBranch() throws {
    final class Block: Module {
      let conv = Conv2d(4, 4, kernelSize: 1)
      let drop = Dropout(p: 0.5)
      override func forward(_ x: Tensor) -> Tensor { x + drop(conv(x)) }
    }
    let found = lines(try ArchitectureDiagram(of: Block(), input: [1, 4, 2, 2]))
    #expect(
      found == [
        "Input -> conv Conv2d 1×1, 4: 4×2×2", "Input -> +: 4×2×2",
        "conv Conv2d 1×1, 4 -> drop Dropout p = 0.5: 4×2×2", "drop Dropout p = 0.5 -> +: 4×2×2",
        "+ -> Output: 4×2×2",
      ])
  }

  @Test("a module called twice is drawn twice, and what is not called not at all") func calls() throws {
    final class Twice: Module {
      let conv = Conv2d(4, 4, kernelSize: 1)
      let scale = Parameter([4, 1, 1])
      let spare = Linear(4, 4)
      override func forward(_ x: Tensor) -> Tensor { conv(conv(x)) * scale.tensor }
    }
    let diagram = try ArchitectureDiagram(of: Twice(), input: [1, 4, 2, 2])
    let boxes = try DrawingReader(diagram.svg()).boxes
    #expect(boxes.count { $0.kind == "b convolution" } == 2)
    #expect(boxes.count { $0.kind == "b linear" } == 0)
    #expect(boxes.count { $0.kind == "b operation" } == 1)
  }

  @Test("odd networks can be drawn") func oddities() throws {
    for model in [Sequential(), Sequential(Sequential()), Linear(3, 2)] as [Module] {
      let diagram = try ArchitectureDiagram(of: model, input: [1, 3])
      #expect(try DrawingReader(diagram.svg()).boxes.count >= 2)
      #expect(diagram.dot().hasPrefix("digraph"))
    }
    #expect(throws: StrataError.self) { try ArchitectureDiagram(of: Linear(3, 2), input: [1, 4]) }
  }

  @Test("all families can be drawn") func families() throws {
    for entry in ModelRegistry.entries {
      let diagram = try ArchitectureDiagram(of: entry.make(), input: Shape([1] + entry.imageShape))
      #expect(try DrawingReader(diagram.svg(depth: 3)).boxes.count > 2, "\(entry.name)")
    }
  }
}

extension CGRect {
  /// Whether it lies in another, but for what is lost by writing places with one digit. The rectangles' own
  /// `contains` compares sums of such numbers for equality.
  fileprivate func lies(in other: CGRect) -> Bool {
    let slack = 0.25
    return minX >= other.minX - slack && maxX <= other.maxX + slack && minY >= other.minY - slack
      && maxY <= other.maxY + slack
  }
}
