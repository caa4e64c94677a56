// swift-tools-version: 6.1
import PackageDescription

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where `script/bootstrap` puts oneDNN when the system has none of version 3.
/// Only a checkout that was bootstrapped so carries linker flags of its own.
let engineFlags = flags(folder: "onednn/lib")

/// Where it puts libzip, TurboJPEG and libpng when the system has none and may not be given them.
let libraryFlags = flags(folder: "libraries/lib")

/// What `script/bootstrap --mpi` found a program with MPI to need, one flag a line; nothing where it was not run.
/// Without MPI the same target is built with a C file that has nothing behind it.
let mpiFlags = lines(of: ".deps/mpi/flags")

func lines(of file: String) -> [String] {
  guard let file = fopen(Context.packageDirectory + "/" + file, "r") else { return [] }
  defer { fclose(file) }
  var lines: [String] = []
  while let line = readLine(of: file) { lines.append(line) }
  return lines
}

func readLine(of file: UnsafeMutablePointer<FILE>) -> String? {
  var bytes: [UInt8] = []
  while case let byte = getc(file), byte != EOF {
    if byte == 10 { break }
    bytes.append(UInt8(byte))
  }
  return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
}

let linkerFlags = [
  "COneDNN": engineFlags, "CZip": libraryFlags, "CJPEG": libraryFlags, "CPNG": libraryFlags,
  "CZlib": libraryFlags,
]

func flags(folder: String) -> [LinkerSetting] {
  let path = Context.packageDirectory + "/.deps/" + folder
  guard access(path, F_OK) == 0 else { return [] }
  var flags = ["-L" + path, "-Xlinker", "-rpath", "-Xlinker", path]
  #if os(Linux)
    // The older kind of path also holds for what the libraries themselves need.
    flags += ["-Xlinker", "--disable-new-dtags"]
  #endif
  return [.unsafeFlags(flags)]
}

enum Kind { case library, cLibrary, system, tool, example, support, tests }

/// The rooms of the house: each may import those above it that it names.
let rooms: [(name: String, kind: Kind, imports: [String])] = [
  ("COneDNN", .system, []),
  ("CZip", .system, []),
  ("CJPEG", .system, []),
  ("CPNG", .system, []),
  ("CZlib", .system, []),
  ("StrataKernels", .cLibrary, []),
  ("StrataMPI", .cLibrary, []),
  ("StrataCore", .library, ["StrataKernels"]),
  ("StrataGraph", .library, ["StrataCore"]),
  ("StrataPasses", .library, ["StrataCore", "StrataGraph"]),
  ("StrataRuntime", .library, ["StrataCore", "StrataGraph", "StrataPasses", "StrataKernels"]),
  (
    "StrataDistributed", .library, ["StrataCore", "StrataGraph", "StrataRuntime", "StrataMPI"]
  ),
  (
    "StrataOneDNN", .library,
    ["StrataCore", "StrataGraph", "StrataPasses", "StrataRuntime", "COneDNN", "StrataKernels"]
  ),
  ("StrataNN", .library, ["StrataCore", "StrataGraph", "StrataRuntime"]),
  ("StrataModels", .library, ["StrataCore", "StrataGraph", "StrataNN"]),
  ("StrataFormats", .library, ["StrataCore", "StrataGraph", "CZip"]),
  ("StrataData", .library, ["StrataCore", "CJPEG", "CPNG", "CZlib"]),
  (
    "StrataInspect", .library,
    [
      "StrataCore", "StrataGraph", "StrataPasses", "StrataRuntime", "StrataDistributed", "StrataNN",
      "StrataModels",
    ]
  ),
  (
    "StrataDeploy", .library,
    [
      "StrataCore", "StrataGraph", "StrataRuntime", "StrataNN", "StrataModels", "StrataFormats", "StrataData",
    ]
  ),
  (
    "StrataTraining", .library,
    [
      "StrataCore", "StrataGraph", "StrataRuntime", "StrataDistributed", "StrataNN", "StrataModels",
      "StrataFormats", "StrataData",
      "StrataInspect", "StrataDeploy",
    ]
  ),
  (
    "Strata", .library,
    [
      "StrataCore", "StrataGraph", "StrataPasses", "StrataRuntime", "StrataDistributed", "StrataOneDNN",
      "StrataNN", "StrataModels", "StrataFormats", "StrataData", "StrataInspect", "StrataDeploy",
      "StrataTraining",
    ]
  ),
  ("StrataCLI", .tool, ["Strata"]),
  ("Classify", .example, ["Strata"]),
  ("TrainTogether", .example, ["Strata"]),
  ("StrataTestSupport", .support, ["Strata"]),
  ("CoreTests", .tests, ["StrataCore", "StrataTestSupport"]),
  ("GraphTests", .tests, ["StrataCore", "StrataGraph", "StrataPasses", "StrataTestSupport"]),
  ("FormatsTests", .tests, ["StrataCore", "StrataFormats", "Strata", "StrataTestSupport"]),
  ("DataTests", .tests, ["StrataCore", "StrataData", "StrataTestSupport"]),
  ("DeployTests", .tests, ["Strata", "StrataTestSupport"]),
  ("TrainingTests", .tests, ["Strata", "StrataTestSupport"]),
  ("EngineTests", .tests, ["Strata", "StrataTestSupport"]),
  ("NetworkTests", .tests, ["Strata", "StrataTestSupport"]),
  ("LearningTests", .tests, ["Strata", "StrataTestSupport"]),
  ("DistributedTests", .tests, ["Strata", "StrataTestSupport"]),
  ("CommandTests", .tests, ["Strata", "StrataTestSupport"]),
  ("InspectTests", .tests, ["Strata", "StrataTestSupport"]),
]

let package = Package(
  name: "Strata",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Strata", targets: ["Strata"]),
    .executable(name: "strata", targets: ["StrataCLI"]),
  ],
  targets: rooms.map { room in
    let imports = room.imports.map { Target.Dependency(stringLiteral: $0) }
    switch room.kind {
    case .system: return .systemLibrary(name: room.name)
    case .cLibrary:
      guard room.name == "StrataMPI", !mpiFlags.isEmpty else { return .target(name: room.name) }
      let isLinking = { (flag: String) in flag.hasPrefix("-L") || flag.hasPrefix("-l") }
      return .target(
        name: room.name,
        cSettings: [.define("STRATA_HAS_MPI"), .unsafeFlags(mpiFlags.filter { !isLinking($0) })],
        linkerSettings: [.unsafeFlags(mpiFlags.filter(isLinking))])
    case .library:
      return .target(
        name: room.name, dependencies: imports,
        linkerSettings: room.imports.flatMap { linkerFlags[$0] ?? [] })
    case .tool: return .executableTarget(name: room.name, dependencies: imports)
    case .example:
      // The program that `Examples` has a package for, built here as well, so that the tests can run it.
      return .executableTarget(
        name: room.name, dependencies: imports, path: "Examples/\(room.name)/Sources/\(room.name)")
    case .support: return .target(name: room.name, dependencies: imports, path: "Tests/\(room.name)")
    case .tests: return .testTarget(name: room.name, dependencies: imports)
    }
  }
)
