import StrataCore
import StrataFormats
import Testing

@Suite("JSON") struct JSONTests {
  @Test("values of each kind are read") func values() throws {
    let text =
      #" {"a": [1, -2.5e1, true, false, null], "b": {"c": "x\n\u00e9\ud83d\ude00\/"}, "d": [], "e": {}} "#
    let value = try JSONValue.parse(text)
    #expect(value["a"] == [1, .number(-25), true, false, .null])
    #expect(value["b"]?["c"]?.string == "x\né😀/")
    #expect(value["d"]?.array == [])
    #expect(value["e"]?.object?.isEmpty == true)
    #expect(value.object?.names == ["a", "b", "d", "e"])
    #expect(value["a"]?.array?[1].number == -25)
    #expect(value["missing"] == nil)
  }

  @Test("integers stay exact, and others become real numbers") func numbers() throws {
    #expect(try JSONValue.parse("9223372036854775807") == .integer(.max))
    #expect(try JSONValue.parse("9223372036854775808") == .number(0x1p63))
    #expect(try JSONValue.parse("-0") == 0)
    #expect(try JSONValue.parse("1.0") == .number(1))
    #expect(try JSONValue.parse("1E+2") == .number(100))
  }

  @Test("what is written is read back", arguments: [false, true]) func roundTrip(isIndented: Bool) throws {
    let value: JSONValue = [
      "name": "quote \" backslash \\ tab \t bell \u{7} ü 😀", "sizes": [1, 2, 3],
      "nested": [[1], ["k": .null]],
      "number": 1e-05, "yes": true, "none": [:], "nothing": [],
    ]
    #expect(try JSONValue.parse(value.serialized(indented: isIndented)) == value)
  }

  @Test("indented text breaks lines between members only") func indented() {
    let value: JSONValue = ["a": [1, 2], "b": ["c": "d"]]
    #expect(value.description == #"{"a":[1,2],"b":{"c":"d"}}"#)
    #expect(value.serialized(indented: true) == "{\n  \"a\": [1, 2],\n  \"b\": {\n    \"c\": \"d\"\n  }\n}")
    #expect(JSONValue.number(.nan).description == "null")
  }

  @Test(
    "what the standard forbids is refused",
    arguments: [
      "", " ", "{", "}", "[", "]", "[1,]", "{\"a\":1,}", "{a:1}", "{'a':1}", "{\"a\" 1}", "[1 2]", "01", "1.",
      ".5",
      "+1", "-", "1e", "1e999", "tru", "nul", "truee", "NaN", "Infinity", "\"", "\"\\\"", "\"\\x\"",
      "\"\\u12\"",
      "\"\\u12g4\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"", "1 2", "// x\n1", "[1]]",
      "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}",
    ])
  func refuses(text: String) {
    #expect(throws: StrataError.self) { try JSONValue.parse(text) }
  }

  @Test("text that is not UTF-8 is refused") func invalidUnicode() {
    for bytes in [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]] as [[UInt8]] {
      let document = [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]
      #expect(throws: StrataError.self) {
        try document.withUnsafeBytes { _ = try JSONValue.parse($0, name: "x") }
      }
    }
  }

  @Test("deep nesting is refused before the stack ends") func deepNesting() throws {
    let nested = { (depth: Int) in
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(try JSONValue.parse(nested(100)).array?.count == 1)
    #expect(
      message { _ = try JSONValue.parse(nested(1_000_000), name: "x") }
        == "x: invalid JSON at byte 101: nested deeper than 100 levels")
  }

  @Test("errors say where, what was expected and what was found") func sentences() {
    #expect(
      message { _ = try JSONValue.parse("{\"a\" 1}", name: "x.json") }
        == "x.json: invalid JSON at byte 5: expected ':', found '1'")
    #expect(
      message { _ = try JSONValue.parse("{\"a\":1,\"a\":2}", name: "x.json") }
        == "x.json: invalid JSON at byte 7: the name \"a\" occurs twice")
    #expect(
      message { _ = try JSONValue.parse("[1", name: "x.json") }
        == "x.json: invalid JSON at byte 2: expected ',' or ']', found the end")
  }
}
