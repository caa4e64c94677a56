import COneDNN
import StrataCore
import StrataKernels

/// The order of an image's numbers in memory, for any number of images.
enum ImageOrder: CaseIterable {
  /// Row by row, channel by channel.
  case plain
  /// Channels innermost, all or 16 at a time.
  case channelsLast, blocked

  /// The layout of images of this order; nil where it would need room between numbers.
  func layout(_ shape: Shape) throws(StrataError) -> Layout? {
    if self == .plain { return try Layout.plain(shape) }
    guard shape.rank == 4, shape[1] % 16 == 0 else { return nil }
    return self == .blocked ? try Layout.blocked(shape) : try Layout.channelsLast(shape)
  }

  /// The order that a layout is of.
  init?(_ layout: Layout, of shape: Shape) throws(StrataError) {
    for order in Self.allCases {
      if let known = try order.layout(shape), known == layout {
        self = order
        return
      }
    }
    return nil
  }
}

extension Layout {
  /// Images with 16 channels side by side, then the next pixel.
  static func blocked(_ image: Shape) throws(StrataError) -> Layout {
    try tagged(image, dnnl_aBcd16b)
  }

  /// Distances in an image whose channels lie side by side, all or 16 at a time; nil for other layouts.
  var channelBlocks: strata_image_layout? {
    guard storedType == dnnl_f32, dims.count == 4, dims[1] % 16 == 0, let strides, let blocks else {
      return nil
    }
    if blocks.isEmpty, strides[1] == 1 || dims[1] == 1 {
      return strata_image_layout(image: strides[0], block: 16, row: strides[2], pixel: strides[3])
    }
    guard blocks.count == 1, blocks[0].axis == 1, blocks[0].size == 16 else { return nil }
    return strata_image_layout(image: strides[0], block: strides[1], row: strides[2], pixel: strides[3])
  }

  /// The same of a layout that was made or chosen to have them.
  func distances() throws(StrataError) -> strata_image_layout {
    guard let channelBlocks else { throw StrataError(.engine, "oneDNN does not describe its layouts") }
    return channelBlocks
  }

  /// The same places for elements of another type; nil for layouts in blocks.
  func stored(as type: dnnl_data_type_t) throws(StrataError) -> Layout? {
    guard let strides, blocks?.isEmpty == true else { return nil }
    return try Layout.make(Shape(dims), strides: strides.map(Int.init), type)
  }

  /// Whether channels are in blocks.
  var isBlocked: Bool { blocks?.isEmpty == false }

  private var strides: [Int64]? {
    var pointer: UnsafePointer<Int64>?
    guard dnnl_memory_desc_query(handle, dnnl_query_strides, &pointer) == dnnl_success, let pointer else {
      return nil
    }
    return Array(UnsafeBufferPointer(start: pointer, count: dims.count))
  }

  /// The parts of axes that lie innermost; nil where oneDNN does not say.
  private var blocks: [(axis: Int64, size: Int64)]? {
    var count: Int32 = 0
    var sizes: UnsafePointer<Int64>?
    var axes: UnsafePointer<Int64>?
    guard dnnl_memory_desc_query(handle, dnnl_query_inner_nblks_s32, &count) == dnnl_success,
      dnnl_memory_desc_query(handle, dnnl_query_inner_blks, &sizes) == dnnl_success,
      dnnl_memory_desc_query(handle, dnnl_query_inner_idxs, &axes) == dnnl_success, let sizes, let axes
    else { return nil }
    return (0..<Int(count)).map { (axes[$0], sizes[$0]) }
  }
}
