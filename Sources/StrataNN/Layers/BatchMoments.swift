import StrataCore
import StrataGraph
import StrataRuntime

/// The mean and the variances of each channel, each `[C]`.
struct BatchMoments {
  let mean: Tensor
  /// What the batch is normalised by.
  let variance: Tensor
  /// What the running statistics follow.
  let unbiased: Tensor
}

extension Tensor {
  /// The moments of a batch with `count` values a channel.
  func moments(of count: Int) -> BatchMoments {
    let (mean, variance) = batchMoments()
    return BatchMoments(
      mean: mean, variance: variance, unbiased: variance * (Double(count) / Double(Swift.max(count - 1, 1))))
  }

  /// The moments of the batches of all processes together, of which this one's has `count` values a channel.
  ///
  /// The variance is put together from deviations from the common mean: sums of squares would lose digits. A batch
  /// that stands in for none does not count.
  func momentsOfAllRanks(of count: Int) -> BatchMoments {
    let (mean, variance) = batchMoments()
    guard mean.error == nil else { return BatchMoments(mean: mean, variance: mean, unbiased: mean) }
    // Data and no constant: processes whose batches differ in size run the same plan.
    let own = Tensor(HostTensor([Engine.batchStandsIn ? 0 : Float(count)], shape: [1])).to(mean.dtype)
    let channels = mean.shape[0]
    let sums = Tensor.cat([mean * own, own]).summedOverRanks().split(sizes: [channels, 1])
    let total = sums[1]
    let common = sums[0] / total
    let spread = ((variance + (mean - common).square()) * own).summedOverRanks()
    return BatchMoments(
      mean: common, variance: spread / total, unbiased: spread / (total - 1).maximum(1))
  }
}

extension Module {
  /// Makes all batch norms of the network treat the batches of all processes that train together as one
  /// (`torch.nn.SyncBatchNorm.convert_sync_batchnorm`); returns how many there are.
  @discardableResult
  public final func synchroniseBatchNorms(_ isSynchronised: Bool = true) -> Int {
    let norms = modules.compactMap { $0 as? BatchNorm2d }
    for norm in norms { norm.isSynchronised = isSynchronised }
    return norms.count
  }
}
