import API
import Base
import HTTP

/// The documents of this API, described for clients, which make their options and tables of it.
enum Schemas {
    static let endpoints: [Endpoint<ImageService>] = [
        show("image") { image($0).json },
        show("images") { image($0).collection("images") },
        show("member") { _ in member.json },
        show("members") { _ in member.collection("members") },
        show("task") { _ in task(isWhole: true).json },
        show("tasks") { _ in task(isWhole: false).collection("tasks") },
        show("metadefs/namespace") { _ in namespace.json },
        show("metadefs/namespaces") { _ in namespace.collection("namespaces") },
        show("metadefs/resource_type") { _ in association.json },
        show("metadefs/resource_types") { _ in association.collection("resource_type_associations") },
        show("metadefs/property") { _ in property.json },
        show("metadefs/properties") { _ in property.collection("properties", isMap: true) },
        show("metadefs/object") { _ in object.json },
        show("metadefs/objects") { _ in object.collection("objects") },
        show("metadefs/tag") { _ in tag.json },
        show("metadefs/tags") { _ in tag.collection("tags") },
    ]

    private static func show(
        _ name: String, _ make: @escaping @Sendable (ImageSettings) -> JSON
    ) -> Endpoint<ImageService> {
        Endpoint("GET", "/schemas/\(name)", "Show the schema of \(name)", access: .authenticated) { call in
            var json = JSONWriter(capacity: 4_096)
            json.value(make(call.service.settings))
            return Reply(200, headers: ["Content-Type": "application/json"], body: .bytes(json.finish()))
        }
    }
}

// MARK: Images

extension Schemas {
    private static func image(_ settings: ImageSettings) -> DocumentSchema {
        let statuses = [
            "queued", "saving", "active", "killed", "deleted", "uploading", "importing", "pending_delete",
            "deactivated",
        ]
        let properties: JSON = [
            "id": JSONSchema.uuid,
            "name": JSONSchema.text("Descriptive name for the image", longest: 255, nullable: true),
            "status": JSONSchema.choice("Status of the image", statuses, readOnly: true),
            "visibility": JSONSchema.choice(
                "Scope of image accessibility", Image.Visibility.allCases.map(\.rawValue)),
            "protected": JSONSchema.boolean("If true, image will not be deletable."),
            "os_hidden": JSONSchema.boolean("If true, image will not appear in default image list response."),
            "checksum": JSONSchema.text("md5 hash of image contents.", longest: 32, nullable: true, readOnly: true),
            "os_hash_algo": JSONSchema.text(
                "Algorithm to calculate the os_hash_value", longest: 64, nullable: true, readOnly: true),
            "os_hash_value": JSONSchema.text(
                "Hash of the image contents by that algorithm", longest: 128, nullable: true, readOnly: true),
            "owner": JSONSchema.text("Owner of the image", longest: 255, nullable: true),
            "size": JSONSchema.integer("Size of image file in bytes", nullable: true, readOnly: true),
            "virtual_size": JSONSchema.integer("Virtual size of image in bytes", nullable: true, readOnly: true),
            "container_format": JSONSchema.choice(
                "Format of the container", settings.containerFormats, nullable: true),
            "disk_format": JSONSchema.choice("Format of the disk", settings.diskFormats, nullable: true),
            "created_at": JSONSchema.text("Date and time of image registration", readOnly: true),
            "updated_at": JSONSchema.text("Date and time of the last image modification", readOnly: true),
            "tags": JSONSchema.list(
                "List of strings related to the image", of: ["type": "string", "maxLength": 255]),
            "direct_url": JSONSchema.text("URL of the image file in its store", readOnly: true),
            "min_ram": JSONSchema.integer("Amount of ram (in MB) required to boot image."),
            "min_disk": JSONSchema.integer("Amount of disk space (in GB) required to boot image."),
            "self": JSONSchema.text("An image self url", readOnly: true),
            "file": JSONSchema.text("An image file url", readOnly: true),
            "stores": JSONSchema.text("Stores in which the image's data resides", readOnly: true),
            "schema": JSONSchema.text("An image schema url", readOnly: true),
            "locations": JSONSchema.list("URLs of the image file in its stores", of: ["type": "object"]),
        ]
        return DocumentSchema(
            name: "image", properties: properties, takesMore: true,
            links: JSONSchema.links(["self": "{self}", "enclosure": "{file}", "describedby": "{schema}"]))
    }

    private static let member = DocumentSchema(
        name: "member",
        properties: [
            "member_id": JSONSchema.text("An identifier for the image member (tenantId)"),
            "image_id": JSONSchema.uuid,
            "created_at": JSONSchema.text("Date and time of image member creation"),
            "updated_at": JSONSchema.text("Date and time of last modification of image member"),
            "status": JSONSchema.choice("The status of this image member", ["pending", "accepted", "rejected"]),
            "schema": ["type": "string", "readOnly": true],
        ])

    private static func task(isWhole: Bool) -> DocumentSchema {
        var properties: JSON.Object = JSON.Object()
        properties["id"] = JSONSchema.uuid
        properties["type"] = JSONSchema.choice("The type of task", ["import", "api_image_import", "location_import"])
        properties["status"] = JSONSchema.choice(
            "The current status of this task", ["pending", "processing", "success", "failure"])
        if isWhole {
            properties["input"] = ["type": ["null", "object"], "description": "What the task was asked for"]
            properties["result"] = ["type": ["null", "object"], "description": "What came of it"]
            properties["message"] = JSONSchema.text("What went wrong, if something did")
        }
        properties["owner"] = JSONSchema.text("An identifier for the owner of this task")
        properties["image_id"] = JSONSchema.text("Image associated with the task")
        properties["request_id"] = JSONSchema.text("The request that made the task")
        properties["user_id"] = JSONSchema.text("User associated with the task")
        properties["expires_at"] = JSONSchema.text("When it may be forgotten", nullable: true)
        properties["created_at"] = JSONSchema.text("Datetime when this resource was created")
        properties["updated_at"] = JSONSchema.text("Datetime when this resource was updated")
        properties["self"] = ["type": "string", "readOnly": true]
        properties["schema"] = ["type": "string", "readOnly": true]
        return DocumentSchema(name: "task", properties: .object(properties))
    }
}
