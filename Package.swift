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

enum Kind { case library, cLibrary, system, tool, support, tests }

/// The rooms of the house: each may import those above it that it names.
let rooms: [(name: String, kind: Kind, imports: [String])] = [
  ("COneDNN", .system, []),
  ("CZip", .system, []),
  ("CJPEG", .system, []),
  ("CPNG", .system, []),
  ("CZlib", .system, []),
  ("StrataKernels", .cLibrary, []),
  ("StrataCore", .library, []),
  ("StrataGraph", .library, ["StrataCore"]),
  ("StrataPasses", .library, ["StrataCore", "StrataGraph"]),
  ("StrataRuntime", .library, ["StrataCore", "StrataGraph", "StrataPasses", "StrataKernels"]),
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
    ["StrataCore", "StrataGraph", "StrataPasses", "StrataRuntime", "StrataNN", "StrataModels"]
  ),
  (
    "StrataDeploy", .library,
    [
      "StrataCore", "StrataGraph", "StrataRuntime", "StrataNN", "StrataModels", "StrataFormats", "StrataData",
    ]
  ),
  (
    "Strata", .library,
    [
      "StrataCore", "StrataGraph", "StrataPasses", "StrataRuntime", "StrataOneDNN", "StrataNN",
      "StrataModels", "StrataFormats", "StrataData", "StrataInspect", "StrataDeploy",
    ]
  ),
  ("StrataCLI", .tool, ["Strata"]),
  ("StrataTestSupport", .support, ["Strata"]),
  ("CoreTests", .tests, ["StrataCore", "StrataTestSupport"]),
  ("GraphTests", .tests, ["StrataCore", "StrataGraph", "StrataPasses", "StrataTestSupport"]),
  ("FormatsTests", .tests, ["StrataCore", "StrataFormats", "Strata", "StrataTestSupport"]),
  ("DataTests", .tests, ["StrataCore", "StrataData", "StrataTestSupport"]),
  ("DeployTests", .tests, ["Strata", "StrataTestSupport"]),
  ("EngineTests", .tests, ["Strata", "StrataTestSupport"]),
  ("NetworkTests", .tests, ["Strata", "StrataTestSupport"]),
  ("LearningTests", .tests, ["Strata", "StrataTestSupport"]),
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
    case .cLibrary: return .target(name: room.name)
    case .library:
      return .target(
        name: room.name, dependencies: imports,
        linkerSettings: room.imports.flatMap { linkerFlags[$0] ?? [] })
    case .tool: return .executableTarget(name: room.name, dependencies: imports)
    case .support: return .target(name: room.name, dependencies: imports, path: "Tests/\(room.name)")
    case .tests: return .testTarget(name: room.name, dependencies: imports)
    }
  }
)
