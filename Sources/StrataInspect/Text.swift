import StrataCore

/// Numbers and tables as people read them.
package enum Text {
  /// `62,378,344`.
  package static func grouped(_ number: Int) -> String {
    var digits = String(number.magnitude)
    var groups: [String] = []
    while digits.count > 3 {
      groups.append(String(digits.suffix(3)))
      digits.removeLast(3)
    }
    groups.append(digits)
    return (number < 0 ? "-" : "") + groups.reversed().joined(separator: ",")
  }

  /// `237.9 MB`, in powers of 1000; the larger the number, the larger the unit.
  package static func bytes(_ count: Double) -> String {
    var value = count
    var unit = 0
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"]
    while value >= 999.95, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return DecimalText.fixed(value, digits: unit == 0 ? 0 : 1) + " " + units[unit]
  }

  /// `249.5`: bytes in units of 10⁶, as tables have them, and `0.024` where one digit would say nothing.
  package static func megabytes(_ count: Int) -> String {
    DecimalText.fixed(Double(count) / 1e6, digits: (1..<100_000).contains(count) ? 3 : 1)
  }

  /// `25.3`: milliseconds of a duration in seconds, with as many digits as mean something.
  package static func milliseconds(_ seconds: Double) -> String {
    let value = seconds * 1000
    return DecimalText.fixed(value, digits: value < 10 ? 2 : value < 1000 ? 1 : 0)
  }

  /// `94.0%`.
  package static func percent(_ part: Int, of whole: Int) -> String {
    DecimalText.fixed(whole == 0 ? 0 : 100 * Double(part) / Double(whole), digits: 1) + "%"
  }

  /// `55×55`.
  package static func map(_ shape: Shape) -> String {
    shape.rank == 4 ? "\(shape[2])×\(shape[3])" : shape.description
  }

  /// Rows in columns two spaces apart; the first column is aligned left, the others right.
  package static func table(_ rows: [[String]], indent: String = "") -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.map { $0.count > column ? width($0[column]) : 0 }.max() ?? 0
    }
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - width(cell))
        return column == 0 ? cell + padding : padding + cell
      }
      var line = indent + cells.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }

  /// Rows as a table of Markdown; the first row holds the titles, all columns but the first are aligned right.
  package static func markdown(_ rows: [[String]]) -> String {
    let columns = rows.map(\.count).max() ?? 0
    var lines = rows.map { row in
      // A bar would end the cell.
      "| " + row.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }
    let rule = (0..<columns).map { $0 == 0 ? "---" : "---:" }
    lines.insert("| " + rule.joined(separator: " | ") + " |", at: min(1, lines.count))
    return lines.joined(separator: "\n")
  }

  /// Labels and values in two columns, both aligned left.
  package static func pairs(_ rows: [(label: String, value: String)], indent: String = "") -> String {
    let labels = rows.map { width($0.label) }.max() ?? 0
    return rows.map { label, value in
      indent + label + String(repeating: " ", count: labels - width(label) + 2) + value
    }.joined(separator: "\n")
  }

  /// Columns of a terminal that text takes: Chinese characters and full-width punctuation take two.
  package static func width(_ text: String) -> Int {
    text.unicodeScalars.reduce(0) { sum, scalar in
      switch scalar.value {
      case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
        0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD:
        sum + 2
      default: sum + 1
      }
    }
  }
}
