-- For wrk: reads rows of the view `latest` by random keys, and ends with a line of JSON.
request = function()
  return wrk.format("GET", "/v1/views/latest/rows?k=" .. math.random(0, 9999))
end

done = function(summary, latency)
  local errors = summary.errors.status + summary.errors.read + summary.errors.connect +
    summary.errors.timeout
  print(string.format('{"rate": %.1f, "p99": %.3f, "errors": %d}',
    summary.requests / summary.duration * 1e6, latency:percentile(99) / 1e3, errors))
end
