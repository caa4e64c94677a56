/// Places boxes in rows, readers below what they read, and leads lines between them round the boxes.
///
/// The way of Sugiyama: rows by the longest path, bends where a line crosses a row, an order within rows by the
/// neighbours' places, then positions that keep lines straight. Every value has a label of its own below its box, which
/// takes room like a box, so that nothing overlaps.
struct LayeredLayout {
  /// A box, and where lines enter and leave it, counted from its left.
  struct Box {
    var width: Double
    var height: Double
    var entry: Double
    var exit: Double
  }

  /// A value: the box that makes it, those that read it, and the width of its label.
  struct Net {
    var source: Int
    var targets: [Int]
    var labelWidth: Double
  }

  /// A line's part that runs straight down.
  struct Run {
    var x: Double
    var top: Double
    var bottom: Double
  }

  /// How a value's lines run.
  struct Route {
    /// From the box down past the label.
    var runs: [Run] = []
    /// The index of the run beside which the label stands.
    var label = 0
    /// For each target the run above it and the point at which the line ends.
    var ends: [(target: Int, run: Int, x: Double, y: Double)] = []
  }

  static let labelHeight = 14.0
  private static let gap = 18.0

  /// The left upper corners of the boxes.
  private(set) var places: [(x: Double, y: Double)]
  private(set) var routes: [Route]
  private(set) var width = 0.0
  private(set) var height = 0.0

  private let boxes: [Box]
  private let nets: [Net]
  private var ranks: [Int] = []
  /// Whether each box lies on a longest path: these make the trunk of the drawing.
  private var isCentral: [Bool] = []
  /// Boxes, then labels and bends.
  private var points: [Point] = []
  private var rows: [[Int]] = []
  /// The points of each net from its label down.
  private var trunks: [[Int]] = []

  private struct Point {
    var row: Int
    var width: Double
    var entry: Double
    var exit: Double
    var isBox: Bool
    var x = 0.0
    var above: [Neighbour] = []
    var below: [Neighbour] = []
  }

  private struct Neighbour {
    var point: Int
    var strength: Strength
  }

  /// How much a line should be straight at a place.
  private enum Strength: Int, Comparable {
    /// Where a line that passes rows turns aside, or comes back.
    case turning
    case plain
    /// On a longest path.
    case central

    static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  }

  /// Places boxes, producers before their readers.
  init(_ boxes: [Box], _ nets: [Net]) {
    self.boxes = boxes
    self.nets = nets
    places = boxes.map { _ in (0, 0) }
    routes = nets.map { _ in Route() }
    rank()
    addPoints()
    order()
    align()
    straighten()
    settle()
    finish()
  }

  private mutating func rank() {
    ranks = boxes.map { _ in 0 }
    for net in nets.sorted(by: { $0.source < $1.source }) {
      for target in net.targets { ranks[target] = max(ranks[target], ranks[net.source] + 1) }
    }
    let last = ranks.max() ?? 0
    var latest = boxes.map { _ in last }
    for net in nets.sorted(by: { $0.source > $1.source }) {
      for target in net.targets { latest[net.source] = min(latest[net.source], latest[target] - 1) }
    }
    isCentral = boxes.indices.map { ranks[$0] == latest[$0] }
  }

  /// Whether a net leads from box to box along a longest path.
  private func isCentral(_ net: Net, to target: Int) -> Bool {
    isCentral[net.source] && isCentral[target] && ranks[target] == ranks[net.source] + 1
  }

  /// Boxes stand in even rows, labels in odd ones.
  private mutating func addPoints() {
    points = boxes.indices.map {
      Point(
        row: 2 * ranks[$0], width: boxes[$0].width, entry: boxes[$0].entry, exit: boxes[$0].exit, isBox: true)
    }
    for net in nets {
      let top = 2 * ranks[net.source] + 1
      let bottom = max(top, 2 * (net.targets.map { ranks[$0] }.max() ?? 0) - 1)
      var trunk: [Int] = []
      for row in top...bottom {
        let isLabel = row == top
        points.append(
          Point(
            row: row, width: isLabel ? max(12, net.labelWidth + 12) : 12, entry: 6, exit: 6, isBox: false))
        let new = points.count - 1
        if isLabel {
          let isCentral = net.targets.contains { self.isCentral(net, to: $0) }
          connect(net.source, new, isCentral ? .central : .plain)
        } else {
          connect(trunk.last ?? net.source, new, trunk.count > 1 ? .plain : .turning)
        }
        trunk.append(new)
      }
      for target in net.targets {
        let row = 2 * ranks[target] - 1
        guard row >= top else { continue }
        connect(
          trunk[row - top], target, row > top ? .turning : isCentral(net, to: target) ? .central : .plain)
      }
      trunks.append(trunk)
    }
    rows = (0...(points.map(\.row).max() ?? 0)).map { row in
      let all = points.indices.filter { points[$0].row == row }
      // What lies on a longest path comes first, and so on the left.
      return all.filter(isOnCentralPath) + all.filter { !isOnCentralPath($0) }
    }
  }

  private func isOnCentralPath(_ point: Int) -> Bool {
    (points[point].above + points[point].below).contains { $0.strength == .central }
  }

  private mutating func connect(_ above: Int, _ below: Int, _ strength: Strength) {
    points[above].below.append(Neighbour(point: below, strength: strength))
    points[below].above.append(Neighbour(point: above, strength: strength))
  }

  // MARK: Order

  private mutating func order() {
    var best = rows
    var least = crossings()
    for round in 0..<8 where least > 0 {
      let isDown = round % 2 == 0
      for row in isDown ? Array(rows.indices.dropFirst()) : rows.indices.dropLast().reversed() {
        sort(row, by: isDown ? \.above : \.below, in: isDown ? row - 1 : row + 1)
      }
      let count = crossings()
      if count < least { (best, least) = (rows, count) }
    }
    rows = best
  }

  private mutating func sort(_ row: Int, by side: KeyPath<Point, [Neighbour]>, in other: Int) {
    var place: [Int: Double] = [:]
    for (index, point) in rows[other].enumerated() { place[point] = Double(index) }
    let keys = rows[row].enumerated().map { index, point in
      let found = points[point][keyPath: side].compactMap { place[$0.point] }
      return (
        point: point, key: found.isEmpty ? Double(index) : found.reduce(0, +) / Double(found.count),
        index: index
      )
    }
    rows[row] = keys.sorted { ($0.key, $0.index) < ($1.key, $1.index) }.map(\.point)
  }

  private func crossings() -> Int {
    var count = 0
    for (upper, lower) in zip(rows, rows.dropFirst()) {
      var place: [Int: Int] = [:]
      for (index, point) in lower.enumerated() { place[point] = index }
      var passed: [Int] = []
      for point in upper {
        let targets = points[point].below.compactMap { place[$0.point] }
        for target in targets { count += passed.count { $0 > target } }
        passed += targets
      }
    }
    return count
  }

  // MARK: Positions

  private mutating func align() {
    for row in rows { pack(row) { _ in 0 } }
    for round in 0..<10 {
      let isDown = round % 2 == 0
      for row in isDown ? Array(rows) : rows.reversed() {
        let wishes = Dictionary(uniqueKeysWithValues: row.map { ($0, wish(of: $0, isDown: isDown)) })
        pack(row) { wishes[$0] ?? 0 }
      }
    }
  }

  /// Makes lines that pass rows run down in one piece where the boxes beside them leave room.
  private mutating func straighten() {
    for _ in 0..<2 {
      // Lines further out make room for those further in.
      for trunk in trunks.sorted(by: { points[$0.last ?? 0].x > points[$1.last ?? 0].x }) {
        let bends = trunk.dropFirst()
        var start = bends.startIndex
        while start < bends.endIndex {
          var (low, high) = room(beside: bends[start])
          var end = start + 1
          while end < bends.endIndex {
            let next = room(beside: bends[end])
            guard max(low, next.0) <= min(high, next.1) else { break }
            (low, high) = (max(low, next.0), min(high, next.1))
            end += 1
          }
          // As near to where the line comes from as the boxes allow.
          let x = min(max(points[trunk[0]].x, low), high)
          for bend in bends[start..<end] { points[bend].x = x }
          start = end
        }
      }
    }
  }

  /// The least and the largest place that a point can take between its neighbours in the row.
  private func room(beside point: Int) -> (Double, Double) {
    let row = rows[points[point].row]
    guard let place = row.firstIndex(of: point) else { return (points[point].x, points[point].x) }
    let low =
      place == 0 ? -.infinity : points[row[place - 1]].x + points[row[place - 1]].width + Self.gap
    let high = place == row.count - 1 ? .infinity : points[row[place + 1]].x - points[point].width - Self.gap
    return (min(low, points[point].x), max(high, points[point].x))
  }

  private mutating func settle() {
    let left = points.map(\.x).min() ?? 0
    for index in points.indices { points[index].x -= left }
    width = points.map { $0.x + $0.width }.max() ?? 0
  }

  /// Where a point would like to begin, for straight lines to the row above or below.
  private func wish(of index: Int, isDown: Bool) -> Double {
    let point = points[index]
    let all = isDown ? point.above : point.below
    let others = isDown ? point.below : point.above
    guard let strongest = all.map(\.strength).max() else { return point.x }
    // The end of a line that passes rows goes with the line and not with the box to which it turns.
    if strongest == .turning, others.contains(where: { $0.strength > .turning }) { return point.x }
    let chosen = all.filter { $0.strength == strongest }
    let sum = chosen.reduce(0) { sum, neighbour in
      let other = points[neighbour.point]
      return sum + (isDown ? other.x + other.exit - point.entry : other.x + other.entry - point.exit)
    }
    return sum / Double(chosen.count)
  }

  /// Puts the points of a row as near to their wishes as their widths allow, in the sense of least squares: points
  /// that would overlap move together (the pool of adjacent violators).
  private mutating func pack(_ row: [Int], _ wish: (Int) -> Double) {
    var groups: [(sum: Double, weight: Double, count: Int)] = []
    var offset = 0.0
    var offsets: [Double] = []
    for index in row {
      offsets.append(offset)
      let weight = points[index].isBox ? 1000.0 : 1
      groups.append((weight * (wish(index) - offset), weight, 1))
      while groups.count > 1, let last = groups.last {
        let before = groups[groups.count - 2]
        guard before.sum / before.weight > last.sum / last.weight else { break }
        groups.removeLast(2)
        groups.append((before.sum + last.sum, before.weight + last.weight, before.count + last.count))
      }
      offset += points[index].width + Self.gap
    }
    var place = 0
    for group in groups {
      for _ in 0..<group.count {
        points[row[place]].x = group.sum / group.weight + offsets[place]
        place += 1
      }
    }
  }

  // MARK: Results

  private mutating func finish() {
    var y = 0.0
    var tops: [Double] = []
    var bottoms: [Double] = []
    for (index, row) in rows.enumerated() {
      let isLabels = index % 2 == 1
      let hasLabel = row.contains { points[$0].width > 12 }
      let tallest = row.map { $0 < boxes.count ? boxes[$0].height : 0 }.max() ?? 0
      let size = isLabels ? (hasLabel ? Self.labelHeight : 2) : tallest
      tops.append(y)
      bottoms.append(y + size)
      y += size + clearance(below: row)
      if index == rows.count - 1 { height = bottoms[index] }
    }
    for index in boxes.indices { places[index] = (points[index].x, tops[points[index].row]) }
    for (index, net) in nets.enumerated() {
      let source = points[net.source]
      var route = Route()
      let top = places[net.source].y + boxes[net.source].height
      route.runs.append(Run(x: source.x + source.exit, top: top, bottom: bottoms[source.row]))
      for point in trunks[index] {
        let row = points[point].row
        route.runs.append(Run(x: points[point].x + 6, top: tops[row], bottom: bottoms[row]))
      }
      route.label = 1
      for target in net.targets {
        let row = points[target].row - 1
        let run = row - source.row
        guard run >= 1, run < route.runs.count else { continue }
        route.ends.append((target, run, points[target].x + points[target].entry, places[target].y))
      }
      routes[index] = route
    }
  }

  /// The room that lines need between two rows: the more they lean, the more.
  private func clearance(below row: [Int]) -> Double {
    var lean = 0.0
    for index in row {
      for neighbour in points[index].below {
        let other = points[neighbour.point]
        lean = max(lean, abs(other.x + other.entry - points[index].x - points[index].exit))
      }
    }
    return 8 + min(36, lean / 5)
  }
}
