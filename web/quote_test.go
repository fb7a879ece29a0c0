package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
	"github.com/swarmstake/swarmstake/web"
)

// allow gives a member free allowance.
func (w *world) allow(id string, m bt.MemberID, n bt.Bytes) {
	w.Helper()
	err := w.store.Post(w.Context(), tokens.Transfer{ID: id, Asset: tokens.Byte, From: tokens.Issuance, To: tokens.Allowance(m), Amount: tokens.Amount(n), Code: tokens.CodeAllowance, Ref: "once"})
	if err != nil {
		w.Fatal(err)
	}
}

// Below the gate the allowance opens a torrent if it covers all of it; a budget is no help.
func TestQuoteOfAGuestWithAllowance(t *testing.T) {
	w := newWorld(t)
	guest := w.member("guest", 0, 0)
	ih := w.want(guest.upload(bigTorrent("big")), 201).json(t)["infohash"].(string) // 4 GiB
	path := "/api/v1/torrents/" + ih
	quote := func() map[string]any { t.Helper(); return w.want(guest.get(path+"/quote"), 200).json(t) }
	w.allow("a", 1, bt.GiB)
	q := quote()
	if q["covered_bytes"] != float64(bt.GiB) || q["cost_utok"] != "30000000" || q["affordable_bytes"] != float64(bt.GiB) ||
		!strings.Contains(q["reason"].(string), "needs a stake of 50 VIDYA") || !strings.Contains(q["reason"].(string), "allowance of 1.00 GiB is enough for smaller torrents") {
		t.Errorf("1 of 4 GiB covered: %v", q)
	}
	w.want(guest.do("PUT", path+"/budget", strings.NewReader(`{"budget_bytes":1073741824}`)), 200)
	if q = quote(); q["reason"] == "" {
		t.Errorf("the allowance covers the budget only: %v", q)
	}
	w.want(guest.do("PUT", path+"/budget", strings.NewReader(`{"budget_bytes":0}`)), 200)
	w.allow("b", 1, 3*bt.GiB)
	w.want(guest.do("PUT", "/api/v1/wallet/max-price", strings.NewReader(`{"max_price_utok_per_gib":"1"}`)), 200)
	if q = quote(); q["reason"] != "" || q["cost_utok"] != "0" || q["affordable"] != true {
		t.Errorf("all covered, whatever the price: %v", q)
	}
	// What another download holds is not there for this one; what this one holds is.
	rows := []swarm.DownloadRow{{DownloadKey: swarm.DownloadKey{Member: 1, Torrent: 1}, ReservedFree: bt.GiB, Seq: 1}}
	w.want(guest.upload(torrentFile("other")), 201)
	rows = append(rows, swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Member: 1, Torrent: 2}, ReservedFree: 2 * bt.GiB, Seq: 2})
	if err := w.store.Flush(t.Context(), &swarm.Batch{Number: 1, Downloads: rows}); err != nil {
		t.Fatal(err)
	}
	if q = quote(); q["allowance_bytes"] != float64(2*bt.GiB) || q["covered_bytes"] != float64(2*bt.GiB) || q["reason"] == "" {
		t.Errorf("half of it held elsewhere: %v", q)
	}
	if v := w.want(guest.get("/api/v1/wallet"), 200).json(t); v["allowance_bytes"] != float64(4*bt.GiB) || v["allowance_reserved_bytes"] != float64(3*bt.GiB) {
		t.Errorf("wallet %v %v", v["allowance_bytes"], v["allowance_reserved_bytes"])
	}
}

// Above the gate the allowance lowers what must be paid.
func TestQuoteOfAMemberWithAllowance(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 30*tokens.Unit, 60*tokens.Unit)
	ih := w.want(alice.upload(bigTorrent("big")), 201).json(t)["infohash"].(string)
	path := "/api/v1/torrents/" + ih + "/quote"
	if q := w.want(alice.get(path), 200).json(t); q["affordable"] != false || q["cost_utok"] != "40000000" {
		t.Errorf("without: %v", q)
	}
	w.allow("a", 1, bt.GiB)
	if q := w.want(alice.get(path), 200).json(t); q["affordable"] != true || q["cost_utok"] != "30000000" || q["reserve_utok"] != "30000000" || q["reason"] != "" || q["affordable_bytes"] != float64(4*bt.GiB) {
		t.Errorf("with 1 GiB: %v", q)
	}
	// What the meter has seen, admitted or not, is not asked for again.
	row := swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Member: 1, Torrent: 1}, Metered: bt.GiB, Corroborated: bt.GiB, MaxLeft: 4 * bt.GiB, MinLeft: 2 * bt.GiB, Seq: 1}
	if err := w.store.Flush(t.Context(), &swarm.Batch{Number: 1, Downloads: []swarm.DownloadRow{row}}); err != nil {
		t.Fatal(err)
	}
	if q := w.want(alice.get(path), 200).json(t); q["remaining_bytes"] != float64(2*bt.GiB) || q["cost_utok"] != "10000000" {
		t.Errorf("half way: %v", q)
	}
}

// A torrent that is free costs nobody anything, stake or not.
func TestFreeleech(t *testing.T) {
	w := newWorld(t)
	guest, boss := w.member("guest", 0, 0), w.operator()
	ih := w.want(guest.upload(bigTorrent("big")), 201).json(t)["infohash"].(string)
	free := func(c *client, until string) reply {
		return c.do("PUT", "/api/v1/admin/torrents/"+ih+"/free", strings.NewReader(`{"until":`+until+`}`))
	}
	soon := fmt.Sprintf("%q", w.now().Add(30*time.Minute).UTC().Format(time.RFC3339))
	w.problem(free(guest, soon), 403, "operator_only")
	w.problem(free(boss, `"2001-01-01T00:00:00Z"`), 422, "until")
	w.problem(free(boss, fmt.Sprintf("%q", w.now().Add(366*24*time.Hour).UTC().Format(time.RFC3339))), 422, "until")
	w.problem(free(boss, `"tomorrow"`), 400, "json")
	w.problem(boss.do("PUT", "/api/v1/admin/torrents/"+strings.Repeat("0", 40)+"/free", strings.NewReader(`{"until":null}`)), 404, "not_found")
	told := w.roster.torrents.Load()
	w.want(free(boss, soon), 200)
	if w.roster.torrents.Load() != told+1 {
		t.Error("the announce path was not told")
	}
	q := w.want(guest.get("/api/v1/torrents/"+ih+"/quote"), 200).json(t)
	if q["reason"] != "" || q["cost_utok"] != "0" || q["free_until"] == nil || q["affordable"] != true {
		t.Errorf("free: %v", q)
	}
	if v := w.want(guest.get("/api/v1/torrents/"+ih), 200).json(t); v["free_until"] == nil {
		t.Errorf("torrent %v", v)
	}
	page := text(w.want(boss.get("/torrents/"+ih), 200))
	if !strings.Contains(page, "costs nobody anything") || !strings.Contains(text(w.want(boss.get("/torrents"), 200)), "free now") {
		t.Error("the pages do not say that it is free")
	}
	w.clock.Store(int64(45 * time.Minute))
	if q = w.want(guest.get("/api/v1/torrents/"+ih+"/quote"), 200).json(t); q["reason"] == "" || q["free_until"] != nil || q["cost_utok"] != "40000000" {
		t.Errorf("afterwards: %v", q)
	}
	w.want(boss.form("/torrents/"+ih+"/free", map[string]string{"days": "3"}), 303)
	w.want(boss.form("/torrents/"+ih+"/free", map[string]string{"end": "1", "days": "3"}), 303)
	for _, bad := range []string{"0", "-1", "", "x", "366", "99999999999999999999", "1.5"} {
		w.want(boss.form("/torrents/"+ih+"/free", map[string]string{"days": bad}), 422)
	}
	w.want(w.signUp("carol").form("/torrents/"+ih+"/free", map[string]string{"days": "3"}), 403)
}

// On the route of the moving gate the quote names the price of the day, and says when all seats are taken.
func TestQuoteWithSeats(t *testing.T) {
	w := newWorld(t, func(_ *web.Config, e *store.Economy) { e.Route, e.Seats = store.RouteGate, 4 })
	for i := range 3 {
		w.member(fmt.Sprint("member", i), 0, 100*tokens.Unit)
	}
	guest := w.member("guest", 0, 0)
	ih := w.want(guest.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	if q := w.want(guest.get("/api/v1/torrents/"+ih+"/quote"), 200).json(t); !strings.Contains(q["reason"].(string), "All seats are taken") {
		t.Errorf("%v", q)
	}
	v := w.want(guest.get("/api/v1/wallet"), 200).json(t)["gate_state"].(map[string]any)
	if v["full"] != true || v["seats"] != 4.0 || v["members"] != 3.0 || v["price_utok"] != "100000000" {
		t.Errorf("%v", v)
	}
}

func TestSponsor(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 20*tokens.Unit, 0)
	ih := w.want(alice.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	path := "/api/v1/torrents/" + ih
	for _, bad := range []string{`{"amount_utok":"999999","hours":48}`, `{"amount_utok":"5000000","hours":23}`, `{"amount_utok":"5000000","hours":8761}`,
		`{"amount_utok":"5000000","hours":-1}`, `{"amount_utok":"5000000","hours":9223372036854775807}`, `{"amount_utok":"5000000"}`} {
		w.problem(alice.pay(path+"/sponsor", "bad", bad), 422, "sponsor")
	}
	w.problem(alice.pay(path+"/sponsor", "much", `{"amount_utok":"20000001","hours":48}`), 409, "insufficient_funds")
	w.problem(alice.pay("/api/v1/torrents/"+strings.Repeat("0", 40)+"/sponsor", "k", `{"amount_utok":"5000000","hours":48}`), 404, "not_found")
	v := w.want(alice.pay(path+"/sponsor", "k", `{"amount_utok":"5000000","hours":48}`), 201).json(t)
	w.want(alice.pay(path+"/sponsor", "k", `{"amount_utok":"5000000","hours":48}`), 201)
	if v["available_utok"] != "15000000" {
		t.Errorf("%v", v)
	}
	list := w.want(alice.get(path), 200).json(t)["sponsors"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["sponsor"] != "alice" || list[0].(map[string]any)["left_utok"] != "5000000" {
		t.Errorf("%v", list)
	}
}
