import StrataCore

/// What lies beyond the border of a picture, with torchvision's names.
public enum PaddingMode: String, Sendable, Hashable, CaseIterable {
  /// One colour.
  case constant
  /// The pixels of the border.
  case edge
  /// The picture mirrored; its border is not repeated.
  case reflect
  /// The picture mirrored with its border.
  case symmetric
}

/// Pixels that are put around a picture; a number stands for the same on all sides, as in torchvision.
public struct ImagePadding: Sendable, Hashable, ExpressibleByIntegerLiteral {
  /// Columns before the first.
  public let left: Int
  /// Rows above the first.
  public let top: Int
  /// Columns behind the last.
  public let right: Int
  /// Rows below the last.
  public let bottom: Int

  /// Creates a padding.
  public init(left: Int, top: Int, right: Int, bottom: Int) {
    (self.left, self.top, self.right, self.bottom) = (left, top, right, bottom)
  }

  /// Creates a padding that is the same on all sides.
  public init(_ all: Int) { self.init(left: all, top: all, right: all, bottom: all) }

  /// Creates a padding that is the same on all sides.
  public init(integerLiteral value: Int) { self.init(value) }
}

/// Where the pixels along an axis come from: cuts, borders and mirrorings, one after the other, cost one copy.
struct AxisMap {
  /// A position in the source, or −1 for the colour of what lies outside.
  private(set) var positions: [Int]

  init(_ count: Int) { positions = Array(0..<count) }

  var count: Int { positions.count }

  mutating func reverse() { positions.reverse() }

  mutating func cut(_ range: Range<Int>) { positions = Array(positions[range]) }

  mutating func pad(_ before: Int, _ after: Int, _ mode: PaddingMode) {
    let count = count
    positions = (-before..<count + after).map { index in
      switch mode {
      case .constant: return (0..<count).contains(index) ? positions[index] : -1
      case .edge: return positions[min(max(index, 0), count - 1)]
      case .reflect: return positions[Self.mirrored(index, period: max(2 * (count - 1), 1), last: count - 1)]
      case .symmetric:
        let place = ((index % (2 * count)) + 2 * count) % (2 * count)
        return positions[min(place, 2 * count - 1 - place)]
      }
    }
  }

  private static func mirrored(_ index: Int, period: Int, last: Int) -> Int {
    let place = ((index % period) + period) % period
    return min(place, max(period - place, 0), last)
  }

  /// The middle `count`, as torchvision's `center_crop` takes them.
  mutating func center(_ count: Int) {
    let axis = CropAxis(self.count, count)
    cut(axis.source)
    pad(axis.padding, count - axis.padding - axis.source.count, .constant)
  }
}

extension Sample {
  /// The width and the height.
  func size(_ transform: StaticString) throws(StrataError) -> (width: Int, height: Int) {
    switch self {
    case .image(let image), .grey(let image): return (image.width, image.height)
    case .tensor(let tensor):
      guard tensor.shape.rank == 3, tensor.elementCount > 0 else {
        throw StrataError(.shape, "\(transform) expects [channels, height, width], got \(tensor.shape)")
      }
      return (tensor.shape[2], tensor.shape[1])
    }
  }

  /// The sample made of pixels of this one, which has the size that the maps are for.
  func mapped(_ columns: AxisMap, _ rows: AxisMap, fill: UInt8 = 0) -> Sample {
    switch self {
    case .image(let image): .image(image.mapped(columns, rows, fill: fill))
    case .grey(let image): .grey(image.mapped(columns, rows, fill: fill))
    case .tensor(let tensor): .tensor(tensor.mapped(columns, rows, fill: Float(fill)))
    }
  }
}

extension Image {
  func mapped(_ columns: AxisMap, _ rows: AxisMap, fill: UInt8) -> Image {
    let (width, height) = (columns.count, rows.count)
    return withStart { source in
      Image(width: width, height: height) { target in
        var target = target
        for row in rows.positions {
          let line = row < 0 ? nil : source + row * self.width * 3
          for column in columns.positions {
            if let line, column >= 0 {
              target.initialize(from: line + column * 3, count: 3)
            } else {
              target.initialize(repeating: fill, count: 3)
            }
            target += 3
          }
        }
      }
    }
  }
}

extension HostTensor {
  func mapped(_ columns: AxisMap, _ rows: AxisMap, fill: Float) -> HostTensor {
    let (channels, height, width) = (shape[0], shape[1], shape[2])
    let source = converted(to: .float32)
    return HostTensor(shape: [channels, rows.count, columns.count]) {
      (target: UnsafeMutableBufferPointer<Float>) in
      source.withElements(as: Float.self) { source in
        var index = 0
        for channel in 0..<channels {
          for row in rows.positions {
            for column in columns.positions {
              let isInside = row >= 0 && column >= 0
              target.initializeElement(
                at: index, to: isInside ? source[(channel * height + row) * width + column] : fill)
              index += 1
            }
          }
        }
      }
    }
  }
}
