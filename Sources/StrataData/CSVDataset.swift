import StrataCore

/// Pictures and labels from a table: a text file whose first line names its columns, among them one of paths,
/// which are meant from the table's folder, and one of labels.
///
/// Whole numbers are labels as they stand; otherwise the sorted labels are the names of the classes.
public struct CSVDataset: Dataset {
  /// The path of each picture and its label, in the table's order.
  public let samples: [(path: String, label: Int)]
  /// The names of the classes.
  public let classNames: [String]
  /// Whether pictures are turned as their cameras say.
  public let appliesOrientation: Bool

  /// Reads a table; each picture in it must be there.
  public init(
    _ path: String, pathColumn: String = "path", labelColumn: String = "label",
    appliesOrientation: Bool = true
  ) throws(StrataError) {
    var rows = try CSVReader(try DataFile.read(path), name: path).rows()[...]
    guard let header = rows.popFirst() else { throw StrataError(.format, "\(path): the table is empty") }
    func column(_ name: String) throws(StrataError) -> Int {
      if let index = header.fields.firstIndex(of: name) { return index }
      let names = header.fields.joined(separator: ", ")
      throw StrataError(
        .format, "\(path): a column \(name) is expected in the first line, which has \(names)")
    }
    let (paths, labels) = (try column(pathColumn), try column(labelColumn))
    guard !rows.isEmpty else { throw StrataError(.format, "\(path): the table has no line but the first") }
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    var files: [String] = []
    for row in rows {
      guard row.fields.count == header.fields.count else {
        throw StrataError(
          .format,
          "\(path): line \(row.line) has \(row.fields.count) fields, the first line \(header.fields.count)")
      }
      let file = DataFile.joined(folder, row.fields[paths])
      guard !row.fields[paths].isEmpty, DataFile.isFile(file) else {
        throw StrataError(.file, "\(path): line \(row.line) names \(file), and there is no such file")
      }
      guard !row.fields[labels].isEmpty else {
        throw StrataError(.format, "\(path): line \(row.line) has no label")
      }
      files.append(file)
    }
    let classes = try Self.classes(rows.map { $0.fields[labels] }, path)
    classNames = classes.names
    samples = Array(zip(files, classes.labels))
    self.appliesOrientation = appliesOrientation
  }

  private static func classes(
    _ texts: [String], _ path: String
  ) throws(StrataError) -> (names: [String], labels: [Int]) {
    let numbers = texts.compactMap { Int($0) }
    if numbers.count == texts.count {
      do { return (try Labels.names(numbers, given: nil), numbers) } catch {
        throw StrataError(.format, "\(path): \(error.message)")
      }
    }
    let names = DataFile.sorted(Array(Set(texts)))
    let labels = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    return (names, texts.compactMap { labels[$0] })
  }

  /// The number of pictures.
  public var count: Int { samples.count }
  /// The label of a number.
  public func label(at index: Int) throws(StrataError) -> Int { samples[index].label }

  /// The picture of a number, decoded now.
  public func item(at index: Int) throws(StrataError) -> Example {
    let (path, label) = samples[index]
    return Example(
      .image(try Image(contentsOf: path, appliesOrientation: appliesOrientation)), label: label)
  }
}

/// Takes comma-separated values apart by RFC 4180, strictly: what could be read in two ways is an error.
struct CSVReader {
  let bytes: ArraySlice<UInt8>
  let name: String

  /// A line of the table; a quoted field may span several of the file's.
  struct Row {
    let line: Int
    let fields: [String]
  }

  init(_ bytes: [UInt8], name: String) {
    // Programs on Windows begin a file with a byte order mark.
    self.bytes = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes[3...] : bytes[...]
    self.name = name
  }

  func rows() throws(StrataError) -> [Row] {
    var rows: [Row] = []
    var fields: [String] = []
    var (line, firstLine) = (1, 1)
    var rest = bytes
    while !rest.isEmpty {
      fields.append(try field(&rest, &line))
      switch rest.popFirst() {
      case UInt8(ascii: ","):
        // The field after a comma at the very end is there, and empty.
        if rest.isEmpty { fields.append("") } else { continue }
      case UInt8(ascii: "\r"):
        guard rest.popFirst() == UInt8(ascii: "\n") else {
          throw failure(line, "a carriage return stands without a line feed")
        }
      default: break
      }
      line += 1
      // Lines that hold nothing separate nothing.
      if fields != [""] { rows.append(Row(line: firstLine, fields: fields)) }
      (fields, firstLine) = ([], line)
    }
    return rows
  }

  private func field(_ rest: inout ArraySlice<UInt8>, _ line: inout Int) throws(StrataError) -> String {
    let quote = UInt8(ascii: "\"")
    let isEnd = { (byte: UInt8) in
      byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n")
    }
    var text: [UInt8] = []
    if rest.first == quote {
      let firstLine = line
      rest.removeFirst()
      while true {
        guard let byte = rest.popFirst() else { throw failure(firstLine, "a quote is not closed") }
        if byte == UInt8(ascii: "\n") { line += 1 }
        if byte != quote {
          text.append(byte)
        } else if rest.first == quote {
          text.append(quote)
          rest.removeFirst()
        } else {
          break
        }
      }
      if let next = rest.first, !isEnd(next) { throw failure(line, "text follows a closing quote") }
    } else {
      text = Array(rest.prefix { !isEnd($0) })
      rest = rest.dropFirst(text.count)
      if text.contains(quote) { throw failure(line, "a quote stands within a field that begins without one") }
    }
    guard !text.contains(0), let field = String(validating: text, as: UTF8.self) else {
      throw failure(line, "the text is not UTF-8")
    }
    return field
  }

  private func failure(_ line: Int, _ reason: String) -> StrataError {
    StrataError(.format, "\(name): line \(line): \(reason)")
  }
}
