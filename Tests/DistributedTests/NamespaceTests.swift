import Foundation
import Strata
import Testing

/// Three hosts on one machine: network namespaces with names of their own, joined by a bridge.
///
/// Open MPI reaches its hosts through a program that takes a host and a command; here that enters a namespace.
private final class Hosts {
  private let tag: String
  private let folder: URL
  private let subnet: String

  /// Why there are none here, or nil where there are.
  static let obstacle: String? = {
    if let obstacle = Mpirun.obstacle { return obstacle }
    guard Mpirun.find("ip") != nil else { return "there is no ip: install iproute2" }
    guard version.contains("Open MPI") else { return "only Open MPI is told how to reach namespaces" }
    guard shell("ip netns add strata-probe && ip netns del strata-probe && unshare -u true") == 0 else {
      return "network namespaces need rights that this process does not have"
    }
    return nil
  }()

  private static var version: String {
    guard let path = Mpirun.path else { return "" }
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("strata-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    _ = shell("'\(path)' --version > '\(file.path)'")
    return (try? String(contentsOf: file, encoding: .utf8)) ?? ""
  }

  @discardableResult
  static func shell(_ command: String) -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "PATH=$PATH:/usr/sbin:/sbin; (\(command)) 2>/dev/null"]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return -1 }
    process.waitUntilExit()
    return process.terminationStatus
  }

  init() throws {
    let number = Int(ProcessInfo.processInfo.processIdentifier) % 200 + 20
    tag = "sb\(number)"
    subnet = "10.99.\(number)"
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("strata-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var lines = ["ip link add name \(tag) type bridge", "ip link set \(tag) up"]
    for host in 1...3 {
      lines += [
        "ip netns add \(tag)h\(host)",
        "ip link add \(tag)v\(host) type veth peer name eth0 netns \(tag)h\(host)",
        "ip link set \(tag)v\(host) master \(tag) up",
        "ip -n \(tag)h\(host) addr add \(subnet).\(host)/24 dev eth0",
        "ip -n \(tag)h\(host) link set eth0 up", "ip -n \(tag)h\(host) link set lo up",
      ]
    }
    guard Hosts.shell(lines.joined(separator: " && ")) == 0 else {
      throw StrataError(.communication, "the namespaces could not be joined")
    }
    try script(
      "agent",
      """
      host=${1##*.}; shift
      exec ip netns exec \(tag)h$host unshare -u sh -c "hostname \(tag)h$host; $*"
      """)
    // The test's own environment goes to mpirun, which hands what is named on to the other hosts.
    try script(
      "mpirun",
      """
      exec ip netns exec \(tag)h1 unshare -u sh -c 'hostname \(tag)h1; exec "$@"' sh '\(Mpirun.path ?? "mpirun")' \\
        --mca plm_rsh_agent '\(folder.path)/agent' --mca btl tcp,self --mca btl_tcp_if_include \(subnet).0/24 \\
        --mca oob_tcp_if_include \(subnet).0/24 -H \(subnet).1,\(subnet).2,\(subnet).3 --map-by node "$@"
      """)
  }

  deinit {
    for host in 1...3 {
      Hosts.shell("ip netns pids \(tag)h\(host) | xargs -r kill -9; ip netns del \(tag)h\(host)")
    }
    Hosts.shell("ip link del \(tag)")
    try? FileManager.default.removeItem(at: folder)
  }

  private func script(_ name: String, _ body: String) throws {
    let path = folder.appendingPathComponent(name).path
    try "#!/bin/sh\nPATH=$PATH:/usr/sbin:/sbin\n\(body)\n".write(
      toFile: path, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
  }

  var launcher: String { folder.appendingPathComponent("mpirun").path }

  /// Makes packets to a host late: with netem where the kernel has it, else by a narrow pipe.
  func delay(_ host: Int) -> Bool {
    Hosts.shell("tc qdisc add dev \(tag)v\(host) root netem delay 5ms") == 0
      || Hosts.shell("tc qdisc add dev \(tag)v\(host) root tbf rate 40mbit burst 16kb latency 200ms") == 0
  }

  /// Whether nothing runs on the hosts any more.
  var isEmpty: Bool {
    let deadline = Date().addingTimeInterval(10)
    while Date() < deadline {
      let commands = (1...3).map { "test -z \"$(ip netns pids \(tag)h\($0))\"" }
      if Hosts.shell(commands.joined(separator: " && ")) == 0 { return true }
      usleep(100_000)
    }
    return false
  }

  func cut(_ host: Int) { Hosts.shell("ip link set \(tag)v\(host) down") }
}

@Suite(
  "Several hosts, as network namespaces", .serialized,
  .enabled(if: Hosts.obstacle == nil, Comment(rawValue: Hosts.obstacle ?? "")))
struct NamespaceTests {
  @Test("train as one, with one link delayed")
  func delayed() throws {
    let hosts = try Hosts()
    #expect(hosts.delay(2))
    let result = try Mpirun.Job(
      3, ["parallel", "lenet5", "--steps", "2", "--json"], launcher: hosts.launcher
    ).result()
    #expect(result.status == 0, "\(result.message)")
    let json = try #require(try JSONValue.parse(result.output).object)
    #expect(json["processes"] == .integer(3))
  }

  @Test("end within seconds when a link is cut")
  func cut() throws {
    let hosts = try Hosts()
    let job = try Mpirun.Job(
      3, ["parallel", "lenet5", "--steps", "10000"], launcher: hosts.launcher)
    sleep(3)
    #expect(job.isRunning)
    hosts.cut(3)
    let result = try job.result(within: 30)
    #expect(result.status != 0)
    // The launcher or rank 0 tells it, whoever notices first; no other rank does.
    let told = ["ORTE has lost communication with a remote daemon", "rank 2 has given no sign of life"]
    #expect(told.contains { result.message.contains($0) }, "\(result.message)")
    #expect(result.message.components(separatedBy: "strata: rank").count <= 2, "\(result.message)")
    #expect(hosts.isEmpty)
  }
}
