import Foundation
import StrataCore
import StrataData
import Testing

@Suite("Arguments stand for pictures")
struct ImageFilesTests {
  /// A folder with four pictures and what else lies in folders.
  private final class Folder {
    let url = FileManager.default.temporaryDirectory.appending(path: "strata-\(UUID().uuidString)")

    init() throws {
      for name in [
        "b.jpg", "a.PNG", "C.jpeg", "notes.txt", "png", ".hidden.png", "sub.png/d.png", "e[1].jpg",
      ] {
        let file = url.appending(path: name)
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data().write(to: file)
      }
    }
    deinit { try? FileManager.default.removeItem(at: url) }

    func expand(_ names: String...) throws -> [String] {
      try ImageFiles.expand(names.map { url.path + $0 }).map { String($0.dropFirst(url.path.count)) }
    }
  }

  @Test("A folder stands for its pictures by name, whatever the case of their endings")
  func folder() throws {
    let folder = try Folder()
    #expect(try folder.expand("") == ["/C.jpeg", "/a.PNG", "/b.jpg", "/e[1].jpg"])
    #expect(try folder.expand("/") == ["/C.jpeg", "/a.PNG", "/b.jpg", "/e[1].jpg"])
  }

  @Test("A pattern stands for the files that fit it, a name for itself")
  func pattern() throws {
    let folder = try Folder()
    #expect(try folder.expand("/*.jp*g") == ["/C.jpeg", "/b.jpg", "/e[1].jpg"])
    #expect(try folder.expand("/*.PNG", "/?.jpg") == ["/a.PNG", "/b.jpg"])
    #expect(try folder.expand("/sub*/*") == ["/sub.png/d.png"])
    #expect(try folder.expand("/notes.txt", "/b.jpg", "/b.jpg") == ["/notes.txt", "/b.jpg", "/b.jpg"])
    #expect(try folder.expand("/e[1].jpg") == ["/e[1].jpg"])
  }

  @Test("What stands for nothing is an error with its name")
  func nothing() throws {
    let folder = try Folder()
    try FileManager.default.createDirectory(
      at: folder.url.appending(path: "empty"), withIntermediateDirectories: false)
    for (name, problem) in [
      ("/x.jpg", "there is no such file or folder"), ("/x*.jpg", "no file fits this pattern"),
      ("/empty", "no file in this folder ends with .jpg, .jpeg or .png"),
      ("/b.jpg/c.jpg", "cannot be read: Not a directory"),
    ] {
      let error = failure { _ = try folder.expand(name) }
      #expect(error == StrataError(.file, "\(folder.url.path)\(name): \(problem)"))
    }
  }
}
