-- For wrk: adds a row a request to the table `bids`, and ends with a line of JSON.
wrk.method = "POST"
wrk.path = "/v1/tables/bids/rows"
wrk.headers["Content-Type"] = "application/x-ndjson"
wrk.body = '{"auction": 1000, "bidder": 2001, "price": 17, "channel": "apple", ' ..
  '"dateTime": "2024-01-01 00:00:00.001"}\n'

done = function(summary, latency)
  local errors = summary.errors.status + summary.errors.read + summary.errors.connect +
    summary.errors.timeout
  print(string.format('{"rate": %.1f, "p99": %.3f, "errors": %d}',
    summary.requests / summary.duration * 1e6, latency:percentile(99) / 1e3, errors))
end
