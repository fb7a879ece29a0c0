package store

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// exchange has a node report rows.
func (w *world) exchange(n bt.NodeID, id string, refused int, rows ...Exchange) (int, int) {
	w.t.Helper()
	ok, not, err := w.PutExchanges(w.t.Context(), n, ExchangeBatch{ID: id, At: time.UnixMilli(w.now.Load()), Rows: rows, Refused: refused, Token: "t-" + id, Body: []byte(id)})
	w.must(err)
	return ok, not
}

func TestExchangesAreSummedOnce(t *testing.T) {
	w := newWorld(t)
	n, other := w.node(3, 0), w.node(2, 0)
	x := Exchange{Torrent: 1, Member: 1, Network: "192.0.2.0/24", Sent: 10, Received: 1}
	y := x
	y.Member = 0
	for i, c := range []struct {
		node     bt.NodeID
		id       string
		refused  int
		rows     []Exchange
		ok, not  int
		sum, all int // bytes sent of x by n, rows kept
	}{
		{n, "a", 2, []Exchange{x, x, y}, 3, 2, 20, 2},
		{n, "a", 9, []Exchange{x}, 3, 2, 20, 2}, // again: what was answered
		{n, "b", 0, []Exchange{x}, 1, 0, 30, 2},
		{other, "a", 0, []Exchange{x}, 1, 0, 30, 3}, // another node's batch of that name
		{n, "c", 1, nil, 0, 1, 30, 3},
	} {
		ok, not := w.exchange(c.node, c.id, c.refused, c.rows...)
		sum := w.count("SELECT sum(sent_bytes) FROM exchanges WHERE node = ? AND member = 1", n)
		if all := w.count("SELECT count(*) FROM exchanges"); ok != c.ok || not != c.not || sum != c.sum || all != c.all {
			t.Errorf("%d: %d, %d, %d bytes, %d rows, want %+v", i, ok, not, sum, all, c)
		}
	}
	if w.count("SELECT count(*) FROM exchange_reports WHERE node = ? AND token = 't-c' AND body = CAST('c' AS BLOB)", n) != 1 {
		t.Error("the last batch is not kept as it was signed")
	}
	big := x
	big.Sent = 1<<60 - 1
	for _, id := range []string{"d", "e", "f"} {
		if ok, _ := w.exchange(n, id, 0, big, big); ok != 2 {
			t.Error("a sum overflows")
		}
	}
	w.now.Add(dayMs)
	if w.exchange(n, "g", 0, x); w.count("SELECT count(*) FROM exchanges WHERE node = ?", n) != 3 {
		t.Error("another day has no row of its own")
	}
}

func TestExchangesAreBoundedAndSwept(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 0)
	w.must(w.write(t.Context(), func(t *tx) error {
		return t.exec(`WITH RECURSIVE i (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < ?) INSERT INTO exchanges (node, day_ms, torrent, member, network, sent_bytes, received_bytes)
			SELECT ?, ?, 1, i, '', 0, 0 FROM i`, maxExchangeRows-1, n, w.now.Load()/dayMs*dayMs)
	}))
	rows := []Exchange{{Torrent: 2, Member: 1, Sent: 1}, {Torrent: 2, Member: 2, Sent: 1}, {Torrent: 1, Member: 5, Sent: 1}}
	if ok, not := w.exchange(n, "a", 0, rows...); ok != 2 || not != 1 {
		t.Errorf("a day that has room for one: %d, %d", ok, not)
	}
	w.must(w.write(t.Context(), func(t *tx) error {
		return t.exec(`WITH RECURSIVE i (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM i WHERE i < ?) INSERT INTO exchange_batches (node, batch, at_ms, accepted, refused)
			SELECT ?, 'many' || i, ?, 0, 0 FROM i`, maxExchangeBatches, n, w.now.Load())
	}))
	if ok, not := w.exchange(n, "b", 1, rows[0]); ok != 0 || not != 2 {
		t.Errorf("more batches than are remembered: %d, %d", ok, not)
	}
	if ok, not := w.exchange(n, "a", 0); ok != 2 || not != 1 {
		t.Errorf("one of them again: %d, %d", ok, not)
	}
	w.now.Add(ExchangesKept.Milliseconds())
	w.must(w.SweepExchanges(t.Context()))
	if got := w.count("SELECT count(*) FROM exchanges"); got != maxExchangeRows {
		t.Errorf("%d rows are left of the last day that is kept", got)
	}
	w.now.Add(dayMs + 1)
	for range max(maxExchangeRows, maxExchangeBatches)/sweptExchanges + 1 {
		w.must(w.SweepExchanges(t.Context()))
	}
	if rows, batches := w.count("SELECT count(*) FROM exchanges"), w.count("SELECT count(*) FROM exchange_batches"); rows != 0 || batches != 0 {
		t.Errorf("%d rows and %d batches are left", rows, batches)
	}
}

// Who admits what others say is not listed; nor is anybody by what his own nodes say.
func TestSilentPeers(t *testing.T) {
	w := newWorld(t)
	w.must(w.write(t.Context(), func(t *tx) error {
		return t.exec(`INSERT INTO downloads (member, torrent, metered_bytes, pass_metered_bytes, billed_bytes, max_left_bytes, min_left_bytes, cost_utok, cost_rem, charged_utok,
			reserved_utok, quote_utok_per_gib, quote_ms, first_quote_utok_per_gib, first_ms, completed_ms, seq)
			SELECT column1, column2, column3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM (VALUES (1, 1, 400), (1, 2, 5000), (2, 1, 960), (3, 1, 0))`)
	}))
	a, b, own := w.node(3, 0), w.node(4, 0), w.node(3, 0)
	for i, n := range []bt.NodeID{a, b, own} {
		w.exchange(n, "x", 0, Exchange{Torrent: 1, Member: 1, Network: "a", Sent: 400}, Exchange{Torrent: 2, Member: 1, Sent: 100}, Exchange{Torrent: 1, Member: 2, Sent: []bt.Bytes{500, 500, 0}[i]},
			Exchange{Torrent: 1, Member: 0, Sent: 9999})
	}
	w.exchange(own, "y", 0, Exchange{Torrent: 1, Member: 3, Sent: 9999})                                                       // member 3 says it of himself
	w.exchange(w.node(2, 0), "x", 0, Exchange{Torrent: 2, Member: 1, Sent: 100}, Exchange{Torrent: 1, Member: 1, Received: 9}) // served what he admits
	got, err := w.SilentPeers(t.Context(), 10)
	w.must(err)
	if len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	got[0].Name = ""
	if p := got[0]; p != (SilentPeer{Member: 1, Torrents: 1, Owners: 2, Said: 1200, Admitted: 400}) || p.Missing() != 800 || p.MissingPPM() != 666_666 {
		t.Errorf("%+v", p)
	}
	w.exchange(b, "z", 0, Exchange{Torrent: 1, Member: 2, Sent: 20_000})
	if got, err = w.SilentPeers(t.Context(), 1); err != nil || len(got) != 1 || got[0].Member != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if (SilentPeer{}).MissingPPM() != 0 {
		t.Error("nothing is missing of nothing")
	}
	before := w.balances()[string(tokens.Available(1))]
	w.settle(w.nextEpoch(time.Hour))
	if after := w.balances()[string(tokens.Available(1))]; after != before {
		t.Errorf("what nodes say moved money: %d, before %d", after, before)
	}
}

// What nodes and operators ask for again and again reads what it shows.
func TestSeedingQueriesDoNotReadWholeTables(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for query, grows := range map[string]string{
		strings.ReplaceAll(countVerdicts, "?", "1"):                                                                                                                           "SCAN",
		"SELECT sum(gross_utok) FROM hosting WHERE node = 1 AND epoch BETWEEN 2 AND 3 GROUP BY torrent":                                                                       "SCAN",
		"SELECT coalesce(sum(gross_utok), 0) FROM hosting WHERE node = 1":                                                                                                     "SCAN",
		"SELECT count(*) FROM exchanges WHERE node = 1 AND day_ms = 2":                                                                                                        "SCAN",
		"SELECT node FROM exchanges WHERE day_ms < 1 LIMIT 5":                                                                                                                 "SCAN",
		"SELECT node, batch FROM exchange_batches WHERE at_ms < 1 LIMIT 5":                                                                                                    "SCAN",
		"SELECT epoch, torrent, sum(billed_bytes) FROM usage WHERE epoch BETWEEN 1 AND 2 GROUP BY epoch, torrent":                                                             "TEMP B-TREE",
		"SELECT epoch, torrent, sum(pay_utok) FROM awards WHERE epoch BETWEEN 1 AND 2 GROUP BY epoch, torrent":                                                                "TEMP B-TREE",
		"SELECT audit, sum(amount_utok) FROM slashes WHERE node = 1 AND audit BETWEEN 1 AND 2 GROUP BY audit":                                                                 "SCAN",
		"SELECT t.at_ms / 1 AS day, sum(t.amount) FROM transfers t WHERE t.dest = (SELECT id FROM accounts WHERE asset = 'token' AND name = 'x') AND t.seq >= 3 GROUP BY day": "SCAN t",
		selectTorrent + " WHERE t.withdrawn_ms = 0 AND t.category = 'games' ORDER BY t.id DESC, t.id DESC LIMIT 51":                                                           "SCAN",
	} {
		steps, err := scan(t.Context(), s.r, func(r *sql.Rows) (step string, err error) {
			var id, parent, unused int
			return step, r.Scan(&id, &parent, &unused, &step)
		}, "EXPLAIN QUERY PLAN "+query)
		if plan := strings.Join(steps, "\n"); err != nil || plan == "" || strings.Contains(plan, grows) {
			t.Errorf("%s:\n%s %v", query, plan, err)
		}
	}
}
