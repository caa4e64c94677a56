// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "TrainTogether",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "Strata", path: "../..")],
  targets: [
    .executableTarget(name: "TrainTogether", dependencies: [.product(name: "Strata", package: "Strata")])
  ]
)
