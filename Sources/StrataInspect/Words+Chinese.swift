extension Words {
  // swift-format-ignore: IdentifiersMustBeASCII
  static let chinese = Words(
    colon: "：",
    system: "系统",
    processor: "处理器",
    cores: "核心",
    memory: "内存",
    coreCounts: { "\($0) 个核心，\($1) 个硬件线程；使用 \($2) 个线程" },
    quota: { "，限额为 \($0) 个处理器" },
    available: { "，可用 \($0)" },
    noMPI: "未内置：先运行 script/bootstrap --mpi，再运行 swift build",
    noCUDA: "不可用：",
    cudaObstacle: { obstacle in
      switch obstacle {
      case .otherSystem: "此系统上没有 CUDA"
      case .noLibrary: "找不到驱动程序库 libcuda.so.1"
      case .brokenLibrary(let message): "驱动程序库无法使用：\(message)"
      case .stubLibrary: "找到的驱动程序库只用于链接"
      case .oldDriver(let version):
        "驱动程序太旧" + (version.map { "：它支持 CUDA \($0)，需要 12.0 或更新" } ?? "")
      case .mixedVersions: "驱动程序与其库版本不同（更新之后常见）：请重新启动"
      case .noDevice: "有驱动程序，但没有设备"
      case .refusal(let name): "驱动程序报告错误 \(name)"
      }
    },
    cuda: { "\($0)：\($1)；此版本在处理器上计算" },
    selfTest: { "\($1) 项基本运算中有 \($0) 项与已知结果一致。" },
    title: "四个卷积神经网络：构建、打印、运行、验证与比较",
    environment: "环境",
    input: "输入",
    output: "输出",
    parameters: "参数量",
    features: "  特征提取部分",
    classifier: "  分类部分",
    macs: "乘加运算",
    forward: "前向传播",
    forwardTime: { "\($0) ms（\($1) 次的中位数，\($2) 个线程）" },
    verified: "验证",
    verifiedCount: { "\($1) 项性质中有 \($0) 项成立" },
    comparison: "比较",
    columns: ["", "层数", "参数量", "乘加运算", "权重 MB", "激活 MB", "前向 ms"],
    notes: """
      层数指从输入到输出最长路径上的卷积层与全连接层。激活指所有运算的结果，原地运算不重复计入。
      大小按 32 位浮点数计算，1 MB 为一百万字节。
      """,
    conclusions: "结论",
    conclusion: Conclusions(
      sizes: { "\($0) 最大，有 \($1) 个参数，是 \($3) 的 \($2) 倍。" },
      classifierHeavy: { "\($0) 的参数有 \($1) 在分类部分，而分类部分只承担 \($2) 的运算。" },
      featureHeavy: { "\($0) 的参数有 \($1) 在特征提取部分。" },
      countsMislead: { "参数量不能说明运算量：\($0) 的参数是 \($1) 的 \($2) 倍，运算量却只有其 1/\($3)。" },
      depth: { "\($0) 最深，有 \($1) 层；\($2) 只有 \($3) 层，参数却是它的 \($4) 倍。" },
      separable: { "若把 \($0) 的深度可分离卷积换成普通卷积，运算量将是原来的 \($1) 倍。" },
      activations: { "\($0) 的中间结果占用的内存是其权重的 \($1) 倍。" },
      times: { "\($0) 最快，用时 \($1) ms；\($2) 最慢，用时 \($3) ms，是前者的 \($4) 倍。" },
      speed: { "运算量也不能单独决定时间：\($0) 达到 \($1) GFLOP/s，\($2) 只有 \($3) GFLOP/s。" }))
}
