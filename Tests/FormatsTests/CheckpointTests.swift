import Foundation
import StrataCore
import StrataFormats
import Testing

@Suite("PyTorch checkpoints") struct CheckpointTests {
  @Test(
    "each type and view is read from each format and protocol",
    arguments: ["kinds", "kinds_legacy", "kinds_protocol3", "kinds_protocol4", "kinds_protocol5"])
  func kinds(name: String) throws {
    let value = try PyTorchCheckpoint.read("\(formatsFolder)/\(name).pth")
    try expectSame(try value.stateDict(), as: "kinds")
    #expect(value.entries?.first?.key.string == "type.float32")
  }

  @Test("a state dictionary keeps its order and is not copied") func network() throws {
    let archive = try PyTorchCheckpoint.read("\(formatsFolder)/network.pth").stateDict()
    try expectSame(archive, as: "network")
    #expect(archive.names.first == "conv.weight")
    #expect(archive.names.last == "fc.bias")
    #expect(archive["bn.num_batches_tracked"]?.dtype == .int64)
    let whole = Buffer(try fixture("network.pth"))
    let decoded = try PyTorchCheckpoint.decode(whole, name: "x").stateDict()
    for (name, tensor) in decoded {
      let place = tensor.pointer - whole.pointer
      #expect(place > 0 && place < whole.byteCount, "\(name)")
    }
  }

  @Test("a repacked, compressed archive is read") func deflated() throws {
    try expectSame(
      try PyTorchCheckpoint.read("\(formatsFolder)/network_deflated.pth").stateDict(), as: "network")
  }

  @Test(
    "weights are found in whole checkpoints and rid of prefixes",
    arguments: ["whole", "ema", "averaged", "compiled"])
  func unwraps(name: String) throws {
    try expectSame(try PyTorchCheckpoint.read("\(formatsFolder)/\(name).pth").stateDict(), as: "network")
  }

  @Test("the averaged weights can be left aside") func plainWeights() throws {
    let value = try PyTorchCheckpoint.read("\(formatsFolder)/ema.pth")
    let (plain, averaged) = (try value.stateDict(prefersAverage: false), try value.stateDict())
    #expect(plain.names == averaged.names)
    #expect(plain["fc.bias"]?.scalars(as: Float.self) != averaged["fc.bias"]?.scalars(as: Float.self))
  }

  @Test("the plain values around the weights are there") func plainValues() throws {
    let value = try PyTorchCheckpoint.read("\(formatsFolder)/whole.pth")
    #expect(value["epoch"]?.integer == 7)
    #expect(value["arch"]?.string == "small")
    #expect(value["best"]?.number == 0.75)
    #expect(value["negative"]?.integer == -300)
    #expect(value["huge"]?.number == 0x1p80)
    #expect(value["flags"]?.elements?.map(\.bool) == [true, false])
    #expect(value["size"]?.elements?.map(\.integer) == [2, 3])
    #expect(value["set"]?.elements?.map(\.integer) == [5])
    #expect(value["optimizer"]?["param_groups"]?.elements?.first?["momentum"]?.number == 0.9)
    #expect(value["milestones"]?.entries?.map(\.key.integer) == [2, 3])
    guard case .none? = value["none"], case .dtype("torch.float16")? = value["dtype"],
      case .bytes([0, 255])? = value["bytes"]
    else { throw StrataError(.format, "none, dtype or bytes are wrong") }
    let nested = value["nested"]?.entries?.first
    #expect(nested?.key.integer == 1)
    #expect(nested?.value.elements?[1].elements?[1]["x"]?.tensor?.shape == [2])
  }

  @Test("a tensor and a storage of their own are read") func bare() throws {
    let tensor = try PyTorchCheckpoint.read("\(formatsFolder)/tensor.pth").stateDict()
    #expect(tensor["tensor"]?.scalars(as: Int.self) == [0, 1, 2, 3, 4, 5])
    #expect(tensor["tensor"]?.shape == [2, 3])
    let storage = try PyTorchCheckpoint.read("\(formatsFolder)/storage.pth")
    #expect(storage.tensor?.dtype == .uint8)
    #expect(storage.tensor?.shape == [96])
  }

  @Test("what is written is read back, and shared elements are written once") func roundTrip() throws {
    let folder = try TemporaryFolder()
    var archive = sampleArchive()
    archive["tied"] = archive["layer0.float32"]
    archive["ünï/weird name\n"] = HostTensor([Int32(7)], shape: [1, 1, 1, 1, 1])
    archive["long"] = HostTensor.zeros([300, 70_000 / 300])
    let path = folder.path("a.pth")
    try PyTorchCheckpoint.write(archive, to: path)
    let copy = try PyTorchCheckpoint.read(path).stateDict()
    #expect(copy.names == archive.names)
    for (name, tensor) in archive { expectSame(copy[name], tensor, name) }
    #expect(copy["tied"]?.pointer == copy["layer0.float32"]?.pointer)
    for (name, tensor) in copy where tensor.elementCount > 0 {
      #expect((tensor.pointer - tensor.buffer.pointer) % 64 == 0, "\(name)")
    }
  }

  @Test("an empty state dictionary is a file, though one without weights") func empty() throws {
    let folder = try TemporaryFolder()
    try PyTorchCheckpoint.write(TensorArchive(), to: folder.path("a.pth"))
    let value = try PyTorchCheckpoint.read(folder.path("a.pth"))
    #expect(value.entries?.isEmpty == true)
    #expect(
      message { _ = try value.stateDict() }
        == "the checkpoint holds no named tensors; it is a dictionary of 0 entries")
  }

  @Test("the checksum is that of zip archives") func checksum() {
    for (text, sum) in [("", 0), ("123456789", 0xcbf4_3926), ("a", 0xe8b7_be43)] as [(String, UInt32)] {
      var checksum = Checksum()
      let bytes = HostTensor(Array(text.utf8))
      checksum.add(bytes.bytes)
      #expect(checksum.value == sum)
      withExtendedLifetime(bytes) {}
    }
  }

  @Test("archives beyond 4 GiB use wider fields, which readers understand") func largeArchives() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("a.npz")
    let header = try NumPy.header(HostTensor([Float(1), 2, 3]), name: "x")
    let tensor = HostTensor([Float(1), 2, 3])
    try FileSystem.write(path) { writer throws(StrataError) in
      var zip = ZipWriter(limit: 100)
      for name in ["a.npy", "b.npy", "c.npy"] {
        let head = HostTensor(header)
        try zip.add(name, [head.bytes, tensor.bytes], to: &writer)
        withExtendedLifetime(head) {}
      }
      try zip.finish(&writer)
    }
    let read = try NumPyArchive.read(path)
    #expect(read.names == ["a", "b", "c"])
    #expect(read["c"]?.scalars(as: Float.self) == [1, 2, 3])
  }
}
