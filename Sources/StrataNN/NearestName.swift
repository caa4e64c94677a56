/// The name that was probably meant, or nil where none is close.
package func nearestName(to name: String, among names: [String]) -> String? {
  // A name that lacks or has a prefix such as `module.` is the likeliest slip in checkpoints.
  let relatives = names.filter { $0.hasSuffix("." + name) || name.hasSuffix("." + $0) }
  if let relative = relatives.min(by: { $0.utf8.count < $1.utf8.count }) { return relative }
  let limit = max(2, name.utf8.count / 3)
  var best: (name: String, distance: Int)?
  for candidate in names where abs(candidate.utf8.count - name.utf8.count) <= limit {
    let distance = editDistance(name, candidate)
    if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
  }
  return best?.name
}

/// A sentence's end that proposes the nearest name: `; did you mean …?`, or nothing.
package func suggestion(for name: String, among names: [String]) -> String {
  nearestName(to: name, among: names).map { "; did you mean `\($0)`?" } ?? ""
}

/// The least number of letters to insert, drop or exchange, case aside.
package func editDistance(_ a: String, _ b: String) -> Int {
  let a = Array(a.lowercased().utf8)
  let b = Array(b.lowercased().utf8)
  var row = Array(0...b.count)
  for (i, letter) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, other) in b.enumerated() {
      let exchanged = diagonal + (letter == other ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(exchanged, diagonal + 1, row[j] + 1)
    }
  }
  return row[b.count]
}

extension String {
  /// Whether the whole text fits a pattern in which `*` stands for any text.
  package func matches(pattern: String) -> Bool {
    let text = Array(utf8)
    let pattern = Array(pattern.utf8)
    var (t, p) = (0, 0)
    var retry: (text: Int, pattern: Int)?
    while t < text.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        retry = (t, p + 1)
        p += 1
      } else if p < pattern.count, pattern[p] == text[t] {
        t += 1
        p += 1
      } else if let last = retry {
        retry = (last.text + 1, last.pattern)
        (t, p) = (last.text + 1, last.pattern)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
