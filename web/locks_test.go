package web_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// settled ends an epoch of a second and settles it.
func (w *world) settled() {
	w.Helper()
	e, err := w.store.NextEpoch(w.Context(), availability.DefaultParams(), [32]byte{})
	if err != nil {
		w.Fatal(err)
	}
	w.clock.Add(int64(time.Second))
	if _, err := w.store.NextEpoch(w.Context(), availability.DefaultParams(), [32]byte{}); err != nil {
		w.Fatal(err)
	}
	epochs, err := w.store.Unsettled(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	for _, x := range epochs {
		if x.Number > e.Number || x.SettledMs > 0 {
			continue
		}
		rules := store.Rules{Settle: settle.DefaultParams(), Availability: availability.DefaultParams(), Surge: surge.DefaultParams()}
		if _, err := w.store.SettleEpoch(w.Context(), rules, x); err != nil {
			w.Fatal(err)
		}
	}
}

// fees gives the lockers' pool something to share, as downloads do.
func (w *world) fees(id string, a tokens.Amount) {
	w.Helper()
	err := w.store.Post(w.Context(), tokens.Transfer{ID: id, Asset: tokens.Token, From: tokens.Issuance, To: tokens.PoolLockers, Amount: a, Code: tokens.CodeGrant, Ref: "test"})
	if err != nil {
		w.Fatal(err)
	}
}

// A lock earns fees, which are claimed and released.
func TestLockClaimRelease(t *testing.T) {
	w := newWorld(t)
	w.settled() // an epoch began
	alice, bob := w.member("alice", 20*tokens.Unit, 0), w.member("bob", 0, 0)
	for _, bad := range []string{`{"amount_utok":"1000000","weeks":0}`, `{"amount_utok":"1000000","weeks":-1}`, `{"amount_utok":"1000000","weeks":53}`, `{"amount_utok":"1","weeks":1}`} {
		w.problem(alice.pay("/api/v1/locks", "bad", bad), 422, "range")
	}
	w.problem(alice.pay("/api/v1/locks", "bad", `{"amount_utok":"1000000","weeks":1.5}`), 400, "json")
	w.problem(alice.pay("/api/v1/locks", "bad", `{"amount_utok":"20000001","weeks":4}`), 409, "insufficient_funds")
	l := w.want(alice.pay("/api/v1/locks", "1", `{"amount_utok":"8000000","weeks":26}`), 201).json(t)
	if l["lock"] != 1.0 || l["weight_utok"] != "2000000" || l["available_utok"] != "12000000" { // (26/52)² of it
		t.Fatalf("locked %v", l)
	}
	w.problem(alice.pay("/api/v1/locks/1/claim", "c", ""), 409, "nothing_due")
	w.settled() // it earns from the next epoch on
	w.fees("test/1", 3*tokens.Unit)
	w.settled()
	v := w.want(alice.get("/api/v1/locks"), 200).json(t)
	own := v["locks"].([]any)[0].(map[string]any)
	if own["owed_utok"] == "0" || own["earning"] != true || v["all_weight_utok"] != "2000000" || v["max_weeks"] != 52.0 {
		t.Fatalf("locks %v", v)
	}
	w.problem(bob.pay("/api/v1/locks/1/claim", "c", ""), 404, "not_found")
	w.problem(alice.pay("/api/v1/locks/0/claim", "c", ""), 404, "not_found")
	c := w.want(alice.pay("/api/v1/locks/1/claim", "c", ""), 201).json(t)
	if c["amount_utok"] != own["owed_utok"] {
		t.Errorf("claimed %v of %v", c, own["owed_utok"])
	}
	if again := w.want(alice.pay("/api/v1/locks/1/claim", "c", ""), 201).json(t); fmt.Sprint(again) != fmt.Sprint(c) {
		t.Errorf("again %v, first %v", again, c)
	}
	w.problem(bob.pay("/api/v1/vestings/release", "r", ""), 409, "nothing_due")
	w.clock.Add(int64(31 * 24 * time.Hour))
	released := w.want(alice.pay("/api/v1/vestings/release", "r", ""), 201).json(t)
	want := w.want(alice.get("/api/v1/wallet"), 200).json(t)
	if released["available_utok"] != want["available_utok"] || want["vesting_utok"] != "0" || want["locked_utok"] != "8000000" {
		t.Errorf("released %v, wallet %v", released, want)
	}
	w.problem(alice.post("/api/v1/vestings/release", ""), 400, "idempotency_key")
	w.problem(w.client("").get("/api/v1/locks"), 401, "sign_in")
}

// usage has a member pay 10 tokens for 1 GiB of a torrent in the running epoch.
func (w *world) usage(torrent bt.TorrentID, m bt.MemberID) {
	w.Helper()
	e, err := w.store.Epochs(w.Context(), 1)
	if err != nil {
		w.Fatal(err)
	}
	k := swarm.DownloadKey{Member: m, Torrent: torrent}
	b := &swarm.Batch{Number: 1, Downloads: []swarm.DownloadRow{{DownloadKey: k, MaxLeft: bt.GiB, MinLeft: bt.GiB, Seq: 1, FirstMs: 1}},
		Usage: []swarm.UsageRow{{Epoch: e[0].Number, DownloadKey: k, Billed: bt.GiB, Charge: 10 * tokens.Unit, FromMs: e[0].StartMs, ToMs: e[0].StartMs + 1}}}
	if err := w.store.Flush(w.Context(), b); err != nil {
		w.Fatal(err)
	}
}
