package web

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// maxPeerQueries bounds the peers of one question.
	maxPeerQueries = 500
	// accessAgain is the least pause between two questions of a node.
	accessAgain = time.Second

	accessPath = "/api/v1/node/access"
	// maxAccess is above what maxPeerQueries questions need, in bytes.
	maxAccess = 256 << 10
)

// peerJSON is a peer of a question as it is written: 40 hex digits each, and address and port. The answer
// repeats it.
type peerJSON struct {
	InfoHash string `json:"infohash" doc:"40 hex digits"`
	PeerID   string `json:"peer_id" doc:"40 hex digits"`
	Addr     string `json:"addr" doc:"address and port"`
}

// grantJSON is the answer for one peer.
type grantJSON struct {
	peerJSON
	Granted bool     `json:"granted"`
	Rate    bt.Bytes `json:"bytes_per_second" doc:"at most; 0: as fast as it goes"`
	Valid   int64    `json:"valid_seconds"`
}

// accessBody is a node's question.
type accessBody struct {
	Peers []peerJSON `json:"peers" doc:"at most 500"`
}

// accessView is the answer, in the order of the question.
type accessView struct {
	Grants       []grantJSON `json:"grants"`
	AgainSeconds int         `json:"again_seconds" doc:"the least pause before the next question"`
}

// apiAccess tells a node which of the peers that are connected to it are paid up, and at which rate to
// serve them (ECONOMY §9).
func (s *site) apiAccess(w http.ResponseWriter, r *http.Request) error {
	node := *visitorOf(r).node
	if err := s.limit(s.accesses, fmt.Sprint(node.ID)); err != nil {
		return err
	}
	var in accessBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if len(in.Peers) > maxPeerQueries {
		return fail(http.StatusUnprocessableEntity, "peers", "One question has at most %d peers; ask again for the others.", maxPeerQueries)
	}
	queries := make([]PeerQuery, len(in.Peers))
	for i, p := range in.Peers {
		var err error
		if queries[i], err = p.parse(); err != nil {
			return fail(http.StatusUnprocessableEntity, "peers", "peers[%d]: %v.", i, err)
		}
	}
	grants, err := s.Serving.Access(r.Context(), node, queries)
	if err != nil {
		return err
	}
	out := make([]grantJSON, len(grants))
	for i, g := range grants {
		out[i] = grantJSON{peerJSON: in.Peers[i], Granted: g.Granted, Rate: g.Rate, Valid: int64(g.Valid.Seconds())}
	}
	return answer(w, http.StatusOK, accessView{out, int(accessAgain.Seconds())})
}

func (p peerJSON) parse() (q PeerQuery, err error) {
	if q.InfoHash, err = bt.ParseInfoHash(p.InfoHash); err != nil {
		return q, fmt.Errorf("infohash: %w", err)
	}
	id, err := hex.DecodeString(p.PeerID)
	if err != nil || len(id) != len(q.PeerID) {
		return q, fmt.Errorf("peer_id: want %d hex digits", 2*len(q.PeerID))
	}
	addr, err := netip.ParseAddrPort(p.Addr)
	if err != nil {
		return q, fmt.Errorf("addr: want the peer's address and port, such as 192.0.2.7:6881")
	}
	q.PeerID, q.Addr = bt.PeerID(id), addr.Addr().Unmap().WithZone("")
	return q, nil
}
