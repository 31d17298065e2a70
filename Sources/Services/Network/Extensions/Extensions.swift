import API
import Base
import HTTP
import Policy

/// What this cloud's network offers beyond the bare API: only what is really there.
enum Extensions {
    struct Extension: Sendable {
        let alias: String
        let name: String
        let description: String
    }

    private static func one(_ alias: String, _ name: String, _ description: String) -> Extension {
        Extension(alias: alias, name: name, description: description)
    }

    static let all: [Extension] = [
        one("address-group", "Address groups", "Addresses by one name, which rules can speak of."),
        one("address-scope", "Address scope", "Scopes within which no address means two things."),
        one("agent", "Agents", "The agents that do the network's work, and whether they are alive."),
        one("allowed-address-pairs", "Allowed address pairs", "Further addresses that a port may speak for."),
        one("auto-allocated-topology", "Get me a network", "A network with a way out for who has none."),
        one("availability_zone", "Availability zones", "The zones that agents stand in."),
        one("binding", "Port binding", "How a port is plugged in on its host."),
        one("default-subnetpools", "Default subnet pools", "The pool that a subnet is cut from when none is named."),
        one("dhcp_agent_scheduler", "Networks of DHCP agents", "Which agent serves a network with addresses."),
        one("dns-domain-ports", "Domains of ports", "The domain that a port's name is in."),
        one("dns-integration", "Names of ports", "What ports are called in their network's DNS."),
        one("dvr", "Distributed routers", "Routers that work on each host that has guests of theirs."),
        one("empty-string-filtering", "Filters by nothing", "Lists may be narrowed to what has no value."),
        one("ext-gw-mode", "Gateway modes", "Whether a router translates addresses on its way out."),
        one("external-net", "External networks", "Networks that lead out of the cloud."),
        one("extra_dhcp_opt", "Further DHCP options", "DHCP options of a single port."),
        one(
            "expose-port-forwarding-in-fip", "Forwardings shown",
            "A floating IP shows which of its ports are forwarded."),
        one("extraroute", "Further routes", "Static routes of a router."),
        one("extraroute-atomic", "Single further routes", "Routes that are added and removed one by one."),
        one("filter-validation", "Checked filters", "Filters that don't exist are refused."),
        one("fip-port-details", "Ports of floating IPs", "The port behind a floating IP, shown with it."),
        one("flavors", "Flavors", "Choices of how a network service is provided."),
        one(
            "floating-ip-router-writable", "Routers of floating IPs",
            "A floating IP may be given to a router that doesn't stand beside the machine."),
        one("floatingip-pools", "Pools of floating IPs", "Where floating IPs come from."),
        one("floating-ip-port-forwarding", "Port forwarding", "Single ports of a floating IP lead to machines inside."),
        one("floating-ip-port-forwarding-description", "Described forwardings", "Port forwardings may be described."),
        one("floating-ip-port-forwarding-detail", "Forwardings in detail", "A floating IP shows them with their ids."),
        one("ip-substring-filtering", "Filters by parts of addresses", "Ports may be found by a part of an address."),
        one("l2_adjacency", "Adjacency", "Whether all ports of a network are on one wire."),
        one("l3-ha", "HA routers", "Whether a router is meant to outlive its host."),
        one("l3-ext-ndp-proxy", "Routers with NDP proxies", "Whether a router answers for addresses inside of it."),
        one("l3-ndp-proxy", "NDP proxies", "IPv6 addresses inside that a router answers for outside."),
        one("l3_agent_scheduler", "Routers of L3 agents", "Which agent hosts a router."),
        one("logging", "Logging", "Packets that security groups let pass or don't, written down on their host."),
        one("metering", "Metering", "Labels and rules by which traffic is to be counted."),
        one("net-mtu", "MTU", "The largest packet that a network carries."),
        one("net-mtu-writable", "Writable MTU", "The largest packet may be set."),
        one("network-ip-availability", "Use of addresses", "How many addresses are given and left."),
        one("network_availability_zone", "Zones of networks", "The zones that a network would like to be served from."),
        one("pagination", "Pages", "Lists in pages."),
        one("network-segment-range", "Segment ranges", "Numbers on the wire that are kept for a project's networks."),
        one("port-security", "Port security", "Whether a port's traffic is filtered."),
        one("project-id", "project_id", "Projects are called so."),
        one("provider", "Provider networks", "How a network lies on the wires below."),
        one("pvlan", "Private VLANs", "Ports of a network that are kept apart from one another."),
        one(
            "port-mac-address-regenerate", "New hardware addresses", "A port is given another address of its hardware."),
        one("qos", "Quality of service", "Policies with rules about how traffic goes."),
        one("qos-bw-limit-direction", "Limits by direction", "Bandwidth is limited in either direction."),
        one("qos-bw-minimum-ingress", "Minimum bandwidth inwards", "Bandwidth is promised inwards, too."),
        one("qos-default", "Default policies", "The policy that a project's new networks get."),
        one("qos-fip", "Policies of floating IPs", "Floating IPs may have a policy."),
        one("qos-port-network-policy", "Policies of ports' networks", "A port shows its network's policy."),
        one("qos-pps", "Packet rates", "Packets a second are limited."),
        one("qos-pps-minimum", "Minimum packet rates", "Packets a second are promised."),
        one("qos-rule-type-details", "Details of rule types", "What drivers can do with a kind of rule."),
        one("quota_details", "Quota details", "What of a quota is used."),
        one("quotas", "Quotas", "How many things a project may have."),
        one("rbac-address-group", "Sharing of address groups", "Address groups may be shared with single projects."),
        one("rbac-address-scope", "Sharing of address scopes", "Address scopes may be shared with single projects."),
        one("rbac-policies", "Sharing", "Things may be shared with single projects."),
        one(
            "rbac-security-groups", "Sharing of security groups", "Security groups may be shared with single projects."),
        one("rbac-subnetpool", "Sharing of subnet pools", "Subnet pools may be shared with single projects."),
        one("revision-if-match", "Changes to a known revision", "A change may say which revision it is meant for."),
        one("router", "Routers", "Routers and floating IPs."),
        one("security-group", "Security groups", "Rules about who may speak with a port."),
        one("security-groups-default-rules", "Default rules", "What new security groups start with."),
        one("security-groups-normalized-cidr", "Normalised CIDRs", "The network that a rule's prefix means."),
        one(
            "security-groups-remote-address-group", "Rules about address groups", "Rules may speak of address groups."),
        one(
            "security-groups-rules-belongs-to-default-sg", "Rules of default groups",
            "Whether a rule is in a project's default group."),
        one("security-groups-port-filtering", "Ports by security group", "Ports may be found by their groups."),
        one("service-type", "Service providers", "What provides the advanced services."),
        one("sort-key-validation", "Checked sort keys", "Sort keys that don't exist are refused."),
        one("sorting", "Sorting", "Lists in the order that is asked for."),
        one("standard-attr-description", "Descriptions", "Everything may be described."),
        one("standard-attr-revisions", "Revisions", "Every change is counted."),
        one("standard-attr-tag", "Tags", "Words that users put on things."),
        one("standard-attr-timestamp", "Times", "When things were made and changed."),
        one("stateful-security-group", "Stateful groups", "Whether a group remembers connections."),
        one("subnet-external-network", "External subnets", "Whether a subnet's network leads out."),
        one("subnet-service-types", "Service types of subnets", "What kind of port a subnet is for."),
        one("subnetpool-prefix-ops", "Prefixes of pools", "Prefixes are added to a pool and removed from it."),
        one("taas", "Taps", "Copies of what goes over a port, for another port."),
        one("taas-vlan-filter", "Taps by VLAN", "Only some VLANs of what goes over a port are copied."),
        one("trunk", "Trunks", "One port that carries several networks by VLAN numbers."),
        one("trunk-details", "Details of trunks", "A port shows the trunk that it carries."),
        one("subnet_allocation", "Subnet pools", "Pools from which subnets are cut."),
    ]

    static let endpoints: [Endpoint<Network>] = [
        Endpoint("GET", "/extensions", "List extensions", access: .open) { _ in
            .json { $0.array("extensions", of: all) { write($0, to: &$1) } }
        },
        Endpoint("GET", "/extensions/{alias}", "Show an extension", access: .open) { call in
            guard let found = all.first(where: { $0.alias == call["alias"] }) else {
                throw Failure(.notFound, "Extension with alias \(call["alias"]) does not exist")
            }
            return .json { json in
                json.key("extension")
                write(found, to: &json)
            }
        },
        Endpoint(
            "GET", "/service-providers", "List service providers",
            access: .decided(by: Rule.named("get_service_provider"))
        ) { call in
            if let rule = Rule.network["get_service_provider"] { try call.require(rule) }
            return .json { json in
                json.array("service_providers", of: [()]) { _, json in
                    json.object {
                        $0.put("service_type", "L3_ROUTER_NAT")
                        $0.put("name", "martlet")
                        $0.put("default", true)
                    }
                }
            }
        },
    ]

    private static func write(_ extension: Extension, to json: inout JSONWriter) {
        json.object {
            $0.put("alias", `extension`.alias)
            $0.put("name", `extension`.name)
            $0.put("description", `extension`.description)
            $0.put("updated", "2026-11-01T00:00:00-00:00")
            $0.put("links", [])
        }
    }
}
