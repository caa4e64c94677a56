#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A value that threads share and whose changes they can wait for.
///
/// `@unchecked Sendable` holds because the value is touched under the lock alone.
package final class Monitor<Value: Sendable>: @unchecked Sendable {
  private var value: Value
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  package init(_ value: Value) {
    self.value = value
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  /// Calls `body` with the value, which nobody else touches meanwhile.
  package func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body(&value)
  }

  /// Calls `body` again after each announced change until it gives a result.
  package func wait<Result>(_ body: (inout Value) -> Result?) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = body(&value) { return result }
      pthread_cond_wait(changed, mutex)
    }
  }

  /// As `wait`, but gives up after some time, with nil; spurious calls of `body` do no harm.
  package func wait<Result>(atMost limit: Duration, _ body: (inout Value) -> Result?) -> Result? {
    let deadline = Monitor.wallClock(after: limit)
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = body(&value) { return result }
      var moment = deadline
      if pthread_cond_timedwait(changed, mutex, &moment) == ETIMEDOUT { return body(&value) }
    }
  }

  private static func wallClock(after limit: Duration) -> timespec {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let (seconds, attoseconds) = limit.components
    let nanoseconds = Int64(now.tv_nsec) + attoseconds / 1_000_000_000
    return timespec(
      tv_sec: now.tv_sec + Int(seconds + nanoseconds / 1_000_000_000),
      tv_nsec: Int(nanoseconds % 1_000_000_000))
  }

  /// Wakes all who wait.
  package func announce() { pthread_cond_broadcast(changed) }
}

/// Threads of our own: those of Swift's and Dispatch's pools must not wait for each other.
package enum Thread {
  /// Starts a thread that ends with `body`.
  package static func start(_ body: @escaping @Sendable () -> Void) throws(StrataError) {
    let work = Unmanaged.passRetained(Work(body))
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
    // The half MiB that macOS gives would do for decoding, but not for whatever a data set may run.
    pthread_attr_setstacksize(&attributes, 4 << 20)
    #if canImport(Darwin)
      var thread: pthread_t?
      let status = pthread_create(&thread, &attributes, { Thread.run($0) }, work.toOpaque())
    #else
      var thread = pthread_t()
      let status = pthread_create(&thread, &attributes, { $0.flatMap { Thread.run($0) } }, work.toOpaque())
    #endif
    guard status == 0 else {
      work.release()
      throw StrataError(.memory, "a thread cannot be started: \(String(cString: strerror(status)))")
    }
  }

  private static func run(_ work: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body()
    return nil
  }

  private final class Work: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// The processors of the machine.
  package static var cores: Int { max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN)))) }
}
