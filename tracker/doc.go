// Package tracker is the announce path: it reads the request, recognises the personal key, asks the
// gate, hands the announce to the swarms and writes the reply. This comment is the protocol
// reference for authors of clients and tools.
//
// # Addresses
//
//	GET /announce/{key}/announce?…   one announce (BEP 3)
//	GET /announce/{key}/scrape?…     counts of the key's torrent (BEP 48)
//
// The key is 40 hex digits, for one member and one torrent: 8 of the member's number, 32 of
// HMAC-SHA256(member's secret, info-hash) cut to 128 bits. It comes inside the personal .torrent
// file; a hybrid torrent has one key, good under both info-hashes. After a reset an old key is
// answered with a text that says so for 24 hours. A key opens its torrent and no other; there is
// no full scrape.
//
// # Announce parameters
//
//	info_hash   20 bytes, percent-encoded; v1, or v2 cut to 20 bytes (BEP 52)
//	peer_id     20 bytes; its beginning names the client, which the community's policy allows or not
//	port        1 to 65535; 0 only with event=stopped
//	uploaded, downloaded, left   whole decimal numbers from 0 to 2^53, cumulative for the session
//	event       started, stopped, completed; paused (BEP 21: a partial seed); others are none
//	numwant     peers wanted, at most 50, which is also the default; -1 is the default
//	compact     0 asks for the long form (BEP 3); the compact one is the default (BEP 23)
//	no_peer_id  in the long form, leaves out peer ids
//
// A parameter of this list given twice, a counter with a sign or a fraction, or one out of range
// fails the announce. All other parameters are ignored, among them key, ip, ipv4 and ipv6: the
// address is the connection's, or that of the right-most hop of X-Forwarded-For that is not a
// configured proxy, if the connection comes from one.
//
// # Replies
//
// Every answer is HTTP 200 with a bencoded dictionary, keys sorted:
//
//	complete, incomplete   peers that have everything, and others; each peer counts once
//	external ip            the address the announce came from (BEP 24)
//	interval               seconds to the next announce: 900 for seeders, 300 for leechers, ±10 %,
//	                       half of that when funds run low
//	min interval           60; a repeat within it is metered and gets the same peers again
//	peers                  6 bytes each: address and port in network order; or the long form
//	peers6                 18 bytes each (BEP 7), if there are any
//	warning message        price news and low funds; never an error
//
// A leecher is told of seeders that audits have proven, those of better reputation and more spare
// capacity more often, then of others, then of leechers whose download is funded; a seeder of
// leechers; a partial seed of leechers. Nobody is told of their own other clients.
//
// A refusal has failure reason, a sentence that says what to do, and always interval, min interval
// and retry in (BEP 31, minutes). The reasons are asked for in this order: the key is unknown or
// was replaced; the account is banned; the client is not allowed; the torrent is unknown or was
// withdrawn; too many addresses use the key; the account was cut off for unexplained bytes, or has
// no stake; the price is above the member's maximum; funds are missing for the rest of the download.
// The last four concern downloads only: seeding needs nothing. Beyond a limit on requests the
// refusal comes before all of these. An overloaded server answers 503 with Retry-After.
//
// A scrape answers {files: {info_hash: {complete, downloaded, downloaders, incomplete}}}; downloaded
// counts finished downloads, downloaders the incomplete peers that are not partial seeds (BEP 21).
//
// # Metering
//
// Every well-formed announce of a known key is metered, refused or not (ECONOMY §3): a session is
// (member, torrent, peer_id), its counters count on while they grow; started with smaller counters
// begins a new generation; a fall without started is a late packet for 120 seconds and a restart
// after that. What was moved is billed once, at the quote in force before the announce. An announce
// that is answered is in the journal: it survives a killed server, and a power cut a second later.
//
// # Promises
//
// A key is never logged. Answer waits for nothing: no disk, no database. The package knows no SQL and
// no arithmetic of money.
package tracker
