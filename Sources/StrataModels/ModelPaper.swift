/// A publication that describes networks.
public struct ModelPaper: Sendable, Hashable {
  /// The title.
  public let title: String
  /// The authors, first names left out.
  public let authors: String
  /// The year of the first publication.
  public let year: Int
  /// Where it can be read.
  public let link: String

  init(_ title: String, _ authors: String, _ year: Int, _ link: String) {
    self.title = title
    self.authors = authors
    self.year = year
    self.link = link
  }
}
