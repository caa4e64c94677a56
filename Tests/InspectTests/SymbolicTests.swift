import Strata
import StrataTestSupport
import Testing

@Suite("Costs as formulas") struct SymbolicTests {
  private func cost(_ name: String) throws -> (Module, SymbolicCost) {
    let entry = try ModelRegistry.entry(named: name)
    let model = try entry.make()
    return (model, try #require(try SymbolicCost(of: model, input: Shape([1] + entry.imageShape))))
  }

  @Test("ResNet50's formula is the known one") func resnet() throws {
    let (_, cost) = try cost("resnet50")
    #expect(cost.stride == 32)
    // 81,456 · H · W + 2,048,000, h and w being H / 32 and W / 32.
    #expect(cost.macs.description == "83,410,944·h·w + 2,048,000")
    #expect(cost.macs.value(7, 7) == 4_089_184_256)
    #expect(cost.sizes == (try InputSize(of: ModelRegistry.make("resnet50"), like: imageShape)))
    #expect(cost.fixedLayer == nil)
    let text = cost.text(named: "resnet50", input: imageShape)
    #expect(text.contains("h = H/32") && text.contains("N·(83,410,944·h·w + 2,048,000)"))
    #expect(text.contains("images of at least 1×1 do"))
  }

  @Test(
    "the formula gives the cost at other sizes and batches",
    arguments: [
      "resnet18", "mobilenet_v1", "squeezenet1_1", "densenet121", "alexnet@torchvision", "vgg11_bn",
    ])
  func sizes(_ name: String) throws {
    let (model, cost) = try cost(name)
    let isFixed = cost.fixedLayer != nil
    for (n, h, w) in [(1, 7, 7), (2, 8, 10), (3, 9, 7)] where !isFixed || (h, w) == (7, 7) {
      let input: Shape = [n, 3, h * cost.stride.height, w * cost.stride.width]
      guard let summary = try? model.summary(input: input) else {
        Issue.record("\(input)")
        continue
      }
      #expect(summary.macs == n * cost.macs.value(h, w), "\(input)")
      #expect(summary.activationBytes == n * cost.activationBytes.value(h, w), "\(input)")
    }
  }

  @Test("of a network with a fixed classifier what lies before it is a formula") func fixed() throws {
    let (model, cost) = try cost("vgg16")
    #expect(cost.fixedLayer == "classifier.0 (Linear)")
    #expect(cost.sizes?.smallest == 224 && cost.sizes?.largest == 255)
    #expect(cost.macs.value(7, 7) == 15_470_264_320)
    #expect(cost.macs.constant == 25088 * 4096 + 4096 * 4096 + 4096 * 1000)
    #expect(cost.activationBytes.value(7, 7) == (try model.summary(input: imageShape).activationBytes))
    #expect(cost.text(named: "vgg16", input: imageShape).contains("classifier.0 (Linear) expects a fixed"))
  }

  @Test("what takes no image has no formula") func none() throws {
    #expect(try SymbolicCost(of: Linear(3, 2), input: [1, 3]) == nil)
    // A product of all places with all places grows with the square of the area.
    final class Attention: Module {
      override func forward(_ x: Tensor) -> Tensor {
        let rows = x.flatten(start: 2)
        return rows.transpose(1, 2).matmul(rows)
      }
    }
    #expect(try SymbolicCost(of: Attention(), input: [1, 4, 16, 16]) == nil)
  }
}
