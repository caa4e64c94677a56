import COneDNN
import StrataCore
import StrataGraph
import StrataPasses

/// The index of a value's place in a program.
typealias SlotID = Int

/// A value's place during a run, with its layout.
struct Slot {
  enum Home {
    /// A leaf of the plan, given at each run.
    case leaf(Int)
    /// Computed once from variables and kept.
    case prepared
    /// A part of the workspace; several slots may share one.
    case workspace(storage: Int)
    /// Memory handed out as the result of a run.
    case result(Int)
  }
  var home: Home
  let type: TensorType
  /// nil where oneDNN never sees the value; it is then stored in row-major order.
  let layout: Layout?
  let byteCount: Int
  /// Where the value begins in its home: beyond 0 for a view of a part.
  var byteOffset = 0
}

/// One step of a program.
struct Step {
  enum Action {
    /// Runs a primitive on slots by oneDNN's argument numbers.
    case primitive(Primitive, [(argument: Int32, slot: SlotID)])
    /// Runs a reference kernel on row-major slots.
    case reference(Op, operands: [SlotID], result: SlotID)
    /// Runs a kernel of our own on slots in the order that it expects.
    case kernel(any Kernel, [SlotID])
    /// Copies bytes.
    case copy(from: SlotID, to: SlotID)
  }
  let action: Action
  /// The node of the plan that the step belongs to.
  let node: Int
}

/// A kernel of our own, made for its shapes and layouts.
protocol Kernel: Sendable {
  /// What a profile calls it.
  var name: String { get }
  /// Whether a result of the same size may lie where the argument at a position lies.
  func mayOverwrite(_ position: Int) -> Bool
  /// Computes on the memory of its slots.
  func run(_ slots: [UnsafeMutableRawPointer])
}

extension [UnsafeMutableRawPointer] {
  /// The floats in a slot; nil where an argument may be missing, and is.
  func floats(_ index: Int, isThere: Bool) -> UnsafeMutablePointer<Float>? {
    isThere ? floats(index) : nil
  }

  /// The floats in a slot.
  func floats(_ index: Int) -> UnsafeMutablePointer<Float> { self[index].assumingMemoryBound(to: Float.self) }
}

extension Kernel {
  func mayOverwrite(_ position: Int) -> Bool { false }
}

/// Steps on slots, ready to run.
struct Program {
  var slots: [Slot] = []
  /// Steps that depend on variables alone; their results are kept between runs.
  var preparation: [Step] = []
  var steps: [Step] = []
  /// Bytes and life of each storage of the workspace, by index of main steps.
  var storages: [(byteCount: Int, first: Int, last: Int)] = []
  /// Views of prepared memory, by the slot that owns it.
  var owners: [SlotID: SlotID] = [:]
  /// Types of the results, in order.
  var results: [TensorType] = []
  /// How results lie.
  var resultOrders: [ImageOrder] = []
  /// For each result that needs no computing, the leaf that is it.
  var passedThrough: [Int: Int] = [:]
  /// The module that built each node of the plan, for messages.
  var origins: [ModuleOrigin] = []
}
