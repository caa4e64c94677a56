// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "Classify",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "Strata", path: "../..")],
  targets: [
    .executableTarget(name: "Classify", dependencies: [.product(name: "Strata", package: "Strata")])
  ]
)
