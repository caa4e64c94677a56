import Strata
import Testing

@Suite("Collectives among threads")
struct GroupTests {
  @Test("combine numbers in the order of ranks", arguments: [1, 2, 3, 4])
  func reductions(size: Int) throws {
    let results = try ThreadGroup(size: size).run { ranks in
      var floats: [Float] = [1, Float(ranks.rank), -Float(ranks.rank)]
      try ranks.allReduce(&floats)
      var extremes = [Double(ranks.rank), 5]
      try ranks.allReduce(&extremes, .maximum)
      var integers = [Int64(ranks.rank) - 10]
      try ranks.allReduce(&integers, .minimum)
      var means = [Double(ranks.rank)]
      try ranks.allReduceMean(&means)
      return (floats, extremes, integers, means)
    }
    let sum = Float(size * (size - 1) / 2)
    #expect(results.count == size)
    for result in results {
      #expect(result.0 == [Float(size), sum, -sum])
      #expect(result.1 == [Double(size - 1), 5])
      #expect(result.2 == [-10])
      #expect(result.3 == [Double(size - 1) / 2])
    }
  }

  @Test("carry what one rank or every rank has to the others")
  func movement() throws {
    let results = try ThreadGroup(size: 3).run { ranks in
      let text = try ranks.broadcast(bytes: ranks.rank == 1 ? Array("words".utf8) : [], from: 1)
      let all = try ranks.allGather([Int64(ranks.rank), 7])
      try ranks.barrier()
      return (String(decoding: text, as: UTF8.self), all)
    }
    for result in results {
      #expect(result.0 == "words")
      #expect(result.1 == [[0, 7], [1, 7], [2, 7]])
    }
  }

  @Test("fail with the names of those who do not come")
  func absence() {
    let group = ThreadGroup(size: 3, limit: .milliseconds(50))
    let error = #expect(throws: StrataError.self) {
      try group.run { ranks in
        if ranks.rank != 1 { try ranks.barrier("the start") }
      }
    }
    #expect(error?.message.hasSuffix("from rank 1 for the start") == true)
    #expect(error?.kind == .communication)
  }

  @Test("fail with both wishes where ranks disagree")
  func disagreement() {
    let error = #expect(throws: StrataError.self) {
      try ThreadGroup(size: 2).run { ranks in
        var values = [Float](repeating: 0, count: 3 + ranks.rank)
        try ranks.allReduce(&values, label: "losses")
      }
    }
    #expect(error?.message.contains("sum of 3 float32 (losses)") == true)
    #expect(error?.message.contains("sum of 4 float32 (losses)") == true)
  }

  @Test("are compared in advance where that is asked for")
  func fingerprints() {
    let error = #expect(throws: StrataError.self) {
      try ThreadGroup(size: 2).run { ranks in
        let ranks = CheckedCommunicator(ranks)
        var values: [Float] = [1]
        try ranks.allReduce(&values, label: "step 1")
        try ranks.allReduce(&values, label: ranks.rank == 0 ? "step 2" : "step 3")
      }
    }
    #expect(
      error?.message == "the ranks disagree at collective 2: rank 0 asks for step 2: sum of 1 float32, "
        + "rank 1 for step 3: sum of 1 float32")
  }

  @Test("end for all when one rank fails")
  func failure() {
    let error = #expect(throws: StrataError.self) {
      try ThreadGroup(size: 2).run { ranks in
        guard ranks.rank == 0 else { throw StrataError(.file, "the disk is full") }
        try ranks.barrier()
      }
    }
    #expect(error?.message == "the disk is full")
  }
}

@Suite("Agreement of processes")
struct AgreementTests {
  @Test("gives everybody the tensors of rank 0")
  func sharing() throws {
    let values = try ThreadGroup(size: 3).run { ranks in
      let variable = Variable(HostTensor([Float(ranks.rank), 2.5], shape: [2]))
      let counter = Variable(HostTensor([Int64(ranks.rank + 4)], shape: []))
      try Agreement.share([("weight", variable), ("counter", counter)], over: ranks)
      return (variable.stored.scalars(as: Float.self), counter.stored.scalars(as: Int64.self))
    }
    for value in values {
      #expect(value.0 == [0, 2.5])
      #expect(value.1 == [4])
    }
  }

  @Test("names the tensor and the rank that differ by one bit")
  func difference() {
    let error = #expect(throws: StrataError.self) {
      try ThreadGroup(size: 3).run { ranks in
        var numbers = [Float](repeating: 1, count: 9)
        if ranks.rank == 2 { numbers[8] = Float(1).nextUp }
        let same = HostTensor([Float(3)], shape: [1])
        try Agreement.check(
          [("fc.bias", same), ("fc.weight", HostTensor(numbers, shape: [3, 3]))], over: ranks)
      }
    }
    #expect(
      error?.message == "the processes have come apart: fc.weight of rank 2 differs from rank 0's")
  }

  @Test("refuses networks of different shapes")
  func structure() {
    let error = #expect(throws: StrataError.self) {
      try ThreadGroup(size: 2).run { ranks in
        let variable = Variable(HostTensor.zeros([2 + ranks.rank]))
        try Agreement.share([("weight", variable)], over: ranks)
      }
    }
    #expect(error?.message.hasPrefix("the processes do not train the same network") == true)
  }
}
