-- One request from the file that REQUEST names: method, headers, an empty line, body. At the end, a line of JSON.
local file = assert(io.open(os.getenv("REQUEST")))
wrk.method = file:read("*l")
for line in file:lines() do
    if line == "" then break end
    local name, value = line:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
end
local body = file:read("*a")
if body ~= "" then wrk.body = body end
file:close()

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
