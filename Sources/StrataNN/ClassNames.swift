import Synchronization

/// The names of classes of modules, kept because the runtime takes microseconds to spell one and every call asks.
enum ClassNames {
  private static let known = Mutex<[ObjectIdentifier: String]>([:])

  static func name(of type: Module.Type) -> String {
    known.withLock { names in
      if let name = names[ObjectIdentifier(type)] { return name }
      let name = String(describing: type)
      names[ObjectIdentifier(type)] = name
      return name
    }
  }
}
