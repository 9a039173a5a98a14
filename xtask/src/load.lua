-- Script of wrk: sends random requests from a list, in which frequent requests are listed more than once.
-- `cargo xtask load` puts `REQUESTS` in front of it, a list of { method, path, cookie or nil }.

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
    "%d answers with an error's status, %d failed connections, reads or writes, %d time-outs\n",
    errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end
