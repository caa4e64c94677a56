import Foundation
import Strata
import Synchronization
import Testing

/// Three hosts on one machine: network namespaces with names of their own, joined by a bridge.
///
/// The cable of the second one may be a late one.
///
/// Open MPI reaches its hosts through a program that takes a host and a command; here that enters a namespace.
private final class Hosts {
  private let tag: String
  private let folder: URL
  private let subnet: String
  private let late: LateLink?

  /// Why there are none here, or nil where there are.
  static let obstacle: String? = {
    if let obstacle = Mpirun.obstacle { return obstacle }
    guard Mpirun.find("ip") != nil else { return "there is no ip: install iproute2" }
    guard version.contains("Open MPI") else { return "only Open MPI is told how to reach namespaces" }
    guard Mpirun.shell("ip netns add strata-probe && ip netns del strata-probe && unshare -u true") == 0
    else {
      return "network namespaces need rights that this process does not have"
    }
    return nil
  }()

  private static var version: String {
    guard let path = Mpirun.path else { return "" }
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("strata-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    Mpirun.shell("'\(path)' --version > '\(file.path)'")
    return (try? String(contentsOf: file, encoding: .utf8)) ?? ""
  }

  init(delay: Double? = nil) throws {
    let number = Int(ProcessInfo.processInfo.processIdentifier) % 200 + 20
    let tag = "sb\(number)"
    self.tag = tag
    subnet = "10.99.\(number)"
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("strata-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    late = delay.flatMap { LateLink("\(tag)late", "\(tag)v2", delay: $0) }
    guard delay == nil || late != nil else {
      throw StrataError(.communication, "/dev/net/tun gives no interfaces for a late link")
    }
    var lines = ["ip link add name \(tag) type bridge", "ip link set \(tag) up"]
    for host in 1...3 {
      let (space, cable) = ("\(tag)h\(host)", "\(tag)v\(host)")
      lines += [
        "ip netns add \(space)",
        host == 2 && late != nil
          ? "ip link set \(tag)late netns \(space) name eth0"
          : "ip link add \(cable) type veth peer name eth0 netns \(space)",
        "ip link set \(cable) master \(tag) up", "ip -n \(space) addr add \(subnet).\(host)/24 dev eth0",
        "ip -n \(space) link set eth0 up", "ip -n \(space) link set lo up",
      ]
    }
    guard Mpirun.shell(lines.joined(separator: " && ")) == 0 else {
      throw StrataError(.communication, "the namespaces could not be joined")
    }
    try Mpirun.script(
      folder.appendingPathComponent("agent").path,
      """
      host=${1##*.}; shift
      exec ip netns exec \(tag)h$host unshare -u sh -c "hostname \(tag)h$host; $*"
      """)
    // The test's own environment goes to mpirun, which hands what is named on to the other hosts.
    try Mpirun.script(
      launcher,
      """
      exec ip netns exec \(tag)h1 unshare -u sh -c 'hostname \(tag)h1; exec "$@"' sh '\(Mpirun.path ?? "mpirun")' \\
        --mca plm_rsh_agent '\(folder.path)/agent' --mca btl tcp,self --mca btl_tcp_if_include \(subnet).0/24 \\
        --mca oob_tcp_if_include \(subnet).0/24 -H \(subnet).1,\(subnet).2,\(subnet).3 --map-by node "$@"
      """)
  }

  deinit {
    for host in 1...3 {
      Mpirun.shell("ip netns pids \(tag)h\(host) | xargs -r kill -9; ip netns del \(tag)h\(host)")
    }
    Mpirun.shell("ip link del \(tag)")
    late?.end()
    try? FileManager.default.removeItem(at: folder)
  }

  var launcher: String { folder.appendingPathComponent("mpirun").path }

  /// Frames that came late.
  var lateFrames: Int { late?.carried.load(ordering: .relaxed) ?? 0 }

  /// Whether nothing runs on the hosts any more.
  var isEmpty: Bool {
    let deadline = Date().addingTimeInterval(10)
    while Date() < deadline {
      let commands = (1...3).map { "test -z \"$(ip netns pids \(tag)h\($0))\"" }
      if Mpirun.shell(commands.joined(separator: " && ")) == 0 { return true }
      usleep(100_000)
    }
    return false
  }

  func cut(_ host: Int) { Mpirun.shell("ip link set \(tag)v\(host) down") }
}

@Suite(
  "Several hosts, as network namespaces", .serialized,
  .enabled(if: Hosts.obstacle == nil, Comment(rawValue: Hosts.obstacle ?? "")))
struct NamespaceTests {
  @Test(
    "follow one process for fifty steps, to 1e-4, with one link delayed",
    .enabled(
      if: FileManager.default.isReadableFile(atPath: "/dev/net/tun"),
      "there is no /dev/net/tun for a late link"),
    arguments: ["sgd", "adamw"])
  func delayed(optimizer: String) throws {
    let hosts = try Hosts(delay: 0.001)
    try FiftySteps(3, optimizer, launcher: hosts.launcher).expectClose(to: FiftySteps(1, optimizer))
    #expect(hosts.lateFrames > 1000)
  }

  @Test("end within seconds when a link is cut, and go on with fewer processes")
  func cut() throws {
    let hosts = try Hosts()
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("strata-\(UUID().uuidString)")
      .path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let job = try Mpirun.Job(
      3,
      [
        "train", "small_cnn", FiftySteps.digits, "--epochs", "1000", "--checkpoint-every", "2", "--workers",
        "1",
        "--log", "none", "--output", folder,
      ], launcher: hosts.launcher)
    let checkpoint = "\(folder)/checkpoint.safetensors"
    while job.isRunning, !FileManager.default.fileExists(atPath: checkpoint) { usleep(20_000) }
    usleep(500_000)
    #expect(job.isRunning)
    let start = Date()
    hosts.cut(3)
    let result = try job.result(within: 30)
    #expect(result.status != 0)
    #expect(Date().timeIntervalSince(start) < 15)
    // The launcher or rank 0 tells it, whoever notices first; no other rank does.
    let told = ["ORTE has lost communication with a remote daemon", "rank 2 has given no sign of life"]
    #expect(told.count { result.message.contains($0) } == 1, "\(result.message)")
    #expect(result.message.components(separatedBy: "strata: rank").count <= 2, "\(result.message)")
    #expect(hosts.isEmpty)
    let saved = try Data(contentsOf: URL(fileURLWithPath: checkpoint))
    let rest = try Mpirun.Job(2, ["train", "--resume", folder, "--threads", "1"])
    while rest.isRunning, try Data(contentsOf: URL(fileURLWithPath: checkpoint)) == saved { usleep(20_000) }
    // It would go on for long.
    #expect(rest.isRunning)
  }
}
