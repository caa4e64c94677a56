import Strata
import Testing

@Suite("Misuse") struct MisuseTests {
  /// A wrong command line and the sentence that answers it.
  struct Mistake: CustomTestStringConvertible, Sendable {
    let words: String
    let sentence: String

    init(_ words: String, _ sentence: String) {
      self.words = words
      self.sentence = sentence
    }

    var testDescription: String { words }
  }

  @Test(
    "one sentence on standard error, nothing on standard output, status 2",
    arguments: [
      Mistake("frobnicate", "strata: unknown command frobnicate"),
      Mistake("shwo vgg16", "strata: unknown command shwo: did you mean show?"),
      Mistake("--verison", "strata: unknown option --verison: did you mean --version?"),
      Mistake("env now", "strata env: takes no argument, got now"),
      Mistake("env --json=yes", "strata env: --json takes no value"),
      Mistake("show", "strata show: needs MODEL: see strata show --help"),
      Mistake("inspect a b", "strata inspect: takes one FILE, got 2"),
      Mistake("show vgg16 --clases 5", "strata show: unknown option --clases: did you mean --classes?"),
      Mistake("show vgg16 -c", "strata show: unknown option -c"),
      Mistake("show vgg16 --classes", "strata show: --classes N needs a value"),
      Mistake("show vgg16 --classes --torch 2.0", "strata show: --classes N needs a value"),
      Mistake("show vgg16 --classes=", "strata show: --classes N needs a value"),
      Mistake("show vgg16 --classes 0", "strata show: --classes expects a whole number of at least 1, got 0"),
      Mistake(
        "show vgg16 --classes -1", "strata show: --classes expects a whole number of at least 1, got -1"),
      Mistake(
        "show vgg16 --classes abc", "strata show: --classes expects a whole number of at least 1, got abc"),
      Mistake(
        "show vgg16 --classes 1.5", "strata show: --classes expects a whole number of at least 1, got 1.5"),
      Mistake(
        "show vgg16 --classes 99999999999999999999",
        "strata show: --classes expects a whole number of at most 10000000, got 99999999999999999999"),
      Mistake("show vgg16 --torch 1.0", "strata show: --torch expects 2.15 or 2.0, got 1.0"),
      Mistake("lab --lang de", "strata lab: --lang expects en or zh, got de"),
      Mistake(
        "summary vgg16 --columns colour",
        "strata summary: unknown column colour: there are layer, type, call, input, output, kernel, params, "
          + "trainable, frozen, shared, macs, share, paramshare, memory, field, stride"),
      Mistake("summary vgg16 --columns parms", "strata summary: unknown column parms: did you mean params?"),
      Mistake("bench alexnet --batch 0", "strata bench: --batch expects a whole number of at least 1, got 0"),
      Mistake(
        "bench alexnet --threads x", "strata bench: --threads expects a whole number of at least 1, got x"),
      Mistake("verify", "strata verify: needs MODEL: see strata verify --help"),
      Mistake(
        "verify alexnet --seed -1", "strata verify: --seed expects a whole number of at least 0, got -1"),
      Mistake(
        "verify alexnet --input 1,3,224",
        "strata verify: --input expects 4 numbers, as in 1,3,224,224, got 1,3,224"),
      Mistake(
        "verify alexnet --input 1,3,0,224",
        "strata verify: --input expects a whole number of at least 1, got 0"),
      Mistake(
        "verify alexnet --input 1,3,,224", "strata verify: --input expects a whole number of at least 1, got "
      ),
      Mistake(
        "verify alexnet --input 1,3,192,192",
        "strata verify: classifier.1 (Linear): expects 9216 features, got 6400 from [1, 256, 5, 5]"),
      Mistake(
        "verify vgg16 --input 1,3,256,256",
        "strata verify: classifier.0 (Linear): expects 25088 features, got 32768 from [1, 512, 8, 8]"),
      Mistake(
        "verify resnet50 --input 1,4,224,224",
        "strata verify: conv1 (Conv2d): expects 3 input channels, got 4 in [1, 4, 224, 224]"),
      Mistake("run alexnet --weights a", "strata run: needs --input X.npy"),
      Mistake("run alexnet --weights a --input b", "strata run: needs --output Y.npy"),
    ])
  func sentences(_ mistake: Mistake) throws {
    let result = try Tool.run(mistake.words.split(separator: " ").map(String.init))
    #expect(result.message == mistake.sentence + "\n")
    #expect(result.output == "")
    #expect(result.status == 2)
  }

  @Test(
    "an unknown model is answered with the nearest name",
    arguments: [
      ("show vvgg16", "`vgg16`"), ("lab vgg16 alexnt", "`alexnet`"), ("verify rsnet50 zzz", "`resnet50`"),
    ])
  func models(_ words: String, _ nearest: String) throws {
    let result = try Tool.run(words.split(separator: " ").map(String.init))
    #expect(result.message.contains(": there is no model `"))
    #expect(result.message.contains("did you mean \(nearest)?"))
    #expect(result.message.split(separator: "\n").count == 1)
    #expect(result.output == "")
    #expect(result.status == 2)
  }

  @Test("no argument at all explains the tool, with status 2") func nothing() throws {
    let result = try Tool.run([])
    #expect(result.status == 2)
    #expect(result.output == "")
    #expect(try Tool.run(["--help"]).output == result.message)
  }

  @Test(
    "sizes that cannot fit into memory are refused before they are allocated",
    arguments: [
      "verify resnet50 --input 1,3,9000000,9000000", "verify resnet50 --input 1,3,4000000000,4000000000",
      "verify mobilenet_v1 --input 9223372036854775807,3,224,224", "verify resnet50 --input 9000000,3,32,32",
      "bench vgg16 --batch 1000000",
    ])
  func memory(_ words: String) throws {
    let result = try Tool.run(words.split(separator: " ").map(String.init))
    #expect(result.message.contains(" of memory, and there are "))
    #expect(result.message.split(separator: "\n").count == 1)
    #expect(result.output == "")
    #expect(result.status == 2)
  }

  @Test("a disk that is full is reported") func full() throws {
    let result = try Tool.run(
      ["-c", "\"$0\" show alexnet > /dev/full", Tool.path], executable: "/bin/sh")
    #expect(result.message == "strata show: cannot write to standard output: No space left on device\n")
    #expect(result.status == 2)
  }

  @Test("a reader that leaves early changes nothing") func closedPipe() throws {
    let script = "{ \"$0\" show resnet50; echo $? >&2; } | head -n 1"
    let result = try Tool.run(["-c", script, Tool.path], executable: "/bin/sh")
    #expect(result.output == "ResNet50(\n")
    #expect(result.message == "0\n")
  }
}
