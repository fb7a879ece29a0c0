package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

const factFlush = "flush" // number of the last flush

// Flush writes one batch of the meter: session and download rows, usage, and one transfer per
// member and epoch from available (what is missing from staked) to the epoch's pot. What neither
// holds is written off and recorded in usage.unpaid_utok. A batch number already written is a
// no-op, so a flush whose commit reported an error is simply repeated.
func (s *Store) Flush(ctx context.Context, b *swarm.Batch) error {
	slices.SortFunc(b.Usage, func(x, y swarm.UsageRow) int {
		return compare3(int64(x.Member), int64(y.Member), x.Epoch, y.Epoch, int64(x.Torrent), int64(y.Torrent))
	})
	return s.write(ctx, func(t *tx) error {
		last, err := t.factInt(factFlush)
		if err != nil {
			return err
		}
		if b.Number <= last {
			t.tellCharges(b)
			return nil
		}
		if err := t.setFact(factFlush, strconv.FormatInt(b.Number, 10)); err != nil {
			return err
		}
		return errors.Join(t.flushSessions(b.Sessions), t.flushDownloads(b.Downloads),
			t.flushUsage(b), t.tellUnfunded(b.Sessions), t.flushPositions(b.Shards))
	})
}

// tellCharges has OnFunds told of a flush that was written by a commit that reported an error.
func (t *tx) tellCharges(b *swarm.Batch) {
	if b.Number <= t.store.told || b.Number <= t.batch.flush {
		return
	}
	for _, u := range b.Usage {
		t.batch.touch(u.Member, int64(u.Charge))
		t.batch.use(u.Member, u.Allowed)
	}
	t.batch.flushed(b.Number)
}

func compare3(a, b, c, d, e, f int64) int {
	switch {
	case a != b:
		return cmp64(a, b)
	case c != d:
		return cmp64(c, d)
	}
	return cmp64(e, f)
}

func cmp64(a, b int64) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

const downloadColumns = `member, torrent, metered_bytes, pass_metered_bytes, billed_bytes, max_left_bytes, min_left_bytes, cost_utok,
	cost_rem, charged_utok, reserved_utok, quote_utok_per_gib, quote_ms, first_quote_utok_per_gib, first_ms, completed_ms, seq, corroborated_bytes, introduced, reserved_free_bytes`

const sessionColumns = `member, torrent, peer_id, generation, uploaded_bytes, downloaded_bytes, left_bytes, stopped, seq, last_ms, addr,
	seeding_ms, flags, refused, paused, funded`

func (t *tx) flushSessions(rows []swarm.SessionRow) error {
	args := make([]any, 0, 16*len(rows))
	put := func() error {
		err := t.insertRows("INSERT INTO peer_sessions ("+sessionColumns+") VALUES ", 16, ` ON CONFLICT DO UPDATE SET
				generation = excluded.generation, uploaded_bytes = excluded.uploaded_bytes,
				downloaded_bytes = excluded.downloaded_bytes, left_bytes = excluded.left_bytes, stopped = excluded.stopped,
				seq = excluded.seq, last_ms = excluded.last_ms, addr = excluded.addr, seeding_ms = excluded.seeding_ms, flags = excluded.flags,
				refused = excluded.refused, paused = excluded.paused, funded = excluded.funded
			WHERE excluded.seq > seq`, args)
		args = args[:0]
		if err != nil {
			return fmt.Errorf("write peer sessions: %w", err)
		}
		return nil
	}
	for _, r := range rows {
		if !r.Forgotten {
			// Plain integers spare package sql a conversion by reflection each.
			args = append(args, int64(r.Member), int64(r.Torrent), r.PeerID[:], r.Generation, int64(r.Uploaded), int64(r.Downloaded), int64(r.Left),
				r.Stopped, r.Seq, r.LastMs, r.Addr.String(), r.SeedingMs, r.Flags, r.Refused, r.Paused, r.Funded)
			continue
		}
		if err := put(); err != nil { // the row may be among them
			return err
		}
		if err := t.execMany("DELETE FROM peer_sessions WHERE member = ? AND torrent = ? AND peer_id = ?", r.Member, r.Torrent, r.PeerID[:]); err != nil {
			return fmt.Errorf("forget peer session: %w", err)
		}
	}
	return put()
}

func (t *tx) flushDownloads(rows []swarm.DownloadRow) error {
	for _, r := range rows {
		err := t.execMany("INSERT INTO downloads ("+downloadColumns+`)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET metered_bytes = excluded.metered_bytes, pass_metered_bytes = excluded.pass_metered_bytes, billed_bytes = excluded.billed_bytes,
				max_left_bytes = excluded.max_left_bytes, min_left_bytes = excluded.min_left_bytes,
				cost_utok = excluded.cost_utok, cost_rem = excluded.cost_rem, charged_utok = excluded.charged_utok,
				reserved_utok = excluded.reserved_utok, quote_utok_per_gib = excluded.quote_utok_per_gib,
				quote_ms = excluded.quote_ms, first_quote_utok_per_gib = excluded.first_quote_utok_per_gib, first_ms = excluded.first_ms, completed_ms = excluded.completed_ms, seq = excluded.seq,
				corroborated_bytes = excluded.corroborated_bytes, introduced = excluded.introduced, reserved_free_bytes = excluded.reserved_free_bytes
			WHERE excluded.seq > seq`,
			r.Member, r.Torrent, r.Metered, r.PassMetered, r.Billed, r.MaxLeft, r.MinLeft, r.Cost, r.CostRem, r.Charged, r.Reserved,
			r.Quote, r.QuoteMs, r.FirstQuote, r.FirstMs, r.Completed, r.Seq, r.Corroborated, r.Introduced.Bytes(), r.ReservedFree)
		if err != nil {
			return fmt.Errorf("write download: %w", err)
		}
	}
	return nil
}

// flushUsage takes each row's charge and adds what was really paid to the epoch's usage.
func (t *tx) flushUsage(b *swarm.Batch) error {
	t.batch.flushed(b.Number)
	for i := 0; i < len(b.Usage); {
		j := i
		for j < len(b.Usage) && b.Usage[j].Member == b.Usage[i].Member && b.Usage[j].Epoch == b.Usage[i].Epoch {
			j++
		}
		if err := t.chargeMember(b.Number, b.Usage[i:j]); err != nil {
			return err
		}
		i = j
	}
	return nil
}

// chargeMember charges one member's rows of one epoch: at most two transfers of tokens and one of allowance.
func (t *tx) chargeMember(flush int64, rows []swarm.UsageRow) error {
	m, epoch := rows[0].Member, rows[0].Epoch
	avail, err := t.balance(tokens.Token, tokens.Available(m))
	if err != nil {
		return err
	}
	staked, err := t.balance(tokens.Token, tokens.Staked(m))
	if err != nil {
		return err
	}
	var due, fromAvail, fromStake tokens.Amount
	for _, r := range rows {
		a := min(r.Charge, avail-fromAvail)
		st := min(r.Charge-a, staked-fromStake)
		due, fromAvail, fromStake = due+r.Charge, fromAvail+a, fromStake+st
		if err := t.addUsage(r, a+st); err != nil {
			return err
		}
	}
	if due > fromAvail {
		if err := t.tellLow(m, rows[0].Torrent, due-fromAvail); err != nil {
			return err
		}
	}
	t.batch.touch(m, int64(due))
	if err := t.spendAllowance(flush, m, epoch, rows); err != nil {
		return err
	}
	id := fmt.Sprintf("charge/%d/%d/%d", flush, m, epoch)
	return errors.Join(
		t.charge(id, tokens.Available(m), epoch, fromAvail, flush),
		t.charge(id+"/stake", tokens.Staked(m), epoch, fromStake, flush))
}

func (t *tx) charge(id string, from tokens.Account, epoch int64, a tokens.Amount, flush int64) error {
	if a == 0 {
		return nil
	}
	return t.post(tokens.Transfer{ID: id, Asset: tokens.Token, From: from, To: tokens.Pot(epoch), Amount: a,
		Code: tokens.CodeCharge, Ref: fmt.Sprintf("flush/%d", flush)})
}

// maxUsage bounds each figure of a usage row: the largest torrent there is. No line carries that in an
// epoch; a client may say it over and over, and sums over a settlement's rows must not overflow.
const maxUsage = 1 << 50

// addUsage adds a row to the epoch's usage. Bytes whose charge was written off are admitted, but paid
// by nobody: they take nobody's claims from bytes that were, and prove nothing.
func (t *tx) addUsage(r swarm.UsageRow, paid tokens.Amount) error {
	if paid < r.Charge {
		whole := r.Billed
		r.Billed = bt.Bytes(tokens.MulDivUp(int64(whole), int64(paid), int64(r.Charge)))
		r.Free += whole - r.Billed
	}
	network := ""
	if r.Network.IsValid() {
		network = r.Network.String()
	}
	err := t.execMany(`INSERT INTO usage (epoch, torrent, member, billed_bytes, charged_utok, unpaid_utok, claimed_bytes, free_bytes, from_ms, to_ms, network)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET billed_bytes = min(billed_bytes + excluded.billed_bytes, 1 << 50), charged_utok = charged_utok + excluded.charged_utok,
			unpaid_utok = unpaid_utok + excluded.unpaid_utok, claimed_bytes = min(claimed_bytes + excluded.claimed_bytes, 1 << 50),
			free_bytes = min(free_bytes + excluded.free_bytes, 1 << 50), -- maxUsage
			from_ms = iif(from_ms = 0 OR excluded.from_ms = 0, max(from_ms, excluded.from_ms), min(from_ms, excluded.from_ms)), to_ms = max(to_ms, excluded.to_ms),
			network = iif(excluded.network = '', network, excluded.network)`,
		r.Epoch, r.Torrent, r.Member, min(r.Billed, maxUsage), paid, r.Charge-paid, min(r.Claimed, maxUsage), min(r.Allowed+r.Free, maxUsage), r.FromMs, r.ToMs, network)
	if err != nil {
		return fmt.Errorf("write usage: %w", err)
	}
	return nil
}

func (t *tx) flushPositions(rows []swarm.ShardPosition) error {
	for _, r := range rows {
		err := t.exec("INSERT INTO meter_shards (shard, position) VALUES (?, ?) ON CONFLICT DO UPDATE SET position = excluded.position", r.Shard, r.Position)
		if err != nil {
			return fmt.Errorf("write the journal's position: %w", err)
		}
	}
	return nil
}

// Meter reads back what the meter had flushed, less sessions that were silent for longer than keep,
// which it deletes.
func (s *Store) Meter(ctx context.Context, keep time.Duration) (m swarm.Stored, err error) {
	err = s.write(ctx, func(t *tx) error {
		return t.exec("DELETE FROM peer_sessions WHERE last_ms < ?", t.nowMs()-keep.Milliseconds())
	})
	if err != nil {
		return m, fmt.Errorf("forget old peer sessions: %w", err)
	}
	m.Sessions, err = scan(ctx, s.r, readSession, "SELECT "+sessionColumns+" FROM peer_sessions")
	if err != nil {
		return m, fmt.Errorf("read peer sessions: %w", err)
	}
	if m.Downloads, err = scan(ctx, s.r, readDownload, "SELECT "+downloadColumns+" FROM downloads"); err != nil {
		return m, fmt.Errorf("read downloads: %w", err)
	}
	positions, err := scan(ctx, s.r, func(r *sql.Rows) (p swarm.ShardPosition, err error) { return p, r.Scan(&p.Shard, &p.Position) },
		"SELECT shard, position FROM meter_shards")
	if err != nil {
		return m, fmt.Errorf("read the journal's positions: %w", err)
	}
	m.Positions = make(map[int]int64, len(positions))
	for _, p := range positions {
		m.Positions[p.Shard] = p.Position
	}
	m.Batch, err = lastFlush(ctx, s.r)
	return m, err
}

func lastFlush(ctx context.Context, db *sql.DB) (n int64, err error) {
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM facts WHERE name = ?", factFlush).Scan(&n)
	return n, err
}

// loadTold: whoever opens the store reads the balances after the last flush.
func (s *Store) loadTold(ctx context.Context) (err error) {
	if s.told, err = lastFlush(ctx, s.w); err != nil {
		return fmt.Errorf("read the last flush: %w", err)
	}
	return nil
}

func readSession(r *sql.Rows) (s swarm.SessionRow, err error) {
	var peer []byte
	var addr string
	err = r.Scan(&s.Member, &s.Torrent, &peer, &s.Generation, &s.Uploaded, &s.Downloaded, &s.Left, &s.Stopped, &s.Seq,
		&s.LastMs, &addr, &s.SeedingMs, &s.Flags, &s.Refused, &s.Paused, &s.Funded)
	copy(s.PeerID[:], peer)
	s.Addr = parseAddr(addr)
	return s, err
}

func readDownload(r *sql.Rows) (d swarm.DownloadRow, err error) {
	var introduced []byte
	err = r.Scan(&d.Member, &d.Torrent, &d.Metered, &d.PassMetered, &d.Billed, &d.MaxLeft, &d.MinLeft, &d.Cost, &d.CostRem, &d.Charged,
		&d.Reserved, &d.Quote, &d.QuoteMs, &d.FirstQuote, &d.FirstMs, &d.Completed, &d.Seq, &d.Corroborated, &introduced, &d.ReservedFree)
	d.Introduced = swarm.ParseIntroSet(introduced)
	return d, err
}

// parseAddr and parsePrefix read what the store itself wrote; the zero value stands for "none".
func parseAddr(s string) netip.AddrPort {
	a, _ := netip.ParseAddrPort(s)
	return a
}

func parsePrefix(s string) netip.Prefix {
	p, _ := netip.ParsePrefix(s)
	return p
}

func (t *tx) factInt(name string) (int64, error) {
	var v string
	switch err := t.row("SELECT value FROM facts WHERE name = ?", name).Scan(&v); {
	case errors.Is(err, sql.ErrNoRows):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("read fact %s: %w", name, err)
	}
	return strconv.ParseInt(v, 10, 64)
}

func (t *tx) setFact(name, value string) error {
	return t.exec("INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", name, value)
}

// Download returns the meter's flushed row of a download.
func (s *Store) Download(ctx context.Context, m bt.MemberID, t bt.TorrentID) (swarm.DownloadRow, error) {
	rows, err := scan(ctx, s.r, readDownload, "SELECT "+downloadColumns+" FROM downloads WHERE member = ? AND torrent = ?", m, t)
	if err != nil || len(rows) == 0 {
		return swarm.DownloadRow{}, errors.Join(err, ErrNotFound)
	}
	return rows[0], nil
}
