import Foundation
import Strata
import StrataTestSupport
import Testing

@Suite("Commands") struct CommandTests {
  @Test(
    "the structure is PyTorch's text",
    arguments: ["alexnet", "vgg16", "resnet50", "mobilenet_v1"])
  func show(_ name: String) throws {
    let result = try Tool.run(["show", name])
    #expect(result.status == 0)
    #expect(result.message == "")
    #expect(try fixture("print/\(name).txt") == result.output)
    #expect(try Tool.run(["show", name, "--torch", "2.0"]).output == fixture("print/\(name).torch20.txt"))
    #expect(try Tool.run(["show", "--torch=2.15", "--", name]).output == fixture("print/\(name).txt"))
  }

  @Test("the number of classes changes the last layer") func classes() throws {
    let result = try Tool.run(["show", "mobilenet_v1", "--classes=7"])
    #expect(result.output.contains("(classifier): Linear(in_features=1024, out_features=7, bias=True)"))
  }

  @Test("networks are listed with parameters and paper") func models() throws {
    let text = try Tool.run(["models"])
    let line = try #require(text.output.split(separator: "\n").first { $0.hasPrefix("vgg16 ") })
    #expect(line.contains(" 138,357,544  Very Deep Convolutional Networks"))
    let networks = try #require(try Tool.run(["models", "--json"]).json().array)
    for (name, parameters, year) in [
      ("alexnet", 62_378_344, 2012), ("vgg16", 138_357_544, 2014), ("resnet50", 25_557_032, 2015),
      ("mobilenet_v1", 4_231_976, 2017),
    ] {
      let network = try #require(networks.first { $0["name"]?.string == name })
      #expect(network["parameters"]?.integer == parameters)
      #expect(network["year"]?.integer == year)
    }
    #expect(networks.allSatisfy { $0["paper"]?.string?.isEmpty == false })
  }

  @Test("the environment is described and tested") func environment() throws {
    let text = try Tool.run(["env"])
    #expect(text.status == 0)
    #expect(text.output.contains("x:\ntensor([[1, 2],\n        [3, 4]])\n"))
    #expect(text.output.contains("y:\ntensor([[5, 6],\n        [7, 8]])\n"))
    #expect(text.output.contains("x + y:\ntensor([[ 6,  8],\n        [10, 12]])\n"))
    #expect(!text.output.contains("\u{1B}"), "colour without a terminal")

    let json = try Tool.run(["env", "--json"]).json()
    #expect(json["strata"]?.string == StrataVersion.strata)
    #expect(json["swift"]?.string?.hasPrefix("6.") == true)
    #expect(json["onednn"]?["version"]?.string?.hasPrefix("3.") == true)
    #expect(json["onednn"]?["isa"]?.string?.isEmpty == false)
    #expect(json["cpu"]?["model"]?.string?.isEmpty == false)
    #expect(json["cpu"]?["cores"]?.integer ?? 0 > 0)
    #expect(json["memory"]?["total_bytes"]?.integer ?? 0 > 0)
    let isAvailable = try #require((json["cuda"]?["available"]?.bool) as Bool?)
    #expect(isAvailable || json["cuda"]?["reason"]?.string?.isEmpty == false)
    let checks = try #require(json["checks"]?.object)
    #expect(checks.count > 20)
    #expect(checks.allSatisfy { $0.value == true })
  }

  @Test("forward passes are measured") func bench() throws {
    let result = try Tool.run(["bench", "mobilenet_v1", "--batch", "2", "--threads", "1", "--json"])
    #expect(result.status == 0)
    let json = try result.json()
    func number(_ name: String) throws -> Double { try #require(json[name]?.number) }
    #expect(try number("batch") == 2 && number("threads") == 1 && number("macs") == 2 * 568_740_352)
    let median = try number("median_ms")
    #expect(try 0 < number("p10_ms") && number("p10_ms") <= median && median <= number("p90_ms"))
    #expect(abs(try number("images_per_second") - 2000 / median) < 1e-6 * 2000 / median)
    #expect(abs(try number("gflops") - 4e-6 * 568_740_352 / median) < 1e-6 * 4e-6 * 568_740_352 / median)
    #expect(try Tool.run(["bench", "mobilenet_v1"]).output.contains("GFLOP/s"))
    #expect(try Tool.run(["bench", "lenet5", "--calls", "--json"]).json()["median_ms"]?.number ?? 0 > 0)
    let mistake = try Tool.run(["bench", "lenet5", "--calls", "--train"])
    #expect(mistake.status == 2 && mistake.message.contains("--calls is for forward passes"))
  }

  @Test("another precision is compared with float32, or refused in a sentence") func precision() throws {
    let result = try Tool.run(["bench", "mobilenet_v1", "--precision", "bf16", "--json"])
    if OneDNNBackend.hasInstructions(for: .bfloat16) {
      let json = try result.json()
      #expect(json["precision"] == "bfloat16" && json["same_first_class"]?.number == 1)
      #expect(try #require(json["largest_difference"]?.number) < 0.02)
    } else {
      #expect(
        result.status == 2 && result.message.contains("this processor has no instructions for bfloat16"))
    }
    let mistake = try Tool.run(["bench", "mobilenet_v1", "--precision", "int3"])
    #expect(mistake.status == 2)
    #expect(
      mistake.message.contains("--precision expects one of float32, bfloat16, float16, int8, got int3"))
    let half = try Tool.run(["bench", "lenet5", "--precision", "f16", "--json"]).json()
    #expect(half["precision"] == "float16")
    #expect(try #require(half["largest_difference"]?.number) < 0.002)
  }

  @Test("int8 is calibrated on pictures, or on random images, or as a file says")
  func int8() throws {
    guard OneDNNBackend.hasInstructions(for: .int8) else {
      let result = try Tool.run(["bench", "lenet5", "--precision", "int8"])
      #expect(result.status == 2 && result.message.contains("this processor has no instructions for int8"))
      return
    }
    let folder = try TemporaryFolder()
    let (weights, saved) = (folder.path("w.safetensors"), folder.path("ranges.json"))
    #expect(try Tool.run(["init", "mobilenet_v1", "--classes", "3", "--output", weights]).status == 0)
    let network = ["mobilenet_v1", "--classes", "3", "--precision", "int8"]
    let picture = Fixtures.folder + "/images/large.jpg"
    let bench = try Tool.run(["bench"] + network)
    #expect(bench.output.contains("Calibration  16 random images") && bench.output.contains("First class"))
    let prediction =
      ["predict"] + network + ["--weights", weights, picture, "--json", "--calibrate"]
    let first = try Tool.run(prediction + [Fixtures.folder + "/images/o*.png", "--save-calibration", saved])
    #expect(first.status == 0, "\(first.message)")
    #expect(first.message.hasPrefix("int8: scores differ from float32's by "))
    let second = try Tool.run(prediction + [saved])
    #expect(second.status == 0 && second.output == first.output)

    let damaged = folder.path("damaged.json")
    try Data(#"{"strata.calibration": {"features.0": {"input": [1, 2]}}}"#.utf8).write(
      to: URL(fileURLWithPath: damaged))
    try Data("{}".utf8).write(to: URL(fileURLWithPath: folder.path("none.json")))
    let cases: [([String], String)] = [
      (Array(prediction.dropLast()), "--precision int8 needs --calibrate with pictures"),
      (prediction + [damaged], "the range of features.0 is two numbers"),
      (prediction + [folder.path("none.json")], "is no calibration"),
      (prediction + [folder.path("missing")], "there is no such file or folder"),
      (["bench", "lenet5", "--calibrate", saved], "--calibrate goes with --precision int8"),
      (["bench", "resnet20", "--precision", "int8", "--calibrate", saved], "is not in the calibration"),
      (["bench", "lenet5", "--precision", "int8", "--train"], "nothing is trained in int8"),
    ]
    for (words, sentence) in cases {
      let result = try Tool.run(words)
      #expect(result.status == 2 && result.message.contains(sentence), "\(result.message)")
      #expect(result.message.split(separator: "\n").count == 1)
    }
  }

  @Test("networks are verified property by property") func verify() throws {
    let words = ["verify", "mobilenet_v1", "resnet50", "--input", "1,3,64,96", "--classes", "10"]
    let text = try Tool.run(words)
    #expect(text.status == 0)
    #expect(text.output.contains("ok      output shape: [1, 10]"))
    #expect(!text.output.contains("FAILED"))

    let networks = try #require(try Tool.run(words + ["--json"]).json().array)
    #expect(networks.map { $0["model"]?.string } == ["mobilenet_v1", "resnet50"])
    for network in networks {
      #expect(network["ok"] == true)
      #expect(network["output_shape"] == [1, 10])
      let checks = try #require(network["checks"]?.array)
      #expect(
        checks.allSatisfy { $0["ok"] == true && $0["expected"]?.string != nil && $0["found"]?.string != nil })
      let names = Set(checks.compactMap { $0["name"]?.string })
      #expect(
        names.isSuperset(of: [
          "layers", "layer settings", "layer order", "parameters", "output shape", "multiply-accumulates",
          "finite outputs", "deterministic", "batch of two", "train and eval",
        ]))
    }
    let single = try Tool.run(["verify", "mobilenet_v1", "--json"]).json()
    #expect(single["macs"] == 568_740_352 && single["parameters"] == 4_231_976)
  }

  @Test("the lab is reported in two languages") func lab() throws {
    let english = try Tool.run(["lab", "mobilenet_v1", "resnet50"], environment: ["LC_ALL": "C.UTF-8"])
    #expect(english.status == 0)
    for part in [
      "1. Environment", "2. MobileNetV1", "3. ResNet50", "4. Comparison", "5. Conclusions", "25,557,032",
      "[1, 1000]", try fixture("print/resnet50.txt"), "ResNet50 is the largest with 25,557,032 parameters",
    ] {
      #expect(english.output.contains(part), "\(part)")
    }
    let chinese = try Tool.run(["lab", "mobilenet_v1"], environment: ["LC_ALL": "zh_CN.UTF-8"])
    #expect(chinese.output.contains("1. 环境") && chinese.output.contains("参数量"))
    #expect(chinese.output.contains(try fixture("print/mobilenet_v1.txt")))
    let chosen = try Tool.run(
      ["lab", "mobilenet_v1", "--lang", "en"], environment: ["LC_ALL": "zh_CN.UTF-8"])
    #expect(chosen.output.contains("1. Environment"))
  }

  @Test("the tool and each command explain themselves") func help() throws {
    let tool = try Tool.run(["--help"])
    #expect(tool.status == 0 && tool.message == "")
    for name in ["env", "models", "show", "bench", "verify", "run", "lab"] {
      #expect(tool.output.contains("  \(name) "))
      let help = try Tool.run([name, "--help"])
      #expect(help.status == 0)
      #expect(help.output.contains("Usage: strata \(name)"))
      #expect(try Tool.run(["help", name]).output == help.output)
      #expect(try Tool.run([name, "-h"]).output == help.output)
    }
    #expect(try Tool.run(["--version"]).output == "strata \(StrataVersion.strata)\n")
  }
}
