import Strata
import Testing

@Suite("Printing") struct PrintTests {
  @Test("networks print as in PyTorch", arguments: ModelRegistry.labNames)
  func networks(name: String) throws {
    let model = try ModelRegistry.make(name)
    #expect(try "\(model)\n" == Fixture.text("print/\(name).txt"))
    #expect(try model.description(dialect: .torch2_0) + "\n" == Fixture.text("print/\(name).torch20.txt"))
  }

  private struct Print: Decodable {
    let name: String
    let text: String
    let textTorch20: String
  }

  @Test("layers print as in PyTorch, every fixture covered")
  func layers() throws {
    let prints = try Fixture.decode("print/modules.json", as: [Print].self)
    #expect(!prints.isEmpty)
    for print in prints {
      guard let make = LayerTable.makers[print.name] else {
        Issue.record("no constructor for \(print.name)")
        continue
      }
      let module = make()
      #expect(module.description == print.text, "\(print.name)")
      #expect(module.description(dialect: .torch2_0) == print.textTorch20, "\(print.name)")
    }
    let names = Set(prints.map(\.name))
    #expect(LayerTable.makers.keys.allSatisfy(names.contains))
  }

  @Test("settings and children of a user's module print in PyTorch's layout")
  func userModule() {
    final class Scale: Module {
      let inner = Linear(2, 2)
      override func extraDescription(dialect: PrintDialect) -> String { "factor=2\nshift=1" }
    }
    #expect(
      "\(Scale())" == """
        Scale(
          factor=2
          shift=1
          (inner): Linear(in_features=2, out_features=2, bias=True)
        )
        """)
  }
}
