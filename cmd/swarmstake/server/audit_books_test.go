package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// TestBooksReconcileAfterSlashes: three daemons lose their data and are slashed. One slash is returned
// on appeal, the others are closed when their window is over; every unit is accounted for at each step.
func TestBooksReconcileAfterSlashes(t *testing.T) {
	t.Parallel()
	conf := earning(t.TempDir())
	conf.Server.EpochLength, conf.Settle.InflationPPM = time.Hour, 0
	conf.Availability.ProofLifetime, conf.Availability.RenewalLead = 30*time.Second, 29500*time.Millisecond
	conf.Availability.AppealWindow, conf.Economy.UnbondingTime = 4*time.Second, 4*time.Second
	r := openServer(t, conf)
	boss := r.member("boss", 0, 50*tokens.Unit)
	r.change("UPDATE members SET operator = 1 WHERE id = ?", boss)
	s := r.share(boss, 4, catalog.V1)
	r.run()
	defer r.verify()
	defer func() { r.stop() }()
	const pledged = 7_000_003 // not divisible by anything that slashing divides by
	var nodes []*node
	for i := range 3 {
		owner := r.member(fmt.Sprint("owner", i), tokens.Unit, 50*tokens.Unit)
		n := r.pair(owner)
		r.pledge(n.id, pledged)
		n.put(t, s)
		n.run(t, fmt.Sprintf("%s:0", loopback(41+i)), s)
		defer n.stop()
		nodes = append(nodes, n)
	}
	for _, n := range nodes {
		r.proven("a daemon is proven", s.id, n.member, n.id)
	}
	whole := r.supply()
	for _, n := range nodes {
		s.spoil(t, n.data)
	}
	slashes := map[bt.NodeID]store.Slash{}
	r.eventually("all are slashed", func() bool {
		list, err := r.store.Slashes(t.Context(), 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range list {
			slashes[x.Node] = x
		}
		return len(slashes) == len(nodes)
	})
	want := availability.SlashAmount(r.rules().Availability, availability.Stake{Held: pledged, Torrent: s.file.Size, Claimed: s.file.Size}, 0)
	for _, n := range nodes {
		x := slashes[n.id]
		if x.Amount != want || r.balance(tokens.Collateral(n.id)) != pledged-want || r.balance(tokens.Disputed(x.ID)) != want {
			t.Errorf("node %d was slashed %d (want %d): collateral %d, disputed %d", n.id, x.Amount, want, r.balance(tokens.Collateral(n.id)), r.balance(tokens.Disputed(x.ID)))
		}
	}
	if got := r.supply(); got != whole {
		t.Errorf("the slashes changed the supply from %d to %d", whole, got)
	}
	back := slashes[nodes[0].id]
	if status, body := r.post(fmt.Sprintf("/api/v1/admin/slashes/%d/return", back.ID), r.token(boss), `{"reason":"our mistake"}`); status != http.StatusOK {
		t.Fatalf("return: %d %s", status, body)
	}
	if r.balance(tokens.Collateral(nodes[0].id)) != pledged || r.balance(tokens.Disputed(back.ID)) != 0 || r.supply() != whole {
		t.Errorf("returned: collateral %d of %d, disputed %d", r.balance(tokens.Collateral(nodes[0].id)), pledged, r.balance(tokens.Disputed(back.ID)))
	}
	pool := r.balance(tokens.PoolHosting)
	r.eventually("the window of the others is over and they are closed", func() bool {
		if err := r.store.CloseSlashes(t.Context()); err != nil {
			t.Fatal(err)
		}
		return r.number("SELECT count(*) FROM slashes WHERE closed_ms > 0 AND returned_ms = 0") == 2
	})
	burned := whole - r.supply()
	given := r.balance(tokens.PoolHosting) - pool
	for _, n := range nodes[1:] {
		if r.balance(tokens.Disputed(slashes[n.id].ID)) != 0 || r.balance(tokens.Collateral(n.id)) != pledged-want {
			t.Errorf("node %d after the end: %+v", n.id, slashes[n.id])
		}
	}
	if burned+given != 2*want || burned <= 0 || given <= 0 {
		t.Errorf("of two slashes of %d, %d were burned and %d given to the hosting pool", want, burned, given)
	}
	if status, body := r.post(fmt.Sprintf("/api/v1/admin/slashes/%d/return", slashes[nodes[1].id].ID), r.token(boss), `{"reason":"too late"}`); status != http.StatusConflict {
		t.Errorf("returned after its end: %d %s", status, body)
	}
}

// supply is all that was ever issued and not burned.
func (r *rig) supply() tokens.Amount {
	r.t.Helper()
	return -r.balance(tokens.Issuance) - r.balance(tokens.Burned)
}

// post sends JSON to the API.
func (r *rig) post(path, token, body string) (status int, answer string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.base+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	return r.do(req)
}
