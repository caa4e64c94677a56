import Strata

// classify MODEL WEIGHTS IMAGE: the five likeliest classes of a picture.
let arguments = CommandLine.arguments
guard arguments.count == 4 else { fatalError("usage: classify MODEL WEIGHTS IMAGE") }

let model = try ModelRegistry.make(arguments[1])
try model.load(arguments[2])

let classifier = Classifier(model)
for prediction in try classifier.predict(Image(contentsOf: arguments[3])) {
  print(prediction)
}
