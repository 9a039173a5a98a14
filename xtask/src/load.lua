-- Script for wrk. It sends random requests from the list `REQUESTS`. Frequent requests are listed more than once.
-- `cargo xtask load` inserts the list before this script. Each entry is { method, path, cookie or nil }.

local formatted = {}

function init()
  math.randomseed(1)
  for index, one in ipairs(REQUESTS) do
    local headers = { ["Accept"] = "application/json", ["Origin"] = "http://localhost:3000" }
    headers["Cookie"] = one[3]
    formatted[index] = wrk.format(one[1], one[2], headers)
  end
end

function request()
  return formatted[math.random(#formatted)]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "%d requests in %.1f s, %.0f a second; p50 %.2f ms, p99 %.2f ms, slowest %.2f ms\n",
    summary.requests, summary.duration / 1e6, summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
  io.write(string.format(
    "%d responses with an error status, %d failed connections, reads or writes, %d timeouts\n",
    errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end
