import Foundation
import Strata
import Testing

@Suite("Jobs of mpirun", .serialized, .enabled(if: Mpirun.isThere, Mpirun.reason))
struct JobTests {
  @Test("measure sums and print once", arguments: [1, 2, 4])
  func sums(size: Int) throws {
    let result = try Mpirun.run(size, ["parallel", "--json"])
    #expect(result.status == 0, "\(result.message)")
    let json = try #require(try JSONValue.parse(result.output).object)
    #expect(json["processes"] == .integer(size))
  }

  @Test("check what ranks ask for where that is wanted")
  func checks() throws {
    let result = try Mpirun.run(
      2, ["parallel", "lenet5", "--steps", "1", "--json"], environment: ["STRATA_CHECK_COLLECTIVES": "1"])
    #expect(result.status == 0, "\(result.message)")
    let json = try #require(try JSONValue.parse(result.output).object)
    #expect(json["batch"] == .integer(16))
    #expect(json["buckets"] == .integer(1))
  }

  @Test("share the cores that they may run on")
  func threads() throws {
    let result = try Mpirun.run(2, ["parallel", "lenet5", "--steps", "1", "--json"])
    let json = try #require(try JSONValue.parse(result.output).object)
    #expect(json["threads"] == .integer(max(1, Engine.availableCores / 2)))
  }

  @Test("tell a mistake once")
  func mistake() throws {
    let result = try Mpirun.run(3, ["parallel", "lenet5", "--steps", "x"])
    #expect(result.status == 2)
    #expect(result.message.components(separatedBy: "--steps").count == 2, "\(result.message)")
    let later = try Mpirun.run(3, ["parallel", "resnet5000"])
    #expect(later.status == 2)
    #expect(later.message.components(separatedBy: "resnet5000").count == 2, "\(later.message)")
  }

  @Test("end when a process is killed", arguments: [0, 2])
  func killed(place: Int) throws {
    let job = try Mpirun.Job(3, ["parallel", "lenet5", "--steps", "10000"])
    let ranks = try job.ranks(3).sorted()
    usleep(500_000)
    let start = Date()
    kill(ranks[place], SIGKILL)
    let result = try job.result(within: 20)
    #expect(result.status != 0)
    #expect(Date().timeIntervalSince(start) < 10)
    #expect(Mpirun.areGone(ranks))
  }

  @Test("end when a process is stopped, and one process names it")
  func stopped() throws {
    let job = try Mpirun.Job(3, ["parallel", "lenet5", "--steps", "10000"])
    let ranks = try job.ranks(3).sorted()
    usleep(1_000_000)
    kill(ranks[1], SIGSTOP)
    let result = try job.result(within: 25)
    #expect(result.status == 2)
    let complaints = result.message.split(separator: "\n").filter { $0.hasPrefix("strata: rank") }
    #expect(complaints.count == 1, "\(result.message)")
    #expect(complaints.first?.contains("has given no sign of life") == true)
    #expect(Mpirun.areGone(ranks))
  }
}
