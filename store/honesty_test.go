package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// proves has a member's standard client prove a torrent in an epoch.
func (w *world) proves(epoch int64, m bt.MemberID, torrent bt.TorrentID) {
	w.t.Helper()
	w.must(w.write(w.t.Context(), func(t *tx) error {
		return t.exec("INSERT OR IGNORE INTO proven (epoch, claim, proven_ms) SELECT ?, id, 60000 FROM claims WHERE member = ? AND torrent = ?", epoch, m, torrent)
	}))
}

// honesty are the rows of the table, as text.
func (w *world) honesty() (out string) {
	w.t.Helper()
	rows, err := w.r.Query("SELECT day_ms, torrent, member, claimed_bytes, excess_bytes, settlement FROM honesty ORDER BY 1, 2, 3")
	w.must(err)
	defer rows.Close()
	for rows.Next() {
		var v [6]int64
		w.must(rows.Scan(&v[0], &v[1], &v[2], &v[3], &v[4], &v[5]))
		out += fmt.Sprintln(v)
	}
	return out
}

// TestHonestyOfADay: epochs of an hour, days of three. What two members claim twice is counted once
// all claims of the day are closed, where their proofs stood, and applied from the next settlement on.
func TestHonestyOfADay(t *testing.T) {
	const a = gib / 4
	w := newWorld(t)
	w.noInflation()
	p := &w.rules.Settle
	p.HonestyDay = 3 * time.Hour
	w.claim(3, 0, 1)
	w.claim(4, 0, 1)
	var e Epoch
	for epoch := int64(1); epoch <= 6; epoch++ {
		if epoch <= 3 {
			free := w.took(epoch, 2, 1, 0, 0)
			free.Allowed = a / 2
			w.meter(w.took(epoch, 1, 1, a/2, 100), free, w.gave(epoch, 3, 1, a), w.gave(epoch, 4, 1, a))
			w.proves(epoch, 3, 1)
			if epoch < 3 {
				w.proves(epoch, 4, 1)
			}
		}
		e = w.nextEpoch(time.Hour)
		before := w.honesty()
		w.settle(e)
		if w.settle(e); epoch != 5 && w.honesty() != before {
			t.Errorf("settlement %d: %s", epoch, w.honesty())
		}
		if q, err := qualitiesAt(t.Context(), w.r, *p, e); err != nil || (q.of(3) != 100_000) != (epoch == 6) || q.of(1) != 100_000 {
			t.Errorf("settlement %d: q is %v, %v", epoch, q, err)
		}
	}
	var sum [2]bt.Bytes
	w.must(w.r.QueryRow("SELECT sum(excess_bytes), count(*) FROM honesty").Scan(&sum[0], &sum[1]))
	day := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	// Half of what was admitted was free: it explains claims and proves nothing. 3 claims 3a, 4 2a.
	if want := 5*a - 3*a - 3*a/1000; sum[0] < want-3 || sum[0] > want+3 || sum[1] != 2 ||
		w.count("SELECT count(*) FROM honesty WHERE day_ms = ? AND torrent = 1 AND settlement = 5", day) != 2 {
		t.Errorf("excess %d, want %d:\n%s", sum[0], want, w.honesty())
	}
	h, err := w.Honesty(t.Context(), *p, 3)
	w.must(err)
	if h.PPM != settle.Quality(*p, h.Claimed, h.Excess) || h.Excess == 0 || h.Claimed <= h.Excess {
		t.Errorf("member 3: %+v", h)
	}
	verified(t, w.Store, w.dir)
}

// TestHonestyIsForgotten: days outside of the window neither count nor stay, and a change of a
// day's length counts no epoch twice.
func TestHonestyIsForgotten(t *testing.T) {
	w := newWorld(t)
	w.noInflation()
	p := &w.rules.Settle
	p.HonestyDay, p.HonestyWindow = time.Hour, 4*time.Hour
	w.claim(3, 0, 1)
	quality := func(e Epoch) int64 {
		q, err := qualitiesAt(t.Context(), w.r, *p, e)
		w.must(err)
		return q.of(3)
	}
	for epoch := int64(1); epoch <= 9; epoch++ {
		if epoch == 1 || epoch == 4 {
			w.proves(epoch, 3, 1)
			w.meter(w.took(epoch, 1, 1, gib, 100), w.gave(epoch, 3, 1, gib))
		}
		e := w.nextEpoch(time.Hour)
		if epoch == 5 {
			p.HonestyDay = 4 * time.Hour // epochs 1 to 4 are one day now, of which 1 and 2 are counted
		}
		w.settle(e)
		if want := epoch >= 4; epoch < 5 && (quality(e) > 100_000) != want {
			t.Errorf("settlement %d: q is %d", epoch, quality(e))
		}
	}
	var claimed bt.Bytes
	w.must(w.r.QueryRow("SELECT sum(claimed_bytes) FROM honesty").Scan(&claimed))
	if claimed != 2*gib || w.count("SELECT count(*) FROM honesty WHERE member = 3") != 2 {
		t.Errorf("%d bytes are counted, want those of two epochs, once:\n%s", claimed, w.honesty())
	}
	p.HonestyDay = time.Hour
	for epoch := 10; epoch <= 14; epoch++ {
		w.proves(int64(epoch), 3, 1)
		w.meter(w.took(int64(epoch), 1, 1, gib, 100), w.gave(int64(epoch), 3, 1, gib))
		w.settle(w.nextEpoch(time.Hour))
	}
	if first := w.count("SELECT min(day_ms) / 3600000 % 24 FROM honesty"); first < 7 {
		t.Errorf("the oldest day began at %d:00:\n%s", first, w.honesty())
	}
}

// TestProbation: pay of a member who is not trusted waits; it is paid out once it is trusted, and
// goes to those who are if it never is.
func TestProbation(t *testing.T) {
	for _, c := range []struct {
		name   string
		honest map[bt.MemberID]bool // from the beginning
		later  bt.MemberID          // who is trusted after the first settlement
		want   map[tokens.Account]tokens.Amount
	}{
		{"one is trusted later", nil, 3, map[tokens.Account]tokens.Amount{tokens.Available(3): 1000*tokens.Unit + 800, tokens.Available(4): 1000 * tokens.Unit}},
		{"nobody else", nil, 0, map[tokens.Account]tokens.Amount{tokens.PoolHosting: 800 + 120}},
		{"another claimant", map[bt.MemberID]bool{4: true}, 0, map[tokens.Account]tokens.Amount{tokens.Available(4): 1000*tokens.Unit + 800, tokens.PoolHosting: 120}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.noInflation()
			p := &w.rules.Settle
			p.HonestPPM, p.ProbationTime = 500_000, 2*time.Hour
			p.TorrentCapPPM, p.PublisherCapPPM = 1, 1
			for m := range c.honest {
				w.trusts(m, 100*gib, 0)
			}
			for m := bt.MemberID(3); m <= 4; m++ {
				w.claim(m, 0, 1)
				w.proves(1, m, 1)
			}
			w.meter(w.took(1, 1, 1, 1000, 1000), w.gave(1, 3, 1, 500), w.gave(1, 4, 1, 500))
			done := w.settle(w.nextEpoch(time.Hour))
			held := w.has(tokens.Probation(3)) + w.has(tokens.Probation(4))
			if done.Probation != held || held+done.Upload != 800 || w.has(tokens.Probation(3)) != 400 {
				t.Fatalf("%+v, %d held", done, held)
			}
			waits, err := w.Probations(t.Context(), 3, 10)
			if err != nil || len(waits) != 1 || waits[0].Amount != 400 || waits[0].Closed != 0 {
				t.Errorf("waits: %+v, %v", waits, err)
			}
			if c.later != 0 {
				w.trusts(c.later, 100*gib, 0)
			}
			for range 3 {
				e := w.nextEpoch(time.Hour)
				w.settle(e)
				before := w.balances()
				if w.settle(e); fmt.Sprint(before) != fmt.Sprint(w.balances()) {
					t.Error("settled twice")
				}
			}
			for account, amount := range c.want {
				w.want(account, amount)
			}
			w.want(tokens.Probation(3), 0)
			w.want(tokens.Probation(4), 0)
			if n := w.count("SELECT count(*) FROM probation WHERE closed = 0"); n != 0 {
				t.Errorf("%d rows are open", n)
			}
			verified(t, w.Store, w.dir)
		})
	}
}

// TestProbationMustFitItsRows: money that no row explains is not given away.
func TestProbationMustFitItsRows(t *testing.T) {
	w := newWorld(t)
	w.rules.Settle.HonestPPM = 500_000
	w.claim(3, 0, 1)
	w.proves(1, 3, 1)
	w.meter(w.took(1, 1, 1, 1000, 1000), w.gave(1, 3, 1, 500))
	w.settle(w.nextEpoch(time.Hour))
	w.must(w.Post(t.Context(), grant("stray", tokens.Probation(3), 5)))
	w.trusts(3, 100*gib, 0)
	e := w.nextEpoch(time.Hour)
	if _, err := w.SettleEpoch(t.Context(), w.rules, e); err == nil {
		t.Error("a stray amount in probation was not noticed")
	}
}

// TestHotBonus: uploads of a torrent above the base price earn a bonus, as far as the pool and its
// part of the inflation go.
func TestHotBonus(t *testing.T) {
	for _, c := range []struct {
		name            string
		inflation       int64 // ppm a year
		pool            tokens.Amount
		bonus, mintedAs tokens.Amount
	}{
		{"minted as needed", 5_000_000, 0, 48_000, 48_000},
		{"the pool has enough", 5_000_000, 100_000, 48_000, 0},
		{"the pool has a part", 5_000_000, 40_000, 48_000, 8_000},
		{"no inflation", 0, 0, 0, 0},
		{"no inflation, some pool", 0, 10_000, 10_000, 0},
		{"too little inflation", 100_000, 0, 13_699, 13_699}, // 30 % of an hour's part of 10 % of 4,000 tokens a year
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.noInflation()
			w.rules.Settle.InflationPPM = c.inflation
			w.rules.Surge.Base = 1024 * tokens.Unit
			if c.pool > 0 {
				w.must(w.Post(t.Context(), tokens.Transfer{ID: "fill", Asset: tokens.Token, From: tokens.Available(4), To: tokens.PoolHot, Amount: c.pool, Code: tokens.CodeGrant}))
			}
			charge, bytes := tokens.Unit, bt.Bytes(1<<20) // at the base price exactly
			for torrent := bt.TorrentID(1); torrent <= 2; torrent++ {
				w.claim(3, 0, torrent)
				w.proves(1, 3, torrent)
			}
			w.meter(w.took(1, 1, 1, bytes-1, charge), w.took(1, 1, 2, bytes, charge), w.gave(1, 3, 1, bytes-1), w.gave(1, 3, 2, bytes))
			done := w.settle(w.nextEpoch(time.Hour))
			if done.Hot != c.bonus || done.Upload != 1_600_000 {
				t.Errorf("%+v, want a bonus of %d", done, c.bonus)
			}
			w.want(tokens.PoolHot, c.pool+c.mintedAs-c.bonus)
			report, err := w.EpochReport(t.Context(), 1)
			w.must(err)
			if report.HotMinted != c.mintedAs || report.Hot != c.bonus || report.HotPool != c.pool+c.mintedAs {
				t.Errorf("reported %+v", report)
			}
			if n := w.count("SELECT count(*) FROM hot WHERE torrent = 1 AND member = 3"); n != 1 || w.count("SELECT count(*) FROM hot") != 1 {
				t.Errorf("%d lines of the torrent above the base price", n)
			}
			verified(t, w.Store, w.dir)
		})
	}
}
