import Foundation
import Strata
import StrataTestSupport
import Testing

@Suite("Naming pictures", .serialized)
struct PredictionTests {
  private func picture(_ side: Int = 40) throws -> Image {
    var pixels: [UInt8] = []
    for y in 0..<side {
      for x in 0..<side { pixels += [UInt8(x * 6 % 256), UInt8(y * 6 % 256), UInt8((x + y) % 256)] }
    }
    return try Image(width: side, height: side, pixels: pixels)
  }

  @Test("Predictions are the softmax of the scores, the likeliest first, alone or in a batch")
  func predictions() throws {
    let model = try tinyNet()
    let preset = ImagePreset(resize: 32, crop: 28)
    let classifier = Classifier(model, preset: preset, labels: Labels(["a", "b", "c"]))
    let (one, other) = (try picture(), try picture(33))
    let found = try classifier.predict(one, top: 5)
    let expected = try model(Tensor(preset.batch(of: [one]))).softmax(dim: 1).value().scalars(as: Float.self)
    #expect(found.map(\.probability) == found.map(\.probability).sorted(by: >))
    for prediction in found { #expect(abs(prediction.probability - expected[prediction.index]) < 1e-6) }
    #expect(Set(found.map(\.label)) == ["a", "b", "c", "class 3", "class 4"])
    let together = try classifier.predict([other, one], top: 5)
    #expect(together[1].map(\.index) == found.map(\.index))
  }

  @Test("Labels come from lines, arrays, and objects as ImageNet's index")
  func labels() throws {
    let texts = [
      "tench\r\ngreat white\n": ["tench", "great white"], "[\"a\", \"b\"]": ["a", "b"],
      "{\"1\": [\"n2\", \"shark\"], \"0\": [\"n1\", \"tench\"]}": ["tench", "shark"],
    ]
    for (text, names) in texts {
      let path = try temporaryFile("labels")
      try FileSystem.write(Array(text.utf8), to: path)
      #expect(try Labels(contentsOf: path).names == names)
    }
    for text in ["", "{\"5\": \"x\"}", "[1, 2]"] {
      let path = try temporaryFile("labels")
      try FileSystem.write(Array(text.utf8), to: path)
      #expect(throws: StrataError.self) { try Labels(contentsOf: path) }
    }
  }

  @Test("Grad-CAM's map is the rectified sum of maps weighted by their mean gradient")
  func gradCAM() throws {
    let model = try tinyNet()
    let input = Formula.input([1, 3, 16, 16])
    let map = try GradCAM(of: model, input: input, index: 2)
    #expect(map.layer == "pool")
    #expect(map.map.shape == [4, 4])
    // The scores are linear in the pooled maps: the gradient is the classifier's own row.
    let features = model.pool(model.relu(model.bn(model.conv(Tensor(input)))))
    let weights = model.fc.weight.tensor[2].reshape([1, 8, 4, 4]).mean(dims: [2, 3], keepDim: true)
    let expected = (weights * features).sum(dim: 1).relu()[0]
    let largest = expected.max()
    #expect(difference(map.map, try (expected / largest).value(), relative: 1e-5) == nil)
    let plain = try picture(20)
    let overlay = try map.overlay(on: plain)
    #expect(overlay.width == 20 && overlay.pixels != plain.pixels)
  }

  @Test("A class that does not exist is refused")
  func unknownClass() throws {
    #expect(throws: StrataError.self) {
      try GradCAM(of: tinyNet(), input: Formula.input([1, 3, 16, 16]), index: 5)
    }
  }
}
