import Foundation
import Strata

// Classify MODEL WEIGHTS IMAGE: the five likeliest classes of a picture.
let arguments = CommandLine.arguments
guard arguments.count == 4 else { exit("usage: Classify MODEL WEIGHTS IMAGE") }
do {
  let classifier = Classifier(try ModelRegistry.make(arguments[1]))
  try classifier.model.load(arguments[2])
  for prediction in try classifier.predict(Image(contentsOf: arguments[3])) { print(prediction) }
} catch { exit("Classify: \(error)") }

func exit(_ message: String) -> Never {
  FileHandle.standardError.write(Data((message + "\n").utf8))
  exit(2)
}
