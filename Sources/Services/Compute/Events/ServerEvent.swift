import API
import Base
import Trace

/// Something that was done with a server: by whom, in which request, and how it went.
///
/// What is kept of its own is who asked for what. How far it came stands with the workflow's run and the spans of its
/// steps, which are of the same request.
struct ServerEvent: Sendable {
    let server: ID<Server>
    let request: String
    /// The word that clients know it by.
    let action: String
    let user: String
    let project: String
    let started: Moment
    var updated: Moment
    var hasFailed = false

    /// How the actions of `POST /servers/{id}/action` are called here. What isn't listed isn't kept.
    static let words: [String: String] = [
        "os-start": "start", "os-stop": "stop", "reboot": "reboot", "pause": "pause", "unpause": "unpause",
        "suspend": "suspend", "resume": "resume", "lock": "lock", "unlock": "unlock", "rebuild": "rebuild",
        "resize": "resize", "confirmResize": "confirmResize", "revertResize": "revertResize", "migrate": "migrate",
        "os-migrateLive": "live-migration", "evacuate": "evacuate", "shelve": "shelve",
        "shelveOffload": "shelveOffload",
        "unshelve": "unshelve", "rescue": "rescue", "unrescue": "unrescue", "createImage": "createImage",
        "createBackup": "createBackup", "changePassword": "changePassword", "trigger_crash_dump": "trigger_crash_dump",
        "restore": "restore",
    ]

    /// What is asked for elsewhere than among the actions, and is kept as well.
    static let wordsBesideActions: Set<String> = [
        "attach_volume", "detach_volume", "swap_volume", "attach_interface", "detach_interface",
    ]
}

extension ServerEvent {
    func write(to json: inout JSONWriter, at version: Microversion) {
        json.put("action", action)
        json.put("instance_uuid", server)
        json.put("request_id", request)
        json.put("user_id", user)
        json.put("project_id", project)
        json.put("start_time", started, as: .bare)
        json.put("message", hasFailed ? "Error" : nil)
        if version >= "2.58" { json.put("updated_at", updated, as: .bare) }
    }
}
