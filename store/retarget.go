package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
)

// What is retargeted (ECONOMY §10).
const (
	RetargetHosting = "hosting" // the hosting rate, towards Replicas copies of every approved torrent
	RetargetBase    = "base"    // the base price, towards the wanted median download rate
)

// Retargeted is one decision: it holds for what is priced or settled after the settlement of Epoch,
// until the next of its kind.
type Retargeted struct {
	Kind           string
	Epoch          int64
	FactorPPM      int64 // of the configured rate or price
	Target, Actual int64 // MiB·hours hosted, or bytes per second; 0: there was nothing to go by
	AtMs           int64
}

// retarget moves the hosting rate and the base price once per RetargetInterval of epoch time. The
// first settlement of a network only notes where they start. It reads a day's rows outside the
// writer, and changes nothing for the epoch that is being settled.
func (st *settlement) retarget(ctx context.Context) error {
	if st.rules.Surge.RetargetInterval <= 0 {
		return nil
	}
	var decided []Retargeted
	err := st.store.read(ctx, func(r *reader) (err error) {
		decided, err = r.decide(st.rules, st.epoch)
		return err
	})
	if err != nil || len(decided) == 0 {
		return err
	}
	return st.commit(ctx, func(t *tx) error {
		for _, d := range decided {
			err := t.exec("INSERT INTO retargets (kind, epoch, factor_ppm, target, actual, at_ms) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
				d.Kind, d.Epoch, d.FactorPPM, d.Target, d.Actual, t.nowMs())
			if err != nil {
				return fmt.Errorf("record the %s target: %w", d.Kind, err)
			}
		}
		return nil
	})
}

// window are the epochs that a retargeting looks at, and how long they were together.
type window struct{ first, last, ms int64 }

// decide returns what an epoch's settlement retargets: nothing before the interval is over.
func (r *reader) decide(rules Rules, e Epoch) ([]Retargeted, error) {
	hosting := Retargeted{Kind: RetargetHosting, Epoch: e.Number}
	base := Retargeted{Kind: RetargetBase, Epoch: e.Number}
	var since int64
	if err := r.QueryRowContext(r.ctx, "SELECT coalesce(max(epoch), 0) FROM retargets").Scan(&since); err != nil || since >= e.Number {
		return nil, err
	}
	if since > 0 {
		w := window{first: since + 1, last: e.Number}
		err := r.QueryRowContext(r.ctx, "SELECT coalesce(sum(end_ms - start_ms), 0) FROM epochs WHERE number BETWEEN ? AND ?", w.first, w.last).Scan(&w.ms)
		if err != nil || w.ms < rules.Surge.RetargetInterval.Milliseconds() {
			return nil, err
		}
		err1, err2 := r.measureHosting(rules.Settle, w, &hosting), r.measureSpeed(rules.Surge, w, &base)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
	}
	factors, err := retargetFactors(r.ctx, r.Tx, e.Number)
	if err != nil {
		return nil, err
	}
	hosting.FactorPPM = rules.Surge.HostingRate(rules.Settle.HostingRateMinPPM).Next(factors[RetargetHosting], hosting.Target, hosting.Actual)
	base.FactorPPM = rules.Surge.BasePrice().Next(factors[RetargetBase], base.Target, base.Actual)
	return []Retargeted{hosting, base}, nil
}

// mib is a size column in MiB, rounded up.
const mib = "((%s + 1048575) / 1048576)"

// measureHosting compares the work that was wanted and proven, in MiB·hours. Proven work counts as
// it is, however many hosts one torrent has: more than is wanted shall lower the rate.
func (r *reader) measureHosting(p settle.Params, w window, out *Retargeted) error {
	var sizes, seconds int64
	err := r.QueryRowContext(r.ctx, "SELECT coalesce(sum("+fmt.Sprintf(mib, "size_bytes")+"), 0) FROM torrents WHERE approved_ms > 0 AND withdrawn_ms = 0").Scan(&sizes)
	if err != nil {
		return fmt.Errorf("sum what is to be hosted: %w", err)
	}
	err = r.QueryRowContext(r.ctx, `SELECT coalesce(sum(`+fmt.Sprintf(mib, "c.bytes")+` * min(p.proven_ms / 1000, ?)), 0)
		FROM proven p JOIN claims c ON c.id = p.claim JOIN torrents t ON t.id = c.torrent LEFT JOIN nodes n ON n.id = c.node
		WHERE p.epoch BETWEEN ? AND ? AND t.approved_ms > 0 AND t.withdrawn_ms = 0 AND coalesce(n.suspended_ms, 0) = 0`,
		settle.MaxProvenSeconds, w.first, w.last).Scan(&seconds)
	if err != nil {
		return fmt.Errorf("sum what was hosted: %w", err)
	}
	out.Target, out.Actual = tokens.MulDiv(p.Replicas*sizes, w.ms, 3_600_000), seconds/3600
	return nil
}

// measureSpeed compares the wanted median download rate and that of what was paid for. A download
// takes until it is complete; what its client is there for afterwards does not count.
func (r *reader) measureSpeed(p surge.Params, w window, out *Retargeted) error {
	speeds, err := scan(r.ctx, r.Tx, func(x *sql.Rows) (s surge.Speed, err error) { return s, x.Scan(&s.Paid, &s.Taken, &s.Ms) },
		`SELECT `+sumOf("u.billed_bytes")+`, `+sumOf("u.billed_bytes + u.free_bytes")+`,
			sum(max(0, iif(u.from_ms = 0, 0, iif(d.completed_ms > 0, min(u.to_ms, d.completed_ms), u.to_ms) - u.from_ms)))
		FROM usage u LEFT JOIN downloads d ON d.member = u.member AND d.torrent = u.torrent
		WHERE u.epoch BETWEEN ? AND ? AND u.billed_bytes > 0 GROUP BY u.torrent, u.member`, w.first, w.last)
	if err != nil {
		return fmt.Errorf("read the download rates: %w", err)
	}
	out.Target, out.Actual = int64(p.WantedRate), int64(surge.MedianRate(speeds))
	return nil
}

// retargetFactors returns the factors in force for the settlement of an epoch, by kind.
func retargetFactors(ctx context.Context, q querier, epoch int64) (map[string]int64, error) {
	rows, err := scan(ctx, q, readRetargeted, selectRetargeted+` WHERE epoch = (SELECT max(epoch) FROM retargets x WHERE x.kind = r.kind AND x.epoch < ?)`, epoch)
	if err != nil {
		return nil, fmt.Errorf("read what was retargeted: %w", err)
	}
	out := map[string]int64{RetargetHosting: surge.PPM, RetargetBase: surge.PPM}
	for _, d := range rows {
		out[d.Kind] = d.FactorPPM
	}
	return out, nil
}

const selectRetargeted = "SELECT kind, epoch, factor_ppm, target, actual, at_ms FROM retargets r"

func readRetargeted(r *sql.Rows) (d Retargeted, err error) {
	return d, r.Scan(&d.Kind, &d.Epoch, &d.FactorPPM, &d.Target, &d.Actual, &d.AtMs)
}

// always is an epoch after all others.
const always = 1<<63 - 1

// Retargets lists up to limit decisions, newest first.
func (s *Store) Retargets(ctx context.Context, limit int) ([]Retargeted, error) {
	return scan(ctx, s.r, readRetargeted, selectRetargeted+" ORDER BY epoch DESC, kind LIMIT ?", limit)
}

// HostingRate returns the most that hosting is paid now, in utok per GiB and hour; 0: no limit.
func (s *Store) HostingRate(ctx context.Context, p settle.Params) (tokens.Amount, error) {
	factors, err := retargetFactors(ctx, s.r, always)
	return retargeted(p.HostingRate, factors[RetargetHosting]), err
}

// BasePrice returns what a download costs now at multiplier 1, in utok per GiB.
func (s *Store) BasePrice(ctx context.Context) (tokens.Amount, error) {
	factors, err := retargetFactors(ctx, s.r, always)
	return min(surge.MaxBase, retargeted(s.economy().BasePrice, factors[RetargetBase])), err
}

// retargeted applies a factor, rounded down; what is not 0 as configured never becomes 0, which
// would mean no limit at all.
func retargeted(configured tokens.Amount, factorPPM int64) tokens.Amount {
	if configured == 0 {
		return 0
	}
	return max(1, tokens.PPM(configured, factorPPM))
}
