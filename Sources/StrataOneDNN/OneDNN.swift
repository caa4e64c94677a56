import COneDNN
import StrataCore

/// Throws the engine's refusal of `action`.
func check(_ status: dnnl_status_t, _ action: @autoclosure () -> String) throws(StrataError) {
  guard status != dnnl_success else { return }
  let reason =
    switch status {
    case dnnl_out_of_memory: "out of memory"
    case dnnl_invalid_arguments: "invalid arguments"
    case dnnl_unimplemented: "not offered"
    case dnnl_runtime_error: "failure at run time"
    default: "status \(status.rawValue)"
    }
  throw StrataError(status == dnnl_out_of_memory ? .memory : .engine, "oneDNN refused \(action()): \(reason)")
}

/// The processor as oneDNN sees it. One for the process; oneDNN's engines may be used by any thread.
///
/// `@unchecked Sendable` holds because the handle never changes and oneDNN only reads through it.
final class Device: @unchecked Sendable {
  let handle: dnnl_engine_t

  static let cpu = Result { () throws(StrataError) in try Device() }

  static func shared() throws(StrataError) -> Device { try cpu.get() }

  private init() throws(StrataError) {
    guard let version = dnnl_version(), version.pointee.major == 3 else {
      throw StrataError(.engine, "oneDNN of version 3 is needed: run script/bootstrap")
    }
    var engine: dnnl_engine_t?
    try check(dnnl_engine_create(&engine, dnnl_cpu, 0), "a CPU engine")
    guard let engine else { throw StrataError(.engine, "oneDNN gave no CPU engine") }
    handle = engine
  }
}

/// How a tensor of 32-bit floats is laid out in memory, and in what type its elements are stored there.
///
/// `@unchecked Sendable` holds because a descriptor is never changed after its creation.
final class Layout: @unchecked Sendable {
  let handle: dnnl_memory_desc_t
  /// The sizes of the axes.
  let dims: [Int]

  /// Row-major storage; a scalar counts as one axis of size 1.
  static func plain(_ shape: Shape, _ type: dnnl_data_type_t = dnnl_f32) throws(StrataError) -> Layout {
    try make(shape, strides: shape.strides, type)
  }

  /// A layout that the primitive may choose.
  static func any(_ shape: Shape, _ type: dnnl_data_type_t = dnnl_f32) throws(StrataError) -> Layout {
    try tagged(shape, dnnl_format_tag_any, type)
  }

  /// A layout that oneDNN has a name for.
  static func tagged(
    _ shape: Shape, _ tag: dnnl_format_tag_t, _ type: dnnl_data_type_t = dnnl_f32
  ) throws(StrataError) -> Layout {
    var handle: dnnl_memory_desc_t?
    let dims = shape.sizes.isEmpty ? [1] : shape.sizes
    try check(
      dnnl_memory_desc_create_with_tag(&handle, Int32(dims.count), dims.map(Int64.init), type, tag),
      "a layout of \(shape)")
    return try Layout(owning: handle, dims: dims)
  }

  /// Images whose channels lie side by side.
  static func channelsLast(_ image: Shape) throws(StrataError) -> Layout {
    let (channels, width) = (image[1], image[3])
    return try make(image, strides: [channels * image[2] * width, 1, width * channels, channels])
  }

  /// A layout with given distances between neighbours along each axis.
  static func make(
    _ shape: Shape, strides: [Int], _ type: dnnl_data_type_t = dnnl_f32
  ) throws(StrataError) -> Layout {
    var handle: dnnl_memory_desc_t?
    let dims = shape.sizes.isEmpty ? [1] : shape.sizes
    let steps = shape.sizes.isEmpty ? [1] : strides
    try check(
      dnnl_memory_desc_create_with_strides(
        &handle, Int32(dims.count), dims.map(Int64.init), type, steps.map(Int64.init)),
      "a layout of \(shape)")
    return try Layout(owning: handle, dims: dims)
  }

  /// Copies a descriptor that something else owns.
  static func copy(_ other: const_dnnl_memory_desc_t?, dims: [Int]) throws(StrataError) -> Layout {
    var handle: dnnl_memory_desc_t?
    try check(dnnl_memory_desc_clone(&handle, other), "a layout")
    return try Layout(owning: handle, dims: dims)
  }

  private init(owning handle: dnnl_memory_desc_t?, dims: [Int]) throws(StrataError) {
    guard let handle else { throw StrataError(.engine, "oneDNN gave no layout") }
    self.handle = handle
    self.dims = dims
  }

  deinit { dnnl_memory_desc_destroy(handle) }

  /// The type of the elements as they are stored, whatever the tensor's.
  var storedType: dnnl_data_type_t {
    var type = dnnl_data_type_undef
    dnnl_memory_desc_query(handle, dnnl_query_data_type, &type)
    return type
  }

  /// Bytes of memory, padding included.
  var byteCount: Int { dnnl_memory_desc_get_size(handle) }

  static func == (a: Layout, b: Layout) -> Bool {
    a === b || dnnl_memory_desc_equal(a.handle, b.handle) != 0
  }
}

/// What a primitive does besides its main work; scratch memory is always the caller's.
final class Attributes {
  enum PostOperation {
    /// Adds to what the result's memory holds already: its numbers times a scale, in a type of their own where they
    /// are integers.
    case sum(scale: Float = 1, type: dnnl_data_type_t = dnnl_data_type_undef)
    /// Adds another value of the result's shape.
    case add(Layout)
    case eltwise(Eltwise)
  }

  let handle: dnnl_primitive_attr_t

  /// - Parameter scales: For arguments that are integers, the axes along which scales differ, one bit each.
  init(
    _ operations: [PostOperation] = [], scales: [Int32: Int32] = [:]
  ) throws(StrataError) {
    var attributes: dnnl_primitive_attr_t?
    try check(dnnl_primitive_attr_create(&attributes), "attributes")
    guard let attributes else { throw StrataError(.engine, "oneDNN gave no attributes") }
    handle = attributes
    try check(dnnl_primitive_attr_set_scratchpad_mode(handle, dnnl_scratchpad_mode_user), "scratch memory")
    for (argument, axes) in scales {
      try check(dnnl_primitive_attr_set_scales_mask(handle, argument, axes), "scales")
    }
    guard !operations.isEmpty else { return }
    var chain: dnnl_post_ops_t?
    try check(dnnl_post_ops_create(&chain), "post-operations")
    defer { dnnl_post_ops_destroy(chain) }
    for operation in operations {
      switch operation {
      case .sum(let scale, let type):
        try check(dnnl_post_ops_append_sum(chain, scale, 0, type), "a sum")
      case .add(let layout):
        try check(dnnl_post_ops_append_binary(chain, dnnl_binary_add, layout.handle), "an addition")
      case .eltwise(let function):
        try check(
          dnnl_post_ops_append_eltwise(chain, function.kind, function.alpha, function.beta), "an activation")
      }
    }
    try check(dnnl_primitive_attr_set_post_ops(handle, chain), "post-operations")
  }

  deinit { dnnl_primitive_attr_destroy(handle) }
}
