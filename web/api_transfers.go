package web

import (
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	transfersPath = "/api/v1/node/transfers"
	// maxTransfers bounds the rows of one report, maxTransferBody its bytes.
	maxTransfers    = 5000
	maxTransferBody = 1 << 20
	maxBatchID      = 64 // bytes
	// transferAgain is the least pause between two reports of a node: several may wait for a server that
	// was away.
	transferAgain = 5 * time.Second
	// transferAhead is by how much a node's clock may be ahead.
	transferAhead = 5 * time.Minute

	// In the long run a node may report more seldom: what it sends in a day is bounded.
	transferEvery, transferBurst = 10 * time.Second, 60
)

// TransferReport is what a node exchanged with peers in a time. It is evidence and moves no money.
type TransferReport struct {
	Batch     string     `json:"batch"`
	From      time.Time  `json:"from"`
	Until     time.Time  `json:"until"`
	Transfers []Transfer `json:"transfers"`
	Token     string     `json:"-"` // that the node signed, with the hash of Body
	Body      []byte     `json:"-"` // as it arrived
}

// Transfer is what was exchanged with one peer of a torrent. Hashes are 40 hex digits; the address may have a
// port.
type Transfer struct {
	InfoHash string   `json:"infohash"`
	PeerID   string   `json:"peer_id"`
	Addr     string   `json:"addr"`
	Sent     bt.Bytes `json:"sent"`
	Received bt.Bytes `json:"received"`
}

// TransferAnswer says how many rows count and how many were left out. Reasons counts those by why, unless the batch
// came before.
type TransferAnswer struct {
	Accepted     int            `json:"accepted"`
	Refused      int            `json:"refused"`
	Reasons      map[string]int `json:"reasons,omitempty"`
	AgainSeconds int            `json:"again_seconds"`
}

// apiTransfers takes in what a node exchanged; the same batch again changes nothing.
func (s *site) apiTransfers(w http.ResponseWriter, r *http.Request) error {
	if err := s.limit(s.transfers, asking(r)); err != nil {
		return err
	}
	var in TransferReport
	body, err := readJSON(r, &in)
	if err != nil {
		return err
	}
	if err := in.check(s.Now()); err != nil {
		return err
	}
	in.Body = body
	in.Token, _ = bearer(r)
	out, err := s.Seeding.TakeTransfers(r.Context(), *visitorOf(r).node, in)
	if err != nil {
		return err
	}
	out.AgainSeconds = int(transferAgain / time.Second)
	return answer(w, http.StatusOK, out)
}

// check refuses a report as a whole; rows that cannot be are left out by whoever takes it in.
func (t TransferReport) check(now time.Time) error {
	for _, c := range t.Batch {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return errBatch
		}
	}
	switch {
	case t.Batch == "" || len(t.Batch) > maxBatchID:
		return errBatch
	case len(t.Transfers) > maxTransfers:
		return fail(http.StatusUnprocessableEntity, "transfers", "A report has at most %d rows; send the rest as another batch.", maxTransfers)
	case t.From.After(t.Until) || t.Until.After(now.Add(transferAhead)) || t.Until.Before(now.Add(-store.ExchangesKept)):
		return fail(http.StatusUnprocessableEntity, "period", "from must not be after until, which must be within the last %d days; check the clock.", int(store.ExchangesKept.Hours()/24))
	}
	return nil
}

var errBatch = fail(http.StatusUnprocessableEntity, "batch", "batch must have 1 to %d letters, digits, - or _, and be another one for each report.", maxBatchID)
