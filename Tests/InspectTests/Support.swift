import Strata
import StrataTestSupport
import Testing

/// The four networks of the lab.
let labNetworks = ["alexnet", "vgg16", "resnet50", "mobilenet_v1"]

/// An image as most networks take it.
let imageShape: Shape = [1, 3, 224, 224]

/// The summary of a network of the registry.
func summary(_ name: String, _ input: Shape = imageShape) throws -> ModelSummary {
  try ModelRegistry.make(name).summary(input: input)
}
