// Package seeder is the daemon that hosts torrents for a Swarmstake tracker, and the plain peer that
// demonstrations and tests use. It owns everything between the tracker's API and the torrent engine:
//
//   - Announcer: the announce loop of one torrent (BEP 3), obeying the tracker's intervals.
//   - Client and Key: the node's side of the JSON API, signed with the node's Ed25519 key.
//   - Daemon: fetches what is pinned or what package choose plans, verifies it, seeds it to whom the
//     tracker grants a rate, looks after its disks, and reports the hosted subset and what it sent to
//     whom; its state folder survives kill -9.
//   - Peer: one .torrent on an engine of its own.
//
// The package promises that nothing is announced as complete before it was verified, that the quota
// is never exceeded, that no data is deleted but what the daemon chose and fetched itself, that what
// was lost is not paid for again unasked, that announce keys and the node key never reach a log, and
// that a server that is down, slow or talking nonsense only delays: seeding goes on and the daemon
// catches up.
//
// State folder of a daemon:
//
//	node.key          the Ed25519 seed, base64url, mode 0600
//	node.json         server, node number, member
//	config.json       what the operator asked for
//	torrents/*.torrent the personalised .torrent of each hosted torrent, once it was verified
//	torrents/*.json   where its data lies, why it is hosted, how far its data was checked again
//	transfers/*.json  reports of what was sent to whom, until the server has them
//	engine/           the database of verified pieces
//	folders.json      the torrent folders that were seen
//	forecast.json     what was expected of each day and what it brought
//	spend.json        what was spent today on torrents that the daemon chose
//	alerts.json       what the operator was told
//	dashboard.addr    where the dashboard is, while the daemon runs
//	stop.json         when the daemon is to end
package seeder
