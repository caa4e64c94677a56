/// The words of reports and diagrams in one language.
struct ReportWords: Sendable {
  /// The language's code for the page.
  let code: String
  /// What stands between a name and its value, with the blank behind it where the language has one.
  let colon: String
  let title: String
  let contents: String
  let comparison: String
  let comparisonNote: String
  let model: String
  let input: String
  let output: String
  let parameters: String
  /// What stands behind a number of parameters.
  let parametersUnit: String
  let macs: String
  let weights: String
  let peak: String
  let training: String
  let intensity: String
  let chart: String
  let chartNote: String
  let conclusions: String
  let architecture: String
  let architectureNote: String
  let unfoldAll: String
  let foldAll: String
  let blocks: @Sendable (_ count: Int) -> String
  let layers: String
  let blocksHeading: String
  let layersNote: String
  let blocksNote: String
  let layer: String
  let block: String
  let memory: String
  let facts: Facts
  let footer: String
  /// The footer of pages that do not come from graphs.
  let pageFooter: String
  let measured: Measured

  /// The names of a network's properties.
  struct Facts: Sendable {
    let typeName: String
    let inference: String
    let trainingStep: String
    let field: String
    let stride: String
    let wholeImage: String
  }

  /// The words around measured times.
  struct Measured: Sendable {
    let heading: String
    let roofline: String
    let intensity: String
    let speed: String
    let time: String
    let rates: String
    let bound: String
    let layer: String
    let arithmetic: String
    let memory: String
    let rooflineNote: String
    /// `%1` stands for the time of a run, `%2` for the number of runs, `%3` for threads, `%4` and `%5` for the ceilings
    /// of arithmetic and memory.
    let note: String
    /// `%1` stands for how many lines are shown.
    let slowest: String
  }

  /// The table of a language.
  static func of(_ language: ReportLanguage) -> ReportWords {
    switch language {
    case .english: english
    case .chinese: chinese
    }
  }
}

extension ReportWords {
  static let english = ReportWords(
    code: "en",
    colon: ": ",
    title: "Networks compared",
    contents: "Contents",
    comparison: "Comparison",
    comparisonNote: """
      A click on a heading sorts. MACs are multiplications, each with an addition, of convolutions and matrix \
      products. Memory is for 32-bit numbers; 1 MB is a million bytes. Training is one step with SGD and momentum. \
      Intensity is operations for each byte that moves.
      """,
    model: "Model",
    input: "Input",
    output: "Output",
    parameters: "Parameters",
    parametersUnit: "parameters",
    macs: "MACs",
    weights: "Weights MB",
    peak: "Peak activations MB",
    training: "Training step MB",
    intensity: "FLOP/byte",
    chart: "Parameters and multiply-accumulates",
    chartNote: "The area of a bubble is the memory that inference takes; numbers are those of the table.",
    conclusions: "Conclusions",
    architecture: "Architecture",
    architectureNote: """
      Blocks unfold. Shapes on the arrows are those of one image. A convolution reads “window, output channels, \
      dw: depthwise, g: groups, /stride”.
      """,
    unfoldAll: "Unfold all",
    foldAll: "Fold all",
    blocks: { $0 == 1 ? "1 block" : "\($0) blocks" },
    layers: "Cost by layer",
    blocksHeading: "Cost by block",
    layersNote: "Each column has a scale of its own. Layers that cost nothing are left out.",
    blocksNote: "Each column has a scale of its own. The layers of a block are added up.",
    layer: "Layer",
    block: "Block",
    memory: "Results",
    facts: Facts(
      typeName: "Class",
      inference: "Memory of inference",
      trainingStep: "Memory of a training step",
      field: "Receptive field",
      stride: "Stride",
      wholeImage: "whole image"),
    footer: "Made by Strata %@ from the networks’ graphs, without allocating a weight.",
    pageFooter: "Made by Strata %@.",
    measured: Measured(
      heading: "Measured time by layer",
      roofline: "Roofline of this machine",
      intensity: "FLOP/byte",
      speed: "GFLOP/s",
      time: "Time",
      rates: "Reached",
      bound: "Of the bound",
      layer: "Layer",
      arithmetic: "arithmetic",
      memory: "memory",
      rooflineNote: """
        A bubble is a layer, its area its time. The dashed line is the most that memory (left) and arithmetic (right) \
        allow on this machine; the names are those of the slowest layers.
        """,
      note: """
        A run takes %1 ms, the median of %2 with %3 threads. Measured here, arithmetic reaches %4 GFLOP/s and memory \
        %5 GB/s. The mark in a bar is the time that the scarcer of both would take; data that stay in the cache may \
        beat memory. What is fused into a layer counts to it.
        """,
      slowest: "The %1 slowest are shown."))

  // swift-format-ignore: IdentifiersMustBeASCII
  static let chinese = ReportWords(
    code: "zh-CN",
    colon: "：",
    title: "网络比较",
    contents: "目录",
    comparison: "比较",
    comparisonNote: """
      点击表头可排序。乘加运算（MAC）指卷积与矩阵乘法中的一次乘法加一次加法。内存按 32 位浮点数计算，1 MB 为一百万字节。\
      训练指使用带动量的 SGD 训练一步。计算强度指每传输一个字节所做的运算次数。
      """,
    model: "模型",
    input: "输入",
    output: "输出",
    parameters: "参数量",
    parametersUnit: "参数",
    macs: "乘加运算",
    weights: "权重 MB",
    peak: "激活峰值 MB",
    training: "训练一步 MB",
    intensity: "FLOP/字节",
    chart: "参数量与乘加运算",
    chartNote: "气泡的面积表示推理所需的内存；编号与表中一致。",
    conclusions: "结论",
    architecture: "结构",
    architectureNote: """
      点击模块可展开。箭头上的形状是单张图像的形状。卷积依次写作“窗口, 输出通道, dw 深度卷积, g 分组, /步幅”。
      """,
    unfoldAll: "全部展开",
    foldAll: "全部收起",
    blocks: { "\($0) 个模块" },
    layers: "各层开销",
    blocksHeading: "各模块开销",
    layersNote: "每一列各有自己的刻度。没有开销的层不列出。",
    blocksNote: "每一列各有自己的刻度。模块内各层的数值已相加。",
    layer: "层",
    block: "模块",
    memory: "结果",
    facts: Facts(
      typeName: "类",
      inference: "推理所需内存",
      trainingStep: "训练一步所需内存",
      field: "感受野",
      stride: "步幅",
      wholeImage: "整张图像"),
    footer: "由 Strata %@ 根据网络的计算图生成，未分配任何权重。",
    pageFooter: "由 Strata %@ 生成。",
    measured: Measured(
      heading: "各层实测时间",
      roofline: "本机的屋顶线",
      intensity: "FLOP/字节",
      speed: "GFLOP/s",
      time: "时间",
      rates: "达到",
      bound: "占上限",
      layer: "层",
      arithmetic: "运算",
      memory: "内存",
      rooflineNote: """
        每个气泡是一层，面积表示时间。虚线是本机内存（左）与运算（右）所允许的上限；标出名称的是最慢的几层。
        """,
      note: """
        运行一次需 %1 毫秒（%2 次的中位数，%3 个线程）。在本机测得运算可达 %4 GFLOP/s，内存可达 %5 GB/s。\
        条中的刻线是两者中较紧缺者所需的时间；留在缓存中的数据可能快于内存。融合进某层的运算计入该层。
        """,
      slowest: "只列出最慢的 %1 层。"))
}
