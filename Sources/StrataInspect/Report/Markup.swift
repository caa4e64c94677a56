import StrataCore

/// Text for HTML and SVG.
enum Markup {
  /// Text in which nothing is markup, for contents and for attributes in quotation marks.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\t", "\n", "\r": result.unicodeScalars.append(scalar)
      // XML has no place for other control characters, nor for these two.
      case _ where scalar.value < 0x20 || [0xFFFE, 0xFFFF].contains(scalar.value): result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// A path or a type's name that may be broken behind dots and before the capitals of further words.
  static func breakable(_ name: String) -> String {
    var pieces: [String] = [""]
    for character in name {
      if let last = pieces[pieces.count - 1].last, last == "." || !last.isUppercase && character.isUppercase {
        pieces.append("")
      }
      pieces[pieces.count - 1].append(character)
    }
    return pieces.map(escaped).joined(separator: "<wbr>")
  }

  /// A length with one digit after the point, or none where that is 0.
  static func length(_ value: Double) -> String {
    let tenths = (value * 10).rounded()
    guard tenths.magnitude < 1e12 else { return "0" }
    let whole = Int(tenths)
    return whole % 10 == 0 ? "\(whole / 10)" : DecimalText.fixed(tenths / 10, digits: 1)
  }
}

extension Text {
  /// `25.6 M`: a count in three digits.
  static func short(_ count: Int) -> String {
    let units: [(Double, String)] = [(1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")]
    for (unit, name) in units where Double(count) >= 0.9995 * unit {
      let value = Double(count) / unit
      return DecimalText.fixed(value, digits: value < 9.995 ? 2 : value < 99.95 ? 1 : 0) + name
    }
    return "\(count)"
  }

  /// `64×56×56`: the shape of one image's value, without the axis of the batch.
  static func flow(_ shape: Shape) -> String {
    shape.rank < 2 ? shape.description : shape.dropFirst().map(String.init).joined(separator: "×")
  }
}
