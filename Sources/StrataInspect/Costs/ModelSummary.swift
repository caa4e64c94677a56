import StrataCore
import StrataGraph
import StrataNN

/// What a network consists of and costs, layer by layer and in all, for an input of some shape.
///
/// Read off the graph that a call in evaluation mode builds: no weight is allocated and nothing computed.
public struct ModelSummary: Sendable {
  /// A line of the summary: a call of a module, or an operation that a module with others inside does itself.
  public struct Row: Sendable, Hashable {
    /// What a line stands for.
    public enum Kind: String, Sendable, Hashable {
      /// A module without modules inside.
      case layer
      /// A module with others inside; its figures are the sums of theirs and of its own operations.
      case container
      /// An operation in the code of a container.
      case operation
      /// A parameter of a container.
      case parameter
    }

    /// What the line stands for.
    public let kind: Kind
    /// The module's path: `layer1.0.conv1`; for an operation that of the module that does it.
    public let path: String
    /// The module's class, the operation's name, or `Parameter`.
    public let typeName: String
    /// How many modules lie around it; 0 for the network itself.
    public let depth: Int
    /// Which call of the module this is, counted from 1; 0 where it is not called.
    public let call: Int
    /// The path of the module that calls this one, where one does.
    var caller: String?
    /// The shape of what goes in, where something does.
    public var input: Shape?
    /// The shape of what comes out.
    public var output: Shape?
    /// The window of a convolution or pooling layer.
    public var kernel: IntPair?
    /// The elements of its parameters that training changes, without those counted in an earlier line.
    public var trainableParameters = 0
    /// The elements of its parameters that are frozen, without those counted in an earlier line.
    public var frozenParameters = 0
    /// The elements of its parameters that an earlier line has counted: shared ones, or those of a second call.
    public var sharedParameters = 0
    /// The elements of its buffers, without those counted in an earlier line.
    public var bufferElements = 0
    /// The operations by convention.
    public var operations = OperationCounts()
    /// Bytes of the results that take memory of their own.
    public var activationBytes = 0
    /// The height and width of the window of the image behind an element of the result; nil for all of it.
    public var field: IntPair?
    /// How many pixels of the image lie between neighbours of the result; nil where it is no map.
    public var stride: IntPair?

    /// The elements of its parameters, without those counted in an earlier line.
    public var parameters: Int { trainableParameters + frozenParameters }
    /// Multiplications, each with an addition, of convolutions and matrix products.
    public var macs: Int { operations[.torchvision] }
  }

  /// An operation that a convention does not count, and how often it occurs.
  public struct Uncounted: Sendable, Hashable {
    /// The operation's name: `relu`.
    public let name: String
    /// How many nodes of the graph there are.
    public let count: Int
  }

  /// The network's class.
  public let name: String
  /// The shape that it was called with.
  public let input: Shape
  /// The shape of the result.
  public let output: Shape
  /// All lines, parents before their children, calls in their order. The first is the network itself.
  public let rows: [Row]
  /// Bytes of the parameters.
  public let weightBytes: Int
  /// Bytes of the buffers.
  public let bufferBytes: Int
  /// The operations of each convention by what they consist of.
  public let parts: [CountingConvention: [CountingConvention.Part: Int]]
  /// The operations that a convention counts nothing for, by name.
  public let uncounted: [CountingConvention: [Uncounted]]
  /// The most bytes of intermediate results that exist at one time in inference, with operations fused, memory
  /// planned and scratch memory taken as the engine does on this machine.
  public let peakActivationBytes: Int
  /// Bytes that move in inference if every operation of the plan reads its operands and writes its result once.
  public let movedBytes: Int
  /// The window of the image behind an element of the last map that is no mean of the whole image.
  public let field: IntPair?
  /// How many pixels of the image lie between neighbours of that map.
  public let stride: IntPair?
  /// Convolutions and linear layers on the longest way from the input to the output.
  public let depth: Int
  /// What parameters and multiply-accumulates are spent on.
  public let spending: Spending
  /// The multiply-accumulates with one ordinary convolution in place of each depthwise convolution and the 1×1
  /// convolution behind it; nil where there is no such pair.
  public let ordinaryMACs: Int?
  /// What training steps need besides weights: the forward results that gradients are computed from, and the most
  /// bytes of them and of gradients of results at one time.
  let training: TrainingMemory

  /// The network's own line, which holds the sums.
  public var total: Row { rows[0] }
  /// The lines that are no sums of others: their figures add up to the totals.
  public var leaves: [Row] { rows.filter { $0.kind != .container } }
  /// The elements of all parameters, shared ones once.
  public var parameters: Int { total.parameters }
  /// Those of parameters that training changes.
  public var trainableParameters: Int { total.trainableParameters }
  /// The elements of all buffers.
  public var bufferElements: Int { total.bufferElements }
  /// Multiplications, each with an addition, of convolutions and matrix products.
  public var macs: Int { total.macs }
  /// Bytes of all intermediate results, those in place counted once.
  public var activationBytes: Int { total.activationBytes }
  /// The operations of a forward pass as a convention counts them.
  public func operations(_ convention: CountingConvention) -> Int { total.operations[convention] }

  /// Multiplications and additions for each byte that moves in inference.
  public var arithmeticIntensity: Double { movedBytes > 0 ? 2 * Double(macs) / Double(movedBytes) : 0 }

  /// Bytes that inference takes at its peak: weights, buffers, input, result and intermediate results.
  public var inferenceBytes: Int {
    weightBytes + bufferBytes + 4 * (input.elementCount + output.elementCount) + peakActivationBytes
  }
}

extension Module {
  /// What the network consists of and costs for an input of some shape; throws where it cannot take that.
  ///
  ///     print(try ResNet50().summary(input: [1, 3, 224, 224]).macs)  // 4089184256
  public func summary(input: Shape) throws(StrataError) -> ModelSummary {
    try ModelSummary(self, NetworkTrace(self, input: input))
  }
}
