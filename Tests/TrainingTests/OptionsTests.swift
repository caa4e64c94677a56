import Strata
import Testing

@Suite("Training options") struct OptionsTests {
  @Test("every option has a word, a help and a way there and back")
  func fields() throws {
    let names = TrainingOptions.fields.map(\.name)
    #expect(Set(names).count == names.count)
    #expect(TrainingOptions.fields.allSatisfy { $0.summary.hasSuffix(".") })
    let samples: [String: String] = [
      "weights": "w.safetensors", "format": "csv", "val": "v", "mean": "0.5,0.4,0.3", "std": "0.2",
      "augment": "flip,erase", "opt": "adamw", "sched": "onecycle", "clip-mode": "value", "amp": "bfloat16",
      "milestones": "3,6", "freeze": "features,layer1.*", "lr-scale": "features=0.1", "log": "tensorboard",
      "best-by": "macro-f1", "opt-betas": "0.8,0.99",
    ]
    var options = TrainingOptions()
    for field in TrainingOptions.fields {
      try field.set(field.value == nil ? nil : samples[field.name] ?? "1", in: &options)
    }
    #expect(options.augment == [.flip, .erase] && options.milestones == [3, 6] && options.isNesterov)
    #expect(options.rateScales == ["features=0.1"] && options.seed == 1 && options.mean == [0.5, 0.4, 0.3])
    let text = JSONValue.object(options.json).description
    let again = try TrainingOptions(try #require(try JSONValue.parse(text).object))
    #expect(again == options)
    #expect(try TrainingOptions(TrainingOptions().json) == TrainingOptions())
  }

  @Test(
    "settings of a file are checked as those of a command are",
    arguments: [
      (#"{"epochs": 0}"#, "epochs expects a whole number of at least 1, got 0"),
      (#"{"epochs": "3"}"#, "epochs expects a whole number of at least 1, got 3"),
      (
        #"{"opt": "sdg"}"#,
        "opt expects one of sgd, adam, adamw, rmsprop, adagrad, lars, lamb, got sdg: did you mean sgd?"
      ),
      (#"{"lr": -1}"#, "lr expects a number above 0, got -1"),
      (#"{"learning_rate": 1}"#, "there is no setting learning_rate"),
      (#"{"epoch": 1}"#, "there is no setting epoch: did you mean epochs?"),
      (#"{"augment": "flip"}"#, "augment expects a list, got flip"),
      (#"{"augment": ["flop"]}"#, "augment expects some of flip"),
      (#"{"smoothing": 1.5}"#, "smoothing expects a number of at most 1.0, got 1.5"),
    ])
  func mistakes(text: String, message: String) throws {
    let object = try #require(try JSONValue.parse(text).object)
    let error = #expect(throws: StrataError.self) { try TrainingOptions(object) }
    #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "")")
  }

  @Test(
    "what contradicts itself is refused before anything is computed",
    arguments: [
      #"{"nesterov": true, "momentum": 0}"#, #"{"sched": "multistep"}"#, #"{"unfreeze_at": 2}"#,
      #"{"warmup_epochs": 20}"#, #"{"min_lr": 1}"#, #"{"mean": [1, 2]}"#,
      #"{"sched": "onecycle", "warmup_epochs": 1}"#, #"{"freeze": ["head"]}"#, #"{"lr_scale": ["features"]}"#,
      #"{"lr_scale": ["head=2"]}"#, #"{"recompute": ["head"]}"#, #"{"opt_betas": [0.9, 0.99]}"#,
      #"{"opt": "adam", "opt_betas": [0.9]}"#, #"{"opt": "adam", "opt_betas": [0.9, 1]}"#,
      #"{"opt_eps": 0.1}"#,
    ])
  func contradictions(text: String) throws {
    let options = try TrainingOptions(try #require(try JSONValue.parse(text).object))
    let data = try TrainingData("shapes:count=10,size=8")
    #expect(throws: StrataError.self) { try Trainer(SmallCNN(classes: 5, inputChannels: 3), data, options) }
  }

  @Test("data is found by what lies there, and mistakes are explained")
  func data() throws {
    let shapes = try TrainingData("shapes:count=50,size=16,classes=heart+arrow,seed=3")
    #expect(shapes.classNames == ["heart", "arrow"] && shapes.side == 16)
    #expect(shapes.training.count == 40 && shapes.validation.count == 10)
    #expect(
      try shapes.fingerprint()
        == TrainingData("shapes:count=50,size=16,classes=heart+arrow,seed=3").fingerprint())
    #expect(
      try shapes.fingerprint()
        != TrainingData("shapes:count=50,size=16,classes=heart+arrow,seed=4").fingerprint())
    for wrong in ["shapes:count=2", "shapes:classes=cube", "shapes:5", "nowhere", "nowhere.csv"] {
      #expect(throws: StrataError.self, "\(wrong)") { try TrainingData(wrong) }
    }
  }
}
