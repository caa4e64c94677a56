import Foundation
import Strata

/// The files that PyTorch wrote.
enum Fixture {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures")

  static func text(_ name: String) throws -> String {
    try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
  }

  static func decode<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(type, from: Data(contentsOf: folder.appendingPathComponent(name)))
  }
}

/// `feature_maps.json`: what PyTorch says about each network.
struct NetworkFacts: Decodable {
  struct Call: Decodable, Equatable {
    let path: String
    let type: String
    let shape: [Int]
  }
  struct Entry: Decodable, Equatable {
    let key: String
    let shape: [Int]
    let dtype: String
  }
  struct Network: Decodable {
    let parameters: Int
    let calls: [Call]
    let parameterNames: [String]
    let stateDict: [Entry]
  }
  let networks: [String: Network]

  static func network(_ name: String) throws -> Network {
    guard let network = try Fixture.decode("feature_maps.json", as: NetworkFacts.self).networks[name] else {
      throw StrataError(.argument, "no facts about \(name)")
    }
    return network
  }
}

/// The operations behind a tensor, without its leaves.
func operations(of tensor: Tensor) -> [Node] {
  Trace(of: [tensor]).graph.nodes.filter { $0.op.leafSlot == nil }
}

/// The module paths of the operations behind a tensor.
func paths(of tensor: Tensor) -> [String] { operations(of: tensor).map(\.origin.path) }

/// Runs a body until its random draws were not interleaved with another test's, at most some times.
///
/// Tests run at once, and the process has one sequence of random keys.
func untilUndisturbed(_ body: () -> Bool) -> Bool {
  for _ in 0..<50 where body() { return true }
  return false
}
