import Base
import SQL

extension Row {
    func object(_ column: StaticString) throws(Failure) -> JSON.Object {
        let text = try text(column)
        return text == "{}" ? JSON.Object() : try JSONReader.read(text).object ?? JSON.Object()
    }

    func optionalObject(_ column: StaticString) throws(Failure) -> JSON.Object? {
        guard let text = try optionalText(column) else { return nil }
        return try JSONReader.read(text).object
    }

    func texts(_ column: StaticString) throws(Failure) -> [String] {
        let text = try text(column)
        return text == "[]" ? [] : try JSONReader.read(text).array?.compactMap(\.string) ?? []
    }
}
