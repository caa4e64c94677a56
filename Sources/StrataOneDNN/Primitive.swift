import COneDNN
import StrataCore

/// One of oneDNN's operations, compiled for its shapes, layouts and this processor.
///
/// `@unchecked Sendable` holds because the handle never changes, oneDNN allows a primitive to run on several
/// threads, and scratch memory belongs to the run (`dnnl_scratchpad_mode_user`).
final class Primitive: @unchecked Sendable {
  let handle: dnnl_primitive_t
  /// oneDNN's name of the implementation, such as `jit:avx2`.
  let implementation: String
  /// Whether it is more than oneDNN's plain loops.
  var isFast: Bool { !implementation.hasPrefix("ref") }
  /// Whether it only changes a layout.
  let isReorder: Bool
  private let description: dnnl_primitive_desc_t

  typealias Create = (inout dnnl_primitive_desc_t?, dnnl_engine_t) -> dnnl_status_t

  init(_ name: @autoclosure () -> String, _ create: Create) throws(StrataError) {
    let engine = try Device.shared()
    var description: dnnl_primitive_desc_t?
    try check(create(&description, engine.handle), name())
    guard let description else { throw StrataError(.engine, "oneDNN gave no \(name())") }
    var handle: dnnl_primitive_t?
    let status = dnnl_primitive_create(&handle, description)
    guard status == dnnl_success, let handle else {
      dnnl_primitive_desc_destroy(description)
      try check(status, name())
      throw StrataError(.engine, "oneDNN gave no \(name())")
    }
    self.handle = handle
    self.description = description
    var text: UnsafePointer<CChar>?
    dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &text)
    implementation = text.map { String(cString: $0) } ?? "unknown"
    var kind = dnnl_undefined_primitive
    dnnl_primitive_desc_query(description, dnnl_query_primitive_kind, 0, &kind)
    isReorder = kind == dnnl_reorder
  }

  deinit {
    dnnl_primitive_destroy(handle)
    dnnl_primitive_desc_destroy(description)
  }

  /// The layout that the primitive chose for an argument.
  func layout(_ query: dnnl_query_t, dims: [Int]) throws(StrataError) -> Layout {
    try Layout.copy(dnnl_primitive_desc_query_md(description, query, 0), dims: dims)
  }

  /// Bytes of scratch memory that a run needs.
  var scratchByteCount: Int {
    dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0))
  }

  func scratchLayout() throws(StrataError) -> Layout {
    try layout(dnnl_query_scratchpad_md, dims: [])
  }
}
