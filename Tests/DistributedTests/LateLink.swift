import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc

  /// A cable on which frames take time: two network interfaces, and a thread that carries frames between them.
  ///
  /// Many kernels lack the delays of `tc` (netem), and a narrow pipe delays only what fills it. The interfaces may be
  /// moved to other namespaces once the link is there.
  final class LateLink: Sendable {
    /// Frames that were carried.
    let carried = Atomic(0)
    private let isOver = Atomic(false)
    private let carrier = DispatchSemaphore(value: 0)

    /// Makes interfaces of two names, which vanish with the link; nil where the rights or the kernel do not allow it.
    init?(_ first: String, _ second: String, delay: Double) {
      guard let one = Self.interface(first) else { return nil }
      guard let other = Self.interface(second) else {
        close(one)
        return nil
      }
      Thread { [self] in
        carry([one, other], delay)
        close(one)
        close(other)
        carrier.signal()
      }.start()
    }

    /// Takes the interfaces away.
    func end() {
      isOver.store(true, ordering: .relaxed)
      carrier.wait()
    }

    private static func interface(_ name: String) -> Int32? {
      let end = open("/dev/net/tun", O_RDWR | O_NONBLOCK)
      guard end >= 0 else { return nil }
      // A `struct ifreq` for TUNSETIFF: the name, then IFF_TAP | IFF_NO_PI.
      var request = [UInt8](repeating: 0, count: 40)
      request.replaceSubrange(0..<name.utf8.count, with: name.utf8)
      request[16] = 0x02
      request[17] = 0x10
      guard ioctl(end, 0x4004_54ca, &request) == 0 else {
        close(end)
        return nil
      }
      return end
    }

    private func carry(_ ends: [Int32], _ delay: Double) {
      let clock = ContinuousClock()
      var late: [(due: ContinuousClock.Instant, to: Int32, frame: [UInt8])] = []
      var frame = [UInt8](repeating: 0, count: 65_536)
      while !isOver.load(ordering: .relaxed) {
        // As all are late by the same time, they are due in the order in which they came.
        let pause = late.first.map { (clock.now.duration(to: $0.due) / .milliseconds(1)).rounded(.up) } ?? 100
        var polls = ends.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        poll(&polls, 2, Int32(max(0, min(pause, 100))))
        for (source, target) in [(ends[0], ends[1]), (ends[1], ends[0])] {
          while case let count = read(source, &frame, frame.count), count > 0 {
            late.append((clock.now + .seconds(delay), target, Array(frame[..<count])))
          }
        }
        let due = late.prefix { $0.due <= clock.now }
        for (_, target, bytes) in due { _ = write(target, bytes, bytes.count) }
        late.removeFirst(due.count)
        carried.add(due.count, ordering: .relaxed)
      }
    }
  }
#else
  /// There are no network namespaces here to join.
  final class LateLink: Sendable {
    let carried = Atomic(0)
    init?(_ first: String, _ second: String, delay: Double) { return nil }
    func end() {}
  }
#endif
