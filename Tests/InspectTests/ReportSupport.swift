import Foundation
import Strata
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// The boxes and texts of a drawing, where they stand in it.
final class DrawingReader: NSObject, XMLParserDelegate {
  /// A piece of the drawing: its kind, its text, and the rectangle that it covers.
  struct Piece {
    let kind: String
    var text = ""
    let rectangle: CGRect
  }

  /// The boxes of blocks, those of containers and the labels of lines.
  private(set) var boxes: [Piece] = []
  private(set) var containers: [Piece] = []
  private(set) var labels: [Piece] = []
  private(set) var size = CGSize.zero

  private var offsets: [CGPoint] = [.zero]
  private var kinds = [""]
  private var label: (place: CGPoint, text: String)?

  /// Reads a document; throws where it is not well-formed.
  init(_ svg: String) throws {
    super.init()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = self
    guard parser.parse() else { throw parser.parserError ?? CocoaError(.fileReadCorruptFile) }
  }

  func parser(
    _ parser: XMLParser, didStartElement element: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String] = [:]
  ) {
    func number(_ name: String) -> Double { attributes[name].flatMap(Double.init) ?? 0 }
    let last = offsets.last ?? .zero
    switch element {
    case "svg": size = CGSize(width: number("width"), height: number("height"))
    case "g":
      var place = last
      if let text = attributes["transform"], let open = text.firstIndex(of: "(") {
        let numbers = text[text.index(after: open)...].split { " )".contains($0) }.compactMap { Double($0) }
        if numbers.count == 2 { place = CGPoint(x: last.x + numbers[0], y: last.y + numbers[1]) }
      }
      offsets.append(place)
      kinds.append(attributes["class"] ?? "")
    case "rect" where attributes["class"] != "page":
      let rectangle = CGRect(
        origin: last, size: CGSize(width: number("width"), height: number("height")))
      let kind = kinds.last ?? ""
      if kind == "c" {
        containers.append(Piece(kind: kind, rectangle: rectangle))
      } else {
        boxes.append(Piece(kind: kind, rectangle: rectangle))
      }
    case "text" where attributes["class"] == "l":
      label = (CGPoint(x: last.x + number("x"), y: last.y + number("y")), "")
    default: break
    }
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) { label?.text += string }

  func parser(
    _ parser: XMLParser, didEndElement element: String, namespaceURI: String?, qualifiedName: String?
  ) {
    if element == "g" {
      offsets.removeLast()
      kinds.removeLast()
    } else if element == "text", let found = label {
      // Characters of a monospaced font of 11 pixels are at most 6.7 wide.
      let rectangle = CGRect(
        x: found.place.x, y: found.place.y - 9, width: 6.7 * Double(found.text.count), height: 11)
      labels.append(Piece(kind: "l", text: found.text, rectangle: rectangle))
      label = nil
    }
  }
}

/// A browser that shows pages without a screen.
enum Browser {
  /// Where one lies, if one does.
  static let path: String? = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
    let places =
      names.flatMap { name in folders.map { "\($0)/\(name)" } }
      + ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"]
    return places.first { FileManager.default.isExecutableFile(atPath: $0) }
  }()

  /// The document of a page when its scripts have run.
  static func document(_ page: String) throws -> String {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("strata-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("report.html")
    let result = folder.appendingPathComponent("document.html")
    try Data(page.utf8).write(to: file)
    try Data().write(to: result)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(path))
    process.arguments = [
      "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=\(folder.path)/profile", "--dump-dom",
      "--virtual-time-budget=5000", file.absoluteString,
    ]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: result)
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return try String(contentsOf: result, encoding: .utf8)
  }
}
