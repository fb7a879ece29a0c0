// Package front is the tracker's own event-loop HTTP server for announces: it exists because
// net/http costs several times what an announce does (PERFORMANCE, "What works" 5-7).
//
// On Linux it owns the listening sockets and a few epoll loops. A connection is accepted, read at
// once and answered at once; when it is to be closed the FIN rides on the data. Only connections
// that stay open or are incomplete enter epoll. The epoll descriptor waits on Go's own poller, so
// an idle loop blocks no thread. Elsewhere every connection is handed to net/http.
//
// What it promises:
//   - GET /announce/{key}/announce and /scrape without a body are answered by Options.Answer, with
//     the very bytes net/http would send for a handler that sets Content-Type, Cache-Control and
//     Content-Length.
//   - Everything else, and everything that its reader is not sure of, goes to Others with all bytes
//     already read, so that net/http decides. A request is never refused here for its form, but
//     for a head over 8 KiB (431).
//   - Every queue, buffer and wait has a limit: connections in total and per address, the request
//     head, the time to complete it, idle time, the time to take an answer. A hostile connection
//     costs a small struct, expires on time and delays nobody else.
//   - The limits on connections count those that stay: an announce that is complete on arrival is
//     answered also when they are reached, and its connection closed. Whatever would have to wait
//     is told 503 with Retry-After. Share has the connections of another listener count among them.
//   - No reset, panic in Answer, or lack of descriptors ends a loop.
//   - It logs neither keys nor addresses.
package front
