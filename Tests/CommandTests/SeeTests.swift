import Foundation
import Strata
import Testing

@Suite("Seeing and comparing") struct SeeTests {
  private let folder = Result { try TemporaryFolder() }

  private func path(_ name: String) throws -> String { try folder.get().path(name) }

  private func write(_ text: String, _ name: String) throws -> String {
    let path = try path(name)
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return path
  }

  @Test("networks are compared as text, JSON, CSV and Markdown, by patterns too") func compare() throws {
    let text = try Tool.run(["compare", "alexnet", "resnet50", "mobilenet_v1", "--sort", "macs"])
    #expect(text.status == 0 && text.message == "")
    #expect(
      text.output.contains("mobilenet_v1 needs 2.00× fewer MACs than alexnet, 7.19× fewer than resnet50 and")
        == false)
    #expect(
      text.output.contains("mobilenet_v1 needs 2.00× fewer MACs than alexnet and 7.19× fewer than resnet50."))
    #expect(text.output.contains("`strata diff resnet50 resnet50@v1` tells them apart"))
    let json = try Tool.run(["compare", "resnet*", "--json", "--optimizer", "adam"]).json()
    #expect(json["reference"] == "resnet50" && json["optimizer"] == "adam")
    let models = try #require(json["models"]?.array)
    #expect(models.count == 10)
    #expect(models.contains { $0["model"] == "resnet152" && $0["parameters"] == 60_192_808 })
    #expect(json["conclusions"]?.array?.isEmpty == false)
    let csv = try Tool.run(["compare", "all", "--csv"]).output.split(separator: "\n")
    #expect(csv.count == 1 + ModelRegistry.entries.count)
    #expect(csv.contains { $0.hasPrefix("vgg19_bn,19,143678248,19632062464,") })
    let markdown = try Tool.run(["compare", "vgg1*", "--markdown", "--classes", "10"]).output
    #expect(markdown.hasPrefix("| Model | Layers |") && markdown.contains("| vgg11 | 11 |"))
  }

  @Test("two networks that differ end with status 1, two that do not with 0") func diff() throws {
    let same = try Tool.run(["diff", "vgg16", "vgg16"])
    #expect(same.status == 0 && same.output.hasPrefix("no difference in"))
    let different = try Tool.run(["diff", "resnet50", "resnet50@v1"])
    #expect(different.status == 1 && different.message == "")
    #expect(different.output.contains("~ layer2.0.conv1  stride (1, 1) -> (2, 2)"))
    let json = try Tool.run(["diff", "resnet50", "resnet50@v1", "--json"])
    #expect(json.status == 1)
    #expect(try json.json()["equal"] == false)
    #expect(try json.json()["after"]?["macs"] == 3_857_973_248)
    #expect(try Tool.run(["diff", "vgg16"]).message == "strata diff: compares two, got 1\n")
    let many = try Tool.run(["diff", "vgg16", "vgg1*"])
    #expect(many.status == 2 && many.message.contains("fits 8 networks, and one is needed"))
  }

  @Test("a network and a file of weights are compared by name and shape") func weights() throws {
    let file = try path("w.safetensors")
    #expect(try Tool.run(["init", "lenet5", "-o", file]).status == 0)
    let same = try Tool.run(["diff", "lenet5", file])
    #expect(same.status == 0)
    #expect(same.output == "10 tensors the same, 0 missing, 0 surplus, 0 misshapen; numbers equal (61,706)\n")
    let other = try Tool.run(["diff", "lenet5", file, "--classes", "7"])
    #expect(other.status == 1 && other.output.contains("~ classifier.4.weight  [7, 84] -> [10, 84]"))
    let renamed = try path("r.safetensors")
    #expect(
      try Tool.run(["convert", file, renamed, "--rename", "features.0.weight=features.0.w"]).status == 0)
    let json = try Tool.run(["diff", "lenet5", renamed, "--json"])
    #expect(json.status == 1)
    #expect(try json.json()["missing"] == [["name": "features.0.weight", "shape": [6, 1, 5, 5]]])
    #expect(try json.json()["surplus"]?.array?.first?["perhaps"] == "features.0.weight")
    #expect(try Tool.run(["diff", file, renamed]).status == 1)
    #expect(try Tool.run(["summary", file]).output == Tool.run(["summary", "lenet5"]).output)
  }

  @Test("a layer's figures are explained") func explain() throws {
    let text = try Tool.run(["explain", "vgg16", "classifier.0"])
    #expect(text.status == 0)
    #expect(text.output.contains("102,764,544 = 4096·25088 + 4096"))
    let json = try Tool.run(["explain", "vgg16", ".", "--json"]).json()
    #expect(json["layer"] == "" && json["figures"]?.array?.isEmpty == false)
    let typo = try Tool.run(["explain", "vgg16", "clasifier.0"])
    #expect(typo.status == 2 && typo.output == "")
  }

  @Test("what PyTorch prints is taken from a file") func printed() throws {
    let file = try write(try fixture("print/resnet50.torch20.txt"), "net.txt")
    let summary = try Tool.run(["summary", file, "--json"]).json()
    #expect(summary["macs"] == 4_089_184_256 && summary["parameters"] == 25_557_032)
    #expect(try Tool.run(["diff", file, "resnet50"]).status == 0)
    #expect(try Tool.run(["diff", file, "resnet50@v1"]).status == 1)
    #expect(try Tool.run(["show", file]).output == fixture("print/resnet50.txt"))
    #expect(try Tool.run(["compare", file, "vgg1*"]).output.contains("net.txt"))
    #expect(try Tool.run(["explain", file, "conv1"]).output.contains("9,408 = 64·3/1·7·7"))
    let options = try Tool.run(["summary", file, "--classes", "10"])
    #expect(options.status == 2 && options.message.contains("takes no options"))

    let own = try write("Net(\n  (fc): Linear(in_features=2, out_features=3, bias=True)\n)\n", "own.txt")
    let unknown = try Tool.run(["summary", own])
    #expect(unknown.status == 0 && unknown.message.contains("does not tell in which order Net calls"))
    #expect(unknown.output.contains("fc  Linear"))
    let bad = try write("Linear(in_features=2", "bad.txt")
    let message = try Tool.run(["summary", bad]).message
    #expect(message == "strata summary: \(bad): line 1: `Linear(` is not closed\n")
    #expect(try Tool.run(["summary", path("none.txt")]).message.contains("cannot be read"))
  }

  @Test("summaries of several networks, in every form") func summaries() throws {
    let text = try Tool.run(["summary", "vgg11*", "--depth", "1"])
    #expect(text.status == 0)
    #expect(text.output.hasPrefix("vgg11\n\nLayer") && text.output.contains("\n\nvgg11_bn\n\nLayer"))
    let documents = try #require(try Tool.run(["summary", "vgg11", "vgg13", "--json"]).json().array)
    #expect(documents.map { $0["macs"]?.integer } == [7_609_090_048, 11_308_466_176])
    let csv = try Tool.run(["summary", "lenet5", "vgg11", "--csv"]).output.split(separator: "\n")
    #expect(csv[0].hasPrefix("model,kind,depth,layer,") && csv[1].hasPrefix("lenet5,container,0,"))
    let markdown = try Tool.run(["summary", "lenet5", "--markdown"]).output
    #expect(markdown.hasPrefix("| Layer | Output |") && markdown.contains("- Parameters: 61,706"))
    let symbolic = try Tool.run(["summary", "resnet50", "--symbolic"]).output
    #expect(symbolic.contains("N·(83,410,944·h·w + 2,048,000)"))
    let formula = try Tool.run(["summary", "resnet50", "--symbolic", "--json"]).json()
    #expect(formula["macs_per_image"]?["hw"] == 83_410_944 && formula["smallest_image"] == 1)
    #expect(try Tool.run(["summary", "resnet50", "--convention", "all"]).output.contains("4,111,512,576"))
    let small = try Tool.run(["summary", "alexnet@torchvision", "--input", "1,3,32,32"])
    #expect(small.status == 2)
    #expect(
      small.message == """
        strata summary: alexnet@torchvision: features.12 (MaxPool2d): window 3×3 does not fit into 1×1; \
        images of at least 63×63 do

        """)
  }

  @Test("networks can be asked to be otherwise") func options() throws {
    let wide = try Tool.run(["summary", "mobilenet_v1", "--width", "0.5", "--classes", "10", "--json"]).json()
    let expected = try ModelRegistry.make(
      "mobilenet_v1", ModelOptions(classes: 10, widthMultiplier: 0.5)
    ).parameterCount
    #expect(wide["parameters"]?.integer == expected)
    let grey = try Tool.run(["summary", "resnet18", "--channels", "1", "--json"]).json()
    #expect(grey["input"] == [1, 1, 224, 224])
    #expect(try Tool.run(["show", "vgg11", "--dropout", "0.25"]).output.contains("Dropout(p=0.25"))
    #expect(
      try Tool.run(["summary", "vgg11", "--width", "2"]).message.contains("vgg11 has no width multiplier"))
    let wrong = try Tool.run(["summary", "mobilenet_v1", "--width", "wide"])
    #expect(wrong.message == "strata summary: --width expects a number between 0.01 and 16, got wide\n")
  }

  @Test("patterns stand for networks wherever these are named") func patterns() throws {
    #expect(try Tool.run(["models", "squeeze*"]).output.split(separator: "\n").count == 2)
    let shown = try Tool.run(["show", "squeeze*"]).output
    #expect(
      shown.hasPrefix("squeezenet1_0:\nSqueezeNet(") && shown.contains("\n\nsqueezenet1_1:\nSqueezeNet("))
    #expect(try Tool.run(["explain", "lenet*", "features.0"]).status == 0)
    let drawn = try path("*.svg")
    #expect(try Tool.run(["draw", "squeeze*", "-o", drawn]).status == 0)
    #expect(try folder.get().files == ["squeezenet1_0.svg", "squeezenet1_1.svg"])
    let none = try Tool.run(["summary", "nothing*"])
    #expect(none.status == 2 && none.message.contains("no model fits `nothing*`"))
  }

  @Test("reports and drawings are written") func pages() throws {
    let page = try path("report.html")
    let result = try Tool.run(["report", "lenet5", "squeezenet1_*", "-o", page, "--lang", "en"])
    #expect(result.status == 0 && result.output == "" && result.message == "")
    let html = try folder.get().text("report.html")
    for name in ["lenet5", "squeezenet1_0", "squeezenet1_1"] { #expect(html.contains(">\(name)</a>")) }
    #expect(!html.contains("Measured time"))
    let measured = try path("measured.html")
    let words = ["report", "lenet5", "--measure", "--runs", "2", "-o", measured, "--lang", "en"]
    #expect(try Tool.run(words).status == 0)
    #expect(try folder.get().text("measured.html").contains("Measured time by layer"))
    #expect(try Tool.run(["draw", "lenet5", "-o", path("net.svg")]).status == 0)
    #expect(try folder.get().text("net.svg").contains("</svg>"))
    #expect(try Tool.run(["draw", "lenet5", "-o", path("net.dot"), "--depth", "1"]).status == 0)
    #expect(try folder.get().text("net.dot").hasPrefix("digraph"))
    #expect(try Tool.run(["draw", "lenet5", "-o", path("net.png")]).message.contains("ends in .svg or .dot"))
    let nowhere = try Tool.run(["report", "lenet5", "-o", path("none/report.html")])
    #expect(nowhere.status == 2 && nowhere.message.contains("none/report.html"))
  }

  @Test("layers are measured, with a trace for a viewer") func profile() throws {
    let trace = try path("trace.json")
    let result = try Tool.run(
      ["profile", "lenet5", "--batch", "4", "--runs", "3", "--threads", "1", "--json", "--trace", trace])
    #expect(result.status == 0)
    let json = try result.json()
    #expect(json["input"] == [4, 1, 28, 28] && json["threads"] == 1 && json["runs"] == 3)
    let layers = try #require(json["layers"]?.array)
    #expect(layers.reduce(0) { $0 + ($1["flops"]?.integer ?? 0) } == 2 * 4 * 416_520)
    #expect(layers.contains { $0["path"] == "features.0" && $0["implementations"]?.array?.isEmpty == false })
    #expect(json["peak_gflops"]?.number ?? 0 > 0 && json["peak_gb_per_second"]?.number ?? 0 > 0)
    let document = try JSONValue.parse(folder.get().text("trace.json"))
    let events = try #require(document["traceEvents"]?.array)
    #expect(events.allSatisfy { $0["ph"] == "X" && $0["ts"]?.number != nil && $0["dur"]?.number != nil })
    let text = try Tool.run(["profile", "lenet5", "--runs", "2", "--top", "2"]).output
    #expect(text.hasPrefix("Layer") && text.contains("GFLOP/s") && text.contains("GB/s measured here"))
    #expect(text.components(separatedBy: "\n\n")[0].split(separator: "\n").count == 3)
    #expect(try Tool.run(["profile", "lenet5", "--input", "1,1,8,8"]).status == 2)
  }

  @Test(
    "each command explains itself",
    arguments: ["compare", "diff", "explain", "profile", "report", "draw", "data"])
  func help(_ name: String) throws {
    let help = try Tool.run([name, "--help"])
    #expect(help.status == 0 && help.output.contains("Usage: strata \(name)"))
    #expect(help.output.split(separator: "\n").allSatisfy { $0.count <= 240 })
  }
}
