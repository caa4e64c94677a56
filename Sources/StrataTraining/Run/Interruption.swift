import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Ctrl-C as a wish: the first one is noted, so that the step can be finished and a checkpoint written; the second
/// one ends the process as ever.
public enum Interruption {
  private static let count = Atomic(0)

  /// Notes the signals of Ctrl-C, `kill` and a closed terminal from now on.
  public static func watch() {
    _ = count.load(ordering: .relaxed)
    // A parent's thread may have left them blocked, which a child inherits.
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number) { number in
        if Interruption.count.add(1, ordering: .relaxed).newValue > 1 {
          signal(number, SIG_DFL)
          raise(number)
        }
      }
    }
  }

  /// Whether a signal came.
  public static var isRequested: Bool { count.load(ordering: .relaxed) > 0 }
}
